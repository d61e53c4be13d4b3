"""PyPI projects to conda packages: what the tables say, read backwards; several answers are a question."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from packaging.utils import NormalizedName, canonicalize_name

from bridge.mapping.tables import DependencyKind, Tables
from bridge.model.conda import CondaName

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: CEP 26.
_LONGEST_NAME = 64


class PypiNameSource(Enum):
    """Where an answer comes from, strongest first."""

    OVERLAY = "overlay"
    #: what another input of the run is called.
    RUN = "run"
    TABLE = "table"
    #: one of several, by the convention that `preferred` of the table records.
    PREFERRED = "preferred"
    #: the wheel's own project, which nobody else is known to package.
    OWN_NAME = "own-name"
    #: the same name, assumed because the user said that names are alike.
    SAME_NAME = "same-name"
    AMBIGUOUS = "ambiguous"
    #: conda's package of that name is known to be something else.
    TAKEN = "taken"
    UNMAPPED = "unmapped"


@dataclass(frozen=True, slots=True)
class CondaNameAnswer:
    """The conda package that stands for a project; `conda` is None where that is not settled."""

    project: NormalizedName
    conda: CondaName | None
    source: PypiNameSource
    #: 1 where the user or another input says so, 0 where nothing is settled.
    confidence: float
    #: the conda packages to choose from, sorted, where there are several, whether or not one is preferred.
    candidates: tuple[CondaName, ...] = ()

    @property
    def question(self) -> str:
        """What to ask the user where nothing is settled; empty otherwise."""
        match self.source:
            case PypiNameSource.AMBIGUOUS:
                return f"{self.project} may be any of the conda packages {', '.join(self.candidates)}"
            case PypiNameSource.TAKEN:
                return f"no conda package is known for {self.project}, and conda's {self.project} is something else"
            case PypiNameSource.UNMAPPED:
                return f"no conda package is known for {self.project}"
            case _:
                return ""


class PypiNames:
    """Answers for one conversion; pure.

    Args:
        tables: the data, with the user's overlay.
        assume_same: whether a project that nobody knows may be taken for the conda package of the same normalised
            name. Never the case where that name is known to be something else.
        run: what the projects among the run's own inputs are called; wins over everything but the user.
    """

    def __init__(
        self, tables: Tables, *, assume_same: bool = False, run: Mapping[NormalizedName, CondaName] | None = None
    ) -> None:
        self._tables = tables
        self._assume_same = assume_same
        self._run: Mapping[NormalizedName, CondaName] = {} if run is None else run
        self._overlay = _inverse(
            (name, distribution)
            for name, (kind, distribution) in tables.overlay.items()
            if kind is DependencyKind.PYTHON and distribution is not None
        )
        self._known = _inverse(
            (name, distribution)
            for name, distribution in tables.python.items()
            if tables.overlay.get(name, (DependencyKind.PYTHON, None))[0] is DependencyKind.PYTHON
        )

    def lookup(self, project: str) -> CondaNameAnswer:
        """What a project is called that something requires, spelled in any way; never a guess among several."""
        name = canonicalize_name(project)
        if (known := self._lookup(name)) is not None:
            return known
        if not self._assume_same:
            return CondaNameAnswer(name, None, PypiNameSource.UNMAPPED, 0.0)
        return self._same(name, PypiNameSource.SAME_NAME, 0.4)

    def own(self, project: str) -> CondaNameAnswer:
        """What the wheel's own project is called, spelled in any way.

        A project that no table knows keeps its normalised name, unless conda's package of that name is known to be
        something else. Without `conda` in the answer the wheel cannot be converted until the user has answered.
        """
        name = canonicalize_name(project)
        return self._lookup(name) or self._same(name, PypiNameSource.OWN_NAME, 0.6)

    def _lookup(self, name: NormalizedName) -> CondaNameAnswer | None:
        found, known = self._overlay.get(name, ()), self._known.get(name, ())
        candidates = found or known
        several = candidates if len(candidates) > 1 else ()
        if (chosen := self._tables.chosen.get(name)) is not None:
            return CondaNameAnswer(name, chosen, PypiNameSource.OVERLAY, 1.0, several)
        if len(found) == 1:
            return CondaNameAnswer(name, found[0], PypiNameSource.OVERLAY, 1.0)
        if (here := self._run.get(name)) is not None:
            return CondaNameAnswer(name, here, PypiNameSource.RUN, 1.0, several)
        if not several:
            return CondaNameAnswer(name, known[0], PypiNameSource.TABLE, 0.95) if known else None
        if (preferred := self._tables.preferred.get(name)) in several:
            return CondaNameAnswer(name, preferred, PypiNameSource.PREFERRED, 0.8, several)
        return CondaNameAnswer(name, None, PypiNameSource.AMBIGUOUS, 0.0, several)

    def _same(self, name: NormalizedName, source: PypiNameSource, confidence: float) -> CondaNameAnswer:
        """The normalised name itself, where it is free: `zstd` of PyPI is not the library."""
        tables, same = self._tables, CondaName(name)
        if (
            same in tables.python
            or same in tables.overlay
            or tables.fixed_kind(same) is not None
            or tables.is_native(same)
        ):
            return CondaNameAnswer(name, None, PypiNameSource.TAKEN, 0.0)
        if len(name) > _LONGEST_NAME:
            return CondaNameAnswer(name, None, PypiNameSource.UNMAPPED, 0.0)
        return CondaNameAnswer(name, same, source, confidence)


def _inverse(pairs: Iterable[tuple[CondaName, str]]) -> dict[NormalizedName, tuple[CondaName, ...]]:
    found: dict[NormalizedName, list[CondaName]] = {}
    for name, distribution in pairs:
        found.setdefault(canonicalize_name(distribution), []).append(name)
    return {project: tuple(sorted(candidates)) for project, candidates in found.items()}
