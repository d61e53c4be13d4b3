"""A package as a lock file has it."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.priority.configs.config import Place
from bridge.priority.policy import Ecosystem


@dataclass(frozen=True, slots=True)
class LockedPackage:
    """One package of a lock file, for one platform where the file tells them apart."""

    #: normalised.
    name: str
    version: str
    ecosystem: Ecosystem
    place: Place
    #: address of the channel or index, without credentials and without a slash at the end; `pypi` where the file means
    #: the client's own default; empty where it does not say.
    source: str = ""
    #: addresses of the files, without credentials.
    urls: tuple[str, ...] = ()
    #: `sha256:...`, sorted; also other algorithms where that is all there is.
    hashes: tuple[str, ...] = ()
    #: whether every file has a hash.
    hashed: bool = False
    #: from a directory, an archive of the project's own, or a repository; no source provides it.
    local: bool = False
    #: whether an address holds a password or token.
    secret: bool = False
