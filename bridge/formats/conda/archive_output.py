"""The two archive formats of CEP 35 as something to write a payload and then `info/` to.

Everything goes to a temporary name beside the destination; the destination appears complete or not at all.
"""

from __future__ import annotations

import bz2
import secrets
import tempfile
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bridge.errors import Code, InvalidInput
from bridge.formats.conda.bytestream import BLOCK, SharedFile
from bridge.formats.conda.container import METADATA_MEMBER
from bridge.formats.conda.outer_zip import OuterZip, StoredData
from bridge.formats.conda.tar_output import TAR_END
from bridge.formats.conda.zstd_output import ZstdOutput, compress

if TYPE_CHECKING:
    from pathlib import Path

_FORMAT_DOCUMENT: Final = b'{"conda_pkg_format_version": 2}'
_BEST_BZ2: Final = 9


@dataclass(frozen=True, slots=True)
class PackedPayload:
    """The compressed payload in a finished archive."""

    path: Path
    #: of zstd.
    level: int
    place: StoredData


class ArchiveOutput(ABC):
    """A package file being written.

    Args:
        destination: its path; the directory must exist.
    """

    def __init__(self, destination: Path) -> None:
        self._destination = destination
        self._temporary = destination.parent / f".conda-bridge-{secrets.token_hex(8)}.part"
        self._file = self._temporary.open("x+b", buffering=BLOCK)

    @abstractmethod
    def write(self, data: bytes) -> None:
        """Take the next bytes of the payload's tar archive, whose end is not among them."""

    @property
    def packed(self) -> PackedPayload | None:
        """The payload, once it is complete; None where archives of the kind do not keep it apart."""
        return None

    def adopt(self, _payload: PackedPayload) -> None:
        """Take the payload of a finished archive as it was compressed there.

        Raises:
            InvalidInput: CB118, the file is another than was written.
            ValueError: the two cannot share a payload.
        """
        raise ValueError("archives of this kind do not share a payload")

    @abstractmethod
    def _complete(self, info: bytes) -> None: ...

    def finish(self, info: bytes) -> tuple[str, int]:
        """Write the rest and give the file its name.

        Args:
            info: the members under `info/` as a tar archive without its end.

        Returns:
            SHA-256 of the file in lowercase hex, and its size in bytes.
        """
        self._complete(info)
        self._file.close()
        shared = SharedFile(self._temporary, subject=self._destination.name)
        try:
            sha256 = shared.sha256()
            size = shared.size
        finally:
            shared.close()
        self._temporary.replace(self._destination)
        return sha256, size

    def discard(self) -> None:
        """Remove what was written; does nothing after `finish`."""
        self._file.close()
        self._temporary.unlink(missing_ok=True)


class CondaOutput(ArchiveOutput):
    """A `.conda` file; `info-` stands last, where one request for the end of the file finds it.

    Args:
        destination: as for `ArchiveOutput`.
        stem: which the inner archives are named after.
        level: of zstd.
        threads: compressing threads.

    Raises:
        ValueError: a level or number of threads that does not exist.
    """

    def __init__(self, destination: Path, stem: str, *, level: int, threads: int) -> None:
        self._stem = stem
        self._level = level
        self._threads = threads
        self._compressed = ZstdOutput(self._append, level=level, threads=threads)
        super().__init__(destination)
        self._zip = OuterZip(self._file)
        self._zip.store(METADATA_MEMBER, _FORMAT_DOCUMENT)
        self._zip.begin(f"pkg-{stem}.tar.zst")
        #: the payload, once it is complete.
        self._packed: StoredData | None = None
        self._adopted = False

    def write(self, data: bytes) -> None:
        self._compressed.write(data)

    @property
    def packed(self) -> PackedPayload | None:
        return None if self._packed is None else PackedPayload(self._destination, self._level, self._packed)

    def adopt(self, payload: PackedPayload) -> None:
        if payload.level != self._level:
            raise ValueError("the other archive was compressed at another level")
        with payload.path.open("rb") as file:
            file.seek(payload.place.offset)
            left = payload.place.size
            while left and (data := file.read(min(BLOCK, left))):
                left -= len(data)
                self._zip.append(data)
        self._adopted = True
        self._packed = self._zip.end()
        if (self._packed.size, self._packed.crc) != (payload.place.size, payload.place.crc):
            message = "the package changed while its payload was copied"
            raise InvalidInput(Code.HASH, message, subject=payload.path.name)

    def _complete(self, info: bytes) -> None:
        if not self._adopted:
            self._compressed.write(TAR_END)
            self._compressed.finish()
            self._packed = self._zip.end()
        packed = compress(info + TAR_END, level=self._level, threads=self._threads)
        self._zip.store(f"info-{self._stem}.tar.zst", packed)
        self._zip.finish()

    def _append(self, data: bytes) -> None:
        self._zip.append(data)


class TarBz2Output(ArchiveOutput):
    """A `.tar.bz2` file with `info/` first, as clients expect that read it only up to there.

    The payload waits uncompressed in an anonymous file: `info/` is known last, and some clients read no more
    than one bzip2 stream.

    Args:
        destination: as for `ArchiveOutput`.
        level: 1 to 9, the block size; more counts as 9.

    Raises:
        ValueError: a level below 1.
    """

    def __init__(self, destination: Path, *, level: int) -> None:
        self._compressor = bz2.BZ2Compressor(min(level, _BEST_BZ2))
        super().__init__(destination)
        try:
            self._payload = tempfile.TemporaryFile(dir=destination.parent)  # noqa: SIM115 - closed by discard()
        except BaseException:
            super().discard()
            raise

    def write(self, data: bytes) -> None:
        self._payload.write(data)

    def discard(self) -> None:
        self._payload.close()
        super().discard()

    def _complete(self, info: bytes) -> None:
        self._file.write(self._compressor.compress(info))
        self._payload.seek(0)
        while block := self._payload.read(BLOCK):
            self._file.write(self._compressor.compress(block))
        self._file.write(self._compressor.compress(TAR_END))
        self._file.write(self._compressor.flush())
        self._payload.close()


class PiecewiseOutput:
    """Collects small pieces, thousands of which would cost more in calls than in compression."""

    def __init__(self, output: ArchiveOutput) -> None:
        self._output = output
        self._pending: list[bytes] = []
        self._size = 0

    def __call__(self, data: bytes) -> None:
        """Take the next bytes of the payload's tar archive."""
        self._pending.append(data)
        self._size += len(data)
        if self._size >= BLOCK:
            self.flush()

    def flush(self) -> None:
        """Hand on what is pending."""
        if self._pending:
            data = b"".join(self._pending)
            self._pending.clear()
            self._size = 0
            self._output.write(data)
