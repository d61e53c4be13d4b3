"""Writing a conda package: streamed, in bounded memory, and always the same bytes.

Members stand in the order of the calls. Nothing that is written here is something that
`bridge.formats.conda` would refuse to read.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from bridge.errors import Code, InvalidInput, Unrepresentable
from bridge.formats.conda.archive_output import CondaOutput, TarBz2Output
from bridge.formats.conda.bytestream import BLOCK
from bridge.formats.conda.identifiers import parse_filename, printable
from bridge.formats.conda.info_output import Link, info_files, link_entries
from bridge.formats.conda.metadata import build_metadata
from bridge.formats.conda.paths import PathLedger, fold
from bridge.formats.conda.tar_output import LARGEST_NUMBER, directory_header, file_header, link_header, padding
from bridge.limits import DEFAULT_LIMITS, Limits
from bridge.model.conda import ArchiveFormat, PathEntry, PathType

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import TracebackType

    from bridge.formats.conda.archive_output import ArchiveOutput
    from bridge.model.conda import CondaIdentity, FileMode, Subdir

#: 2 January 1980: wherever an installed file is put into a ZIP archive, its date can be said there.
FILE_DATE: Final = 315_619_200

_PERMISSIONS: Final = 0o777
_FILE_MODE: Final = 0o644
_DIRECTORY_MODE: Final = 0o755
_CLIENT_RECORDS: Final = frozenset({"info/repodata_record.json"})
#: without a subdir, names have to suit every platform; this one is the strictest.
_STRICTEST: Final = "win-"


class SupportsRead(Protocol):
    """A stream of bytes."""

    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class CondaDigest:
    """The finished file: SHA-256 and MD5 in lowercase hex, size in bytes."""

    sha256: str
    md5: str
    size: int


class CondaWriter:
    """A conda package being written; a context manager that leaves nothing behind unless `finish` returned.

    A member that was refused ends it: what was added before cannot be finished.
    Installers make the directories that files need; only those that hold nothing can be of interest here.

    Args:
        destination: the package's path, `{identity.stem}{format}`; its directory must exist. A file there is
            replaced at the end.
        identity: name, version and build string.
        format: `.conda` or `.tar.bz2`.
        level: of zstd, 1 to 22; for `.tar.bz2` the block size of bzip2, more than 9 counting as 9.
        threads: compressing threads of zstd beside the calling one; does not change the bytes.
        subdir: the platform, where it is known: it decides which names clash, and `index.json` must agree.
            Without it, names must be safe everywhere.
        timestamp: date of every file, in seconds since 1970.
        limits: bounds on paths, number of members and size of `info/`, as for readers.

    Raises:
        InvalidInput: CB112 where the file name differs from the identity, CB115 where CEP 26 forbids it.
        ValueError: a level, a number of threads, a timestamp or a format that does not exist.
    """

    def __init__(
        self,
        destination: Path,
        identity: CondaIdentity,
        *,
        format: ArchiveFormat = ArchiveFormat.CONDA,  # noqa: A002 - what the package format calls itself
        level: int = 9,
        threads: int = 1,
        subdir: Subdir | None = None,
        timestamp: int = FILE_DATE,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        self._subject = destination.name
        if parse_filename(destination.name) != (identity, format):
            raise InvalidInput(
                Code.IDENTITY,
                f"the file has another name than {printable(identity.stem)}{format.value}",
                subject=self._subject,
            )
        if not 0 <= timestamp <= LARGEST_NUMBER:
            raise ValueError("a tar archive cannot say this date")
        self._subdir = subdir
        self._timestamp = timestamp
        self._limits = limits
        self._ledger = PathLedger(subject=self._subject, subdir=subdir or _STRICTEST, limits=limits)
        self._files: list[PathEntry] = []
        self._links: list[Link] = []
        self._directories: list[PathEntry] = []
        self._pending: list[bytes] = []
        self._pending_size = 0
        self._incomplete: str | None = None
        self._output: ArchiveOutput
        if format is ArchiveFormat.CONDA:
            self._output = CondaOutput(destination, identity.stem, level=level, threads=threads)
        else:
            self._output = TarBz2Output(destination, level=level)

    def __enter__(self) -> CondaWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._output.discard()

    def add(
        self,
        path: str,
        reader: SupportsRead,
        size: int,
        *,
        mode: int = _FILE_MODE,
        prefix_placeholder: str | None = None,
        file_mode: FileMode | None = None,
        no_link: bool = False,
        sha256: bytes | None = None,
    ) -> bytes:
        """Add a file with the next `size` bytes of `reader`, which are all read when this returns.

        Args:
            path: relative to the prefix, `/` between components.
            reader: may return less than asked for; an empty answer is the end.
            size: in bytes.
            mode: permission bits.
            prefix_placeholder: what installers replace by the prefix; the content must hold it.
            file_mode: how they do that; given exactly where there is a placeholder.
            no_link: the file must be copied, never linked.
            sha256: the digest that the content must have, where it is known.

        Returns:
            The SHA-256 of the content.

        Raises:
            Unrepresentable: CB309, a path that is unsafe, reserved or taken, or that clashes with another.
            InvalidInput: CB101, the stream ended early; CB106, a set-user-id, set-group-id or sticky bit;
                CB109, too many members or too long a path; CB113, the content has another digest; CB120, it
                does not hold the placeholder.
            ValueError: a placeholder without a mode or the reverse; a negative size.
        """
        if (prefix_placeholder is None) is not (file_mode is None) or size < 0:
            raise ValueError("a placeholder needs a file mode, a file mode a placeholder, and a size is not negative")
        self._check_mode(path, mode)
        self._claim(path, self._ledger.add_file)
        self._put(file_header(path, size, mode, self._timestamp))
        digest = self._copy(path, reader, size, None if prefix_placeholder is None else prefix_placeholder.encode())
        self._put(padding(size))
        if sha256 not in (None, digest):
            raise self._refuse(Code.PAYLOAD_MISMATCH, "the content does not have the sha256 that was promised", path)
        self._incomplete = None
        self._files.append(
            PathEntry(path, PathType.HARDLINK, digest.hex(), size, prefix_placeholder, file_mode, no_link)
        )
        return digest

    def add_link(self, path: str, target: str, *, sha256: bytes | None = None, size: int | None = None) -> None:
        """Add a symbolic link.

        Args:
            path: as for `add`.
            target: relative to the link's directory; need not exist, but lies inside the prefix.
            sha256: of the file that it leads to, which another package may have; where it is known.
            size: of that file in bytes; where it is known.

        Raises:
            Unrepresentable: CB309, as for `add`, or a target outside the prefix; more may come from `finish`.
            InvalidInput: CB109.
        """
        self._claim(path, lambda path: self._ledger.add_link(path, target))
        self._put(link_header(path, target, self._timestamp))
        self._incomplete = None
        self._links.append(Link(path, target, None if sha256 is None else sha256.hex(), size))

    def add_directory(self, path: str, *, mode: int = _DIRECTORY_MODE, listed: bool = False) -> None:
        """Add a directory, for what stays empty otherwise.

        Args:
            path: as for `add`.
            mode: permission bits.
            listed: `paths.json` has it too. Installers make directories that are listed and ignore others;
                py-rattler 0.28 fails to install a package that lists one.

        Raises:
            Unrepresentable, InvalidInput: as `add`.
        """
        self._check_mode(path, mode)
        self._claim(path, self._ledger.add_directory)
        self._put(directory_header(path, mode, self._timestamp))
        self._incomplete = None
        if listed:
            self._directories.append(PathEntry(path, PathType.DIRECTORY))

    def finish(
        self,
        index: Mapping[str, Any],
        about: Mapping[str, Any],
        *,
        link: Mapping[str, Any] | None = None,
        run_exports: Mapping[str, Any] | None = None,
        info: Mapping[str, bytes] | None = None,
    ) -> CondaDigest:
        """Write `info/`, end the archive and give it its name.

        Args:
            index: `info/index.json`; name, version and build as in the identity.
            about: `info/about.json`.
            link: `info/link.json`, for noarch python.
            run_exports: `info/run_exports.json`.
            info: further files by path (`info/licenses/LICENSE`, ...).

        Raises:
            Unrepresentable: CB309, a link that leaves the prefix or never ends; a further file that is
                unsafe, outside `info/`, or made by this writer or by clients.
            InvalidInput: CB109 to CB117 and CB120, a document that no reader would take; CB113 also for a link
                to a file with another digest than stated.
            ValueError: an `add` failed before.
        """
        if self._incomplete is not None:
            raise ValueError(f"{self._incomplete!r} was not added completely")
        files = self._info(index, about, link, run_exports, info or {})
        members = (
            file_header(path, len(data), _FILE_MODE, self._timestamp) + data + padding(len(data))
            for path, data in files.items()
        )
        self._flush()
        return CondaDigest(*self._output.finish(b"".join(members)))

    def _info(
        self,
        index: Mapping[str, Any],
        about: Mapping[str, Any],
        link: Mapping[str, Any] | None,
        run_exports: Mapping[str, Any] | None,
        info: Mapping[str, bytes],
    ) -> dict[str, bytes]:
        """Every file under `info/`, in order, read back as a reader would."""
        try:
            self._ledger.check_links()
        except InvalidInput as error:
            raise Unrepresentable(Code.COLLISION, error.message, subject=self._subject, field=error.field) from error
        links = link_entries(self._links, self._files, subject=self._subject)
        entries = [*self._files, *links, *self._directories]
        files = info_files(index, about, entries, link=link, run_exports=run_exports, subject=self._subject)
        for path in sorted({*files, *info}):
            if path in _CLIENT_RECORDS or (path in files and path in info) or not path.startswith("info/"):
                raise self._unrepresentable("is not a file that a package may bring along under info/", path)
            self._enter(path, self._ledger.add_file)
        files |= {path: info[path] for path in sorted(info)}
        if sum(map(len, files.values())) > self._limits.info_size:
            raise InvalidInput(
                Code.LIMIT, f"info/ is larger than limit info_size, {self._limits.info_size}", subject=self._subject
            )
        build_metadata(files, {}, self._limits, subject=self._subject, filename=self._subject, subdir=self._subdir)
        return files

    def _check_mode(self, path: str, mode: int) -> None:
        if mode & ~_PERMISSIONS:
            raise InvalidInput(
                Code.MEMBER_TYPE,
                f"mode {mode:o} has more than permission bits",
                subject=self._subject,
                field=printable(path),
            )

    def _claim(self, path: str, enter: Callable[[str], None]) -> None:
        """Take a path of the payload; until its content is there, the package cannot be finished."""
        self._incomplete = path
        top = fold(path.partition("/")[0])
        if top == "info":
            raise self._unrepresentable("lies where the package's description is", path)
        if top == "conda-meta":
            raise self._unrepresentable("lies where clients note what is installed", path)
        self._enter(path, enter)

    def _enter(self, path: str, enter: Callable[[str], None]) -> None:
        try:
            enter(path)
        except InvalidInput as error:
            if error.code is Code.LIMIT:
                raise
            raise self._unrepresentable(error.message, path) from error

    def _copy(self, path: str, reader: SupportsRead, size: int, placeholder: bytes | None) -> bytes:
        """Pack a content; returns its SHA-256."""
        digest = hashlib.sha256()
        missing = placeholder is not None
        tail = b""
        left = size
        while left:
            data = reader.read(min(BLOCK, left))
            if not data:
                raise self._refuse(Code.UNREADABLE, f"the content ends {left} bytes early", path)
            left -= len(data)
            digest.update(data)
            self._put(data)
            if placeholder is not None and missing:
                # The placeholder may lie across two blocks.
                tail += data
                missing = placeholder not in tail
                tail = tail[max(0, len(tail) - len(placeholder) + 1) :]
        if missing:
            raise self._refuse(Code.BAD_PLACEHOLDER, "does not hold the placeholder that it is listed with", path)
        return digest.digest()

    def _put(self, data: bytes) -> None:
        # Thousands of small pieces would cost more in calls than in compression.
        self._pending.append(data)
        self._pending_size += len(data)
        if self._pending_size >= BLOCK:
            self._flush()

    def _flush(self) -> None:
        if self._pending:
            data = b"".join(self._pending)
            self._pending.clear()
            self._pending_size = 0
            self._output.write(data)

    def _refuse(self, code: Code, message: str, path: str) -> InvalidInput:
        return InvalidInput(code, message, subject=self._subject, field=path)

    def _unrepresentable(self, message: str, path: str) -> Unrepresentable:
        return Unrepresentable(Code.COLLISION, message, subject=self._subject, field=printable(path))
