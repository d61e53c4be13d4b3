"""Both sides' choices among the builds of one project, on one machine after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from packaging.version import Version

from bridge.channel.candidate import Candidate
from bridge.channel.universe import Universe
from bridge.formats.wheel.filename import parse_wheel_filename
from bridge.mapping.hosts import supported_features, virtual_packages
from bridge.mapping.versions import to_pep440
from bridge.model.host import Host, VirtualPackage
from bridge.model.variant import Property
from bridge.select.conda_side import CondaChoice, CondaSide, Solver, builds_for
from bridge.select.explain import reasons
from bridge.select.intent import NO_INTENT, Intent, applied
from bridge.select.plan import PlannedRelease, Planner
from bridge.select.selection import Selection, Verdict, WheelPick, compare
from bridge.select.wheel_side import (
    RankedRelease,
    Supported,
    WheelOffer,
    WheelRelease,
    choose_release,
    family_release,
    supported_values,
    wheel_machine,
)

_LAST = 1 << 30


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked about a project."""

    host: Host
    python: tuple[int, int]
    version: Version | None = None
    intent: Intent = NO_INTENT


@dataclass(frozen=True, slots=True)
class Wheels:
    """The wheels of an index, in place of planned ones."""

    releases: tuple[WheelRelease, ...]
    source_of: Callable[[WheelOffer], str | None]


class Selector:
    """Answers questions about one project; what it finds out is kept for the next one.

    Args:
        universe: every candidate of the channels for one platform.
        planner: over the same universe.
        name: of the conda package.
        solver: of the conda side; rattler where None.
    """

    def __init__(self, universe: Universe, planner: Planner, name: str, solver: Solver | None = None) -> None:
        self._universe = universe
        self._planner = planner
        self._solver = solver
        self._builds: dict[Version, list[Candidate]] = {}
        for candidate in universe.candidates(name):
            self._builds.setdefault(to_pep440(candidate.index.version).version, []).append(candidate)
        self._sides: dict[tuple[tuple[int, int], Version | None], CondaSide | None] = {}
        self._planned: dict[Version, PlannedRelease | None] = {}
        self._ranked: dict[Version, RankedRelease] = {}

    @property
    def versions(self) -> tuple[Version, ...]:
        """Of all releases, newest first."""
        return tuple(sorted(self._builds, reverse=True))

    def planned(self, version: Version) -> PlannedRelease | None:
        """The wheels that a release would become; None for one that becomes none."""
        if version not in self._planned:
            planned = self._planner.plan(self._builds[version]) if version in self._builds else None
            self._planned[version] = planned
            if planned is not None:
                self._ranked[version] = RankedRelease(family_release(planned.family))
        return self._planned[version]

    def select(self, question: Question, wheels: Wheels | None = None) -> Selection:
        """Both decisions and their reasons."""
        conda, pick, verdict = self.decide(question, wheels)
        filename = None if conda.build is None else conda.build.filename
        release = self._release(question, conda)
        selection = Selection(filename, pick, verdict, release=release)
        why = reasons(selection, conda.reason, question.host, question.python, question.intent)
        return replace(selection, why=tuple(why))

    def decide(self, question: Question, wheels: Wheels | None = None) -> tuple[CondaChoice, WheelPick | None, Verdict]:
        """Both decisions, and how they compare."""
        conda, pick = self.conda(question), self.wheel(question, wheels)
        if conda.build is not None or pick is None or pick.label is None:
            return conda, pick, compare(None if conda.build is None else conda.build.filename, pick)
        return conda, pick, compare(None, pick, sayable=not self._needs_more_than_said(pick))

    def conda(self, question: Question) -> CondaChoice:
        """What the conda solver takes, within what the user wants."""
        machine = virtual_packages(question.host)
        side = self._side(question.python, question.version)
        if side is None:
            return CondaChoice(None, "no build is for this Python")
        choice = side.choose(machine)
        if not question.intent or choice.build is None:
            return choice
        return self._wanted(question, side, machine)

    def wheel(self, question: Question, wheels: Wheels | None = None) -> WheelPick | None:
        """What a variant-aware wheel client takes, within what the user wants."""
        found = choose_release(self._releases(question, wheels), wheel_machine(question.host, question.python))
        if found is None:
            return None
        offer = found[1]
        source = offer.source if wheels is None else wheels.source_of(offer)
        return WheelPick(offer.filename, offer.label, source)

    def _side(self, python: tuple[int, int], version: Version | None) -> CondaSide | None:
        key = python, version
        if key not in self._sides:
            among = (
                [each for found in self._builds.values() for each in found]
                if version is None
                else self._builds.get(version, [])
            )
            usable = builds_for(among, python)
            self._sides[key] = CondaSide(self._universe, among, python, self._solver) if usable else None
        return self._sides[key]

    def _releases(self, question: Question, wheels: Wheels | None) -> Iterator[RankedRelease]:
        if wheels is not None:
            releases: Iterable[WheelRelease] = (
                each for each in wheels.releases if question.version in (None, each.version)
            )
        else:
            versions = self.versions if question.version is None else (question.version,)
            planned = [version for version in versions if self.planned(version) is not None]
            if not question.intent:
                yield from (self._ranked[version] for version in planned)
                return
            releases = (self._ranked[version].release for version in planned)
        for release in releases:
            yield RankedRelease(_wanted_release(release, question.intent) if question.intent else release)

    def _wanted(self, question: Question, side: CondaSide, machine: Sequence[VirtualPackage]) -> CondaChoice:
        """What can be installed of the group of builds that the user wants most; newest release first."""
        choice = CondaChoice(None, "no build is what the user wants")
        for version in self.versions if question.version is None else (question.version,):
            planned = self.planned(version)
            if planned is None:
                continue
            for group in _groups(planned, question):
                choice = side.choose(machine, group)
                if choice.build is not None:
                    return choice
        return choice

    def _needs_more_than_said(self, pick: WheelPick) -> bool:
        """Whether a build needs something of its machine that no property says (such as "no GPU, or a new driver")."""
        planned = self.planned(parse_wheel_filename(pick.filename).version)
        build = None if planned is None or pick.source is None else planned.build(pick.source)
        if build is None:
            return False
        bounds = (build.requires.cuda, build.requires.cuda_arch)
        return bool(build.requires.unsaid) or any(each is not None and each.absent for each in bounds)

    def _release(self, question: Question, conda: CondaChoice) -> PlannedRelease | None:
        """The release that the answer is about: of the build that conda takes, else the one asked for or the newest."""
        if conda.build is not None:
            return self.planned(to_pep440(conda.build.index.version).version)
        versions = self.versions[:1] if question.version is None else (question.version,)
        return next((self.planned(version) for version in versions), None)


def _wanted_release(release: WheelRelease, intent: Intent) -> WheelRelease:
    """The release under the user's overlay, without the plain wheel where that is a variant never wanted."""
    metadata = release.metadata
    if metadata is None:
        return release
    overlay = applied(metadata, intent)
    dropped = {
        each.source for each in release.offers if each.label in metadata.variants.keys() - overlay.variants.keys()
    }
    offers = tuple(
        each for each in release.offers if each.label is not None or each.source is None or each.source not in dropped
    )
    return replace(release, offers=offers, metadata=overlay)


def _groups(planned: PlannedRelease, question: Question) -> list[list[str]]:
    """File names of builds that the user wants equally, the most wanted first."""
    metadata, intent = planned.family.metadata, question.intent
    by_source = planned.properties()
    found: dict[tuple[int, ...], list[str]] = {}
    values = supported_values(metadata, supported_features(question.host))
    for build in planned.builds:
        properties = by_source.get(build.filename, frozenset())
        if not intent.forbids(properties):
            key = (intent.rank(properties), *_score(properties, values, intent.order))
            found.setdefault(key, []).append(build.filename)
    return [found[key] for key in sorted(found)]


def _score(properties: Iterable[Property], values: Supported, namespaces: Sequence[str]) -> Iterator[int]:
    """Places of a build's best values, feature by feature; a feature that it does not have comes last."""
    for namespace in namespaces:
        for owner, feature, supported in values:
            if owner == namespace:
                places = [
                    supported.index(each.value)
                    for each in properties
                    if (each.namespace, each.feature) == (owner, feature) and each.value in supported
                ]
                yield min(places, default=_LAST)
