"""The outer archive of a `.conda` file (CEP 35): a ZIP of exactly three stored members, read without any
tolerance.

A ZIP says everything twice, in local headers and in the central directory. Readers that believe one of the
two, or that search for the directory from the end, can be shown different contents; so here both must agree
to the byte, the members must follow each other without gaps, and nothing may come before, between or after.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from bridge.errors import Code, InvalidInput
from bridge.formats.conda.documents import load_document
from bridge.formats.conda.identifiers import printable
from bridge.formats.zip_records import (
    CENTRAL,
    CENTRAL_MAGIC,
    END,
    END_MAGIC,
    LOCAL,
    LOCAL_MAGIC,
    MAX16,
    MAX32,
    STORED,
    UTF8_FLAG,
    ZIP64_END,
    ZIP64_END_MAGIC,
    ZIP64_EXTRA,
    ZIP64_LOCATOR,
    ZIP64_LOCATOR_MAGIC,
)

if TYPE_CHECKING:
    from bridge.formats.conda.bytestream import ByteSource
    from bridge.limits import Limits

METADATA_MEMBER: Final = "metadata.json"


_MEMBERS: Final = 3
_TIMES: Final = 0x5455
#: three entries with names of 220 and extra fields of 64 bytes have 1 KiB; far more is not a directory of
#: ours.
_DIRECTORY_SIZE: Final = 64 * 1024
#: `{"conda_pkg_format_version": 2}` and room for what builders may add.
_FORMAT_DOCUMENT_SIZE: Final = 64 * 1024
#: CEP 35 defines this version.
_FORMAT_VERSION: Final = 2


@dataclass(frozen=True, slots=True)
class Entry:
    """One stored member, as the central directory describes it, from its local header at `offset` to `end`."""

    name: str
    offset: int
    #: where the next member or the directory starts.
    end: int
    size: int
    crc: int


@dataclass(frozen=True, slots=True)
class Container:
    """The three members of a `.conda` file."""

    metadata: Entry
    info: Entry
    payload: Entry


def read_container(source: ByteSource, stem: str, *, subject: str) -> Container:
    """Read and check the central directory.

    Args:
        source: the whole file.
        stem: the file name without `.conda`, which the inner archives are named after.
        subject: the file name, for messages.

    Raises:
        InvalidInput: CB101 where it is no ZIP, CB102 for any other layout than that of CEP 35, CB103 where
            the inner names differ from the stem.
    """
    entries = _central_directory(source, subject)
    by_role = {_role(entry.name): entry for entry in entries}
    missing = [role for role in ("metadata", "info", "pkg") if role not in by_role]
    if missing:
        names = ", ".join(printable(entry.name) for entry in entries)
        raise _refuse(subject, f"the members are {names}, not metadata.json, info-* and pkg-*")
    for role in ("info", "pkg"):
        if by_role[role].name != f"{role}-{stem}.tar.zst":
            raise InvalidInput(
                Code.INNER_STEM,
                f"the inner archive is named {printable(by_role[role].name)!r}, after another package",
                subject=subject,
            )
    return Container(by_role["metadata"], by_role["info"], by_role["pkg"])


def data_offset(source: ByteSource, entry: Entry, *, subject: str) -> int:
    """Where the bytes of a member start, after a look at its local header.

    Raises:
        InvalidInput: CB102 where the local header differs from the central directory, or where bytes are left
            between this member and what comes next.
    """
    header = LOCAL.unpack(source.read_at(entry.offset, LOCAL.size))
    magic, _, flags, method, _, _, crc, packed, size, name_length, extra_length = header
    if magic != LOCAL_MAGIC:
        raise _refuse(subject, "a local header is not where the directory says", entry.name)
    rest = source.read_at(entry.offset + LOCAL.size, name_length + extra_length)
    name = _name(rest[:name_length], flags, subject)
    size, packed, _ = _with_zip64(rest[name_length:], size, packed, None, subject, entry.name)
    _check_stored(flags, method, size, packed, subject, name)
    if (name, size, crc) != (entry.name, entry.size, entry.crc):
        raise _refuse(subject, "a local header differs from the directory", entry.name)
    start = entry.offset + LOCAL.size + len(rest)
    if start + entry.size != entry.end:
        raise _refuse(subject, "there is something behind the ZIP member, or it reaches too far", entry.name)
    return start


def check_layout(source: ByteSource, container: Container, *, subject: str) -> None:
    """Check that the members and their local headers fill the file up to the directory, without gap or
    overlap.

    Raises:
        InvalidInput: CB102.
    """
    for entry in (container.metadata, container.info, container.payload):
        data_offset(source, entry, subject=subject)


def check_format(source: ByteSource, container: Container, limits: Limits, *, subject: str) -> None:
    """Read `metadata.json` and check the version of the format.

    Raises:
        InvalidInput: CB101 (checksum), CB102 (version), CB111 (not JSON).
    """
    entry = container.metadata
    if entry.size > _FORMAT_DOCUMENT_SIZE:
        raise _refuse(subject, f"{entry.size} bytes are too many for this file", entry.name)
    data = source.read_at(data_offset(source, entry, subject=subject), entry.size)
    if zlib.crc32(data) != entry.crc:
        raise InvalidInput(Code.UNREADABLE, "its checksum is wrong", subject=subject, field=entry.name)
    document = load_document(data, limits, subject=subject, field=entry.name)
    version = document.raw.get("conda_pkg_format_version")
    if version != _FORMAT_VERSION or isinstance(version, (bool, float)):
        raise document.refuse("conda_pkg_format_version", f"is not {_FORMAT_VERSION}", Code.CONTAINER)


def _role(name: str) -> str:
    if name == METADATA_MEMBER:
        return "metadata"
    if name.endswith(".tar.zst") and "/" not in name:
        role = name.partition("-")[0]
        if role in ("info", "pkg"):
            return role
    return name


def _central_directory(source: ByteSource, subject: str) -> list[Entry]:
    if source.size < END.size:
        raise InvalidInput(Code.UNREADABLE, "not a ZIP archive", subject=subject)
    end_offset = source.size - END.size
    end = END.unpack(source.read_at(end_offset, END.size))
    magic, disk, first_disk, here, count, size, offset, comment = end
    if magic != END_MAGIC or comment:
        if _looks_like_zip(source):
            raise _refuse(subject, "a comment or other bytes follow the ZIP directory")
        raise InvalidInput(Code.UNREADABLE, "not a ZIP archive, or cut off", subject=subject)
    directory_end = end_offset
    if MAX16 in (here, count) or MAX32 in (size, offset):
        (disk, first_disk, here, count, size, offset), directory_end = _end64(source, end_offset, subject)
    if disk or first_disk or here != count or offset + size != directory_end:
        raise _refuse(subject, "the ZIP directory is not where its end record says")
    if count != _MEMBERS or size > _DIRECTORY_SIZE:
        raise _refuse(subject, f"the ZIP archive has {count} members, not {_MEMBERS}")
    directory = source.read_at(offset, size)
    entries: list[Entry] = []
    place = 0
    for _ in range(count):
        entry, place = _central_entry(directory, place, subject)
        entries.append(entry)
    if place != len(directory):
        raise _refuse(subject, "the ZIP directory holds more than its entries")
    if len({entry.name for entry in entries}) != len(entries):
        raise _refuse(subject, "two ZIP members share a name")
    return _without_gaps(entries, offset, subject)


def _without_gaps(entries: list[Entry], directory: int, subject: str) -> list[Entry]:
    """The entries by offset, each ending where the next begins, if there is room for all of them."""
    ordered = sorted(entries, key=lambda entry: entry.offset)
    starts = [entry.offset for entry in ordered] + [directory]
    if starts[0] != 0:
        raise _refuse(subject, "there is something before the ZIP members")
    for entry, end in zip(ordered, starts[1:], strict=True):
        if entry.offset + LOCAL.size + len(entry.name) + entry.size > end:
            raise _refuse(subject, "two ZIP members overlap, or one reaches into the directory", entry.name)
    return [replace(entry, end=end) for entry, end in zip(ordered, starts[1:], strict=True)]


def _end64(source: ByteSource, end_offset: int, subject: str) -> tuple[tuple[int, ...], int]:
    offset64 = end_offset - ZIP64_LOCATOR.size - ZIP64_END.size
    if offset64 < 0:
        raise _refuse(subject, "the ZIP64 end record is missing")
    raw = source.read_at(offset64, ZIP64_END.size + ZIP64_LOCATOR.size)
    magic, record_size, _, _, *fields = ZIP64_END.unpack_from(raw)
    locator, locator_disk, locator_offset, disks = ZIP64_LOCATOR.unpack_from(raw, ZIP64_END.size)
    # The record must stand right before its locator, and without extensible data: no room to hide another
    # directory.
    if (
        magic != ZIP64_END_MAGIC
        or record_size != ZIP64_END.size - 12
        or locator != ZIP64_LOCATOR_MAGIC
        or locator_disk
        or locator_offset != offset64
        or disks != 1
    ):
        raise _refuse(subject, "the ZIP64 end record is malformed")
    return tuple(fields), offset64


def _central_entry(directory: bytes, place: int, subject: str) -> tuple[Entry, int]:
    if len(directory) - place < CENTRAL.size:
        raise _refuse(subject, "the ZIP directory is cut off")
    fields = CENTRAL.unpack_from(directory, place)
    magic, _, _, _, flags, method, _, _, crc, packed, size, names, extras, comment, disk, _, _, offset = fields
    place += CENTRAL.size
    stop = place + names + extras + comment
    if magic != CENTRAL_MAGIC or stop > len(directory):
        raise _refuse(subject, "the ZIP directory is malformed")
    name = _name(directory[place : place + names], flags, subject)
    if comment or disk:
        raise _refuse(subject, "a ZIP member has a comment or lies on another disk", name)
    extra = directory[place + names : place + names + extras]
    size, packed, offset64 = _with_zip64(extra, size, packed, offset, subject, name)
    _check_stored(flags, method, size, packed, subject, name)
    return Entry(name, offset64, 0, size, crc), stop


def _with_zip64(
    extra: bytes, size: int, packed: int, offset: int | None, subject: str, name: str
) -> tuple[int, int, int]:
    """Sizes and offset, from the ZIP64 extra field where the header refers to it."""
    values: list[int] | None = None
    place = 0
    while place < len(extra):
        if len(extra) - place < 4:
            raise _refuse(subject, "an extra field is cut off", name)
        tag, length = struct.unpack_from("<2H", extra, place)
        body = extra[place + 4 : place + 4 + length]
        place += 4 + length
        if place > len(extra) or tag not in (ZIP64_EXTRA, _TIMES) or (tag == ZIP64_EXTRA and values is not None):
            raise _refuse(subject, "an extra field is unknown, repeated or cut off", name)
        if tag == ZIP64_EXTRA:
            if length % 8 or length > 24:
                raise _refuse(subject, "the ZIP64 extra field is malformed", name)
            values = list(struct.unpack(f"<{length // 8}Q", body))
    results: list[int] = []
    rest = values or []
    for value in (size, packed, offset):
        if value == MAX32:
            if not rest:
                raise _refuse(subject, "the ZIP64 extra field is missing or too short", name)
            results.append(rest.pop(0))
        else:
            results.append(value or 0)
    # Values that no header field refers to have no meaning; real builders repeat the sizes there, or leave
    # zeros.
    if any(rest) and rest != results[: len(rest)]:
        raise _refuse(subject, "the ZIP64 extra field says something else than the header", name)
    return results[0], results[1], results[2]


def _name(raw: bytes, flags: int, subject: str) -> str:
    # Without the flag for UTF-8 other bytes mean something else to every reader.
    try:
        return raw.decode("utf-8" if flags & UTF8_FLAG else "ascii")
    except UnicodeDecodeError as error:
        raise _refuse(subject, "the name of a ZIP member cannot be decoded") from error


def _check_stored(flags: int, method: int, size: int, packed: int, subject: str, name: str) -> None:
    if flags & ~UTF8_FLAG:
        raise _refuse(subject, "a ZIP member is encrypted or has a data descriptor", name)
    if method != STORED or size != packed:
        raise _refuse(subject, "a ZIP member is compressed; CEP 35 wants it stored", name)


def _looks_like_zip(source: ByteSource) -> bool:
    return source.size >= LOCAL.size and source.read_at(0, 4) in (LOCAL_MAGIC, END_MAGIC)


def _refuse(subject: str, message: str, field: str | None = None) -> InvalidInput:
    return InvalidInput(Code.CONTAINER, message, subject=subject, field=None if field is None else printable(field))
