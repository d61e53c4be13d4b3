"""An artifact whose files are compressed for the wheel while planning reads them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Self

from bridge.formats.conda.artifact import CondaArtifact
from bridge.formats.conda.members import PayloadReader
from bridge.formats.wheel.press import PayloadPress
from bridge.model.payload import Member, MemberKind

if TYPE_CHECKING:
    from types import TracebackType

    from bridge.model.conda import ArchiveFormat, CondaMetadata, Origin


class PressedArtifact:
    """`artifact`, with every file that is read from it going to `press` under its path.

    Implements `bridge.formats.conda.artifact.CondaArtifact`; the caller closes what it wraps.
    """

    def __init__(self, artifact: CondaArtifact, press: PayloadPress) -> None:
        self._artifact = artifact
        self._press = press

    @property
    def filename(self) -> str:
        return self._artifact.filename

    @property
    def format(self) -> ArchiveFormat:
        return self._artifact.format

    def origin(self) -> Origin:
        return self._artifact.origin()

    def metadata(self) -> CondaMetadata:
        return self._artifact.metadata()

    def late_info(self) -> Mapping[str, bytes]:
        return self._artifact.late_info()

    def members(self) -> Iterator[tuple[Member, PayloadReader]]:
        for member, reader in self._artifact.members():
            if member.kind is MemberKind.FILE:
                yield member, self._press.tee(member.path, reader)
            else:
                yield member, reader

    def close(self) -> None:
        self._artifact.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
