"""Bytes put aside: in memory while they are few, in an unnamed file once they are not."""

from __future__ import annotations

import os
import tempfile
from typing import IO, TYPE_CHECKING, Final

from bridge.limits import MIB

if TYPE_CHECKING:
    from pathlib import Path

#: what stays in memory. To make a file costs as much as to compress 5 KB.
_HELD: Final = 4 * MIB


class Scratch:
    """Takes bytes in order and gives them back from anywhere; a context manager.

    Args:
        directory: where the file is made if one is needed; None for the system's place for such files.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = directory
        self._held = bytearray()
        self._file: IO[bytes] | None = None
        self._position = 0

    def __enter__(self) -> Scratch:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Forget everything."""
        self._held = bytearray()
        if self._file is not None:
            self._file.close()

    @property
    def position(self) -> int:
        """How many bytes were taken."""
        return self._position

    def append(self, data: bytes | bytearray) -> None:
        """Take more bytes."""
        self._position += len(data)
        if self._file is not None:
            self._file.write(data)
            return
        self._held += data
        if len(self._held) > _HELD:
            self._spill()

    def read_at(self, offset: int, length: int) -> bytes:
        """`length` bytes from `offset` on, all of which were taken before."""
        if self._file is None:
            return bytes(self._held[offset : offset + length])
        return _read_at(self.file(), offset, length)

    def file(self) -> IO[bytes]:
        """A file with all bytes at their offsets, flushed."""
        file = self._spill() if self._file is None else self._file
        file.flush()
        return file

    def _spill(self) -> IO[bytes]:
        self._file = tempfile.TemporaryFile(dir=self._directory)  # noqa: SIM115 - closed with the scratch
        self._file.write(self._held)
        self._held = bytearray()
        return self._file


def _read_at(source: IO[bytes], offset: int, length: int) -> bytes:
    """Bytes of an unbuffered or flushed file, without moving its position where the system can do that."""
    if hasattr(os, "pread"):
        return os.pread(source.fileno(), length, offset)
    position = source.tell()
    source.seek(offset)
    data = source.read(length)
    source.seek(position)
    return data
