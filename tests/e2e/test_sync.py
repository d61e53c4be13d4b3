"""A real channel kept as an index, and that index kept as a channel; real clients install from both."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import rattler

from bridge.channel.convert import convert
from bridge.formats.wheel.compression import Compression
from bridge.model.plan import Layout
from bridge.sync.engine import Processes
from tests.e2e.conftest import CORPUS, Run, pip_install, served, uv_install
from tests.support.conda_clients import installed
from tests.support.sync_samples import check_pages, run, tree

MACHINE = {"__glibc": "2.35", "__linux": "6.0", "__unix": "0"}
#: packages that have no files and no wheel.
MARKERS = {"_libgcc_mutex", "_openmp_mutex", "python_abi", "python"}
LOADED = """
import libmambapy, cffi, zstandard
assert zstandard.decompress(zstandard.compress(b"x" * 1000)) == b"x" * 1000
"""


@pytest.fixture(scope="module")
def index(miniforge: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The channel as an index."""
    out = tmp_path_factory.mktemp("sync") / "index"
    report = run(miniforge, out, engine=Processes(2))
    refused = {item.key.partition("/")[2].rpartition("-")[0].rpartition("-")[0]: item.code for item in report.items}
    assert {name for name, code in refused.items() if code is not None} == MARKERS
    assert report.summary["converted"] == 80
    return out


@pytest.fixture(scope="module")
def channel(index: Path) -> Path:
    """The index as a channel."""
    out = index.with_name("channel")
    report = run(index, out, engine=Processes(2))
    assert report.summary == {**dict.fromkeys(report.summary, 0), "converted": 80}
    return out


@pytest.mark.corpus
@pytest.mark.parametrize("installer", ["pip", "uv"])
def test_installers_take_the_index(
    installer: str, index: Path, new_venv: Callable[[str], Path], run: Run, uv: str
) -> None:
    assert check_pages(index) == 80
    python = new_venv("environment")
    projects = ["libmambapy", "cffi", "zstandard"]
    with served(index) as address:
        if installer == "pip":
            run(*pip_install(python, address, *projects))
        else:
            run(*uv_install(uv, python, address, *projects))
    run(python, "-c", LOADED)


@pytest.mark.corpus
def test_rattler_takes_the_channel_and_its_packages_run(channel: Path, miniforge: Path, tmp_path: Path) -> None:
    assert check_pages(channel) == 80
    packages = [
        rattler.GenericVirtualPackage(rattler.PackageName(name), rattler.Version(version), rattler.BuildString("0"))
        for name, version in MACHINE.items()
    ]

    async def solve(*specs: str) -> list[rattler.RepoDataRecord]:
        return await rattler.solve(
            # Strict priority: only what the first does not have comes from the second.
            [rattler.Channel(channel.as_uri()), rattler.Channel(miniforge.as_uri())],
            [rattler.MatchSpec(spec) for spec in specs],
            gateway=rattler.Gateway(cache_dir=tmp_path / "repodata"),
            platforms=["linux-64", "noarch"],
            virtual_packages=packages,
        )

    whole = asyncio.run(solve("libmambapy", "conda", "mamba"))
    assert len(whole) > 60
    assert {r.name.normalized for r in whole if not r.url.startswith(channel.as_uri())} == MARKERS
    some = asyncio.run(solve("openssl", "libmamba"))
    prefix = tmp_path / "prefix"
    installed(some, prefix, subdir="linux-64", cache=tmp_path / "packages")
    version = subprocess.run([prefix / "bin" / "openssl", "version"], capture_output=True, text=True, check=True)
    assert version.stdout.startswith("OpenSSL 3.4.0")


@pytest.mark.corpus
def test_the_channel_says_what_the_original_said(channel: Path, miniforge: Path) -> None:
    """Hotfixes included: the restored package is as its builder made it, and its record is as the channel mended it."""
    keys = ("name", "version", "build", "build_number", "depends", "constrains", "subdir", "timestamp")
    for subdir in ("linux-64", "noarch"):
        ours, theirs = _records(channel / subdir), _records(miniforge / subdir)
        for stem, record in ours.items():
            original = theirs[stem]
            assert {key: record.get(key) or None for key in keys} == {key: original.get(key) or None for key in keys}


def _records(directory: Path) -> dict[str, dict[str, object]]:
    document = json.loads((directory / "repodata.json").read_bytes())
    return {
        name.removesuffix(".conda").removesuffix(".tar.bz2"): record
        for section in ("packages", "packages.conda")
        for name, record in document[section].items()
    }


@pytest.mark.corpus
def test_nothing_is_done_twice_and_a_mapping_touches_only_what_asks_for_it(
    index: Path, miniforge: Path, tmp_path: Path
) -> None:
    before = tree(index)
    again = run(miniforge, index)
    assert again.attempted == ()
    assert again.changes.written == ()
    overlay = tmp_path / "names.yaml"
    overlay.write_text("python:\n  pycparser: pycparser-of-ours\n")
    report = run(miniforge, index, overlays=(overlay,))
    # cffi is the only package that requires it.
    assert [(unit.name, unit.because) for unit in report.converted] == [
        ("release cffi 1.17.1", ("name pycparser",)),
        ("release pycparser-of-ours 2.22", ()),
    ]
    changed = {path for path, digest in tree(index).items() if before.get(path) != digest}
    assert all("/cffi" in path or "/pycparser" in path for path in changed)
    run(miniforge, index)
    assert tree(index) == before


@pytest.mark.corpus
def test_the_whole_corpus_ends_as_convert_ends_it(tmp_path: Path) -> None:
    source = CORPUS / "conda"
    if not source.is_dir():
        pytest.skip("the corpus is not beside the checkout")
    report = run(source, tmp_path / "out", engine=Processes(2), compression=Compression.STORED)
    converted = convert([source], tmp_path / "wheels", layout=Layout.SHARED, jobs=2, compression=Compression.STORED)
    assert len(report.items) == len(converted.outcomes) == 680
    assert report.summary == converted.summary
    found = {item.key: item for item in report.items}
    for outcome in converted.outcomes:
        item = found[Path(outcome.input).relative_to(source).as_posix()]
        code = None if outcome.code is None else outcome.code.number
        assert (item.status, item.code) == (outcome.status, code)
        assert [product.sha256 for product in item.products] == [output.sha256 for output in outcome.outputs]
    assert check_pages(tmp_path / "out") > 280
    again = run(source, tmp_path / "out", engine=Processes(2), compression=Compression.STORED)
    assert again.attempted == ()
