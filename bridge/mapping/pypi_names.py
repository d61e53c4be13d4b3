"""PyPI projects to conda packages: what the tables say, read backwards; several answers are a question."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from packaging.utils import NormalizedName, canonicalize_name

from bridge.mapping.tables import DependencyKind, Tables
from bridge.model.conda import CondaName

if TYPE_CHECKING:
    from collections.abc import Iterable

#: CEP 26.
_LONGEST_NAME = 64


class PypiNameSource(Enum):
    """Where an answer comes from, strongest first."""

    OVERLAY = "overlay"
    TABLE = "table"
    #: the same name, assumed because the user said that names are alike.
    SAME_NAME = "same-name"
    AMBIGUOUS = "ambiguous"
    UNMAPPED = "unmapped"


@dataclass(frozen=True, slots=True)
class CondaNameAnswer:
    """The conda package that stands for a project; `conda` is None where that is not settled."""

    project: NormalizedName
    conda: CondaName | None
    source: PypiNameSource
    #: 1 where the user said so, 0 where nothing is settled.
    confidence: float
    #: the conda packages to choose from, sorted, where there are several.
    candidates: tuple[CondaName, ...] = ()

    @property
    def question(self) -> str:
        """What to ask the user where nothing is settled; empty otherwise."""
        match self.source:
            case PypiNameSource.AMBIGUOUS:
                return f"{self.project} may be any of the conda packages {', '.join(self.candidates)}"
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
    """

    def __init__(self, tables: Tables, *, assume_same: bool = False) -> None:
        self._tables = tables
        self._assume_same = assume_same
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
        """The strongest answer for a project, spelled in any way; never a guess among several."""
        name = canonicalize_name(project)
        for table, source, confidence in (
            (self._overlay, PypiNameSource.OVERLAY, 1.0),
            (self._known, PypiNameSource.TABLE, 0.95),
        ):
            found = table.get(name, ())
            if len(found) == 1:
                return CondaNameAnswer(name, found[0], source, confidence)
            if found:
                return CondaNameAnswer(name, None, PypiNameSource.AMBIGUOUS, 0.0, found)
        if self._assume_same and self._free(CondaName(name)):
            return CondaNameAnswer(name, CondaName(name), PypiNameSource.SAME_NAME, 0.4)
        return CondaNameAnswer(name, None, PypiNameSource.UNMAPPED, 0.0)

    def _free(self, name: CondaName) -> bool:
        """Whether nothing else is known under the name: `zstd` of PyPI is not the library."""
        tables = self._tables
        taken = (
            name in tables.python
            or name in tables.overlay
            or tables.fixed_kind(name) is not None
            or tables.is_native(name)
        )
        return not taken and len(name) <= _LONGEST_NAME


def _inverse(pairs: Iterable[tuple[CondaName, str]]) -> dict[NormalizedName, tuple[CondaName, ...]]:
    found: dict[NormalizedName, list[CondaName]] = {}
    for name, distribution in pairs:
        found.setdefault(canonicalize_name(distribution), []).append(name)
    return {project: tuple(sorted(candidates)) for project, candidates in found.items()}
