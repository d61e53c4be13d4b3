"""One Requires-Python for all wheels of a release: clients apply it after they have chosen a variant."""

from __future__ import annotations

from collections.abc import Iterable

from packaging.specifiers import SpecifierSet

from bridge.mapping import intervals


def union(requirements: Iterable[SpecifierSet], *, holes: bool) -> SpecifierSet:
    """The narrowest specifiers that admit what any of the requirements admits; empty where one admits everything.

    Args:
        holes: whether versions in between that no requirement admits are left out.
    """
    distinct = sorted(set(requirements), key=str)
    if len(distinct) == 1:
        return distinct[0]
    found = intervals.unite(map(_intervals, distinct))
    if not holes:
        found = (intervals.Interval(found[0].low, found[-1].high),)
    return SpecifierSet(intervals.spell(found))


def _intervals(requirement: SpecifierSet) -> intervals.Intervals:
    found: intervals.Intervals = intervals.ALL
    for each in sorted(requirement, key=str):
        found = intervals.intersect(found, intervals.of_specifier(each))
    return found
