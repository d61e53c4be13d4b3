"""Headers and end records of a zip archive as bytes, as far as wheels need them (PKWARE APPNOTE 6.3, 4.3 to 4.5)."""

from __future__ import annotations

import stat
import struct
from dataclasses import dataclass
from typing import Final

from bridge.formats.zip_records import (
    CENTRAL,
    CENTRAL_MAGIC,
    DEFLATED,
    END,
    END_MAGIC,
    EPOCH_DATE,
    EPOCH_TIME,
    LOCAL,
    LOCAL_MAGIC,
    MAX16,
    MAX32,
    STORED,
    UNIX,
    UTF8_FLAG,
    VERSION,
    VERSION_ZIP64,
    ZIP64_END,
    ZIP64_END_MAGIC,
    ZIP64_EXTRA,
    ZIP64_LOCATOR,
    ZIP64_LOCATOR_MAGIC,
)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The largest values that the classic records hold; above them zip64 is used. Tests use lower ones."""

    #: sizes and offsets, in bytes.
    size: int = MAX32 - 1
    #: number of members.
    count: int = MAX16 - 1


CLASSIC: Final = Thresholds()


@dataclass(frozen=True, slots=True)
class Entry:
    """One member as its headers describe it; sizes and offset in bytes."""

    name: str
    method: int
    crc: int
    compressed_size: int
    size: int
    #: of the local header, from the start of the archive.
    offset: int
    external_attributes: int = (stat.S_IFREG | 0o644) << 16
    internal_attributes: int = 0
    flags: int = 0
    date: int = EPOCH_DATE
    time: int = EPOCH_TIME
    made_by: tuple[int, int] = (VERSION, UNIX)
    version_needed: int = VERSION
    #: extra fields of the central directory without the zip64 one.
    extra: bytes = b""

    @property
    def mode(self) -> int:
        """Unix mode, 0 where the archive was made on a system without one."""
        return self.external_attributes >> 16

    @property
    def encoded_name(self) -> bytes:
        return self.name.encode("utf-8")


def new_entry(
    name: str,
    *,
    executable: bool,
    offset: int,
    size: int,
    method: int = DEFLATED,
    crc: int = 0,
    compressed_size: int = 0,
) -> Entry:
    """A regular file at `offset`, with the fixed date; what is not known yet is zero."""
    return Entry(
        name=name,
        method=method,
        crc=crc,
        compressed_size=compressed_size,
        size=size,
        offset=offset,
        external_attributes=(stat.S_IFREG | (0o755 if executable else 0o644)) << 16,
        flags=0 if name.isascii() else UTF8_FLAG,
    )


def new_directory(name: str, offset: int) -> Entry:
    """A directory at `offset`; its name in the archive ends with a slash."""
    return Entry(
        name=f"{name}/",
        method=STORED,
        crc=0,
        compressed_size=0,
        size=0,
        offset=offset,
        # With the bit of MS-DOS for directories.
        external_attributes=(stat.S_IFDIR | 0o755) << 16 | 0x10,
        flags=0 if name.isascii() else UTF8_FLAG,
    )


def local_header(entry: Entry, thresholds: Thresholds = CLASSIC) -> bytes:
    """Local file header; its length depends on name and uncompressed size only, so that it can be patched."""
    name = entry.encoded_name
    wide = entry.size > thresholds.size
    extra = struct.pack("<HHQQ", ZIP64_EXTRA, 16, entry.size, entry.compressed_size) if wide else b""
    return (
        LOCAL.pack(
            LOCAL_MAGIC,
            VERSION_ZIP64 if wide else entry.version_needed,
            entry.flags,
            entry.method,
            entry.time,
            entry.date,
            entry.crc,
            MAX32 if wide else entry.compressed_size,
            MAX32 if wide else entry.size,
            len(name),
            len(extra),
        )
        + name
        + extra
    )


def central_header(entry: Entry, thresholds: Thresholds = CLASSIC) -> bytes:
    """Central directory header; the zip64 extra field holds exactly the values that do not fit."""
    name = entry.encoded_name
    wide = entry.size > thresholds.size or entry.compressed_size > thresholds.size
    far = entry.offset > thresholds.size
    wide_values = [entry.size, entry.compressed_size] if wide else []
    if far:
        wide_values.append(entry.offset)
    extra = entry.extra
    if wide_values:
        count = len(wide_values)
        extra = struct.pack(f"<HH{count}Q", ZIP64_EXTRA, 8 * count, *wide_values) + extra
    made_by, system = entry.made_by
    return (
        CENTRAL.pack(
            CENTRAL_MAGIC,
            max(made_by, VERSION_ZIP64) if wide_values else made_by,
            system,
            max(entry.version_needed, VERSION_ZIP64) if wide_values else entry.version_needed,
            entry.flags,
            entry.method,
            entry.time,
            entry.date,
            entry.crc,
            MAX32 if wide else entry.compressed_size,
            MAX32 if wide else entry.size,
            len(name),
            len(extra),
            0,
            0,
            entry.internal_attributes,
            entry.external_attributes,
            MAX32 if far else entry.offset,
        )
        + name
        + extra
    )


def end_of_directory(count: int, offset: int, size: int, thresholds: Thresholds = CLASSIC) -> bytes:
    """End record of a central directory of `count` entries, with the zip64 records before it where needed."""
    many = count > thresholds.count
    far = offset > thresholds.size
    wide = size > thresholds.size
    records = b""
    if many or far or wide:
        records = ZIP64_END.pack(
            ZIP64_END_MAGIC,
            ZIP64_END.size - 12,
            UNIX << 8 | VERSION_ZIP64,
            VERSION_ZIP64,
            0,
            0,
            count,
            count,
            size,
            offset,
        ) + ZIP64_LOCATOR.pack(ZIP64_LOCATOR_MAGIC, 0, offset + size, 1)
    short_count = MAX16 if many else count
    return records + END.pack(
        END_MAGIC,
        0,
        0,
        short_count,
        short_count,
        MAX32 if wide else size,
        MAX32 if far else offset,
        0,
    )
