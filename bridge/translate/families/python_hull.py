"""One Requires-Python for all wheels of a release: clients apply it after they have chosen a variant."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce

from packaging.specifiers import SpecifierSet

from bridge.mapping import intervals


def union(requirements: Iterable[SpecifierSet]) -> SpecifierSet:
    """The narrowest specifiers that admit what any of the requirements admits; empty where one admits everything."""
    distinct = sorted(set(requirements), key=str)
    if len(distinct) == 1:
        return distinct[0]
    sets = [
        reduce(intervals.intersect, (intervals.of_specifier(each) for each in sorted(one, key=str)), intervals.ALL)
        for one in distinct
    ]
    return SpecifierSet(intervals.spell(intervals.unite(sets)))
