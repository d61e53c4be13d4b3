"""Which build of a project a conda client takes on a host: what a real solver answers, and no rule of ours.

The solver sees every candidate of the channels with strict channel priority, and exactly the virtual packages of
the host. Hosts between which no requirement in reach can tell get one answer, found once.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Protocol

import rattler

from bridge.channel.candidate import Candidate
from bridge.channel.engine import virtual_record
from bridge.channel.solve import required_name
from bridge.channel.universe import Universe
from bridge.errors import BridgeError, Unrepresentable
from bridge.mapping.python import python_support
from bridge.model.conda import CondaName, CondaVersion, IndexJson, Subdir
from bridge.model.host import VirtualPackage

#: versions of Python that packages of today's channels are for.
_PYTHONS: Final = ((2, 7), *((3, minor) for minor in range(3, 16)))
_INTERPRETER: Final = frozenset({"python", "python_abi", "cpython"})
#: the ABI of an ordinary CPython.
_CPYTHON: Final = re.compile(r"cp[0-9]+m?u?")


@dataclass(frozen=True, slots=True)
class CondaChoice:
    """A solver's answer: `build` is None where nothing can be installed, and `reason` says why."""

    build: Candidate | None
    reason: str = ""


class Solver(Protocol):
    """A conda solver over fixed candidates."""

    name: str

    def install(self, builds: Sequence[Candidate], more: Sequence[str], machine: Iterable[VirtualPackage]) -> Candidate:
        """The one that is installed where some builds of one project are the only ones.

        Args:
            builds: not empty.
            more: MatchSpecs that are installed with it.
            machine: all virtual packages.

        Raises:
            Unrepresentable: none can be installed (`CB307`), with the solver's explanation.
        """
        ...  # pragma: no cover


class RattlerSolver:
    """py-rattler over a universe."""

    name = "py-rattler"

    def __init__(self, universe: Universe) -> None:
        self._universe = universe

    def install(self, builds: Sequence[Candidate], more: Sequence[str], machine: Iterable[VirtualPackage]) -> Candidate:
        """See `Solver.install`."""
        spec = one_of([build.index for build in builds])
        solution = self._universe.solve([spec, *more], machine)
        return next(each for each in solution if each.index.name == builds[0].index.name)


class CondaSide:
    """The solver's choices among the builds of one project for one Python, on many hosts."""

    def __init__(
        self,
        universe: Universe,
        builds: Sequence[Candidate],
        python: tuple[int, int],
        solver: Solver | None = None,
    ) -> None:
        """Prepare.

        Args:
            universe: every candidate, the builds among them.
            builds: of one project, for any Python: what they have in common decides between equals. Others of its
                name are left out of account.
            python: what is installed with them, `python X.Y.*`, if any of them needs Python. Where the universe has
                none, only the builds for it are asked about.
            solver: py-rattler's where None.
        """
        self._universe = universe
        self._solver: Solver = RattlerSolver(universe) if solver is None else solver
        wanted = f"python {python[0]}.{python[1]}.*"
        needed = any(required_name(spec) in _INTERPRETER for build in builds for spec in build.index.depends)
        self._more = [wanted] if needed and universe.matching(wanted) else []
        able = [build for build in builds if _is_possible(build.index, python, exactly=not self._more)]
        self._builds = {build.filename: build for build in able}
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
            return CondaChoice(None, "no build is for this Python")
        key = chosen, self._signature(tuple(machine))
        if key not in self._answers:
            self._answers[key] = self._solve(chosen, machine)
        return self._answers[key]

    def _solve(self, chosen: frozenset[str], machine: Sequence[VirtualPackage]) -> CondaChoice:
        builds = [self._builds[filename] for filename in sorted(chosen)]
        try:
            return CondaChoice(self._solver.install(builds, self._more, machine))
        except Unrepresentable as error:
            return CondaChoice(None, error.message)

    def _signature(self, machine: tuple[VirtualPackage, ...]) -> tuple[bool, ...]:
        """Which of the requirements in reach the machine meets; a solver learns no more of it."""
        records = _records(machine)
        return tuple(any(spec.matches(record) for record in records) for spec in self._asked)

    def _virtual_specs(self) -> set[str]:
        """Every requirement of a virtual package that a solution could come to include."""
        found: set[str] = set()
        seen: set[str] = set()
        waiting = [*self._builds.values(), *(each for spec in self._more for each in self._universe.matching(spec))]
        while waiting:
            index = waiting.pop().index
            for spec in (*self._universe.depends(index), *index.constrains):
                name = required_name(spec)
                if name is None or spec in seen:
                    continue
                seen.add(spec)
                if name.startswith("__"):
                    # What constrains says is met by absence too, so that presence by itself matters.
                    found.update((name, spec))
                else:
                    waiting.extend(self._universe.matching(spec))
        return found


def builds_for(candidates: Iterable[Candidate], python: tuple[int, int]) -> tuple[Candidate, ...]:
    """The candidates that a CPython of this version can use, and those that need no Python at all."""
    return tuple(each for each in candidates if _is_possible(each.index, python, exactly=True))


def pythons() -> tuple[Candidate, ...]:
    """A CPython of every version with its ABI, for universes that lack some: no project depends on which it is."""
    return tuple(each for version in _PYTHONS for each in _made_up_python(*version))


def _made_up_python(major: int, minor: int) -> Iterator[Candidate]:
    version = f"{major}.{minor}"
    abi = f"cp{major}{minor}" + ("mu" if major == 2 else "m" if minor < 8 else "")
    yield _made_up("python", f"{version}.99", f"1_{abi}")
    yield _made_up("python", f"{version}.99", "0_cpython")
    yield _made_up("python_abi", version, f"9_{abi}", f"python {version}.*")


def _made_up(name: str, version: str, build: str, *constrains: str) -> Candidate:
    index = IndexJson(CondaName(name), CondaVersion(version), build, 0, Subdir("noarch"), constrains=constrains)
    return Candidate(f"{name}-{version}-{build}.conda", index)


def one_of(builds: Sequence[IndexJson]) -> str:
    """A MatchSpec that the given builds of one project meet; of its other builds only those of a like name."""
    versions = {build.version for build in builds}
    alternatives = "|".join(sorted({re.escape(build.build) for build in builds}))
    version = f'version="=={versions.pop()}",' if len(versions) == 1 else ""
    return f'{builds[0].name}[{version}build="^({alternatives})$"]'


@lru_cache(maxsize=1024)
def _records(machine: tuple[VirtualPackage, ...]) -> tuple[rattler.PackageRecord, ...]:
    return tuple(map(virtual_record, machine))


def _is_possible(index: IndexJson, python: tuple[int, int], *, exactly: bool) -> bool:
    """Whether a build is for a Python; if not `exactly`, also where it is for another version of it.

    Of one version, conda has builds for several ABIs (free-threading, PyPy); wheels of another ABI are no choice for
    a client that runs in CPython, so they are none here.
    """
    try:
        support = python_support(index, index.depends)
    except BridgeError:
        return False  # it has no wheel either; planning says why
    if not support.needed:
        return True
    if python not in support.minors:
        return not exactly
    return support.abi is None or _CPYTHON.fullmatch(support.abi) is not None
