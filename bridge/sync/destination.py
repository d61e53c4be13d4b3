"""What a run publishes to: a tree of named files, and a private place for its ledger."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path, PurePosixPath
from typing import Final, Protocol

#: the private place, in a destination that is a directory; nothing in it is published.
PRIVATE: Final = ".conda-bridge"
#: what is said of a disk that is full (`CB342`).
NO_SPACE: Final = "there is no space left"


class Destination(Protocol):
    """A tree that others read while it is written.

    A run puts content first, then the pages that list it, then the pages that list those; it takes away in the other
    order. So each operation needs to be atomic by itself, and no more.
    """

    @property
    def shown(self) -> str:
        """Its address without credentials."""

    def exists(self) -> bool:
        """Whether anything was published there, or tried to; makes nothing."""

    def opened(self) -> AbstractContextManager[Path]:
        """Keep other runs away, for as long as the context lasts.

        Returns:
            a local directory for the ledger and for files that wait. It holds what the last run left there, even one
            that was killed, and is on the file system of the destination where that is a directory.

        Raises:
            Unsupported: another run is at work there (`CB341`), or nothing can be written (`CB322`).
        """

    def size(self, path: PurePosixPath) -> int | None:
        """Bytes of a published file; None where there is none."""

    def lost(self, files: Mapping[PurePosixPath, int]) -> frozenset[PurePosixPath]:
        """Which of some published files (path -> bytes) are not there, or of another size.

        Asked once in a run about everything that was published; a remote tree lists instead of asking for each.
        """

    def place(self, path: PurePosixPath, file: Path) -> None:
        """Publish a finished local file, whole or not at all; the local file may be gone afterwards.

        Raises:
            Unsupported: something else is in the way (`CB322`), or there is no space left (`CB342`).
        """

    def write(self, path: PurePosixPath, content: bytes) -> None:
        """Publish content, whole or not at all, in place of what was there.

        Raises:
            Unsupported: as `place`.
        """

    def remove(self, path: PurePosixPath) -> None:
        """Take a file away, and directories that become empty; nothing happens where there is none."""

    def settled(self) -> None:
        """Called when a publication is complete and the ledger agrees with it; a remote tree keeps the ledger now.

        Raises:
            Unsupported: another publisher was faster (`CB341`).
        """
