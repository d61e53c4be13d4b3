"""Sharded repodata (CEP 16): one small file for each package name, called by its digest. Pure."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

import msgspec

from bridge.channel.repodata_output import compress

if TYPE_CHECKING:
    from collections.abc import Mapping

INDEX: Final = "repodata_shards.msgpack.zst"
DIRECTORY: Final = "shards"
SUFFIX: Final = ".msgpack.zst"
_SECTIONS: Final = ("packages", "packages.conda")
_LATER: Final = "v3"
_DIGESTS: Final = ("md5", "sha256")


def shards(document: Mapping[str, Any]) -> tuple[bytes, dict[str, bytes]]:
    """Split a `repodata.json`.

    The time of creation that CEP 16 suggests is left out, so that the same records give the same bytes.

    Returns:
        the index of the shards, and the content of each by its sha256 (hexadecimal), which is its name.
    """
    by_name: dict[str, dict[str, Any]] = {}
    for section in _SECTIONS:
        for key, record in document[section].items():
            _shard(by_name, record)[section][key] = _packed(record)
    for section, records in document.get(_LATER, {}).items():
        for key, record in records.items():
            later = _shard(by_name, record).setdefault(_LATER, {})
            later.setdefault(section, {})[key] = _packed(record)
    files: dict[str, bytes] = {}
    index: dict[str, bytes] = {}
    for name in sorted(by_name):
        content = _pack(by_name[name])
        digest = hashlib.sha256(content)
        files[digest.hexdigest()] = content
        index[name] = digest.digest()
    # What is relative here is relative to the index itself.
    base = document["info"].get("base_url", "")
    info = {**document["info"], "base_url": base, "shards_base_url": f"./{DIRECTORY}/"}
    return _pack({"version": 1, "info": info, "shards": index}), files


def _shard(by_name: dict[str, dict[str, Any]], record: Mapping[str, Any]) -> dict[str, Any]:
    empty: dict[str, Any] = {**{section: {} for section in _SECTIONS}, "removed": []}
    return by_name.setdefault(record["name"], empty)


def _packed(record: Mapping[str, Any]) -> dict[str, Any]:
    digests = {key: bytes.fromhex(record[key]) for key in _DIGESTS if key in record}
    return {**record, **digests}


def _pack(value: Mapping[str, Any]) -> bytes:
    return compress(msgspec.msgpack.encode(value, order="sorted"))
