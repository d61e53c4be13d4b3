"""Which source each client of a project takes packages from, by the rules that were measured, and what the policy says.

Nothing is run or asked here: `bridge.priority.look` says what the sources have, `bridge.priority.check_run` holds the
answers against the real programs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from packaging.markers import default_environment
from packaging.utils import NormalizedName

from bridge.model.conda import CondaName
from bridge.priority.attribution import Attribution
from bridge.priority.behaviour import rule_of
from bridge.priority.catalogue import Catalogue
from bridge.priority.checked import Answer, CheckedName, CheckReport, Standing
from bridge.priority.configs.config import ClientConfig, ConfiguredRequirement
from bridge.priority.configs.read import read_configurations
from bridge.priority.decision import UNREACHABLE, Availability, Decider, Decision, Outcome
from bridge.priority.graph import Graph
from bridge.priority.identity import Identities
from bridge.priority.matching import offered
from bridge.priority.policy import Ecosystem, Policy, Semantics, Source
from bridge.priority.taking import Taken, Why, take, take_all

#: the address of what is required from a directory of the project.
_LOCAL: Final = "file:"
#: names to answer for, by ecosystem.
Names = Mapping[Ecosystem, Collection[str]]


def check(
    project: Path,
    policy: Policy | None,
    catalogue: Catalogue,
    names: Sequence[str] = (),
    *,
    identities: Identities | None = None,
    user: Path | None = None,
    also: Names | None = None,
    environment: Mapping[str, str] | None = None,
) -> CheckReport:
    """Where each client takes packages from, and where clients disagree with the policy and with each other.

    Without names, a client answers for what its configuration requires and for what that requires; one that requires
    nothing itself answers for what the others need. With names, every client answers for these.

    Args:
        project: the directory with the configurations.
        policy: None to compare the clients with each other only.
        catalogue: what the sources of the policy and of the configurations have.
        names: `conda:NAME`, `pypi:NAME`, or `NAME` for both.
        identities: what packages are called in the other ecosystem; None for what the policy says alone.
        user: a home directory whose configuration counts as well; None leaves it out.
        also: further names that the project is known to need, for example because a client took them.
        environment: all marker variables (PEP 508) of the machine that the clients run on, for claims that hold only
            somewhere; None for this machine.

    Raises:
        InvalidInput: CB101, the project is no directory; CB456, a name cannot be one of a package.
    """
    found = read_configurations(project, user=user)
    here = environment or {key: str(value) for key, value in default_environment().items()}
    checker = _Checker(policy, catalogue, identities, here)
    asked = named(names)
    rows = [
        row
        for ecosystem in Ecosystem
        for row in checker.rows(found.configs, ecosystem, asked.get(ecosystem) if names else None, also or {})
    ]
    return CheckReport(
        tuple(rows),
        tuple(dict.fromkeys((config.client, config.files) for config in found.configs)),
        problems=tuple(str(problem) for problem in found.problems),
        remarks=tuple(f"{one.url}: {problem}" for one in catalogue.listings for problem in one.problems),
    )


def named(names: Iterable[str]) -> Names:
    """Names as they are given to commands, by ecosystem and normalised.

    Raises:
        InvalidInput: CB456, a name cannot be one of a package.
    """
    graph = Graph().with_names(names)
    return {Ecosystem.CONDA: graph.packages or (), Ecosystem.PYPI: graph.projects or ()}


def required(configs: Iterable[ClientConfig]) -> Names:
    """What configurations require themselves, by ecosystem."""
    found: dict[Ecosystem, set[str]] = {ecosystem: set() for ecosystem in Ecosystem}
    for one in (requirement for config in configs for requirement in config.requirements):
        if not one.constraint:
            found[one.ecosystem].add(one.name)
    return found


@dataclass(slots=True)
class _Checker:
    """Answers under one policy, for one state of the sources."""

    policy: Policy | None
    catalogue: Catalogue
    identities: Identities | None
    environment: Mapping[str, str]
    attribution: Attribution = field(init=False)
    _decider: Decider | None = field(init=False)
    _decisions: dict[tuple[Ecosystem, str, tuple[str, ...]], Decision] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.attribution = Attribution(self.policy, self.catalogue)
        self._decider = Decider(self.policy, self.identities) if self.policy is not None else None

    def rows(
        self, configs: Sequence[ClientConfig], ecosystem: Ecosystem, asked: Collection[str] | None, also: Names
    ) -> Iterator[CheckedName]:
        """One row for each name that any client answers for.

        Args:
            configs: all configurations.
            ecosystem: of the names.
            asked: the names; None for those that the configurations need.
            also: names that are needed besides those.
        """
        using = [config for config in configs if config.of(ecosystem)]
        needed = [{one.name: one for one in take_all(config, ecosystem, self.catalogue)} for config in using]
        if asked is None:
            more = set(also.get(ecosystem, ()))
            asked = more.union(*needed)
            answering = [more.union(found) if found else asked for found in needed]
        else:
            answering = [set(asked) for _ in using]
        for name in sorted(asked):
            answers: list[Answer] = []
            for config, found, own in zip(using, needed, answering, strict=True):
                answer = self._answer(config, found.get(name), ecosystem, name) if name in own else None
                # the environments of hatch mostly say the same
                if answer is not None and answer not in answers:
                    answers.append(answer)
            if answers:
                yield CheckedName(name, ecosystem, self._decide(ecosystem, name, ()), tuple(answers))

    def _answer(self, config: ClientConfig, needed: Taken | None, ecosystem: Ecosystem, name: str) -> Answer:
        taken = needed if needed is not None else take(config, ecosystem, name, self.catalogue)
        source, file = taken.source, taken.file
        origin = None
        if taken.url is not None:
            origin = self.attribution.of(ecosystem, "", taken.url)
        elif source is not None:
            origin = self.attribution.of(ecosystem, source.url or source.name, file.url if file is not None else "")
        decision = self._decide(ecosystem, name, _asked_versions(config, taken))
        unseen = unseen_source(config, taken, self.catalogue)
        answer = Answer(
            config.client,
            config.files,
            taken.why,
            origin,
            file.version if file is not None else "",
            needed is not None,
            taken.versions,
            decision,
            standing=None,
            unseen=unseen,
        )
        return answer if decision is None else _judged(answer, decision)

    def _decide(self, ecosystem: Ecosystem, name: str, versions: tuple[str, ...]) -> Decision | None:
        if self._decider is None:
            return None
        key = ecosystem, name, versions
        if key not in self._decisions:
            own = CondaName(name) if ecosystem is Ecosystem.CONDA else NormalizedName(name)

            def knows(source: Source) -> Availability:
                return availability(self.catalogue, source, ecosystem, name, versions)

            self._decisions[key] = self._decider.decide(own, ecosystem, knows, self.environment)
        return self._decisions[key]


def availability(
    catalogue: Catalogue, source: Source, ecosystem: Ecosystem, name: str, versions: Sequence[str] = ()
) -> Availability:
    """What a source has of a name that some version parts let through; one that nobody looked at does not answer."""
    listing = catalogue.of(ecosystem, source.url(ecosystem) or "")
    return UNREACHABLE if listing is None else offered(listing, ecosystem, name, versions)


def standing(source: str | None, decision: Decision, *, takes: bool) -> Standing:
    """How taking a name from a source, or from none, stands to the policy.

    Args:
        source: as the policy calls it; None for one that it does not have.
        decision: of the policy.
        takes: whether the name is taken at all.
    """
    provided = decision.outcome is Outcome.PROVIDED
    if takes:
        return Standing.AGREES if provided and source == decision.source else Standing.OTHER_SOURCE
    return Standing.REFUSES if provided else Standing.AGREES


def _judged(answer: Answer, decision: Decision) -> Answer:
    if answer.unseen:
        found = Standing.UNKNOWN
    elif answer.origin is not None and answer.origin.address == _LOCAL:
        # a directory of the project itself, which no source can replace
        found = Standing.AGREES
    else:
        source = answer.origin.source if answer.origin is not None else None
        found = standing(source, decision, takes=answer.origin is not None)
    return replace(answer, standing=found)


def _asked_versions(config: ClientConfig, taken: Taken) -> tuple[str, ...]:
    """What the policy is asked for: a constraint that makes a client refuse a name is no requirement of the project."""
    if not taken.why.fails:
        return taken.versions
    limits = {one.version for one in config.requirements if one.constraint and one.name == taken.name}
    return tuple(version for version in taken.versions if version not in limits)


def unseen_source(config: ClientConfig, taken: Taken, catalogue: Catalogue) -> str:
    """A source that the client asks, that nobody looked at, and that might decide; empty where all is seen."""
    if taken.url is not None or (taken.why is Why.PIN and taken.source is not None):
        return ""
    ecosystem = taken.ecosystem
    pin = next((one.source for one in _pins(config, taken) if one.source is not None), None)
    if pin is not None:
        source = config.named(pin)
        asked = [source] if source is not None else []
    else:
        sources = config.of(ecosystem)
        including = [source for source in sources if source.includes(taken.name)]
        asked = including or [source for source in sources if not source.explicit and source.offers(taken.name)]
    strict = rule_of(config, ecosystem) is Semantics.STRICT
    for source in asked:
        listing = catalogue.of(ecosystem, source.url) if source.url else None
        if listing is None:
            return source.name
        # what comes after the source that decides is never asked
        decides = source == taken.source or (
            strict and (taken.name in listing.projects or not listing.answers(taken.name))
        )
        if decides and rule_of(config, ecosystem) is not Semantics.BEST_MATCH:
            return ""
    return ""


def _pins(config: ClientConfig, taken: Taken) -> Iterator[ConfiguredRequirement]:
    return (
        one
        for one in config.requirements
        if one.name == taken.name and one.ecosystem is taken.ecosystem and not one.constraint
    )
