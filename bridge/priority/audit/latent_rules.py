"""What a configuration permits to happen, whoever has what today: DC03, DC04 and DC06 to DC10 without any source."""

from __future__ import annotations

from collections.abc import Iterator

from bridge.priority.audit.finding import Evidence, Finding, Rule, Severity
from bridge.priority.audit.resolution_rules import IGNORED_PINS
from bridge.priority.audit.scene import Scene
from bridge.priority.behaviour import CONDA, RATTLER, rule_of, uses_rattler
from bridge.priority.configs.config import ClientConfig, ConfiguredSource
from bridge.priority.policy import Claim, Ecosystem, NamePattern, Semantics


def latent_findings(scene: Scene) -> Iterator[Finding]:
    """Weaknesses of configurations.

    Where the sources were asked, what they have decides, and these are notes.
    """
    for config in scene.configs:
        for ecosystem in Ecosystem:
            for finding in _of(scene, config, ecosystem):
                yield finding if scene.catalogue is None else _noted(finding)


def _noted(finding: Finding) -> Finding:
    return Finding(
        finding.rule, Severity.NOTE, finding.message, finding.evidence, finding.remedy, f"{finding.subject} latent"
    )


def _of(scene: Scene, config: ClientConfig, ecosystem: Ecosystem) -> Iterator[Finding]:
    asked = [one for one in config.of(ecosystem) if not one.explicit]
    semantics = rule_of(config, ecosystem)
    wanted = scene.policy.semantics if scene.policy is not None else None
    claims = list(_unprotected(scene, config, ecosystem))
    if len(asked) > 1:
        if semantics is Semantics.STRICT:
            yield from _strict(config, ecosystem, claims)
        elif claims or semantics is not wanted:
            yield from _comparing(scene, config, ecosystem, semantics, claims)
    yield from _explicit(scene, config, ecosystem)
    if ecosystem is Ecosystem.CONDA:
        yield from _conda(config, asked)


def _comparing(
    scene: Scene, config: ClientConfig, ecosystem: Ecosystem, semantics: Semantics, claims: list[str]
) -> Iterator[Finding]:
    """Several sources, of which not the first one decides."""
    client = config.client.value
    evidence = Evidence(config.mode)
    if ecosystem is Ecosystem.CONDA and uses_rattler(config) and config.semantics is Semantics.FIRST_MATCH:
        message = f"{client} takes the best version of all channels: flexible is disabled with its rattler solver"
        yield Finding(Rule.DC08, Severity.ERROR, message, evidence)
        return
    protects = f", also of {', '.join(claims)}" if claims else ""
    if scene.policy is not None and scene.policy.claims and not claims:
        severity = Severity.NOTE  # every claimed name is bound in another way
    elif semantics is Semantics.BEST_MATCH:
        severity = Severity.ERROR if claims else Severity.WARNING
    else:
        severity = Severity.WARNING if scene.policy is not None else Severity.NOTE
    what = "takes the best version of all sources" if semantics is Semantics.BEST_MATCH else (
        "takes a lower source where a higher one has no version that will do"
    )  # fmt: skip
    yield Finding(Rule.DC04, severity, f"{client} {what}{protects}", evidence, subject=ecosystem.value)


def _strict(config: ClientConfig, ecosystem: Ecosystem, claims: list[str]) -> Iterator[Finding]:
    """The first source that has a name decides, and where that one lacks it, the next."""
    if claims:
        message = (
            f"{config.client.value} goes on to the next source where one does not have a name, also for "
            f"{', '.join(claims)}"
        )
        yield Finding(Rule.DC06, Severity.WARNING, message, Evidence(config.mode), subject=ecosystem.value)
    if ecosystem is Ecosystem.CONDA and config.program in RATTLER:
        for one in config.requirements:
            if one.ecosystem is ecosystem and one.bounded and one.source is None and not one.constraint:
                message = f"strict priority does not hold for {one.name} {one.version}, which has a version bound"
                yield Finding(Rule.DC07, Severity.WARNING, message, Evidence(one.place, name=one.name))


def _explicit(scene: Scene, config: ClientConfig, ecosystem: Ecosystem) -> Iterator[Finding]:
    """Claims of a source that is asked for pinned names only."""
    if scene.policy is None or len(config.of(ecosystem)) < 2:
        return
    pinned = {
        one.name for one in config.requirements if one.ecosystem is ecosystem and one.source and not one.constraint
    }
    for claim in scene.policy.claims:
        owners = {
            owner.name
            for source in config.of(ecosystem)
            if source.explicit and (owner := scene.source_of(source.url, ecosystem)) is not None
        }
        if not owners.intersection(claim.sources):
            continue
        for pattern in claim.patterns:
            if pattern.wildcard or pattern.text not in pinned:
                message = (
                    f"{config.client.value} asks {claim.sources[0]} only for names that are pinned, and {pattern} "
                )
                message += "may be required by others" if pattern.wildcard else "is not"
                evidence = Evidence(config.mode, claim.sources[0], "" if pattern.wildcard else pattern.text)
                yield Finding(Rule.DC03, Severity.WARNING, message, evidence, subject=str(pattern))


def _conda(config: ClientConfig, asked: list[ConfiguredSource]) -> Iterator[Finding]:
    strict = config.program in CONDA and config.semantics is Semantics.STRICT and not uses_rattler(config)
    for one in config.requirements:
        if one.ecosystem is not Ecosystem.CONDA or one.source is None:
            continue
        if one.constraint:
            message = f"the channel of a constraint is not followed: {one.name}"
            yield Finding(Rule.DC10, Severity.WARNING, message, Evidence(one.place, name=one.name))
        elif strict and asked and config.named(one.source) not in (None, asked[0]):
            message = f"{one.name} is pinned to a channel that strict priority excludes where a higher one has the name"
            yield Finding(Rule.DC09, Severity.WARNING, message, Evidence(one.place, name=one.name))
    for setting in config.setting(*IGNORED_PINS):
        message = f"{setting.key} is not followed by most solvers: {setting.value}"
        yield Finding(Rule.DC10, Severity.WARNING, message, Evidence(setting.place), subject=setting.value)


def _unprotected(scene: Scene, config: ClientConfig, ecosystem: Ecosystem) -> Iterator[str]:
    """Claimed names and globs that nothing but the order of sources binds to their owners."""
    for claim in scene.policy.claims if scene.policy is not None else ():
        for pattern in claim.patterns:
            if not _is_bound(scene, config, ecosystem, claim, pattern):
                yield str(pattern)


def _is_bound(scene: Scene, config: ClientConfig, ecosystem: Ecosystem, claim: Claim, pattern: NamePattern) -> bool:
    if not pattern.wildcard:
        for one in config.requirements:
            if one.ecosystem is ecosystem and one.name == pattern.text and not one.constraint and one.source:
                return True
            if one.ecosystem is ecosystem and one.name == pattern.text and one.url:
                return True
    for source in config.of(ecosystem):
        owner = scene.source_of(source.url, ecosystem)
        if owner is not None and owner.name in claim.sources and (
            str(pattern) in source.include or (not pattern.wildcard and source.includes(pattern.text))
        ):  # fmt: skip
            return True
    return False
