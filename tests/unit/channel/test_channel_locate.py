"""The files behind records, and the distribution names that packages state."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest

from bridge.channel.locate import dist_name, fetch, local_path
from bridge.channel.repodata import Channel, open_channel
from bridge.errors import Code, InvalidInput
from bridge.model.conda import CondaName

from .conftest import Server, document, record, write_channel, write_conda

if TYPE_CHECKING:
    from pathlib import Path

SITE = "lib/python3.12/site-packages"


def channel_of(tmp_path: Path, *packages: tuple[dict[str, Any], list[str]]) -> Channel:
    """A local channel whose packages hold empty files at these paths."""
    for index, paths in packages:
        name = f"{index['name']}-{index['version']}-{index['build']}.conda"
        write_conda(tmp_path / index["subdir"] / name, index, dict.fromkeys(paths, b""))
    by_subdir = {
        subdir: document(*(index for index, _ in packages if index["subdir"] == subdir), subdir=subdir)
        for subdir in ("linux-64", "noarch")
    }
    for subdir, content in by_subdir.items():
        write_channel(tmp_path / "x" / subdir, {subdir: content})
        (tmp_path / subdir).mkdir(exist_ok=True)
        (tmp_path / "x" / subdir / subdir / "repodata.json").rename(tmp_path / subdir / "repodata.json")
    return open_channel(tmp_path, subdirs=["linux-64"])


@pytest.mark.parametrize(
    ("version", "paths", "expected"),
    [
        ("1.0", [f"{SITE}/Brotli-1.0.dist-info/METADATA"], "brotli"),
        ("1.0", [f"{SITE}/brotli-1.0-py3.12.egg-info"], "brotli"),
        ("1.0", [f"{SITE}/brotli-1.0-py3.12.egg-info/PKG-INFO"], "brotli"),
        ("1.0", ["site-packages/ruamel.yaml-1.0.0.dist-info/METADATA"], "ruamel-yaml"),
        ("1.0", ["Lib/site-packages/Brotli-1.0.dist-info/METADATA"], "brotli"),
        ("1.0", [f"{SITE}/Brotli-1.1.dist-info/METADATA"], None),
        ("1.0", [f"{SITE}/a/_vendor/Brotli-1.0.dist-info/METADATA"], None),
        ("1.0", [f"{SITE}/x-1.0.dist-info/METADATA", f"{SITE}/y-1.0.dist-info/METADATA"], None),
        (
            "1.0",
            [f"{SITE}/x-1.0.dist-info/METADATA", f"{SITE}/brotli_python-1.0.dist-info/METADATA"],
            "brotli-python",
        ),
        ("1.0", [f"{SITE}/Brotli-1.0.dist-info/RECORD", "lib/libbrotli.so"], None),
        ("1.0", [], None),
    ],
)
def test_a_distribution_is_told_by_the_top_level_metadata_of_the_same_version(
    tmp_path: Path, version: str, paths: list[str], expected: str | None
) -> None:
    # Only noarch python has site-packages at its root (CEP 20).
    more = {"noarch": "python"} if any(path.startswith("site-packages/") for path in paths) else {}
    channel = channel_of(tmp_path, (record("brotli-python", version, **more), paths))
    assert dist_name(channel, CondaName("brotli-python")) == expected


def test_the_newest_package_that_is_there_answers(tmp_path: Path) -> None:
    old = record("a", "1.0", timestamp=1_600_000_000_000)
    new = record("a", "2.0", timestamp=1_700_000_000_000)
    channel = channel_of(
        tmp_path, (old, [f"{SITE}/old-1.0.dist-info/METADATA"]), (new, [f"{SITE}/new-2.0.dist-info/METADATA"])
    )
    assert dist_name(channel, CondaName("a")) == "new"
    assert dist_name(channel, CondaName("b")) is None
    (tmp_path / "linux-64" / "a-2.0-0.conda").unlink()
    assert dist_name(open_channel(tmp_path, subdirs=["linux-64"]), CondaName("a")) == "old"


def test_a_damaged_package_states_nothing(tmp_path: Path) -> None:
    channel = channel_of(tmp_path, (record("a"), [f"{SITE}/a-1.0.dist-info/METADATA"]))
    (tmp_path / "linux-64" / "a-1.0-0.conda").write_bytes(b"damaged")
    assert dist_name(channel, CondaName("a")) is None


def test_a_local_file_is_used_where_it_lies(tmp_path: Path) -> None:
    channel = channel_of(tmp_path, (record("a"), []))
    [found] = channel.records("a")
    path = tmp_path / "linux-64" / "a-1.0-0.conda"
    assert local_path(found) == path
    assert fetch(found, tmp_path / "cache") == path
    path.unlink()
    assert local_path(found) == path
    with pytest.raises(InvalidInput) as caught:
        fetch(found, tmp_path / "cache")
    assert caught.value.code is Code.SOURCE


def test_files_of_one_name_from_two_channels_are_kept_apart(tmp_path: Path, server: Server) -> None:
    records = []
    for name in ("one", "two"):
        body = name.encode()
        stated = document(record("a", sha256=hashlib.sha256(body).hexdigest(), size=len(body)))
        write_channel(tmp_path / name, {"linux-64": stated})
        repodata = (tmp_path / name / "linux-64" / "repodata.json").read_bytes()
        server.answers[f"/{name}/linux-64/repodata.json"] = (200, {}, repodata)
        server.answers[f"/{name}/linux-64/a-1.0-0.conda"] = (200, {}, body)
        records += open_channel(server.url(f"/{name}"), subdirs=["linux-64"]).records("a")
    assert [local_path(found) for found in records] == [None, None]
    fetched = [fetch(found, tmp_path / "cache") for found in records]
    assert [path.read_bytes() for path in fetched] == [b"one", b"two"]
    assert {path.name for path in fetched} == {"a-1.0-0.conda"}


def test_other_bytes_than_the_record_says_are_refused(tmp_path: Path, server: Server) -> None:
    write_channel(tmp_path / "c", {"linux-64": document(record("a"))})
    server.answers["/linux-64/repodata.json"] = (
        200,
        {},
        (tmp_path / "c/linux-64/repodata.json").read_bytes(),
    )
    server.answers["/linux-64/a-1.0-0.conda"] = (200, {}, b"other")
    [found] = open_channel(server.url(""), subdirs=["linux-64"]).records("a")
    with pytest.raises(InvalidInput) as caught:
        fetch(found, tmp_path / "cache")
    assert caught.value.code is Code.HASH
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


@pytest.mark.corpus
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("brotli-python", "brotli"),
        ("ruamel.yaml", "ruamel-yaml"),
        ("libmambapy", "libmambapy"),
        ("pysocks", "pysocks"),
        ("setuptools", "setuptools"),
        ("openssl", None),
        ("python", None),
    ],
)
def test_real_packages_say_which_distribution_they_are(miniforge: Path, name: str, expected: str | None) -> None:
    assert dist_name(open_channel(miniforge, subdirs=["linux-64"]), CondaName(name)) == expected
