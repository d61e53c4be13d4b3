"""Edits of metadata: only what was asked for changes, and the payload's compressed bytes stay as they are."""

from __future__ import annotations

import errno
import os
import zipfile
from typing import TYPE_CHECKING

import pytest
from packaging.tags import parse_tag
from wheel_samples import DIST_INFO, METADATA, make_wheel, noise, prose

from bridge.errors import Code, InvalidInput, Unrepresentable
from bridge.formats.wheel.archive import WheelArchive
from bridge.formats.wheel.compression import LARGE_FILE
from bridge.formats.wheel.edit import retag, rewrite_wheel
from bridge.formats.wheel.record import RecordEntry, format_record, parse_record
from bridge.formats.wheel.wheel_file import parse_wheel_file

if TYPE_CHECKING:
    from pathlib import Path

PAYLOAD = {"demo/__init__.py": b"x = 1\n" * 30, "demo/a.bin": prose(LARGE_FILE + 9), "demo/n.bin": noise(900)}
RECORD = f"{DIST_INFO}/RECORD"


def raw_members(path: Path) -> dict[str, bytes]:
    data = path.read_bytes()
    with WheelArchive(path) as archive:
        return {name: data[each.data_offset : each.end] for name, each in archive.members.items()}


def foreign_wheel(path: Path) -> Path:
    """As another tool writes them: directories, current dates, other modes, zlib."""
    members = {**PAYLOAD, f"{DIST_INFO}/METADATA": METADATA}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.mkdir("demo")
        for name, data in members.items():
            info = zipfile.ZipInfo(name, (2024, 5, 6, 7, 8, 10))
            info.external_attr = 0o100600 << 16
            archive.writestr(info, data)
        record = format_record([*(RecordEntry.of(*item) for item in members.items()), RecordEntry(RECORD)])
        archive.writestr(RECORD, record)
    return path


@pytest.mark.parametrize("in_kernel", [True, False])
def test_payload_is_copied_raw_and_record_follows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_kernel: bool
) -> None:
    if not in_kernel:

        def refuse(*_: object) -> int:
            raise OSError(errno.EXDEV, "not here")

        monkeypatch.setattr(os, "copy_file_range", refuse, raising=False)
    source = make_wheel(tmp_path, payload=PAYLOAD)
    target = tmp_path / "out.whl"
    metadata = METADATA + b"Summary: new\n"
    rewrite_wheel(source, target, replace={f"{DIST_INFO}/METADATA": metadata, f"{DIST_INFO}/variant.json": b"{}"})
    before, after = raw_members(source), raw_members(target)
    assert all(after[name] == before[name] for name in (*PAYLOAD, f"{DIST_INFO}/WHEEL"))
    assert list(after) == [*list(before)[:-1], f"{DIST_INFO}/variant.json", RECORD]
    with zipfile.ZipFile(target) as archive:
        assert archive.testzip() is None
        assert archive.read(f"{DIST_INFO}/METADATA") == metadata
        entries = parse_record(archive.read(RECORD), "out.whl")
        assert [entry.path for entry in entries] == list(after)
        for entry in entries[:-1]:
            assert entry == RecordEntry.of(entry.path, archive.read(entry.path))


def test_adding_and_removing_gives_the_same_bytes_back(tmp_path: Path) -> None:
    source = make_wheel(tmp_path, payload=PAYLOAD)
    there, back = tmp_path / "there.whl", tmp_path / "back.whl"
    digest = rewrite_wheel(source, there, replace={f"{DIST_INFO}/variant.json": b"{}"})
    assert digest.size > source.stat().st_size
    rewrite_wheel(there, back, replace={}, remove=[f"{DIST_INFO}/variant.json"])
    assert back.read_bytes() == source.read_bytes()


def test_a_foreign_wheel_keeps_its_headers(tmp_path: Path) -> None:
    source = foreign_wheel(tmp_path / "foreign.whl")
    target = tmp_path / "out.whl"
    rewrite_wheel(source, target, replace={f"{DIST_INFO}/METADATA": METADATA + b"Summary: x\n"})
    with zipfile.ZipFile(source) as left, zipfile.ZipFile(target) as right:
        assert right.testzip() is None
        assert right.namelist() == left.namelist()
        for info in left.infolist():
            other = right.getinfo(info.filename)
            assert (other.date_time, other.external_attr) == (info.date_time, info.external_attr)


def test_source_and_destination_may_be_the_same(tmp_path: Path) -> None:
    path = make_wheel(tmp_path)
    rewrite_wheel(path, path, replace={f"{DIST_INFO}/METADATA": METADATA + b"Summary: x\n"})
    with zipfile.ZipFile(path) as archive:
        assert archive.read(f"{DIST_INFO}/METADATA").endswith(b"Summary: x\n")


def test_retag_changes_file_name_and_wheel_file(tmp_path: Path) -> None:
    source = make_wheel(tmp_path, "demo-1.0-1-py3-none-any-cu12.whl", PAYLOAD)
    out = tmp_path / "out"
    out.mkdir()
    tags = parse_tag("cp311.cp312-abi3-manylinux_2_28_x86_64")
    path, digest = retag(source, out, tags)
    assert path == out / "demo-1.0-1-cp311.cp312-abi3-manylinux_2_28_x86_64-cu12.whl"
    assert digest.size == path.stat().st_size
    with WheelArchive(path) as archive:
        assert parse_wheel_file(archive.read(f"{DIST_INFO}/WHEEL"), path.name).tags == tags
    before, after = raw_members(source), raw_members(path)
    assert {name for name in before if before[name] != after[name]} == {f"{DIST_INFO}/WHEEL", RECORD}


def test_tags_that_no_file_name_can_say_are_a_mistake(tmp_path: Path) -> None:
    tags = parse_tag("cp311-cp311-linux_x86_64") | parse_tag("cp312-cp312-linux_x86_64")
    with pytest.raises(ValueError, match="product"):
        retag(make_wheel(tmp_path), tmp_path, tags)


@pytest.mark.parametrize(
    "record",
    [
        None,
        b"",
        format_record([RecordEntry("demo/__init__.py", bytes(32), 1), RecordEntry(RECORD)]),
        format_record([*(RecordEntry.of(n, d) for n, d in PAYLOAD.items()), RecordEntry("ghost"), RecordEntry(RECORD)]),
    ],
)
def test_a_record_that_does_not_fit_is_refused(tmp_path: Path, record: bytes | None) -> None:
    source = tmp_path / "demo-1.0-py3-none-any.whl"
    with zipfile.ZipFile(source, "w") as archive:
        for name, data in {**PAYLOAD, f"{DIST_INFO}/METADATA": METADATA}.items():
            archive.writestr(name, data)
        if record is not None:
            archive.writestr(RECORD, record)
    with pytest.raises(InvalidInput) as caught:
        rewrite_wheel(source, tmp_path / "out.whl", replace={})
    assert caught.value.code is Code.RECORD
    assert [path.name for path in tmp_path.iterdir()] == [source.name]


def test_a_signed_wheel_is_not_edited(tmp_path: Path) -> None:
    source = make_wheel(tmp_path, payload={f"{DIST_INFO}/RECORD.jws": b"{}"})
    with pytest.raises(InvalidInput) as caught:
        rewrite_wheel(source, tmp_path / "out.whl", replace={})
    assert caught.value.code is Code.RECORD


def test_new_names_are_checked_and_missing_ones_noticed(tmp_path: Path) -> None:
    source = make_wheel(tmp_path)
    for name in ("../x", "DEMO/__init__.py", "demo"):
        with pytest.raises(Unrepresentable):
            rewrite_wheel(source, tmp_path / "out.whl", replace={name: b""})
    for name in ("absent", RECORD):
        with pytest.raises(InvalidInput) as caught:
            rewrite_wheel(source, tmp_path / "out.whl", replace={}, remove=[name])
        assert caught.value.code is Code.MISSING_METADATA
    assert [path.name for path in tmp_path.iterdir()] == [source.name]
