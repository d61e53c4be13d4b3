"""What a run converts from: the files of a channel, of an index or of a directory, before any of them is fetched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any, Final, Protocol

from packaging.utils import NormalizedName
from packaging.version import Version

from bridge.errors import BridgeError
from bridge.model.conda import IndexJson

_WHEEL: Final = ".whl"
#: what is said of a file that the source lists and does not have (`CB119`).
ABSENT: Final = "the source lists the file, and does not have it"


class SourceKind(Enum):
    """What a source is, which says what becomes of it."""

    #: a conda channel, which becomes an index.
    CHANNEL = "channel"
    #: a Simple index (PEP 503, PEP 691), which becomes a channel.
    INDEX = "index"
    #: files: conda packages become an index, wheels a channel.
    DIRECTORY = "directory"


@dataclass(frozen=True, slots=True)
class WheelFacts:
    """What is known about a wheel without its payload."""

    project: NormalizedName
    version: Version
    #: variant label (PEP 825); None for a plain wheel.
    label: str | None = None
    requires_python: str | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What a file itself says that planning needs, beside what its source says about it."""

    #: of a conda package: the project in its `.dist-info`; None where it shows none of its own version.
    project: NormalizedName | None = None
    #: of a wheel: Requires-Dist as METADATA has it (PEP 658).
    requires: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One artifact that a source offers.

    `address` is what the source's `fetch` needs and may hold a token: never show or store it.
    """

    #: its path below the source: unique there and the same in every run; it may be shown and stored.
    key: str
    filename: str
    address: str = field(repr=False)
    #: hex; None where the source does not state it.
    sha256: str | None = None
    #: in bytes.
    size: int | None = None
    #: changes when the file does, where no digest is stated: an ETag, a time of modification.
    stamp: str = ""
    #: when it was built or uploaded (UTC).
    published: datetime | None = None
    #: of a conda package: the record in force, or index.json where there is no channel; None where neither is known.
    index: IndexJson | None = None
    #: of a wheel.
    wheel: WheelFacts | None = None
    #: whether the source lists it and is known not to have it.
    absent: bool = False

    @property
    def is_wheel(self) -> bool:
        """Which way it is converted; its name says so."""
        return self.filename.endswith(_WHEEL)

    @property
    def identity(self) -> str:
        """Which bytes it is, as far as the source says without giving them."""
        return self.sha256 or f"{self.size}:{self.stamp}"


class Memory(Protocol):
    """What earlier runs read from files, so that unchanged ones need not be opened again."""

    def recall(self, key: str, identity: str) -> Mapping[str, Any] | None:
        """What was remembered about these very bytes; None where nothing was."""

    def remember(self, key: str, identity: str, facts: Mapping[str, Any]) -> None:
        """Keep a JSON object without secrets about a file."""


class Source(Protocol):
    """Where artifacts come from. Implementations can be pickled: workers fetch for themselves."""

    @property
    def kind(self) -> SourceKind:
        """What it is."""

    @property
    def shown(self) -> str:
        """Its address without credentials; identifies it in the ledger."""

    @property
    def channels(self) -> tuple[str, ...]:
        """Addresses of the channels whose records and packages conversion asks (`bridge.channel.repodata`); they may
        hold tokens.
        """

    def files(self, memory: Memory) -> Iterable[SourceFile]:
        """Everything that the source offers, from its metadata alone, in a fixed order, each key once.

        Args:
            memory: asked before a file is opened for its metadata.

        Raises:
            BridgeError: the source cannot be reached (`CB119`), or what it says cannot be trusted as a whole.
        """

    def look(self, files: Sequence[SourceFile], memory: Memory) -> Mapping[str, Facts]:
        """What some of the files say about themselves, without their payload; by key.

        One that cannot be read, or only as a whole, is left out; it gets its outcome when it is converted.
        """

    def rejected(self) -> tuple[tuple[str, BridgeError], ...]:
        """What `files` left out because its entry breaks a rule: what it is, and why; sorted."""

    def fetch(self, file: SourceFile, directory: Path) -> Path:
        """The bytes of a file, under its own name.

        Args:
            file: one of `files`.
            directory: for what has to be downloaded. A local file is left where it lies, and must not be changed.

        Raises:
            bridge.formats.conda.transport.Absent: the source has the file no longer.
            InvalidInput: it cannot be fetched now (`CB119`), it is other bytes than the source says (`CB118`), or too
                large (`CB109`).
        """
