"""The index files of a conda channel: what they say, that they are safe to replace, and what is kept of older ones."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zstandard

from bridge.channel import conda_index, index_files
from bridge.channel.conda_index import ChannelReport, write_conda_index
from bridge.errors import Code, Unsupported
from bridge.mapping.tables import load_tables
from tests.support.conda_archives import make_conda

FILES = (
    "repodata.json",
    "repodata.json.zst",
    "repodata_shards.msgpack.zst",
    "run_exports.json",
    "run_exports.json.zst",
)


def index(directory: Path, **options: Any) -> ChannelReport:
    report = write_conda_index(directory, (), load_tables(), **options)
    assert report is not None
    return report


def add(directory: Path, name: str = "demo", *, subdir: str = "noarch", info: Any = None, **more: Any) -> Path:
    """A package in its platform directory; `more` goes into index.json."""
    place = directory / subdir
    place.mkdir(parents=True, exist_ok=True)
    noarch = {"noarch": "generic"} if subdir == "noarch" else {}
    form = more.pop("format", ".conda")
    return make_conda(place, name=name, subdir=subdir, info=info, index={**noarch, **more}, format=form)


def repodata(directory: Path, subdir: str = "noarch") -> Any:
    return json.loads((directory / subdir / "repodata.json").read_bytes())


def expand(path: Path) -> bytes:
    return zstandard.ZstdDecompressor().decompress(path.read_bytes())


def shards(directory: Path, subdir: str = "noarch") -> tuple[Any, dict[str, Any]]:
    """The index of the shards, and the shards by package name, each under the digest that names it."""
    head = msgspec.msgpack.decode(expand(directory / subdir / "repodata_shards.msgpack.zst"))
    found = {}
    for name, digest in head["shards"].items():
        path = directory / subdir / head["info"]["shards_base_url"] / f"{digest.hex()}.msgpack.zst"
        assert hashlib.sha256(path.read_bytes()).digest() == digest
        found[name] = msgspec.msgpack.decode(expand(path))
    return head, found


def snapshot(directory: Path) -> dict[str, tuple[bytes, int]]:
    files = (path for path in sorted(directory.rglob("*")) if path.is_file())
    return {str(path.relative_to(directory)): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def contents(directory: Path) -> dict[str, bytes]:
    return {path: data for path, (data, _) in snapshot(directory).items()}


def codes(report: ChannelReport) -> dict[str, Code]:
    return {path: error.code for path, error in report.rejected}


def test_a_directory_without_packages_is_no_channel(tmp_path: Path) -> None:
    (tmp_path / "noarch").mkdir()
    (tmp_path / "noarch" / "repodata.json").write_text("{}")
    (tmp_path / "linux-64").mkdir()
    (tmp_path / "old-sources").mkdir()
    (tmp_path / "old-sources" / "foo-1.0.tar.bz2").write_bytes(b"x")
    (tmp_path / "simple").mkdir()
    make_conda(tmp_path)
    before = snapshot(tmp_path)
    assert write_conda_index(tmp_path, (), load_tables()) is None
    assert snapshot(tmp_path) == before


def test_every_platform_directory_gets_its_files_and_noarch_always(tmp_path: Path) -> None:
    add(tmp_path, subdir="linux-64")
    add(tmp_path, subdir="win-64", format=".tar.bz2")
    report = index(tmp_path)
    assert [(one.subdir, one.packages) for one in report.subdirs] == [("linux-64", 1), ("noarch", 0), ("win-64", 1)]
    for subdir in ("linux-64", "noarch", "win-64"):
        assert all((tmp_path / subdir / name).is_file() for name in FILES)
        for name in ("repodata.json", "run_exports.json"):
            assert expand(tmp_path / subdir / f"{name}.zst") == (tmp_path / subdir / name).read_bytes()
    assert repodata(tmp_path) == {
        "info": {"subdir": "noarch"},
        "packages": {},
        "packages.conda": {},
        "removed": [],
        "repodata_version": 1,
    }


def test_a_record_is_index_json_with_digests_and_no_key_that_speaks_for_the_channel(tmp_path: Path) -> None:
    path = add(
        tmp_path,
        subdir="linux-64",
        depends=["python >=3.8", "foo 1.2.* py_0"],
        constrains=["bar >1"],
        timestamp=1700000000000,
        license="MIT",
        track_features="a b",
        purls=["pkg:pypi/demo"],
        arch=None,
        url="http://elsewhere/x.conda",
        sha256="0" * 64,
        fn="other.conda",
        channel="elsewhere",
    )
    index(tmp_path)
    data = path.read_bytes()
    assert repodata(tmp_path, "linux-64")["packages.conda"][path.name] == {
        "name": "demo",
        "version": "1.0",
        "build": "0",
        "build_number": 0,
        "subdir": "linux-64",
        "depends": ["python >=3.8", "foo 1.2.* py_0"],
        "constrains": ["bar >1"],
        "timestamp": 1700000000000,
        "license": "MIT",
        "track_features": "a b",
        "purls": ["pkg:pypi/demo"],
        "sha256": hashlib.sha256(data).hexdigest(),
        "md5": hashlib.md5(data).hexdigest(),
        "size": len(data),
    }


def test_both_archives_of_one_package_are_listed(tmp_path: Path) -> None:
    add(tmp_path)
    add(tmp_path, format=".tar.bz2")
    add(tmp_path, "later", flags=["cuda"])
    add(tmp_path, "later", flags=["cuda"], format=".tar.bz2")
    assert index(tmp_path).subdirs[0].packages == 4
    document = repodata(tmp_path)
    assert list(document["packages"]) == ["demo-1.0-0.tar.bz2"]
    assert list(document["packages.conda"]) == ["demo-1.0-0.conda"]
    assert {section: list(records) for section, records in document["v3"].items()} == {
        "conda": ["later-1.0-0"],
        "tar.bz2": ["later-1.0-0"],
    }


@pytest.mark.parametrize(
    "said",
    [
        {"schema_version": 3},
        {"repodata_revision": 3},
        {"flags": ["cuda", "blas:mkl"]},
        {"extra_depends": {"test": ["pytest >=7"]}},
        {"depends": ['foo[when="python >=3.10"]']},
        {"constrains": ["foo[extras=[a]]"]},
        {"depends": ["foo[flags=[cuda]]"]},
    ],
    ids=str,
)
def test_what_only_revision_3_can_say_stands_only_there(tmp_path: Path, said: dict[str, Any]) -> None:
    add(tmp_path, **said)
    add(tmp_path, "plain")
    add(tmp_path, "two", schema_version=2)
    report = index(tmp_path)
    assert (report.subdirs[0].packages, report.subdirs[0].later) == (3, 1)
    document = repodata(tmp_path)
    assert sorted(document["packages.conda"]) == ["plain-1.0-0.conda", "two-1.0-0.conda"]
    assert document["v3"]["conda"]["demo-1.0-0"]["schema_version"] == 3
    assert document["info"]["repodata_revisions"] == {"v3": {"n_packages": 1}}
    assert document["repodata_version"] == 1
    before = contents(tmp_path)
    index(tmp_path)
    assert contents(tmp_path) == before


def test_requirements_of_revision_3_are_bare_names_or_have_brackets(tmp_path: Path) -> None:
    add(
        tmp_path,
        depends=["python >=3.8,<4", "numpy 1.2.* py_0", "bar", 'foo >=1[when="python >=3.10"]', "baz=2"],
        constrains=["old <1"],
        extra_depends={"test": ['pytest 7[when="__unix"]']},
    )
    index(tmp_path)
    record = repodata(tmp_path)["v3"]["conda"]["demo-1.0-0"]
    assert record["depends"] == [
        'python[version=">=3.8,<4"]',
        'numpy[version="1.2.*",build="py_0"]',
        "bar",
        'foo[version=">=1",when="python>=3.10"]',
        'baz[version="2.*"]',
    ]
    assert record["constrains"] == ['old[version="<1"]']
    assert record["extra_depends"] == {"test": ['pytest[version="==7",when="__unix"]']}


def test_shards_say_the_same_as_repodata(tmp_path: Path) -> None:
    for name in ("a", "b"):
        add(tmp_path, name)
    add(tmp_path, "b", format=".tar.bz2")
    add(tmp_path, "b", build="1", flags=["x"]).rename(tmp_path / "noarch" / "b-1.0-1.conda").unlink()
    add(tmp_path, "c", flags=["x"])
    index(tmp_path)
    head, found = shards(tmp_path)
    document = repodata(tmp_path)
    assert head["version"] == 1
    assert head["info"] == {**document["info"], "base_url": "", "shards_base_url": "./shards/"}
    assert sorted(found) == ["a", "b", "c"]
    joined: dict[str, Any] = {"packages": {}, "packages.conda": {}, "v3": {"conda": {}}}
    for shard in found.values():
        assert shard["removed"] == []
        for section in ("packages", "packages.conda"):
            joined[section].update(shard[section])
        joined["v3"]["conda"].update(shard.get("v3", {}).get("conda", {}))
    for records in (joined["packages"], joined["packages.conda"], joined["v3"]["conda"]):
        for record in records.values():
            record.update({key: record[key].hex() for key in ("md5", "sha256")})
    assert joined == {key: document[key] for key in joined}


def test_run_exports_are_those_of_the_packages(tmp_path: Path) -> None:
    add(tmp_path, "none")
    add(tmp_path, "list", info={"info/run_exports.json": b' ["libfoo >=1,<2"]'})
    exports = {"strong": ["a"], "weak_constrains": ["b <2"], "noarch": [], "strange": 1}
    add(tmp_path, "dict", format=".tar.bz2", info={"info/run_exports.json": json.dumps(exports).encode()})
    when = {"schema_version": 2, "weak": ['a[when="python >=3.10"]']}
    add(tmp_path, "later", flags=["x"], info={"info/run_exports.json": json.dumps(when).encode()})
    add(tmp_path, "platform", subdir="linux-64")
    index(tmp_path)
    document = json.loads((tmp_path / "noarch" / "run_exports.json").read_bytes())
    assert (document["info"]["subdir"], document["info"]["version"]) == ("noarch", 1)
    assert document["packages"] == {
        "dict-1.0-0.tar.bz2": {"run_exports": {"strong": ["a"], "weak_constrains": ["b <2"]}}
    }
    assert document["packages.conda"] == {
        "none-1.0-0.conda": {"run_exports": {}},
        "list-1.0-0.conda": {"run_exports": {"weak": ["libfoo >=1,<2"]}},
        "later-1.0-0.conda": {"run_exports": when},
    }
    info = json.loads((tmp_path / "linux-64" / "run_exports.json").read_bytes())["info"]
    assert (info["platform"], info["arch"], info["subdir"]) == ("linux", "64", "linux-64")


def test_a_bad_package_is_left_out_with_its_reason_and_stops_nothing(tmp_path: Path) -> None:
    add(tmp_path, "good")
    noarch = tmp_path / "noarch"
    (noarch / "damaged-1.0-0.conda").write_bytes(b"not a zip")
    (noarch / "damaged-1.0-0.tar.bz2").write_bytes(b"not a tar")
    (noarch / "nodash.conda").write_bytes(b"")
    (noarch / "folder-1.0-0.conda").mkdir()
    (noarch / "dangling-1.0-0.conda").symlink_to("nowhere")
    add(tmp_path, "moved").rename(noarch / "other-1.0-0.conda")
    make_conda(noarch, name="misplaced", subdir="linux-64")
    add(tmp_path, "spec", depends=["???"])
    add(tmp_path, "exports", info={"info/run_exports.json": b'{"weak": 5}'})
    add(tmp_path, "exported", info={"info/run_exports.json": b'{"weak": ["???"]}'})
    add(tmp_path, "types", arch=5)
    add(tmp_path, "channelled", schema_version=3, depends=["elsewhere::foo"])
    add(tmp_path, "featured", flags=["x"], depends=["foo[track_features=a]"])
    report = index(tmp_path)
    assert list(repodata(tmp_path)["packages.conda"]) == ["good-1.0-0.conda"]
    assert "v3" not in repodata(tmp_path)
    found = {path.removeprefix("noarch/"): code for path, code in codes(report).items()}
    assert found == {
        "channelled-1.0-0.conda": Code.CHANNEL_RECORD,
        "damaged-1.0-0.conda": Code.UNREADABLE,
        "damaged-1.0-0.tar.bz2": Code.UNREADABLE,
        "dangling-1.0-0.conda": Code.UNREADABLE,
        "exported-1.0-0.conda": Code.BAD_SPEC,
        "exports-1.0-0.conda": Code.BAD_METADATA,
        "featured-1.0-0.conda": Code.CHANNEL_RECORD,
        "folder-1.0-0.conda": Code.UNREADABLE,
        "misplaced-1.0-0.conda": Code.IDENTITY,
        "nodash.conda": Code.BAD_IDENTIFIER,
        "other-1.0-0.conda": Code.INNER_STEM,
        "spec-1.0-0.conda": Code.BAD_SPEC,
        "types-1.0-0.conda": Code.BAD_METADATA,
    }


@pytest.mark.parametrize(
    "said", [{"timestamp": 2**62}, {"purls": ["nonsense"]}, {"noarch": True, "timestamp": 2**63 - 1}]
)
def test_a_record_that_would_make_the_channel_unreadable_is_left_out(tmp_path: Path, said: dict[str, Any]) -> None:
    add(tmp_path, "bad", **said)
    add(tmp_path, "worse", flags=["x"], **said)
    add(tmp_path, "good")
    report = index(tmp_path)
    expected = {f"noarch/{name}-1.0-0.conda": Code.CHANNEL_RECORD for name in ("bad", "worse")}
    assert codes(report) == expected
    assert "cannot read its record" in str(report.rejected[0][1])
    assert " line " not in str(report.rejected[0][1])
    assert list(repodata(tmp_path)["packages.conda"]) == ["good-1.0-0.conda"]
    assert list(shards(tmp_path)[1]) == ["good"]
    exports = json.loads((tmp_path / "noarch" / "run_exports.json").read_bytes())
    assert list(exports["packages.conda"]) == ["good-1.0-0.conda"]


def test_a_version_that_solvers_cannot_read_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "noarch").mkdir()
    make_conda(tmp_path / "noarch", version="1..2", subdir="noarch", index={"noarch": "generic"})
    add(tmp_path, "good")
    assert codes(index(tmp_path)) == {"noarch/demo-1..2-0.conda": Code.CHANNEL_RECORD}
    assert list(repodata(tmp_path)["packages.conda"]) == ["good-1.0-0.conda"]


def test_the_same_packages_give_the_same_bytes_and_a_second_run_touches_nothing(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for name in ("c", "a", "b"):
        add(one, name, depends=["b", "a"])
        add(one, name, subdir="linux-64", format=".tar.bz2", flags=[name])
    two.mkdir()
    for path in sorted(one.rglob("*.*"), reverse=True):
        (two / path.parent.name).mkdir(exist_ok=True)
        shutil.copyfile(path, two / path.parent.name / path.name)
    index(one)
    before = snapshot(one)
    index(one)
    assert snapshot(one) == before
    index(two, jobs=4)
    assert contents(two) == {path: data for path, (data, _) in before.items()}


def test_the_number_of_threads_does_not_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conda_index, "_LARGE", 0)
    for number in range(20):
        add(tmp_path, f"p{number}")
    (tmp_path / "noarch" / "bad-1.0-0.conda").write_bytes(b"x")
    assert codes(index(tmp_path, jobs=4)) == {"noarch/bad-1.0-0.conda": Code.UNREADABLE}
    before = contents(tmp_path)
    shutil.rmtree(tmp_path / "noarch" / "shards")
    (tmp_path / "noarch" / "repodata.json").unlink()
    index(tmp_path, jobs=1)
    assert contents(tmp_path) == before


def test_what_is_gone_leaves_the_index_and_stale_shards_go_last(tmp_path: Path) -> None:
    add(tmp_path, "stays")
    gone = add(tmp_path, "gone")
    last = add(tmp_path, subdir="linux-64")
    index(tmp_path)
    (tmp_path / "noarch" / "shards" / "notes.txt").write_text("not a shard")
    gone.unlink()
    last.unlink()
    report = index(tmp_path)
    assert [(one.subdir, one.packages) for one in report.subdirs] == [("linux-64", 0), ("noarch", 1)]
    head, _ = shards(tmp_path)
    kept = {f"{digest.hex()}.msgpack.zst" for digest in head["shards"].values()}
    assert {path.name for path in (tmp_path / "noarch" / "shards").iterdir()} == {*kept, "notes.txt"}
    assert list((tmp_path / "linux-64" / "shards").iterdir()) == []


def test_clients_of_the_old_index_find_everything_until_the_new_one_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(tmp_path, "old")
    index(tmp_path)
    before = contents(tmp_path)
    (tmp_path / "noarch" / "old-1.0-0.conda").rename(tmp_path / "aside")
    add(tmp_path, "new")
    written = index_files.replace_file

    def fail(path: Path, data: bytes) -> bool:
        if path.name == "repodata_shards.msgpack.zst":
            raise OSError(28, "no space left on device")
        return written(path, data)

    monkeypatch.setattr(index_files, "replace_file", fail)
    with pytest.raises(OSError, match="no space"):
        index(tmp_path)
    after = contents(tmp_path)
    assert all(after[path] == data for path, data in before.items() if not path.endswith("old-1.0-0.conda"))
    assert [path for path in after if Path(path).name.startswith(".")] == []


def test_a_changed_file_of_the_same_name_and_size_is_noticed(tmp_path: Path) -> None:
    path = add(tmp_path, depends=["a"])
    index(tmp_path)
    before = path.stat()
    add(tmp_path, depends=["b"])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    index(tmp_path)
    record = repodata(tmp_path)["packages.conda"][path.name]
    assert record["depends"] == ["b"]
    assert record["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("name", ["repodata.json", "run_exports.json"])
def test_a_compressed_file_that_says_something_else_is_written_again(tmp_path: Path, name: str) -> None:
    add(tmp_path)
    index(tmp_path)
    before = contents(tmp_path)
    content = (tmp_path / "noarch" / name).read_bytes()
    for data in (b"x", zstandard.compress(b"y" * len(content)), zstandard.compress(content + b" ")):
        (tmp_path / "noarch" / f"{name}.zst").write_bytes(data)
        index(tmp_path)
        assert contents(tmp_path) == before


def patch(directory: Path, filename: str, **changes: Any) -> None:
    """Change a record, as a channel's operator would."""
    document = repodata(directory)
    section = "packages.conda" if filename.endswith(".conda") else "packages"
    document[section][filename].update(changes)
    (directory / "noarch" / "repodata.json").write_text(json.dumps(document, indent=2))


def test_what_was_mended_in_a_record_and_when_it_was_first_listed_is_kept(tmp_path: Path) -> None:
    path = add(tmp_path, depends=["a"])
    add(tmp_path, "later", flags=["x"])
    index(tmp_path)
    patch(tmp_path, path.name, depends=["a <2"], indexed_timestamp=1700000000000, legacy_bz2_md5="0" * 32, url="x")
    document = repodata(tmp_path)
    document["v3"]["conda"]["later-1.0-0"]["indexed_timestamp"] = 1600000000000
    (tmp_path / "noarch" / "repodata.json").write_text(json.dumps(document))
    index(tmp_path)
    document = repodata(tmp_path)
    record = document["packages.conda"][path.name]
    assert record["depends"] == ["a <2"]
    assert record["indexed_timestamp"] == 1700000000000
    assert record["legacy_bz2_md5"] == "0" * 32
    assert "url" not in record
    assert document["info"]["repodata_revisions"] == {
        "v3": {"n_packages": 1, "oldest": 1600000000000, "newest": 1600000000000}
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "other"},
        {"subdir": "linux-64"},
        {"depends": ["???"]},
        {"depends": "a"},
        {"sha256": "0" * 64},
        {"size": 1},
        {"indexed_timestamp": "x"},
    ],
    ids=str,
)
def test_an_older_record_that_is_unsound_or_about_other_bytes_is_not_believed(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    path = add(tmp_path, depends=["a"])
    index(tmp_path)
    before = contents(tmp_path)
    patch(tmp_path, path.name, **changes)
    assert index(tmp_path).rejected == ()
    assert contents(tmp_path) == before


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"packages": 5, "info": []}', b'{"a": 1, "a": 2}'])
def test_an_older_index_that_cannot_be_read_says_nothing(tmp_path: Path, content: bytes) -> None:
    add(tmp_path)
    index(tmp_path)
    before = contents(tmp_path)
    for name in ("repodata.json", "run_exports.json"):
        (tmp_path / "noarch" / name).write_bytes(content)
    index(tmp_path)
    assert contents(tmp_path) == before


def test_run_exports_are_not_kept_beside_a_repodata_of_somebody_else(tmp_path: Path) -> None:
    path = add(tmp_path, info={"info/run_exports.json": b'["a"]'})
    index(tmp_path)
    exports = json.loads((tmp_path / "noarch" / "run_exports.json").read_bytes())
    exports["packages.conda"][path.name] = {"run_exports": {"weak": ["stale"]}}
    (tmp_path / "noarch" / "run_exports.json").write_text(json.dumps(exports))
    index(tmp_path)
    kept = json.loads((tmp_path / "noarch" / "run_exports.json").read_bytes())["packages.conda"]
    assert kept[path.name] == {"run_exports": {"weak": ["stale"]}}
    patch(tmp_path, path.name)
    index(tmp_path)
    read = json.loads((tmp_path / "noarch" / "run_exports.json").read_bytes())["packages.conda"]
    assert read[path.name] == {"run_exports": {"weak": ["a"]}}


def test_a_package_that_did_not_change_is_not_unpacked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(tmp_path, format=".tar.bz2")
    index(tmp_path)
    before = snapshot(tmp_path)

    def unpack(*_: object) -> None:
        raise AssertionError("unpacked")

    monkeypatch.setattr("bridge.formats.conda.archives.TarBz2File._collect_info", unpack)
    index(tmp_path)
    assert snapshot(tmp_path) == before


def test_an_index_whose_packages_lie_elsewhere_is_not_replaced(tmp_path: Path) -> None:
    add(tmp_path, subdir="linux-64")
    (tmp_path / "noarch").mkdir()
    document = {"info": {"subdir": "noarch", "base_url": "../../packages/"}, "repodata_version": 2, "packages": {}}
    (tmp_path / "noarch" / "repodata.json").write_text(json.dumps(document))
    report = index(tmp_path)
    assert codes(report) == {"noarch/repodata.json": Code.ELSEWHERE}
    assert repodata(tmp_path) == document
    assert [one.subdir for one in report.subdirs] == ["linux-64"]


def test_relations_to_other_channels_are_kept(tmp_path: Path) -> None:
    add(tmp_path)
    index(tmp_path)
    document = repodata(tmp_path)
    document["info"]["channel_relations"] = {"base": "../stable", "strange": 1}
    (tmp_path / "noarch" / "repodata.json").write_text(json.dumps(document))
    index(tmp_path)
    assert repodata(tmp_path)["info"] == {"subdir": "noarch", "channel_relations": {"base": "../stable"}}
    assert shards(tmp_path)[0]["info"]["channel_relations"] == {"base": "../stable"}


def test_links_to_directories_are_not_followed(tmp_path: Path) -> None:
    channel = tmp_path / "channel"
    add(channel)
    add(tmp_path / "outside", subdir="linux-64")
    (channel / "linux-64").symlink_to(tmp_path / "outside" / "linux-64")
    before = contents(tmp_path / "outside")
    assert codes(index(channel)) == {"linux-64": Code.SOURCE}
    assert contents(tmp_path / "outside") == before


@pytest.mark.parametrize("name", ["shards", "repodata.json", "repodata_shards.msgpack.zst"])
def test_something_in_the_way_is_not_replaced(tmp_path: Path, name: str) -> None:
    add(tmp_path)
    if name == "shards":
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "noarch" / name).symlink_to(tmp_path / "elsewhere")
    else:
        (tmp_path / "noarch" / name).mkdir()
    with pytest.raises(Unsupported) as caught:
        index(tmp_path)
    assert caught.value.code is Code.OUTPUT_TAKEN
    assert not (tmp_path / "elsewhere").exists() or list((tmp_path / "elsewhere").iterdir()) == []


def test_index_files_of_other_tools_are_told(tmp_path: Path) -> None:
    add(tmp_path)
    for name in ("current_repodata.json", "repodata.json.bz2"):
        (tmp_path / "noarch" / name).write_bytes(b"old")
    report = index(tmp_path)
    assert [(loss.code, loss.subject) for loss in report.losses] == [
        (Code.STALE_REPODATA, "noarch/current_repodata.json"),
        (Code.STALE_REPODATA, "noarch/repodata.json.bz2"),
    ]
    assert (tmp_path / "noarch" / "current_repodata.json").read_bytes() == b"old"
