"""All that the rules of an audit look at: a project's files, the policy, and what the sources have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bridge.model.conda import CondaName
from bridge.priority.audit.locks.locked import LockedPackage
from bridge.priority.catalogue import Catalogue, Listing
from bridge.priority.configs.addresses import same_address
from bridge.priority.configs.config import ClientConfig
from bridge.priority.configs.read import Secret
from bridge.priority.decision import ABSENT, Availability, Decider, Decision
from bridge.priority.identity import Identities
from bridge.priority.matching import offered
from bridge.priority.policy import Ecosystem, Policy, Source


@dataclass(frozen=True, slots=True)
class Scene:
    """What there is to judge; pure."""

    configs: tuple[ClientConfig, ...]
    locks: tuple[LockedPackage, ...]
    secrets: tuple[Secret, ...]
    names: Identities
    #: None where a project is looked at without a policy.
    policy: Policy | None = None
    #: None with and only with `policy`.
    decider: Decider | None = None
    #: None where nobody asked the sources.
    catalogue: Catalogue | None = None
    #: marker variables (PEP 508) of the machine that the clients run on; None for any machine.
    environment: Mapping[str, str] | None = None
    #: the first source of the policy that lists a file, by the file's address.
    _holders: dict[tuple[Ecosystem, str], Source] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for source in self.policy.sources.values() if self.policy is not None else ():
            for ecosystem in Ecosystem:
                listing = self.listing(source, ecosystem)
                for project in listing.projects.values() if listing is not None else ():
                    for file in project.files:
                        self._holders.setdefault((ecosystem, file.url), self._original(source))

    def source_of(self, address: str, ecosystem: Ecosystem) -> Source | None:
        """The source of the policy at an address, that of a mirror for its copy; None where the policy has none."""
        for source in self.policy.sources.values() if self.policy is not None else ():
            if same_address(source.url(ecosystem) or "", address):
                return self._original(source)
        return None

    def source_holding(self, url: str, ecosystem: Ecosystem) -> Source | None:
        """The source of the policy whose files begin with the address of a file, or that lists it."""
        for source in self.policy.sources.values() if self.policy is not None else ():
            base = (source.url(ecosystem) or "").rstrip("/")
            if base and url.startswith(f"{base}/"):
                return self._original(source)
        return self._holders.get((ecosystem, url))

    def listing(self, source: Source, ecosystem: Ecosystem) -> Listing | None:
        """What a source has; None where nobody asked it."""
        return self.catalogue.of(ecosystem, source.url(ecosystem) or "") if self.catalogue is not None else None

    def decide(
        self, name: str, ecosystem: Ecosystem, versions: tuple[str, ...] = (), *, here: bool = False
    ) -> Decision | None:
        """What the policy says about a name with some requirements; None without a policy.

        Args:
            name: normalised.
            ecosystem: of the name.
            versions: the version parts of the requirements.
            here: only what holds on the machine of the audit, where claims have markers.
        """
        if self.decider is None:
            return None

        def knows(source: Source) -> Availability:
            listing = self.listing(source, ecosystem)
            return ABSENT if listing is None else offered(listing, ecosystem, name, versions)

        # names of both ecosystems are texts to the decider, which normalises them itself
        return self.decider.decide(CondaName(name), ecosystem, knows, self.environment if here else None)

    def names_of(self, ecosystem: Ecosystem) -> frozenset[str]:
        """The packages of an ecosystem that the project requires or has locked."""
        required = {one.name for config in self.configs for one in config.requirements if one.ecosystem is ecosystem}
        return frozenset(required | {one.name for one in self.locks if one.ecosystem is ecosystem and not one.local})

    def _original(self, source: Source) -> Source:
        if self.policy is None or source.mirror_of is None:
            return source
        return self.policy.sources[source.mirror_of]
