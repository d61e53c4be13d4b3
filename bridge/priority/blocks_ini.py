"""Blocks in INI files as `configparser` reads them, and so pip.

A section can be there only once, so keys for one that exists go to its end; other sections go to the end of the file.
"""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from bridge.priority.block_plan import Existing, Insertion, Place, impossible

_HEADER: Final = re.compile(r"\[(?P<name>.+)\]")


def inner_lines(_text: str) -> frozenset[int]:
    """None: a line that begins with a comment sign is a comment, even inside of a value."""
    return frozenset()


def is_block_of_tables(text: str) -> bool:
    """Whether a block has a header, so that keys after it would belong to it."""
    return next(_headers(text), None) is not None


def section_at(text: str, offset: int) -> tuple[str, ...]:
    """The section that a key at an offset would belong to."""
    names = [name for name, start, _ in _headers(text) if start < offset]
    return (names[-1],) if names else ()


def plan(existing: Existing, document: str) -> list[Insertion]:
    """Where the parts of a document go.

    Raises:
        InvalidInput: the file is no INI file, or it sets what the document sets.
    """
    try:
        before = _parsed(existing.text)
    except configparser.Error as error:
        raise existing.unreadable(error) from None
    ours = _parsed(document)
    parts: dict[Place, list[str]] = {}
    bounds = [*_headers(document), ("", len(document), len(document))]
    for (name, start, end), (_, following, _) in pairwise(bounds):
        if not before.has_section(name):
            parts.setdefault(None, []).append(document[start:following])
            continue
        for key, value in ours.items(name):
            if before.has_option(name, key) and before.get(name, key) != value:
                raise existing.conflict(f"{name}.{key}", _key_offset(existing.text, name, key))
        if kept := [key for key in ours.options(name) if before.has_option(name, key)]:
            rest = {key: value for key, value in ours.items(name) if key not in kept}
            lines = [f"{key} = {value}\n".replace("\n", "\n\t").removesuffix("\t") for key, value in rest.items()]
            parts.setdefault((name,), []).extend(lines)
        else:
            parts.setdefault((name,), []).append(document[end:following])
    placed = sorted(parts.items(), key=lambda item: item[0] is None)
    return [Insertion(_offset(existing, place), "".join(texts)) for place, texts in placed if any(texts)]


def check(before: str, document: str, after: str, filename: str) -> None:
    """Make sure that a file now says what it said and what the document says, and nothing else.

    Raises:
        InvalidInput: it does not.
    """
    expected = _values(before)
    for name, values in _values(document).items():
        expected.setdefault(name, {}).update(values)
    try:
        read = _values(after)
    except configparser.Error:
        raise impossible(filename) from None
    if read != expected:
        raise impossible(filename)


def _offset(existing: Existing, place: Place) -> int:
    text = existing.text
    if place in existing.places:
        offset = existing.places[place]
        if place is None and (after := _first_key(text, offset)) is not None:
            raise existing.followed(after)
        return offset
    if place is None:
        return len(text)
    starts = [start for _, start, _ in _headers(text)]
    own = next(start for name, start, _ in _headers(text) if (name,) == place)
    return next((start for start in starts if start > own), len(text))


def _first_key(text: str, offset: int) -> int | None:
    """The first line from an offset that says anything, if it is no header."""
    for line in re.finditer(r"[^\n]+", text[offset:]):
        said = line.group().strip()
        if said and said[0] not in "#;":
            return None if said.startswith("[") else offset + line.start()
    return None


def _headers(text: str) -> Iterator[tuple[str, int, int]]:
    """Name, start and end of each header line."""
    for line in re.finditer(r"[^\n]*\n|[^\n]+", text):
        if header := _HEADER.match(line.group()):
            yield header["name"], line.start(), line.end()


def _key_offset(text: str, section: str, key: str) -> int:
    current = ""
    for line in re.finditer(r"[^\n]+", text):
        said = line.group()
        if header := _HEADER.match(said):
            current = header["name"]
        elif current == section and _normalized(re.split("[=:]", said, maxsplit=1)[0].strip()) == key:
            return line.start()
    return 0


def _normalized(key: str) -> str:
    """A key as pip compares it."""
    return key.lower().replace("_", "-").removeprefix("--")


def _parsed(text: str) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser()
    parser.optionxform = _normalized  # type: ignore[assignment,method-assign]
    parser.read_string(text)
    return parser


def _values(text: str) -> dict[str, dict[str, str]]:
    parser = _parsed(text)
    return {name: dict(parser.items(name)) for name in parser.sections()}
