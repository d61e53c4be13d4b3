"""What sources have, as far as somebody looked: names, files and what is said about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType

from bridge.errors import BridgeError
from bridge.formats.conda.transport import Denied, Refused
from bridge.priority.configs.addresses import cleaned, same_address
from bridge.priority.policy import Ecosystem


@dataclass(frozen=True, slots=True)
class Inside:
    """What a file is and says, read from the file itself."""

    #: in hex.
    sha256: str
    #: equal to `CataloguedFile.stated` where the source says what the file says; None where that cannot be told.
    stated: str | None = None
    #: names that the file requires according to the source, and not according to itself.
    added: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CataloguedFile:
    """A file as a source lists it."""

    filename: str
    version: str
    #: in hex; None where the source does not state it.
    sha256: str | None = None
    #: absolute, without credentials.
    url: str = ""
    #: match specs, or requirements (PEP 508), as the source says them.
    requires: tuple[str, ...] = ()
    #: something that is equal where sources say the same about the file; None where they say nothing.
    stated: str | None = None
    #: in bytes; None where the source does not state it.
    size: int | None = None
    #: None where nobody looked into the file.
    inside: Inside | None = None
    #: variant label of a wheel; None where it is none.
    label: str | None = None
    #: properties of the variant; empty for the null variant, None where they are not known.
    properties: tuple[str, ...] | None = None
    yanked: bool = False


@dataclass(frozen=True, slots=True)
class CataloguedProject:
    """All files of one name in one source."""

    name: str
    files: tuple[CataloguedFile, ...]
    #: PEP 792: `active`, `archived`, `quarantined` or `deprecated`; empty where nothing is said.
    status: str = ""

    @property
    def usable(self) -> tuple[CataloguedFile, ...]:
        """The files that a client takes without being told their version."""
        return tuple(file for file in self.files if not file.yanked)


class Silence(Enum):
    """How a source fails to answer, the kind that stops most clients first."""

    #: nobody is there, or nothing that it says can be read.
    UNREACHED = "cannot be reached"
    REFUSED = "answers with an error"
    #: 401 or 403.
    DENIED = "does not let one read it"


@dataclass(frozen=True, slots=True)
class Listing:
    """One source: a channel, or an index as far as it was asked."""

    #: without credentials and without a slash at the end.
    url: str
    ecosystem: Ecosystem
    #: by normalised name. One that was asked for and is not there, the source does not have, unless it is `unread`.
    projects: Mapping[str, CataloguedProject] = field(default_factory=lambda: MappingProxyType({}))
    #: whether the source answers. An index that says 404 for everything does, and has nothing; a channel without
    #: repodata is none (CEP 26).
    reachable: bool = True
    #: addresses of channels that the repodata names (CEP 42), absolute.
    relations: tuple[str, ...] = ()
    #: where the channel says that its files are (CEP 15), where that is elsewhere.
    bases: tuple[str, ...] = ()
    #: what could not be read, for people.
    problems: tuple[str, ...] = ()
    #: names of which the source says something that cannot be read: it may have them or not.
    unread: frozenset[str] = frozenset()
    #: how it fails, where it is not reachable.
    silence: Silence = Silence.UNREACHED

    def answers(self, name: str) -> bool:
        """Whether it is known if the source has a name."""
        return self.reachable and name not in self.unread


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Several sources."""

    listings: tuple[Listing, ...] = ()

    def of(self, ecosystem: Ecosystem, url: str) -> Listing | None:
        """The source of an address; None where nobody looked."""
        return next(
            (one for one in self.listings if one.ecosystem is ecosystem and same_address(one.url, cleaned(url))), None
        )

    def having(self, ecosystem: Ecosystem, name: str) -> tuple[Listing, ...]:
        """The sources that have a name."""
        return tuple(one for one in self.listings if one.ecosystem is ecosystem and name in one.projects)


def silence_of(error: BridgeError) -> Silence:
    """How a source failed whose answer could not be had."""
    if isinstance(error, Denied):
        return Silence.DENIED
    return Silence.REFUSED if isinstance(error, Refused) else Silence.UNREACHED


def worse(one: Silence | None, other: Silence) -> Silence:
    """Of two failures of a source the one that stops more clients."""
    kinds = list(Silence)
    return other if one is None else min(one, other, key=kinds.index)
