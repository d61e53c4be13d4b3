"""On which line of a TOML file each value stands, which the standard library's reader does not tell."""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_left
from contextlib import suppress
from typing import Final

from bridge.errors import Code, InvalidInput

#: keys and numbers of array elements, from the top of the document.
Path = tuple[str | int, ...]

#: parts of one key, and arrays or inline tables inside each other; policies need 3. What is deeper would cost the
#: standard library's reader quadratic time.
_DEEPEST: Final = 16

_BLANK: Final = re.compile(r"[ \t]*")
_GAP: Final = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
_BASIC: Final = re.compile(r'"(?:[^"\\\n]|\\[^\n])*"')
_LITERAL: Final = re.compile(r"'[^'\n]*'")
_TEXT: Final = re.compile(
    r'"""(?:[^\\]|\\.)*?"""(?:"{0,2})' + "|'''.*?'''(?:'{0,2})|" + _BASIC.pattern + "|" + _LITERAL.pattern,
    re.DOTALL,
)
_SCALAR: Final = re.compile(r"[^,\]}#\n\"'\[{]+")


class _NotToml(Exception):
    """The text is not TOML from here on, which the real reader explains better."""


def lines_of(text: str, filename: str) -> dict[Path, int]:
    """The line of every table, value and array element, counted from 1.

    Where the text is not TOML, the lines end there: it is for the real reader to say what is wrong.

    Args:
        text: the document.
        filename: for errors.

    Raises:
        InvalidInput: CB109, keys or values are nested deeper than any policy's.
    """
    scanner = _Scanner(text, filename)
    with suppress(_NotToml):
        scanner.document()
    breaks = [match.start() for match in re.finditer("\n", text)]
    return {path: bisect_left(breaks, offset) + 1 for path, offset in scanner.offsets.items()}


class _Scanner:
    """Walks over the document once; `offsets` grows."""

    def __init__(self, text: str, filename: str) -> None:
        self.offsets: dict[Path, int] = {}
        self._text = text
        self._at = 0
        self._filename = filename
        #: array of tables -> tables so far.
        self._tables: dict[Path, int] = {}

    def document(self) -> None:
        prefix: Path = ()
        while self._skip(_GAP) < len(self._text):
            if self._text[self._at] == "[":
                prefix = self._header()
            else:
                self._pair(prefix)

    def _header(self) -> Path:
        start = self._at
        array = self._text.startswith("[[", start)
        self._at += 2 if array else 1
        *parents, last = self._key()
        self._expect("]]" if array else "]")
        path: Path = ()
        for part in parents:
            path = self._inside((*path, part))
            self.offsets.setdefault(path, start)
        path = (*path, last)
        if array:
            self.offsets.setdefault(path, start)
            self._tables[path] = self._tables.get(path, 0) + 1
            path = self._inside(path)
        self.offsets.setdefault(path, start)
        return path

    def _inside(self, path: Path) -> Path:
        """The last table of an array of tables; other paths as they are."""
        count = self._tables.get(path)
        return path if count is None else (*path, count - 1)

    def _pair(self, prefix: Path, depth: int = 0) -> None:
        start = self._at
        path = prefix
        for part in self._key():
            path = (*path, part)
            self.offsets.setdefault(path, start)
        self._expect("=")
        self._skip(_BLANK)
        self._value(path, depth)

    def _key(self) -> tuple[str, ...]:
        parts: list[str] = []
        while True:
            self._skip(_BLANK)
            if (match := _BARE_KEY.match(self._text, self._at)) is not None:
                parts.append(match[0])
            elif (match := _LITERAL.match(self._text, self._at)) is not None:
                parts.append(match[0][1:-1])
            elif (match := _BASIC.match(self._text, self._at)) is not None:
                parts.append(_unquoted(match[0]))
            else:
                raise _NotToml
            if len(parts) > _DEEPEST:
                raise self._too_deep()
            self._at = match.end()
            if self._skip(_BLANK) == len(self._text) or self._text[self._at] != ".":
                return tuple(parts)
            self._at += 1

    def _value(self, path: Path, depth: int) -> None:
        if depth > _DEEPEST:
            raise self._too_deep()
        match self._text[self._at : self._at + 1]:
            case "[":
                self._array(path, depth + 1)
            case "{":
                self._inline_table(path, depth + 1)
            case '"' | "'":
                self._past(_TEXT)
            case _:
                self._past(_SCALAR)

    def _array(self, path: Path, depth: int) -> None:
        self._at += 1
        number = 0
        while self._skip(_GAP) < len(self._text) and self._text[self._at] != "]":
            self.offsets.setdefault((*path, number), self._at)
            self._value((*path, number), depth)
            number += 1
            self._comma()
        self._expect("]")

    def _inline_table(self, path: Path, depth: int) -> None:
        self._at += 1
        while self._skip(_GAP) < len(self._text) and self._text[self._at] != "}":
            self._pair(path, depth)
            self._comma()
        self._expect("}")

    def _comma(self) -> None:
        if self._skip(_GAP) < len(self._text) and self._text[self._at] == ",":
            self._at += 1
        elif self._text[self._at : self._at + 1] not in ("]", "}"):
            raise _NotToml

    def _skip(self, pattern: re.Pattern[str]) -> int:
        match = pattern.match(self._text, self._at)
        if match is not None:
            self._at = match.end()
        return self._at

    def _past(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self._text, self._at)
        if match is None:
            raise _NotToml
        self._at = match.end()

    def _expect(self, text: str) -> None:
        if not self._text.startswith(text, self._at):
            raise _NotToml
        self._at += len(text)

    def _too_deep(self) -> InvalidInput:
        line = self._text.count("\n", 0, self._at) + 1
        message = f"keys and values are nested deeper than {_DEEPEST}"
        return InvalidInput(Code.LIMIT, message, subject=self._filename, field=f"line {line}")


def _unquoted(key: str) -> str:
    try:
        return str(tomllib.loads(f"key = {key}")["key"])
    except tomllib.TOMLDecodeError as error:
        raise _NotToml from error
