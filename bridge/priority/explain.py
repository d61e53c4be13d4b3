"""Who provides a package, where, under which rule, and what each client would do: as data for `priority explain`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from packaging.utils import NormalizedName, canonicalize_name

from bridge.errors import Code, InvalidInput
from bridge.formats.conda.identifiers import printable
from bridge.formats.conda.redaction import redact
from bridge.model.conda import CondaName
from bridge.priority.decision import Availability, Decider, Decision, Outcome, Presence
from bridge.priority.identity import Identities, Identity, IdentitySource, Name
from bridge.priority.policy import Ecosystem, Policy, Source, SourceName
from bridge.priority.policy_rules import NAME
from bridge.priority.report import Client

#: what a source has of a name in an ecosystem; a source without that face is never asked.
Provider = Callable[[Source, Ecosystem, str], Availability]


@dataclass(frozen=True, slots=True)
class ClientAnswer:
    """What a client would do about a name with one set of configuration files."""

    #: `native` or `overlay` for what the policy compiles to, `project` for what stands in the project.
    configuration: str
    #: where it would take the name from; empty where it takes it from nowhere.
    sources: tuple[SourceName, ...]
    #: one sentence.
    why: str


#: what a client does about a name that the policy has decided on; nothing where the client does not know the ecosystem.
#: The name is that of the ecosystem, which the decision does not keep: conda tells `a_b` from `a-b`.
ClientRule = Callable[[CondaName | NormalizedName, Decision], Sequence[ClientAnswer]]


@dataclass(frozen=True, slots=True)
class Offer:
    """What one source has of a name; mirrors are listed as themselves."""

    source: SourceName
    presence: Presence
    #: best first; empty where the source did not tell.
    versions: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class NameReport:
    """One name of the package in one ecosystem."""

    name: NormalizedName | CondaName
    ecosystem: Ecosystem
    offers: tuple[Offer, ...]
    decision: Decision
    #: by client, in the order of the clients.
    clients: Mapping[Client, tuple[ClientAnswer, ...]]

    @property
    def disagreeing(self) -> tuple[Client, ...]:
        """The clients that would take the name from a source that none of the policy's answers names."""
        return tuple(client for client, answers in self.clients.items() if any(map(self.contradicts, answers)))

    def contradicts(self, answer: ClientAnswer) -> bool:
        """Whether an answer has a source that none of the policy's answers names."""
        return bool(set(answer.sources) - {one.source for one in self.decision.answers})


@dataclass(frozen=True, slots=True)
class Explanation:
    """All that the policy says about a package."""

    #: as asked for.
    asked: str
    #: the conda names first, then the projects.
    names: tuple[NameReport, ...]
    #: who says that the names belong together; `unknown` where there is no more than one.
    identity: IdentitySource
    #: 1 where the user or a rule says so, 0 where nothing is settled.
    confidence: float
    #: sentences about what deserves a look.
    remarks: tuple[str, ...]


def explain(
    policy: Policy,
    name: str,
    providers: Provider,
    *,
    names: Identities | None = None,
    clients: Mapping[Client, ClientRule] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Explanation:
    """Everything about one package, under all its names.

    Args:
        policy: the policy.
        name: a conda package, a Python project, or both.
        providers: what a source has; every source with the face is asked.
        names: what packages are called in the other ecosystem; None for what the policy says alone.
        clients: what each client does about a name; none are reported otherwise.
        environment: as for `Decider.decide`.

    Raises:
        InvalidInput: CB456, the name cannot be one of a package.
    """
    decider = Decider(policy, names)
    asked = names_of(name, decider.names)
    reports = tuple(_report(decider, one, ecosystem, providers, clients or {}, environment) for ecosystem, one in asked)
    projects = decider.names.of_conda(CondaName(name.lower()))
    packages = decider.names.of_project(canonicalize_name(name))
    told = [(projects.confidence, projects.source), (packages.confidence, packages.source)]
    confidence, source = max(told, key=lambda pair: pair[0])
    return Explanation(name, reports, source, confidence, tuple(_remarks(decider.names, reports, packages)))


def names_of(name: str, names: Identities) -> tuple[tuple[Ecosystem, CondaName | NormalizedName], ...]:
    """All names that a package has, the conda names first.

    Args:
        name: a conda package, a Python project, or both.
        names: what packages are called in the other ecosystem.

    Raises:
        InvalidInput: CB456, the name cannot be one of a package.
    """
    if NAME.fullmatch(name) is None:
        raise InvalidInput(Code.POLICY_NAME, "is not the name of a package", subject=printable(redact(name)))
    conda, project = CondaName(name.lower()), canonicalize_name(name)
    projects, packages = names.of_conda(conda), names.of_project(project)
    return (
        *((Ecosystem.CONDA, one) for one in _names(conda, projects, packages)),
        *((Ecosystem.PYPI, one) for one in _names(project, packages, projects)),
    )


def _names(own: Name, here: Identity[Any], there: Identity[Name]) -> list[Name]:
    """The names of the package in one ecosystem.

    Args:
        own: the name asked for.
        here: what the package of that name in this ecosystem is called in the other one.
        there: what the package of that name in the other ecosystem is called in this one.
    """
    # `torch` is conda's pytorch; a conda package `torch`, of which nobody knows, would be something else.
    other = here.names is None and there.names is not None and own not in there.names
    found = [] if other else [own]
    found.extend(one for one in there.names or () if one != own)
    return found


def _report(
    decider: Decider,
    name: CondaName | NormalizedName,
    ecosystem: Ecosystem,
    providers: Provider,
    clients: Mapping[Client, ClientRule],
    environment: Mapping[str, str] | None,
) -> NameReport:
    sources = [source for source in decider.policy.sources.values() if source.url(ecosystem) is not None]
    answers = {source.name: providers(source, ecosystem, name) for source in sources}
    offers = tuple(
        Offer(source, answer.presence, tuple(sorted(answer.versions or (), reverse=True)))
        for source, answer in answers.items()
    )
    decision = decider.decide(name, ecosystem, lambda source: answers[source.name], environment)
    told = {client: tuple(rule(name, decision)) for client, rule in clients.items()}
    return NameReport(name, ecosystem, offers, decision, {client: found for client, found in told.items() if found})


def _remarks(names: Identities, reports: Sequence[NameReport], packages: Identity[CondaName]) -> Iterator[str]:
    if packages.names is None and packages.candidates:
        yield f"the project may be any of the conda packages {', '.join(packages.candidates)}; say which in [names]"
    for report in reports:
        known = [offer.source for offer in report.offers if offer.presence is Presence.KNOWN]
        if report.ecosystem is Ecosystem.PYPI and report.name in names.strangers and known:
            on = ", ".join(known)
            yield f"the project {report.name} of {on} is not the conda package of that name, as [names] says"
        for answer in report.decision.answers:
            if answer.outcome is Outcome.CONTRADICTED:
                yield f"{report.name} is claimed differently under its other names: {answer.rule}"
            elif answer.claims and not answer.allowed:
                yield (
                    f"nothing provides {report.name} for {report.ecosystem.value}: no source of the {answer.rule} "
                    f"has an address there"
                )
