"""What a policy lets one of its sources provide: that alone is converted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from packaging.utils import NormalizedName

from bridge.channel.governed import open_channels
from bridge.channel.permits import OnUnanswered, Permits
from bridge.errors import BridgeError, Code, Unsupported
from bridge.select.governed_index import GovernedIndex
from bridge.sync.source import Facts, Memory, Source, SourceFile, SourceKind


class GovernedSource:
    """The files of a source that the policy takes from it, and from nobody else.

    Args:
        source: the source.
        address: where it is, as the user gave it; one of the policy.
        permits: the policy, of the ecosystem that the source is of.
        on_unanswered: is told of each source that is left out, where the policy tolerates that.

    Raises:
        Unsupported: a directory of files is no source that a policy could speak of (`CB317`).
    """

    def __init__(self, source: Source, address: str | Path, permits: Permits, on_unanswered: OnUnanswered) -> None:
        if source.kind is SourceKind.DIRECTORY:
            message = "a policy is about channels and indexes, and this is a directory of files"
            raise Unsupported(Code.NOT_AN_ARTIFACT, message, subject=source.shown)
        self._source = source
        self._address = address
        self._permits = permits
        self._on_unanswered: OnUnanswered | None = on_unanswered
        #: files that the last listing left out because the policy gives their names to others, or finds them too young.
        self.left_out = 0

    def __getstate__(self) -> dict[str, object]:
        # Workers fetch files that are listed already, and have nobody to tell.
        return {**self.__dict__, "_on_unanswered": None}

    @property
    def kind(self) -> SourceKind:
        """That of the source."""
        return self._source.kind

    @property
    def shown(self) -> str:
        """That of the source."""
        return self._source.shown

    @property
    def channels(self) -> tuple[str, ...]:
        """Those of the source."""
        return self._source.channels

    def files(self, memory: Memory) -> Iterable[SourceFile]:
        """Those that the policy permits.

        Raises:
            InvalidInput: the source is none of the policy (`CB454`), or one that has a say does not answer (`CB119`).
        """
        files = list(self._source.files(memory))
        kept = list(self._of_channel(files) if self.kind is SourceKind.CHANNEL else self._of_index(files))
        self.left_out = len(files) - len(kept)
        return kept

    def look(self, files: Sequence[SourceFile], memory: Memory) -> Mapping[str, Facts]:
        """What the source finds."""
        return self._source.look(files, memory)

    def rejected(self) -> tuple[tuple[str, BridgeError], ...]:
        """What the source set aside."""
        return self._source.rejected()

    def fetch(self, file: SourceFile, directory: Path) -> Path:
        """From the source."""
        return self._source.fetch(file, directory)

    def _of_channel(self, files: Sequence[SourceFile]) -> Iterable[SourceFile]:
        subdirs = sorted({file.index.subdir for file in files if file.index is not None})
        channels = open_channels(
            (self._address,), subdirs=subdirs, permits=self._permits, on_unanswered=self._on_unanswered
        )
        kept = {
            (record.index.subdir, record.filename, record.sha256)
            for channel in channels
            for name in channel.names
            for record in channel.records(name)
        }
        for file in files:
            if file.index is not None and (file.index.subdir, file.filename, file.sha256) in kept:
                yield file

    def _of_index(self, files: Sequence[SourceFile]) -> Iterable[SourceFile]:
        index = GovernedIndex(self._permits, (self._address,), self._on_unanswered or _ignore)
        provides: dict[NormalizedName, str | None] = {}
        for file in files:
            if file.wheel is None:
                continue
            project = file.wheel.project
            if project not in provides:
                provides[project] = index.provider(project)
            place = provides[project]
            if place is not None and self._permits.old_enough(place, file.published):
                yield file


def _ignore(_: object) -> None:
    """Of a source that is left out: the planning process has told it."""
