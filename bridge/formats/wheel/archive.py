"""Reading a wheel's zip archive without room for two readings of it.

Zip says everything twice, in the central directory and in the local headers, and readers differ in whom they
believe. This one accepts an archive only where both agree and where members, directory and end record fill
the file without a gap, so that every reader sees the same members.
"""

from __future__ import annotations

import io
import stat
import threading
import zlib
from typing import TYPE_CHECKING, Final

from bridge.errors import Code, InvalidInput
from bridge.formats.wheel.compression import crc32
from bridge.formats.wheel.member_names import MemberNames, Objection, Problem
from bridge.formats.wheel.zip_directory import ArchiveMember, ZipDirectory
from bridge.formats.wheel.zip_format import Entry
from bridge.formats.zip_records import DEFLATED, STORED, UTF8_FLAG
from bridge.limits import DEFAULT_LIMITS, KIB, Limits

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType

#: bits 1 and 2 are a hint about the deflate level; every other flag changes how the bytes are read.
_HARMLESS_FLAGS: Final = UTF8_FLAG | 0b110
#: an archive up to this size is read once and as a whole: each member takes four reads otherwise.
_SMALL: Final = 256 * KIB
_PROBLEM_CODES: Final = {
    Problem.UNSAFE: Code.UNSAFE_PATH,
    Problem.DUPLICATE: Code.DUPLICATE,
    Problem.CLASH: Code.NAME_CLASH,
}


class WheelArchive:
    """An open wheel whose structure has been checked; a context manager.

    Args:
        path: the wheel.
        limits: bounds on number and sizes of members.

    Raises:
        InvalidInput: `CB101`, not a zip archive; `CB125`, an archive that readers could read differently;
            `CB104`, `CB106`, `CB107`, `CB108`, a member with an unsafe name, a special file, or names that
            repeat or clash; `CB109`, a limit.
    """

    def __init__(self, path: Path, limits: Limits = DEFAULT_LIMITS) -> None:
        self.subject = path.name
        self._limits = limits
        self._lock = threading.Lock()
        self.file = path.open("rb")
        try:
            content = self.file.read(_SMALL + 1)
            #: all of a small archive.
            self._content = content if len(content) <= _SMALL else None
            source = self.file if self._content is None else io.BytesIO(self._content)
            members = ZipDirectory(source, self.subject, limits).members()
            self._check(members)
        except BaseException:
            self.file.close()
            raise
        #: by name, in the order in which they lie in the file.
        self.members: Mapping[str, ArchiveMember] = {member.name: member for member in members}

    def __enter__(self) -> WheelArchive:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.file.close()

    @property
    def dist_info(self) -> str:
        """Name of the one top-level `.dist-info` directory.

        Raises:
            InvalidInput: `CB121`, there is none or more than one.
        """
        heads = (name.partition("/")[0] for name in self.members if "/" in name)
        found = sorted({head for head in heads if head.endswith(".dist-info")})
        if len(found) != 1:
            raise InvalidInput(
                Code.BAD_DIST_INFO,
                f"the wheel has {len(found)} dist-info directories instead of one",
                subject=self.subject,
            )
        return found[0]

    def read(self, name: str, limit: int | None = None) -> bytes:
        """The content of a small member.

        Args:
            name: of the member.
            limit: bytes; `Limits.metadata_size` where not given.

        Raises:
            InvalidInput: `CB110`, there is no such member; `CB109`, it is larger; `CB101`, it is damaged.
        """
        member = self.members.get(name)
        if member is None:
            raise InvalidInput(Code.MISSING_METADATA, "the file is missing", subject=self.subject, field=name)
        entry = member.entry
        bound = self._limits.metadata_size if limit is None else limit
        if entry.size > bound or entry.compressed_size > 2 * bound:
            raise self._limit(f"the file has {entry.size} bytes, more than {bound}", name)
        raw = self.slice(member.data_offset, entry.compressed_size)
        data = raw if entry.method == STORED else self._inflate(raw, entry)
        if len(data) != entry.size or crc32(data) != entry.crc:
            raise self._damaged("size or checksum is not what the headers say", name)
        return data

    def slice(self, offset: int, length: int = -1) -> bytes:
        """Bytes of the file itself, by default to its end; safe in several threads."""
        if self._content is not None:
            return self._content[offset:] if length < 0 else self._content[offset : offset + length]
        with self._lock:
            self.file.seek(offset)
            return self.file.read(length)

    def raw_headers(self, member: ArchiveMember) -> tuple[bytes, bytes]:
        """The member's local header and its record in the central directory, as they are."""
        offset = member.entry.offset
        return self.slice(offset, member.data_offset - offset), self.slice(*member.central)

    def _inflate(self, raw: bytes, entry: Entry) -> bytes:
        decompressor = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            data = decompressor.decompress(raw, entry.size + 1)
        except zlib.error as error:
            raise self._damaged(f"the compressed data are damaged: {error}", entry.name) from error
        if not decompressor.eof or decompressor.unused_data:
            raise self._damaged("the compressed data do not end where the headers say", entry.name)
        return data

    def _check(self, members: list[ArchiveMember]) -> None:
        """Names, kinds and sizes."""
        names = MemberNames()
        total = packed = spelled = 0
        for member in members:
            entry, directory = member.entry, member.is_directory
            # Every directory on the way to a member is remembered, so that deep names cost a multiple of their length.
            spelled += len(entry.name) * entry.name.count("/")
            self._check_length(entry, spelled)
            objection = names.claim_directory(entry.name[:-1]) if directory else names.claim(entry.name)
            if objection is not None:
                raise self._name_error(entry.name, objection)
            if entry.flags & ~_HARMLESS_FLAGS:
                raise self._structure("the member is encrypted, streamed or otherwise special", entry.name)
            if entry.method not in {STORED, DEFLATED}:
                raise self._structure(f"compression method {entry.method} is not allowed in wheels", entry.name)
            kind = stat.S_IFMT(entry.mode)
            if kind not in {0, stat.S_IFDIR if directory else stat.S_IFREG}:
                raise InvalidInput(
                    Code.MEMBER_TYPE,
                    "the member is neither a regular file nor a directory",
                    subject=self.subject,
                    field=entry.name,
                )
            if (directory and entry.size) or (entry.method == STORED and entry.size != entry.compressed_size):
                raise self._structure("the member's sizes contradict each other", entry.name)
            if entry.size > self._limits.file_size:
                raise self._limit(f"the file has {entry.size} bytes, more than allowed", entry.name)
            total += entry.size
            packed += entry.compressed_size
        if len({member.name for member in members}) != len(members):
            raise InvalidInput(Code.DUPLICATE, "a directory is there twice", subject=self.subject)
        if total > self._limits.total_size:
            raise self._limit(f"the files have {total} bytes, more than allowed", "members")
        if total > self._limits.ratio_floor and total > self._limits.ratio * packed:
            raise self._limit(f"{packed} bytes unpack to {total}", "members")

    def _check_length(self, entry: Entry, spelled: int) -> None:
        """Bounds on one name, and on the names of all directories so far (characters)."""
        if len(entry.encoded_name) > self._limits.path_length:
            raise self._limit(f"a name is longer than {self._limits.path_length} bytes", entry.name[:80])
        if any(len(part.encode("utf-8")) > self._limits.name_length for part in entry.name.split("/")):
            raise self._limit(f"part of a name is longer than {self._limits.name_length} bytes", entry.name[:80])
        if spelled > self._limits.info_size:
            raise self._limit("the names of the directories are longer than allowed", "members")

    def _name_error(self, name: str, objection: Objection) -> InvalidInput:
        code = _PROBLEM_CODES[objection.problem]
        return InvalidInput(code, f"{name!r} {objection.reason}", subject=self.subject, field=name)

    def _structure(self, message: str, field: str | None = None) -> InvalidInput:
        return InvalidInput(Code.ZIP_STRUCTURE, message, subject=self.subject, field=field)

    def _limit(self, message: str, field: str) -> InvalidInput:
        return InvalidInput(Code.LIMIT, message, subject=self.subject, field=field)

    def _damaged(self, message: str, field: str) -> InvalidInput:
        return InvalidInput(Code.UNREADABLE, message, subject=self.subject, field=field)
