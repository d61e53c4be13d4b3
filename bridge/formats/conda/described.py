"""Whether a `paths.json` that was there before describes a payload that was put together again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.errors import Code, InvalidInput
from bridge.formats.conda.identifiers import printable
from bridge.model.conda import PathType

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bridge.model.conda import CondaMetadata, PathEntry


def check_described(
    metadata: CondaMetadata, entries: Sequence[PathEntry], directories: Sequence[str], *, subject: str
) -> None:
    """Hold the payload against the package's own list; digests and sizes count where the list has them.

    Args:
        metadata: of the package.
        entries: of all its files and links, as they are.
        directories: its members that are directories.
        subject: the package's file name, for messages.

    Raises:
        InvalidInput: CB113.
    """

    def mismatch(path: str, message: str) -> InvalidInput:
        return InvalidInput(Code.PAYLOAD_MISMATCH, message, subject=subject, field=printable(path))

    listed = {entry.path: entry for entry in metadata.paths}
    packed = {entry.path for entry in entries}
    for found in entries:
        entry = listed.get(found.path)
        if entry is None:
            raise mismatch(found.path, "is packed, but not listed")
        if metadata.has_paths_json and entry.path_type is not found.path_type:
            raise mismatch(found.path, f"is a {found.path_type.value}, listed as {entry.path_type.value}")
        if entry.sha256 not in (None, found.sha256):
            raise mismatch(found.path, "has another SHA-256 than listed")
        if found.path_type is not PathType.HARDLINK:
            continue
        if entry.size not in (None, found.size):
            raise mismatch(found.path, f"has {found.size} bytes, listed with {entry.size}")
        if (found.prefix_placeholder, found.file_mode) != (entry.prefix_placeholder, entry.file_mode):
            raise mismatch(found.path, "has another placeholder than listed")
    occupied = {*directories, *_parents([*packed, *directories])}
    for path, entry in listed.items():
        if path not in packed and not (entry.path_type is PathType.DIRECTORY and path in occupied):
            raise mismatch(path, "is listed, but not packed")


def _parents(paths: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for path in paths:
        parent = path.rpartition("/")[0]
        while parent and parent not in found:
            found.add(parent)
            parent = parent.rpartition("/")[0]
    return found
