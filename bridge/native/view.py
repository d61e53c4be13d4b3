"""Bounds-checked reads from the bytes of an untrusted binary."""

from __future__ import annotations

import mmap
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from bridge.errors import Code, InvalidInput

if TYPE_CHECKING:
    import struct

#: what binaries are read from; all three slice without touching the rest.
Buffer = bytes | memoryview | mmap.mmap

#: strings in binaries are names; a path list is the longest that is read.
STRING_LIMIT: Final = 64 * 1024
#: all strings of one binary together. Real ones need 20 kB; a hostile file names one a million times.
STRING_BUDGET: Final = 4 * 1024 * 1024
_STEP: Final = 256


@dataclass(slots=True)
class View:
    """A binary under examination: every read is checked against its end, every string against a budget."""

    data: Buffer
    subject: str | None = None
    _budget: int = field(default=STRING_BUDGET, init=False)

    def __len__(self) -> int:
        return len(self.data)

    def error(self, what: str, problem: str) -> InvalidInput:
        """The refusal (CB124) of the file because of its part `what`."""
        return InvalidInput(Code.BAD_BINARY, f"{what} {problem}", subject=self.subject, field=what)

    def require(self, offset: int, size: int, what: str) -> None:
        """Check that `size` bytes at `offset` lie inside the file.

        Raises:
            InvalidInput: CB124.
        """
        if offset < 0 or size < 0 or offset + size > len(self.data):
            raise self.error(what, "points outside the file")

    def read(self, offset: int, size: int, what: str) -> bytes:
        """Return exactly `size` bytes at `offset`.

        Raises:
            InvalidInput: CB124, they lie outside the file.
        """
        self.require(offset, size, what)
        return bytes(self.data[offset : offset + size])

    def unpack(self, layout: struct.Struct, offset: int, what: str) -> tuple[int, ...]:
        """Return the integers of a structure at `offset`.

        Raises:
            InvalidInput: CB124, it lies outside the file.
        """
        return layout.unpack(self.read(offset, layout.size, what))

    def string(self, offset: int, end: int, what: str) -> str:
        """Return the C string at `offset`, whose NUL lies before `end`.

        Raises:
            InvalidInput: CB124, it has no end, is too long, or is not printable UTF-8.
        """
        end = min(end, len(self.data))
        if not 0 <= offset < end:
            raise self.error(what, "names a string outside its table")
        stop = min(end, offset + STRING_LIMIT, offset + self._budget)
        raw = bytearray()
        while offset < stop:
            piece = bytes(self.data[offset : min(offset + _STEP, stop)])
            head, nul, _ = piece.partition(b"\0")
            raw += head
            if nul:
                return self.text(bytes(raw), what)
            offset += len(piece)
        raise self.error(what, "names a string without an end, or too long")

    def text(self, raw: bytes, what: str) -> str:
        """Decode the bytes of a string, and count them.

        Raises:
            InvalidInput: CB124, it is too long, or not printable UTF-8.
        """
        self._budget -= len(raw) + 1
        if len(raw) > STRING_LIMIT or self._budget < 0:
            raise self.error(what, "names strings that are too long")
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            raise self.error(what, "is not UTF-8") from None
        if not text.isprintable():
            raise self.error(what, "holds a control character")
        return text
