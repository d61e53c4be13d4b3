"""The outer archive of a `.conda` file being written (CEP 35): stored members, fixed dates, no data descriptors."""

from __future__ import annotations

import stat
import struct
import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from bridge.formats.zip_records import (
    CENTRAL,
    CENTRAL_MAGIC,
    END,
    END_MAGIC,
    EPOCH_DATE,
    LOCAL,
    LOCAL_MAGIC,
    MAX32,
    STORED,
    UNIX,
    VERSION,
    VERSION_ZIP64,
    ZIP64_END,
    ZIP64_END_MAGIC,
    ZIP64_EXTRA,
    ZIP64_LOCATOR,
    ZIP64_LOCATOR_MAGIC,
)

if TYPE_CHECKING:
    from typing import BinaryIO


_ATTRIBUTES: Final = (stat.S_IFREG | 0o644) << 16
#: all bits set would mean "see the zip64 record".
LARGEST_CLASSIC: Final = MAX32 - 1


@dataclass(frozen=True, slots=True)
class _Member:
    name: bytes
    offset: int
    size: int = 0
    crc: int = 0
    #: the local header has room for sizes of 64 bits.
    roomy: bool = False


@dataclass(frozen=True, slots=True)
class StoredData:
    """The content of a member: offset of its first byte in the file, size in bytes, CRC-32."""

    offset: int
    size: int
    crc: int


class OuterZip:
    """Writes members in order into an open, empty file, which stays open.

    Args:
        file: seekable.
        largest: above which value zip64 is used in the directory; tests use lower ones.
    """

    def __init__(self, file: BinaryIO, *, largest: int = LARGEST_CLASSIC) -> None:
        self._file = file
        self._largest = largest
        self._members: list[_Member] = []
        self._position = 0
        self._growing: _Member | None = None

    def store(self, name: str, data: bytes) -> None:
        """Write a member of less than 4 GiB at once; `name` is ASCII."""
        member = _Member(name.encode("ascii"), self._position, len(data), zlib.crc32(data))
        self._write(_local_header(member))
        self._write(data)
        self._members.append(member)

    def begin(self, name: str) -> None:
        """Start a member whose size is not known yet; `name` is ASCII."""
        self._growing = _Member(name.encode("ascii"), self._position, roomy=True)
        self._write(_local_header(self._growing))

    def append(self, data: bytes) -> None:
        """Write the next bytes of the member that was begun."""
        member = self._begun()
        self._write(data)
        self._growing = replace(member, size=member.size + len(data), crc=zlib.crc32(data, member.crc))

    def end(self) -> StoredData:
        """End the member that was begun: its size and checksum go into its header.

        Returns:
            Where its content lies.
        """
        member = self._begun()
        header = _local_header(member)
        self._file.seek(member.offset)
        self._file.write(header)
        self._file.seek(self._position)
        self._members.append(member)
        self._growing = None
        return StoredData(member.offset + len(header), member.size, member.crc)

    def finish(self) -> None:
        """Write the directory."""
        start = self._position
        for member in self._members:
            self._write(self._central_header(member))
        self._write(self._end_records(start, self._position - start))

    def _begun(self) -> _Member:
        if self._growing is None:
            raise ValueError("no member was begun")
        return self._growing

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._position += len(data)

    def _central_header(self, member: _Member) -> bytes:
        wide = member.size > self._largest
        far = member.offset > self._largest
        values = [member.size, member.size] * wide + [member.offset] * far
        extra = struct.pack(f"<2H{len(values)}Q", ZIP64_EXTRA, 8 * len(values), *values) if values else b""
        version = VERSION_ZIP64 if member.roomy or values else VERSION
        size = MAX32 if wide else member.size
        header = CENTRAL.pack(
            CENTRAL_MAGIC,
            version,
            UNIX,
            version,
            0,
            STORED,
            0,
            EPOCH_DATE,
            member.crc,
            size,
            size,
            len(member.name),
            len(extra),
            0,
            0,
            0,
            _ATTRIBUTES,
            MAX32 if far else member.offset,
        )
        return header + member.name + extra

    def _end_records(self, offset: int, size: int) -> bytes:
        count = len(self._members)
        far = offset > self._largest
        records = b""
        if far:
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
        return records + END.pack(END_MAGIC, 0, 0, count, count, size, MAX32 if far else offset, 0)


def _local_header(member: _Member) -> bytes:
    """The local header; the same length before and after the size of a roomy member is known."""
    extra = struct.pack("<2H2Q", ZIP64_EXTRA, 16, member.size, member.size) if member.roomy else b""
    size = MAX32 if member.roomy else member.size
    header = LOCAL.pack(
        LOCAL_MAGIC,
        VERSION_ZIP64 if member.roomy else VERSION,
        0,
        STORED,
        0,
        EPOCH_DATE,
        member.crc,
        size,
        size,
        len(member.name),
        len(extra),
    )
    return header + member.name + extra
