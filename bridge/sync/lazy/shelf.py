"""All records of some platforms of a channel by package name, each of them unread until it is asked for.

A large channel has a million records and half a gigabyte of repodata, so they are neither parsed nor held as a whole:
documents stay in mapped files, which several processes share, and a record is a place in one of them.
"""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import msgspec
import zstandard

from bridge.channel import transport
from bridge.channel.location import Location, file_path
from bridge.channel.shards_output import SUFFIX
from bridge.errors import Code, InvalidInput
from bridge.formats.conda.identifiers import printable
from bridge.formats.conda.redaction import redact
from bridge.limits import DEFAULT_LIMITS, MIB
from bridge.sync.lazy.record import LATER_SECTIONS, Entry, name_of

#: of one shard, packed and unpacked: conda-forge's largest has 3 MB.
_SHARD_SIZE: Final = 256 * MIB
_STAMP: Final = 32
_Form = TypeVar("_Form")


class Shelf(Protocol):
    """Where the records of a platform stand. `rejected` are the keys that state no name of a package."""

    @property
    def subdir(self) -> str:
        """The platform."""

    @property
    def base_url(self) -> object:
        """`info.base_url` as read (CEP 15)."""

    @property
    def rejected(self) -> Sequence[str]:
        """Paths below the channel."""

    @property
    def names(self) -> Collection[str]:
        """Of packages, each with at least one record."""

    def stamp(self, name: str) -> str:
        """What changes when a record of the name does."""

    def entries(self, name: str) -> Sequence[Entry]:
        """The records of a name, in any order; empty where there are none.

        Raises:
            InvalidInput: they cannot be read (`CB119`, `CB101`, `CB111`), or are other bytes than announced (`CB118`).
        """


class _Later(msgspec.Struct, rename={"bz2": "tar.bz2"}, gc=False):
    bz2: dict[str, msgspec.Raw] = {}
    conda: dict[str, msgspec.Raw] = {}


class _Document(msgspec.Struct, rename={"conda": "packages.conda"}, gc=False):
    info: dict[str, Any] | None = None
    packages: dict[str, msgspec.Raw] | None = None
    conda: dict[str, msgspec.Raw] | None = None
    v3: _Later | None = None

    def sections(self) -> Iterable[tuple[Mapping[str, msgspec.Raw], str]]:
        """Records by key, and what the keys lack of a file name."""
        yield self.packages or {}, ""
        yield self.conda or {}, ""
        if self.v3 is not None:
            yield self.v3.bz2, LATER_SECTIONS["tar.bz2"]
            yield self.v3.conda, LATER_SECTIONS["conda"]


class DocumentShelf:
    """The records of one `repodata.json`.

    Args:
        path: of the document, not compressed.
        subdir: that it is of.
        subject: its address, for errors.
        digests: of the shards of the same records, where the channel has them.

    Raises:
        InvalidInput: it is no such document (`CB111`), or about another platform (`CB112`).
    """

    def __init__(self, path: Path, subdir: str, subject: str, digests: Mapping[str, bytes] | None = None) -> None:
        self.subdir = subdir
        self._by_name: dict[str, list[Entry]] = {}
        self.rejected: list[str] = []
        document = _read(path, subject)
        self.base_url = _base_url(document.info, subdir, subject)
        for records, extension in document.sections():
            for key, raw in records.items():
                stated = key.rsplit("-", 2)[0]
                entries = self._by_name.get(stated)
                if entries is None:
                    if not name_of(key):
                        self.rejected.append(f"{subdir}/{printable(key)}")
                        continue
                    entries = self._by_name[stated] = []
                entries.append(Entry(subdir, f"{key}{extension}" if extension else key, raw))
        self._digests = digests or {}

    @property
    def names(self) -> Collection[str]:
        """In the order of the document."""
        return self._by_name.keys()

    def stamp(self, name: str) -> str:
        """Of the shard, or of the bytes of the records."""
        digest = self._digests.get(name)
        return _stamp(self._by_name[name]) if digest is None else stamp_of(digest)

    def entries(self, name: str) -> Sequence[Entry]:
        """Reads nothing."""
        return self._by_name.get(name, ())


def _read(path: Path, subject: str) -> _Document:
    if not path.stat().st_size:
        return _Document()  # CEP 26: an empty file stands for an empty channel
    with path.open("rb") as file:
        # Records keep the mapping alive, and with it what the file held when it was opened.
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    try:
        return msgspec.json.decode(mapped, type=_Document)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidInput(Code.BAD_METADATA, str(error), subject=subject) from error


def _base_url(info: Mapping[str, Any] | None, subdir: str, subject: str) -> object:
    stated = (info or {}).get("subdir", subdir)
    if stated != subdir:
        raise InvalidInput(Code.IDENTITY, f"the document is about {stated!r}", subject=subject, field="info.subdir")
    return (info or {}).get("base_url")


def stamp_of(digest: bytes) -> str:
    """The stamp of records that have this digest."""
    return digest.hex()[:_STAMP]


def _stamp(entries: Iterable[Entry]) -> str:
    digest = hashlib.sha256()
    for entry in sorted(entries, key=lambda entry: entry.filename):
        digest.update(entry.filename.encode())
        digest.update(memoryview(entry.raw))
    return stamp_of(digest.digest())


class _ShardIndex(msgspec.Struct, gc=False):
    info: dict[str, Any]
    shards: dict[str, bytes]


class _Shard(msgspec.Struct, rename={"conda": "packages.conda"}, gc=False):
    packages: dict[str, msgspec.Raw] = {}
    conda: dict[str, msgspec.Raw] = {}
    v3: _Later | None = None


@dataclass(frozen=True, slots=True)
class ShardShelf:
    """The records of one sharded repodata (CEP 16), each shard fetched when it is asked for."""

    subdir: str
    #: where shards lie, with a final slash; may hold a token.
    base: str = field(repr=False)
    digests: Mapping[str, bytes]
    #: `info.base_url` as read.
    base_url: object = None
    authorization: str | None = field(default=None, repr=False)

    @property
    def rejected(self) -> Sequence[str]:
        """Names that are none."""
        return [f"{self.subdir}/{printable(name)}" for name in self.digests if not name_of(f"{name}-0-0")]

    @property
    def names(self) -> Collection[str]:
        """Those that are sound."""
        return [name for name in self.digests if name_of(f"{name}-0-0")]

    def stamp(self, name: str) -> str:
        """Of the digest."""
        return stamp_of(self.digests[name])

    def entries(self, name: str) -> Sequence[Entry]:
        """Fetches one shard."""
        digest = self.digests.get(name)
        if digest is None:
            return ()
        address = f"{self.base}{digest.hex()}{SUFFIX}"
        packed = read_address(address, limit=_SHARD_SIZE, authorization=self.authorization)
        subject = redact(address)
        if packed is None:
            raise InvalidInput(Code.SOURCE, "the index names it, and it is not there", subject=subject)
        if hashlib.sha256(packed).digest() != digest:
            raise InvalidInput(Code.HASH, "its SHA-256 is not the one in its name", subject=subject)
        shard = _unpacked(packed, _Shard, subject)
        sections = [(shard.packages, ""), (shard.conda, "")]
        if shard.v3 is not None:
            sections += [(shard.v3.bz2, LATER_SECTIONS["tar.bz2"]), (shard.v3.conda, LATER_SECTIONS["conda"])]
        found = [
            Entry(self.subdir, f"{key}{extension}", raw, packed=True)
            for records, extension in sections
            for key, raw in records.items()
        ]
        return [each for each in found if name_of(each.filename) == name]


def shard_shelf(data: bytes, location: Location, subdir: str) -> ShardShelf:
    """Read the index of shards.

    Args:
        data: `repodata_shards.msgpack.zst`.
        location: of the channel, which shards must not leave.
        subdir: that it is of.

    Raises:
        InvalidInput: damaged (`CB101`), too large (`CB109`), of another form (`CB111`), about another platform
            (`CB112`), or it names another host (`CB119`).
    """
    subject = f"{redact(location.subdir(subdir))}repodata_shards.msgpack.zst"
    index = _unpacked(data, _ShardIndex, subject)
    if any(len(digest) != hashlib.sha256().digest_size for digest in index.shards.values()):
        raise InvalidInput(Code.BAD_METADATA, "not SHA-256 digests", subject=subject, field="shards")
    base_url = _base_url(index.info, subdir, subject)
    base = location.base_of(subdir, index.info.get("shards_base_url") or None)
    return ShardShelf(subdir, base, index.shards, base_url or None, location.authorization_for(base))


def read_address(address: str, *, limit: int, authorization: str | None = None) -> bytes | None:
    """The bytes of a file or http(s) address; None where it is not there.

    Raises:
        InvalidInput: it cannot be read (`CB119`), or is larger than `limit` bytes (`CB109`).
    """
    path = file_path(address)
    if path is None:
        return transport.get(address, limit=limit, authorization=authorization)
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise InvalidInput(Code.SOURCE, f"cannot read: {error.strerror}", subject=redact(address)) from error
    if len(data) > limit:
        raise InvalidInput(Code.LIMIT, f"more than {limit} bytes", subject=redact(address))
    return data


def _unpacked(data: bytes, kind: type[_Form], subject: str) -> _Form:
    try:
        decompressor = zstandard.ZstdDecompressor(max_window_size=DEFAULT_LIMITS.zstd_window)
        with decompressor.stream_reader(data, read_across_frames=True) as reader:
            content = reader.read(_SHARD_SIZE + 1)
        if len(content) > _SHARD_SIZE:
            raise InvalidInput(Code.LIMIT, f"more than {_SHARD_SIZE} bytes", subject=subject)
        return msgspec.msgpack.decode(content, type=kind)
    except zstandard.ZstdError as error:
        raise InvalidInput(Code.UNREADABLE, "damaged zstd data", subject=subject) from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidInput(Code.BAD_METADATA, str(error), subject=subject) from error
