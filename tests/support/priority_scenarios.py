"""Situations in which a package could come from the wrong source, and what the policy says about each.

The answer is computed by `bridge.priority.decision`, for what the sources of a situation have; nothing here knows any
client.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Any, Final

import rattler
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from bridge.model.conda import CondaName
from bridge.priority.decision import ABSENT, UNREACHABLE, Availability, Decider, Outcome, Presence
from bridge.priority.policy import Ecosystem, Policy, Source
from bridge.priority.policy_file import parse_policy

#: where policies are parsed when only their answers are wanted.
SOMEWHERE: Final = "https://sources.example"
BOTH: Final = frozenset(Ecosystem)
PYPI: Final = frozenset({Ecosystem.PYPI})
CONDA: Final = frozenset({Ecosystem.CONDA})
#: age of a file, in days, where a package does not say another one.
OLD: Final = 400


class Fault(Enum):
    """How a source fails as a whole."""

    NONE = "none"
    #: 404 for everything.
    MISSING = "missing"
    #: nobody listens at its address.
    REFUSED = "refused"
    #: 500, 401 or 403 for everything.
    BROKEN = "500"
    UNAUTHORIZED = "401"
    FORBIDDEN = "403"


@dataclass(frozen=True, slots=True)
class Package:
    """One version of one name in one source."""

    name: str
    version: str
    #: PEP 508; translated for channels.
    requires: tuple[str, ...] = ()
    faces: frozenset[Ecosystem] = BOTH
    yanked: bool = False
    #: in days.
    age: int = OLD
    #: label of a variant wheel; for channels the build string.
    label: str = ""


@dataclass(frozen=True, slots=True)
class Content:
    """What one source has."""

    packages: tuple[Package, ...] = ()
    fault: Fault = Fault.NONE

    def of(self, ecosystem: Ecosystem) -> Iterator[Package]:
        """The packages of one face."""
        return (package for package in self.packages if ecosystem in package.faces)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One situation."""

    name: str
    #: source of the policy -> what it has.
    sources: Mapping[str, Content]
    #: with `{internal}` and so on for the address of a source, without its face.
    policy: str
    #: PEP 508.
    required: tuple[str, ...]
    faces: frozenset[Ecosystem] = BOTH
    #: what is required of channels, where that is called something else.
    conda_required: tuple[str, ...] = ()
    #: names that are left out of the graph that the policy is compiled for, as if an attacker had added them later.
    unlisted: frozenset[str] = frozenset()

    def parsed(self, addresses: Mapping[str, str] | None = None) -> Policy:
        """The policy, with the addresses of its sources."""
        known = addresses or {name: f"{SOMEWHERE}/{name}" for name in self.sources}
        return parse_policy(
            self.policy.format(**{_key(name): url for name, url in known.items()}), "bridge-policy.toml"
        )

    def requirements(self, ecosystem: Ecosystem) -> tuple[str, ...]:
        """What is required, as the ecosystem writes it."""
        if ecosystem is Ecosystem.PYPI:
            return self.required
        return self.conda_required or tuple(conda_spec(text) for text in self.required)

    def graph(self, ecosystem: Ecosystem) -> tuple[str, ...]:
        """Every name that the requirements can lead to in any source, sorted."""
        pending = [required.name for required in map(_Required.of, self.requirements(ecosystem))]
        found: set[str] = set()
        while pending:
            name = _normalised(pending.pop(), ecosystem)
            if name in found:
                continue
            found.add(name)
            for package in self.everything(ecosystem):
                if _normalised(package.name, ecosystem) == name:
                    pending += [_Required.of(text).name for text in package.requires]
        return tuple(sorted(found))

    def everything(self, ecosystem: Ecosystem) -> Iterator[Package]:
        for content in self.sources.values():
            yield from content.of(ecosystem)


@dataclass(frozen=True, slots=True, order=True)
class Origin:
    """Where a package comes from, and in which version."""

    source: str
    version: str

    def __str__(self) -> str:
        return f"{self.source} {self.version}"


#: name -> origin; None where the whole is refused.
Answer = Mapping[str, Origin] | None


def conda_spec(text: str) -> str:
    """A requirement as a match spec."""
    one = Requirement(text)
    return f"{one.name} {one.specifier}".strip()


def answer(scenario: Scenario, ecosystem: Ecosystem, policy: Policy | None = None) -> Answer:
    """What the policy says: the source and version of everything that is needed, or that there is no answer."""
    oracle = _Oracle(scenario, ecosystem, policy or scenario.parsed())
    return oracle.run()


def owner(scenario: Scenario, ecosystem: Ecosystem, name: str) -> str | None:
    """The one source that may provide a name in any version; None where none does."""
    decision = _Oracle(scenario, ecosystem, scenario.parsed()).decide(name, [])
    return (decision.via or decision.source) if decision.outcome is Outcome.PROVIDED else None


@dataclass(frozen=True, slots=True)
class _Required:
    """A requirement as far as this needs it."""

    name: str
    version: str
    extras: frozenset[str] = frozenset()

    @classmethod
    def of(cls, text: str) -> _Required:
        one = Requirement(text)
        return cls(one.name, str(one.specifier), frozenset(one.extras))


class _Oracle:
    """A resolver without choices: the policy says the source, the best version there is taken."""

    def __init__(self, scenario: Scenario, ecosystem: Ecosystem, policy: Policy) -> None:
        self.scenario = scenario
        self.ecosystem = ecosystem
        self.policy = policy
        self.decider = Decider(policy)
        self.environment = {key: str(value) for key, value in default_environment().items()}

    def run(self) -> Answer:
        wanted: dict[str, list[_Required]] = {}
        pending = [_Required.of(text) for text in self.scenario.requirements(self.ecosystem)]
        found: dict[str, Origin] = {}
        while pending:
            one = pending.pop(0)
            name = _normalised(one.name, self.ecosystem)
            if one in wanted.setdefault(name, []):
                continue
            wanted[name].append(one)
            versions = [each.version for each in wanted[name]]
            decision = self.decide(name, versions)
            if decision.outcome is not Outcome.PROVIDED:
                return None
            source = decision.via or decision.source
            assert source is not None
            best = self._usable(self.policy.sources[source], name, versions)[-1]
            found[name] = Origin(source, best.version)
            extras = frozenset().union(*(each.extras for each in wanted[name]))
            pending += self._needs(best, extras)
        return dict(sorted(found.items()))

    def decide(self, name: str, versions: Sequence[str]) -> Any:
        def knows(source: Source) -> Availability:
            content = self.scenario.sources[source.name]
            if content.fault is Fault.MISSING and self.ecosystem is Ecosystem.PYPI:
                return ABSENT
            # a channel without noarch is no channel (CEP 26), so that a 404 for all of it is a failure of its own
            if content.fault is not Fault.NONE:
                return UNREACHABLE
            if not any(_normalised(one.name, self.ecosystem) == name for one in content.of(self.ecosystem)):
                return ABSENT
            found = self._usable(source, name, versions)
            return Availability(Presence.KNOWN, tuple(version_of(self.ecosystem, one.version) for one in found))

        asked = CondaName(name) if self.ecosystem is Ecosystem.CONDA else canonicalize_name(name)
        return self.decider.decide(asked, self.ecosystem, knows, self.environment)

    def _usable(self, source: Source, name: str, versions: Sequence[str]) -> list[Package]:
        """The packages that will do, best last."""
        least = source.min_age or timedelta(0)
        listed = [
            one
            for one in self.scenario.sources[source.name].of(self.ecosystem)
            if _normalised(one.name, self.ecosystem) == name
            and not one.yanked
            and timedelta(days=one.age) >= least
            and (self.ecosystem is Ecosystem.CONDA or not one.label)
        ]
        kept = set(_matching(self.ecosystem, [one.version for one in listed], versions))
        return sorted((one for one in listed if one.version in kept), key=self._rank)

    def _rank(self, one: Package) -> Any:
        return version_of(self.ecosystem, one.version)

    def _needs(self, package: Package, extras: frozenset[str]) -> Iterator[_Required]:
        for text in package.requires:
            marker = Requirement(text).marker
            chosen = extras or {""}
            if marker is None or any(marker.evaluate({**self.environment, "extra": extra}) for extra in chosen):
                yield _Required.of(text)


def version_of(ecosystem: Ecosystem, text: str) -> Any:
    """A version that compares as its ecosystem compares."""
    return Version(text) if ecosystem is Ecosystem.PYPI else rattler.Version(text)


def _matching(ecosystem: Ecosystem, versions: Iterable[str], bounds: Sequence[str]) -> Iterator[str]:
    if ecosystem is Ecosystem.PYPI:
        # pre-releases only where there is nothing else (PEP 440)
        yield from SpecifierSet(",".join(text for text in bounds if text)).filter(versions)
        return
    specs = [rattler.VersionSpec(text) for text in bounds if text]
    yield from (text for text in versions if all(spec.matches(rattler.Version(text)) for spec in specs))


def _normalised(name: str, ecosystem: Ecosystem) -> str:
    return canonicalize_name(name) if ecosystem is Ecosystem.PYPI else name.lower()


def _key(name: str) -> str:
    return name.replace("-", "_")
