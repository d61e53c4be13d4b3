"""Replacing the index files of one platform directory while clients may be reading them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import zstandard

from bridge.channel import shards_output
from bridge.channel.files import replace_file
from bridge.channel.known_index import COMPANION, REPODATA, RUN_EXPORTS
from bridge.channel.repodata_output import compress, encode
from bridge.errors import Code, Unsupported
from bridge.model.plan import Loss

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path
    from typing import Any

#: files of other tools that repeat what repodata.json said when they were made.
_DERIVED: Final = ("repodata.json", "current_repodata.json", "repodata_from_packages.json")
_DERIVED_SUFFIXES: Final = ("", ".bz2", ".gz", ".zst")
_JLAP: Final = "repodata.jlap"
_DIGEST_LENGTH: Final = 64
_HEXADECIMAL: Final = frozenset("0123456789abcdef")


def write_index_files(directory: Path, repodata: Mapping[str, Any], run_exports: Mapping[str, Any]) -> None:
    """Write all index files of a platform directory, each whole or not at all; unchanged ones keep their time.

    Shards come first, then what refers to them; shards that nothing refers to any more are removed last.

    Raises:
        Unsupported: CB322, something else is in the way.
    """
    index, shards = shards_output.shards(repodata)
    below = directory / shards_output.DIRECTORY
    _make_directory(directory)
    _make_directory(below)
    for digest, content in shards.items():
        path = below / f"{digest}{shards_output.SUFFIX}"
        _put(path, content)
    _put(directory / shards_output.INDEX, index)
    records = encode(repodata)
    info = {**run_exports["info"], COMPANION: hashlib.sha256(records).hexdigest()}
    for name, content in ((RUN_EXPORTS, encode({**run_exports, "info": info})), (REPODATA, records)):
        # Compressing takes longer than everything else.
        if not _expands_to(directory / f"{name}.zst", content):
            _put(directory / f"{name}.zst", compress(content))
        _put(directory / name, content)
    _remove_stale(below, shards)


def stale_files(directory: Path, subdir: str) -> Iterator[Loss]:
    """Index files of other tools in a platform directory, which say what an older index said (CB257)."""
    names = {f"{name}{suffix}" for name in _DERIVED for suffix in _DERIVED_SUFFIXES} | {_JLAP}
    for name in sorted(names - {REPODATA, f"{REPODATA}.zst"}):
        if (directory / name).exists():
            yield Loss(Code.STALE_REPODATA, f"{subdir}/{name}", "not written by `index`, and older than its files")


def _remove_stale(directory: Path, current: Collection[str]) -> None:
    for path in sorted(directory.iterdir()):
        digest = path.name.removesuffix(shards_output.SUFFIX)
        named_so = path.name != digest and len(digest) == _DIGEST_LENGTH and _HEXADECIMAL.issuperset(digest)
        if named_so and digest not in current and not path.is_dir():
            path.unlink()


def _make_directory(path: Path) -> None:
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        raise Unsupported(Code.OUTPUT_TAKEN, "not a directory", subject=str(path))
    path.mkdir(exist_ok=True)


def _put(path: Path, content: bytes) -> None:
    try:
        replace_file(path, content)
    except IsADirectoryError as error:
        raise Unsupported(Code.OUTPUT_TAKEN, "a directory is in the way", subject=str(path)) from error


def _expands_to(path: Path, content: bytes) -> bool:
    """Whether a file is the same content compressed; one that claims another size is not unpacked."""
    if not path.is_file():
        return False
    data = path.read_bytes()
    try:
        if zstandard.frame_content_size(data) != len(content):
            return False
        return zstandard.ZstdDecompressor().decompress(data) == content
    except zstandard.ZstdError:
        return False
