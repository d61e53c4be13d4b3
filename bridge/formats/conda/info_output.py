"""The files under `info/` of a package being written (CEP 34), and the links of its payload followed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from bridge.errors import Code, InvalidInput
from bridge.formats.conda.about_json import ABOUT_PATH
from bridge.formats.conda.index_json import INDEX_PATH
from bridge.formats.conda.link_json import LINK_PATH
from bridge.formats.conda.paths_json import FILES_PATH, PATHS_PATH
from bridge.model.conda import PathEntry, PathType

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

RUN_EXPORTS_PATH: Final = "info/run_exports.json"

#: what conda-build writes for a link to a directory, or into another package.
_NO_CONTENT: Final = (hashlib.sha256(b"").hexdigest(), 0)


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link of the payload."""

    path: str
    target: str
    #: lowercase hex, and bytes: what the entry has to say, where that is given.
    sha256: str | None = None
    size: int | None = None


def info_files(
    index: Mapping[str, Any],
    about: Mapping[str, Any],
    paths: Iterable[PathEntry],
    *,
    link: Mapping[str, Any] | None,
    run_exports: Mapping[str, Any] | None,
    subject: str,
) -> dict[str, bytes]:
    """The files that a writer makes, by path, in the order in which they are packed.

    Args:
        index: `info/index.json`.
        about: `info/about.json`.
        paths: of the payload; sorted here.
        link: `info/link.json`, or None for no such file.
        run_exports: `info/run_exports.json`, likewise.
        subject: the package's file name, for messages.

    Raises:
        InvalidInput: CB111 for what JSON cannot say: NaN, an infinity, half of a surrogate pair.
    """
    ordered = sorted(paths, key=lambda entry: entry.path)
    listing = {"paths": [_path_document(entry) for entry in ordered], "paths_version": 1}
    documents: tuple[tuple[str, Mapping[str, Any] | None], ...] = (
        (INDEX_PATH, index),
        (PATHS_PATH, listing),
        (ABOUT_PATH, about),
        (LINK_PATH, link),
    )
    files = {path: _format(document, subject, path) for path, document in documents if document is not None}
    files[FILES_PATH] = "".join(f"{entry.path}\n" for entry in ordered).encode()
    if run_exports is not None:
        files[RUN_EXPORTS_PATH] = _format(run_exports, subject, RUN_EXPORTS_PATH)
    return files


def link_entries(links: Sequence[Link], files: Sequence[PathEntry], *, subject: str) -> list[PathEntry]:
    """The entries of symbolic links: SHA-256 and size are those of the file at the end of each.

    Args:
        links: none of them leaves the package or never ends.
        files: the entries of all regular files.
        subject: the package's file name, for messages.

    Raises:
        InvalidInput: CB113 where a stated digest is not that of the file.
    """
    targets = {link.path: link.target for link in links}
    by_path = {entry.path: entry for entry in files} if links else {}
    entries = []
    for link in links:
        end = by_path.get(_follow(link.path, targets))
        if end is not None and link.sha256 not in (None, end.sha256):
            raise InvalidInput(
                Code.PAYLOAD_MISMATCH,
                "leads to a file that does not have the sha256 that was promised",
                subject=subject,
                field=link.path,
            )
        sha256, size = _NO_CONTENT if end is None else (end.sha256, end.size)
        entries.append(
            PathEntry(
                link.path,
                PathType.SOFTLINK,
                sha256 if link.sha256 is None else link.sha256,
                size if link.size is None else link.size,
            )
        )
    return entries


def _follow(start: str, links: Mapping[str, str]) -> str:
    """Where an operating system ends up."""
    pending = start.split("/")[::-1]
    place: list[str] = []
    while pending:
        part = pending.pop()
        if part == "..":
            place.pop()
        elif part not in ("", "."):
            place.append(part)
            target = links.get("/".join(place))
            if target is not None:
                place.pop()
                pending.extend(target.split("/")[::-1])
    return "/".join(place)


def _path_document(entry: PathEntry) -> dict[str, Any]:
    document: dict[str, Any] = {"_path": entry.path, "path_type": entry.path_type.value}
    if entry.path_type is not PathType.DIRECTORY:
        document |= {"sha256": entry.sha256, "size_in_bytes": entry.size}
    if entry.prefix_placeholder is not None and entry.file_mode is not None:
        document["prefix_placeholder"] = entry.prefix_placeholder
        document["file_mode"] = entry.file_mode.value
    if entry.no_link:
        document["no_link"] = True
    return document


def _format(document: Mapping[str, Any], subject: str, field: str) -> bytes:
    try:
        text = json.dumps(document, ensure_ascii=False, allow_nan=False, indent=2, sort_keys=True)
        return f"{text}\n".encode()
    except ValueError as error:
        raise InvalidInput(
            Code.BAD_METADATA, f"cannot be written as JSON: {error}", subject=subject, field=field
        ) from error
