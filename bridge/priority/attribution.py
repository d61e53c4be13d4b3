"""Which source a package comes from in the end, under the name that the policy has for it.

A client names sources by its own names or by address, and an overlay lists files that lie elsewhere. The origin is the
source of the policy that has this address; where none has, the one that lists the very same address of the file.
"""

from __future__ import annotations

from dataclasses import dataclass

from bridge.priority.catalogue import Catalogue
from bridge.priority.configs.addresses import same_address
from bridge.priority.policy import Ecosystem, Policy, SourceName


@dataclass(frozen=True, slots=True)
class Origin:
    """Where something comes from."""

    #: of the source, without credentials; what the client calls it where it has no address.
    address: str
    #: as the policy calls it, a mirror by what it is a copy of; None where the policy does not have it.
    source: SourceName | None = None

    @property
    def shown(self) -> str:
        """The policy's name for it, otherwise its address."""
        return self.source or self.address


class Attribution:
    """Finds origins under one policy.

    Args:
        policy: whose names count; None where there is none, and then origins are addresses.
        catalogue: what the sources have; those of the policy are asked first about a file.
    """

    def __init__(self, policy: Policy | None, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._sources = [
            (ecosystem, url, source.mirror_of or source.name)
            for source in (policy.sources.values() if policy is not None else ())
            for ecosystem in Ecosystem
            if (url := source.url(ecosystem)) is not None
        ]
        self._files: dict[tuple[Ecosystem, str], Origin] = {}
        named = [(listing, self._name(listing.ecosystem, listing.url)) for listing in catalogue.listings]
        for listing, name in sorted(named, key=lambda pair: pair[1] is None):
            for file in (file for project in listing.projects.values() for file in project.files if file.url):
                self._files.setdefault((listing.ecosystem, file.url), Origin(listing.url, name))

    def of(self, ecosystem: Ecosystem, address: str, file: str = "") -> Origin | None:
        """The origin of a package.

        Args:
            ecosystem: of the package.
            address: of the source as the client has it, or its name; empty where it is not known.
            file: address of the file; empty where it is not known.

        Returns:
            None where neither is known.
        """
        name = self._name(ecosystem, address)
        if name is not None:
            return Origin(address, name)
        if file and (found := self._files.get((ecosystem, file))) is not None:
            return found
        listing = self._catalogue.of(ecosystem, address) if address else None
        shown = listing.url if listing is not None else address or file
        return Origin(shown) if shown else None

    def _name(self, ecosystem: Ecosystem, address: str) -> SourceName | None:
        return next(
            (name for face, url, name in self._sources if face is ecosystem and same_address(url, address)), None
        )
