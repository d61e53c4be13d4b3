"""What came of running a client."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bridge.priority.report import Client


@dataclass(frozen=True, slots=True)
class RanPackage:
    """A package that the client would install."""

    #: normalised.
    name: str
    version: str
    #: of the file, without credentials; empty where the client does not say (poetry).
    url: str = ""
    #: address of the channel or index that it was found on, without a slash at the end; empty where the client does
    #: not say (pip, pdm).
    source: str = ""
    #: `sha256:...` of the files, sorted; empty where the client does not say.
    hashes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ran:
    """One run of one client."""

    client: Client
    #: whether the client found a solution.
    ok: bool
    #: sorted by name; of a name that is resolved apart for several machines the entry for this one.
    packages: tuple[RanPackage, ...] = ()
    #: what the client said where it failed; without credentials and addresses' secrets.
    message: str = ""

    @property
    def taken(self) -> Mapping[str, RanPackage]:
        """The packages by name; of several of one name the first."""
        return {package.name: package for package in reversed(self.packages)}
