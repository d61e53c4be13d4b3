"""The grammar of environment markers (PEP 508): a marker as a tree, with no opinion about environments."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from bridge.errors import Code, InvalidInput
from bridge.mapping.precedence import Grammar, Tree

if TYPE_CHECKING:
    from packaging.markers import Marker

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<punctuation>[()])"
    r"|(?P<comparison>(?P<left>\"[^\"]*\"|'[^']*'|[a-z_]+)\s*"
    r"(?P<operator>===|==|!=|~=|<=|>=|<|>|not\s+in\b|in\b)\s*(?P<right>\"[^\"]*\"|'[^']*'|[a-z_]+))"
    r"|(?P<word>and|or)\b)\s*"
)
#: comparisons, operators and parentheses; the longest marker of a known project has 11.
_MOST_TOKENS: Final = 1000


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


Node = Tree[Comparison]
_GRAMMAR: Final[Grammar[Comparison]] = Grammar(both="and", either="or", language="marker", term="comparison")


def parse_marker(marker: Marker) -> Node:
    """The tree of a marker that `packaging` has read; it is taken from the marker's normal spelling.

    Raises:
        InvalidInput: CB111, it is nested deeper or longer than people write.
    """
    return _parse(str(marker))


@lru_cache(maxsize=4096)
def _parse(text: str) -> Node:
    tokens = _tokens(text)
    try:
        node, _ = _GRAMMAR.parse(tokens)
    except ValueError as error:
        raise _malformed(str(error)) from error
    return node


def _tokens(text: str) -> list[str | Comparison]:
    tokens: list[str | Comparison] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise _malformed(f"marker {text!r} cannot be read from {text[position:]!r} on")
        tokens.append(_comparison(match) if match["comparison"] else match["punctuation"] or match["word"])
        position = match.end()
        if len(tokens) > _MOST_TOKENS:
            raise _malformed(f"marker has more than {_MOST_TOKENS} comparisons, operators and parentheses")
    return tokens


def _comparison(match: re.Match[str]) -> Comparison:
    left, operator, right = match["left"], " ".join(match["operator"].split()), match["right"]
    backwards = left[0] in "\"'"
    variable, literal = (right, left) if backwards else (left, right)
    known = variable[0] not in "\"'" and literal[0] in "\"'"
    return Comparison(match["comparison"], variable if known else "", operator, literal[1:-1], backwards)


def _malformed(message: str) -> InvalidInput:
    return InvalidInput(Code.BAD_METADATA, message, field="Requires-Dist")
