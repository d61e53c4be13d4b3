"""The policy as values: sources, their order, who may provide what, and what the user wants of variants.

The words are those of `bridge-policy.toml`. Everything here has been checked: names are normalised, every source that
is mentioned exists, and no two claims of a name are equally specific.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from typing import NewType

from packaging.markers import Marker
from packaging.utils import NormalizedName

from bridge.model.conda import CondaName
from bridge.model.variant import Property

#: the name of a source in the policy: `[a-z0-9][a-z0-9-]*`, which every client accepts as the name of an index.
SourceName = NewType("SourceName", str)


class Ecosystem(Enum):
    """Where a package is looked for."""

    CONDA = "conda"
    PYPI = "pypi"


class Semantics(Enum):
    """What happens to a name that nobody claims (PEP 766 has the words for indexes)."""

    #: the first source in the order that knows the name, whatever the version.
    STRICT = "strict"
    #: the first source in the order that has a version that will do.
    FIRST_MATCH = "first-match"
    #: the best version of all sources.
    BEST_MATCH = "best-match"


class Trust(Enum):
    """Who decides what a source holds."""

    FIRST_PARTY = "first-party"
    CURATED = "curated"
    PUBLIC = "public"


class Unreachable(Enum):
    """What to do where a source does not answer, which is not the same as not having a name."""

    ERROR = "error"
    WARN = "warn"


class Intent(Enum):
    """What the user wants of the variants of a package that have a property."""

    REQUIRE = "require"
    PREFER = "prefer"
    AVOID = "avoid"
    FORBID = "forbid"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Where the credentials of a source are found; never the credentials themselves."""

    #: `env`, `netrc` or `keyring`.
    kind: str
    #: of the environment variable; empty for the others.
    name: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}" if self.name else self.kind


@dataclass(frozen=True, slots=True)
class Attestation:
    """Who must have signed what comes from a source (CEP 27, PEP 740)."""

    issuer: str
    identity: str


@dataclass(frozen=True, slots=True)
class Source:
    """A place that packages come from; one source may have both faces."""

    name: SourceName
    trust: Trust
    #: base URL of the channel, without a slash at the end.
    conda: str | None = None
    #: URL of the Simple index (PEP 503), with a slash at the end.
    pypi: str | None = None
    #: provides only what a claim says.
    claimed_only: bool = False
    #: the source that this one is a copy of.
    mirror_of: SourceName | None = None
    credentials: Credentials | None = None
    attestation: Attestation | None = None
    #: files that are younger are not taken.
    min_age: timedelta | None = None
    #: of the policy file, counted from 1, for messages.
    line: int = 0

    def url(self, ecosystem: Ecosystem) -> str | None:
        """The address of one face; None where the source does not have it."""
        return self.conda if ecosystem is Ecosystem.CONDA else self.pypi


@dataclass(frozen=True, slots=True, order=True)
class NamePattern:
    """A normalised name (PEP 503), or with `wildcard` all names that begin with it."""

    text: str
    wildcard: bool = False

    def matches(self, name: str) -> bool:
        """Whether a normalised name is meant."""
        return name.startswith(self.text) if self.wildcard else name == self.text

    @property
    def precision(self) -> tuple[int, bool]:
        """Of two patterns that match a name, the greater wins: the longest literal part, then the exact name."""
        return len(self.text), not self.wildcard

    def __str__(self) -> str:
        return f"{self.text}*" if self.wildcard else self.text


@dataclass(frozen=True, slots=True)
class Claim:
    """The only sources that may provide some names, in either ecosystem; there is no other way, even on a 404."""

    patterns: tuple[NamePattern, ...]
    #: in order of preference.
    sources: tuple[SourceName, ...]
    #: where the claim holds; None is everywhere.
    when: Marker | None = None
    line: int = 0


@dataclass(frozen=True, slots=True)
class NameIdentities:
    """What a conda package is called on Python's indexes, where the user says so."""

    #: conda name -> projects; empty where the package is no project, whatever a project of that name is.
    projects: Mapping[CondaName, tuple[NormalizedName, ...]] = field(default_factory=dict)
    #: of the policy file, counted from 1, for messages.
    lines: Mapping[CondaName, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VariantRule:
    """The intent about one property of some packages' variants."""

    patterns: tuple[NamePattern, ...]
    intent: Intent
    property: Property
    line: int = 0


@dataclass(frozen=True, slots=True)
class VariantIntent:
    """What the user wants of variants (PEP 825): orders, best first, and rules."""

    namespaces: tuple[str, ...] = ()
    #: namespace -> features.
    features: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    #: (namespace, feature) -> values.
    values: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    rules: tuple[VariantRule, ...] = ()
    #: the machine to resolve for, by the names of `--set`: `cuda` -> `12.8`.
    system: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Policy:
    """A whole policy file."""

    #: of the file, for messages; no directory.
    filename: str
    #: sha256 of its meaning, in hex; comments and spelling do not count.
    digest: str
    semantics: Semantics
    on_unreachable: Unreachable
    #: all sources but mirrors, highest first.
    order: tuple[SourceName, ...]
    sources: Mapping[SourceName, Source]
    claims: tuple[Claim, ...] = ()
    names: NameIdentities = field(default_factory=NameIdentities)
    variants: VariantIntent = field(default_factory=VariantIntent)

    def faces(self, ecosystem: Ecosystem) -> tuple[Source, ...]:
        """The sources that have a face, in order."""
        return tuple(self.sources[name] for name in self.order if self.sources[name].url(ecosystem) is not None)

    def claim_of(self, name: str) -> Claim | None:
        """The claim that decides about a normalised name, the most specific one; None where nobody claims it."""
        matching = [
            (pattern.precision, claim) for claim in self.claims for pattern in claim.patterns if pattern.matches(name)
        ]
        return max(matching, key=lambda pair: pair[0])[1] if matching else None
