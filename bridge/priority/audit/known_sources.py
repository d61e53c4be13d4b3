"""The sources that somebody looked at, by what the policy calls them and wants of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from bridge.model.conda import CondaName
from bridge.priority.catalogue import Catalogue, Listing
from bridge.priority.configs.addresses import same_address
from bridge.priority.decision import Decider, Decision, Outcome
from bridge.priority.identity import Identities
from bridge.priority.look import provider
from bridge.priority.policy import Ecosystem, Policy, Semantics, Source, SourceName, Trust


class KnownSources:
    """What rules ask about sources.

    Args:
        policy: None where a project has none; then nothing is claimed.
        catalogue: what the sources have.
        names: what packages are called in the other ecosystem, as claims hold under both names.
    """

    def __init__(self, policy: Policy | None, catalogue: Catalogue, names: Identities) -> None:
        self.policy = policy
        self.catalogue = catalogue
        self.decider = Decider(policy, names) if policy is not None else None
        self.reachable = [one for one in catalogue.listings if one.reachable]
        self._knows = provider(catalogue)
        self._decisions: dict[tuple[str, Ecosystem], Decision] = {}

    def source(self, listing: Listing) -> Source | None:
        """The source of the policy; None for one of which only a configuration speaks."""
        for source in self.policy.sources.values() if self.policy is not None else ():
            if same_address(source.url(listing.ecosystem) or "", listing.url):
                return source
        return None

    def shown(self, listing: Listing) -> str:
        """What a source is called in findings."""
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

    def claimed_by(self, name: str, ecosystem: Ecosystem) -> frozenset[SourceName]:
        """The sources that claims give a name to; none where the name is not claimed on every machine."""
        decision = self._decide(name, ecosystem)
        if decision is None or not all(answer.claims for answer in decision.answers):
            return frozenset()
        return frozenset(
            source for answer in decision.answers for match in answer.claims for source in match.claim.sources
        )

    def providers(self, name: str, ecosystem: Ecosystem) -> frozenset[SourceName]:
        """The sources that provide a name under the policy, maybe each on some machines; empty where one does not."""
        decision = self._decide(name, ecosystem)
        answers = decision.answers if decision is not None else ()
        if not all(answer.outcome is Outcome.PROVIDED for answer in answers):
            return frozenset()
        return frozenset(answer.source for answer in answers if answer.source is not None)

    def settles(self, name: str, ecosystem: Ecosystem, trust: Trust) -> bool:
        """Whether the policy gives a name to sources of a trust, whatever versions there will be in others."""
        if self.policy is None:
            return False
        owners = self.claimed_by(name, ecosystem)
        if owners:
            faces = [self.policy.sources[owner].url(ecosystem) or "" for owner in owners]
            listings = [self.catalogue.of(ecosystem, face) for face in faces]
            return any(one is None or not one.answers(name) or name in one.projects for one in listings)
        found = self.providers(name, ecosystem)
        trusted = bool(found) and all(self.policy.sources[source].trust is trust for source in found)
        return trusted and self.policy.semantics is Semantics.STRICT

    def _decide(self, name: str, ecosystem: Ecosystem) -> Decision | None:
        key = name, ecosystem
        if self.decider is not None and key not in self._decisions:
            # names of both ecosystems are texts to the decider, which normalises them itself
            own = CondaName(name)
            self._decisions[key] = self.decider.decide(
                own, ecosystem, lambda source: self._knows(source, ecosystem, name)
            )
        return self._decisions.get(key)

    def _position(self, listing: Listing) -> tuple[int, str]:
        source = self.source(listing)
        order = self.policy.order if self.policy is not None else ()
        return order.index(source.name) if source is not None and source.name in order else len(order), listing.url
