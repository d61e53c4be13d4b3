"""What `CondaWriter` makes, in the hands of conda-package-handling and rattler."""

from __future__ import annotations

import asyncio
import json
import os
import stat
from typing import TYPE_CHECKING, Any

import conda_package_handling.api
import conda_package_handling.validate
import pytest
import rattler
import rattler.index
from package_samples import INDEX, TREE, Content, Directory, File, Link, mixed, write
from rattler.package_streaming import PackageArchive, extract

from bridge.formats.conda.artifact import open_artifact
from bridge.model.conda import FileMode

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CONDA = "demo-1.0-h1_0.conda"
TAR_BZ2 = "demo-1.0-h1_0.tar.bz2"
#: binaries can be installed into any prefix that is not longer.
LONGEST_PREFIX = "/opt/" + "placehold_" * 25
BOTH = pytest.mark.parametrize("filename", [CONDA, TAR_BZ2])

NOARCH: dict[str, Any] = {
    "name": "demo",
    "version": "1.0",
    "build": "h1_0",
    "build_number": 0,
    "depends": [],
    "noarch": "generic",
    "subdir": "noarch",
    "timestamp": 1_700_000_000_000,
}


def check_tree(root: Path) -> None:
    """Compare an unpacked package with `TREE`."""
    for path, content in TREE.items():
        if isinstance(content, Link):
            assert os.readlink(root / path) == content.target  # noqa: PTH115 - the text, not a path
        elif isinstance(content, Directory):
            assert list((root / path).iterdir()) == []
        else:
            assert (root / path).read_bytes() == content.data
            assert stat.S_IMODE((root / path).lstat().st_mode) == content.mode


@BOTH
def test_conda_package_handling_extracts_it(tmp_path: Path, filename: str) -> None:
    write(tmp_path / filename, TREE)
    conda_package_handling.api.extract(str(tmp_path / filename), str(tmp_path / "tree"))
    check_tree(tmp_path / "tree")


@BOTH
def test_rattler_extracts_it(tmp_path: Path, filename: str) -> None:
    digest = write(tmp_path / filename, TREE)
    sha256, _ = extract(tmp_path / filename, tmp_path / "tree")
    check_tree(tmp_path / "tree")
    assert sha256.hex() == digest.sha256


def test_both_formats_hold_the_same_for_conda_package_handling(tmp_path: Path) -> None:
    for filename in (CONDA, TAR_BZ2):
        write(tmp_path / filename, TREE, info={"info/licenses/LICENSE": b"free"})
    source, missing, different = conda_package_handling.validate.validate_converted_files_match_streaming(
        tmp_path / TAR_BZ2, tmp_path / CONDA
    )
    assert source == tmp_path / TAR_BZ2
    assert not missing
    assert not different


@BOTH
def test_conda_package_handling_transmutes_it(tmp_path: Path, filename: str) -> None:
    write(tmp_path / filename, TREE)
    (tmp_path / "out").mkdir()
    other = ".tar.bz2" if filename == CONDA else ".conda"
    conda_package_handling.api.transmute(str(tmp_path / filename), other, out_folder=str(tmp_path / "out"))
    with (
        open_artifact(tmp_path / filename) as ours,
        open_artifact(tmp_path / "out" / f"demo-1.0-h1_0{other}") as theirs,
    ):
        assert theirs.metadata() == ours.metadata()


@BOTH
def test_rattler_reads_the_metadata(tmp_path: Path, filename: str) -> None:
    digest = write(tmp_path / filename, TREE, run_exports={"weak": ["demo >=1"]})
    path = tmp_path / filename
    index = rattler.IndexJson.from_package_archive(path)
    assert (index.name.normalized, str(index.version), str(index.build)) == ("demo", "1.0", "h1_0")
    assert index.depends == INDEX["depends"]
    with open_artifact(path) as artifact:
        entries = artifact.metadata().paths
    paths = rattler.PathsJson.from_package_archive(path).paths
    assert [str(entry.relative_path) for entry in paths] == [entry.path for entry in entries]
    assert [entry.sha256.hex() for entry in paths] == [entry.sha256 for entry in entries]
    # py-rattler gives None for an empty file.
    assert [entry.size_in_bytes or 0 for entry in paths] == [entry.size for entry in entries]
    assert [entry.no_link for entry in paths] == [entry.no_link for entry in entries]
    assert rattler.RunExportsJson.from_package_archive(path).weak == ["demo >=1"]
    record = asyncio.run(_record(path))
    assert record.sha256 is not None
    assert (record.sha256.hex(), record.size) == (digest.sha256, digest.size)


@BOTH
def test_rattler_streams_the_members(tmp_path: Path, filename: str) -> None:
    write(tmp_path / filename, TREE)
    asyncio.run(_stream(tmp_path / filename))


def test_a_large_payload_is_read_by_others_too(tmp_path: Path) -> None:
    data = mixed(20_000_000)
    write(tmp_path / CONDA, {"a": File(data)}, level=1)
    conda_package_handling.api.extract(str(tmp_path / CONDA), str(tmp_path / "one"))
    extract(tmp_path / CONDA, tmp_path / "two")
    assert (tmp_path / "one" / "a").read_bytes() == (tmp_path / "two" / "a").read_bytes() == data


@pytest.mark.e2e
@BOTH
def test_rattler_indexes_solves_and_installs_it(tmp_path: Path, filename: str) -> None:
    tree: Mapping[str, Content] = {
        "bin/tool": File(f"#!/bin/sh\necho {LONGEST_PREFIX}\n".encode(), 0o755, LONGEST_PREFIX, FileMode.TEXT),
        "bin/again": Link("tool"),
        "share/ünïcode.txt": File("naïve".encode()),
        "share/data.bin": File(LONGEST_PREFIX.encode() + b"/x\x00tail", 0o644, LONGEST_PREFIX, FileMode.BINARY),
        "share/copied": File(b"c", no_link=True),
        "share/nothing": Directory(),
    }
    channel = tmp_path / "channel"
    (channel / "noarch").mkdir(parents=True)
    digest = write(channel / "noarch" / filename, tree, index=NOARCH)
    prefix = tmp_path / "p"
    asyncio.run(_install(channel, prefix, tmp_path))

    section = "packages.conda" if filename == CONDA else "packages"
    record = json.loads((channel / "noarch" / "repodata.json").read_text())[section][filename]
    assert (record["sha256"], record["size"]) == (digest.sha256, digest.size)
    assert (prefix / "bin" / "tool").read_text() == f"#!/bin/sh\necho {prefix}\n"
    assert os.access(prefix / "bin" / "tool", os.X_OK)
    assert os.readlink(prefix / "bin" / "again") == "tool"  # noqa: PTH115 - the text, not a path
    assert (prefix / "share" / "ünïcode.txt").read_text(encoding="utf-8") == "naïve"
    data = (prefix / "share" / "data.bin").read_bytes()
    assert data == (str(prefix).encode() + b"/x").ljust(len(LONGEST_PREFIX) + 2, b"\x00") + b"\x00tail"
    assert (prefix / "conda-meta" / "demo-1.0-h1_0.json").exists()


@pytest.mark.e2e
def test_rattler_installs_noarch_python(tmp_path: Path) -> None:
    channel = tmp_path / "channel"
    (channel / "linux-64").mkdir(parents=True)
    (channel / "noarch").mkdir()
    write(
        channel / "linux-64" / "python-3.12.0-0.conda",
        {"bin/python3.12": File(b"", 0o755), "bin/python": Link("python3.12")},
        index=INDEX | {"name": "python", "version": "3.12.0", "build": "0", "depends": []},
    )
    link = {"package_metadata_version": 1, "noarch": {"type": "python", "entry_points": ["demo-run = demo:main"]}}
    write(
        channel / "noarch" / CONDA,
        {
            "site-packages/demo.py": File(b"def main(): pass\n"),
            "python-scripts/demo-script": File(b"#!/bin/sh\n", 0o755),
        },
        index=NOARCH | {"noarch": "python", "depends": ["python >=3.9"]},
        link=link,
    )
    prefix = tmp_path / "p"
    asyncio.run(_install(channel, prefix, tmp_path))
    assert (prefix / "lib" / "python3.12" / "site-packages" / "demo.py").read_bytes() == b"def main(): pass\n"
    assert "from demo import main" in (prefix / "bin" / "demo-run").read_text()
    assert (prefix / "bin" / "demo-script").exists()


async def _install(channel: Path, prefix: Path, scratch: Path) -> None:
    await rattler.index.index_fs(channel)
    gateway = rattler.Gateway(cache_dir=scratch / "repodata")
    specs = [rattler.MatchSpec("demo")]
    records = await rattler.solve([channel.as_uri()], specs, gateway, platforms=["linux-64", "noarch"])
    await rattler.install(
        records, prefix, cache_dir=scratch / "packages", platform=rattler.Subdir("linux-64"), show_progress=False
    )


async def _stream(path: Path) -> None:
    package = await PackageArchive.from_path(path)
    assert {name for name, content in TREE.items() if not isinstance(content, Directory)} <= set(
        await package.list_files("pkg")
    )
    files = {name: content.data for name, content in TREE.items() if isinstance(content, File)}
    assert await package.read_files(files) == files
    assert (await package.about_json()).summary == "schön"


async def _record(path: Path) -> rattler.RepoDataRecord:
    return await rattler.RepoDataRecord.from_package_archive(path)
