"""Getting the repodata of a channel to where several processes can read it: documents in files, or shards."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import zstandard

from bridge.channel.document import DOCUMENT_SIZE
from bridge.channel.location import Location
from bridge.channel.shards_output import INDEX
from bridge.errors import Code, InvalidInput
from bridge.formats.conda.redaction import redact
from bridge.limits import DEFAULT_LIMITS, MIB
from bridge.sync.lazy.part import DocumentPlace, Place, ShardPlace
from bridge.sync.lazy.shelf import ShardShelf, read_address, shard_shelf

_CHUNK: Final = 1 * MIB
_SHARD_INDEX_SIZE: Final = 256 * MIB


@dataclass(frozen=True, slots=True)
class Repodata:
    """What a channel has for some platforms."""

    location: Location
    #: subdir -> its shards, where the channel has them.
    shards: Mapping[str, ShardShelf]
    #: in the order in which they were asked for.
    subdirs: Sequence[str]

    def sharded(self) -> tuple[Place, ...] | None:
        """All platforms by their shards; None where one of them has documents only."""
        if not self.shards:
            return None
        for subdir in self.subdirs:
            if subdir not in self.shards and _is_there(self.location, subdir):
                return None
        return tuple(ShardPlace(self.shards[subdir]) for subdir in self.subdirs if subdir in self.shards)

    def whole(self, scratch: Path) -> tuple[Place, ...]:
        """All platforms by their documents, copied to `scratch`; by shards where there is no document.

        A copy, because a mapped file that somebody cuts short ends the process that reads it.

        Raises:
            InvalidInput: a document cannot be read (`CB119`), is damaged (`CB101`) or too large (`CB109`); or the
                channel has none of the platforms (`CB119`).
        """
        places: list[Place] = []
        for subdir in self.subdirs:
            path = scratch / f"{subdir}.json"
            subject = _fetched(self.location, subdir, path)
            shards = self.shards.get(subdir)
            if subject is not None:
                places.append(DocumentPlace(path, subdir, subject, {} if shards is None else shards.digests))
            elif shards is not None:
                places.append(ShardPlace(shards))
        if not places:
            message = f"no repodata in any of {', '.join(self.subdirs)}"
            raise InvalidInput(Code.SOURCE, message, subject=self.location.shown)
        return tuple(places)


def find_repodata(location: Location, subdirs: Sequence[str]) -> Repodata:
    """Look for shards, which say which names changed.

    Raises:
        InvalidInput: the channel cannot be reached, or an index of shards cannot be trusted.
    """
    shards: dict[str, ShardShelf] = {}
    for subdir in subdirs:
        address = f"{location.subdir(subdir)}{INDEX}"
        data = read_address(address, limit=_SHARD_INDEX_SIZE, authorization=location.authorization)
        if data is not None:
            shards[subdir] = shard_shelf(data, location, subdir)
    return Repodata(location, shards, tuple(subdirs))


def _is_there(location: Location, subdir: str) -> bool:
    directory = location.directory
    if directory is None:
        return read_address(f"{location.subdir(subdir)}repodata.json", limit=DOCUMENT_SIZE) is not None
    return any((directory / subdir / name).is_file() for name in ("repodata.json", "repodata.json.zst"))


def _fetched(location: Location, subdir: str, path: Path) -> str | None:
    """Bring the document of a platform to `path`; its address for messages, None where there is none.

    A directory is read from `repodata.json`, else `repodata.json.zst`; a remote channel the other way round, because
    the compressed file is a tenth of the size.
    """
    names = ("repodata.json", "repodata.json.zst")
    for name in names if location.directory is not None else names[::-1]:
        address = f"{location.subdir(subdir)}{name}"
        subject = redact(address)
        if location.directory is not None:
            source = location.directory / subdir / name
            if not source.is_file():
                continue
            try:
                if name.endswith(".zst"):
                    with source.open("rb") as file:
                        _expand(file, path, subject)
                elif source.stat().st_size > DOCUMENT_SIZE:
                    raise InvalidInput(Code.LIMIT, f"more than {DOCUMENT_SIZE} bytes", subject=subject)
                else:
                    shutil.copyfile(source, path)
            except OSError as error:
                raise InvalidInput(Code.SOURCE, f"cannot read: {error.strerror}", subject=subject) from error
            return subject
        data = read_address(address, limit=DOCUMENT_SIZE, authorization=location.authorization)
        if data is not None:
            if name.endswith(".zst"):
                _expand(data, path, subject)
            else:
                path.write_bytes(data)
            return subject
    return None


def _expand(source: IO[bytes] | bytes, path: Path, subject: str) -> None:
    decompressor = zstandard.ZstdDecompressor(max_window_size=DEFAULT_LIMITS.zstd_window)
    size = 0
    try:
        with decompressor.stream_reader(source, read_across_frames=True) as reader, path.open("wb") as file:
            while chunk := reader.read(_CHUNK):
                size += len(chunk)
                if size > DOCUMENT_SIZE:
                    raise InvalidInput(Code.LIMIT, f"more than {DOCUMENT_SIZE} bytes", subject=subject)
                file.write(chunk)
    except zstandard.ZstdError as error:
        raise InvalidInput(Code.UNREADABLE, "damaged zstd data", subject=subject) from error
