"""Values of a configuration file together with the lines on which they stand.

Nothing here complains about a value: an audit reads what there is, and skips what is of no use to the client either.
"""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from bridge.errors import Code, InvalidInput
from bridge.limits import MIB
from bridge.priority.configs.config import Place
from bridge.priority.toml_lines import lines_of

#: of a file that a person writes.
LARGEST: Final = 4 * MIB
#: of a lock file; those of large workspaces have 10 MB.
LARGEST_LOCK: Final = 64 * MIB
#: values that a YAML document may have after its aliases are followed; 64 MiB of real lock files have fewer.
_VALUES: Final = 4_000_000
_DEEPEST: Final = 64
_TOO_MUCH: Final = "holds too many values, or too deep ones"
#: whole numbers; `1_000`, `0x10` and 1.10 stay as they are written.
_INTEGER: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})")
_TRUE: Final = frozenset({"true", "yes", "on"})

#: libyaml, where PyYAML was built with it, is ten times as fast.
_Loader: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Steps = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Tree:
    """A value of a document, or nothing where the document does not have it."""

    value: Any
    file: str
    lines: Mapping[Steps, int] = field(repr=False)
    path: Steps = ()

    def __bool__(self) -> bool:
        return self.value is not None

    @property
    def place(self) -> Place:
        """The line of the value, or of the nearest thing around it."""
        ends = range(len(self.path), -1, -1)
        line = next((self.lines[self.path[:end]] for end in ends if self.path[:end] in self.lines), 1)
        return Place(self.file, line)

    def get(self, *keys: str) -> Tree:
        """The value under some keys; without one where it is not there."""
        value = self.value
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        return Tree(value, self.file, self.lines, (*self.path, *keys))

    def entries(self) -> Iterator[tuple[str, Tree]]:
        """The entries of a mapping; none where it is something else."""
        if isinstance(self.value, dict):
            for key, value in self.value.items():
                yield str(key), Tree(value, self.file, self.lines, (*self.path, key))

    def elements(self) -> Iterator[Tree]:
        """The elements of a list; none where it is something else."""
        if isinstance(self.value, list):
            for number, value in enumerate(self.value):
                yield Tree(value, self.file, self.lines, (*self.path, number))

    def listed(self) -> Iterator[Tree]:
        """The elements of a list, or the one value that stands in its place."""
        if isinstance(self.value, list):
            yield from self.elements()
        elif self.value is not None and not isinstance(self.value, dict):
            yield self

    @property
    def text(self) -> str:
        """Text; empty where it is something else."""
        return self.value if isinstance(self.value, str) else ""

    @property
    def shown(self) -> str:
        """A plain value as text."""
        if isinstance(self.value, bool):
            return "true" if self.value else "false"
        return str(self.value) if isinstance(self.value, str | int | float) else ""

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts in a list, or one text as a list."""
        return tuple(element.text for element in self.listed() if element.text)

    @property
    def true(self) -> bool:
        """Whether it is a yes; configuration of conda also takes the words."""
        return self.value is True or self.text.lower() in _TRUE

    @property
    def false(self) -> bool:
        """Whether it is a no."""
        return self.value is False or self.text.lower() in ("false", "no", "off")


def read_text(path: Path, shown: str, limit: int = LARGEST) -> str | None:
    """A file's text; None where there is no such file.

    Args:
        path: followed where it is a link; anything but a file (a pipe, a device) counts as missing.
        shown: its name in messages.
        limit: in bytes.

    Raises:
        InvalidInput: CB101 it cannot be read, CB109 it is too large, CB111 it is not UTF-8.
    """
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except (OSError, ValueError) as error:
        message = f"cannot be read: {getattr(error, 'strerror', None) or 'the name is none'}"
        raise InvalidInput(Code.UNREADABLE, message, subject=shown) from error
    with os.fdopen(handle, "rb") as stream:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return None
        try:
            content = stream.read(limit + 1)
        except OSError as error:
            raise InvalidInput(Code.UNREADABLE, f"cannot be read: {error.strerror}", subject=shown) from error
    if len(content) > limit:
        raise InvalidInput(Code.LIMIT, f"is larger than {limit} bytes", subject=shown)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(Code.BAD_METADATA, "is not UTF-8", subject=shown) from error


def toml_tree(text: str, shown: str) -> Tree:
    """A TOML document.

    Raises:
        InvalidInput: CB111 it is not TOML, CB109 it is nested too deeply.
    """
    text = text.replace("\r\n", "\n")
    lines = lines_of(text, shown)
    try:
        value = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(Code.BAD_METADATA, f"is not TOML: {error}", subject=shown) from error
    return Tree(value, shown, lines)


def yaml_tree(text: str, shown: str) -> Tree:
    """A YAML document; what its tags ask for is never made, and aliases are followed only so far.

    Raises:
        InvalidInput: CB111 it is not YAML, CB109 it is too large or nested too deeply.
    """
    try:
        # events and not nodes: the composer of libyaml follows nested lists until the stack ends
        builder = _Builder(yaml.parse(text, Loader=_Loader), shown)
        return Tree(builder.document(), shown, builder.lines)
    except (yaml.YAMLError, ValueError) as error:
        # libyaml has a limit of its own, far above ours, and reads ahead
        if "nesting depth" in (getattr(error, "problem", None) or ""):
            raise InvalidInput(Code.LIMIT, _TOO_MUCH, subject=shown) from error
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark is not None else ""
        raise InvalidInput(Code.BAD_METADATA, f"is not YAML{where}", subject=shown) from error


class _Builder:
    """Plain values out of the events of a YAML document."""

    def __init__(self, events: Iterator[Any], shown: str) -> None:
        self.lines: dict[Steps, int] = {}
        self._events = events
        self._shown = shown
        self._left = _VALUES
        #: what aliases mean, and how many values that is.
        self._anchors: dict[str, tuple[Any, int]] = {}

    def document(self) -> Any:
        """The first document of the stream; None where there is none."""
        for event in self._events:
            if isinstance(event, yaml.NodeEvent):
                return self._value(event, ())
        return None

    def _value(self, event: Any, path: Steps) -> Any:
        self._spend(1, path)
        self.lines.setdefault(path, event.start_mark.line + 1)
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise InvalidInput(Code.BAD_METADATA, "is not YAML: an alias of nothing", subject=self._shown)
            value, size = self._anchors[event.anchor]
            self._spend(size, path)
            return value
        before = self._left
        if isinstance(event, yaml.MappingStartEvent):
            value = self._mapping(path)
        elif isinstance(event, yaml.SequenceStartEvent):
            value = self._sequence(path)
        else:
            value = _scalar(event)
        if event.anchor:
            self._anchors[event.anchor] = (value, before - self._left)
        return value

    def _sequence(self, path: Steps) -> list[Any]:
        found: list[Any] = []
        for event in self._events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            found.append(self._value(event, (*path, len(found))))
        return found

    def _mapping(self, path: Steps) -> dict[str, Any]:
        found: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for event in self._events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            key = event.value if isinstance(event, yaml.ScalarEvent) else ""
            if not isinstance(event, yaml.ScalarEvent):
                self._value(event, (*path, key))
            content = self._value(next(self._events), (*path, key))
            self.lines[(*path, key)] = event.start_mark.line + 1
            if key == "<<" and event.implicit[0]:
                for one in content if isinstance(content, list) else [content]:
                    merged = {**one, **merged} if isinstance(one, dict) else merged
            else:
                found[key] = content
        return {**merged, **found}

    def _spend(self, values: int, path: Steps) -> None:
        self._left -= values
        if self._left < 0 or len(path) > _DEEPEST:
            raise InvalidInput(Code.LIMIT, _TOO_MUCH, subject=self._shown)


def _scalar(event: Any) -> Any:
    text = str(event.value)
    if not event.implicit[0]:  # quoted
        return text
    if text in ("", "~", "null", "Null", "NULL"):
        return None
    if text.lower() in (*_TRUE, "false", "no", "off"):
        return text.lower() in _TRUE
    return int(text) if _INTEGER.fullmatch(text) else text
