"""Blocks in YAML files whose top level is a mapping in block style: rc files of conda and mamba.

Files are compared by the events of the parser, so nothing that a file says is turned into values, and an alias costs
nothing.
"""

from __future__ import annotations

import re
from io import StringIO
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from bridge.priority.block_plan import Existing, Insertion, impossible

#: what an event says; where it stands and how it is written do not count.
_Event = tuple[object, ...]
#: `key:` and what follows, with the offset of the key.
_Entry = tuple[str, int, tuple[_Event, ...]]

_NOT_BLOCK: Final = "the file is no mapping in block style; write one key per line"


def inner_lines(text: str) -> frozenset[int]:
    """The offsets of the lines that begin inside of a scalar; none where the file cannot be read."""
    starts = [0, *(found.end() for found in re.finditer("\n", text))]
    inner: set[int] = set()
    try:
        for token in _reader().scan(StringIO(text)):
            # A block scalar's mark ends at the start of the line after it.
            inner.update(
                start for start in starts if token.start_mark.index < start < token.end_mark.index and _is_scalar(token)
            )
    except YAMLError:
        return frozenset()
    return frozenset(inner)


def is_block_of_tables(_text: str) -> bool:
    """Never: a key at the start of a line is one of the file's."""
    return False


def section_at(_text: str, _offset: int) -> tuple[str, ...]:
    """There is one mapping only."""
    return ()


def plan(existing: Existing, document: str) -> list[Insertion]:
    """Where a document goes: to the end of the file.

    Raises:
        InvalidInput: the file is no such YAML, or it sets what the document sets.
    """
    try:
        before, column = _entries(existing.text)
    except YAMLError as error:
        raise existing.unreadable(error) from None
    except ValueError:
        raise existing.conflict("top level", 0, _NOT_BLOCK) from None
    kept = {key: (offset, said) for key, offset, said in before}
    ours, _ = _entries(document)
    lines = ""
    for number, (key, offset, said) in enumerate(ours):
        if key not in kept:
            start = ours[number - 1][1] if number else 0
            start = _end_of_entry(document, start, offset) if number else 0
            end = _end_of_entry(document, offset, ours[number + 1][1] if number + 1 < len(ours) else len(document))
            lines += "".join(f"{' ' * column}{line}\n" for line in document[start:end].splitlines())
        elif kept[key][1] != said:
            raise existing.conflict(key, kept[key][0])
    return [Insertion(existing.places.get((), len(existing.text)), lines)] if lines else []


def check(before: str, document: str, after: str, filename: str) -> None:
    """Make sure that a file now says what it said and what the document says, and nothing else.

    Raises:
        InvalidInput: it does not.
    """
    old = [(key, said) for key, _, said in _entries(before)[0]]
    ours = [(key, said) for key, _, said in _entries(document)[0] if key not in dict(old)]
    try:
        read = [(key, said) for key, _, said in _entries(after)[0]]
    except (YAMLError, ValueError):
        raise impossible(filename) from None
    if sorted(read, key=repr) != sorted(old + ours, key=repr):
        raise impossible(filename)


def _end_of_entry(document: str, start: int, following: int) -> int:
    """Where an entry of the document ends: comments right above a key belong to that key."""
    end = following
    while (line := document.rfind("\n", 0, end - 1) + 1) > start and document[line:end].startswith("#"):
        end = line
    return end


def _entries(text: str) -> tuple[list[_Entry], int]:
    """The keys of the top level with what they say, and the column that they stand in.

    Raises:
        YAMLError: the text is no YAML, or several documents, or a key is there twice.
        ValueError: it is no mapping in block style with plain keys.
    """
    events = list(_reader().parse(StringIO(text)))
    body = [event for event in events if type(event).__name__ not in _FRAME]
    if sum(type(event).__name__ == "DocumentStartEvent" for event in events) > 1:
        raise ValueError(text)
    if not body or (len(body) == 1 and getattr(body[0], "value", None) == ""):
        return [], 0
    if type(body[0]).__name__ != "MappingStartEvent" or body[0].flow_style:
        raise ValueError(text)
    entries: list[_Entry] = []
    position = 1
    while type(body[position]).__name__ != "MappingEndEvent":
        key = body[position]
        if type(key).__name__ != "ScalarEvent":
            raise ValueError(text)
        end = _node_end(body, position + 1)
        entries.append((key.value, key.start_mark.index, tuple(map(_said, body[position + 1 : end]))))
        position = end
    if len({key for key, _, _ in entries}) < len(entries):
        raise YAMLError("a key is there twice")
    return entries, body[0].start_mark.column


_FRAME: Final = frozenset({"StreamStartEvent", "StreamEndEvent", "DocumentStartEvent", "DocumentEndEvent"})


def _node_end(events: list[Any], position: int) -> int:
    depth = 0
    while True:
        name = type(events[position]).__name__
        depth += name.endswith("StartEvent") - name.endswith("EndEvent")
        position += 1
        if depth == 0:
            return position


def _said(event: Any) -> _Event:
    """An event without its place and style; a plain word and the same word in quotes are the same."""
    name = type(event).__name__
    anchor, tag = getattr(event, "anchor", None), getattr(event, "tag", None)
    if name != "ScalarEvent":
        return name, anchor, str(tag)
    plain = event.implicit[0] and not _WORD.fullmatch(event.value)
    return name, anchor, str(tag), event.value, plain


#: plain words that are strings in every version of YAML.
_WORD: Final = re.compile(r"(?!(?i:y|n|yes|no|on|off|true|false|null)\Z)[A-Za-z][A-Za-z0-9_./:+-]*")


def _is_scalar(token: Any) -> bool:
    return type(token).__name__ == "ScalarToken"


def _reader() -> YAML:
    return YAML(typ="rt", pure=True)
