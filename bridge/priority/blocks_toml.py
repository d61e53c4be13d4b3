"""Blocks in TOML files.

A table that the file has already cannot be opened again, so its keys go right below its header; where it is made by
dotted keys, they become dotted keys beside those. Everything else goes to the end of the file under headers of its own,
and keys of no table to the top, below the comments that the file begins with.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bridge.priority.block_plan import Existing, Insertion, Place, impossible
from bridge.priority.toml_layout import Kind, Path, Statement, statements
from bridge.priority.toml_text import toml_key, toml_value

#: the comments that a file begins with.
_TOP: Final = re.compile(r"(?:#[^\n]*\n)*")


@dataclass(slots=True)
class _Section:
    """A table of the document, or of an array of tables, and its keys."""

    header: Statement | None
    #: with comments above it.
    header_text: str
    keys: list[tuple[Statement, str]] = field(default_factory=list)

    @property
    def path(self) -> Path:
        return self.header.path if self.header else ()


def inner_lines(text: str) -> frozenset[int]:
    """The offsets of the lines that begin inside of a value."""
    return frozenset(
        statement.start + found.end()
        for statement in statements(text)
        for found in re.finditer("\n", text[statement.start : statement.end - 1])
    )


def is_block_of_tables(text: str) -> bool:
    """Whether a block has a header, so that keys after it would belong to it."""
    return any(statement.kind is not Kind.KEY for statement in statements(text))


def section_at(text: str, offset: int) -> Path:
    """The table that a key at an offset would belong to."""
    headers = (s.path for s in statements(text) if s.kind is not Kind.KEY and s.start < offset)
    return next(reversed(list(headers)), ())


def plan(existing: Existing, document: str) -> list[Insertion]:
    """Where the parts of a document go.

    Raises:
        InvalidInput: the file is no TOML, or it sets what the document sets.
    """
    try:
        before = tomllib.loads(existing.text)
    except tomllib.TOMLDecodeError as error:
        raise existing.unreadable(error) from None
    return list(_Planner(existing, before, document).insertions())


def check(before: str, document: str, after: str, filename: str) -> None:
    """Make sure that a file now says what it said and what the document says, and nothing else.

    Raises:
        InvalidInput: it does not.
    """
    try:
        read = tomllib.loads(after)
    except tomllib.TOMLDecodeError:
        raise impossible(filename) from None
    if _canonical(read) != _canonical(_merged(tomllib.loads(before), tomllib.loads(document))):
        raise impossible(filename)


class _Planner:
    """Plans one document for one file."""

    def __init__(self, existing: Existing, before: Mapping[str, Any], document: str) -> None:
        self._existing = existing
        self._before = before
        self._document = document
        self._ours = tomllib.loads(document)
        self._found = tuple(statements(existing.text))
        self._parts: dict[Place, list[str]] = {}
        #: arrays of tables that stand in one line already.
        self._inlined: set[Path] = set()

    def insertions(self) -> Iterator[Insertion]:
        arrays: set[Path] = set()
        for section in self._sections():
            if section.header is not None and section.header.kind is Kind.ARRAY:
                arrays.add(section.path)
            self._put(section, inside_array=any(section.path[: len(path)] == path for path in arrays))
        # Keys go before tables where both go to the end of the file.
        for place, parts in sorted(self._parts.items(), key=lambda item: item[0] is None):
            yield Insertion(self._offset(place), "".join(parts))

    def _sections(self) -> list[_Section]:
        sections = [_Section(None, "")]
        position = 0
        for statement in statements(self._document):
            text = self._document[position : statement.end]
            position = statement.end
            if statement.kind is Kind.KEY:
                sections[-1].keys.append((statement, text))
            else:
                sections.append(_Section(statement, text))
        return sections

    def _put(self, section: _Section, *, inside_array: bool) -> None:
        if section.header is not None and (kept := self._lookup(section.path)) is not None:
            is_table = isinstance(kept, dict) and section.header.kind is Kind.TABLE
            if (not is_table and not inside_array) or section.header.kind is Kind.ARRAY:
                raise self._conflict(section.path)
        keys = [key for key in section.keys if inside_array or not self._is_there(key[0].full)]
        host = self._host(section.path)
        if host is None:
            if keys or (not section.keys and self._lookup(section.path) is None):
                self._add(None, section.header_text + "".join(text for _, text in keys))
            return
        place, prefix = host
        if inside_array:
            self._put_inline(place, prefix, section.path)
            return
        dotted = "".join(f"{toml_key(name)}." for name in prefix)
        for statement, text in keys:
            # What stands between this statement and the one before it are comments.
            comments = len(text) - (statement.end - statement.start)
            self._add(place, text[:comments] + dotted + text[comments:].lstrip(" \t"))

    def _put_inline(self, place: Path, prefix: Path, path: Path) -> None:
        """All tables of an array in one line, where there can be no header."""
        if path in self._inlined:
            return
        self._inlined.add(path)
        value: Any = self._ours
        for name in path:
            value = value[name]
        self._add(place, f"{'.'.join(map(toml_key, prefix))} = {toml_value(value)}\n")

    def _add(self, place: Place, text: str) -> None:
        if text:
            self._parts.setdefault(place, []).append(text)

    def _offset(self, place: Place) -> int:
        text = self._existing.text
        offset = self._existing.places.get(place)
        if place is None:
            offset = len(text) if offset is None else offset
            after = next((s for s in self._found if s.start >= offset), None)
            if after is not None and after.kind is Kind.KEY:
                raise self._existing.followed(after.start)
            return offset
        if offset is not None:
            return offset
        if place:
            return next(s.end for s in self._found if s.kind is Kind.TABLE and s.path == place)
        if all(s.kind is Kind.KEY for s in self._found):
            return len(text)
        top = _TOP.match(text)
        return top.end() if top else 0

    def _host(self, path: Path) -> tuple[Path, Path] | None:
        """The table whose keys can define a table that exists already, and what its keys begin with there.

        None where the table can have a header of its own.
        """
        if not path or any(s.kind is Kind.TABLE and s.path == path for s in self._found):
            return path, ()
        for statement in self._found:
            if statement.kind is not Kind.KEY:
                continue
            if path[: len(statement.full)] == statement.full:
                message = "an inline table cannot be added to; write it as a table with a header"
                raise self._existing.conflict(".".join(path), statement.start, message)
            dotted = range(len(statement.section) + 1, len(statement.full))
            if any(path[:depth] == statement.full[:depth] for depth in dotted if depth <= len(path)):
                return statement.section, path[len(statement.section) :]
        return None

    def _is_there(self, path: Path) -> bool:
        """Whether the file has a key with the value that it is to have."""
        kept = self._lookup(path)
        if kept is None:
            return False
        ours: Any = self._ours
        for name in path:
            ours = ours[name]
        if _canonical(kept) != _canonical(ours):
            raise self._conflict(path)
        return True

    def _lookup(self, path: Path) -> Any:
        """What the file has at a path; None is nothing."""
        node: Any = self._before
        for depth, name in enumerate(path):
            if not isinstance(node, dict):
                raise self._conflict(path[:depth])
            node = node.get(name)
            if node is None:
                return None
        return node

    def _conflict(self, path: Path) -> Exception:
        related = (
            s.start
            for s in self._found
            if s.full[: len(path)] == path or (s.kind is not Kind.TABLE and s.full and path[: len(s.full)] == s.full)
        )
        return self._existing.conflict(".".join(map(toml_key, path)), next(related, 0))


def _merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(one)
    for name, value in other.items():
        kept = merged.get(name)
        merged[name] = _merged(kept, value) if isinstance(kept, dict) and isinstance(value, dict) else value
    return merged


def _canonical(value: Any) -> object:
    """A value that equals another only if nothing differs: `1` is not `1.0`, and NaN is NaN."""
    if isinstance(value, dict):
        return {name: _canonical(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_canonical(item) for item in value]
    return type(value).__name__, repr(value)
