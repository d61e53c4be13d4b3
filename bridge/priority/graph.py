"""The names in a project's graph, as its lock files have them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import NormalizedName, canonicalize_name

from bridge.errors import Code, InvalidInput
from bridge.formats.conda.identifiers import printable
from bridge.formats.conda.redaction import redact
from bridge.model.conda import CondaName
from bridge.priority.audit.locks.locked import LockedPackage
from bridge.priority.audit.locks.read import read_locks
from bridge.priority.policy import Ecosystem
from bridge.priority.policy_rules import NAME


@dataclass(frozen=True, slots=True)
class Graph:
    """All packages that a project needs, direct or not; None where no lock file tells."""

    #: normalised, sorted.
    projects: tuple[NormalizedName, ...] | None = None
    packages: tuple[CondaName, ...] | None = None

    def with_names(self, names: Iterable[str]) -> Graph:
        """The graph and further packages.

        Args:
            names: `conda:NAME` or `pypi:NAME`; a plain name is in the graph of both ecosystems.

        Raises:
            InvalidInput: CB456, a name cannot be one of a package.
        """
        found: dict[Ecosystem, set[str]] = {ecosystem: set() for ecosystem in Ecosystem}
        for text in names:
            for ecosystem, name in _named(text):
                found[ecosystem].add(name)
        projects = {canonicalize_name(name) for name in found[Ecosystem.PYPI]}
        packages = {CondaName(name.lower()) for name in found[Ecosystem.CONDA]}
        return Graph(
            tuple(sorted({*(self.projects or ()), *projects})) or self.projects,
            tuple(sorted({*(self.packages or ()), *packages})) or self.packages,
        )


def _named(text: str) -> Iterator[tuple[Ecosystem, str]]:
    prefix, colon, rest = text.partition(":")
    name = rest if colon else text
    chosen = [ecosystem for ecosystem in Ecosystem if not colon or ecosystem.value == prefix]
    if not chosen or NAME.fullmatch(name) is None:
        shown = printable(redact(name if chosen else text))
        raise InvalidInput(Code.POLICY_NAME, "is not the name of a package", subject=shown)
    for ecosystem in chosen:
        yield ecosystem, name


def locked_graph(project: Path) -> Graph:
    """What the lock files of a project have.

    Args:
        project: its directory.

    Raises:
        InvalidInput: a lock file cannot be read (CB101, CB109, CB111).
    """
    packages, problems = read_locks(project)
    if problems:
        raise problems[0]
    return graph_of(packages)


def graph_of(packages: Iterable[LockedPackage]) -> Graph:
    """The graph that locked packages make; one ecosystem without any of them is not known."""
    projects = {canonicalize_name(one.name) for one in packages if one.ecosystem is Ecosystem.PYPI}
    conda = {CondaName(one.name) for one in packages if one.ecosystem is Ecosystem.CONDA}
    return Graph(tuple(sorted(projects)) or None, tuple(sorted(conda)) or None)
