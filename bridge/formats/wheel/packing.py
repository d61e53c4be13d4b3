"""Members of a wheel on their way: as asked for, and compressed. What runs on other threads is here."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from bridge.formats.wheel.compression import Compression, compress_chunk, compress_whole, crc32
from bridge.formats.zip_records import DEFLATED, STORED


@dataclass(frozen=True, slots=True)
class MemberFile:
    """A member as asked for."""

    names: tuple[str, ...]
    size: int
    executable: bool
    expected: bytes | None


@dataclass(frozen=True, slots=True)
class PackedFile:
    """A member as it will be written."""

    file: MemberFile
    method: int
    crc: int
    payload: bytes | bytearray
    digest: bytes


def pack_batch(batch: list[tuple[MemberFile, bytes]], compression: Compression) -> list[PackedFile]:
    """Hash and compress small members."""
    return [_pack_one(file, data, compression) for file, data in batch]


def _pack_one(file: MemberFile, data: bytes, compression: Compression) -> PackedFile:
    digest = hashlib.sha256(data).digest()
    packed = compress_whole(data, compression)
    if packed is None:
        return PackedFile(file, STORED, crc32(data), data, digest)
    return PackedFile(file, DEFLATED, crc32(data), packed, digest)


def pack_chunk(data: bytes, dictionary: bytes, *, last: bool, compression: Compression) -> tuple[bytes, int]:
    """Compressed bytes and CRC of a part of a large member; `dictionary` is what stood before it."""
    if compression is Compression.STORED:
        return data, crc32(data)
    return compress_chunk(data, dictionary, last=last, compression=compression), crc32(data)
