"""The answer of a comparison, and the smallest steps towards it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SCHEMA: Final = "conda-bridge/diff/1"
#: longer values are told apart by their digest: descriptions have megabytes.
_LONGEST_SHOWN: Final = 400
_START_SHOWN: Final = 200


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that the two artifacts do not say or hold alike.

    Args:
        where: the part of the artifacts, from the coarse to the fine, separated by `: `; where the difference does not
            matter or cannot be judged, the reason follows in parentheses.
        left: the value of the first artifact as text, shortened where it is long; None where it has none.
        right: that of the second.
        matters: whether whoever installs, solves for, builds with or reads about the one gets something else than with
            the other.
    """

    where: str
    left: str | None
    right: str | None
    matters: bool

    @property
    def part(self) -> str:
        """The coarsest part of `where`."""
        return self.where.partition(": ")[0]

    def swapped(self) -> Difference:
        """The same with the artifacts in the other order."""
        return Difference(self.where, self.right, self.left, self.matters)

    def to_json(self) -> dict[str, Any]:
        return {"where": self.where, "left": self.left, "right": self.right, "matters": self.matters}


@dataclass(frozen=True, slots=True)
class Comparison:
    """What `bridge.diff` found; made by `compared`."""

    #: file names of the artifacts.
    left: str
    right: str
    #: what matters first, then by `where`.
    differences: tuple[Difference, ...]

    @property
    def equal(self) -> bool:
        """Whether nothing that matters differs."""
        return not any(difference.matters for difference in self.differences)

    def to_json(self) -> dict[str, Any]:
        """The document of `diff --json`."""
        return {
            "schema": SCHEMA,
            "equal": self.equal,
            "differences": [difference.to_json() for difference in self.differences],
        }


def compared(left: str, right: str, differences: Iterable[Difference]) -> Comparison:
    """The comparison of two artifacts with these file names; differences in any order, repeated ones once."""
    ordered = sorted(dict.fromkeys(differences), key=_order)
    return Comparison(left, right, tuple(ordered))


def differ(where: str, left: object, right: object, *, matters: bool = True) -> Iterator[Difference]:
    """One difference, or none where two JSON values (None: absent) are the same."""
    if left is right:
        return
    if _text(left) != _text(right):
        yield Difference(where, shown(left), shown(right), matters)


def shown(value: object) -> str | None:
    """A JSON value as text: strings as they are, others as JSON; long ones by their start, length and digest."""
    if value is None:
        return None
    text = value if isinstance(value, str) else _text(value)
    if len(text) <= _LONGEST_SHOWN:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{text[:_START_SHOWN]}... ({len(text)} characters, sha256 {digest})"


def _text(value: object) -> str:
    # As text, because 1, 1.0 and true are the same to Python.
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _order(difference: Difference) -> tuple[bool, str, str, str]:
    return not difference.matters, difference.where, difference.left or "", difference.right or ""
