"""A policy in the bridge's own solves and look-ups: what it says about sources, in the form that those obey."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from packaging.utils import canonicalize_name

from bridge.channel.location import Location
from bridge.channel.permits import Has, Place
from bridge.mapping.tables import Tables
from bridge.model.conda import CondaName
from bridge.priority.credentials import authorization
from bridge.priority.decision import ABSENT, KNOWN, UNREACHABLE, Availability, Decider, Outcome
from bridge.priority.identity import identities
from bridge.priority.policy import Ecosystem, Policy, Semantics, Source, Unreachable

_ANSWERS: Final = {True: KNOWN, False: ABSENT, None: UNREACHABLE}


@dataclass(frozen=True, slots=True)
class PolicyPermits:
    """One policy in one ecosystem (`bridge.channel.permits.Permits`); made by `permits_of`."""

    decider: Decider
    ecosystem: Ecosystem
    places: tuple[Place, ...]
    #: in UTC; that ages are counted from.
    now: datetime

    @property
    def identity(self) -> str:
        """The digest of the policy."""
        return self.decider.policy.digest

    @property
    def tolerant(self) -> bool:
        """Whether the policy only warns where a source does not answer."""
        return self.decider.policy.on_unreachable is Unreachable.WARN

    def providers(self, name: str, has: Has) -> tuple[str, ...]:
        """The source that the policy names, or all that may provide the package where the best version counts.

        What a solver needs of a version is not known beforehand. So `first-match` is kept like `strict`: it refuses
        more. A claim that holds only somewhere is taken to hold everywhere.
        """

        def knows(source: Source) -> Availability:
            return _ANSWERS[has(source.name)]

        own = CondaName(name) if self.ecosystem is Ecosystem.CONDA else canonicalize_name(name)
        decision = self.decider.decide(own, self.ecosystem, knows).answers[0]
        if decision.outcome is not Outcome.PROVIDED or decision.source is None:
            return ()
        if self.decider.policy.semantics is Semantics.BEST_MATCH:
            return tuple(source for source in decision.allowed if has(source))
        return (decision.source,)

    def old_enough(self, place: str, published: datetime | None) -> bool:
        """Whether a file has the `min-age` of its source; one of unknown age has not."""
        least = next((each.min_age for each in self.decider.policy.sources.values() if each.name == place), None)
        return least is None or (published is not None and self.now - published >= least)


def permits_of(
    policy: Policy,
    ecosystem: Ecosystem,
    *,
    now: datetime,
    tables: Tables | None = None,
    environment: Mapping[str, str] | None = None,
) -> PolicyPermits:
    """What a policy permits, for `bridge.convert` (channels) and `bridge.select` (channels and indexes).

    The credentials that the policy refers to are looked up now, and go to the host of their source only.

    Args:
        policy: the policy.
        ecosystem: the faces of the sources that count.
        now: in UTC; files younger than `min-age` at that time are not taken.
        tables: the mapping data, as claims hold for a package under both its names; None for what the policy says.
        environment: variables that credentials are looked up in; None for those of this process.

    Raises:
        InvalidInput: the credentials of a source are not there, or would travel in the clear (`CB460`).
    """
    places: list[Place] = []
    for source in policy.faces(ecosystem):
        copies = [each for each in policy.sources.values() if each.mirror_of == source.name and each.url(ecosystem)]
        locations = tuple(_location(each, ecosystem, environment) for each in (source, *copies))
        places.append(Place(source.name, locations))
    return PolicyPermits(Decider(policy, identities(policy, tables)), ecosystem, tuple(places), now)


def _location(source: Source, ecosystem: Ecosystem, environment: Mapping[str, str] | None) -> Location:
    address = (source.url(ecosystem) or "").rstrip("/")
    header = None
    if source.credentials is not None and not address.startswith("file:"):
        header = authorization(source.credentials, address, subject=source.name, environment=environment)
    return Location(address, header)
