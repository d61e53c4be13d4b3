"""Making a wheel a variant, and plain again: no member is recompressed, and the way back is exact.

RECORD must list the new `variant.json`. Its line goes in front of the others as a deflate block of its own, which is
not compressed and so ends at a byte border (RFC 1951, 3.2.4), before the deflate stream that the wheel's builder made.
Taking the block away restores that stream, whatever had compressed it, and with it the wheel to the last byte.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from bridge.errors import Code, InvalidInput
from bridge.formats.wheel import variant_schema as schema
from bridge.formats.wheel.archive import WheelArchive
from bridge.formats.wheel.compression import Compression, compress_whole, crc32
from bridge.formats.wheel.edit import checked_record, rewrite_wheel
from bridge.formats.wheel.filename import add_label, drop_label
from bridge.formats.wheel.record import RecordEntry, format_record
from bridge.formats.wheel.variant_json import for_label, parse_variant_json, write_variant_json
from bridge.formats.wheel.writer import WheelDigest, digest_of
from bridge.formats.wheel.zip_format import new_entry
from bridge.formats.wheel.zip_splice import RawMember, splice
from bridge.formats.zip_records import DEFLATED, STORED

if TYPE_CHECKING:
    from pathlib import Path

    from bridge.formats.wheel.zip_directory import ArchiveMember
    from bridge.model.variant import VariantMetadata

#: BFINAL 0, BTYPE 00 and padding; length and its complement follow.
_STORED_BLOCK: Final = struct.Struct("<BHH")


def make_variant(source: Path, out_dir: Path, label: str, metadata: VariantMetadata) -> tuple[Path, WheelDigest]:
    """Write a plain wheel as the variant `label` of its release.

    Args:
        source: a wheel without a label.
        out_dir: existing directory for the result.
        label: one of `metadata.variants`.
        metadata: of the release, or of this wheel alone.

    Returns:
        The new wheel and its digest.

    Raises:
        InvalidInput: what `WheelArchive` and `write_variant_json` raise; `CB122`, RECORD and the members disagree or
            the wheel is signed; `CB123`, the file name; `CB133`, the label, or the wheel is a variant already.
        Unsupported: `CB324`.
    """
    destination = out_dir / add_label(source.name, label)
    content = write_variant_json(for_label(metadata, label))
    with WheelArchive(source) as archive:
        wheel = _Wheel.plain(archive)
        splice(archive, destination, wheel.run(), wheel.variant_members(content))
    return destination, digest_of(destination)


def undo_variant(path: Path, out_dir: Path) -> tuple[Path, WheelDigest]:
    """Write a variant as the plain wheel that it was.

    The result is byte for byte the source of `make_variant`. Of a variant that another tool made, the payload keeps its
    compressed bytes, and RECORD and the zip directory are made anew.

    Args:
        path: a wheel with a label.
        out_dir: existing directory for the result.

    Returns:
        The plain wheel and its digest.

    Raises:
        InvalidInput: what `WheelArchive` raises; `CB122`; `CB133`, the wheel is not a variant.
    """
    name, _ = drop_label(path.name)
    destination = out_dir / name
    with WheelArchive(path) as archive:
        wheel = _Wheel.variant(archive)
        if wheel.block:
            splice(archive, destination, wheel.run(), [wheel.plain_record()])
    if not wheel.block:
        return destination, rewrite_wheel(path, destination, replace={}, remove=[wheel.variant_name])
    return destination, digest_of(destination)


def relabel(path: Path, out_dir: Path, label: str, metadata: VariantMetadata | None = None) -> tuple[Path, WheelDigest]:
    """Write a variant with another label, or with other metadata.

    Args:
        path: a wheel with a label.
        out_dir: existing directory for the result.
        label: the new label.
        metadata: new metadata that have `label`; by default the wheel keeps its own.

    Returns:
        The new wheel and its digest; `undo_variant` gives the same plain wheel as before.

    Raises:
        InvalidInput: as `make_variant`; `CB133`, the wheel is not a variant.
        Unsupported: `CB324`.
    """
    plain, old = drop_label(path.name)
    destination = out_dir / add_label(plain, label)
    with WheelArchive(path) as archive:
        wheel = _Wheel.variant(archive)
        if metadata is None:
            own = parse_variant_json(archive.read(wheel.variant_name), path.name, label=old)
            metadata = replace(own, variants={label: own.variants[old]})
        content = write_variant_json(for_label(metadata, label))
        if wheel.block:
            splice(archive, destination, wheel.run(), wheel.variant_members(content))
    if not wheel.block:
        return destination, rewrite_wheel(path, destination, replace={wheel.variant_name: content})
    return destination, digest_of(destination)


@dataclass(frozen=True, slots=True)
class _Wheel:
    """A checked wheel, with what of its RECORD was there before it became a variant."""

    archive: WheelArchive
    record: ArchiveMember
    variant_name: str
    #: the compressed bytes of RECORD that were put in front; none in a plain wheel, nor where another tool wrote it.
    block: bytes = b""
    #: what the block inflates to.
    line: bytes = b""

    @classmethod
    def plain(cls, archive: WheelArchive) -> _Wheel:
        checked_record(archive)
        wheel = cls._of(archive)
        if wheel.variant_name in archive.members:
            message = "the wheel has the metadata of a variant, but no label in its file name"
            raise InvalidInput(Code.VARIANT_LABEL, message, subject=archive.subject, field=wheel.variant_name)
        return wheel

    @classmethod
    def variant(cls, archive: WheelArchive) -> _Wheel:
        checked_record(archive)
        wheel = cls._of(archive)
        name, record = wheel.variant_name, wheel.record
        if name not in archive.members:
            message = "the file name has a label, but the wheel has no metadata of a variant"
            raise InvalidInput(Code.VARIANT_LABEL, message, subject=archive.subject, field=name)
        line = _record_line(name, archive.read(name, schema.LARGEST_FILE))
        block = _block(line, record.entry.method)
        adjacent = archive.members[name].end == record.entry.offset
        if adjacent and archive.slice(record.data_offset, record.entry.compressed_size).startswith(block):
            return replace(wheel, block=block, line=line)
        return wheel

    @classmethod
    def _of(cls, archive: WheelArchive) -> _Wheel:
        dist_info = archive.dist_info
        return cls(archive, archive.members[f"{dist_info}/RECORD"], f"{dist_info}/{schema.MEMBER}")

    def run(self) -> list[ArchiveMember]:
        """The members that tell a variant from a plain wheel."""
        return [self.archive.members[self.variant_name], self.record] if self.block else [self.record]

    def plain_record(self) -> RawMember:
        """RECORD as it was before."""
        payload, content = self._before()
        return RawMember.refilled(self.archive, self.record, payload, size=len(content), crc=crc32(content))

    def variant_members(self, metadata: bytes) -> list[RawMember]:
        """`variant.json` with this content, and RECORD with its line."""
        packed = compress_whole(metadata, Compression.BALANCED)
        payload = metadata if packed is None else packed
        entry = new_entry(
            self.variant_name,
            executable=False,
            offset=self.run()[0].entry.offset,
            size=len(metadata),
            method=STORED if packed is None else DEFLATED,
            crc=crc32(metadata),
            compressed_size=len(payload),
        )
        line = _record_line(self.variant_name, metadata)
        before, content = self._before()
        record = RawMember.refilled(
            self.archive,
            self.record,
            _block(line, self.record.entry.method) + before,
            size=len(line) + len(content),
            crc=crc32(content, crc32(line)),
        )
        return [RawMember.new(entry, payload), record]

    def _before(self) -> tuple[bytes, bytes]:
        """Compressed and plain bytes of RECORD without what was put in front."""
        entry = self.record.entry
        payload = self.archive.slice(self.record.data_offset, entry.compressed_size)
        return payload[len(self.block) :], self.archive.read(entry.name)[len(self.line) :]


def _record_line(name: str, content: bytes) -> bytes:
    return format_record([RecordEntry.of(name, content)])


def _block(line: bytes, method: int) -> bytes:
    """Compressed bytes that may stand before any others of the same method and add the line."""
    return line if method == STORED else _STORED_BLOCK.pack(0, len(line), len(line) ^ 0xFFFF) + line
