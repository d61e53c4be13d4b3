"""An `info/` that was there before, written again."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import pytest

from bridge.errors import BridgeError, Code
from bridge.formats.conda.artifact import open_artifact
from bridge.formats.conda.survey import survey
from bridge.formats.conda.writer import CondaWriter
from bridge.formats.wheel.reader import open_wheel
from bridge.formats.wheel.record import RecordEntry, format_record
from bridge.formats.wheel.writer import WheelWriter
from bridge.model.conda import ArchiveFormat, CondaIdentity, CondaName, CondaVersion, FileMode
from tests.support.hostile_samples import Sample
from tests.support.independent_looks import look_at_package, look_at_wheel

IDENTITY = CondaIdentity(CondaName("demo"), CondaVersion("1.0"), "0")
INDEX = {"name": "demo", "version": "1.0", "build": "0", "build_number": 0, "subdir": "linux-64", "depends": []}
DATA = b"hello /opt/placeholder\n"
ENTRY = {"_path": "share/x", "path_type": "hardlink", "sha256": hashlib.sha256(DATA).hexdigest(), "size_in_bytes": 23}
PREFIX = {"prefix_placeholder": "/opt/placeholder", "file_mode": "text"}
LINK = {"_path": "share/y", "path_type": "softlink", "sha256": ENTRY["sha256"], "size_in_bytes": 23}


def write(
    directory: Path,
    paths: list[dict[str, Any]] | None,
    links: dict[str, str] | None = None,
    *,
    suffix: ArchiveFormat = ArchiveFormat.CONDA,
    placeholder: str | None = None,
    **more: bytes,
) -> Path:
    info = {"info/index.json": json.dumps(INDEX).encode(), "info/odd": b"\0odd", **more}
    if paths is not None:
        info["info/paths.json"] = json.dumps({"paths": paths, "paths_version": 1}).encode()
    destination = directory / f"demo-1.0-0{suffix.value}"
    with CondaWriter(destination, IDENTITY, format=suffix) as writer:
        mode = None if placeholder is None else FileMode.TEXT
        writer.add("share/x", io.BytesIO(DATA), len(DATA), prefix_placeholder=placeholder, file_mode=mode)
        writer.add_link("share/y", "x")
        writer.add_directory("share/void")
        writer.finish_restored(info, links or {})
    return destination


@pytest.mark.parametrize("suffix", [ArchiveFormat.CONDA, ArchiveFormat.TAR_BZ2])
def test_every_file_and_link_is_written_as_it_was(tmp_path: Path, suffix: ArchiveFormat) -> None:
    package = write(tmp_path, [ENTRY, LINK], {"info/same": "odd"}, suffix=suffix)
    look = look_at_package(package)
    assert look.info == {
        "info/index.json": json.dumps(INDEX).encode(),
        "info/odd": b"\0odd",
        "info/paths.json": json.dumps({"paths": [ENTRY, LINK], "paths_version": 1}).encode(),
        "info/same": "odd",
    }
    assert set(look.payload) == {"share/x", "share/y", "share/void"}
    with open_artifact(package) as artifact:
        assert set(survey(artifact).files) == {"share/x"}


def test_what_came_before_paths_json_is_enough(tmp_path: Path) -> None:
    package = write(tmp_path, None, **{"info/files": b"share/x\nshare/y\n"})
    with open_artifact(package) as artifact:
        assert not artifact.metadata().has_paths_json
        assert set(survey(artifact).files) == {"share/x"}


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        ([ENTRY], "is packed, but not listed"),
        ([ENTRY, LINK, {**ENTRY, "_path": "share/z"}], "is listed, but not packed"),
        ([{**ENTRY, "path_type": "softlink"}, LINK], "is a hardlink, listed as softlink"),
        ([{**ENTRY, "size_in_bytes": 1}, LINK], "has 23 bytes, listed with 1"),
        ([{**ENTRY, "sha256": "0" * 64}, LINK], "has another SHA-256 than listed"),
        ([ENTRY, {**LINK, "sha256": "0" * 64}], "has another SHA-256 than listed"),
        ([{**ENTRY, **PREFIX}, LINK], "has another placeholder than listed"),
    ],
)
def test_a_list_that_is_wrong_is_refused(tmp_path: Path, paths: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(BridgeError, match=message) as caught:
        write(tmp_path, paths)
    assert caught.value.code is Code.PAYLOAD_MISMATCH
    assert list(tmp_path.iterdir()) == []


def test_a_directory_may_be_listed(tmp_path: Path) -> None:
    listed = [{"_path": path, "path_type": "directory"} for path in ("share", "share/void")]
    with open_artifact(write(tmp_path, [ENTRY, LINK, *listed])) as artifact:
        assert survey(artifact).empty_directories == ("share/void",)


@pytest.mark.parametrize(
    ("files", "links"),
    [
        ({"share/z": b""}, {}),
        ({"info/../x": b""}, {}),
        ({"info/INDEX.json": b""}, {}),
        ({}, {"info/out": "../share/x"}),
        ({}, {"info/out": "/etc/passwd"}),
        ({}, {"share/z": "x"}),
        ({}, {"info/odd": "index.json"}),
    ],
)
def test_nothing_else_comes_along(tmp_path: Path, files: dict[str, bytes], links: dict[str, str]) -> None:
    with pytest.raises(BridgeError) as caught:
        write(tmp_path, [ENTRY, LINK], links, **files)
    assert caught.value.code is Code.COLLISION
    assert list(tmp_path.iterdir()) == []


def test_another_package_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BridgeError) as caught:
        write(tmp_path, [ENTRY, LINK], **{"info/index.json": json.dumps({**INDEX, "version": "2.0"}).encode()})
    assert caught.value.code is Code.IDENTITY


def wheel(directory: Path, record: bytes | None, *empty: str) -> Path:
    made = Sample()
    path = directory / made.filename
    with WheelWriter(path) as writer:
        for name, data in made.members().items():
            if not name.endswith("/RECORD"):
                writer.add_bytes(name, data)
        for name in empty:
            writer.add_directory(name)
        writer.finish(made.dist_info, record=record)
    return path


def test_a_wheel_keeps_the_record_that_it_is_given(tmp_path: Path) -> None:
    made = Sample()
    record = made.members()[f"{made.dist_info}/RECORD"].replace(b"\n", b"\r\n")
    path = wheel(tmp_path, record, "demo/hollow")
    members = look_at_wheel(path)
    assert members.pop("demo/hollow/") is None
    assert members == {**made.members(), f"{made.dist_info}/RECORD": record}
    with open_wheel(path) as reader:
        assert reader.empty_directories() == ("demo/hollow",)


@pytest.mark.parametrize("change", ["missing", "more", "other", "size", "bare", "malformed"])
def test_a_record_that_is_wrong_is_refused(tmp_path: Path, change: str) -> None:
    made = Sample()
    entries = [RecordEntry.of(name, data) for name, data in made.members().items() if not name.endswith("/RECORD")]
    first = entries[0]
    match change:
        case "missing":
            del entries[0]
        case "more":
            entries.append(RecordEntry.of("other.py", b""))
        case "other":
            entries[0] = RecordEntry.of(first.path, b"other")
        case "size":
            entries[0] = RecordEntry(first.path, first.digest, 99)
        case "bare":
            entries[0] = RecordEntry(first.path)
    record = b"a,b" if change == "malformed" else format_record([*entries, RecordEntry(f"{made.dist_info}/RECORD")])
    with pytest.raises(BridgeError) as caught:
        wheel(tmp_path, record)
    assert caught.value.code is Code.RECORD
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../out", "demo/__init__.py", "a//b"])
def test_a_directory_with_a_bad_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BridgeError) as caught:
        wheel(tmp_path, None, name)
    assert caught.value.code is Code.COLLISION
    assert list(tmp_path.iterdir()) == []
