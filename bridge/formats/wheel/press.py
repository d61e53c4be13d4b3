"""Members compressed before anybody knows their names in the wheel.

A plan needs one whole pass over a payload, and compressing needs another. Done in the same pass, the payload is decoded
and hashed once: what a reader hands out is compressed on the side and put aside, and members that the plan
leaves as they are get their compressed bytes copied.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from bridge.formats.scratch import Scratch
from bridge.formats.wheel.compression import (
    CHUNK,
    DICTIONARY,
    LARGE_FILE,
    Compression,
    compress_chunk,
    compress_whole,
    crc32,
    crc32_combine,
)
from bridge.formats.wheel.ordered_work import BATCH, FILE_OVERHEAD, WINDOW, OrderedWork
from bridge.formats.zip_records import DEFLATED, STORED


class _Reader(Protocol):
    """What is read through the press: a payload reader of either kind of archive."""

    @property
    def size(self) -> int: ...

    def read(self, size: int = -1, /) -> bytes: ...

    def read1(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Pressed:
    """Where the compressed bytes of one file lie in the press's scratch."""

    offset: int
    #: of the file itself, in bytes.
    size: int
    compressed_size: int
    #: zip's number of the method.
    method: int
    crc: int


@dataclass(slots=True)
class _Growing:
    """A large file, some of whose chunks are written."""

    offset: int = 0
    compressed_size: int = 0
    crc: int = 0
    started: bool = field(default=False)


class PayloadPress:
    """Compresses what is read through it; a context manager.

    Args:
        scratch: takes the compressed bytes; empty.
        compression: preset; decides the bytes, which are those that `WheelWriter` makes.
        threads: compressing threads; does not change the bytes.
    """

    def __init__(self, scratch: Scratch, *, compression: Compression, threads: int) -> None:
        self.scratch = scratch
        self._compression = compression
        self._work = OrderedWork(threads, WINDOW)
        self._pressed: dict[str, Pressed] = {}
        self._batch: list[tuple[str, bytes]] = []
        self._weight = 0

    def __enter__(self) -> PayloadPress:
        return self

    def __exit__(self, *_: object) -> None:
        self._work.close()

    def tee(self, key: str, reader: _Reader) -> TeeReader:
        """A reader of the same bytes; once it has been read to its end, the file `key` is compressed."""
        return TeeReader(reader, self, key)

    def finish(self) -> Mapping[str, Pressed]:
        """Wait for everything; the files that were read to their ends and that deflate shrank or that are small."""
        self._flush()
        self._work.settle()
        return self._pressed

    def small(self, key: str, data: bytes) -> None:
        """Compress a file at once, in a batch with its neighbours."""
        self._batch.append((key, data))
        self._weight += len(data) + FILE_OVERHEAD
        if self._weight >= BATCH:
            self._flush()

    def begin(self) -> _Growing:
        """Start a large file; its chunks must follow each other."""
        self._flush()
        return _Growing()

    def chunk(self, growing: _Growing, data: bytes, dictionary: bytes, *, last: bool) -> None:
        """Compress the next chunk of a large file."""
        task = partial(_press_chunk, data, dictionary, last=last, compression=self._compression)
        self._work.submit(len(data), task, partial(self._grow, growing, len(data)))

    def end(self, growing: _Growing, key: str, size: int) -> None:
        """End a large file; one that deflate does not shrink is left to be written anew."""
        self._work.submit(0, lambda: None, lambda _: self._ended(growing, key, size))

    def _flush(self) -> None:
        if self._batch:
            batch, self._batch = self._batch, []
            weight, self._weight = self._weight, 0
            self._work.submit(weight, partial(_press_batch, batch, self._compression), self._place)

    def _place(self, batch: list[tuple[str, int, int, int, bytes | bytearray]]) -> None:
        for key, size, method, crc, payload in batch:
            self._pressed[key] = Pressed(self.scratch.position, size, len(payload), method, crc)
            self.scratch.append(payload)

    def _grow(self, growing: _Growing, length: int, result: tuple[bytes, int]) -> None:
        payload, crc = result
        if not growing.started:
            growing.offset, growing.started = self.scratch.position, True
        growing.compressed_size += len(payload)
        growing.crc = crc32_combine(growing.crc, crc, length)
        self.scratch.append(payload)

    def _ended(self, growing: _Growing, key: str, size: int) -> None:
        method = STORED if self._compression is Compression.STORED else DEFLATED
        if method == STORED or growing.compressed_size < size:
            self._pressed[key] = Pressed(growing.offset, size, growing.compressed_size, method, growing.crc)


class TeeReader:
    """A payload reader whose bytes go to the press as well."""

    def __init__(self, reader: _Reader, press: PayloadPress, key: str) -> None:
        self.size = reader.size
        self._reader = reader
        self._press = press
        self._key = key
        self._pieces: list[bytes] = []
        self._held = 0
        self._left = reader.size
        self._dictionary = b""
        self._growing = press.begin() if reader.size > LARGE_FILE else None
        if not self.size:
            press.small(key, b"")

    def read(self, size: int = -1, /) -> bytes:
        return self._told(self._reader.read(size))

    def read1(self, size: int, /) -> bytes:
        return self._told(self._reader.read1(size))

    def _told(self, data: bytes) -> bytes:
        if not data:
            return data
        self._left -= len(data)
        self._pieces.append(data)
        self._held += len(data)
        if self._growing is None:
            if not self._left:
                self._press.small(self._key, self._taken())
            return data
        while self._held >= CHUNK or (self._held and not self._left):
            held = self._taken()
            # Always the same cuts, however the bytes came, so that the same file gives the same bytes.
            chunk, rest = held[:CHUNK], held[CHUNK:]
            if rest:
                self._pieces, self._held = [rest], len(rest)
            last = not self._left and not rest
            self._press.chunk(self._growing, chunk, self._dictionary, last=last)
            self._dictionary = chunk[-DICTIONARY:]
            if last:
                self._press.end(self._growing, self._key, self.size)
        return data

    def _taken(self) -> bytes:
        data = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces, self._held = [], 0
        return data


def _press_batch(
    batch: list[tuple[str, bytes]], compression: Compression
) -> list[tuple[str, int, int, int, bytes | bytearray]]:
    pressed: list[tuple[str, int, int, int, bytes | bytearray]] = []
    for key, data in batch:
        packed = compress_whole(data, compression)
        payload, method = (data, STORED) if packed is None else (packed, DEFLATED)
        pressed.append((key, len(data), method, crc32(data), payload))
    return pressed


def _press_chunk(data: bytes, dictionary: bytes, *, last: bool, compression: Compression) -> tuple[bytes, int]:
    if compression is Compression.STORED:
        return data, crc32(data)
    return compress_chunk(data, dictionary, last=last, compression=compression), crc32(data)
