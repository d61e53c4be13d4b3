"""Sets of versions as intervals, and the most readable specifiers for them.

PEP 440 has no "or", so a union is said as its hull without the holes that `!=` can cut. This module proposes
such a spelling; whether it says exactly the same is decided by `packaging`'s own version ranges
(`version_specs`).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from packaging.specifiers import Specifier
from packaging.version import Version

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

#: more exclusions than this for one hole are no longer readable.
MAX_EXCLUSIONS: Final = 64


@dataclass(frozen=True, slots=True)
class Bound:
    """An end of an interval; `version` None is infinity."""

    version: Version | None
    inclusive: bool


_OPEN: Final = Bound(None, False)


@dataclass(frozen=True, slots=True)
class Interval:
    """All versions from `low` to `high`; pre-releases of an excluded `high` are outside, as in PEP 440."""

    low: Bound
    high: Bound

    @property
    def empty(self) -> bool:
        if self.low.version is None or self.high.version is None:
            return False
        if self.low.version == self.high.version:
            return not (self.low.inclusive and self.high.inclusive)
        return self.low.version > self.high.version


ALL: Final = (Interval(_OPEN, _OPEN),)

Intervals = tuple[Interval, ...]


def of_specifier(specifier: Specifier) -> Intervals:
    """The versions that one specifier accepts (not `===`)."""
    operator, text = specifier.operator, specifier.version
    prefix = text.endswith(".*")
    version = Version(text.removesuffix(".*"))
    if prefix:
        high = Bound(next_prefix(version), False)
        if operator == "==":
            return (Interval(Bound(version, True), high),)
        return (Interval(_OPEN, Bound(version, False)), Interval(Bound(high.version, True), _OPEN))
    match operator:
        case "==":
            return (Interval(Bound(version, True), Bound(version, True)),)
        case "!=":
            return (Interval(_OPEN, Bound(version, False)), Interval(Bound(version, False), _OPEN))
        case ">=" | ">":
            return (Interval(Bound(version, operator == ">="), _OPEN),)
        case "<=" | "<":
            return (Interval(_OPEN, Bound(version, operator == "<=")),)
        case _:  # ~=
            release = Version(f"{version.epoch}!{'.'.join(map(str, version.release[:-1]))}")
            return (Interval(Bound(version, True), Bound(next_prefix(release), False)),)


def next_prefix(version: Version) -> Version:
    """The lowest release after all that start with this one: 1.2 -> 1.3."""
    *head, last = version.release
    return _release(version.epoch, [*head, last + 1])


def intersect(left: Intervals, right: Intervals) -> Intervals:
    """Versions in both."""
    found = []
    i = j = 0
    while i < len(left) and j < len(right):
        part = Interval(max(left[i].low, right[j].low, key=_low_key), min(left[i].high, right[j].high, key=_high_key))
        if not part.empty:
            found.append(part)
        if _high_key(left[i].high) <= _high_key(right[j].high):
            i += 1
        else:
            j += 1
    return tuple(found)


def unite(parts: Iterable[Intervals]) -> Intervals:
    """Versions in any."""
    merged: list[Interval] = []
    for part in sorted((one for some in parts for one in some), key=lambda one: _low_key(one.low)):
        if merged and _touch(merged[-1].high, part.low):
            merged[-1] = Interval(merged[-1].low, max(merged[-1].high, part.high, key=_high_key))
        else:
            merged.append(part)
    return tuple(merged)


def spell(intervals: Intervals) -> list[Specifier]:
    """Specifiers that accept every version of the intervals, and as few others as they can."""
    if not intervals:
        return [Specifier("<0")]
    low, high = intervals[0].low, intervals[-1].high
    found = _spell_hull(low, high)
    for before, after in pairwise(intervals):
        found.extend(_spell_hole(before.high, after.low))
    return found


def _spell_hull(low: Bound, high: Bound) -> list[Specifier]:
    found = []
    if low.version is not None and high.version is not None:
        if low.version == high.version:
            return [Specifier(f"=={low.version}")]
        if low.inclusive and not high.inclusive and _is_release(low.version):
            prefix = _prefix_between(low.version, high.version)
            if prefix is not None:
                return [Specifier(f"=={prefix}.*")]
    if low.version is not None:
        found.append(Specifier(f">={low.version.public}"))
        if not low.inclusive:
            found.append(Specifier(f"!={low.version}"))
    if high.version is not None:
        found.append(Specifier(f"{'<=' if high.inclusive else '<'}{high.version.public}"))
    return found


def _spell_hole(low: Bound, high: Bound) -> Iterator[Specifier]:
    """Exclusions inside the hole between an interval that ends at `low` and one that starts at `high`."""
    start, end = low.version, high.version
    if start is None or end is None:
        return
    if start == end:
        yield Specifier(f"!={end}")
        return
    if not high.inclusive:
        yield Specifier(f"!={end}")
    if end.post is None and not end.local:
        yield from _exclude_below(start, low.inclusive, end)


def _exclude_below(start: Version, start_accepted: bool, end: Version) -> Iterator[Specifier]:
    """`!=P.*` for the blocks right below `end`, none of which holds an accepted version."""
    parts = _strip_zeros(end.release)
    while parts:
        *head, last = parts
        blocks = []
        for number in range(last - 1, max(-1, last - 2 - MAX_EXCLUSIONS), -1):
            block = _release(end.epoch, (*head, number))
            if block < start or (block == start and start_accepted):
                break
            blocks.append(Specifier(f"!={block}.*"))
        if len(blocks) > MAX_EXCLUSIONS:
            return
        yield from blocks
        if len(blocks) < last:
            return
        parts = _strip_zeros(head) if head else ()


def _prefix_between(low: Version, high: Version) -> Version | None:
    if low.epoch != high.epoch or not _is_release(high) or high.release[-1] == 0:
        return None
    prefix = _release(high.epoch, (*high.release[:-1], high.release[-1] - 1))
    return prefix if prefix == low else None


def _is_release(version: Version) -> bool:
    return not (version.is_prerelease or version.is_postrelease or version.local)


def _strip_zeros(release: Sequence[int]) -> tuple[int, ...]:
    end = len(release)
    while end > 1 and release[end - 1] == 0:
        end -= 1
    return tuple(release[:end])


def _release(epoch: int, parts: Sequence[int]) -> Version:
    return Version(f"{epoch}!{'.'.join(map(str, parts))}")


def _touch(high: Bound, low: Bound) -> bool:
    if high.version is None or low.version is None:
        return True
    return low.version < high.version or (low.version == high.version and (low.inclusive or high.inclusive))


@dataclass(frozen=True, slots=True, order=True)
class _Key:
    infinity: int
    version: Version
    offset: int


_ZERO: Final = Version("0")


def _low_key(bound: Bound) -> _Key:
    if bound.version is None:
        return _Key(-1, _ZERO, 0)
    return _Key(0, bound.version, 0 if bound.inclusive else 1)


def _high_key(bound: Bound) -> _Key:
    if bound.version is None:
        return _Key(1, _ZERO, 0)
    return _Key(0, bound.version, 0 if bound.inclusive else -1)
