"""Environment markers as sets: for each kind of environment, the versions of Python where a marker holds.

A marker is evaluated by `packaging` itself, comparison by comparison; only versions are kept open, as ranges, so
that "and" is an intersection, "or" a union, and no simplification can change an answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, reduce
from typing import TYPE_CHECKING, Final

from packaging.markers import Marker, UndefinedEnvironmentName
from packaging.ranges import VersionRange
from packaging.specifiers import InvalidSpecifier, Specifier
from packaging.version import InvalidVersion, Version

from bridge.mapping.marker_ast import Comparison, Node
from bridge.mapping.marker_targets import EXISTING, Cell, Implementation, System, exact_range, minor_lines
from bridge.mapping.precedence import AllOf, AnyOf

if TYPE_CHECKING:
    from collections.abc import Iterable

NOTHING: Final = VersionRange.empty(prereleases=True)
#: variables with one value in a cell.
_FIXED: Final = frozenset(
    {
        "implementation_name",
        "os_name",
        "platform_machine",
        "platform_python_implementation",
        "platform_system",
        "sys_platform",
        "extra",
    }
)
#: where what is asked does not depend on it.
_SOME_CELL: Final = Cell(System.LINUX, "x86_64", Implementation.CPYTHON)
_MIRRORED: Final = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
#: comparisons that `packaging` answers with a comparison of texts where the literal is no version.
_NEVER_EQUAL: Final = frozenset({"<", "<=", ">", ">=", "=="})


@dataclass(frozen=True, slots=True)
class Truth:
    """Where an expression holds for certain, and where it may hold; they differ where something is unknowable."""

    certain: VersionRange
    possible: VersionRange


_ALWAYS: Final = Truth(EXISTING, EXISTING)
_NEVER: Final = Truth(NOTHING, NOTHING)
_UNKNOWN: Final = Truth(NOTHING, EXISTING)


def truth(node: Node, cell: Cell, extra: str) -> Truth:
    """The versions of Python for which a marker holds in one kind of environment.

    Args:
        node: the marker.
        cell: the environment.
        extra: the value of `extra`, normalised; empty where none is asked for.
    """
    match node:
        case Comparison():
            return _comparison(node, cell, extra)
        case AllOf(parts):
            found = [truth(part, cell, extra) for part in parts]
            return Truth(
                reduce(VersionRange.intersection, (one.certain for one in found)),
                reduce(VersionRange.intersection, (one.possible for one in found)),
            )
        case AnyOf(parts):
            found = [truth(part, cell, extra) for part in parts]
            return Truth(unite(one.certain for one in found), unite(one.possible for one in found))


def unite(ranges: Iterable[VersionRange]) -> VersionRange:
    """The union; of nothing, nothing."""
    return reduce(VersionRange.union, ranges, NOTHING)


@lru_cache(maxsize=65536)
def _comparison(one: Comparison, cell: Cell, extra: str) -> Truth:
    try:
        if one.variable in _FIXED:
            return _ALWAYS if _holds(one, cell, extra, "3.0") else _NEVER
        if one.variable == "python_version":
            return _python_version(one)
        cpython = cell.implementation is Implementation.CPYTHON
        if one.variable == "python_full_version" or (one.variable == "implementation_version" and cpython):
            return _full_version(one)
    except (ValueError, UndefinedEnvironmentName):
        # UndefinedComparison, or a number with more digits than int() reads
        return _UNKNOWN
    return _UNKNOWN


@lru_cache(maxsize=4096)
def _python_version(one: Comparison) -> Truth:
    """The values are texts such as "3.10", and `in` looks for a part of a text: each is asked about."""
    found = unite(line for minor, line in minor_lines() if _holds(one, _SOME_CELL, "", minor))
    return Truth(found, found)


def _holds(one: Comparison, cell: Cell, extra: str, python: str) -> bool:
    return Marker(one.text).evaluate({**cell.environment(python), "extra": extra})


def _full_version(one: Comparison) -> Truth:
    """A comparison with all of Python's version, of which there are too many to ask about each."""
    operator = one.operator
    if one.reversed:
        if operator not in _MIRRORED or not _is_version(one.literal):
            return _UNKNOWN
        operator = _MIRRORED[operator]
    if operator == "===":
        # Equality of texts; Python spells its own version with three numbers and in normal form.
        if not _is_version(one.literal) or _spelled_by_python(one.literal) != one.literal:
            return _NEVER
        operator = "=="
    if operator in ("in", "not in"):
        return _UNKNOWN
    try:
        specifier = Specifier(f"{operator}{one.literal}")
    except InvalidSpecifier:
        if operator in _NEVER_EQUAL:
            return _NEVER
        return _ALWAYS if operator == "!=" else _UNKNOWN
    if specifier.operator == ">":
        # PEP 440 keeps post-releases out, which Python has none of and which no specifier for the rest can say.
        found = exact_range(f"<={specifier.version}").complement().intersection(EXISTING)
    else:
        found = exact_range(str(specifier)).intersection(EXISTING)
    return Truth(found, found)


def _spelled_by_python(text: str) -> str:
    version = Version(text)
    return str(version) if len(version.release) == 3 else ""


def _is_version(text: str) -> bool:
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True
