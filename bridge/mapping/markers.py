"""Environment markers (PEP 508) as the conditions of a conda package: `when` (CEP 43) and groups (CEP 44).

A marker is evaluated for a target as far as the target is known. What is left is a residue over the version of
Python and, for a noarch package, the system; `to_when` says it in conda's words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from packaging.markers import Marker
from packaging.utils import NormalizedName

from bridge.mapping.marker_algebra import truth, unite
from bridge.mapping.marker_ast import parse_marker
from bridge.mapping.marker_targets import Cell, System, Target
from bridge.mapping.own_extras import extras_named
from bridge.mapping.python_conditions import python_condition

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from packaging.ranges import VersionRange

#: systems that one virtual package names together (CEP 30).
_UNIX: Final = frozenset({System.LINUX, System.OSX})


@dataclass(frozen=True, slots=True)
class Condition:
    """Where a marker holds: for each kind of environment of a target, the versions of Python."""

    cells: tuple[tuple[Cell, VersionRange], ...]
    #: all versions of Python that the target admits.
    pythons: VersionRange
    #: False where a part of the marker cannot be known (`platform_release`); it counts as true then.
    exact: bool

    @property
    def always(self) -> bool:
        """Whether the requirement is in force in every environment of the target."""
        return all(self.pythons.is_subset(versions) for _, versions in self.cells)

    @property
    def never(self) -> bool:
        """Whether it is in force in none."""
        return all(versions.is_empty for _, versions in self.cells)

    @property
    def needs_machine(self) -> bool:
        """Whether it differs between machines or implementations of one system.

        Only packages for one platform each can say it then.
        """
        by_system: dict[System, VersionRange] = {}
        return any(by_system.setdefault(cell.system, versions) != versions for cell, versions in self.cells)

    def systems(self) -> Mapping[System, VersionRange]:
        """The versions of Python for each system, whatever the machine."""
        return {
            system: unite(versions for cell, versions in self.cells if cell.system is system)
            for system in System
            if any(cell.system is system for cell, _ in self.cells)
        }

    def covers(self, other: Condition) -> bool:
        """Whether this one holds wherever `other` does; both for the same target."""
        return all(
            theirs.is_subset(ours) for (_, ours), (_, theirs) in zip(self.cells, other.cells, strict=True)
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Grouped:
    """A condition apart from extras, and for each extra the condition where that asks for more."""

    base: Condition
    groups: tuple[tuple[NormalizedName, Condition], ...]
    #: extras that take the requirement away (`extra != "x"`), which no group can say.
    unsaid: tuple[NormalizedName, ...] = ()

    @property
    def never(self) -> bool:
        """Whether the requirement is never in force."""
        return self.base.never and not self.groups


@dataclass(frozen=True, slots=True)
class WhenAnswer:
    """The value of `when`; empty is always.

    `exact` is False where it holds more often than the condition; the caller records `CB232`.
    """

    when: str
    exact: bool


def evaluate(marker: Marker | None, target: Target, extra: str = "") -> Condition:
    """Where a marker holds on a target.

    Args:
        marker: None holds everywhere.
        target: what the package is made for.
        extra: the value of `extra`, normalised (PEP 685); empty where none is asked for.

    Raises:
        InvalidInput: CB111, the marker is nested beyond measure.
        Unsupported: CB310, nothing is known of the target's markers.
    """
    pythons, cells = target.pythons(), target.cells()
    if marker is None:
        return Condition(tuple((cell, pythons) for cell in cells), pythons, True)
    node = parse_marker(marker)
    found, exact = [], True
    for cell in cells:
        answer = truth(node, cell, extra)
        possible = answer.possible.intersection(pythons)
        exact = exact and possible == answer.certain.intersection(pythons)
        found.append((cell, possible))
    return Condition(tuple(found), pythons, exact)


def conditions(marker: Marker | None, target: Target, extras: Collection[NormalizedName]) -> Grouped:
    """Split a marker into the condition without extras and one for each extra.

    A group adds to what is required anyway, so an extra whose condition the base covers has none.

    Args:
        marker: None holds everywhere.
        target: what the package is made for.
        extras: the extras that the wheel provides; no other can be asked for.

    Raises:
        InvalidInput: CB111, the marker is nested beyond measure.
        Unsupported: CB310, nothing is known of the target's markers.
    """
    base = evaluate(marker, target)
    if marker is None:
        return Grouped(base, ())
    groups, unsaid = [], []
    named = extras_named(parse_marker(marker))
    for extra in sorted(one for one in set(extras) if named is None or one in named):
        condition = evaluate(marker, target, extra)
        if not base.covers(condition):
            groups.append((extra, condition))
        if not condition.covers(base):
            unsaid.append(extra)
    return Grouped(base, tuple(groups), tuple(unsaid))


def to_when(condition: Condition) -> WhenAnswer:
    """The condition in the syntax of CEP 43: specs of `python` and virtual packages, `and`, `or`, parentheses.

    Where machines or implementations differ, which no virtual package tells apart, it holds for all of them.

    Raises:
        ValueError: the condition never holds; such a requirement is left out.
    """
    if condition.never:
        raise ValueError("a condition that never holds has no `when`")
    exact = condition.exact and not condition.needs_machine
    systems = condition.systems()
    terms: list[str] = []
    for versions in dict.fromkeys(systems.values()):
        if versions.is_empty:
            continue
        # A wider range elsewhere includes this one there, so the system may be left out or widened.
        places = frozenset(system for system, other in systems.items() if versions.is_subset(other))
        python, faithful = python_condition(versions, condition.pythons)
        exact = exact and faithful
        parts = [part for part in (python, _place(places, frozenset(systems))) if part]
        if not parts:
            return WhenAnswer("", exact)
        terms.append(parts[0] if len(parts) == 1 else " and ".join(_enclosed(part, " or ") for part in parts))
    if len(terms) == 1:
        return WhenAnswer(terms[0], exact)
    return WhenAnswer(" or ".join(_enclosed(term, " and ") for term in dict.fromkeys(terms)), exact)


def _place(systems: frozenset[System], every: frozenset[System]) -> str:
    """Virtual packages for some of the systems; empty for all."""
    if systems == every:
        return ""
    if systems == _UNIX:
        return "__unix"
    return " or ".join(system.virtual for system in System if system in systems)


def _enclosed(text: str, word: str) -> str:
    return f"({text})" if word in text else text
