"""Marked blocks: the part of a user's file that is made from the policy. The rest stays as it is, byte for byte.

A block stands between two comments:

    # >>> conda-bridge policy: uv >>>
    # <<< conda-bridge policy: uv <<<

Each client has blocks of its own, and may have several in one file: TOML and INI do not let a table be opened twice, so
keys for a table that the file already has go into a block inside it. What the policy says is never mixed with what the
user says: a key that the file sets to another value outside of the block is an error, and an array of tables or a list
is never extended.

Taking the blocks out gives the bytes that were there before. A file without a line end at its end keeps that: then the
block has none either, and taking it out takes the line end before it as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Protocol

from bridge.errors import Code, InvalidInput
from bridge.priority import blocks_ini, blocks_toml, blocks_yaml
from bridge.priority.block_plan import Existing, Insertion
from bridge.priority.report import Client, FileFormat

_MARKER: Final = re.compile(
    r"# (?P<arrows>>>>|<<<) conda-bridge policy: (?P<client>[a-z-]+) (?P=arrows)[ \t]*\r?(?:\n|\Z)"
)
_CLIENTS: Final = frozenset(client.value for client in Client)
_BOM: Final = "\ufeff"


class _Syntax(Protocol):
    """What the modules for one syntax each have."""

    def inner_lines(self, text: str, /) -> frozenset[int]: ...

    def plan(self, existing: Existing, document: str) -> list[Insertion]: ...

    def is_block_of_tables(self, text: str, /) -> bool: ...

    def section_at(self, text: str, offset: int, /) -> tuple[str, ...]: ...

    def check(self, before: str, document: str, after: str, filename: str) -> None: ...


_SYNTAX: Final[Mapping[FileFormat, _Syntax]] = MappingProxyType(
    {FileFormat.TOML: blocks_toml, FileFormat.YAML: blocks_yaml, FileFormat.INI: blocks_ini}
)


@dataclass(frozen=True, slots=True)
class _Block:
    """One block as it stands in a file."""

    client: Client
    #: of the first character of the first marker, and after the line end of the last.
    start: int
    end: int


def has_blocks(form: FileFormat) -> bool:
    """Whether files of a format can have blocks."""
    return form in _SYNTAX


def put_block(
    content: bytes, document: str, form: FileFormat, client: Client, *, filename: str, note: str = ""
) -> bytes:
    """A file with a client's blocks put in, in the place of those that are there already.

    Args:
        content: the file; empty where there is none.
        document: what the blocks hold, as a document of its own that ends with a line end.
        form: one that `has_blocks`.
        client: whose blocks; those of other clients count as what the user wrote.
        filename: for messages.
        note: a line that every block begins with.

    Returns:
        The whole file; the same as `content` where nothing changes.

    Raises:
        InvalidInput: the file cannot be read (`CB442`), its blocks are damaged (`CB441`), or it sets a key that the
            document sets as well (`CB440`).
    """
    syntax = _SYNTAX[form]
    bom, text = _decoded(content, filename)
    base, places, removed = _taken(text, syntax, client, filename)
    existing = Existing(base, filename, MappingProxyType(places), _line_finder(base, removed))
    insertions = sorted(syntax.plan(existing, document), key=lambda insertion: insertion.offset)
    end = "\r\n" if "\r\n" in (base or text)[: (base or text).find("\n") + 1] else "\n"
    begin, finish = _markers(client)
    result, position = "", 0
    for insertion in insertions:
        result += base[position : insertion.offset]
        position = insertion.offset
        lines = [begin, *([f"# {note}"] if note else []), *insertion.text.splitlines(), finish]
        block = end.join(lines)
        # At the end of a file without a last line end, the block does not get one: that is how it is known later.
        open_ended = position == len(base) and base != "" and not base.endswith("\n")
        result += f"{end}{block}" if open_ended else f"{block}{end}"
    result += base[position:]
    syntax.check(base, document, result, filename)
    if _taken(result, syntax, client, filename)[0] != base:
        raise InvalidInput(Code.BLOCK_DAMAGED, "the file would not be the same without the block", subject=filename)
    return (bom + result).encode()


def take_block(content: bytes, form: FileFormat, client: Client, *, filename: str) -> bytes:
    """A file without a client's blocks: what `put_block` was given, if nobody edited the rest.

    Raises:
        InvalidInput: as `put_block`.
    """
    bom, text = _decoded(content, filename)
    return (bom + _taken(text, _SYNTAX[form], client, filename)[0]).encode()


def clients_with_blocks(content: bytes, form: FileFormat, *, filename: str) -> frozenset[Client]:
    """The clients that have blocks in a file.

    Raises:
        InvalidInput: as `put_block`.
    """
    _, text = _decoded(content, filename)
    return frozenset(block.client for block in _blocks(text, _SYNTAX[form], filename))


def _decoded(content: bytes, filename: str) -> tuple[str, str]:
    """A byte order mark, or nothing, and the rest."""
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise InvalidInput(Code.EDITED_FILE, f"not UTF-8: {error}", subject=filename) from None
    return (_BOM, text[1:]) if text.startswith(_BOM) else ("", text)


def _markers(client: Client) -> tuple[str, str]:
    return f"# >>> conda-bridge policy: {client.value} >>>", f"# <<< conda-bridge policy: {client.value} <<<"


def _blocks(text: str, syntax: _Syntax, filename: str) -> list[_Block]:
    """All blocks in order.

    Markers that are part of a value do not count. Inside of a block nothing but its end does: somebody may have edited
    it into something that cannot be read.
    """
    inner = syntax.inner_lines(text)
    blocks: list[_Block] = []
    begun: tuple[str, int, int] | None = None
    position = 0
    for number, line in enumerate(_lines(text), start=1):
        end = position + len(line)
        marker = _MARKER.fullmatch(line) if begun or position not in inner else None
        if marker is not None:
            client, opens = marker["client"], marker["arrows"] == ">>>"
            if client not in _CLIENTS or opens == (begun is not None):
                raise _damaged("the marker has no counterpart", filename, number)
            if begun is None:
                begun = client, position, number
            elif begun[0] != client:
                raise _damaged("the block ends with the marker of another client", filename, number)
            else:
                blocks.append(_Block(Client(client), begun[1], end))
                begun = None
                inner = frozenset(end + offset for offset in syntax.inner_lines(text[end:]))
        position = end
    if begun is not None:
        raise _damaged("the block has no end", filename, begun[2])
    return blocks


def _taken(
    text: str, syntax: _Syntax, client: Client, filename: str
) -> tuple[str, dict[tuple[str, ...] | None, int], list[tuple[int, int]]]:
    """A file without a client's blocks.

    Returns:
        The rest; for each table that had a block inside the offset where it was, with None for a block with tables of
        its own; offset and number of lines of what was taken out.
    """
    rest, position = "", 0
    found: list[tuple[bool, int]] = []
    removed: list[tuple[int, int]] = []
    for block in (block for block in _blocks(text, syntax, filename) if block.client is client):
        rest += text[position : block.start]
        content = text[block.start : block.end]
        if not content.endswith("\n"):
            rest = rest.removesuffix("\n").removesuffix("\r")
        found.append((syntax.is_block_of_tables(content), len(rest)))
        removed.append((len(rest), content.count("\n")))
        position = block.end
    rest += text[position:]
    places: dict[tuple[str, ...] | None, int] = {}
    for tables, offset in ((tables, min(offset, len(rest))) for tables, offset in found):
        places.setdefault(None if tables else syntax.section_at(rest, offset), offset)
    return rest, places, removed


def _line_finder(base: str, removed: list[tuple[int, int]]) -> Callable[[int], int]:
    """From an offset in what is left to the line in the file as it is."""

    def line_of(offset: int) -> int:
        return base.count("\n", 0, offset) + 1 + sum(lines for start, lines in removed if start <= offset)

    return line_of


def _lines(text: str) -> list[str]:
    """Lines with their ends; only a line feed ends one, whatever else Unicode may call a line end."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _damaged(message: str, filename: str, line: int) -> InvalidInput:
    return InvalidInput(Code.BLOCK_DAMAGED, message, subject=filename, field=f"line {line}")
