"""A zip archive being written: members in order, sizes patched into headers, no data descriptors.

Everything goes to a temporary name beside the destination; the destination appears complete or not at all.
"""

from __future__ import annotations

import errno
import os
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from bridge.errors import Code, InvalidInput
from bridge.formats.wheel.compression import inflater
from bridge.formats.wheel.zip_format import CLASSIC, Entry, Thresholds, central_header, end_of_directory, local_header
from bridge.formats.zip_records import STORED, UTF8_FLAG
from bridge.limits import MIB

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType
    from typing import IO, BinaryIO

    from bridge.formats.scratch import Scratch

_BLOCK: Final = 1 * MIB
#: what `copy_file_range` answers where kernel or file system cannot do it; then bytes are copied by hand.
_CANNOT_COPY: Final = frozenset({errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM})


class ZipOutput:
    """Writes one archive; a context manager that removes what it wrote unless `commit` was reached.

    Args:
        destination: where the archive will be; its directory must exist.
        thresholds: above which values zip64 is used.
    """

    def __init__(self, destination: Path, *, thresholds: Thresholds = CLASSIC) -> None:
        self._destination = destination
        self._thresholds = thresholds
        self._temporary = destination.parent / f".conda-bridge-{secrets.token_hex(8)}.part"
        self._file: BinaryIO = self._temporary.open("x+b", buffering=_BLOCK)
        self._position = 0
        self._entries: list[Entry] = []

    def __enter__(self) -> ZipOutput:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()

    @property
    def position(self) -> int:
        """Offset at which the next record goes."""
        return self._position

    def put(self, entry: Entry, payload: bytes | bytearray) -> None:
        """Write a member whose sizes and CRC are known."""
        self._write(local_header(entry, self._thresholds))
        self._write(payload)
        self._entries.append(entry)

    def put_from(self, entry: Entry, source: Scratch, offset: int) -> None:
        """Write a member whose compressed bytes were put aside."""
        if entry.compressed_size <= _BLOCK:
            self.put(entry, source.read_at(offset, entry.compressed_size))
            return
        self._write(local_header(entry, self._thresholds))
        self._copy(source.file(), offset, entry.compressed_size)
        self._entries.append(entry)

    def begin(self, entry: Entry) -> None:
        """Start a member whose compressed size and CRC come later; `entry.size` must be right."""
        self._write(local_header(entry, self._thresholds))

    def append(self, payload: bytes) -> None:
        """Add compressed bytes to the member begun."""
        self._write(payload)

    def end(self, entry: Entry) -> Entry:
        """End the member begun, with everything known; one that deflate did not shrink is stored instead.

        Returns:
            The entry as written.
        """
        if entry.method != STORED and entry.compressed_size >= entry.size:
            self._store(entry)
            entry = replace(entry, method=STORED, compressed_size=entry.size)
        self._file.seek(entry.offset)
        self._file.write(local_header(entry, self._thresholds))
        self._file.seek(self._position)
        self._entries.append(entry)
        return entry

    def repeat(self, original: Entry, name: str) -> None:
        """Write the compressed bytes of `original`, a member of this archive, under another name too."""
        flags = 0 if name.isascii() else UTF8_FLAG
        entry = replace(original, name=name, offset=self._position, flags=flags)
        start = original.offset + len(local_header(original, self._thresholds))
        self._write(local_header(entry, self._thresholds))
        self._copy(self._file, start, original.compressed_size)
        self._entries.append(entry)

    def copy_members(self, source: BinaryIO, offset: int, length: int, entries: list[Entry]) -> None:
        """Copy a run of members of another archive, local headers and all, without looking at them.

        Args:
            source: the other archive, open for reading.
            offset: where the run starts there.
            length: of the run, in bytes.
            entries: the members of the run, with their offsets there.
        """
        shift = self._position - offset
        self._copy(source, offset, length)
        self._entries.extend(replace(entry, offset=entry.offset + shift) for entry in entries)

    def commit(self) -> None:
        """Write the central directory and give the archive its name."""
        start = self._position
        for entry in self._entries:
            self._write(central_header(entry, self._thresholds))
        size = self._position - start
        self.commit_directory(end_of_directory(len(self._entries), start, size, self._thresholds))

    def commit_directory(self, directory: bytes) -> None:
        """Write a ready central directory or its end, and give the archive its name."""
        self._write(directory)
        self._file.close()
        self._temporary.replace(self._destination)

    def discard(self) -> None:
        """Remove the temporary file; does nothing after `commit`."""
        self._file.close()
        self._temporary.unlink(missing_ok=True)

    def _write(self, data: bytes | bytearray) -> None:
        self._file.write(data)
        self._position += len(data)

    def _store(self, entry: Entry) -> None:
        """Replace the deflated bytes at the end of the file by what they inflate to, which is not longer."""
        start = self._position - entry.compressed_size
        end = self._position
        inflate = inflater()
        for offset in range(start, end, _BLOCK):
            self._file.seek(offset)
            data = self._file.read(min(_BLOCK, end - offset))
            self._file.seek(self._position)
            self._write(inflate.decompress(data))
        self._write(inflate.flush())
        self._position = start
        self._copy(self._file, end, entry.size)
        self._file.truncate(self._position)

    def _copy(self, source: IO[bytes], offset: int, length: int) -> None:
        """Append `length` bytes of `source` (possibly this file); the ranges never overlap."""
        self._file.flush()
        copied = _copy_in_kernel(source, offset, self._file, self._position, length)
        while copied < length:
            source.seek(offset + copied)
            block = source.read(min(_BLOCK, length - copied))
            if not block:
                raise InvalidInput(Code.UNREADABLE, "the archive ends in the middle of a member")
            self._file.seek(self._position + copied)
            self._file.write(block)
            copied += len(block)
        self._position += length
        self._file.seek(self._position)


def _copy_in_kernel(source: IO[bytes], source_offset: int, target: IO[bytes], target_offset: int, length: int) -> int:
    """Bytes copied without passing through this process; fewer than `length` where the system cannot."""
    copied = 0
    if hasattr(os, "copy_file_range"):
        while copied < length:
            try:
                count = os.copy_file_range(
                    source.fileno(),
                    target.fileno(),
                    length - copied,
                    source_offset + copied,
                    target_offset + copied,
                )
            except OSError as error:
                if error.errno in _CANNOT_COPY:
                    break
                raise
            if count == 0:
                break
            copied += count
    return copied
