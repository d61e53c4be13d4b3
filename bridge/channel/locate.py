"""The artifact files behind a channel's records, and the distribution names that local ones state."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING

from bridge.channel.location import file_path
from bridge.errors import BridgeError, Code, InvalidInput
from bridge.formats.conda.artifact import open_artifact
from bridge.formats.conda.remote import download
from bridge.translate.to_wheel.names import own_distribution

if TYPE_CHECKING:
    from pathlib import Path

    from packaging.utils import NormalizedName

    from bridge.channel.repodata import Channel, ChannelRecord
    from bridge.model.conda import CondaName


def local_path(record: ChannelRecord) -> Path | None:
    """Where the file of a record of a local channel is, or should be; None for a remote channel."""
    return file_path(record.address)


def fetch(record: ChannelRecord, directory: Path) -> Path:
    """The artifact of a record, downloaded where it is not local.

    Args:
        record: of any channel.
        directory: a cache. Files are kept apart by digest (or address), so that two channels' files of one
            name never stand for each other.

    Raises:
        InvalidInput: not there or not reachable (`CB119`), or other bytes than the record says (`CB118`).
    """
    path = local_path(record)
    if path is not None:
        if not path.is_file():
            raise InvalidInput(Code.SOURCE, "the channel has the record, but not the file", subject=record.url)
        return path
    key = record.sha256 or hashlib.sha256(record.url.encode()).hexdigest()
    folder = directory / key[:32]
    folder.mkdir(parents=True, exist_ok=True)
    return download(record.address, folder, sha256=record.sha256, authorization=record.authorization)


@lru_cache(maxsize=1 << 14)
def dist_name(channel: Channel, name: CondaName) -> NormalizedName | None:
    """Which distribution a conda package is, by what the package itself says.

    Only `info/` of a package that lies in a local channel is read; of several builds, the newest one there.

    Returns:
        the normalised name; None where no file of the package is there, or it shows no distribution of its
        own version, or several.
    """
    newest_first = sorted(channel.records(name), key=lambda r: (-(r.index.timestamp or 0), r.filename))
    for record in newest_first:
        path = local_path(record)
        if path is not None and path.is_file():
            return _stated_name(path)
    return None


def _stated_name(path: Path) -> NormalizedName | None:
    try:
        with open_artifact(path) as artifact:
            return own_distribution(artifact.metadata())
    except BridgeError:
        return None  # the artifact gets its own outcome when it is converted
