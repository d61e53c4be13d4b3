"""The payload of two conda packages, and what paths.json says about it (CEP 34)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from bridge.compare.comparison import Difference, differ
from bridge.compare.packages import present
from bridge.compare.values import fields, json_object
from bridge.formats.conda.paths_json import PATHS_PATH
from bridge.model.conda import ArchiveFormat, PathEntry
from bridge.model.payload import MemberKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.compare.packages import CondaPackage
    from bridge.compare.tree import Entry

_PARSED: Final = frozenset(
    {"_path", "path_type", "sha256", "size_in_bytes", "prefix_placeholder", "file_mode", "no_link"}
)


def compare_payload(left: CondaPackage, right: CondaPackage) -> Iterator[Difference]:
    """Files, links and directories by path, then their entries in paths.json."""
    ours, theirs = left.entries, right.entries
    # An unpacked directory has the modes that the umask of whoever unpacked it left over.
    masked = ArchiveFormat.DIRECTORY in (left.format, right.format) and left.format is not right.format
    for path in sorted(left.tree.keys() | right.tree.keys()):
        one, other = left.tree.get(path), right.tree.get(path)
        if one is None or other is None or one.kind is not other.kind:
            # Installers make the directories that are listed, and no others.
            matters = _counts(one, ours.get(path)) or _counts(other, theirs.get(path))
            yield Difference(f"payload: {path}", present(one), present(other), matters)
        else:
            yield from _entries(path, one, other, masked=masked)
    if left.info.get(PATHS_PATH) != right.info.get(PATHS_PATH):
        yield from _paths_json(left, right)


def _counts(entry: Entry | None, listed: PathEntry | None) -> bool:
    return entry is not None and (entry.kind is not MemberKind.DIRECTORY or listed is not None)


def _entries(path: str, one: Entry, other: Entry, *, masked: bool) -> Iterator[Difference]:
    where = f"payload: {path}"
    if one.kind is MemberKind.SYMLINK:
        # The mode of a link means nothing.
        yield from differ(f"{where}: link target", one.target, other.target)
        return
    if one.sha256 != other.sha256:
        yield Difference(f"{where}: content", str(one), str(other), True)
    matters = one.kind is MemberKind.FILE and not (masked and one.executable == other.executable)
    yield from differ(f"{where}: mode", f"{one.mode:o}", f"{other.mode:o}", matters=matters)


def _paths_json(left: CondaPackage, right: CondaPackage) -> Iterator[Difference]:
    both = left.metadata.has_paths_json and right.metadata.has_paths_json
    if not both:
        has, has_not = "paths.json", "the files that came before paths.json"
        yield from differ(
            "paths.json",
            has if left.metadata.has_paths_json else has_not,
            has if right.metadata.has_paths_json else has_not,
            matters=False,
        )
    ours, theirs = left.entries, right.entries
    for path in sorted(ours.keys() | theirs.keys()):
        one, other = ours.get(path), theirs.get(path)
        if one is None or other is None:
            if (path in left.tree) == (path in right.tree):
                yield from differ(f"paths.json: {path}", _listed(one), _listed(other))
            continue
        yield from _listing(path, one, other, left.tree.get(path), right.tree.get(path), both=both)
    if both:
        yield from _unread(left, right)


def _listed(entry: PathEntry | None) -> str | None:
    return None if entry is None else entry.path_type.value


def _listing(
    path: str, one: PathEntry, other: PathEntry, ours: Entry | None, theirs: Entry | None, *, both: bool
) -> Iterator[Difference]:
    where = f"paths.json: {path}"
    # What came before paths.json had no types, digests and sizes.
    if both:
        yield from differ(f"{where}: path_type", one.path_type.value, other.path_type.value)
    if both and not (_true(one, ours) and _true(other, theirs)):
        stated = one.sha256 is not None and other.sha256 is not None
        yield from differ(f"{where}: sha256", one.sha256, other.sha256, matters=stated)
        # The size of a link is its own or that of its target.
        sized = one.size is not None and other.size is not None and (ours is None or ours.kind is MemberKind.FILE)
        yield from differ(f"{where}: size_in_bytes", one.size, other.size, matters=sized)
    yield from differ(f"{where}: prefix_placeholder", one.prefix_placeholder, other.prefix_placeholder)
    yield from differ(f"{where}: file_mode", _mode(one), _mode(other))
    yield from differ(f"{where}: no_link", one.no_link, other.no_link)


def _true(listed: PathEntry, entry: Entry | None) -> bool:
    """Whether digest and size are those of the file, so that a difference is only that of the files."""
    return (
        entry is not None
        and entry.kind is MemberKind.FILE
        and listed.sha256 == entry.sha256
        and listed.size == entry.size
    )


def _mode(entry: PathEntry) -> str | None:
    return None if entry.file_mode is None else entry.file_mode.value


def _unread(left: CondaPackage, right: CondaPackage) -> Iterator[Difference]:
    """Keys that no client is known to read, in case one does."""
    ours, theirs = (json_object(package.info[PATHS_PATH]) or {} for package in (left, right))
    yield from fields("paths.json", ours, theirs, aside=("paths",))
    one, other = _by_path(ours), _by_path(theirs)
    for path in sorted(one.keys() & other.keys()):
        yield from fields(f"paths.json: {path}", one[path], other[path], aside=_PARSED)


def _by_path(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {entry["_path"]: entry for entry in document.get("paths", ())}
