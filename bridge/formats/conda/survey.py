"""One pass over a payload: verified against `paths.json`, and every file looked at once."""

from __future__ import annotations

import hashlib
import mmap
import posixpath
import tempfile
from typing import IO, TYPE_CHECKING, Final

from bridge.errors import Code, InvalidInput
from bridge.formats.conda.bytestream import BLOCK
from bridge.limits import DEFAULT_LIMITS, KIB, MIB, Limits
from bridge.model.conda import FileMode, PathEntry, PathType
from bridge.model.payload import FileFacts, MemberKind, Nature, Survey
from bridge.native.inspect import HEAD_SIZE, Inspection, inspect, nature
from bridge.native.placeholder import find

if TYPE_CHECKING:
    from bridge.formats.conda.artifact import CondaArtifact
    from bridge.formats.conda.members import PayloadReader
    from bridge.model.payload import Member, Occurrence

#: larger binaries are looked at in a file, smaller ones in memory.
SPOOL_FLOOR: Final = 8 * MIB
#: what is read of a file first: all of most.
_HEAD: Final = 64 * KIB
#: a script whose first line or content may be rewritten; longer ones are data with a script in front.
SCRIPT_SIZE: Final = 1 * MIB

_SCRIPT_DIRECTORIES: Final = ("bin", "Scripts", "python-scripts", "condabin")
#: made again for every wheel, and sometimes the largest file of all.
_UNNEEDED_METADATA: Final = frozenset({"RECORD", "RECORD.jws", "RECORD.p7s"})
_BINARIES: Final = frozenset({Nature.ELF, Nature.MACHO, Nature.PE})

_MEMBER_TYPES: Final = {
    PathType.HARDLINK: MemberKind.FILE,
    PathType.SOFTLINK: MemberKind.SYMLINK,
    PathType.DIRECTORY: MemberKind.DIRECTORY,
}


def survey(artifact: CondaArtifact, *, limits: Limits = DEFAULT_LIMITS) -> Survey:
    """Read the whole payload once.

    Args:
        artifact: an open package.
        limits: `text_size` bounds a file with a text placeholder, `metadata_size` one of dist-info,
            `info_size` all that is kept in memory.

    Raises:
        InvalidInput: any code of `CondaArtifact.members`; CB109; CB113 where payload and paths.json (or
            info/files) disagree; CB120 where a file lacks the placeholder that it is said to hold; CB124 for
            a damaged binary.
    """
    return _Surveyor(artifact, limits).run()


class _Surveyor:
    def __init__(self, artifact: CondaArtifact, limits: Limits) -> None:
        metadata = artifact.metadata()
        self._artifact = artifact
        self._subject = artifact.filename
        self._limits = limits
        self._entries = {entry.path: entry for entry in metadata.paths}
        self._exact = metadata.has_paths_json
        self._files: dict[str, FileFacts] = {}
        self._symlinks: dict[str, str] = {}
        self._directories: list[str] = []
        self._kept = 0

    def run(self) -> Survey:
        for member, reader in self._artifact.members():
            entry = self._entry(member)
            if member.kind is MemberKind.FILE:
                self._files[member.path] = self._file(member, entry, reader)
            elif member.kind is MemberKind.SYMLINK:
                self._symlinks[member.path] = member.link_target or ""
            else:
                self._directories.append(member.path)
        occupied = self._occupied()
        self._check_missing(occupied)
        self._check_links()
        return Survey(
            files=self._files,
            symlinks=self._symlinks,
            empty_directories=tuple(sorted(path for path in self._directories if path not in occupied)),
            order=tuple(self._files),
            info_files=self._artifact.late_info(),
        )

    def _entry(self, member: Member) -> PathEntry | None:
        """What paths.json says about a member; it must be there, and be of the same type."""
        entry = self._entries.get(member.path)
        if entry is None:
            # Builders of the past packed directories too, which paths.json need not list.
            if member.kind is MemberKind.DIRECTORY:
                return None
            raise self._mismatch(member.path, "is packed, but not listed")
        if self._exact and _MEMBER_TYPES[entry.path_type] is not member.kind:
            raise self._mismatch(member.path, f"is a {member.kind.value}, listed as {entry.path_type.value}")
        if not self._exact and member.kind is MemberKind.DIRECTORY:
            raise self._mismatch(member.path, "is a directory, listed as a file")
        return entry

    def _file(self, member: Member, entry: PathEntry | None, reader: PayloadReader) -> FileFacts:
        if entry is not None and entry.size is not None and entry.size != member.size:
            raise self._mismatch(member.path, f"has {member.size} bytes, listed with {entry.size}")
        placeholder = None
        if entry is not None and entry.prefix_placeholder is not None:
            placeholder = entry.prefix_placeholder.encode()
        binary_prefix = entry is not None and entry.file_mode is FileMode.BINARY
        head = reader.read(min(_HEAD, member.size))
        found = nature(head[:HEAD_SIZE])
        try:
            if found in _BINARIES or (placeholder is not None and binary_prefix):
                facts = self._binary(member, head, reader, placeholder if binary_prefix else None)
            elif placeholder is not None or self._is_wanted(member, found):
                facts = self._text(member, head, reader, found, placeholder)
            else:
                facts = FileFacts(member, _digest(head, reader), found)
        except InvalidInput as error:
            if error.subject is not None:
                raise
            raise InvalidInput(error.code, error.message, subject=self._subject, field=member.path) from error
        if entry is not None and entry.sha256 is not None and facts.sha256.hex() != entry.sha256:
            raise self._mismatch(member.path, "has another SHA-256 than listed")
        return facts

    def _binary(self, member: Member, head: bytes, reader: PayloadReader, placeholder: bytes | None) -> FileFacts:
        if member.size <= SPOOL_FLOOR:
            data = head + reader.read()
            return self._inspect(member, data, hashlib.sha256(data).digest(), placeholder)
        with tempfile.TemporaryFile() as file:
            digest = _digest(head, reader, file)
            file.flush()
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
                return self._inspect(member, view, digest, placeholder)

    def _inspect(self, member: Member, data: bytes | mmap.mmap, digest: bytes, placeholder: bytes | None) -> FileFacts:
        inspection: Inspection = inspect(data)
        occurrences: tuple[Occurrence, ...] = ()
        if placeholder is not None:
            occurrences = find(data, placeholder)
            self._check_found(bool(occurrences))
        return FileFacts(
            member,
            digest,
            inspection.nature,
            elf=inspection.elf,
            macho=inspection.macho,
            pe=inspection.pe,
            occurrences=occurrences,
        )

    def _text(
        self,
        member: Member,
        head: bytes,
        reader: PayloadReader,
        found: Nature,
        placeholder: bytes | None,
    ) -> FileFacts:
        limit = self._limits.metadata_size if placeholder is None else self._limits.text_size
        self._kept += member.size
        if member.size > limit or self._kept > self._limits.info_size:
            raise InvalidInput(
                Code.LIMIT,
                f"{member.size} bytes to hold in memory; see limits text_size, metadata_size, info_size",
            )
        data = head + reader.read()
        if placeholder is not None:
            self._check_found(placeholder in data)
        return FileFacts(member, hashlib.sha256(data).digest(), found, content=data)

    def _is_wanted(self, member: Member, found: Nature) -> bool:
        parents, _, name = member.path.rpartition("/")
        parent = parents.rpartition("/")[2]
        if parent.endswith((".dist-info", ".egg-info")):
            return name not in _UNNEEDED_METADATA
        if name.endswith(".egg-info"):
            return True
        return found is Nature.SCRIPT and member.size < SCRIPT_SIZE and parents in _SCRIPT_DIRECTORIES

    def _check_found(self, found: bool) -> None:
        if not found:
            raise InvalidInput(Code.BAD_PLACEHOLDER, "does not hold the placeholder that it is listed with")

    def _occupied(self) -> frozenset[str]:
        """Every directory that holds something."""
        occupied: set[str] = set()
        for path in (*self._files, *self._symlinks, *self._directories):
            parent = path.rpartition("/")[0]
            while parent and parent not in occupied:
                occupied.add(parent)
                parent = parent.rpartition("/")[0]
        return frozenset(occupied)

    def _check_missing(self, occupied: frozenset[str]) -> None:
        present = {*self._files, *self._symlinks, *self._directories}
        for path, entry in self._entries.items():
            if path in present or (entry.path_type is PathType.DIRECTORY and path in occupied):
                continue
            raise self._mismatch(path, "is listed, but not packed")

    def _check_links(self) -> None:
        """A softlink's SHA-256 is that of the file at its end; its size may be that of the link."""
        for path in self._symlinks:
            entry = self._entries[path]
            target = self._files.get(self._end_of(path))
            if entry.sha256 is not None and target is not None and target.sha256.hex() != entry.sha256:
                raise self._mismatch(path, "leads to a file with another SHA-256 than listed")

    def _end_of(self, path: str) -> str:
        # The reader has made sure that links end and stay inside; links on the way to the last name are not
        # followed.
        while path in self._symlinks:
            path = posixpath.normpath(posixpath.join(posixpath.dirname(path), self._symlinks[path]))
        return path

    def _mismatch(self, path: str, message: str) -> InvalidInput:
        return InvalidInput(Code.PAYLOAD_MISMATCH, message, subject=self._subject, field=path)


def _digest(head: bytes, reader: PayloadReader, copy: IO[bytes] | None = None) -> bytes:
    digest = hashlib.sha256(head)
    if copy is not None:
        copy.write(head)
    left = reader.size - len(head)
    while left > 0 and (block := reader.read1(BLOCK)):
        left -= len(block)
        digest.update(block)
        if copy is not None:
            copy.write(block)
    return digest.digest()
