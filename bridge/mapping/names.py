"""Conda package names to distribution names: evidence in a fixed order, never a guess."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Final

from packaging.utils import NormalizedName, canonicalize_name, is_normalized_name

from bridge.mapping.tables import DependencyKind as DependencyKind
from bridge.mapping.tables import Tables

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.model.conda import CondaName

#: where distributions of non-Python packages live unless the user says otherwise.
RESERVED_PREFIX: Final = "conda-native-"


class NameSource(Enum):
    """Where an answer comes from, strongest first."""

    OVERLAY = "overlay"
    RULE = "rule"
    ARTIFACT = "artifact"
    TABLE = "table"
    OWN_METADATA = "own-metadata"
    CHANNEL = "channel"
    RESERVED = "reserved"


@dataclass(frozen=True, slots=True)
class NameAnswer:
    """The distribution that stands for a conda package.

    `distribution` is None for kinds that never become requirements. `confidence` is 1 where a rule, the user
    or the package itself said so, and below 0.5 for a reserved name chosen only because nothing is known.
    """

    distribution: str | None
    kind: DependencyKind
    source: NameSource
    confidence: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known beside the tables in one conversion."""

    #: conda name -> distribution name in the dist-info of an artifact at hand.
    artifacts: Mapping[CondaName, str] = field(default_factory=dict)
    #: distributions that the package's own Requires-Dist names.
    own_requires: frozenset[NormalizedName] = frozenset()
    #: conda name -> whether the channel's record is a Python package (depends on python, or noarch python).
    channel: Mapping[CondaName, bool] = field(default_factory=dict)


class NameMapper:
    """Answers for one conversion; cheap to make, and pure.

    Args:
        tables: the data.
        evidence: what the artifacts and the channel say.
        reserved_prefix: normalised name prefix for packages without a Python project, ending in `-`.

    Raises:
        ValueError: the prefix cannot start a normalised distribution name.
    """

    def __init__(
        self, tables: Tables, evidence: Evidence | None = None, reserved_prefix: str = RESERVED_PREFIX
    ) -> None:
        if not (reserved_prefix.endswith("-") and is_normalized_name(f"{reserved_prefix}x")):
            raise ValueError(f"{reserved_prefix!r} cannot start a distribution name")
        self._tables = tables
        self._evidence = Evidence() if evidence is None else evidence
        self._prefix = reserved_prefix
        self._answers: dict[CondaName, NameAnswer] = {}

    def lookup(self, name: CondaName) -> NameAnswer:
        """The strongest answer; a name that nobody knows gets a reserved one, never a public project's."""
        answer = self._answers.get(name)
        if answer is None:
            answer = self._answers[name] = self._looked_up(name)
        return answer

    def _looked_up(self, name: CondaName) -> NameAnswer:
        tables, evidence = self._tables, self._evidence
        if name in tables.overlay:
            kind, distribution = tables.overlay[name]
            if kind is DependencyKind.NATIVE:
                return self._native(name, NameSource.OVERLAY, 1.0)
            return NameAnswer(distribution, kind, NameSource.OVERLAY, 1.0)
        if (fixed := tables.fixed_kind(name)) is not None:
            return NameAnswer(None, fixed, NameSource.RULE, 1.0)
        if name in evidence.artifacts:
            return _python(evidence.artifacts[name], NameSource.ARTIFACT, 1.0)
        if name in tables.python:
            return _python(tables.python[name], NameSource.TABLE, 0.95)
        if tables.is_native(name):
            return self._native(name, NameSource.TABLE, 0.95)
        same = _same_name(name)
        if same in evidence.own_requires:
            return _python(same, NameSource.OWN_METADATA, 0.8)
        if name in evidence.channel:
            if evidence.channel[name]:
                return _python(same, NameSource.CHANNEL, 0.6)
            return self._native(name, NameSource.CHANNEL, 0.9)
        return self._native(name, NameSource.RESERVED, 0.3)

    def native_distribution(self, name: CondaName) -> str:
        """The reserved distribution name of a package without a Python project."""
        return f"{self._prefix}{_same_name(name)}"

    def _native(self, name: CondaName, source: NameSource, confidence: float) -> NameAnswer:
        return NameAnswer(self.native_distribution(name), DependencyKind.NATIVE, source, confidence)


def _python(distribution: str, source: NameSource, confidence: float) -> NameAnswer:
    return NameAnswer(distribution, DependencyKind.PYTHON, source, confidence)


def _same_name(name: CondaName) -> NormalizedName:
    """The conda name in normal form; CEP 26 allows separators at the ends, distribution names do not."""
    return canonicalize_name(re.sub(r"^[._-]+|[._-]+$", "", name) or "x")
