"""The bytes of one member of a wheel, inflated as they are asked for and held against headers and RECORD."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

from isal import igzip_lib

from bridge.errors import Code, InvalidInput
from bridge.formats.wheel.compression import crc32, inflater
from bridge.formats.zip_records import DEFLATED
from bridge.limits import KIB, MIB

if TYPE_CHECKING:
    from bridge.formats.wheel.archive import WheelArchive
    from bridge.formats.wheel.record import RecordEntry
    from bridge.formats.wheel.zip_directory import ArchiveMember

#: what is inflated at once; also what `drain` holds.
BLOCK: Final = 1 * MIB
#: compressed bytes read at once.
_INPUT: Final = 256 * KIB
_SHA256: Final = "sha256"
#: its type stub calls the class an instance.
_DAMAGED: Final[Any] = igzip_lib.IsalError


class MemberReader:
    """One member, read once and in order; memory use does not depend on its size.

    Args:
        archive: the open wheel.
        member: of it, a file.
        entry: its line of RECORD; None, or without a digest, for the files that RECORD need not describe.
    """

    def __init__(self, archive: WheelArchive, member: ArchiveMember, entry: RecordEntry | None) -> None:
        self._archive = archive
        self._member = member
        self._entry = entry
        self._inflater: Any = inflater() if member.entry.method == DEFLATED else None
        #: the next byte to read from the file, and where the member's bytes end.
        self._position = member.data_offset
        self._produced = 0
        self._crc = 0
        self._digest = hashlib.sha256()
        other = entry is not None and entry.digest is not None and entry.algorithm != _SHA256
        self._other = hashlib.new(entry.algorithm) if entry is not None and other else None
        self._verified = False
        #: length of the whole member in bytes.
        self.size = member.entry.size

    @property
    def sha256(self) -> bytes:
        """Digest of the whole member; ValueError before its end was read."""
        if not self._verified:
            raise ValueError("the member has not been read to its end")
        return self._digest.digest()

    @property
    def recorded(self) -> bytes | None:
        """The SHA-256 that RECORD has, verified or not; None where it has another digest or none."""
        entry = self._entry
        return None if entry is None or self._other is not None else entry.digest

    def read(self, size: int = -1, /) -> bytes:
        """The next `size` bytes, fewer only at the end; all that are left where `size` is negative.

        Raises:
            InvalidInput: as `read1`.
        """
        left = self.size - self._produced
        wanted = left if size < 0 else min(size, left)
        blocks = []
        while wanted > 0:
            block = self.read1(wanted)
            blocks.append(block)
            wanted -= len(block)
        if self._produced == self.size:
            self._verify()
        return blocks[0] if len(blocks) == 1 else b"".join(blocks)

    def read1(self, size: int, /) -> bytes:
        """Between 1 and `size` bytes, at most `BLOCK`; none at the end.

        Raises:
            InvalidInput: with the member's last bytes at the latest, so that those never arrive unverified: `CB101`,
                the compressed data are damaged or do not have the size and checksum of the headers; `CB122`, the
                content is not what RECORD says.
        """
        wanted = min(size, self.size - self._produced, BLOCK)
        if wanted <= 0:
            if self._produced == self.size:
                self._verify()
            return b""
        block = self._stored(wanted) if self._inflater is None else self._inflated(wanted)
        self._produced += len(block)
        self._crc = crc32(block, self._crc)
        self._digest.update(block)
        if self._other is not None:
            self._other.update(block)
        if self._produced == self.size:
            self._verify()
        return block

    def drain(self) -> None:
        """Read and verify what is left.

        Raises:
            InvalidInput: as `read1`.
        """
        while self.read1(BLOCK):
            pass

    def _stored(self, wanted: int) -> bytes:
        block = self._archive.slice(self._position, wanted)
        if not block:
            raise self._damaged("the file was cut short while it was read")
        self._position += len(block)
        return block

    def _inflated(self, wanted: int) -> bytes:
        """At least one byte; more than the headers allow is never asked for."""
        while not self._inflater.eof:
            block: bytes = self._step(wanted)
            if block:
                return block
        raise self._damaged("the compressed data end too early")

    def _step(self, wanted: int) -> bytes:
        packed = self._inflater.unconsumed_tail or self._next_input()
        try:
            block: bytes = self._inflater.decompress(packed, wanted)
        except _DAMAGED as error:
            raise self._damaged(f"the compressed data are damaged: {error}") from error
        if not block and not packed and not self._inflater.eof:
            raise self._damaged("the compressed data end too early")
        return block

    def _next_input(self) -> bytes:
        packed = self._archive.slice(self._position, min(_INPUT, self._member.end - self._position))
        self._position += len(packed)
        return packed

    def _verify(self) -> None:
        if self._verified:
            return
        if self._inflater is not None:
            self._check_stream_end()
        if self._crc != self._member.entry.crc:
            raise self._damaged("the checksum is not what the headers say")
        entry = self._entry
        if entry is not None and entry.size not in {None, self.size}:
            raise self._wrong(f"has {self.size} bytes, {entry.size} in RECORD")
        if entry is not None and entry.digest is not None:
            digest = self._digest if self._other is None else self._other
            if digest.digest() != entry.digest:
                raise self._wrong(f"has another {entry.algorithm} than in RECORD")
        self._verified = True

    def _check_stream_end(self) -> None:
        """The stream's last block may still be unread; it must be empty, and nothing may follow."""
        while not self._inflater.eof:
            if self._step(1):
                raise self._damaged("the compressed data hold more than the headers say")
        if self._inflater.unused_data or self._position != self._member.end:
            raise self._damaged("the compressed data do not end where the headers say")

    def _damaged(self, message: str) -> InvalidInput:
        return InvalidInput(Code.UNREADABLE, message, subject=self._archive.subject, field=self._member.name)

    def _wrong(self, message: str) -> InvalidInput:
        return InvalidInput(Code.RECORD, message, subject=self._archive.subject, field=self._member.name)
