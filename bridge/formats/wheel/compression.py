"""How members are deflated: the presets, and raw deflate of whole files and of chunks.

Small files are compressed in one call. Large ones are cut into chunks of a fixed size, each primed with the
last 32 KiB of the one before (RFC 1951: a back-reference reaches 32 KiB) and ended with a sync flush, so that
the chunks can be compressed on different threads and simply concatenated. The cut does not depend on the
number of threads, and so the bytes do not either.
"""

from __future__ import annotations

import zlib
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

import deflate
from isal import isal_zlib
from zlib_ng import zlib_ng

from bridge.limits import KIB, MIB

if TYPE_CHECKING:
    from types import ModuleType

#: Files above this size are compressed in chunks; below it, one task handles the whole file.
LARGE_FILE: Final = 4 * MIB
#: Size of a chunk: small enough to keep many cores busy on one file, large enough that the flushes cost
#: nothing.
CHUNK: Final = 1 * MIB
#: The deflate window.
DICTIONARY: Final = 32 * KIB

_RAW: Final = -15


class Compression(Enum):
    """What to trade time for."""

    #: about 1.5 % larger than zlib's default level, several times faster.
    BALANCED = "balanced"
    #: about 14 % larger again, about three times faster again.
    FAST = "fast"
    #: a few tenths of a percent smaller than `BALANCED`, three times slower.
    SMALL = "small"
    #: no compression.
    STORED = "stored"


#: libdeflate (one-shot only) wins at equal size; None: ISA-L, which wins at equal speed.
_WHOLE_LEVEL: Final[dict[Compression, int | None]] = {
    Compression.BALANCED: 6,
    Compression.FAST: None,
    Compression.SMALL: 9,
}
_CHUNKED: Final[dict[Compression, tuple[ModuleType, int]]] = {
    Compression.BALANCED: (zlib_ng, 6),
    Compression.FAST: (isal_zlib, 2),
    Compression.SMALL: (zlib_ng, 9),
}


def compress_whole(data: bytes, compression: Compression) -> bytes | bytearray | None:
    """Raw deflate of a whole member, or None where that would not make it smaller."""
    if not data or compression is Compression.STORED:
        return None
    level = _WHOLE_LEVEL[compression]
    packed: bytes | bytearray = (
        isal_zlib.compress(data, 2, _RAW) if level is None else deflate.deflate_compress(data, level)
    )
    return packed if len(packed) < len(data) else None


def compress_chunk(data: bytes, dictionary: bytes, *, last: bool, compression: Compression) -> bytes:
    """Raw deflate of one chunk of a member; concatenating the chunks gives the member's deflate stream.

    Args:
        data: the chunk.
        dictionary: the last `DICTIONARY` bytes before it, empty for the first chunk.
        last: ends the stream.
        compression: not `STORED`.
    """
    module, level = _CHUNKED[compression]
    settings: list[Any] = [level, zlib.DEFLATED, _RAW]
    if dictionary:
        settings += [zlib.DEF_MEM_LEVEL, zlib.Z_DEFAULT_STRATEGY, dictionary]
    compressor = module.compressobj(*settings)
    packed: bytes = compressor.compress(data)
    packed += compressor.flush(zlib.Z_FINISH if last else zlib.Z_SYNC_FLUSH)
    return packed


def crc32(data: bytes | bytearray | memoryview, value: int = 0) -> int:
    """CRC-32 of `data`, continuing from `value`."""
    result: int = isal_zlib.crc32(data, value)
    return result


def crc32_combine(first: int, second: int, second_length: int) -> int:
    """CRC-32 of two concatenated pieces from the CRCs of each; the length is the second's, in bytes."""
    result: int = isal_zlib.crc32_combine(first, second, second_length)
    return result


def inflater() -> Any:
    """A decompressor of raw deflate with zlib's `decompressobj` interface."""
    return isal_zlib.decompressobj(_RAW)
