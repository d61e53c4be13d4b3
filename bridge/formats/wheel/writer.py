"""Writing a wheel: streamed, in parallel, in bounded memory, and always the same bytes.

The calling thread reads; workers hash and compress, the chunks of a large member hashed in order on a thread
of their own; the calling thread writes results in order. Small files travel in batches, so that a task is
worth its overhead. Members stand in the order of the calls, RECORD last.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Protocol

from bridge.errors import Code, InvalidInput, Unrepresentable
from bridge.formats.wheel.compression import (
    CHUNK,
    DICTIONARY,
    LARGE_FILE,
    Compression,
    crc32_combine,
)
from bridge.formats.wheel.member_names import MemberNames
from bridge.formats.wheel.ordered_work import BATCH, FILE_OVERHEAD, WINDOW, OrderedWork
from bridge.formats.wheel.packing import MemberFile, PackedFile, pack_batch, pack_chunk
from bridge.formats.wheel.record import RecordEntry, check_record, format_record
from bridge.formats.wheel.zip_format import CLASSIC, Entry, Thresholds, new_directory, new_entry
from bridge.formats.wheel.zip_output import ZipOutput
from bridge.formats.zip_records import DEFLATED, STORED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from types import TracebackType

    from bridge.formats.scratch import Scratch
    from bridge.formats.wheel.member_names import Objection
    from bridge.formats.wheel.press import Pressed


class SupportsRead(Protocol):
    """A stream of bytes."""

    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class WheelDigest:
    """The finished file: sha256 in lowercase hex, size in bytes."""

    sha256: str
    size: int


@dataclass(slots=True)
class _Growing:
    """A large member, some of whose chunks have been written."""

    file: MemberFile
    method: int
    offset: int = 0
    crc: int = 0
    compressed_size: int = 0
    hasher: hashlib._Hash = field(default_factory=hashlib.sha256)


class WheelWriter:
    """A wheel being written; a context manager that leaves nothing behind unless `finish` returned.

    Args:
        destination: the wheel's path; its directory must exist. A file there is replaced at the end.
        compression: preset; decides the bytes.
        threads: compressing threads; does not change the bytes. 1: the calling thread does everything.
        case_sensitive_trees: name prefixes that are only ever unpacked on case-sensitive file systems, and
            below which names may differ in case alone.
        thresholds: above which values zip64 is used.
    """

    def __init__(
        self,
        destination: Path,
        *,
        compression: Compression = Compression.BALANCED,
        threads: int = 1,
        case_sensitive_trees: tuple[str, ...] = (),
        thresholds: Thresholds = CLASSIC,
    ) -> None:
        self._destination = destination
        self._compression = compression
        self._names = MemberNames(case_sensitive_trees)
        self._records: list[RecordEntry] = []
        self._batch: list[tuple[MemberFile, bytes]] = []
        self._batch_weight = 0
        self._work = OrderedWork(threads, WINDOW)
        self._output = ZipOutput(destination, thresholds=thresholds)

    def __enter__(self) -> WheelWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._work.close()
        self._output.discard()

    def add(
        self,
        name: str,
        reader: SupportsRead,
        size: int,
        *,
        executable: bool = False,
        also: Sequence[str] = (),
        sha256: bytes | None = None,
    ) -> None:
        """Add a member with the next `size` bytes of `reader`, which are all read when this returns.

        Args:
            name: path in the wheel, `/` between components.
            reader: may return less than asked for; an empty answer is the end.
            size: in bytes.
            executable: mode 0755 instead of 0644.
            also: further names for the same content; its compressed bytes are reused.
            sha256: the digest that the content must have, where it is known.

        Raises:
            Unrepresentable: `CB309`, a name that is unsafe, taken, or differs from another in case or Unicode
                form.
            InvalidInput: `CB101`, the stream ended early; `CB113`, the content has another digest. May also
                come from a later call, naming the member.
        """
        names = (name, *also)
        for each in names:
            self._claim(each)
        file = MemberFile(names, size, executable, sha256)
        if size > LARGE_FILE:
            self._flush()
            self._stream(file, reader)
            return
        self._batch.append((file, self._read(reader, size, name)))
        self._batch_weight += size + FILE_OVERHEAD * len(names)
        if self._batch_weight >= BATCH:
            self._flush()

    def add_bytes(self, name: str, data: bytes, *, executable: bool = False) -> None:
        """Add a member with this content; raises as `add` does."""
        self.add(name, io.BytesIO(data), len(data), executable=executable)

    def add_pressed(
        self, name: str, pressed: Pressed, source: Scratch, *, sha256: bytes, executable: bool = False
    ) -> None:
        """Add a member whose bytes were compressed before.

        Args:
            pressed: where they lie.
            source: the press's scratch.
            sha256: digest of the content.

        Raises:
            Unrepresentable: as `add`.
        """
        self._claim(name)
        self._flush()
        self._work.settle()
        entry = new_entry(
            name,
            executable=executable,
            offset=self._output.position,
            size=pressed.size,
            method=pressed.method,
            crc=pressed.crc,
            compressed_size=pressed.compressed_size,
        )
        self._output.put_from(entry, source, pressed.offset)
        self._records.append(RecordEntry(name, sha256, pressed.size))

    def add_directory(self, name: str) -> None:
        """Add a directory, which RECORD does not list; `name` has no final slash.

        Raises:
            Unrepresentable: as `add`.
        """
        self._claim(name, self._names.claim_directory)
        self._flush()
        self._work.settle()
        self._output.put(new_directory(name, self._output.position), b"")

    def finish(self, dist_info: str, *, record: bytes | None = None) -> WheelDigest:
        """Add `{dist_info}/RECORD`, end the archive and give it its name.

        Args:
            dist_info: name of the directory.
            record: RECORD as it was before; it has to describe exactly the members.

        Raises:
            Unrepresentable: as `add`.
            InvalidInput: as `add`; `CB122`, RECORD does not describe the members.
        """
        self._flush()
        self._work.settle()
        name = f"{dist_info}/RECORD"
        self._claim(name)
        data = format_record((*self._records, RecordEntry(name))) if record is None else record
        if record is not None:
            check_record(record, self._records, dist_info, self._destination.name)
        (packed,) = pack_batch([(MemberFile((name,), len(data), False, None), data)], self._compression)
        self._place(packed)
        self._work.close()
        self._output.commit()
        return digest_of(self._destination)

    def _claim(self, name: str, claim: Callable[[str], Objection | None] | None = None) -> None:
        objection = (claim or self._names.claim)(name)
        if objection is not None:
            raise Unrepresentable(
                Code.COLLISION,
                f"{name!r} {objection.reason}",
                subject=self._destination.name,
                field=name,
            )

    def _read(self, reader: SupportsRead, size: int, name: str) -> bytes:
        data = reader.read(size)
        if len(data) == size:
            return data
        pieces = [data]
        missing = size - len(data)
        while missing:
            data = reader.read(missing)
            if not data:
                raise InvalidInput(
                    Code.UNREADABLE,
                    f"the content ends {missing} bytes early",
                    subject=self._destination.name,
                    field=name,
                )
            pieces.append(data)
            missing -= len(data)
        return b"".join(pieces)

    def _flush(self) -> None:
        if self._batch:
            batch, self._batch = self._batch, []
            weight, self._batch_weight = self._batch_weight, 0
            self._work.submit(weight, partial(pack_batch, batch, self._compression), self._place_all)

    def _stream(self, file: MemberFile, reader: SupportsRead) -> None:
        stored = self._compression is Compression.STORED
        member = _Growing(file, STORED if stored else DEFLATED)
        self._work.submit(0, lambda: member, self._begin)
        dictionary = b""
        left = file.size
        while left:
            data = self._read(reader, min(CHUNK, left), file.names[0])
            left -= len(data)
            task = partial(pack_chunk, data, dictionary, last=not left, compression=self._compression)
            hashed = self._work.in_line(partial(member.hasher.update, data))
            self._work.submit(len(data), task, partial(self._grow, member, len(data), hashed))
            dictionary = data[-DICTIONARY:]
        self._work.submit(0, lambda: member, self._end)

    def _place_all(self, batch: list[PackedFile]) -> None:
        for packed in batch:
            self._place(packed)

    def _place(self, packed: PackedFile) -> None:
        file = packed.file
        self._record(file, packed.digest)
        for name in file.names:
            entry = new_entry(
                name,
                executable=file.executable,
                offset=self._output.position,
                size=file.size,
                method=packed.method,
                crc=packed.crc,
                compressed_size=len(packed.payload),
            )
            self._output.put(entry, packed.payload)

    def _begin(self, member: _Growing) -> None:
        member.offset = self._output.position
        self._output.begin(self._growing_entry(member))

    def _grow(self, member: _Growing, length: int, hashed: Callable[[], object], chunk: tuple[bytes, int]) -> None:
        hashed()
        payload, crc = chunk
        self._output.append(payload)
        member.compressed_size += len(payload)
        member.crc = crc32_combine(member.crc, crc, length)

    def _end(self, member: _Growing) -> None:
        self._record(member.file, member.hasher.digest())
        written = self._output.end(self._growing_entry(member))
        for name in member.file.names[1:]:
            self._output.repeat(written, name)

    def _growing_entry(self, member: _Growing) -> Entry:
        return new_entry(
            member.file.names[0],
            executable=member.file.executable,
            offset=member.offset,
            size=member.file.size,
            method=member.method,
            crc=member.crc,
            compressed_size=member.compressed_size,
        )

    def _record(self, file: MemberFile, digest: bytes) -> None:
        if file.expected not in (None, digest):
            raise InvalidInput(
                Code.PAYLOAD_MISMATCH,
                "the content does not have the sha256 that was promised",
                subject=self._destination.name,
                field=file.names[0],
            )
        self._records.extend(RecordEntry(name, digest, file.size) for name in file.names)


def digest_of(path: Path) -> WheelDigest:
    """Digest and size of a file."""
    with path.open("rb", buffering=0) as file:
        digest = hashlib.file_digest(file, "sha256")
        return WheelDigest(digest.hexdigest(), file.tell())
