"""What a build really needs of its host: not its build string, but what its dependency closure enforces.

Two steps, both exact. First, by reasoning: a record can be installed only on machines that its own requirements on
virtual packages admit and on which every dependency has a candidate that can be installed; the greatest solution of
these equations over all records gives, per axis, machines outside which the build cannot be installed. Then, by
asking the solver: on the least of these machines it finds a closure, and what the members of that closure require
says on which machines the same closure can be installed. Where that covers all that the reasoning left, the answer
is proved; what it does not cover is asked about in turn.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from bridge.channel.candidate import Candidate
from bridge.channel.grid import Axis, Grid, grid_of
from bridge.channel.solve import required_name
from bridge.channel.universe import Universe, exact_spec
from bridge.errors import Code, Unrepresentable
from bridge.mapping.matchspec import parse_spec
from bridge.mapping.microarchitectures import aarch64_version, includes, x86_64_level
from bridge.model.family import Bounds, HostRequirement

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bridge.model.conda import IndexJson

#: questions to the solver about one build; real builds need one or two.
_MOST_QUESTIONS: Final = 24
#: platforms that stand for the systems.
_SYSTEMS: Final = ("linux-64", "osx-64", "win-64")
_Box = tuple[int, ...]


class HostRequirements:
    """The host requirements of the builds of one universe, found as they are asked for and remembered."""

    def __init__(self, universe: Universe) -> None:
        self._universe = universe
        self._candidates = [each for name in universe.names for each in universe.candidates(name)]
        self._places = {(each.index.subdir, each.filename): at for at, each in enumerate(self._candidates)}
        self.grid: Grid = grid_of(universe.subdir, self._virtual_specs())
        self._direct = [self._own(each.index) for each in self._candidates]
        self._reached = self._solve_equations()
        self._answers: dict[tuple[object, ...], HostRequirement] = {}

    def of(self, candidate: Candidate) -> HostRequirement:
        """What a build of the universe needs.

        Raises:
            Unrepresentable: it cannot be installed on any machine, because its dependencies conflict or are
                missing (`CB307`).
        """
        index = candidate.index
        key = (index.name, index.depends, index.constrains)
        if key not in self._answers:
            self._answers[key] = self._find(candidate)
        return self._answers[key]

    def _find(self, candidate: Candidate) -> HostRequirement:
        claim = self._reached[self._places[candidate.index.subdir, candidate.filename]]
        if not claim:
            # No machine satisfies all of it; the solver explains why.
            self._closure(candidate, [len(axis.points) - 1 for axis in self.grid.axes])
        box, proved = self._proved(candidate, self.grid.split(claim))
        unsaid = list(_unsaid(self.grid, box))
        if not proved:
            unsaid.append("needs a combination that no set of bounds says")
        return _requirement(self.grid, box, unsaid)

    def _proved(self, candidate: Candidate, claim: _Box) -> tuple[_Box, bool]:
        """The machines on which the build can be installed, and whether they are all of them."""
        generous = [points.bit_length() - 1 for points in claim]
        known: list[_Box] = []
        if not self._covered(candidate, claim, known):
            # Some requirements exclude each other, so fewer machines will do than each axis by itself admits.
            known.append(self._closure(candidate, generous))
            claim = tuple(
                sum(1 << at for at in _positions(points) if self._admits(candidate, generous, axis, at, known))
                for axis, points in enumerate(claim)
            )
            if not self._covered(candidate, claim, known):
                return tuple(mine & theirs for mine, theirs in zip(known[0], claim, strict=True)), False
        return claim, True

    def _covered(self, candidate: Candidate, claim: _Box, known: list[_Box]) -> bool:
        """Whether the build can be installed on every machine of a box; closures that are found join `known`."""
        waiting = [claim]
        for _ in range(_MOST_QUESTIONS):
            waiting = [rest for box in waiting for rest in _uncovered(box, known)]
            if not waiting:
                return True
            try:
                known.append(self._closure(candidate, [_lowest(points) for points in waiting[-1]]))
            except Unrepresentable:
                return False
        return False

    def _admits(
        self, candidate: Candidate, generous: Sequence[int], axis: int, position: int, known: list[_Box]
    ) -> bool:
        """Whether one point of one axis will do on a machine that is generous on all others."""
        positions = [*generous[:axis], position, *generous[axis + 1 :]]
        if not any(all(points >> at & 1 for points, at in zip(box, positions, strict=True)) for box in known):
            try:
                known.append(self._closure(candidate, positions))
            except Unrepresentable:
                return False
        return True

    def _closure(self, candidate: Candidate, positions: Sequence[int]) -> _Box:
        """All machines on which the closure can be installed that the solver finds for one machine."""
        solution = self._universe.solve([exact_spec(candidate.index)], self.grid.machine(positions))
        combined = self.grid.everything
        for each in solution:
            combined &= self._direct[self._places[each.index.subdir, each.filename]]
            combined &= self._conditional(each.index, positions)
        return self.grid.split(combined)

    def _conditional(self, index: IndexJson, positions: Sequence[int]) -> int:
        """Where a requirement depends on a virtual package (CEP 43), the closure is known for that machine only."""
        sets = [axis.everything for axis in self.grid.axes]
        for text in index.depends:
            if "when" in text and (condition := parse_spec(text).when):
                for at, axis in enumerate(self.grid.axes):
                    if axis.name in condition or parse_spec(text).name == axis.name:
                        sets[at] = 1 << positions[at]
        return self.grid.join(sets)

    def _virtual_specs(self) -> Iterator[str]:
        for candidate in self._candidates:
            for text in (*candidate.index.depends, *candidate.index.constrains):
                if "__" in text:
                    yield text

    def _own(self, index: IndexJson) -> int:
        """The machines that a record's own requirements admit, and its constraints on what may be absent."""
        admitted = self.grid.everything
        for specs, absent in ((index.depends, False), (index.constrains, True)):
            for text in specs:
                if "__" in text and _is_plain_virtual(text):
                    admitted &= self.grid.accepted(text, absent=absent)
        return admitted

    def _solve_equations(self) -> list[int]:
        """The greatest solution: machines outside which a record cannot be installed."""
        specs: dict[str, tuple[int, ...]] = {}
        needs: list[tuple[str, ...]] = []
        users: dict[int, set[int]] = defaultdict(set)
        for at, candidate in enumerate(self._candidates):
            mine = []
            for text in self._universe.depends(candidate.index):
                name = required_name(text)
                if name is None or name.startswith("__") or ("when" in text and parse_spec(text).when):
                    continue
                if text not in specs:
                    found = self._universe.matching(text)
                    specs[text] = tuple(self._places[each.index.subdir, each.filename] for each in found)
                mine.append(text)
                for provider in specs[text]:
                    users[provider].add(at)
            needs.append(tuple(dict.fromkeys(mine)))
        reached = [self.grid.possible(own) for own in self._direct]
        waiting = dict.fromkeys(range(len(reached)))
        while waiting:
            at = next(iter(waiting))
            del waiting[at]
            value = reached[at]
            for text in needs[at]:
                offered = 0
                for provider in specs[text]:
                    offered |= reached[provider]
                value &= offered
            value = self.grid.possible(value)
            if value != reached[at]:
                reached[at] = value
                waiting.update(dict.fromkeys(sorted(users[at])))
        return reached


def stated_requirement(subdir: str, specs: Sequence[str]) -> HostRequirement:
    """What a build needs of its host by its own requirements alone; its closure may ask for more.

    Args:
        subdir: the platform; of `noarch`, the first system that has what is required counts.
        specs: its requirements on virtual packages.

    Raises:
        Unrepresentable: no machine has all of it (`CB307`).
    """
    for platform in _SYSTEMS if subdir == "noarch" else (subdir,):
        grid = grid_of(platform, specs)
        admitted = grid.everything
        for text in specs:
            if _is_plain_virtual(text):
                admitted &= grid.accepted(text, absent=False)
        if grid.possible(admitted):
            box = grid.split(admitted)
            return _requirement(grid, box, tuple(_unsaid(grid, box)))
    message = f"no machine of {subdir} has {', '.join(specs)}"
    raise Unrepresentable(Code.UNSOLVABLE, message, field="depends")


def _is_plain_virtual(text: str) -> bool:
    spec = parse_spec(text)
    return spec.name.startswith("__") and not spec.when


def _positions(points: int) -> Iterator[int]:
    return (at for at in range(points.bit_length()) if points >> at & 1)


def _uncovered(box: _Box, known: Sequence[_Box]) -> list[_Box]:
    """What of a box no known box covers."""
    rest = [box]
    for cover in known:
        rest = [part for each in rest for part in _without(each, cover)]
    return rest


def _lowest(points: int) -> int:
    return (points & -points).bit_length() - 1


def _without(box: _Box, cover: _Box) -> Iterator[_Box]:
    """What of a box a cover leaves, as disjoint boxes."""
    kept: list[int] = []
    for at, (mine, theirs) in enumerate(zip(box, cover, strict=True)):
        if mine & ~theirs:
            yield (*kept, mine & ~theirs, *box[at + 1 :])
        if not mine & theirs:
            return
        kept.append(mine & theirs)


def _requirement(grid: Grid, box: _Box, unsaid: Sequence[str]) -> HostRequirement:
    bounds = {axis.name: _bounds(axis, points) for axis, points in zip(grid.axes, box, strict=True)}
    processors = next(
        (_names(axis, points) for axis, points in zip(grid.axes, box, strict=True) if axis.name == "__archspec"), ()
    )
    restricted = any(
        axis.name == "__archspec" and points != axis.everything for axis, points in zip(grid.axes, box, strict=True)
    )
    levels = [level for name in processors if (level := x86_64_level(name)) is not None]
    versions = [version for name in processors if (version := aarch64_version(name)) is not None]
    return HostRequirement(
        cuda=bounds.get("__cuda"),
        cuda_arch=bounds.get("__cuda_arch"),
        x86_64_level=min(levels) if restricted and levels and min(levels) > 1 else None,
        aarch64_version=_least_version(versions) if restricted and versions else None,
        glibc=bounds.get("__glibc"),
        osx=bounds.get("__osx"),
        unsaid=tuple(unsaid),
    )


def _least_version(versions: Sequence[str]) -> str | None:
    least = min(versions, key=lambda version: tuple(map(int, version.removesuffix("a").split("."))))
    return None if least == "8a" else least


def _bounds(axis: Axis, points: int) -> Bounds | None:
    """The bounds that admit these points and no others, or the narrowest that admit all of them."""
    if axis.name == "__archspec" or points == axis.everything:
        return None
    present = [at for at, point in enumerate(axis.points) if point is not None]
    inside = [at for at in present if points >> at & 1]
    if not inside:
        return None
    lower = axis.release(inside[0]) if inside[0] != present[0] else None
    upper = axis.release(inside[-1] + 1) if inside[-1] != present[-1] else None
    absent = present[0] != 0 and bool(points & 1)
    if absent and lower is None and upper is None:
        return None
    return Bounds(lower, upper, absent)


def _unsaid(grid: Grid, box: _Box) -> Iterator[str]:
    """What the axes of a requirement cannot say of a set of machines."""
    for axis, points in zip(grid.axes, box, strict=True):
        if points == axis.everything:
            continue
        if axis.name == "__archspec":
            yield from _unsaid_processors(axis, points)
            continue
        inside = [at for at in range(len(axis.points)) if points >> at & 1 and axis.points[at] is not None]
        if not inside:
            yield f"{axis.name} must be absent"
        elif inside != list(range(inside[0], inside[-1] + 1)):
            yield f"{axis.name} has a hole between {axis.release(inside[0])} and {axis.release(inside[-1])}"
        elif axis.name not in {"__cuda", "__cuda_arch", "__glibc", "__osx"}:
            lower, upper = axis.release(inside[0]), axis.release(inside[-1])
            yield f"{axis.name} from {lower} to {upper}"


def _unsaid_processors(axis: Axis, points: int) -> Iterator[str]:
    """A level says that every processor that reaches it will do; say which will not."""
    inside = _names(axis, points)
    generic = [name for name in inside if name.startswith(("x86_64", "armv", "aarch64"))]
    if not generic:
        yield f"__archspec is one of {', '.join(inside)}"
        return
    outside = [
        name
        for at, point in enumerate(axis.points)
        if point is not None and not points >> at & 1 and includes(name := point.build, generic[0])
    ]
    if outside:
        yield f"__archspec is not one of {', '.join(outside)}"


def _names(axis: Axis, points: int) -> tuple[str, ...]:
    return tuple(point.build for at, point in enumerate(axis.points) if point is not None and points >> at & 1)
