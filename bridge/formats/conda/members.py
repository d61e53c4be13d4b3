"""From tar members to checked package members, with readers for their bytes and copies for hard links."""

from __future__ import annotations

import tempfile
from contextlib import closing
from typing import IO, TYPE_CHECKING, Protocol

from bridge.errors import Code, InvalidInput
from bridge.formats.conda.bytestream import BLOCK
from bridge.formats.conda.identifiers import printable
from bridge.formats.conda.tar import TarKind, TarMember, read_tar
from bridge.model.payload import Member, MemberKind

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from bridge.formats.conda.bytestream import ByteStream
    from bridge.formats.conda.paths import PathLedger
    from bridge.limits import Limits


class PayloadReader(Protocol):
    """The bytes of one member, read once and in order, before the next member is asked for."""

    @property
    def size(self) -> int:
        """Length of the whole member in bytes."""
        ...

    def read(self, size: int = -1, /) -> bytes:
        """The next `size` bytes, fewer only at the end; all that are left where `size` is negative."""
        ...

    def read1(self, size: int, /) -> bytes:
        """Between 1 and `size` bytes, as many as can be had without a copy; none at the end."""
        ...


class StreamReader:
    """A member's bytes inside a byte stream."""

    def __init__(self, stream: ByteStream, size: int) -> None:
        self._stream = stream
        self._left = size
        self.size = size

    def read(self, size: int = -1, /) -> bytes:
        wanted = self._left if size < 0 else min(size, self._left)
        data = self._stream.read_exact(wanted)
        self._left -= wanted
        return data

    def read1(self, size: int, /) -> bytes:
        wanted = min(size, self._left)
        if wanted <= 0:
            return b""
        data = self._stream.read_some(wanted)
        if not data:
            # Raises the error of a stream that ends too early.
            self._stream.read_exact(wanted)
        self._left -= len(data)
        return data

    def finish(self) -> None:
        """Pass over what was not read; afterwards the reader is empty."""
        self._stream.skip(self._left)
        self._left = 0


class FileReader:
    """A member's bytes inside an open file, from where it stands."""

    def __init__(self, file: IO[bytes], size: int, *, subject: str, field: str) -> None:
        self._file = file
        self._left = size
        self._subject = subject
        self._field = field
        self.size = size

    def read(self, size: int = -1, /) -> bytes:
        wanted = self._left if size < 0 else min(size, self._left)
        data = self._file.read(wanted)
        if len(data) < wanted:
            raise InvalidInput(
                Code.SOURCE, "the file changed while it was read", subject=self._subject, field=self._field
            )
        self._left -= wanted
        return data

    def read1(self, size: int, /) -> bytes:
        return self.read(size)


class EmptyReader:
    """The bytes of a directory or link."""

    size = 0

    def read(self, _size: int = -1, /) -> bytes:
        return b""

    def read1(self, _size: int, /) -> bytes:
        return b""


def read_members(
    open_stream: Callable[[], ByteStream],
    ledger: PathLedger,
    limits: Limits,
    *,
    packed_size: int,
    subject: str,
    field: str | None,
) -> Generator[tuple[Member, PayloadReader], None, None]:
    """One pass over a tar archive: every member checked, hard links as copies of the file that they name.

    Args:
        open_stream: starts a pass over the unpacked bytes; called again only where there are hard links.
        ledger: of this pass; its links are followed when the archive has ended.
        limits: bounds; copies count like files.
        packed_size: of the archive, for the ratio limit.
        subject: for messages.
        field: the archive inside the package, for messages.

    Raises:
        InvalidInput: CB101 and CB104 to CB109.
    """
    copies = _Copies(open_stream, limits, subject, field)
    budget = min(limits.total_size, max(limits.ratio_floor, packed_size * limits.ratio))
    try:
        with open_stream() as stream:
            files: dict[str, TarMember] = {}
            for entry in read_tar(stream, limits, subject=subject, field=field):
                if entry.kind is TarKind.SYMLINK:
                    ledger.add_link(entry.path, entry.link_target)
                    yield (
                        Member(entry.path, MemberKind.SYMLINK, entry.mode, 0, entry.link_target),
                        EmptyReader(),
                    )
                elif entry.kind is TarKind.DIRECTORY:
                    ledger.add_directory(entry.path)
                    yield Member(entry.path, MemberKind.DIRECTORY, entry.mode), EmptyReader()
                elif entry.kind is TarKind.FILE:
                    ledger.add_file(entry.path)
                    files[entry.path] = entry
                    budget -= entry.size
                    reader = StreamReader(stream, entry.size)
                    yield Member(entry.path, MemberKind.FILE, entry.mode, entry.size), reader
                    reader.finish()
                else:
                    ledger.add_file(entry.path)
                    source = files.get(entry.link_target)
                    if source is None:
                        raise InvalidInput(
                            Code.UNSAFE_LINK,
                            f"a hard link to {printable(entry.link_target)!r}, which is no earlier file",
                            subject=subject,
                            field=entry.path,
                        )
                    files[entry.path] = source
                    budget -= source.size
                    if budget < 0:
                        raise InvalidInput(
                            Code.LIMIT,
                            "copies of hard-linked files exceed limit ratio or total_size",
                            subject=subject,
                            field=entry.path,
                        )
                    member = Member(entry.path, MemberKind.FILE, source.mode, source.size)
                    yield member, copies.reader(source.path, entry.path)
            ledger.check_links()
    finally:
        copies.close()


class _Copies:
    """Contents of the files that hard links name, kept in an anonymous file.

    A pass cannot look back, and to keep every file in case a link follows would keep whole packages. So the
    first hard link starts two more passes: one to learn which files are linked to, one to store them.
    Archives without hard links, which are nearly all, pay nothing.
    """

    def __init__(self, open_stream: Callable[[], ByteStream], limits: Limits, subject: str, field: str | None) -> None:
        self._open_stream = open_stream
        self._limits = limits
        self._subject = subject
        self._field = field
        self._file: IO[bytes] | None = None
        self._places: dict[str, tuple[int, int]] = {}

    def reader(self, path: str, field: str) -> PayloadReader:
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
            self._store(self._file)
        offset, size = self._places[path]
        self._file.seek(offset)
        return FileReader(self._file, size, subject=self._subject, field=field)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _store(self, file: IO[bytes]) -> None:
        real: dict[str, str] = {}
        with closing(self._pass()) as entries:
            for entry, _ in entries:
                if entry.kind is TarKind.FILE:
                    real.setdefault(entry.path, entry.path)
                elif entry.kind is TarKind.HARD_LINK and entry.link_target in real:
                    real[entry.path] = real[entry.link_target]
        wanted = {target for path, target in real.items() if path != target}
        with closing(self._pass()) as entries:
            for entry, reader in entries:
                if entry.path in wanted and entry.path not in self._places:
                    self._places[entry.path] = (file.tell(), entry.size)
                    while block := reader.read1(BLOCK):
                        file.write(block)

    def _pass(self) -> Generator[tuple[TarMember, StreamReader], None, None]:
        with self._open_stream() as stream:
            for entry in read_tar(stream, self._limits, subject=self._subject, field=self._field):
                reader = StreamReader(stream, entry.size)
                yield entry, reader
                reader.finish()
