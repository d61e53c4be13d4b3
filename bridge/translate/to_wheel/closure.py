"""The packages that one package needs at run time, as far as planning asks about them."""

from __future__ import annotations

from typing import Protocol

from bridge.model.conda import CondaName, Origin, PathEntry, Subdir
from bridge.model.payload import FileFacts
from bridge.native.prefix import PrefixView


class Closure(Protocol):
    """The packages that a package needs at run time, as the files that they put into a prefix."""

    @property
    def prefix(self) -> PrefixView: ...

    def facts(self, provider: str, path: str) -> FileFacts: ...

    def entry(self, provider: str, path: str) -> PathEntry | None: ...

    def name(self, provider: str) -> CondaName: ...

    def paths(self, name: CondaName) -> frozenset[str] | None:
        """The files, links left out, of a package; None where it is not in the closure."""
        ...

    def origin(self, provider: str) -> tuple[Origin, Subdir]: ...
