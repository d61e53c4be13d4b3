"""`WheelArchive`: plain foreign archives are read, those that two readers could read differently are not."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from wheel_samples import DIST_INFO, METADATA, make_wheel

from bridge.errors import Code, InvalidInput
from bridge.formats.wheel.archive import WheelArchive
from bridge.limits import DEFAULT_LIMITS, MIB, Limits

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MEMBERS = {"demo/a.py": b"a = 1\n" * 50, "demo/b.py": b"", f"{DIST_INFO}/METADATA": METADATA}


def plain_zip(members: dict[str, bytes] | None = None, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", method) as archive:
        for name, data in (MEMBERS if members is None else members).items():
            archive.writestr(name, data)
    return raw.getvalue()


def with_info(change: Callable[[zipfile.ZipInfo], None], data: bytes = b"") -> bytes:
    raw = io.BytesIO()
    info = zipfile.ZipInfo("member")
    change(info)
    with zipfile.ZipFile(raw, "w") as archive:
        archive.writestr(info, data)
    return raw.getvalue()


class Unseekable(io.BytesIO):
    """Makes zipfile write data descriptors."""

    def seekable(self) -> bool:
        return False

    def seek(self, offset: int, whence: int = 0, /) -> int:
        raise io.UnsupportedOperation

    def tell(self) -> int:
        raise io.UnsupportedOperation


def streamed() -> bytes:
    raw = Unseekable()
    with zipfile.ZipFile(raw, "w") as archive:
        archive.writestr("a", b"b")
    return raw.getvalue()


def patched(data: bytes, old: bytes, new: bytes, count: int = 1) -> bytes:
    assert old in data
    return data.replace(old, new, count)


def patched_last(data: bytes, old: bytes, new: bytes) -> bytes:
    head, found, tail = data.rpartition(old)
    assert found
    return head + new + tail


def hidden_member() -> bytes:
    """A local file that the directory does not mention."""
    raw = plain_zip({"first": b"1", "secret": b"2"}, zipfile.ZIP_STORED)
    start, directory = raw.index(b"PK\x01\x02"), raw.rindex(b"PK\x01\x02")
    first = raw[start:directory]
    return raw[:start] + first + struct.pack("<4sHHHHLLH", b"PK\5\6", 0, 0, 1, 1, len(first), start, 0)


def twice(name: str) -> bytes:
    raw = plain_zip({name: b"1", name[:-1] + "~": b"2"}, zipfile.ZIP_STORED)
    return raw.replace((name[:-1] + "~").encode(), name.encode())


def unix_mode(mode: int) -> Callable[[zipfile.ZipInfo], None]:
    def change(info: zipfile.ZipInfo) -> None:
        info.external_attr = mode << 16

    return change


def extra_field(extra: bytes) -> Callable[[zipfile.ZipInfo], None]:
    def change(info: zipfile.ZipInfo) -> None:
        info.extra = extra

    return change


def commented(info: zipfile.ZipInfo) -> None:
    info.comment = b"hello"


def size_lie(data: bytes) -> bytes:
    """The directory gives another uncompressed size than the local header."""
    at = data.rindex(b"PK\x01\x02") + 24
    return data[:at] + struct.pack("<L", 5) + data[at + 4 :]


MALFORMED = {
    "empty file": (b"", Code.UNREADABLE),
    "no zip": (b"#!/bin/sh\nexit 1\n" * 10, Code.UNREADABLE),
    "bytes before": (b"junk" + plain_zip(), Code.UNREADABLE),
    "bytes after": (plain_zip() + b"junk", Code.ZIP_STRUCTURE),
    "cut short": (plain_zip()[:-7], Code.ZIP_STRUCTURE),
    "two archives in one": (plain_zip() + plain_zip(), Code.ZIP_STRUCTURE),
    "archive comment": (plain_zip()[:-2] + b"\x05\0hello", Code.ZIP_STRUCTURE),
    "member comment": (with_info(commented), Code.ZIP_STRUCTURE),
    "data descriptor": (streamed(), Code.ZIP_STRUCTURE),
    "bzip2": (plain_zip(method=zipfile.ZIP_BZIP2), Code.ZIP_STRUCTURE),
    "lzma": (plain_zip(method=zipfile.ZIP_LZMA), Code.ZIP_STRUCTURE),
    "local name differs": (patched(plain_zip(), b"demo/a.py", b"demo/x.py"), Code.ZIP_STRUCTURE),
    "directory name differs": (patched_last(plain_zip(), b"demo/a.py", b"demo/x.py"), Code.ZIP_STRUCTURE),
    "sizes differ": (size_lie(plain_zip()), Code.ZIP_STRUCTURE),
    "hidden member": (hidden_member(), Code.ZIP_STRUCTURE),
    "count too high": (plain_zip()[:-12] + b"\x09\0" + plain_zip()[-10:], Code.ZIP_STRUCTURE),
    "second name": (with_info(extra_field(b"\x75\x70\x06\0\x01abcde")), Code.ZIP_STRUCTURE),
    "broken extra field": (with_info(extra_field(b"\x75\x75\xff\xff")), Code.ZIP_STRUCTURE),
    "needless zip64 field that disagrees": (
        with_info(extra_field(b"\x01\0\x10\0" + struct.pack("<2Q", 1, 0))),
        Code.ZIP_STRUCTURE,
    ),
    "needless zip64 field": (with_info(extra_field(b"\x01\0\x08\0" + bytes(8))), Code.ZIP_STRUCTURE),
    "symlink": (with_info(unix_mode(stat.S_IFLNK | 0o777), b"/etc/passwd"), Code.MEMBER_TYPE),
    "fifo": (with_info(unix_mode(stat.S_IFIFO | 0o644)), Code.MEMBER_TYPE),
    "duplicate": (twice("demo/x"), Code.DUPLICATE),
    "parent directory": (plain_zip({"demo/../../x": b""}), Code.UNSAFE_PATH),
    "absolute": (plain_zip({"/x": b""}), Code.UNSAFE_PATH),
    "backslash": (plain_zip({"..\\x": b""}), Code.UNSAFE_PATH),
    "drive": (plain_zip({"C:x": b""}), Code.UNSAFE_PATH),
    "alternate stream": (plain_zip({"x.txt:stream": b""}), Code.UNSAFE_PATH),
    "control character": (plain_zip({"a\nb": b""}), Code.UNSAFE_PATH),
    "case": (plain_zip({"A.txt": b"", "a.txt": b""}), Code.NAME_CLASH),
    "unicode form": (plain_zip({"caf\u00e9": b"", "cafe\u0301": b""}), Code.NAME_CLASH),
    "file and directory": (plain_zip({"a": b"", "a/b": b""}), Code.NAME_CLASH),
    "directory entry and file": (plain_zip({"a/": b"", "a": b""}), Code.NAME_CLASH),
    "directory that differs from a file in case": (plain_zip({"d/": b"", "D": b""}), Code.NAME_CLASH),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_archives_are_refused_with_their_code(tmp_path: Path, case: str) -> None:
    data, code = MALFORMED[case]
    path = tmp_path / "demo-1.0-py3-none-any.whl"
    path.write_bytes(data)
    with pytest.raises(InvalidInput) as caught:
        WheelArchive(path)
    assert caught.value.code is code
    assert caught.value.subject == path.name


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "a.whl"
    path.write_bytes(plain_zip({"zeros": bytes(80 * MIB)}))
    with pytest.raises(InvalidInput) as caught:
        WheelArchive(path)
    assert caught.value.code is Code.LIMIT


def test_a_name_outside_ascii_needs_the_utf8_flag(tmp_path: Path) -> None:
    path = tmp_path / "a.whl"
    path.write_bytes(plain_zip({"ascii": b""}).replace(b"ascii", b"asci" + b"\xe9"))
    with pytest.raises(InvalidInput) as caught:
        WheelArchive(path)
    assert caught.value.code is Code.ZIP_STRUCTURE


def test_a_plain_foreign_archive_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.whl"
    path.write_bytes(plain_zip({"demo/": b"", **MEMBERS, "demo/é.txt": b"x"}))
    with WheelArchive(path) as archive:
        assert [name for name in archive.members if not archive.members[name].is_directory] == [
            *MEMBERS,
            "demo/é.txt",
        ]
        assert archive.dist_info == DIST_INFO
        assert {name: archive.read(name) for name in MEMBERS} == MEMBERS


def test_an_archive_without_members_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.whl"
    path.write_bytes(plain_zip({}))
    with WheelArchive(path) as archive, pytest.raises(InvalidInput) as caught:
        archive.dist_info  # noqa: B018
    assert caught.value.code is Code.BAD_DIST_INFO


def test_two_dist_info_directories_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.whl"
    path.write_bytes(plain_zip({**MEMBERS, "other-1.0.dist-info/METADATA": METADATA}))
    with WheelArchive(path) as archive, pytest.raises(InvalidInput) as caught:
        archive.dist_info  # noqa: B018
    assert caught.value.code is Code.BAD_DIST_INFO


def test_forced_zip64_headers_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.whl"
    with zipfile.ZipFile(path, "w") as archive, archive.open("a", "w", force_zip64=True) as member:
        member.write(b"abc")
    with WheelArchive(path) as strict:
        assert strict.read("a") == b"abc"


def test_sizes_that_the_zip64_field_repeats_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.whl"
    path.write_bytes(with_info(extra_field(b"\x01\0\x10\0" + struct.pack("<2Q", 3, 3)), b"abc"))
    with WheelArchive(path) as strict:
        assert strict.read("member") == b"abc"


def test_limits_bound_members_sizes_and_reads(tmp_path: Path) -> None:
    path = make_wheel(tmp_path)
    for limits in (Limits(members=2), Limits(file_size=10), Limits(total_size=100), Limits(info_size=10)):
        with pytest.raises(InvalidInput) as caught:
            WheelArchive(path, limits)
        assert caught.value.code is Code.LIMIT
    with WheelArchive(path, replace(DEFAULT_LIMITS, metadata_size=20)) as archive:
        with pytest.raises(InvalidInput) as caught:
            archive.read(f"{DIST_INFO}/METADATA")
        assert caught.value.code is Code.LIMIT
        assert archive.read(f"{DIST_INFO}/METADATA", limit=100) == METADATA
        with pytest.raises(InvalidInput) as caught:
            archive.read("absent")
        assert caught.value.code is Code.MISSING_METADATA


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_damaged_content_is_noticed(tmp_path: Path, method: int) -> None:
    path = tmp_path / "a.whl"
    data = bytearray(plain_zip({"a": bytes(range(256)) * 4}, method))
    data[60] ^= 0xFF
    path.write_bytes(data)
    with WheelArchive(path) as archive, pytest.raises(InvalidInput) as caught:
        archive.read("a")
    assert caught.value.code is Code.UNREADABLE


def test_content_that_inflates_beyond_its_size_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.whl"
    data = plain_zip({"a": bytes(1000)})
    path.write_bytes(data.replace(struct.pack("<L", 1000), struct.pack("<L", 900)))
    with WheelArchive(path) as archive, pytest.raises(InvalidInput) as caught:
        archive.read("a")
    assert caught.value.code is Code.UNREADABLE


def test_no_prefix_of_a_wheel_is_a_wheel(tmp_path: Path) -> None:
    whole = make_wheel(tmp_path).read_bytes()
    path = tmp_path / "cut.whl"
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(InvalidInput):
            WheelArchive(path)
