"""The grammar of environment markers (PEP 508): a marker as a tree, with no opinion about environments."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bridge.errors import Code, InvalidInput
from bridge.mapping.version_ast import MAX_DEPTH

if TYPE_CHECKING:
    from packaging.markers import Marker

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<punctuation>[()])"
    r"|(?P<comparison>(?P<left>\"[^\"]*\"|'[^']*'|[a-z_]+)\s*"
    r"(?P<operator>===|==|!=|~=|<=|>=|<|>|not\s+in\b|in\b)\s*(?P<right>\"[^\"]*\"|'[^']*'|[a-z_]+))"
    r"|(?P<word>and|or)\b)\s*"
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One comparison of a variable with a literal.

    `variable` is empty where not exactly one side is a variable; nothing is known of such a comparison.
    """

    text: str
    variable: str
    operator: str
    literal: str
    #: whether the literal stands on the left.
    reversed: bool


@dataclass(frozen=True, slots=True)
class AllOf:
    """`a and b`."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """`a or b`; binds weaker than `and`."""

    parts: tuple[Node, ...]


Node = Comparison | AllOf | AnyOf
_Token = str | Comparison


def parse_marker(marker: Marker) -> Node:
    """The tree of a marker that `packaging` has read; it is taken from the marker's normal spelling.

    Raises:
        InvalidInput: CB111, it is nested deeper than people write.
    """
    tokens = _tokens(str(marker))
    node, _ = _either(tokens, 0, 0)
    return node


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise _malformed(f"marker {text!r} cannot be read from {text[position:]!r} on")
        tokens.append(_comparison(match) if match["comparison"] else match["punctuation"] or match["word"])
        position = match.end()
    return tokens


def _comparison(match: re.Match[str]) -> Comparison:
    left, operator, right = match["left"], " ".join(match["operator"].split()), match["right"]
    backwards = left[0] in "\"'"
    variable, literal = (right, left) if backwards else (left, right)
    known = variable[0] not in "\"'" and literal[0] in "\"'"
    return Comparison(match["comparison"], variable if known else "", operator, literal[1:-1], backwards)


def _either(tokens: list[_Token], start: int, depth: int) -> tuple[Node, int]:
    if depth > MAX_DEPTH:
        raise _malformed("marker is nested too deeply")
    node, position = _both(tokens, start, depth)
    parts = [node]
    while position < len(tokens) and tokens[position] == "or":
        node, position = _both(tokens, position + 1, depth)
        parts.append(node)
    return (parts[0] if len(parts) == 1 else AnyOf(tuple(parts))), position


def _both(tokens: list[_Token], start: int, depth: int) -> tuple[Node, int]:
    node, position = _one(tokens, start, depth)
    parts = [node]
    while position < len(tokens) and tokens[position] == "and":
        node, position = _one(tokens, position + 1, depth)
        parts.append(node)
    return (parts[0] if len(parts) == 1 else AllOf(tuple(parts))), position


def _one(tokens: list[_Token], start: int, depth: int) -> tuple[Node, int]:
    first = tokens[start] if start < len(tokens) else ""
    if isinstance(first, Comparison):
        return first, start + 1
    if first != "(":
        raise _malformed("marker has no comparison where one is due")
    node, position = _either(tokens, start + 1, depth + 1)
    if position >= len(tokens) or tokens[position] != ")":
        raise _malformed("marker has an open parenthesis")
    return node, position + 1


def _malformed(message: str) -> InvalidInput:
    return InvalidInput(Code.BAD_METADATA, message, field="Requires-Dist")
