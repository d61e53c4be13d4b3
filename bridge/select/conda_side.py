"""Which build of a project a conda client takes on a host: what a real solver answers, and no rule of ours.

The solver sees every candidate of the channels with strict channel priority, and exactly the virtual packages of
the host. Hosts between which no requirement in reach can tell get one answer, found once.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import rattler

from bridge.channel.candidate import Candidate
from bridge.channel.solve import required_name
from bridge.channel.universe import Universe
from bridge.errors import BridgeError, Unrepresentable
from bridge.mapping.python import python_support
from bridge.model.conda import IndexJson
from bridge.model.host import VirtualPackage


@dataclass(frozen=True, slots=True)
class CondaChoice:
    """A solver's answer: `build` is None where nothing can be installed, and `reason` says why."""

    build: Candidate | None
    reason: str = ""


class Solver(Protocol):
    """A conda solver over fixed candidates."""

    def solve(self, specs: Sequence[str], machine: Iterable[VirtualPackage]) -> tuple[Candidate, ...]:
        """What a client installs for MatchSpecs on a machine; Unrepresentable (`CB307`) where it cannot."""
        ...  # pragma: no cover


class CondaSide:
    """The solver's choices among the builds of one project on many hosts."""

    def __init__(self, universe: Universe, builds: Sequence[Candidate], solver: Solver | None = None) -> None:
        """Prepare.

        Args:
            universe: every candidate, the builds among them.
            builds: of one project, not empty; others of its name are left out of account.
            solver: rattler, over `universe`, where None.
        """
        self._universe = universe
        self._builds = {build.filename: build for build in builds}
        self._solver: Solver = universe if solver is None else solver
        self._asked = tuple(map(rattler.MatchSpec, sorted(self._virtual_specs())))
        self._answers: dict[tuple[frozenset[str], tuple[bool, ...]], CondaChoice] = {}

    def choose(self, machine: Sequence[VirtualPackage], among: Collection[str] | None = None) -> CondaChoice:
        """The build that is installed on a machine.

        Args:
            machine: all its virtual packages.
            among: file names; all builds where None.
        """
        chosen = frozenset(self._builds if among is None else self._builds.keys() & set(among))
        if not chosen:
            return CondaChoice(None, "no build is left to choose from")
        key = chosen, self._signature(machine)
        if key not in self._answers:
            self._answers[key] = self._solve(chosen, machine)
        return self._answers[key]

    def _solve(self, chosen: frozenset[str], machine: Sequence[VirtualPackage]) -> CondaChoice:
        spec = one_of([self._builds[filename].index for filename in sorted(chosen)])
        name = next(iter(self._builds.values())).index.name
        try:
            solution = self._solver.solve([spec], machine)
        except Unrepresentable as error:
            return CondaChoice(None, error.message)
        return CondaChoice(next(each for each in solution if each.index.name == name))

    def _signature(self, machine: Sequence[VirtualPackage]) -> tuple[bool, ...]:
        """Which of the requirements in reach the machine meets; a solver learns no more of it."""
        records = [
            rattler.PackageRecord(
                name=each.name,
                version=each.version,
                build=rattler.BuildString(each.build),
                build_number=0,
                subdir=self._universe.subdir,
            )
            for each in machine
        ]
        return tuple(any(spec.matches(record) for record in records) for spec in self._asked)

    def _virtual_specs(self) -> set[str]:
        """Every requirement of a virtual package that a solution could come to include."""
        found: set[str] = set()
        seen: set[str] = set()
        waiting = list(self._builds.values())
        while waiting:
            index = waiting.pop().index
            for spec in (*self._universe.depends(index), *index.constrains):
                name = required_name(spec)
                if name is None or spec in seen:
                    continue
                seen.add(spec)
                if name.startswith("__"):
                    found.add(spec)
                else:
                    waiting.extend(self._universe.matching(spec))
        return found


def builds_for(candidates: Iterable[Candidate], python: tuple[int, int]) -> tuple[Candidate, ...]:
    """The candidates that a CPython of this version can use, and those that need no Python at all."""
    return tuple(each for each in candidates if _admits(each.index, python))


def one_of(builds: Sequence[IndexJson]) -> str:
    """A MatchSpec that the given builds of one project meet; of its other builds only those of a like name."""
    versions = {build.version for build in builds}
    alternatives = "|".join(sorted({re.escape(build.build) for build in builds}))
    version = f'version="=={versions.pop()}",' if len(versions) == 1 else ""
    return f'{builds[0].name}[{version}build="^({alternatives})$"]'


def _admits(index: IndexJson, python: tuple[int, int]) -> bool:
    try:
        support = python_support(index, index.depends)
    except BridgeError:
        return False  # it has no wheel either; planning says why
    if not support.needed:
        return True
    return python in support.minors and support.abi in (None, f"cp{python[0]}{python[1]}")
