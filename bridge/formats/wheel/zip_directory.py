"""The central directory of a zip archive, held against the local headers and the bytes around them."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bridge.errors import Code, InvalidInput
from bridge.formats.wheel.zip_format import Entry
from bridge.formats.zip_records import (
    CENTRAL,
    CENTRAL_MAGIC,
    END,
    END_MAGIC,
    LOCAL,
    LOCAL_MAGIC,
    MAX16,
    MAX32,
    UTF8_FLAG,
    ZIP64_END,
    ZIP64_END_MAGIC,
    ZIP64_EXTRA,
    ZIP64_LOCATOR,
    ZIP64_LOCATOR_MAGIC,
)

if TYPE_CHECKING:
    from typing import BinaryIO

    from bridge.limits import Limits

#: Info-ZIP's second name for a member.
_UNICODE_PATH_EXTRA: Final = 0x7075


@dataclass(frozen=True, slots=True)
class ArchiveMember:
    """A member and where its compressed bytes lie; directories have a name that ends in `/`."""

    entry: Entry
    #: offset of the first compressed byte.
    data_offset: int
    #: offset and length of the member's record in the central directory.
    central: tuple[int, int]

    @property
    def name(self) -> str:
        return self.entry.name

    @property
    def is_directory(self) -> bool:
        return self.entry.name.endswith("/")

    @property
    def executable(self) -> bool:
        return bool(self.entry.mode & 0o111)

    @property
    def end(self) -> int:
        """Offset after the last compressed byte."""
        return self.data_offset + self.entry.compressed_size


class ZipDirectory:
    """Reads the directory of one archive and refuses it where another reader could see something else.

    Args:
        file: the archive, open for reading.
        subject: its name, for messages.
        limits: bounds on the directory.
    """

    def __init__(self, file: BinaryIO, subject: str, limits: Limits) -> None:
        self._file = file
        self._subject = subject
        self._limits = limits

    def members(self) -> list[ArchiveMember]:
        """Every member, in the order in which they lie in the file.

        Raises:
            InvalidInput: `CB101`, not a zip archive; `CB125`, two records disagree, or there are bytes that
                no record accounts for; `CB109`, a limit.
        """
        count, offset, size = self._find()
        if count > self._limits.members or size > self._limits.info_size:
            raise InvalidInput(
                Code.LIMIT,
                f"the archive has {count} members, described in {size} bytes, more than allowed",
                subject=self._subject,
            )
        directory = self._at(offset, size)
        entries: list[tuple[Entry, tuple[int, int]]] = []
        position = 0
        while position < len(directory):
            start = position
            entry, position = self._entry(directory, start)
            entries.append((entry, (offset + start, position - start)))
        if len(entries) != count:
            raise self._bad(f"the end record counts {count} members, the directory has {len(entries)}")
        entries.sort(key=lambda each: each[0].offset)
        members = []
        expected = 0
        for entry, central in entries:
            if entry.offset != expected:
                raise self._bad("there are bytes between members, or members overlap", entry.name)
            member = ArchiveMember(entry, self._check_local(entry), central)
            expected = member.end
            members.append(member)
        if expected != offset:
            raise self._bad("there are bytes between the last member and the directory")
        return members

    def _find(self) -> tuple[int, int, int]:
        """Count of members, offset and size of the central directory; nothing may follow or stand between."""
        end = self._file.seek(0, 2) - END.size
        if end < 0 or self._at(0, 4) not in {LOCAL_MAGIC, END_MAGIC}:
            raise InvalidInput(Code.UNREADABLE, "the file is not a zip archive", subject=self._subject)
        record = END.unpack(self._at(end, END.size))
        if record[0] != END_MAGIC or record[7]:
            raise self._bad("the archive is cut short, or has a comment or other bytes at its end")
        disk, start_disk, on_disk, count, size, offset = record[1:7]
        stop = end
        locator = self._at(end - ZIP64_LOCATOR.size, ZIP64_LOCATOR.size) if end >= ZIP64_LOCATOR.size else b""
        if locator.startswith(ZIP64_LOCATOR_MAGIC):
            stop = end - ZIP64_LOCATOR.size - ZIP64_END.size
            _, locator_disk, where, disks = ZIP64_LOCATOR.unpack(locator)
            if locator_disk or disks != 1 or where != stop or stop < 0:
                raise self._bad("the zip64 locator points elsewhere")
            wide = ZIP64_END.unpack(self._at(stop, ZIP64_END.size))
            if wide[0] != ZIP64_END_MAGIC or wide[1] != ZIP64_END.size - 12 or wide[4] or wide[5]:
                raise self._bad("the zip64 end record is malformed")
            narrow = ((on_disk, MAX16), (count, MAX16), (size, MAX32), (offset, MAX32))
            on_disk, count, size, offset = wide[6:10]
            for (value, saturated), full in zip(narrow, wide[6:10], strict=True):
                if value not in (saturated, full):
                    raise self._bad("the two end records disagree")
        if disk or start_disk or on_disk != count:
            raise self._bad("the archive says that it is one of several")
        if offset + size != stop:
            raise self._bad("the directory does not end where the end record starts")
        return count, offset, size

    def _entry(self, directory: bytes, position: int) -> tuple[Entry, int]:
        fixed = directory[position : position + CENTRAL.size]
        if len(fixed) < CENTRAL.size or not fixed.startswith(CENTRAL_MAGIC):
            raise self._bad("the directory is malformed")
        (
            _,
            made_by,
            system,
            version_needed,
            flags,
            method,
            time,
            date,
            crc,
            compressed_size,
            size,
            name_length,
            extra_length,
            comment_length,
            disk,
            internal,
            external,
            offset,
        ) = CENTRAL.unpack(fixed)
        name_end = position + CENTRAL.size + name_length
        extra_end = name_end + extra_length
        name = self._name(directory[position + CENTRAL.size : name_end], flags)
        if extra_end > len(directory) or comment_length or disk:
            raise self._bad("the directory entry is malformed or has a comment", name)
        values, extra = self._extra(directory[name_end:extra_end], (size, compressed_size, offset), name)
        size, compressed_size, offset = values
        entry = Entry(
            name=name,
            method=method,
            crc=crc,
            compressed_size=compressed_size,
            size=size,
            offset=offset,
            external_attributes=external,
            internal_attributes=internal,
            flags=flags,
            date=date,
            time=time,
            made_by=(made_by, system),
            version_needed=version_needed,
            extra=extra,
        )
        return entry, extra_end

    def _check_local(self, entry: Entry) -> int:
        """Compare the local header with the directory's entry; the offset of the data after it."""
        fixed = self._at(entry.offset, LOCAL.size)
        if len(fixed) < LOCAL.size or not fixed.startswith(LOCAL_MAGIC):
            raise self._bad("there is no local header where the directory says", entry.name)
        _, _, flags, method, _, _, crc, compressed_size, size, name_length, extra_length = LOCAL.unpack(fixed)
        rest = self._at(entry.offset + LOCAL.size, name_length + extra_length)
        if len(rest) < name_length + extra_length or rest[:name_length] != entry.encoded_name:
            raise self._bad("local header and directory give different names", entry.name)
        (size, compressed_size), _ = self._extra(rest[name_length:], (size, compressed_size), entry.name)
        here = (flags, method, crc, compressed_size, size)
        if here != (entry.flags, entry.method, entry.crc, entry.compressed_size, entry.size):
            raise self._bad("local header and directory disagree", entry.name)
        data_offset: int = entry.offset + LOCAL.size + name_length + extra_length
        return data_offset

    def _extra(self, data: bytes, values: tuple[int, ...], name: str) -> tuple[tuple[int, ...], bytes]:
        """Values with those that stand in the zip64 field filled in, and the other extra fields."""
        wide: bytes | None = None
        others = b""
        position = 0
        while position < len(data):
            if position + 4 > len(data):
                raise self._bad("an extra field is malformed", name)
            kind, length = struct.unpack_from("<HH", data, position)
            content = data[position + 4 : position + 4 + length]
            if len(content) < length or kind == _UNICODE_PATH_EXTRA or (kind == ZIP64_EXTRA and wide is not None):
                raise self._bad("an extra field is malformed, repeated or gives a second name", name)
            if kind == ZIP64_EXTRA:
                wide = content
            else:
                others += data[position : position + 4 + length]
            position += 4 + length
        missing = [index for index, value in enumerate(values) if value == MAX32]
        if wide is None:
            return values, others
        if not missing and wide == struct.pack("<2Q", *values[:2]):
            return values, others  # some writers say the sizes twice; the same ones mislead nobody
        if len(wide) != 8 * len(missing):
            raise self._bad("the zip64 field does not hold exactly the values that do not fit", name)
        filled = list(values)
        for index, value in zip(missing, struct.unpack(f"<{len(missing)}Q", wide), strict=True):
            filled[index] = value
        return tuple(filled), others

    def _name(self, encoded: bytes, flags: int) -> str:
        try:
            return encoded.decode("utf-8" if flags & UTF8_FLAG else "ascii")
        except UnicodeDecodeError as error:
            raise self._bad("a name is not in the encoding that its header says", repr(encoded)) from error

    def _at(self, offset: int, length: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(length)

    def _bad(self, message: str, field: str | None = None) -> InvalidInput:
        return InvalidInput(Code.ZIP_STRUCTURE, message, subject=self._subject, field=field)
