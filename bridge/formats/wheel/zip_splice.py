"""Replacing a few adjacent members of an archive while every other byte of it stays as it is.

Unlike a rewrite, which makes headers anew, this patches sizes and offsets where they stand. What was put in can
therefore be taken out again, and the archive is the same to the last byte, whoever made it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bridge.errors import Code, Unsupported
from bridge.formats.wheel.zip_format import Entry, central_header, local_header
from bridge.formats.wheel.zip_output import ZipOutput
from bridge.formats.zip_records import CENTRAL, END, LOCAL, MAX16, MAX32, ZIP64_END, ZIP64_EXTRA

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from bridge.formats.wheel.archive import WheelArchive
    from bridge.formats.wheel.zip_directory import ArchiveMember


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where a header keeps what changes; positions in bytes."""

    length: int
    #: of the lengths of name and extra field, two bytes each.
    lengths: int
    crc: int
    size: int
    compressed_size: int
    offset: int | None = None

    @property
    def wide(self) -> tuple[int, ...]:
        """Fields that may stand in the zip64 extra field, in its order."""
        fields = (self.size, self.compressed_size)
        return fields if self.offset is None else (*fields, self.offset)


_LOCAL: Final = _Layout(LOCAL.size, lengths=26, crc=14, size=22, compressed_size=18)
_CENTRAL: Final = _Layout(CENTRAL.size, lengths=28, crc=16, size=24, compressed_size=20, offset=42)
_CENTRAL_OFFSET: Final = 42


@dataclass(frozen=True, slots=True)
class RawMember:
    """A member as bytes: local header with data, and directory record with an offset that is not right yet."""

    local: bytes
    central: bytes

    @classmethod
    def new(cls, entry: Entry, payload: bytes | bytearray) -> RawMember:
        """A member with made-up headers."""
        return cls(local_header(entry) + bytes(payload), central_header(entry))

    @classmethod
    def refilled(
        cls, archive: WheelArchive, member: ArchiveMember, payload: bytes, *, size: int, crc: int
    ) -> RawMember:
        """A member of the archive with other content, compressed by the same method.

        Args:
            payload: the compressed bytes.
            size: of the content.
            crc: of the content.

        Raises:
            Unsupported: `CB324`.
        """
        local, central = archive.raw_headers(member)
        return cls(
            _patched(local, _LOCAL, _sizes(_LOCAL, size, len(payload)), archive.subject, crc) + payload,
            _patched(central, _CENTRAL, _sizes(_CENTRAL, size, len(payload)), archive.subject, crc),
        )


def splice(
    archive: WheelArchive, destination: Path, run: Sequence[ArchiveMember], replacement: Sequence[RawMember]
) -> None:
    """Write the archive with one run of members replaced; other members keep place, headers and bytes.

    Args:
        archive: the source.
        destination: the new archive; its directory must exist.
        run: members that lie one after the other, at least one.
        replacement: members for their place; in the directory they stand where the last of the run stood.

    Raises:
        Unsupported: `CB324`, a value would no longer fit the field that holds it.
    """
    start, stop = run[0].entry.offset, run[-1].end
    shift = sum(len(each.local) for each in replacement) - (stop - start)
    members = sorted(archive.members.values(), key=lambda member: member.central)
    directory_start, directory_stop = members[0].central[0], sum(members[-1].central)
    old = archive.slice(directory_start, directory_stop - directory_start)
    replaced = {member.name for member in run}
    directory = bytearray()
    count = 0
    for member in members:
        at, length = member.central
        record = old[at - directory_start : at - directory_start + length]
        if member.name == run[-1].name:
            offset = start
            for each in replacement:
                directory += _patched(each.central, _CENTRAL, {_CENTRAL_OFFSET: offset}, archive.subject)
                offset += len(each.local)
            count += len(replacement)
        elif member.name not in replaced:
            if shift and member.entry.offset >= stop:
                moved = {_CENTRAL_OFFSET: member.entry.offset + shift}
                record = _patched(record, _CENTRAL, moved, archive.subject)
            directory += record
            count += 1
    end = _end_records(archive, directory_start + shift, len(directory), count, directory_stop)
    with ZipOutput(destination) as output:
        output.copy_members(archive.file, 0, start, [])
        for each in replacement:
            output.append(each.local)
        output.copy_members(archive.file, stop, directory_start - stop, [])
        output.commit_directory(bytes(directory) + end)


def _end_records(archive: WheelArchive, offset: int, size: int, count: int, position: int) -> bytes:
    """The archive's own end records, from `position` on, for another directory."""
    records = bytearray(archive.slice(position))
    classic = len(records) - END.size
    wide = classic > 0
    for at, form, maximum, value in (
        (classic + 8, "<H", MAX16, count),
        (classic + 10, "<H", MAX16, count),
        (classic + 12, "<L", MAX32, size),
        (classic + 16, "<L", MAX32, offset),
    ):
        if wide and struct.unpack_from(form, records, at)[0] == maximum:
            continue
        if value >= maximum:
            raise _too_large(archive.subject)
        struct.pack_into(form, records, at, value)
    if wide:
        struct.pack_into("<4Q", records, 24, count, count, size, offset)
        struct.pack_into("<Q", records, ZIP64_END.size + 8, offset + size)
    return bytes(records)


def _sizes(layout: _Layout, size: int, compressed_size: int) -> dict[int, int]:
    return {layout.size: size, layout.compressed_size: compressed_size}


def _patched(header: bytes, layout: _Layout, values: Mapping[int, int], subject: str, crc: int | None = None) -> bytes:
    """The header with other values, each in the field that held the old one."""
    slots = _wide_slots(header, layout)
    patched = bytearray(header)
    if crc is not None:
        struct.pack_into("<L", patched, layout.crc, crc)
    for at, value in values.items():
        if at in slots:
            struct.pack_into("<Q", patched, slots[at], value)
        elif value >= MAX32:
            raise _too_large(subject)
        else:
            struct.pack_into("<L", patched, at, value)
    return bytes(patched)


def _wide_slots(header: bytes, layout: _Layout) -> dict[int, int]:
    """Position of a field -> position of its value in the zip64 extra field, for those that are there."""
    name_length, extra_length = struct.unpack_from("<HH", header, layout.lengths)
    at = layout.length + name_length
    stop = at + extra_length
    while at < stop:
        kind, length = struct.unpack_from("<HH", header, at)
        if kind == ZIP64_EXTRA:
            saturated = [field for field in layout.wide if struct.unpack_from("<L", header, field)[0] == MAX32]
            return {field: at + 4 + 8 * number for number, field in enumerate(saturated)}
        at += 4 + length
    return {}


def _too_large(subject: str) -> Unsupported:
    message = "the archive is within a few kilobytes of what a zip archive without zip64 records can hold"
    return Unsupported(Code.ZIP64_EDGE, message, subject=subject)
