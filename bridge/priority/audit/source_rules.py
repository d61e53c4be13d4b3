"""What is wrong with sources themselves: DC01, DC02, DC11, DC12, DC25 and DC26, and what `file_rules` finds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import urlsplit

from bridge.priority.audit.file_rules import by_filename, file_findings
from bridge.priority.audit.finding import Evidence, Finding, Rule, Severity
from bridge.priority.audit.known_sources import KnownSources
from bridge.priority.catalogue import Catalogue, CataloguedFile, CataloguedProject, Listing
from bridge.priority.configs.addresses import host_of, same_address
from bridge.priority.identity import Identities
from bridge.priority.policy import Ecosystem, Policy, Source, Trust

_BAD_STATUS: Final = {"quarantined": Severity.ERROR, "archived": Severity.WARNING, "deprecated": Severity.NOTE}
_RANK: Final = {trust: rank for rank, trust in enumerate(Trust)}


def source_findings(policy: Policy | None, catalogue: Catalogue, names: Identities) -> Iterator[Finding]:
    """Findings about what sources have and say, whichever client asks them.

    Args:
        policy: says what the sources are to the user; None for what is wrong with any source.
        catalogue: what they have.
        names: what packages are called in the other ecosystem, as claims hold under both names.
    """
    known = KnownSources(policy, catalogue, names)
    for listing in catalogue.listings:
        yield from _relations(known, listing)
        yield from _places(known, listing)
        yield from _status(known, listing)
    for ecosystem in Ecosystem:
        for name, offers in known.names(ecosystem):
            yield from _spread(known, ecosystem, name, offers)
            yield from _unregistered(known, ecosystem, name, offers)
            yield from file_findings(known, ecosystem, name, offers)
    yield from _mirrors(known)


def _spread(known: KnownSources, ecosystem: Ecosystem, name: str, offers: list[Listing]) -> Iterator[Finding]:
    """DC01. Where a claim or the order settles who provides the name, it is only worth knowing."""
    trusts = [source.trust for one in offers if (source := known.source(one)) is not None]
    if len(set(trusts)) < 2 or known.policy is None:
        return
    having = ", ".join(f"{source.name} ({source.trust.value})" for one in offers if (source := known.source(one)))
    best = min(trusts, key=lambda trust: _RANK[trust])
    severity = Severity.NOTE if known.settles(name, ecosystem, best) else Severity.WARNING
    message = f"the {ecosystem.value} name {name} is in {having}"
    yield Finding(Rule.DC01, severity, message, Evidence(name=name), subject=ecosystem.value)


def _unregistered(known: KnownSources, ecosystem: Ecosystem, name: str, offers: list[Listing]) -> Iterator[Finding]:
    """DC02."""
    if known.policy is None:
        return
    first = [source for one in offers if (source := known.source(one)) and source.trust is Trust.FIRST_PARTY]
    for listing in known.reachable:
        source = known.source(listing)
        if not first or listing.ecosystem is not ecosystem or name in listing.projects or not listing.answers(name):
            continue
        if source is not None and source.trust is Trust.PUBLIC and source.mirror_of is None:
            settled = known.settles(name, ecosystem, Trust.FIRST_PARTY)
            severity = Severity.NOTE if settled else Severity.WARNING
            message = f"{name} of {first[0].name} is not in {source.name}, where anybody can register it"
            yield Finding(Rule.DC02, severity, message, Evidence(None, source.name, name), subject=ecosystem.value)


def _relations(known: KnownSources, listing: Listing) -> Iterator[Finding]:
    """DC11."""
    for relation in listing.relations:
        of_policy = any(same_address(one.conda or "", relation) for one in _sources(known.policy))
        listed = of_policy or any(
            same_address(one.url, relation) for one in known.catalogue.listings if one.ecosystem is Ecosystem.CONDA
        )
        severity = Severity.NOTE if listed else Severity.WARNING
        message = f"{known.shown(listing)} names {relation} as a channel to be used with it"
        yield Finding(Rule.DC11, severity, message, Evidence(None, known.shown(listing)), subject=relation)


def _places(known: KnownSources, listing: Listing) -> Iterator[Finding]:
    """DC12. Index files may lie on another host where a hash says which bytes are meant."""
    for base in listing.bases:
        severity = Severity.WARNING if _strays(base, listing.url) else Severity.NOTE
        message = f"packages of {known.shown(listing)} lie at {base}"
        yield Finding(Rule.DC12, severity, message, Evidence(None, known.shown(listing)), subject=base)
    if listing.ecosystem is Ecosystem.CONDA:
        return
    strays: dict[tuple[str, str], tuple[str, CataloguedFile]] = {}
    for name, project in listing.projects.items():
        for file in project.files:
            parts = urlsplit(file.url)
            pinned = file.sha256 is not None and parts.scheme == "https"
            if file.url and _strays(file.url, listing.url) and not pinned:
                strays.setdefault((parts.scheme, host_of(file.url)), (name, file))
    for (scheme, host), (name, file) in sorted(strays.items()):
        message = f"files of {known.shown(listing)} lie at {scheme}://{host}, {file.filename} for one"
        evidence = Evidence(None, known.shown(listing), name)
        yield Finding(Rule.DC12, Severity.WARNING, message, evidence, subject=f"{scheme}://{host}")


def _status(known: KnownSources, listing: Listing) -> Iterator[Finding]:
    """DC26. The status of what is taken from elsewhere is only worth knowing."""
    source = known.source(listing)
    for name, project in sorted(listing.projects.items()):
        if (severity := _BAD_STATUS.get(project.status)) is not None:
            providers = known.providers(name, listing.ecosystem)
            elsewhere = source is not None and bool(providers) and source.name not in providers
            message = f"{name} of {known.shown(listing)} is {project.status}"
            evidence = Evidence(None, known.shown(listing), name)
            yield Finding(Rule.DC26, Severity.NOTE if elsewhere else severity, message, evidence)


def _mirrors(known: KnownSources) -> Iterator[Finding]:
    """DC25."""
    for source in _sources(known.policy):
        if source.mirror_of is None or known.policy is None:
            continue
        original = known.policy.sources[source.mirror_of]
        for ecosystem in Ecosystem:
            copy = known.catalogue.of(ecosystem, source.url(ecosystem) or "")
            first = known.catalogue.of(ecosystem, original.url(ecosystem) or "")
            if copy is None or first is None or not (copy.reachable and first.reachable):
                continue
            for name in sorted(copy.projects.keys() | first.projects.keys()):
                if not (copy.answers(name) and first.answers(name)):
                    continue
                theirs, mine = _hashes(first.projects.get(name)), _hashes(copy.projects.get(name))
                if theirs != mine:
                    changed = sorted(key for key in theirs.keys() & mine.keys() if theirs[key] != mine[key])
                    added = sorted(mine.keys() - theirs.keys())
                    message = f"{source.name} is no copy of {original.name}: {name} differs"
                    if changed or added:
                        message = f"{message} in {', '.join((*changed, *added)[:3])}"
                    # a copy may lag, but it must not have what the original does not
                    severity = Severity.ERROR if changed or added else Severity.WARNING
                    evidence = Evidence(None, source.name, name)
                    yield Finding(Rule.DC25, severity, message, evidence, subject=ecosystem.value)


def _sources(policy: Policy | None) -> tuple[Source, ...]:
    return tuple(policy.sources.values()) if policy is not None else ()


def _strays(address: str, source: str) -> bool:
    """Whether an address leaves the scheme or host of a source."""
    one, other = urlsplit(address), urlsplit(source)
    return (one.scheme, one.netloc.lower()) != (other.scheme, other.netloc.lower())


def _hashes(project: CataloguedProject | None) -> Mapping[str, frozenset[str | None]]:
    files = by_filename(project) if project is not None else {}
    return {filename: frozenset(file.sha256 for file in some) for filename, some in files.items()}
