"""From where each client takes a package, by the rules that were measured (see docs/priority-matrix.md).

The rules are about sources, not about solving: of the versions that a requirement lets through the best one is taken,
and then what that version requires.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from bridge.priority.behaviour import CONDA, RATTLER, READING_VARIANTS, goes_on, rule_of, uses_rattler
from bridge.priority.catalogue import Catalogue, CataloguedFile, Silence
from bridge.priority.configs.conda import conda_requirement
from bridge.priority.configs.config import ClientConfig, ConfiguredRequirement, ConfiguredSource, Place
from bridge.priority.configs.pip_lines import applies, extras_of
from bridge.priority.matching import matching, specifiers_of, version_key
from bridge.priority.policy import Ecosystem, Semantics
from bridge.priority.report import Client

#: names that are followed; graphs of real projects have some hundred.
_MOST: Final = 20_000


class Why(Enum):
    """Why a name comes from where it comes from, or from nowhere."""

    #: the requirement names the source, or the source's globs do.
    PIN = "the configuration gives the name to this source"
    #: the requirement has an address.
    URL = "the requirement has an address of its own"
    #: the first source in the client's order that has the name.
    FIRST = "the first source that has the name"
    #: a higher source does not have the name.
    FELL_THROUGH = "no higher source has the name"
    #: a higher source has the name, and no version that will do.
    LOWER_VERSION = "the higher source has no version that will do"
    #: rattler forgets records of a bounded requirement before it looks at the priority.
    LEAK = "strict priority does not hold for a requirement with a version bound"
    #: the best version of several sources.
    BEST = "the best version of all sources"
    ABSENT = "no source has the name"
    UNSATISFIABLE = "the source that decides has no version that will do"
    #: the pin points below another source that has the name.
    SHADOWED_PIN = "strict priority excludes the source that the pin names"
    UNREACHABLE = "a source that would decide does not answer"

    @property
    def fails(self) -> bool:
        """Whether the client takes nothing."""
        return self in (Why.ABSENT, Why.UNSATISFIABLE, Why.SHADOWED_PIN, Why.UNREACHABLE)


@dataclass(frozen=True, slots=True)
class Taken:
    """Where a client takes one name from."""

    name: str
    ecosystem: Ecosystem
    why: Why
    #: None where it takes nothing, or by address.
    source: ConfiguredSource | None
    #: the best file there; None where it takes nothing, or nobody looked.
    file: CataloguedFile | None = None
    #: whether the project requires the name itself.
    direct: bool = True
    #: where the name is required, or the package that requires it was.
    place: Place | None = None
    #: the version parts of all requirements, as written.
    versions: tuple[str, ...] = ()
    url: str | None = None
    #: extras that are asked for, normalised and sorted.
    extras: tuple[str, ...] = ()
    #: other sources whose files of that version are accepted in its place: pdm locks the hashes of all (measured).
    rivals: tuple[ConfiguredSource, ...] = ()


@dataclass(slots=True)
class _Wanted:
    """A name on the way."""

    direct: bool
    place: Place
    versions: list[str] = field(default_factory=list)
    extras: set[str] = field(default_factory=set)
    pin: str | None = None
    url: str | None = None
    #: whether a requirement of the project itself has a bound.
    bounded: bool = False


def take_all(config: ClientConfig, ecosystem: Ecosystem, catalogue: Catalogue) -> tuple[Taken, ...]:
    """Where a client takes what the project requires, and what that requires, sorted by name.

    Args:
        config: the client's configuration.
        ecosystem: of the requirements to follow; those of conda packages stay there.
        catalogue: what the sources have; a source that is not in it has nothing as far as this knows.
    """
    wanted: dict[str, _Wanted] = {}
    for one in config.requirements:
        if one.ecosystem is ecosystem and not one.constraint:
            _want(wanted, one)
    for one in config.requirements:
        if one.ecosystem is ecosystem and one.constraint and one.name in wanted:
            _limit(wanted[one.name], one)
    limits = {one.name: one for one in config.requirements if one.ecosystem is ecosystem and one.constraint}
    found: dict[str, Taken] = {}
    pending = sorted(wanted)
    while pending and len(found) < _MOST:
        name = pending.pop(0)
        taken = _take(config, ecosystem, name, wanted[name], catalogue)
        if found.get(name) == taken:
            continue
        found[name] = taken
        for other, version, extras in _requirements(taken, ecosystem):
            known = wanted.get(other)
            if known is None:
                wanted[other] = known = _Wanted(direct=False, place=wanted[name].place)
                if other in limits:
                    _limit(known, limits[other])
            elif version in known.versions and known.extras.issuperset(extras):
                continue
            if version not in known.versions:
                known.versions.append(version)
            known.extras.update(extras)
            pending.append(other)
    return tuple(found[name] for name in sorted(found))


def take(
    config: ClientConfig,
    ecosystem: Ecosystem,
    name: str,
    catalogue: Catalogue,
    *,
    version: str = "",
    direct: bool = True,
) -> Taken:
    """Where a client takes one name.

    Args:
        config: the client's configuration, whose requirements say how the name is pinned.
        ecosystem: of the name.
        name: normalised.
        catalogue: what the sources have.
        version: the version part of a requirement; empty for any.
        direct: whether the project requires the name itself.
    """
    wanted: dict[str, _Wanted] = {}
    for one in config.requirements:
        if one.name == name and one.ecosystem is ecosystem and not one.constraint:
            _want(wanted, one)
    mine = wanted.get(name) or _Wanted(direct, config.mode)
    for one in config.requirements:
        if one.name == name and one.ecosystem is ecosystem and one.constraint:
            _limit(mine, one)
    if version:
        mine.versions.append(version)
        mine.bounded = mine.bounded or direct
    return _take(config, ecosystem, name, mine, catalogue)


def _want(wanted: dict[str, _Wanted], one: ConfiguredRequirement) -> None:
    mine = wanted.setdefault(one.name, _Wanted(direct=True, place=one.place))
    if one.bounded:
        mine.versions.append(one.version)
        mine.bounded = True
    mine.extras.update(one.extras)
    mine.pin = mine.pin or one.source
    mine.url = mine.url or one.url


def _limit(mine: _Wanted, one: ConfiguredRequirement) -> None:
    """A constraint limits versions and may have an address; a source that it names does not count (measured)."""
    if one.bounded:
        mine.versions.append(one.version)
    mine.url = mine.url or one.url


def _requirements(taken: Taken, ecosystem: Ecosystem) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Name, version part and extras of what a file requires."""
    for text in taken.file.requires if taken.file is not None else ():
        if ecosystem is Ecosystem.CONDA:
            spec = conda_requirement(text, Place(""))
            if spec is not None and not spec.name.startswith("__"):
                yield spec.name, spec.version, ()
            continue
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        if applies(requirement.marker, taken.extras):
            yield canonicalize_name(requirement.name), str(requirement.specifier), extras_of(requirement.extras)


@dataclass(frozen=True, slots=True)
class _Asked:
    """One source as the client asks it for one name."""

    source: ConfiguredSource
    known: bool
    #: how it fails; None where it answers.
    silence: Silence | None
    #: those that will do, best first.
    files: tuple[CataloguedFile, ...]


def _take(config: ClientConfig, ecosystem: Ecosystem, name: str, wanted: _Wanted, catalogue: Catalogue) -> Taken:
    """What a client does about one name."""

    def answer(why: Why, asked: _Asked | None = None, rivals: Iterable[_Asked] = ()) -> Taken:
        source = asked.source if asked is not None else None
        file = asked.files[0] if asked is not None and asked.files else None
        return Taken(
            name,
            ecosystem,
            why,
            source,
            file,
            wanted.direct,
            wanted.place,
            tuple(wanted.versions),
            wanted.url,
            tuple(sorted(wanted.extras)),
            tuple(one.source for one in rivals),
        )

    if wanted.url is not None:
        return answer(Why.URL)
    sources = config.of(ecosystem)
    everyone = {source: _ask(config, source, ecosystem, name, wanted, catalogue) for source in sources}
    if wanted.pin is not None:
        return _pinned(config, wanted.pin, everyone, answer)
    including = [source for source in sources if source.includes(name)]
    offered = including or [source for source in sources if not source.explicit and source.offers(name)]
    asked = [everyone[source] for source in offered]
    down = [one for one in asked if one.silence is not None and not goes_on(config, ecosystem, one.silence)]
    if down:
        first = next((one for one in asked if one.known or one in down), None)
        if first in down or rule_of(config, ecosystem) is not Semantics.STRICT:
            return answer(Why.UNREACHABLE)
    having = [one for one in asked if one.known]
    if not having:
        return answer(Why.ABSENT)
    why, chosen = _choose(config, ecosystem, wanted, having)
    if chosen is None:
        return answer(why)
    if including:
        why = Why.PIN
    elif why is Why.FIRST and having[0] is not asked[0]:
        why = Why.FELL_THROUGH
    return answer(why, chosen, _rivals(config, ecosystem, chosen, having) if why is Why.BEST else ())


def _choose(
    config: ClientConfig, ecosystem: Ecosystem, wanted: _Wanted, having: Sequence[_Asked]
) -> tuple[Why, _Asked | None]:
    """Which of the sources that have the name the client takes it from."""
    suitable = [one for one in having if one.files]
    match rule_of(config, ecosystem):
        case Semantics.STRICT:
            if having[0].files:
                return Why.FIRST, having[0]
            if ecosystem is Ecosystem.CONDA and config.program in RATTLER and wanted.bounded and suitable:
                return Why.LEAK, suitable[0]
            return Why.UNSATISFIABLE, None
        case Semantics.FIRST_MATCH:
            if config.program is Client.PDM:
                suitable = _with_finals(ecosystem, wanted, suitable)
            if not suitable:
                return Why.UNSATISFIABLE, None
            return (Why.FIRST if suitable[0] is having[0] else Why.LOWER_VERSION), suitable[0]
        case _:
            if not suitable:
                return Why.UNSATISFIABLE, None
            return (Why.BEST if len(having) > 1 else Why.FIRST), _best(config, ecosystem, wanted, suitable)


def _best(config: ClientConfig, ecosystem: Ecosystem, wanted: _Wanted, suitable: Sequence[_Asked]) -> _Asked:
    """The source with the best version; of equal ones the first, with pip the last (measured)."""
    considered = _with_finals(ecosystem, wanted, suitable)
    best = considered[0]
    for one in considered[1:]:
        mine, other = (version_key(ecosystem, each.files[0].version) for each in (best, one))
        if other > mine or (other == mine and config.program is Client.PIP):
            best = one
    return best


def _rivals(config: ClientConfig, ecosystem: Ecosystem, chosen: _Asked, having: Sequence[_Asked]) -> Iterator[_Asked]:
    """The other sources that have the version that is taken, in other files."""
    best = chosen.files[0]
    for one in having if config.program is Client.PDM else ():
        same = [
            file for file in one.files if version_key(ecosystem, file.version) == version_key(ecosystem, best.version)
        ]
        if one is not chosen and any(file.sha256 != best.sha256 for file in same):
            yield one


def _with_finals(ecosystem: Ecosystem, wanted: _Wanted, suitable: Sequence[_Asked]) -> list[_Asked]:
    """Without the sources that have nothing but pre-releases, where another one has a final release (PEP 440)."""
    if ecosystem is not Ecosystem.PYPI or specifiers_of(tuple(wanted.versions)).prereleases:
        return list(suitable)
    finals = [one for one in suitable if not version_key(ecosystem, one.files[0].version).is_prerelease]
    return finals or list(suitable)


def _pinned(config: ClientConfig, pin: str, everyone: Mapping[ConfiguredSource, _Asked], answer: Any) -> Taken:
    source = config.named(pin)
    one = everyone.get(source) if source is not None else None
    taken: Taken
    if one is None:
        taken = answer(Why.ABSENT)
    elif one.silence is not None:
        taken = answer(Why.UNREACHABLE)
    elif not one.known:
        taken = answer(Why.ABSENT)
    elif _shadows(config, one, everyone):
        taken = answer(Why.SHADOWED_PIN)
    else:
        taken = answer(Why.PIN, one) if one.files else answer(Why.UNSATISFIABLE)
    return taken


def _shadows(config: ClientConfig, pinned: _Asked, everyone: Mapping[ConfiguredSource, _Asked]) -> bool:
    """Whether libmamba and conda's classic solver find that a higher channel has the name as well."""
    strict = config.semantics is Semantics.STRICT and pinned.source.ecosystem is Ecosystem.CONDA
    if not strict or config.program not in CONDA or uses_rattler(config):
        return False
    higher = list(everyone)[: list(everyone).index(pinned.source)]
    return any(everyone[source].known for source in higher)


def _ask(
    config: ClientConfig,
    source: ConfiguredSource,
    ecosystem: Ecosystem,
    name: str,
    wanted: _Wanted,
    catalogue: Catalogue,
) -> _Asked:
    listing = catalogue.of(ecosystem, source.url) if source.url else None
    if listing is None:
        return _Asked(source, known=False, silence=None, files=())
    files = matching(ecosystem, listing, name, wanted.versions)
    if config.program not in READING_VARIANTS:
        files = [file for file in files if file.label is None]
    answers = listing.answers(name)
    return _Asked(source, name in listing.projects and answers, None if answers else listing.silence, tuple(files))
