"""What is wrong with sources themselves: DC01, DC02, DC11, DC12, DC17 to DC20, DC25 and DC26."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Final
from urllib.parse import urlsplit

from bridge.model.conda import CondaName
from bridge.priority.audit.finding import Evidence, Finding, Rule, Severity
from bridge.priority.catalogue import Catalogue, CataloguedFile, CataloguedProject, Listing
from bridge.priority.configs.addresses import host_of, same_address
from bridge.priority.decision import Decider
from bridge.priority.identity import Identities
from bridge.priority.policy import Ecosystem, Policy, Semantics, Source, Trust

_BAD_STATUS: Final = {"quarantined": Severity.ERROR, "archived": Severity.WARNING, "deprecated": Severity.NOTE}
_NULL: Final = "null"
_RANK: Final = {trust: rank for rank, trust in enumerate(Trust)}


def source_findings(policy: Policy | None, catalogue: Catalogue, names: Identities) -> Iterator[Finding]:
    """Findings about what sources have and say, whichever client asks them.

    Args:
        policy: says what the sources are to the user; None for what is wrong with any source.
        catalogue: what they have.
        names: what packages are called in the other ecosystem, as claims hold under both names.
    """
    known = _Known(policy, catalogue, names)
    for listing in catalogue.listings:
        yield from _relations(known, listing)
        yield from _places(known, listing)
        yield from _status(known, listing)
    for ecosystem in Ecosystem:
        for name, offers in known.names(ecosystem):
            yield from _spread(known, ecosystem, name, offers)
            yield from _unregistered(known, ecosystem, name, offers)
            yield from _files(known, name, offers)
            yield from _variants(known, ecosystem, name, offers)
    yield from _mirrors(known)


class _Known:
    """The sources by what the policy calls them."""

    def __init__(self, policy: Policy | None, catalogue: Catalogue, names: Identities) -> None:
        self.policy = policy
        self.catalogue = catalogue
        self.decider = Decider(policy, names) if policy is not None else None
        self.reachable = [one for one in catalogue.listings if one.reachable]

    def source(self, listing: Listing) -> Source | None:
        for source in self.policy.sources.values() if self.policy is not None else ():
            if same_address(source.url(listing.ecosystem) or "", listing.url):
                return source
        return None

    def shown(self, listing: Listing) -> str:
        source = self.source(listing)
        return listing.url if source is None else source.name

    def names(self, ecosystem: Ecosystem) -> Iterator[tuple[str, list[Listing]]]:
        """Every name and the sources that have it, in the order of the policy; mirrors count as their originals."""
        having: dict[str, list[Listing]] = defaultdict(list)
        for listing in self.reachable:
            source = self.source(listing)
            if listing.ecosystem is ecosystem and not (source is not None and source.mirror_of is not None):
                for name in listing.projects:
                    having[name].append(listing)
        for name in sorted(having):
            yield name, sorted(having[name], key=self._position)

    def claimed_by(self, name: str, ecosystem: Ecosystem) -> frozenset[str]:
        """The sources that a claim gives a name to."""
        if self.decider is None:
            return frozenset()
        groups = self.decider.claims_of(CondaName(name), ecosystem)
        return frozenset(source for match in groups[0] for source in match.claim.sources) if groups else frozenset()

    def _position(self, listing: Listing) -> tuple[int, str]:
        source = self.source(listing)
        order = self.policy.order if self.policy is not None else ()
        return order.index(source.name) if source is not None and source.name in order else len(order), listing.url


def _spread(known: _Known, ecosystem: Ecosystem, name: str, offers: list[Listing]) -> Iterator[Finding]:
    """DC01. Where a claim or the order settles who provides the name, it is only worth knowing."""
    trusts = [source.trust for one in offers if (source := known.source(one)) is not None]
    if len(set(trusts)) < 2 or known.policy is None:
        return
    having = ", ".join(f"{source.name} ({source.trust.value})" for one in offers if (source := known.source(one)))
    ordered = known.policy.semantics is Semantics.STRICT and _RANK[trusts[0]] == min(_RANK[trust] for trust in trusts)
    settled = ordered or bool(known.claimed_by(name, ecosystem))
    severity = Severity.NOTE if settled else Severity.WARNING
    message = f"the {ecosystem.value} name {name} is in {having}"
    yield Finding(Rule.DC01, severity, message, Evidence(name=name), subject=ecosystem.value)


def _unregistered(known: _Known, ecosystem: Ecosystem, name: str, offers: list[Listing]) -> Iterator[Finding]:
    """DC02."""
    if known.policy is None:
        return
    first = [source for one in offers if (source := known.source(one)) and source.trust is Trust.FIRST_PARTY]
    for listing in known.reachable:
        source = known.source(listing)
        if not first or listing.ecosystem is not ecosystem or listing in offers or source is None:
            continue
        if source.trust is Trust.PUBLIC and source.mirror_of is None:
            ordered = known.policy.semantics is Semantics.STRICT
            settled = ordered or bool(known.claimed_by(name, ecosystem))
            severity = Severity.NOTE if settled else Severity.WARNING
            message = f"{name} of {first[0].name} is not in {source.name}, where anybody can register it"
            yield Finding(Rule.DC02, severity, message, Evidence(None, source.name, name), subject=ecosystem.value)


def _relations(known: _Known, listing: Listing) -> Iterator[Finding]:
    """DC11."""
    for relation in listing.relations:
        of_policy = any(same_address(one.conda or "", relation) for one in _sources(known.policy))
        listed = of_policy or any(
            same_address(one.url, relation) for one in known.catalogue.listings if one.ecosystem is Ecosystem.CONDA
        )
        severity = Severity.NOTE if listed else Severity.WARNING
        message = f"{known.shown(listing)} names {relation} as a channel to be used with it"
        yield Finding(Rule.DC11, severity, message, Evidence(None, known.shown(listing)), subject=relation)


def _places(known: _Known, listing: Listing) -> Iterator[Finding]:
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


def _status(known: _Known, listing: Listing) -> Iterator[Finding]:
    """DC26."""
    for name, project in sorted(listing.projects.items()):
        if (severity := _BAD_STATUS.get(project.status)) is not None:
            message = f"{name} of {known.shown(listing)} is {project.status}"
            yield Finding(Rule.DC26, severity, message, Evidence(None, known.shown(listing), name))


def _files(known: _Known, name: str, offers: list[Listing]) -> Iterator[Finding]:
    """DC17 and DC18: files of one name in two sources."""
    claimed = known.claimed_by(name, offers[0].ecosystem)
    for one, other in pairwise(offers):
        mine, theirs = _by_filename(one.projects[name]), _by_filename(other.projects[name])
        for filename in sorted(mine.keys() & theirs.keys()):
            left, right = mine[filename], theirs[filename]
            between = f"{known.shown(one)} and {known.shown(other)}"
            evidence = Evidence(None, known.shown(other), name)
            if left.sha256 and right.sha256 and left.sha256 != right.sha256:
                severity = Severity.NOTE if claimed else Severity.WARNING
                message = f"{filename} is not the same file in {between}"
                yield Finding(Rule.DC17, severity, message, evidence, subject=filename)
            elif left.stated and right.stated and left.stated != right.stated:
                message = f"{between} say different things about {filename}"
                yield Finding(Rule.DC18, Severity.WARNING, message, evidence, subject=filename)
    for listing in offers:
        for file in listing.projects[name].files:
            if file.stated and file.actual and file.stated != file.actual:
                message = f"{known.shown(listing)} says about {file.filename} what the file itself does not say"
                evidence = Evidence(None, known.shown(listing), name)
                yield Finding(Rule.DC18, Severity.ERROR, message, evidence, subject=f"{file.filename} itself")


def _variants(known: _Known, ecosystem: Ecosystem, name: str, offers: list[Listing]) -> Iterator[Finding]:
    """DC19 and DC20: labels are only words until the source says what they stand for."""
    if ecosystem is not Ecosystem.PYPI:
        return
    claimed = known.claimed_by(name, ecosystem)
    for one, other in pairwise(offers):
        mine, theirs = _meanings(one.projects[name]), _meanings(other.projects[name])
        for key in sorted(mine.keys() & theirs.keys()):
            if mine[key] != theirs[key]:
                version, label = key
                message = (
                    f"{label} of {name} {version} stands for {' and '.join(mine[key]) or 'nothing'} in "
                    f"{known.shown(one)}, and for {' and '.join(theirs[key]) or 'nothing'} in {known.shown(other)}"
                )
                severity = Severity.NOTE if claimed else Severity.WARNING
                evidence = Evidence(None, known.shown(other), name)
                yield Finding(Rule.DC19, severity, message, evidence, subject=f"{version} {label}")
    for place, hiding in enumerate(offers):
        plain = all(file.label in (None, _NULL) for file in hiding.projects[name].files)
        for hidden in offers[place + 1 :]:
            labels = sorted({file.label for file in hidden.projects[name].files if file.label not in (None, _NULL)})
            if plain and labels:
                shown = ", ".join(str(label) for label in labels)
                message = (
                    f"{known.shown(hiding)} has {name} without variants, and hides {shown} of {known.shown(hidden)}"
                )
                wanted = known.shown(hidden) in claimed
                severity = Severity.NOTE if claimed and not wanted else Severity.WARNING
                if wanted and known.shown(hiding) not in claimed:
                    severity = Severity.NOTE  # the claim brings the variants to light again
                evidence = Evidence(None, known.shown(hiding), name)
                yield Finding(Rule.DC20, severity, message, evidence, subject=known.shown(hidden))


def _mirrors(known: _Known) -> Iterator[Finding]:
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


def _by_filename(project: CataloguedProject) -> Mapping[str, CataloguedFile]:
    return {file.filename: file for file in project.files}


def _hashes(project: CataloguedProject | None) -> Mapping[str, str | None]:
    return {file.filename: file.sha256 for file in project.files} if project is not None else {}


def _meanings(project: CataloguedProject) -> Mapping[tuple[str, str], tuple[str, ...]]:
    return {
        (file.version, file.label): file.properties
        for file in project.files
        if file.label is not None and file.properties is not None
    }
