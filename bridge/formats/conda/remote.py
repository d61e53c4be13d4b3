"""Packages behind an address: metadata with as few bytes as possible, or the whole file onto the disk."""

from __future__ import annotations

import hashlib
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from bridge.errors import Code, InvalidInput
from bridge.formats.conda.archives import MOST_TOLERANT
from bridge.formats.conda.artifact import open_artifact
from bridge.formats.conda.bytestream import ByteStream, Inline
from bridge.formats.conda.container import check_format, data_offset, read_container
from bridge.formats.conda.decoding import Packed, bz2_blocks, capped, open_zstd
from bridge.formats.conda.identifiers import parse_filename
from bridge.formats.conda.index_json import INDEX_PATH
from bridge.formats.conda.members import read_members
from bridge.formats.conda.metadata import InfoCollector, build_metadata, is_info
from bridge.formats.conda.paths import PathLedger
from bridge.formats.conda.paths_json import FILES_PATH, PATHS_PATH
from bridge.formats.conda.transport import Address, Response, request
from bridge.limits import DEFAULT_LIMITS, KIB, Limits
from bridge.model.conda import ArchiveFormat

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from bridge.model.conda import CondaMetadata

#: `info-*` is written last and rarely has more: one request is enough for nearly every package.
TAIL: Final = 64 * KIB


class RemotePackage:
    """A conda package at an address, of which only the description is read, and only what is read is checked."""

    def __init__(self, address: Address, limits: Limits, *, subdir: str | None) -> None:
        self.filename = address.filename
        self._address = address
        self._limits = limits
        self._subdir = subdir
        _, self.format = parse_filename(address.filename)
        self._metadata: CondaMetadata | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Nothing stays open between calls."""

    def metadata(self) -> CondaMetadata:
        """Everything under `info/`; asked for once.

        For `.conda` the end of the file is asked for, and the rest of `info-*` if that was not enough; a
        server without ranges sends the whole file, which is kept in a temporary file for as long as this
        takes. For `.tar.bz2` the stream is cut when the description ends, so that recipe and licences may be
        absent.

        Raises:
            InvalidInput: CB119 where the source fails; any code of `CondaArtifact.metadata`.
        """
        if self._metadata is None:
            if self.format is ArchiveFormat.CONDA:
                self._metadata = self._from_tail()
            else:
                self._metadata = self._from_start()
        return self._metadata

    def _from_tail(self) -> CondaMetadata:
        with request(self._address, ranges=f"bytes=-{TAIL}") as response:
            if response.first is None or response.total is None:
                return self._from_whole(response)
            if response.total - response.first > TAIL:
                raise InvalidInput(Code.SOURCE, "the server sent another range than asked for", subject=self.filename)
            tail = response.read(response.total - response.first)
            source = _Ranges(self._address, response.total, response.first, tail)
        stem = self.filename.removesuffix(self.format.value)
        container = read_container(source, stem, subject=self.filename)
        entry = container.info
        if entry.size > self._limits.info_size:
            raise InvalidInput(
                Code.LIMIT,
                f"{entry.size} bytes; limit info_size is {self._limits.info_size}",
                subject=self.filename,
                field=entry.name,
            )
        source.fetch(entry.offset, entry.end)
        if source.holds(container.metadata.offset, container.metadata.end):
            check_format(source, container, self._limits, subject=self.filename)
        offset = data_offset(source, entry, subject=self.filename)
        packed = Packed(source, offset, entry.size, subject=self.filename, field=entry.name, crc=entry.crc)
        collector = InfoCollector(self._limits, subject=self.filename)
        members = read_members(
            lambda: open_zstd(packed, self._limits),
            PathLedger(subject=self.filename, subdir="noarch", limits=self._limits),
            self._limits,
            packed_size=packed.size,
            subject=self.filename,
            field=entry.name,
        )
        with closing(members):
            collector.add_all(members)
        return self._build(collector)

    def _from_whole(self, response: Response) -> CondaMetadata:
        with tempfile.TemporaryDirectory(prefix="conda-bridge-") as directory:
            path = Path(directory) / self.filename
            with path.open("xb") as file:
                for block in response.blocks(self._limits.total_size):
                    file.write(block)
            with open_artifact(path, limits=self._limits, subdir=self._subdir) as artifact:
                return artifact.metadata()

    def _from_start(self) -> CondaMetadata:
        collector = InfoCollector(self._limits, subject=self.filename)
        with request(self._address) as response:
            # Of a length that is not known, no ratio can be: then the floor of that limit is the limit.
            size = response.total or 0
            packed = Packed(_Nothing(), 0, size, subject=self.filename, field=None, crc=None)
            chunks = response.blocks(self._limits.total_size)
            blocks = capped(bz2_blocks(chunks, packed), packed, self._limits)
            opened: list[ByteStream] = []

            def open_stream() -> ByteStream:
                if opened:
                    raise InvalidInput(
                        Code.SOURCE,
                        "hard links before the description: download the file first",
                        subject=self.filename,
                    )
                opened.append(ByteStream(Inline(blocks), subject=self.filename))
                return opened[0]

            members = read_members(
                open_stream,
                PathLedger(subject=self.filename, subdir=MOST_TOLERANT, limits=self._limits),
                self._limits,
                packed_size=size,
                subject=self.filename,
                field=None,
            )
            with closing(members):
                for member, reader in members:
                    # Builders put the files right under info/ first; what follows them is recipe, tests or
                    # payload.
                    if _is_described(collector) and member.path.count("/") != 1:
                        break
                    if is_info(member.path):
                        collector.add(member, reader)
                    elif _is_described(collector):
                        break
        return self._build(collector)

    def _build(self, collector: InfoCollector) -> CondaMetadata:
        return build_metadata(
            collector.files,
            collector.links,
            self._limits,
            subject=self.filename,
            filename=self.filename,
            subdir=self._subdir,
        )


def open_remote(
    url: str,
    *,
    limits: Limits = DEFAULT_LIMITS,
    subdir: str | None = None,
    authorization: str | None = None,
) -> RemotePackage:
    """A package at an `http`, `https` or `file` address; nothing is asked for yet.

    Args:
        url: the address.
        limits: of what is read.
        subdir: that the package must be for; None for any.
        authorization: value of that header, for this host only.

    Raises:
        InvalidInput: CB119 for any other address, CB115 for a file name that no package may have.
    """
    return RemotePackage(Address.parse(url, authorization), limits, subdir=subdir)


def download(
    url: str,
    directory: Path,
    *,
    sha256: str | None = None,
    limits: Limits = DEFAULT_LIMITS,
    check_name: Callable[[str], object] = parse_filename,
    authorization: str | None = None,
) -> Path:
    """Fetch a package into `directory`, under its own name, whole and verified or not at all.

    Args:
        url: `http`, `https` or `file`.
        directory: must exist.
        sha256: what the channel says, lowercase hex; None where it says nothing.
        limits: `total_size` bounds the download.
        check_name: refuses a file name that no package has; by default, one that is no conda package's.
        authorization: value of that header, for this host only.

    Raises:
        InvalidInput: CB109, CB115 (file name; or what `check_name` raises), CB118 (hash), CB119 (the source failed
            or sent too little).
    """
    address = Address.parse(url, authorization)
    check_name(address.filename)
    digest = hashlib.sha256()
    with request(address) as response:
        partial = tempfile.NamedTemporaryFile(  # noqa: SIM115 - closed below, and kept if all went well
            dir=directory, prefix=".download-", suffix=".part", delete=False
        )
        path = Path(partial.name)
        try:
            with partial:
                for block in response.blocks(limits.total_size):
                    digest.update(block)
                    partial.write(block)
            _check_hash(digest.hexdigest(), sha256, address.filename)
            return path.replace(directory / address.filename)
        except BaseException:
            path.unlink(missing_ok=True)
            raise


def _check_hash(actual: str, expected: str | None, filename: str) -> None:
    if expected is not None and actual != expected.lower():
        raise InvalidInput(Code.HASH, f"its SHA-256 is {actual}, not {expected.lower()}", subject=filename)


def _is_described(collector: InfoCollector) -> bool:
    return INDEX_PATH in collector.files and (PATHS_PATH in collector.files or FILES_PATH in collector.files)


class _Ranges:
    """Parts of a remote file: its end, and what else was fetched."""

    def __init__(self, address: Address, size: int, first: int, tail: bytes) -> None:
        self._address = address
        self.size = size
        #: offset and bytes; the end of the file comes last.
        self._parts = [(first, tail)]

    def holds(self, start: int, stop: int) -> bool:
        """Whether the bytes from `start` to before `stop` are here."""
        return any(first <= start and stop <= first + len(data) for first, data in self._parts)

    def fetch(self, start: int, stop: int) -> None:
        """Have the bytes from `start` to before `stop`; one request if any of them is missing.

        Raises:
            InvalidInput: CB119.
        """
        if self.holds(start, stop):
            return
        first, tail = self._parts[-1]
        end = min(stop, first)
        with request(self._address, ranges=f"bytes={start}-{end - 1}") as response:
            if (response.first, response.total) != (start, self.size):
                raise InvalidInput(
                    Code.SOURCE,
                    "the server sent another range than asked for",
                    subject=self._address.filename,
                )
            data = response.read(end - start)
        self._parts.insert(0, (start, data + tail if end == first else data))

    def read_at(self, offset: int, size: int) -> bytes:
        for first, data in self._parts:
            start = offset - first
            if start >= 0 and start + size <= len(data):
                return data[start : start + size]
        raise InvalidInput(
            Code.UNREADABLE, "the ZIP directory points outside its member", subject=self._address.filename
        )


class _Nothing:
    """Stands for the packed bytes of a stream, which cannot be read twice."""

    size = 0

    def read_at(self, _offset: int, _size: int) -> bytes:
        return b""
