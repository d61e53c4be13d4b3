"""Bounded decoding of zstd and bzip2: window, ratio and size are limited, and nothing may follow the data."""

from __future__ import annotations

import bz2
import zlib
from typing import IO, TYPE_CHECKING, Final, cast

import zstandard

from bridge.errors import Code, InvalidInput
from bridge.formats.conda.bytestream import BLOCK, Ahead, ByteStream, Inline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bridge.formats.conda.bytestream import ByteSource
    from bridge.limits import Limits

# Below this, starting a thread costs more than it gains.
_THREAD_FLOOR: Final = 256 * 1024

_ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
_RLE: Final = 1
_RESERVED: Final = 3


class Packed:
    """The packed bytes of one archive: a region of a source, and its CRC-32 where one is known."""

    def __init__(
        self, source: ByteSource, offset: int, size: int, *, subject: str, field: str | None, crc: int | None
    ) -> None:
        self.source = source
        self.offset = offset
        self.size = size
        self.subject = subject
        self.field = field
        self.crc = crc

    def blocks(self) -> Iterator[bytes]:
        """The packed bytes in order.

        Raises:
            InvalidInput: CB101 where the bytes end early or have another CRC-32.
        """
        crc = 0
        for start in range(0, self.size, BLOCK):
            block = self.source.read_at(self.offset + start, min(BLOCK, self.size - start))
            if self.crc is not None:
                crc = zlib.crc32(block, crc)
            yield block
        if self.crc is not None and crc != self.crc:
            raise self.damaged("its checksum is wrong")

    def damaged(self, message: str) -> InvalidInput:
        return InvalidInput(Code.UNREADABLE, message, subject=self.subject, field=self.field)


def open_zstd(packed: Packed, limits: Limits) -> ByteStream:
    """The unpacked bytes of one zstd frame (RFC 8878). Errors come out of the stream: CB101 and CB109."""
    return _stream(packed, capped(_zstd_blocks(packed, limits), packed, limits))


def open_bz2(packed: Packed, limits: Limits, kept: Callable[[Iterator[bytes]], Iterator[bytes]] = iter) -> ByteStream:
    """The unpacked bytes of consecutive bzip2 streams. Errors come out of the stream: CB101 and CB109.

    Args:
        packed: the streams.
        limits: of what they unpack to.
        kept: passes the unpacked blocks on; may keep them. Called in the thread that decodes.
    """
    return _stream(packed, kept(capped(bz2_blocks(packed.blocks(), packed), packed, limits)))


def bz2_blocks(chunks: Iterator[bytes], packed: Packed) -> Iterator[bytes]:
    """Decode bzip2 data that arrives in chunks; no output block is longer than `BLOCK`."""
    decoder: bz2.BZ2Decompressor | None = None
    produced = False
    started = False
    for chunk in chunks:
        data = chunk
        while data or (decoder is not None and not decoder.needs_input):
            if decoder is None:
                decoder = bz2.BZ2Decompressor()
                produced = False
                started = True
            try:
                block = decoder.decompress(data, BLOCK)
            except (OSError, ValueError) as error:
                raise packed.damaged("not bzip2, or damaged, or followed by something else") from error
            data = b""
            if block:
                produced = True
                yield block
            if decoder.eof:
                if not produced:
                    # Each stream costs a megabyte of tables: empty ones are a way to waste time.
                    raise packed.damaged("an empty bzip2 stream")
                data = decoder.unused_data
                decoder = None
    if not started or decoder is not None:
        raise packed.damaged("the bzip2 data end too early")


def _stream(packed: Packed, blocks: Iterator[bytes]) -> ByteStream:
    maker = Ahead(blocks) if packed.size >= _THREAD_FLOOR else Inline(blocks)
    return ByteStream(maker, subject=packed.subject, field=packed.field)


def capped(blocks: Iterator[bytes], packed: Packed, limits: Limits) -> Iterator[bytes]:
    """The same blocks, up to the limits `total_size` and `ratio` (of the packed size).

    Raises:
        InvalidInput: CB109.
    """
    by_ratio = max(limits.ratio_floor, packed.size * limits.ratio)
    total = 0
    for block in blocks:
        total += len(block)
        if total > limits.total_size:
            raise InvalidInput(
                Code.LIMIT,
                f"unpacks to more than limit total_size, {limits.total_size} bytes",
                subject=packed.subject,
                field=packed.field,
            )
        if total > by_ratio:
            raise InvalidInput(
                Code.LIMIT,
                f"unpacks to more than limit ratio, {limits.ratio} times its size",
                subject=packed.subject,
                field=packed.field,
            )
        yield block


def _zstd_blocks(packed: Packed, limits: Limits) -> Iterator[bytes]:
    source = _ZstdSource(packed, limits)
    decoder = zstandard.ZstdDecompressor(max_window_size=limits.zstd_window)
    try:
        # read() is all that the decoder asks of a file.
        file = cast("IO[bytes]", source)
        with decoder.stream_reader(file, read_size=BLOCK, read_across_frames=False) as reader:
            while block := reader.read(BLOCK):
                yield block
    except zstandard.ZstdError as error:
        raise packed.damaged(f"not zstd, or damaged: {error}") from error
    source.finish()


class _ZstdSource:
    """Hands packed bytes to the decoder, and walks the frame's blocks on the way.

    The decoder reports neither a frame that is cut off nor bytes after it; the walk, which looks only at the
    three bytes in front of each block, finds both.
    """

    def __init__(self, packed: Packed, limits: Limits) -> None:
        self._packed = packed
        self._limits = limits
        self._chunks = packed.blocks()
        self._pending = b""
        self._ahead = 0
        self._checksum = 0
        self._in_frame = False
        self._last = False

    def read(self, _size: int = -1) -> bytes:
        chunk = next(self._chunks, b"")
        if chunk:
            self._walk(chunk)
        return chunk

    def finish(self) -> None:
        """Read what the decoder left, which must be nothing.

        Raises:
            InvalidInput: CB101 where the frame is cut off or something follows it.
        """
        while self.read():
            pass
        if not self._last or self._ahead:
            raise self._packed.damaged("the zstd data end too early")

    def _walk(self, chunk: bytes) -> None:
        data = self._pending + chunk if self._pending else chunk
        self._pending = b""
        place = 0
        if not self._in_frame:
            place = self._frame_header(data)
        while True:
            if self._ahead > len(data) - place:
                self._ahead -= len(data) - place
                return
            place += self._ahead
            self._ahead = 0
            if self._last:
                if place != len(data):
                    raise self._packed.damaged("something follows the zstd frame")
                return
            if len(data) - place < 3:
                self._pending = data[place:]
                return
            header = int.from_bytes(data[place : place + 3], "little")
            place += 3
            kind = header >> 1 & 3
            if kind == _RESERVED:
                raise self._packed.damaged("a zstd block of unknown type")
            self._ahead = 1 if kind == _RLE else header >> 3
            if header & 1:
                self._last = True
                self._ahead += self._checksum

    def _frame_header(self, data: bytes) -> int:
        if data[:4] != _ZSTD_MAGIC:
            raise self._packed.damaged("not a zstd frame")
        try:
            parameters = zstandard.get_frame_parameters(data[:18])
            length = zstandard.frame_header_size(data[:18])
        except zstandard.ZstdError as error:
            raise self._packed.damaged(f"not a zstd frame: {error}") from error
        if parameters.dict_id:
            raise self._packed.damaged("the zstd frame needs a dictionary")
        if parameters.window_size > self._limits.zstd_window:
            raise InvalidInput(
                Code.LIMIT,
                f"window of {parameters.window_size} bytes; limit zstd_window: {self._limits.zstd_window}",
                subject=self._packed.subject,
                field=self._packed.field,
            )
        self._checksum = 4 if parameters.has_checksum else 0
        self._in_frame = True
        return length
