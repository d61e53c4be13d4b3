"""Which kind of source or destination an address is."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bridge.channel.location import Location, locate
from bridge.errors import Code, InvalidInput
from bridge.formats.conda.redaction import redact
from bridge.formats.conda.transport import Absent, Address, request
from bridge.sync.authentication import authorized
from bridge.sync.bucket import BucketDestination, is_bucket
from bridge.sync.bucket_source import BucketSource, copied
from bridge.sync.channel_source import ChannelSource
from bridge.sync.destination import Destination
from bridge.sync.directory import DirectoryDestination
from bridge.sync.directory_source import DirectorySource
from bridge.sync.index_source import IndexSource
from bridge.sync.source import Source, SourceKind

#: every channel has one of them (CEP 26).
_REPODATA: Final = ("repodata.json.zst", "repodata.json", "repodata_shards.msgpack.zst")
_PAGES: Final = ("index.json", "index.html")


def open_source(address: str | Path, *, kind: SourceKind | None = None, subdirs: Sequence[str] = ()) -> Source:
    """The source at an address.

    Args:
        address: a directory, a file, http or https address, with or without credentials (those that the user keeps for
            the host are found), or one of object storage (`s3://bucket/prefix`), which is copied to the user's cache
            first, as far as it changed.
        kind: what it is; None to look: repodata makes a channel, pages of projects an index, and a directory with
            neither is one of files.
        subdirs: of a channel, the platforms; empty for all.

    Raises:
        InvalidInput: it is nothing of that, or cannot be reached (`CB119`).
        Unsupported: object storage needs a library that is not installed (`CB345`).
    """
    if is_bucket(str(address)):
        copy = copied(str(address), _cache() / hashlib.sha256(str(address).encode()).hexdigest()[:32])
        return BucketSource(open_source(copy, kind=kind, subdirs=subdirs), redact(str(address)))
    address = address if isinstance(address, Path) else authorized(address)
    found = _kind(locate(address)) if kind is None else kind
    match found:
        case SourceKind.CHANNEL:
            return ChannelSource(address, subdirs)
        case SourceKind.INDEX:
            return IndexSource(address)
        case SourceKind.DIRECTORY:
            return DirectorySource(address)


def open_destination(address: str | Path) -> Destination:
    """The destination at an address: a directory, made when it is first written to, or object storage.

    Raises:
        InvalidInput: an address of object storage is malformed or holds credentials (`CB119`).
        Unsupported: object storage needs a library that is not installed (`CB345`).
    """
    return BucketDestination(str(address)) if is_bucket(str(address)) else DirectoryDestination(address)


def _cache() -> Path:
    """Where copies of object storage are kept from run to run."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "conda-wheel-bridge" / "buckets"


def _kind(location: Location) -> SourceKind:
    directory = location.directory
    if directory is not None:
        if any((entry / name).is_file() for entry in sorted(directory.iterdir()) for name in _REPODATA[:2]):
            return SourceKind.CHANNEL
        if any((place / page).is_file() for place in (directory / "simple", directory) for page in _PAGES):
            return SourceKind.INDEX
        return SourceKind.DIRECTORY
    if any(_is_there(f"{location.subdir('noarch')}{name}") for name in _REPODATA):
        return SourceKind.CHANNEL
    if _is_there(f"{location.address}/"):
        return SourceKind.INDEX
    raise InvalidInput(Code.SOURCE, "neither a channel nor an index is there", subject=location.shown)


def _is_there(address: str) -> bool:
    try:
        with request(Address(address, "")):
            return True
    except Absent:
        return False
