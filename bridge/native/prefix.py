"""The files that several packages would put into one conda prefix, with symbolic links followed."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.model.payload import ElfFacts

#: as many as Linux follows (path_resolution(7)).
_LINK_LIMIT: Final = 40


@dataclass(frozen=True, slots=True)
class PrefixFile:
    """A regular file of a prefix."""

    #: real path, relative to the prefix.
    path: str
    #: file name of the package that it comes from; None for the package that is converted.
    provider: str | None
    sha256: bytes
    #: None for a file that is not ELF.
    elf: ElfFacts | None = None


@dataclass(frozen=True, slots=True)
class PrefixView:
    """A prefix that exists as data only.

    Args:
        files: by real path.
        links: path -> target as written.
    """

    files: Mapping[str, PrefixFile]
    links: Mapping[str, str] = field(default_factory=dict)

    def find(self, path: str) -> PrefixFile | None:
        """The file that a path leads to, through links to files and directories.

        Returns:
            None where there is none, where links loop, or where they lead out of the prefix.
        """
        done: list[str] = []
        ahead = path.split("/")[::-1]
        links = 0
        while ahead:
            part = ahead.pop()
            if part in ("", "."):
                continue
            if part == "..":
                if not done:
                    return None
                done.pop()
                continue
            done.append(part)
            target = self.links.get("/".join(done))
            if target is not None:
                links += 1
                if links > _LINK_LIMIT or posixpath.isabs(target):
                    return None
                done.pop()
                ahead.extend(target.split("/")[::-1])
        return self.files.get("/".join(done))
