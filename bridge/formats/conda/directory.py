"""An unpacked package, as in a client's package cache, behind the same interface as an archive."""

from __future__ import annotations

import hashlib
import os
import stat
from typing import TYPE_CHECKING, Final, Self

from bridge.errors import Code, InvalidInput
from bridge.formats.conda.bytestream import BLOCK
from bridge.formats.conda.identifiers import parse_filename, printable
from bridge.formats.conda.members import EmptyReader, FileReader
from bridge.formats.conda.metadata import InfoCollector, build_metadata, is_info
from bridge.formats.conda.paths import PathLedger
from bridge.model.conda import ArchiveFormat, Origin
from bridge.model.payload import Member, MemberKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from types import TracebackType

    from bridge.formats.conda.members import PayloadReader
    from bridge.limits import Limits
    from bridge.model.conda import CondaMetadata

#: written by clients when they unpack; never part of a package (CEP 34).
_CLIENT_FILES: Final = frozenset({"info/repodata_record.json"})


class UnpackedDirectory:
    """A directory with `info/index.json`; members come sorted by path, only empty directories among them."""

    format = ArchiveFormat.DIRECTORY

    def __init__(
        self, path: Path, limits: Limits, *, filename: str | None, subdir: str | None, channel: str | None
    ) -> None:
        self._root = path
        self._limits = limits
        self._subject = path.name if filename is None else filename
        self._published = filename
        self._subdir = subdir
        self._channel = channel
        self._origin: Origin | None = None
        if filename is not None:
            parse_filename(filename)
        self._metadata = self._read_metadata()
        self.filename = self._metadata.index.identity.stem if filename is None else filename

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Nothing stays open between passes."""

    def origin(self) -> Origin:
        """The digests are those of a listing of all members with their digests: a directory has no bytes."""
        if self._origin is None:
            sha256 = hashlib.sha256()
            md5 = hashlib.md5(usedforsecurity=False)
            size = 0
            for member, reader in self._walk(self._metadata.index.subdir):
                content = hashlib.sha256()
                while block := reader.read1(BLOCK):
                    content.update(block)
                line = f"{member.kind.value} {content.hexdigest()} {member.path}\0{member.link_target or ''}\n"
                sha256.update(line.encode())
                md5.update(line.encode())
                size += member.size
            self._origin = Origin(self.filename, sha256.hexdigest(), md5.hexdigest(), size, self._channel)
        return self._origin

    def metadata(self) -> CondaMetadata:
        return self._metadata

    def members(self) -> Iterator[tuple[Member, PayloadReader]]:
        for member, reader in self._walk(self._metadata.index.subdir):
            if not is_info(member.path):
                yield member, reader

    def late_info(self) -> Mapping[str, bytes]:
        return {}

    def _read_metadata(self) -> CondaMetadata:
        if not stat.S_ISDIR(self._status("info").st_mode):
            raise InvalidInput(Code.MISPLACED_INFO, "info is not a directory", subject=self._subject)
        collector = InfoCollector(self._limits, subject=self._subject)
        for member, reader in self._walk("linux-", below="info"):
            collector.add(member, reader)
        return build_metadata(
            collector.files,
            collector.links,
            self._limits,
            subject=self._subject,
            filename=self._published,
            subdir=self._subdir,
        )

    def _walk(self, subdir: str, below: str = "") -> Iterator[tuple[Member, PayloadReader]]:
        ledger = PathLedger(subject=self._subject, subdir=subdir, limits=self._limits)
        total = 0
        for path, status in self._scan(below):
            if path in _CLIENT_FILES:
                continue
            mode = stat.S_IMODE(status.st_mode)
            if stat.S_ISLNK(status.st_mode):
                target = str((self._root / path).readlink())
                ledger.add_link(path, target)
                yield Member(path, MemberKind.SYMLINK, mode, 0, target), EmptyReader()
            elif stat.S_ISDIR(status.st_mode):
                ledger.add_directory(path)
                yield Member(path, MemberKind.DIRECTORY, mode), EmptyReader()
            elif stat.S_ISREG(status.st_mode) and not mode & 0o7000:
                ledger.add_file(path)
                total += status.st_size
                if status.st_size > self._limits.file_size or total > self._limits.total_size:
                    raise InvalidInput(
                        Code.LIMIT,
                        "larger than limit file_size or total_size",
                        subject=self._subject,
                        field=path,
                    )
                yield from self._file(path, status, mode)
            else:
                raise InvalidInput(
                    Code.MEMBER_TYPE,
                    "neither a plain file nor a directory nor a link, or with a set-user-id bit",
                    subject=self._subject,
                    field=path,
                )
        ledger.check_links()

    def _file(self, path: str, status: os.stat_result, mode: int) -> Iterator[tuple[Member, PayloadReader]]:
        # Not through a link, and not another file than the one that was looked at.
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        try:
            descriptor = os.open(self._root / path, flags)
        except OSError as error:
            raise self._changed(path) from error
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            opened = os.fstat(descriptor)
            if (opened.st_ino, opened.st_dev, opened.st_size) != (
                status.st_ino,
                status.st_dev,
                status.st_size,
            ):
                raise self._changed(path)
            member = Member(path, MemberKind.FILE, mode, status.st_size)
            yield member, FileReader(file, status.st_size, subject=self._subject, field=path)

    def _scan(self, below: str) -> Iterator[tuple[str, os.stat_result]]:
        """Files, links and empty directories with their status, sorted, never through a link."""
        pending = [below]
        while pending:
            path = pending.pop()
            try:
                names = sorted((entry.name for entry in (self._root / path).iterdir()), reverse=True)
            except OSError as error:
                raise self._changed(path) from error
            pending.extend(f"{path}/{name}" if path else name for name in names)
            while pending:
                path = pending[-1]
                status = self._status(path)
                if stat.S_ISDIR(status.st_mode) and any((self._root / path).iterdir()):
                    break
                pending.pop()
                yield path, status

    def _status(self, path: str) -> os.stat_result:
        try:
            return os.lstat(self._root / path)
        except OSError as error:
            if path == "info":
                raise InvalidInput(
                    Code.MISSING_METADATA, "there is no directory info", subject=self._subject
                ) from error
            raise self._changed(path) from error

    def _changed(self, path: str) -> InvalidInput:
        return InvalidInput(
            Code.SOURCE,
            "the file changed while the directory was read",
            subject=self._subject,
            field=printable(path),
        )
