"""Where the statements of a TOML file stand: what parsers throw away, and editing by hand needs.

Nothing is changed here, so whatever a file looks like, it can be put together again from its parts. Values are not
read; `tomllib` does that.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

#: path of a table or key: the parts of a dotted name.
Path = tuple[str, ...]

#: a string of any of the four kinds, a comment, a bracket, a line end, or anything else. A multi-line string may end in
#: two more quotes that belong to it.
_TOKEN: Final = re.compile(
    r'"""(?:[^\\]|\\.)*?"""(?:"{0,2})'
    r"|'''.*?'''(?:'{0,2})"
    r'|"(?:[^"\\\n]|\\[^\n])*"'
    r"|'[^'\n]*'"
    r"|#[^\n]*|[\[\]{}=\n]|[^\"'#\[\]{}=\n]+|.",
    re.DOTALL,
)


class Kind(Enum):
    """What a statement is."""

    KEY = "key"
    #: `[a.b]`
    TABLE = "table"
    #: `[[a.b]]`
    ARRAY = "array"


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement, from the start of its first line to the end of its last, line end included."""

    kind: Kind
    #: of a table: in full; of a key: as written, below `section`.
    path: Path
    #: the table in effect.
    section: Path
    start: int
    end: int

    @property
    def full(self) -> Path:
        """What it defines."""
        return self.section + self.path if self.kind is Kind.KEY else self.path


def statements(text: str) -> Iterator[Statement]:
    """The statements of a file in order.

    Args:
        text: of a file that need not be valid; what cannot be read gets an empty path.
    """
    section: Path = ()
    position = 0
    while position < len(text):
        end, equals = _extent(text, position)
        line = text[position:end].lstrip(" \t")
        if line.startswith("["):
            kind = Kind.ARRAY if line.startswith("[[") else Kind.TABLE
            section = _path(line)
            yield Statement(kind, section, (), position, end)
        elif line.rstrip() and not line.startswith("#"):
            key = text[position:equals] if equals is not None else ""
            yield Statement(Kind.KEY, _path(f"{key}= 0"), section, position, end)
        position = end


def _extent(text: str, start: int) -> tuple[int, int | None]:
    """The end of the statement or empty line that starts here, and its first equals sign outside of strings."""
    depth, equals, position = 0, None, start
    for token in _TOKEN.finditer(text, start):
        position = token.end()
        match token.group():
            case "\n" if depth <= 0:
                break
            case "[" | "{":
                depth += 1
            case "]" | "}":
                depth -= 1
            case "=" if equals is None:
                equals = token.start()
    return position, equals


def _path(statement: str) -> Path:
    """The names in a statement without a value of interest."""
    try:
        node: object = tomllib.loads(statement)
    except tomllib.TOMLDecodeError:
        return ()
    path: list[str] = []
    while isinstance(node, dict) and node:
        ((name, node),) = node.items()
        path.append(name)
    return tuple(path)
