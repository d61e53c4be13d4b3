"""From where each client takes what the project needs, held against the policy: DC01, DC03, DC04, DC06 to DC10."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bridge.priority.audit.finding import Evidence, Finding, Rule, Severity
from bridge.priority.audit.scene import Scene
from bridge.priority.behaviour import rule_of, uses_rattler
from bridge.priority.catalogue import Catalogue
from bridge.priority.check import unseen_source
from bridge.priority.configs.addresses import is_address
from bridge.priority.configs.conda import conda_requirement
from bridge.priority.configs.config import ClientConfig, Place, Setting
from bridge.priority.decision import Decision, Outcome
from bridge.priority.policy import Ecosystem, Semantics, Source, SourceName
from bridge.priority.taking import Taken, Why, take_all

_RULES = {
    Why.BEST: Rule.DC04,
    Why.LOWER_VERSION: Rule.DC04,
    Why.FELL_THROUGH: Rule.DC06,
    Why.LEAK: Rule.DC07,
    Why.SHADOWED_PIN: Rule.DC09,
}
#: settings of conda's that most of its solvers do not follow.
IGNORED_PINS = ("pinned_packages", "disallow", "disallowed_packages")


@dataclass(frozen=True, slots=True)
class Resolution:
    """What all clients do about the names that they need, as far as the sources were asked."""

    findings: tuple[Finding, ...] = ()
    #: word of the ecosystem and name of what some client does not do as the policy says.
    wrong: frozenset[tuple[str, str]] = frozenset()


def resolution(scene: Scene) -> Resolution:
    """What clients take from the wrong source."""
    if scene.catalogue is None:
        return Resolution()
    findings: list[Finding] = []
    wrong: set[tuple[str, str]] = set()
    for config in scene.configs:
        for ecosystem in (one for one in Ecosystem if config.of(one)):
            for taken in take_all(config, ecosystem, scene.catalogue):
                found = list(_judged(scene, config, taken, scene.catalogue))
                findings += found
                if any(one.severity.fails for one in found):
                    wrong.add((ecosystem.value, taken.name))
    return Resolution(tuple(findings), frozenset(wrong))


def _judged(scene: Scene, config: ClientConfig, taken: Taken, catalogue: Catalogue) -> Iterator[Finding]:
    decision = scene.decide(taken.name, taken.ecosystem, taken.versions, here=True)
    if decision is None:
        yield from _compared(config, taken, catalogue)
        return
    right = _providers(decision)
    if taken.why.fails:
        yield from _unseen(config, taken, decision, catalogue)
        if taken.why is Why.SHADOWED_PIN and right:
            message = f"{config.client.value} cannot take {taken.name}: {taken.why.value}"
            yield Finding(Rule.DC09, Severity.ERROR, message, Evidence(taken.place, name=taken.name))
        return
    source = _source_of(scene, taken)
    if (source is not None and source.name in right) or (source is None and _same_file(scene, taken, right)):
        yield from _unseen(config, taken, decision, catalogue)
        yield from _rivals(scene, config, taken, right)
        yield from _elsewhere(scene, config, taken, source)
        return
    if taken.source is None and source is None:
        yield from _foreign(config, taken, decision)
        return
    rule = _rule(scene, config, taken, decision)
    shown = source.name if source is not None else taken.source.name if taken.source is not None else ""
    version = f" {taken.file.version}" if taken.file is not None else ""
    message = f"{config.client.value} takes {taken.name}{version} from {shown} ({taken.why.value}); {_answer(decision)}"
    place = _place(config, taken, rule)
    yield Finding(rule, Severity.ERROR, message, Evidence(place, shown, taken.name))
    for setting in _ignored(config, taken.name):
        message = f"{setting.key} is not followed: {config.client.value} takes {taken.name}{version} from {shown}"
        yield Finding(Rule.DC10, Severity.ERROR, message, Evidence(setting.place, shown, taken.name))


def _unseen(config: ClientConfig, taken: Taken, decision: Decision, catalogue: Catalogue) -> Iterator[Finding]:
    """A claimed name for which the client asks a source that nobody could look at, such as one that is its default."""
    unseen = unseen_source(config, taken, catalogue)
    if not unseen or not decision.answers[0].claims:
        return
    semantics = rule_of(config, taken.ecosystem)
    rule = Rule.DC06 if semantics is Semantics.STRICT else _compares(config, taken.ecosystem)
    severity = Severity.ERROR if semantics is Semantics.BEST_MATCH else Severity.WARNING
    message = f"{config.client.value} asks {unseen} for {taken.name} as well, which nobody could look at"
    evidence = Evidence(config.mode, unseen, taken.name)
    yield Finding(rule, severity, f"{message}; {_answer(decision)}", evidence, subject="unseen")


def _foreign(config: ClientConfig, taken: Taken, decision: Decision) -> Iterator[Finding]:
    """A claimed name from an address at which no source of the policy has it; a directory of the project is its own."""
    if taken.url is not None and is_address(taken.url) and decision.answers[0].claims:
        message = f"{config.client.value} takes {taken.name} from {taken.url}, where no source of the policy has it"
        evidence = Evidence(taken.place, name=taken.name)
        yield Finding(Rule.DC01, Severity.ERROR, f"{message}; {_answer(decision)}", evidence, subject="address")


def _rivals(scene: Scene, config: ClientConfig, taken: Taken, right: set[SourceName | None]) -> Iterator[Finding]:
    """Wrong sources whose files the client accepts as well."""
    for rival in taken.rivals:
        source = scene.source_of(rival.url, taken.ecosystem)
        if source is None or source.name not in right:
            shown = source.name if source is not None else rival.name
            own = taken.source.name if taken.source is not None else ""
            message = f"{config.client.value} accepts the file of {taken.name} that {shown} has in the place of {own}'s"
            yield Finding(Rule.DC04, Severity.ERROR, message, Evidence(config.mode, shown, taken.name))


def _elsewhere(scene: Scene, config: ClientConfig, taken: Taken, source: Source | None) -> Iterator[Finding]:
    """What is right on this machine, and wrong where another claim holds."""
    whole = scene.decide(taken.name, taken.ecosystem, taken.versions)
    for answer in whole.answers if whole is not None and source is not None else ():
        if answer.claims and answer.outcome is Outcome.PROVIDED and source is not None and answer.source != source.name:
            where = f" where {answer.when}" if answer.when is not None else ""
            message = (
                f"{config.client.value} takes {taken.name} from {source.name}, on any machine; the policy gives it to "
                f"{answer.source}{where}"
            )
            evidence = Evidence(taken.place, source.name, taken.name)
            yield Finding(Rule.DC01, Severity.NOTE, message, evidence, subject="elsewhere")
            return


def _providers(decision: Decision) -> set[SourceName | None]:
    return {answer.source for answer in decision.answers if answer.outcome is Outcome.PROVIDED}


def _compared(config: ClientConfig, taken: Taken, catalogue: Catalogue) -> Iterator[Finding]:
    """Without a policy nobody says who is right, but a name that several sources compete for is worth a look."""
    if taken.why is not Why.BEST or taken.source is None:
        return
    having = ", ".join(one.url for one in catalogue.having(taken.ecosystem, taken.name))
    message = f"{config.client.value} takes the best version of {taken.name} that any of {having} has"
    evidence = Evidence(config.mode, taken.source.name, taken.name)
    yield Finding(_compares(config, taken.ecosystem), Severity.WARNING, message, evidence)


def _source_of(scene: Scene, taken: Taken) -> Source | None:
    if taken.source is not None:
        return scene.source_of(taken.source.url, taken.ecosystem)
    return scene.source_holding(taken.url, taken.ecosystem) if taken.url else None


def _same_file(scene: Scene, taken: Taken, right: set[SourceName | None]) -> bool:
    """Whether the very same file is what a right source has: an overlay leads to the files of their owner."""
    if taken.file is None or taken.file.sha256 is None or scene.policy is None:
        return False
    for name in right:
        listing = scene.listing(scene.policy.sources[name], taken.ecosystem) if name is not None else None
        project = listing.projects.get(taken.name) if listing is not None else None
        if project is not None and any(
            (file.filename, file.sha256) == (taken.file.filename, taken.file.sha256) for file in project.files
        ):
            return True
    return False


def _rule(scene: Scene, config: ClientConfig, taken: Taken, decision: Decision) -> Rule:
    """What explains that a name comes from the wrong source."""
    owners = {source for answer in decision.answers for source in answer.allowed if answer.claims}
    if taken.why not in (Why.PIN, Why.URL):
        for configured in config.of(taken.ecosystem):
            owner = scene.source_of(configured.url, taken.ecosystem)
            if configured.explicit and owner is not None and owner.name in owners:
                return Rule.DC03
    without_order = rule_of(config, taken.ecosystem) is Semantics.BEST_MATCH and len(config.of(taken.ecosystem)) > 1
    if taken.why is Why.BEST or (without_order and taken.why in (Why.FIRST, Why.FELL_THROUGH)):
        return _compares(config, taken.ecosystem)
    return _RULES.get(taken.why, Rule.DC01)


def _compares(config: ClientConfig, ecosystem: Ecosystem) -> Rule:
    """Which rule it is that the client compares versions."""
    flexible = ecosystem is Ecosystem.CONDA and config.rule(ecosystem) is Semantics.FIRST_MATCH
    return Rule.DC08 if flexible and uses_rattler(config) else Rule.DC04


def _place(config: ClientConfig, taken: Taken, rule: Rule) -> Place | None:
    if rule in (Rule.DC04, Rule.DC06, Rule.DC08):
        return config.mode
    if rule is Rule.DC01 and taken.why not in (Why.PIN, Why.URL) and taken.source is not None:
        return taken.source.place
    return taken.place


def _answer(decision: Decision) -> str:
    """What the policy says instead."""
    first = decision.answers[0]
    if first.outcome is Outcome.PROVIDED:
        owners = dict.fromkeys(str(answer.source) for answer in decision.answers if answer.source is not None)
        return f"the policy gives it to {' or '.join(owners)}"
    if first.allowed and first.claims:
        return f"the policy gives it to {', '.join(first.allowed)}"
    return f"the policy takes it from nobody: {first.outcome.value}"


def _ignored(config: ClientConfig, name: str) -> Iterator[Setting]:
    for setting in config.setting(*IGNORED_PINS):
        found = conda_requirement(setting.value, setting.place)
        if found is not None and found.name == name:
            yield setting
