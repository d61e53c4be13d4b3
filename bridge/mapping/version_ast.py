"""The grammar of conda's version specs: text to tree, with no opinion about versions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

from bridge.mapping.precedence import Grammar, Tree

_TOKEN = re.compile(
    r"\s*(?:(?P<punctuation>[|,()])"
    r"|(?P<operator>==|!=|~=|>=|<=|=|>|<)?\s*(?P<version>\*|[A-Za-z0-9_][A-Za-z0-9_.+!\-]*\*?(?:\.\*)*))\s*"
)


class Operator(Enum):
    """What a constraint asks of a version."""

    EQUAL = "=="
    NOT_EQUAL = "!="
    GREATER_EQUAL = ">="
    GREATER = ">"
    LESS_EQUAL = "<="
    LESS = "<"
    COMPATIBLE = "~="
    STARTS_WITH = "=*"
    NOT_STARTS_WITH = "!=*"


@dataclass(frozen=True, slots=True)
class Anything:
    """`*`."""


@dataclass(frozen=True, slots=True)
class Constraint:
    """One operator and the version as it was written, without any `*`."""

    operator: Operator
    version: str

    def __str__(self) -> str:
        match self.operator:
            case Operator.STARTS_WITH:
                return f"{self.version}.*"
            case Operator.NOT_STARTS_WITH:
                return f"!={self.version}.*"
            case operator:
                return f"{operator.value}{self.version}"


Term = Anything | Constraint
#: `,` for all, `|` for any.
Node = Tree[Term]
_GRAMMAR: Final[Grammar[Term]] = Grammar(both=",", either="|", language="version spec", term="version")

_PLAIN: Final = {
    "==": Operator.EQUAL,
    "!=": Operator.NOT_EQUAL,
    ">=": Operator.GREATER_EQUAL,
    ">": Operator.GREATER,
    "<=": Operator.LESS_EQUAL,
    "<": Operator.LESS,
    "~=": Operator.COMPATIBLE,
    "=": Operator.STARTS_WITH,
    "": Operator.EQUAL,
}
#: with a trailing `.*`, as solvers read it: `==` and ordered operators ignore it, and `>1.2.*` includes 1.2.
_GLOB: Final = {
    **_PLAIN,
    "!=": Operator.NOT_STARTS_WITH,
    ">": Operator.GREATER_EQUAL,
    "": Operator.STARTS_WITH,
}


def parse(text: str) -> Node:
    """Parse a version spec (`>=1.2,<2.0a0|3.*`).

    Raises:
        ValueError: it is not one; the message quotes the place.
    """
    tokens = _tokens(text)
    node, rest = _GRAMMAR.parse(tokens)
    if rest != len(tokens):
        raise ValueError(f"version spec {text!r} has a {tokens[rest]!r} too many")
    return node


def _tokens(text: str) -> list[str | Term]:
    tokens: list[str | Term] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise ValueError(f"version spec {text!r} cannot be read from {text[position:]!r} on")
        tokens.append(match["punctuation"] or _constraint(match["operator"] or "", match["version"]))
        position = match.end()
    return tokens


def _constraint(operator: str, version: str) -> Term:
    stem = version
    while stem.endswith("*"):
        stem = stem[:-1].removesuffix(".")
    if not stem:
        if operator in ("", "=", "==", ">=", "<="):
            return Anything()
        raise ValueError(f"{operator}{version} matches nothing")
    table = _PLAIN if stem == version else _GLOB
    return Constraint(table[operator], stem)
