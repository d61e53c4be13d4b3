"""Writing a conda package: streamed, in bounded memory, and always the same bytes.

Members stand in the order of the calls. Nothing that is written here is something that
`bridge.formats.conda` would refuse to read.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from bridge.errors import Code, InvalidInput
from bridge.formats.conda.archive_output import CondaOutput, PiecewiseOutput, TarBz2Output
from bridge.formats.conda.content_output import SupportsRead, copy_content
from bridge.formats.conda.described import check_described
from bridge.formats.conda.identifiers import parse_filename, printable
from bridge.formats.conda.info_output import Link, info_files
from bridge.formats.conda.metadata import build_metadata
from bridge.formats.conda.payload_log import PayloadLog
from bridge.formats.conda.tar_output import LARGEST_NUMBER, directory_header, file_header, link_header, padding
from bridge.limits import DEFAULT_LIMITS, Limits
from bridge.model.conda import ArchiveFormat, PathEntry, PathType

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import TracebackType

    from bridge.formats.conda.archive_output import ArchiveOutput
    from bridge.model.conda import CondaIdentity, CondaMetadata, FileMode, Subdir

#: 2 January 1980: wherever an installed file is put into a ZIP archive, its date can be said there.
FILE_DATE: Final = 315_619_200

_PERMISSIONS: Final = 0o777
_FILE_MODE: Final = 0o644
_DIRECTORY_MODE: Final = 0o755
_BROUGHT_TWICE: Final = "is a file that the writer makes itself"


@dataclass(frozen=True, slots=True)
class CondaDigest:
    """The finished file: SHA-256 in lowercase hex, size in bytes."""

    sha256: str
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
        self._log = PayloadLog(self._subject, subdir, limits)
        self._output: ArchiveOutput
        if format is ArchiveFormat.CONDA:
            self._output = CondaOutput(destination, identity.stem, level=level, threads=threads)
        else:
            self._output = TarBz2Output(destination, level=level)
        self._put = PiecewiseOutput(self._output)

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
        digest: Callable[[], bytes] | None = None,
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
            digest: gives the SHA-256 of these bytes once they were read, where the reader hashes them anyway.

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
        self._log.claim_file(path)
        self._put(file_header(path, size, mode, self._timestamp))
        try:
            placeholder = b"" if prefix_placeholder is None else prefix_placeholder.encode()
            found = copy_content(reader, size, self._put, placeholder, digest)
        except InvalidInput as error:
            raise self._refuse(error.code, error.message, path) from error
        self._put(padding(size))
        if sha256 not in (None, found):
            raise self._refuse(Code.PAYLOAD_MISMATCH, "the content does not have the sha256 that was promised", path)
        self._log.add_file(
            PathEntry(path, PathType.HARDLINK, found.hex(), size, prefix_placeholder, file_mode, no_link)
        )
        return found

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
        self._log.add_link(Link(path, target, None if sha256 is None else sha256.hex(), size))
        self._put(link_header(path, target, self._timestamp))

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
        self._log.add_directory(path, listed=listed)
        self._put(directory_header(path, mode, self._timestamp))

    def adopt(self, other: CondaWriter) -> None:
        """Take over the whole payload of another package as it was compressed there, instead of adding files.

        Args:
            other: finished, and written with the same level and date; its file has not been moved since.

        Raises:
            Unrepresentable, InvalidInput: as `add`; CB118, the other file has changed.
            ValueError: something was added before, the two are not written alike, or they are no `.conda` files.
        """
        payload = other._output.packed
        if payload is None or not self._log.is_empty or other._timestamp != self._timestamp:
            raise ValueError("only a package in which nothing is can take over the payload of one like it")
        self._log.adopt(other._log)
        self._output.adopt(payload)

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
        return self._end(self._info(index, about, link, run_exports, info or {}), {})

    def finish_restored(self, files: Mapping[str, bytes], links: Mapping[str, str] | None = None) -> CondaDigest:
        """Write an `info/` that was there before, end the archive and give it its name.

        Args:
            files: everything under `info/`, by path.
            links: symbolic links under `info/`: path -> target.

        Raises:
            Unrepresentable: CB309, as `finish`; also a link that leaves `info/`.
            InvalidInput: as `finish`; CB113 also where `paths.json`, or what was there before it, does not describe
                the payload.
            ValueError: an `add` failed before.
        """
        entries, links = self._log.entries(), links or {}
        for path in sorted(files):
            self._log.add_info(path)
        for path, target in sorted(links.items()):
            self._log.add_info(path, target)
            if not posixpath.normpath(posixpath.join(posixpath.dirname(path), target)).startswith("info/"):
                raise self._log.unrepresentable("is a link that leaves info/", path)
        check_described(self._read_back(files, links), entries, tuple(self._log.directories), subject=self._subject)
        return self._end({path: files[path] for path in sorted(files)}, links)

    def _end(self, files: Mapping[str, bytes], links: Mapping[str, str]) -> CondaDigest:
        members = [
            file_header(path, len(data), _FILE_MODE, self._timestamp) + data + padding(len(data))
            for path, data in files.items()
        ]
        members += [link_header(path, target, self._timestamp) for path, target in sorted(links.items())]
        self._put.flush()
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
        listed = (PathEntry(path, PathType.DIRECTORY) for path, listed in self._log.directories.items() if listed)
        entries = [*self._log.entries(), *listed]
        files = info_files(index, about, entries, link=link, run_exports=run_exports, subject=self._subject)
        for path in sorted({*files, *info}):
            if path in files and path in info:
                raise self._log.unrepresentable(_BROUGHT_TWICE, path)
            self._log.add_info(path)
        files |= {path: info[path] for path in sorted(info)}
        self._read_back(files, {})
        return files

    def _read_back(self, files: Mapping[str, bytes], links: Mapping[str, str]) -> CondaMetadata:
        if sum(map(len, files.values())) > self._limits.info_size:
            raise InvalidInput(
                Code.LIMIT, f"info/ is larger than limit info_size, {self._limits.info_size}", subject=self._subject
            )
        return build_metadata(
            files, links, self._limits, subject=self._subject, filename=self._subject, subdir=self._subdir
        )

    def _check_mode(self, path: str, mode: int) -> None:
        if mode & ~_PERMISSIONS:
            raise InvalidInput(
                Code.MEMBER_TYPE,
                f"mode {mode:o} has more than permission bits",
                subject=self._subject,
                field=printable(path),
            )

    def _refuse(self, code: Code, message: str, path: str) -> InvalidInput:
        return InvalidInput(code, message, subject=self._subject, field=path)
