"""Conda's preference, which differs from Python to Python, as one order of variants for the whole release.

A slot is a variant to be: a set of properties, filled by at most one build for every kind of machine. Builds of
different Pythons share a slot where they state the same; two slots may state the same where one order cannot serve all.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from bridge.model.family import Bounds, Build, HostRequirement


@dataclass(frozen=True, slots=True)
class Candidate:
    """A build, and what of its host requirement one of its variants states."""

    build: Build
    requires: HostRequirement
    #: choices that tell the builds of the release apart.
    choices: tuple[tuple[str, str], ...]

    @property
    def statement(self) -> tuple[HostRequirement, tuple[tuple[str, str], ...]]:
        """What two candidates have in common if one variant can stand for both; tags say the system's version."""
        return replace(self.requires, glibc=None, osx=None, unsaid=()), self.choices


@dataclass(slots=True)
class Slot:
    """One variant of the release."""

    #: by preference of the contexts that filled it.
    candidates: list[Candidate] = field(default_factory=list)
    #: slots that come later wherever both can be used.
    before: set[int] = field(default_factory=set)

    def has(self, candidate: Candidate) -> bool:
        """Whether the build is in the slot."""
        return any(each.build.filename == candidate.build.filename for each in self.candidates)


def decisions(ranked: Sequence[Candidate]) -> Iterator[Candidate]:
    """The order of one context as a list of which the first entry that fits decides.

    A build that is content with an old driver's absence but not with an old driver (`constrains __cuda >=12`) states
    nothing, so before it come those that are to be taken on machines with such a driver, bounded from above.
    """
    given: set[tuple[object, ...]] = set()
    for at, candidate in enumerate(ranked):
        bounds = candidate.requires.cuda
        if bounds is not None and bounds.absent and bounds.lower is not None:
            for later in ranked[at + 1 :]:
                below = _below(later, bounds)
                if below is not None and (key := (below.build.filename, below.requires.cuda)) not in given:
                    given.add(key)
                    yield below
        yield candidate


def arrange(
    contexts: Sequence[Sequence[Candidate]],
    together: Callable[[int, Candidate, Candidate], bool],
    share: Callable[[int, Candidate, Candidate], bool],
) -> list[Slot]:
    """Slots in an order that no context objects to, best first.

    Args:
        contexts: the decisions of each.
        together: whether some machine of the context (by position) can use both, so that their order matters.
        share: whether in a context two builds can have one variant, because tags decide between them as conda does.
    """
    slots: list[Slot] = []
    by_statement: dict[object, list[int]] = {}
    for context, ranked in enumerate(contexts):
        placed: list[tuple[int, Candidate]] = []
        for candidate in ranked:
            earlier = {slot for slot, other in placed if together(context, other, candidate)}
            same = by_statement.setdefault(candidate.statement, [])
            # A build that is in a slot already is seen there from this context too.
            same.sort(key=lambda each: (not slots[each].has(candidate), each))
            slot = next(
                (
                    each
                    for each in same
                    if _fits(slots, each, earlier - {each})
                    and all(share(context, other, candidate) for other in slots[each].candidates)
                ),
                None,
            )
            if slot is None:
                slot = len(slots)
                slots.append(Slot())
                same.append(slot)
            for other_slot in earlier - {slot}:
                slots[other_slot].before.add(slot)
            if not slots[slot].has(candidate):
                slots[slot].candidates.append(candidate)
            placed.append((slot, candidate))
    return [slots[at] for at in _sorted(slots)]


def _below(later: Candidate, bounds: Bounds) -> Candidate | None:
    """The part of a candidate's machines that have a driver older than the lower bound; None for no part."""
    own = later.requires.cuda or Bounds()
    upper = bounds.lower if own.upper is None else min(own.upper, bounds.lower or own.upper)
    if upper is None or (own.lower is not None and own.lower >= upper):
        return None
    return replace(later, requires=replace(later.requires, cuda=Bounds(own.lower, upper)))


def _fits(slots: Sequence[Slot], slot: int, earlier: set[int]) -> bool:
    """Whether a slot can come after others without being before one of them already."""
    seen: set[int] = set()
    waiting = [slot]
    while waiting:
        at = waiting.pop()
        if at in earlier:
            return False
        if at not in seen:
            seen.add(at)
            waiting.extend(slots[at].before)
    return True


def _sorted(slots: Sequence[Slot]) -> Iterator[int]:
    """A topological order; of those that are free, the one that was made first."""
    waiting = [0] * len(slots)
    for slot in slots:
        for later in slot.before:
            waiting[later] += 1
    free = [at for at, count in enumerate(waiting) if count == 0]
    heapq.heapify(free)
    while free:
        at = heapq.heappop(free)
        yield at
        for later in sorted(slots[at].before):
            waiting[later] -= 1
            if waiting[later] == 0:
                heapq.heappush(free, later)
