"""The names under which one package goes in both ecosystems: what the policy says, then the mapping tables."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Final, Generic, TypeVar

from packaging.utils import NormalizedName, canonicalize_name

from bridge.mapping.names import NameMapper, NameSource
from bridge.mapping.pypi_names import PypiNames, PypiNameSource
from bridge.mapping.tables import Tables
from bridge.model.conda import CondaName
from bridge.priority.policy import NameIdentities, Policy

Name = TypeVar("Name", CondaName, NormalizedName)


class IdentitySource(Enum):
    """Who says so, strongest first."""

    #: `[names]` of the policy.
    POLICY = "policy"
    #: the user's own mapping file.
    OVERLAY = "overlay"
    #: the kind of the name: `python`, `__cuda` and the like are no projects.
    RULE = "rule"
    TABLE = "table"
    #: one of several, by convention.
    PREFERRED = "preferred"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Identity(Generic[Name]):
    """What a package is called on the other side."""

    #: None where that is not settled; empty where it does not exist there, whatever has its name.
    names: tuple[Name, ...] | None
    source: IdentitySource
    #: 1 where the user or a rule says so, 0 where nothing is settled.
    confidence: float
    #: what it may be, where several are known.
    candidates: tuple[Name, ...] = ()


_SOURCES: Final = {
    NameSource.OVERLAY: IdentitySource.OVERLAY,
    NameSource.RULE: IdentitySource.RULE,
    NameSource.TABLE: IdentitySource.TABLE,
    PypiNameSource.OVERLAY: IdentitySource.OVERLAY,
    PypiNameSource.TABLE: IdentitySource.TABLE,
    PypiNameSource.PREFERRED: IdentitySource.PREFERRED,
}


class Identities:
    """Answers under one policy; pure. What nobody settles is no identity, however alike two names are.

    Args:
        names: `[names]` of the policy, which wins over everything.
        tables: the mapping data; None for the policy alone.
    """

    def __init__(self, names: NameIdentities, tables: Tables | None = None) -> None:
        self._tables = tables
        self._projects = {canonicalize_name(conda): projects for conda, projects in names.projects.items()}
        self._owners = {project: conda for conda, projects in names.projects.items() for project in projects}
        #: projects that only share the name of a conda package; each that exists on an index is a finding.
        self.strangers: frozenset[NormalizedName] = frozenset(
            name for name, projects in self._projects.items() if name not in projects and name not in self._owners
        )

    def pypi_names(self, conda: CondaName) -> tuple[NormalizedName, ...] | None:
        """The projects that a conda package is; empty where it is none, None where that is not settled."""
        return self.of_conda(conda).names

    def conda_names(self, project: NormalizedName) -> tuple[CondaName, ...] | None:
        """The conda packages that a project is; empty where it is none, None where that is not settled."""
        return self.of_project(project).names

    def of_conda(self, conda: CondaName) -> Identity[NormalizedName]:
        """The projects that a conda package is, and who says so."""
        if (projects := self._projects.get(canonicalize_name(conda))) is not None:
            return Identity(projects, IdentitySource.POLICY, 1.0)
        if self._tables is None:
            return _NO_PROJECT
        answer = self._mapper.lookup(conda)
        source = _SOURCES.get(answer.source)
        if source is None:
            return _NO_PROJECT
        if not answer.kind.requirable or answer.distribution is None:
            return Identity((), source, answer.confidence)
        project = canonicalize_name(answer.distribution)
        if project == self._mapper.native_distribution(conda):
            return Identity((), source, answer.confidence)
        if project in self._owners:  # the policy says that this project is another package
            return Identity(None, IdentitySource.UNKNOWN, 0.0, (project,))
        return Identity((project,), source, answer.confidence)

    def of_project(self, project: NormalizedName) -> Identity[CondaName]:
        """The conda packages that a project is, and who says so."""
        if (owner := self._owners.get(project)) is not None:
            return Identity((owner,), IdentitySource.POLICY, 1.0)
        if self._tables is not None:
            answer = self._inverse.lookup(project)
            source = _SOURCES.get(answer.source)
            if (
                source is not None
                and answer.conda is not None
                and canonicalize_name(answer.conda) not in self._projects
            ):
                return Identity((answer.conda,), source, answer.confidence, answer.candidates)
            if answer.candidates:
                return Identity(None, IdentitySource.UNKNOWN, 0.0, answer.candidates)
        if project in self.strangers:
            return Identity((), IdentitySource.POLICY, 1.0)
        return _NO_PACKAGE

    @cached_property
    def _mapper(self) -> NameMapper:
        assert self._tables is not None  # noqa: S101 - only asked with tables
        return NameMapper(self._tables)

    @cached_property
    def _inverse(self) -> PypiNames:
        assert self._tables is not None  # noqa: S101 - only asked with tables
        return PypiNames(self._tables)


_NO_PROJECT: Final[Identity[NormalizedName]] = Identity(None, IdentitySource.UNKNOWN, 0.0)
_NO_PACKAGE: Final[Identity[CondaName]] = Identity(None, IdentitySource.UNKNOWN, 0.0)


def identities(policy: Policy, tables: Tables | None = None) -> Identities:
    """The names of packages in both ecosystems under a policy.

    Args:
        policy: whose `[names]` win.
        tables: the mapping data (`bridge.mapping.tables.load_tables`); None for what the policy says alone.
    """
    return Identities(policy.names, tables)
