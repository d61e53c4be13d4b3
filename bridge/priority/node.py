"""A value of the policy file together with where it stands, so that every complaint names its line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from typing import Any, Final, TypeVar

from bridge.errors import Code, InvalidInput
from bridge.formats.conda.identifiers import printable
from bridge.formats.conda.redaction import redact
from bridge.priority.toml_lines import Path

_KINDS: Final = {bool: "a boolean", int: "a number", float: "a number", str: "text", list: "a list", dict: "a table"}
_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
_SHOWN: Final = 80

Choice = TypeVar("Choice", bound=Enum)


@dataclass(frozen=True, slots=True)
class Node:
    """One value. Values are never shown in errors unless a caller does: one may be a secret in the wrong place."""

    value: Any
    path: Path
    filename: str
    lines: Mapping[Path, int]

    @property
    def line(self) -> int:
        """The line of the value, or of the nearest thing around it that has one."""
        return next(
            (self.lines[self.path[:end]] for end in range(len(self.path), -1, -1) if self.path[:end] in self.lines), 1
        )

    def fail(self, code: Code, message: str) -> InvalidInput:
        """The error about this value."""
        name = _dotted(self.path)
        where = f"line {self.line}: {name}" if name else f"line {self.line}"
        return InvalidInput(code, message, subject=self.filename, field=where)

    def child(self, key: str | int) -> Node:
        return Node(self.value[key], (*self.path, key), self.filename, self.lines)

    def table(
        self, known: Iterable[str], required: Sequence[str] = (), *, elsewhere: Iterable[str] = ()
    ) -> dict[str, Node]:
        """The entries of a table whose keys are fixed.

        Args:
            known: the keys that there are.
            required: those that must be there.
            elsewhere: keys of the top of the file, to tell who writes one of them too far down.

        Raises:
            InvalidInput: CB452 a key is unknown or missing, CB453 it is no table.
        """
        names = sorted(known)
        entries = self.entries()
        for key, node in entries.items():
            if key in names:
                continue
            if key in elsewhere:
                raise node.fail(Code.POLICY_KEY, "is a key of the whole file; write it above the first table")
            near = get_close_matches(key, names, 1)
            hint = f"; did you mean {near[0]}?" if near else f" (known: {', '.join(names)})"
            raise node.fail(Code.POLICY_KEY, f"is not a key of the policy{hint}")
        for key in required:
            if key not in entries:
                raise self.fail(Code.POLICY_KEY, f"the key {key} is missing")
        return entries

    def entries(self) -> dict[str, Node]:
        """The entries of a table with any keys, in the order of the file.

        Raises:
            InvalidInput: CB453.
        """
        if not isinstance(self.value, dict):
            raise self._wrong("a table")
        return {key: self.child(key) for key in self.value}

    def items(self, *, least: int = 1) -> list[Node]:
        """The elements of a list.

        Raises:
            InvalidInput: CB453, it is no list, or shorter than `least`.
        """
        if not isinstance(self.value, list):
            raise self._wrong("a list")
        if len(self.value) < least:
            raise self.fail(Code.POLICY_VALUE, "the list must not be empty")
        return [self.child(number) for number in range(len(self.value))]

    def text(self, pattern: re.Pattern[str], expected: str, *, code: Code = Code.POLICY_VALUE) -> str:
        """Text that a pattern describes.

        Args:
            pattern: for the whole text.
            expected: what it should be, for people.
            code: of the error where the text is not that.

        Raises:
            InvalidInput: CB453 it is no text, or `code`.
        """
        if not isinstance(self.value, str):
            raise self._wrong("text")
        if pattern.fullmatch(self.value) is None:
            raise self.fail(code, f"must be {expected}")
        return self.value

    def texts(
        self, pattern: re.Pattern[str], expected: str, *, least: int = 1, code: Code = Code.POLICY_VALUE
    ) -> list[str]:
        """A list of different texts.

        Raises:
            InvalidInput: CB453 it is no list of texts or repeats itself, or `code`.
        """
        found: dict[str, None] = {}
        for item in self.items(least=least):
            text = item.text(pattern, expected, code=code)
            if text in found:
                raise item.fail(Code.POLICY_VALUE, f"{shown(text)} is listed twice")
            found[text] = None
        return list(found)

    def choice(self, options: type[Choice]) -> Choice:
        """One of the texts that are the values of an enum.

        Raises:
            InvalidInput: CB453.
        """
        values = [option.value for option in options]
        if not isinstance(self.value, str):
            raise self._wrong("text")
        if self.value not in values:
            raise self.fail(Code.POLICY_VALUE, f"must be {' or '.join(values)}")
        return options(self.value)

    def _wrong(self, expected: str) -> InvalidInput:
        found = _KINDS.get(type(self.value), "a date or time")
        return self.fail(Code.POLICY_VALUE, f"must be {expected}, not {found}")


def shown(text: str) -> str:
    """A name for a message, quoted, cut, without control characters and, where it is an address, without secrets."""
    return repr(printable(redact(text), _SHOWN))


def _dotted(path: Path) -> str:
    """The path as TOML has it: `sources.internal.conda`, `claims[0].from[1]`."""
    name = ""
    for part in path:
        if isinstance(part, int):
            name += f"[{part}]"
        else:
            text = part if _BARE_KEY.fullmatch(part) and len(part) <= _SHOWN else shown(part)
            name += f".{text}" if name else text
    return name
