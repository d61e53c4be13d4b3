"""Lock files, held against the policy and against what sources have: DC24."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from bridge.priority.audit.finding import Evidence, Finding, Rule, Severity
from bridge.priority.audit.locks.locked import LockedPackage
from bridge.priority.audit.scene import Scene
from bridge.priority.decision import Decision, Outcome
from bridge.priority.policy import Source


def lock_findings(scene: Scene) -> Iterator[Finding]:
    """What a lock file has from where the policy does not want it, or without saying which bytes it means."""
    strangers: dict[tuple[str, str], LockedPackage] = {}
    for package in scene.locks:
        if package.local:
            continue
        if not package.hashed:
            message = f"{package.name} {package.version} has no sha256, so that any file may come in its place"
            yield Finding(Rule.DC24, Severity.WARNING, message, _evidence(package), subject="hash")
        decision = scene.decide(package.name, package.ecosystem)
        if decision is None:
            continue
        source = _source(scene, package)
        if source is not None:
            yield from _from(scene, package, source, decision)
        elif decision.answers[0].claims:
            allowed = ", ".join(decision.answers[0].allowed) or "nobody"
            message = f"{package.name} is locked from {_shown(package)}; the policy gives it to {allowed}"
            yield Finding(Rule.DC24, Severity.ERROR, message, _evidence(package))
        elif package.source or package.urls:
            strangers.setdefault((package.place.file, _shown(package)), package)
    for (_, shown), package in strangers.items():
        message = f"packages are locked from {shown}, which is no source of the policy: {package.name} is one"
        yield Finding(Rule.DC24, Severity.WARNING, message, _evidence(package), subject="stranger")


def _from(scene: Scene, package: LockedPackage, source: Source, decision: Decision) -> Iterator[Finding]:
    """A package of a source that the policy has."""
    allowed = {name for answer in decision.answers for name in answer.allowed}
    if source.name not in allowed:
        owners = ", ".join(sorted(allowed)) or "nobody"
        message = f"{package.name} is locked from {source.name}; the policy gives it to {owners}"
        yield Finding(Rule.DC24, Severity.ERROR, message, _evidence(package, source))
        return
    right = {answer.source for answer in decision.answers if answer.outcome is Outcome.PROVIDED}
    if scene.catalogue is not None and right and source.name not in right:
        owners = ", ".join(sorted(str(name) for name in right))
        message = f"{package.name} is locked from {source.name}, and {owners} decides about it now"
        yield Finding(Rule.DC24, Severity.WARNING, message, _evidence(package, source))
    yield from _changed(scene, package, source)


def _changed(scene: Scene, package: LockedPackage, source: Source) -> Iterator[Finding]:
    """A file that the source has under the same name with other bytes than the lock file's."""
    listing = scene.listing(source, package.ecosystem)
    project = listing.projects.get(package.name) if listing is not None else None
    locked = {unquote(urlsplit(url).path.rpartition("/")[2]) for url in package.urls}
    for file in project.files if project is not None else ():
        stated = file.filename in locked and file.sha256 is not None and package.hashed
        if stated and f"sha256:{file.sha256}" not in package.hashes:
            message = f"{file.filename} of {source.name} is not the file that was locked"
            yield Finding(Rule.DC24, Severity.ERROR, message, _evidence(package, source), subject=file.filename)


def _source(scene: Scene, package: LockedPackage) -> Source | None:
    """The policy's source that a package was locked from, as far as the file tells."""
    if "://" in package.source:
        return scene.source_of(package.source, package.ecosystem)
    if package.source and scene.policy is not None:
        # `pypi` is what clients call their own default
        return next((one for one in scene.policy.sources.values() if one.name == package.source), None)
    found = {source.name: source for url in package.urls if (source := scene.source_holding(url, package.ecosystem))}
    return next(iter(found.values())) if len(found) == 1 else None


def _shown(package: LockedPackage) -> str:
    return (
        package.source or next((url.rpartition("/")[0] for url in package.urls), "") or "a source that it does not name"
    )


def _evidence(package: LockedPackage, source: Source | None = None) -> Evidence:
    return Evidence(package.place, source.name if source is not None else package.source, package.name)
