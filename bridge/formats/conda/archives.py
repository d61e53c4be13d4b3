"""`.conda` and `.tar.bz2` files (CEP 35) as artifacts."""

from __future__ import annotations

import weakref
from abc import ABC, abstractmethod
from contextlib import closing
from typing import TYPE_CHECKING, ClassVar, Final, Self

from bridge.errors import Code, InvalidInput
from bridge.formats.conda.bytestream import BLOCK, ByteStream, Inline, SharedFile
from bridge.formats.conda.container import check_format, check_layout, data_offset, read_container
from bridge.formats.conda.decoding import Packed, open_bz2, open_zstd
from bridge.formats.conda.members import read_members
from bridge.formats.conda.metadata import InfoCollector, build_metadata, is_info
from bridge.formats.conda.paths import PathLedger, fold
from bridge.formats.scratch import Scratch
from bridge.limits import MIB
from bridge.model.conda import ArchiveFormat, Origin
from bridge.model.payload import MemberKind

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping
    from pathlib import Path
    from types import TracebackType

    from bridge.formats.conda.container import Container, Entry
    from bridge.formats.conda.members import PayloadReader
    from bridge.limits import Limits
    from bridge.model.conda import CondaMetadata
    from bridge.model.payload import Member

    Members = Generator[tuple[Member, PayloadReader], None, None]

#: conda-build packs licence files that a build installs itself with the payload; 130 files of the packages
#: that this was checked with lie there. Nothing that a client interprets is among them, so they are harmless.
LATE_INFO: Final = "info/licenses"

#: unpacked bytes of a `.tar.bz2` that wait for a second pass; to decode them again takes twenty times as long.
_KEPT: Final = 256 * MIB

#: stands for the subdir until index.json is read: no platform allows more names beside each other.
MOST_TOLERANT: Final = "linux-"


class ArchiveFile(ABC):
    """What both formats share: the open file, its identity, and the passes over it."""

    format: ClassVar[ArchiveFormat]

    def __init__(self, path: Path, limits: Limits, *, filename: str, subdir: str | None, channel: str | None) -> None:
        self.filename = filename
        self._limits = limits
        self._subdir = subdir
        self._channel = channel
        self._origin: Origin | None = None
        self._metadata: CondaMetadata | None = None
        self._streams: weakref.WeakSet[ByteStream] = weakref.WeakSet()
        self._file = SharedFile(path, subject=filename)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        for stream in list(self._streams):
            stream.close()
        self._file.close()

    def origin(self) -> Origin:
        if self._origin is None:
            sha256, md5 = self._file.digests()
            self._origin = Origin(self.filename, sha256, md5, self._file.size, self._channel)
        return self._origin

    def metadata(self) -> CondaMetadata:
        if self._metadata is None:
            collector = self._collect_info()
            self._file.check_unchanged()
            self._metadata = build_metadata(
                collector.files,
                collector.links,
                self._limits,
                subject=self.filename,
                filename=self.filename,
                subdir=self._subdir,
            )
        return self._metadata

    def members(self) -> Iterator[tuple[Member, PayloadReader]]:
        # The subdir decides which names clash, so the description comes first.
        subdir = self.metadata().index.subdir
        with closing(self._payload(subdir)) as members:
            yield from members
        self._file.check_unchanged()

    def late_info(self) -> Mapping[str, bytes]:
        return {}

    @abstractmethod
    def _collect_info(self) -> InfoCollector: ...

    @abstractmethod
    def _payload(self, subdir: str) -> Members: ...

    @abstractmethod
    def _open(self, packed: Packed) -> ByteStream: ...

    def _read(self, packed: Packed, subdir: str) -> Members:
        ledger = PathLedger(subject=self.filename, subdir=subdir, limits=self._limits)

        def open_stream() -> ByteStream:
            stream = self._open(packed)
            self._streams.add(stream)
            return stream

        return read_members(
            open_stream,
            ledger,
            self._limits,
            packed_size=packed.size,
            subject=self.filename,
            field=packed.field,
        )


class TarBz2File(ArchiveFile):
    """A `.tar.bz2` package: one tar with `info/` and payload in any order."""

    format = ArchiveFormat.TAR_BZ2

    def __init__(self, path: Path, limits: Limits, *, filename: str, subdir: str | None, channel: str | None) -> None:
        super().__init__(path, limits, filename=filename, subdir=subdir, channel=channel)
        #: the unpacked bytes, after a whole pass.
        self._unpacked: Scratch | None = None

    def close(self) -> None:
        super().close()
        if self._unpacked is not None:
            self._unpacked.close()

    def _packed(self) -> Packed:
        return Packed(self._file, 0, self._file.size, subject=self.filename, field=None, crc=None)

    def _open(self, packed: Packed) -> ByteStream:
        if self._unpacked is None:
            return open_bz2(packed, self._limits, self._kept)
        return ByteStream(Inline(_blocks(self._unpacked)), subject=packed.subject, field=packed.field)

    def _kept(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        """The same blocks, put aside for later passes unless they are too many or there is no room."""
        scratch: Scratch | None = Scratch()
        try:
            for block in blocks:
                if scratch is not None and not _taken(scratch, block):
                    scratch.close()
                    scratch = None
                yield block
            if self._unpacked is None:
                self._unpacked, scratch = scratch, None
        finally:
            if scratch is not None:
                scratch.close()

    def _collect_info(self) -> InfoCollector:
        """The whole archive is read: recipe and licences may come last, and so may a second index.json."""
        collector = InfoCollector(self._limits, subject=self.filename)
        with closing(self._read(self._packed(), MOST_TOLERANT)) as members:
            for member, reader in members:
                if is_info(member.path):
                    collector.add(member, reader)
        return collector

    def _payload(self, subdir: str) -> Members:
        with closing(self._read(self._packed(), subdir)) as members:
            for member, reader in members:
                if not is_info(member.path):
                    yield member, reader


def _taken(scratch: Scratch, block: bytes) -> bool:
    if scratch.position + len(block) > _KEPT:
        return False
    try:
        scratch.append(block)
    except OSError:
        return False
    return True


def _blocks(scratch: Scratch) -> Iterator[bytes]:
    for offset in range(0, scratch.position, BLOCK):
        yield scratch.read_at(offset, min(BLOCK, scratch.position - offset))


class CondaFile(ArchiveFile):
    """A `.conda` package: a ZIP with `info/` and payload in tar archives of their own."""

    format = ArchiveFormat.CONDA

    def __init__(self, path: Path, limits: Limits, *, filename: str, subdir: str | None, channel: str | None) -> None:
        super().__init__(path, limits, filename=filename, subdir=subdir, channel=channel)
        self._late_info: Mapping[str, bytes] = {}
        try:
            self._container = self._read_container()
        except BaseException:
            self.close()
            raise

    def late_info(self) -> Mapping[str, bytes]:
        return self._late_info

    def _read_container(self) -> Container:
        stem = self.filename.removesuffix(self.format.value)
        container = read_container(self._file, stem, subject=self.filename)
        check_layout(self._file, container, subject=self.filename)
        check_format(self._file, container, self._limits, subject=self.filename)
        return container

    def _packed(self, entry: Entry) -> Packed:
        offset = data_offset(self._file, entry, subject=self.filename)
        return Packed(self._file, offset, entry.size, subject=self.filename, field=entry.name, crc=entry.crc)

    def _open(self, packed: Packed) -> ByteStream:
        return open_zstd(packed, self._limits)

    def _collect_info(self) -> InfoCollector:
        collector = InfoCollector(self._limits, subject=self.filename)
        with closing(self._read(self._packed(self._container.info), "noarch")) as members:
            collector.add_all(members)
        return collector

    def _payload(self, subdir: str) -> Members:
        late = InfoCollector(self._limits, subject=self.filename)
        with closing(self._read(self._packed(self._container.payload), subdir)) as members:
            for member, reader in members:
                if is_info(member.path):
                    self._check_late(member)
                    late.add(member, reader)
                elif fold(member.path.partition("/")[0]) == "info":
                    raise InvalidInput(
                        Code.NAME_CLASH,
                        "clashes with info/ where case does not count",
                        subject=self.filename,
                        field=member.path,
                    )
                else:
                    yield member, reader
        self._late_info = self._without_repeats(late.files)

    def _check_late(self, member: Member) -> None:
        under = member.path.startswith(LATE_INFO + "/") and member.kind is not MemberKind.SYMLINK
        above = member.kind is MemberKind.DIRECTORY and f"{LATE_INFO}/".startswith(f"{member.path}/")
        if not under and not above:
            raise InvalidInput(
                Code.MISPLACED_INFO,
                "a file of info/ lies in the payload archive",
                subject=self.filename,
                field=member.path,
            )

    def _without_repeats(self, files: Mapping[str, bytes]) -> Mapping[str, bytes]:
        known = self.metadata().info_files
        for path, data in files.items():
            if known.get(path, data) != data:
                raise InvalidInput(
                    Code.DUPLICATE,
                    "lies in both archives with different contents",
                    subject=self.filename,
                    field=path,
                )
        return {path: data for path, data in files.items() if path not in known}
