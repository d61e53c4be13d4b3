"""The outer archive of a `.conda` file being written (CEP 35): stored members, fixed dates, no data descriptors."""

from __future__ import annotations

import stat
import struct
import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from typing import BinaryIO

_LOCAL: Final = struct.Struct("<4s5H3L2H")
_CENTRAL: Final = struct.Struct("<4s6H3L5H2L")
_END: Final = struct.Struct("<4s4H2LH")
_END64: Final = struct.Struct("<4sQ2H2L4Q")
_LOCATOR64: Final = struct.Struct("<4sLQL")
_LOCAL_MAGIC: Final = b"PK\x03\x04"
_CENTRAL_MAGIC: Final = b"PK\x01\x02"
_END_MAGIC: Final = b"PK\x05\x06"
_END64_MAGIC: Final = b"PK\x06\x06"
_LOCATOR64_MAGIC: Final = b"PK\x06\x07"

_VERSION: Final = 20
_VERSION_ZIP64: Final = 45
_UNIX: Final = 3
_STORED: Final = 0
_ZIP64: Final = 0x0001
#: 1980-01-01, the first day that the format can say.
_DATE: Final = (1 << 5) | 1
_ATTRIBUTES: Final = (stat.S_IFREG | 0o644) << 16
_MAX32: Final = 0xFFFFFFFF
#: all bits set would mean "see the zip64 record".
LARGEST_CLASSIC: Final = _MAX32 - 1


@dataclass(frozen=True, slots=True)
class _Member:
    name: bytes
    offset: int
    size: int = 0
    crc: int = 0
    #: the local header has room for sizes of 64 bits.
    roomy: bool = False


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

    def end(self) -> None:
        """End the member that was begun: its size and checksum go into its header."""
        member = self._begun()
        self._file.seek(member.offset)
        self._file.write(_local_header(member))
        self._file.seek(self._position)
        self._members.append(member)
        self._growing = None

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
        extra = struct.pack(f"<2H{len(values)}Q", _ZIP64, 8 * len(values), *values) if values else b""
        version = _VERSION_ZIP64 if member.roomy or values else _VERSION
        size = _MAX32 if wide else member.size
        header = _CENTRAL.pack(
            _CENTRAL_MAGIC,
            _UNIX << 8 | version,
            version,
            0,
            _STORED,
            0,
            _DATE,
            member.crc,
            size,
            size,
            len(member.name),
            len(extra),
            0,
            0,
            0,
            _ATTRIBUTES,
            _MAX32 if far else member.offset,
        )
        return header + member.name + extra

    def _end_records(self, offset: int, size: int) -> bytes:
        count = len(self._members)
        far = offset > self._largest
        records = b""
        if far:
            records = _END64.pack(
                _END64_MAGIC,
                _END64.size - 12,
                _UNIX << 8 | _VERSION_ZIP64,
                _VERSION_ZIP64,
                0,
                0,
                count,
                count,
                size,
                offset,
            ) + _LOCATOR64.pack(_LOCATOR64_MAGIC, 0, offset + size, 1)
        return records + _END.pack(_END_MAGIC, 0, 0, count, count, size, _MAX32 if far else offset, 0)


def _local_header(member: _Member) -> bytes:
    """The local header; the same length before and after the size of a roomy member is known."""
    extra = struct.pack("<2H2Q", _ZIP64, 16, member.size, member.size) if member.roomy else b""
    size = _MAX32 if member.roomy else member.size
    header = _LOCAL.pack(
        _LOCAL_MAGIC,
        _VERSION_ZIP64 if member.roomy else _VERSION,
        0,
        _STORED,
        0,
        _DATE,
        member.crc,
        size,
        size,
        len(member.name),
        len(extra),
    )
    return header + member.name + extra
