"""Two conda packages: every kind of difference shows and is judged; another archive of the same package is equal."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import conda_package_handling.api
import pytest

import bridge
from bridge.compare.comparison import Difference
from bridge.errors import BridgeError
from tests.support.conda_archives import Content, Directory, File, HardLink, Link, Package, make_conda
from tests.support.sample_packages import PLACEHOLDER

FILES: dict[str, Content] = {
    "bin/tool": File(b"#!/bin/sh\n", mode=0o755),
    "lib/data": b"data",
    "lib/link": Link("data"),
    "etc/config": File(PLACEHOLDER.encode(), placeholder=PLACEHOLDER),
}
INFO = {
    "info/about.json": json.dumps({"home": "https://x.test", "summary": "s", "conda_version": "1"}).encode(),
    "info/licenses/LICENSE": b"licence",
    "info/recipe/meta.yaml": b"recipe",
    "info/run_exports.json": b'{"weak": ["a >=1", "b"]}',
    "info/link.json": b'{"package_metadata_version": 1, "noarch": {"type": "python", "entry_points": ["x = a:b"]}}',
}
INDEX = {"depends": ["python >=3.9", "numpy"], "constrains": ["z <2"], "timestamp": 1, "license": "MIT"}


def package(directory: Path, **changes: Any) -> Path:
    directory.mkdir(exist_ok=True)
    values = {"files": FILES, "info": INFO, "index": INDEX, **changes}
    return make_conda(directory, **values)


def differences(tmp_path: Path, **changes: Any) -> list[Difference]:
    """Between the sample and one with changes; the same the other way round."""
    one, other = package(tmp_path / "left"), package(tmp_path / "right", **changes)
    found = list(bridge.diff(one, other).differences)
    assert sorted(map(str, found)) == sorted(str(each.swapped()) for each in bridge.diff(other, one).differences)
    return found


def only(found: list[Difference]) -> tuple[str, str | None, str | None, bool]:
    (one,) = found
    return one.where, one.left, one.right, one.matters


def test_a_package_is_equal_to_itself(tmp_path: Path) -> None:
    assert differences(tmp_path) == []


@pytest.mark.parametrize(
    ("path", "content", "where"),
    [
        ("lib/data2", b"new", ["payload: lib/data2"]),
        ("bin/tool", File(b"#!/bin/sh\n", mode=0o644), ["payload: bin/tool: mode"]),
        ("bin/tool", File(b"#!/bin/sh\n", mode=0o775), ["payload: bin/tool: mode"]),
        ("bin/tool", File(b"#!/bin/zh\n", mode=0o755), ["payload: bin/tool: content"]),
        ("bin/tool", File(b"#!/bin/sh\n", mode=0o755, no_link=True), ["paths.json: bin/tool: no_link"]),
        ("lib/link", b"data", ["payload: lib/link", "paths.json: lib/link: path_type"]),
        ("lib/link", Link("./data"), ["payload: lib/link: link target"]),
        (
            "etc/config",
            File(PLACEHOLDER.encode(), placeholder=PLACEHOLDER, file_mode="binary"),
            ["paths.json: etc/config: file_mode"],
        ),
        (
            "etc/config",
            File(PLACEHOLDER.encode(), placeholder=PLACEHOLDER[:-1]),
            ["paths.json: etc/config: prefix_placeholder"],
        ),
    ],
)
def test_a_change_of_the_payload_matters(tmp_path: Path, path: str, content: Content, where: list[str]) -> None:
    found = differences(tmp_path, files={**FILES, path: content})
    assert sorted(each.where for each in found) == sorted(where)
    assert all(each.matters for each in found)


def test_a_missing_file_is_absent_on_its_side(tmp_path: Path) -> None:
    files = {path: content for path, content in FILES.items() if path != "bin/tool"}
    where, left, right, matters = only(differences(tmp_path, files=files))
    assert (where, right, matters) == ("payload: bin/tool", None, True)
    assert left is not None
    assert left.startswith("file of 10 bytes, sha256 ")


def test_changed_bytes_of_a_link_target_show_at_the_link_s_digest(tmp_path: Path) -> None:
    found = differences(tmp_path, files={**FILES, "lib/data": b"DATA"})
    assert {each.where for each in found} == {"payload: lib/data: content", "paths.json: lib/link: sha256"}


def test_a_hard_link_is_a_file(tmp_path: Path) -> None:
    one = package(tmp_path / "a", files={"x": b"1", "y": b"1"})
    assert bridge.diff(one, package(tmp_path / "b", files={"x": b"1", "y": HardLink("x")})).differences == ()


def test_an_empty_directory_matters_only_where_installers_make_it(tmp_path: Path) -> None:
    found = differences(tmp_path, files={**FILES, "var/void": Directory()})
    assert only(found) == ("payload: var/void", None, "empty directory", False)
    listed = [*Package(files=FILES).paths_json(), {"_path": "var/void", "path_type": "directory"}]
    found = differences(tmp_path, files={**FILES, "var/void": Directory()}, paths=listed)
    assert only(found)[3] is True


def test_a_directory_that_holds_something_is_no_difference(tmp_path: Path) -> None:
    assert differences(tmp_path, files={"lib": Directory(), **FILES}) == []


def test_a_listing_that_is_not_true_shows(tmp_path: Path) -> None:
    paths = Package(files=FILES).paths_json()
    paths[0] = {**paths[0], "sha256": "0" * 64}
    assert only(differences(tmp_path, paths=paths))[0] == "paths.json: bin/tool: sha256"
    paths[0] = {**Package(files=FILES).paths_json()[0], "unknown_key": 1}
    assert only(differences(tmp_path, paths=paths)) == ("paths.json: bin/tool: unknown_key", None, "1", True)


@pytest.mark.parametrize(
    ("index", "where", "matters"),
    [
        ({"depends": ["python >=3.10", "numpy"]}, "index.json: depends: python", True),
        ({"depends": ["python >=3.9"]}, "index.json: depends: numpy", True),
        ({"depends": ["python  >=3.9", "numpy"]}, "index.json: depends: python (spelling)", False),
        ({"constrains": []}, "index.json: constrains: z", True),
        ({"build_number": 1}, "index.json: build_number", True),
        ({"license": "BSD"}, "index.json: license", True),
        ({"noarch": "generic"}, "index.json: noarch", True),
        ({"track_features": "slow"}, "index.json: track_features", True),
        ({"something": {"new": True}}, "index.json: something", True),
        ({"timestamp": 2}, "index.json: timestamp", False),
        ({"arch": "x86_64"}, "index.json: arch", False),
        ({"license_family": "MIT"}, "index.json: license_family", False),
        ({"schema_version": 3}, "index.json: schema_version", True),
        ({"schema_version": 3, "flags": ["cuda"]}, "index.json: flags", True),
        ({"schema_version": 3, "extra_depends": {"x": ["a"]}}, "index.json: extra_depends: x", True),
    ],
)
def test_index_json_is_compared_field_by_field(
    tmp_path: Path, index: dict[str, Any], where: str, matters: bool
) -> None:
    found = differences(tmp_path, index={**INDEX, **index})
    (one,) = [each for each in found if each.where == where]
    assert one.matters is matters
    assert {each.where for each in found} <= {where, "index.json: schema_version"}


@pytest.mark.parametrize(
    "index",
    [
        {"depends": ["numpy", "python >=3.9"]},
        {"features": "", "track_features": "", "noarch": None, "extra": {}, "flags": []},
        {"schema_version": 1},
    ],
)
def test_order_and_empty_values_say_nothing(tmp_path: Path, index: dict[str, Any]) -> None:
    assert differences(tmp_path, index={**INDEX, **index}) == []


@pytest.mark.parametrize(
    ("path", "data", "where", "matters"),
    [
        ("info/about.json", b'{"home": "https://y.test", "summary": "s", "conda_version": "1"}', "home", True),
        (
            "info/about.json",
            b'{"home": "https://x.test", "summary": "s", "conda_version": "2"}',
            "conda_version",
            False,
        ),
        ("info/licenses/LICENSE", b"another", "info: licenses/LICENSE", True),
        ("info/licenses/LICENSE", None, "info: licenses/LICENSE", True),
        ("info/recipe/meta.yaml", b"other", "info: recipe/meta.yaml", False),
        ("info/test/run_test.py", b"test", "info: test/run_test.py", False),
        ("info/run_exports.json", b'{"weak": ["a >=2", "b"]}', "run_exports.json: weak: a", True),
        ("info/run_exports.json", b'{"strong": ["c"], "weak": ["b", "a >=1"]}', "run_exports.json: strong: c", True),
        (
            "info/link.json",
            b'{"package_metadata_version": 1, "noarch": {"type": "python", "entry_points": []}}',
            "link.json: noarch: entry_points",
            True,
        ),
    ],
)
def test_other_files_of_info(tmp_path: Path, path: str, data: bytes | None, where: str, matters: bool) -> None:
    one = only(differences(tmp_path, info={**INFO, path: data}))
    assert one[0].endswith(where)
    assert one[3] is matters


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("info/about.json", b'{ "conda_version":"1","summary":"s",\n"home": "https://x.test", "dev_url": null}'),
        ("info/run_exports.json", b'["b", "a >=1"]'),
        (
            "info/link.json",
            b'{"noarch": {"entry_points": ["x=a:b"], "type": "python"}, "package_metadata_version": 1}',
        ),
    ],
)
def test_json_is_compared_by_what_it_says(tmp_path: Path, path: str, data: bytes) -> None:
    assert differences(tmp_path, info={**INFO, path: data}) == []


def test_the_bridge_s_own_record_matters_where_the_way_back_needs_it(tmp_path: Path) -> None:
    def about(version: str, member: str) -> dict[str, bytes | None]:
        record = {"tool": {"version": version}, "restore": {"moved": {"x": member}}}
        document = {"home": "https://x.test", "summary": "s", "conda_version": "1"}
        return {"info/about.json": json.dumps({**document, "extra": {"conda-wheel-bridge": record}}).encode()}

    one = package(tmp_path / "a", info={**INFO, **about("1", "m")})
    same = bridge.diff(one, package(tmp_path / "b", info={**INFO, **about("2", "m")}))
    assert [(each.where.rpartition(" ")[2], each.matters) for each in same.differences] == [("tool", False)]
    assert not bridge.diff(one, package(tmp_path / "b", info={**INFO, **about("1", "n")})).equal


def test_values_keep_their_types(tmp_path: Path) -> None:
    info = {**INFO, "info/about.json": b'{"home": "https://x.test", "summary": "s", "conda_version": "1", "n": 1}'}
    one = package(tmp_path / "a", info=info)
    other = package(
        tmp_path / "b", info={**info, "info/about.json": info["info/about.json"].replace(b": 1}", b": true}")}
    )
    assert only(list(bridge.diff(one, other).differences)) == ("about.json: n", "1", "true", True)


def test_long_values_are_told_apart_by_digest(tmp_path: Path) -> None:
    texts = ("x" * 5000 + end for end in "ab")
    info = ({**INFO, "info/about.json": json.dumps({"description": text}).encode()} for text in texts)
    one, other = (package(tmp_path / name, info=each) for name, each in zip("ab", info, strict=True))
    _, left, right, _ = only(list(bridge.diff(one, other).differences))
    assert left is not None
    assert right is not None
    assert left != right
    assert len(left) < 400
    assert "5001 characters" in left


def test_the_files_before_paths_json_say_the_same(tmp_path: Path) -> None:
    listing = "\n".join(FILES).encode()
    old = {"info/paths.json": None, "info/files": listing, "info/has_prefix": f"{PLACEHOLDER} text etc/config".encode()}
    one = package(tmp_path / "a")
    found = bridge.diff(one, package(tmp_path / "b", info={**INFO, **old}))
    assert found.equal
    assert [each.where for each in found.differences] == ["paths.json"]


@pytest.mark.parametrize("archive", [".conda", ".tar.bz2"])
def test_archives_that_were_packed_again_are_equal(tmp_path: Path, archive: str) -> None:
    """conda-package-handling unpacks it and packs it again, into both formats."""
    original = package(tmp_path / "a", format=archive)
    folder = tmp_path / "unpacked"
    conda_package_handling.api.extract(str(original), str(folder))
    for suffix in (".conda", ".tar.bz2"):
        name = original.name.removesuffix(archive) + suffix
        conda_package_handling.api.create(str(folder), None, name, str(tmp_path))
        found = bridge.diff(original, tmp_path / name)
        assert found.equal
        assert [each.where for each in found.differences] == (["archive format"] if archive != suffix else [])
    unpacked = bridge.diff(original, folder)
    assert unpacked.equal
    assert {each.where for each in unpacked.differences} == {"archive format"}


def test_the_umask_of_whoever_unpacked_it_is_no_difference_that_matters(tmp_path: Path) -> None:
    original = package(tmp_path / "a", files={"x": File(b"x", mode=0o664), "y": File(b"y", mode=0o755)})
    folder = tmp_path / "unpacked"
    conda_package_handling.api.extract(str(original), str(folder))
    (folder / "x").chmod(0o600)
    assert only([each for each in bridge.diff(original, folder).differences if "x" in each.where])[3] is False
    (folder / "y").chmod(0o644)
    assert not bridge.diff(original, folder).equal


def test_what_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    good = package(tmp_path / "a")
    with pytest.raises(BridgeError, match="CB119"):
        bridge.diff(good, tmp_path / "demo-1.0-0.conda")
    text = tmp_path / "notes.txt"
    text.write_text("x")
    with pytest.raises(BridgeError, match="CB317"):
        bridge.diff(text, good)
    damaged = tmp_path / good.name
    shutil.copy(good, damaged)
    damaged.write_bytes(damaged.read_bytes()[:-40])
    with pytest.raises(BridgeError, match="CB1"):
        bridge.diff(good, damaged)


def test_the_order_is_the_same_whatever_the_order_of_the_members(tmp_path: Path) -> None:
    one = package(tmp_path / "a", files={})
    forwards = package(tmp_path / "b")
    backwards = package(tmp_path / "c", files=dict(reversed(FILES.items())))
    assert bridge.diff(one, forwards).differences == bridge.diff(one, backwards).differences
