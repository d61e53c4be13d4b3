"""A directory as a destination."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Final

from bridge.errors import Code, Unsupported
from bridge.sync.destination import NO_SPACE, PRIVATE

_LOCK: Final = "lock.sqlite"
_TEMPORARY: Final = "new"
#: no space, or no more of it for this user.
EXHAUSTED: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


class DirectoryDestination:
    """Names below a directory. Everything is written beside it first and renamed."""

    def __init__(self, directory: str | Path) -> None:
        self._directory = Path(directory)
        self._private = self._directory / PRIVATE
        self.shown = str(directory)

    def exists(self) -> bool:
        """Whether a run was at work there."""
        return self._private.is_dir()

    @contextmanager
    def opened(self) -> Iterator[Path]:
        """Make the directory where it is absent, and lock it."""
        with _told(self.shown):
            self._private.mkdir(parents=True, exist_ok=True)
        # Its lock is the operating system's: it ends with the process.
        connection = sqlite3.connect(self._private / _LOCK, timeout=0, isolation_level=None)
        try:
            try:
                connection.execute("BEGIN EXCLUSIVE")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorname != "SQLITE_BUSY":
                    raise Unsupported(Code.OUTPUT_TAKEN, f"cannot be locked: {error}", subject=self.shown) from error
                message = "another run is at work there"
                raise Unsupported(Code.BUSY, message, subject=self.shown) from error
            with _told(self.shown):
                shutil.rmtree(self._private / _TEMPORARY, ignore_errors=True)
                (self._private / _TEMPORARY).mkdir()
            yield self._private
        finally:
            connection.close()

    def size(self, path: PurePosixPath) -> int | None:
        """Of a regular file; a link is none."""
        place = self._directory / path
        return place.stat().st_size if place.is_file() and not place.is_symlink() else None

    def lost(self, files: Mapping[PurePosixPath, int]) -> frozenset[PurePosixPath]:
        """Asked of the file system, without opening any."""
        return frozenset(path for path, size in files.items() if self.size(path) != size)

    def place(self, path: PurePosixPath, file: Path) -> None:
        """Rename it into its place; where that is on another file system, copy it beside and rename."""
        with _told(str(path)):
            place = self._made(path)
            try:
                file.replace(place)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                descriptor, temporary = tempfile.mkstemp(dir=self._private / _TEMPORARY)
                os.close(descriptor)
                shutil.copyfile(file, temporary)
                self._publish(Path(temporary), place)

    def write(self, path: PurePosixPath, content: bytes) -> None:
        """Unchanged content keeps its time."""
        with _told(str(path)):
            place = self._made(path)
            if place.is_file() and not place.is_symlink() and place.read_bytes() == content:
                return
            descriptor, temporary = tempfile.mkstemp(dir=self._private / _TEMPORARY)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            self._publish(Path(temporary), place)

    def remove(self, path: PurePosixPath) -> None:
        """Directories that become empty go too."""
        with _told(str(path)):
            place = self._directory / path
            place.unlink(missing_ok=True)
            for parent in path.parents[:-1]:
                with suppress(OSError):
                    (self._directory / parent).rmdir()

    def settled(self) -> None:
        """The ledger lies in the directory already."""

    def _made(self, path: PurePosixPath) -> Path:
        place = self._directory / path
        place.parent.mkdir(parents=True, exist_ok=True)
        return place

    @staticmethod
    def _publish(temporary: Path, place: Path) -> None:
        # mkstemp makes it private; a web server must be able to read it.
        temporary.chmod(0o644)
        temporary.replace(place)


@contextmanager
def _told(subject: str) -> Iterator[None]:
    """Errors of the file system in the words of the bridge."""
    try:
        yield
    except OSError as error:
        if error.errno in EXHAUSTED:
            raise Unsupported(Code.NO_SPACE, NO_SPACE, subject=subject) from error
        message = f"cannot be written: {error.strerror}"
        raise Unsupported(Code.OUTPUT_TAKEN, message, subject=subject) from error
