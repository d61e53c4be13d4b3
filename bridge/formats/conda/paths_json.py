"""`info/paths.json` (CEP 34), and the files that came before it: `files`, `has_prefix`, `no_link`."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Final

from bridge.errors import Code, InvalidInput
from bridge.formats.conda.documents import Document, load_document
from bridge.formats.conda.identifiers import printable
from bridge.formats.conda.paths import check_path
from bridge.model.conda import FileMode, PathEntry, PathType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.limits import Limits

PATHS_PATH: Final = "info/paths.json"
FILES_PATH: Final = "info/files"
HAS_PREFIX_PATH: Final = "info/has_prefix"
NO_LINK_PATH: Final = "info/no_link"

#: what a line of `has_prefix` with nothing but a path means.
DEFAULT_PLACEHOLDER: Final = "/opt/anaconda1anaconda2anaconda3"

_PATH_TYPES: Final[Mapping[str | None, PathType]] = {kind.value: kind for kind in PathType}
_USUAL: Final = frozenset({"_path", "path_type", "sha256", "size_in_bytes"})
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_ABSOLUTE: Final = re.compile(r"/|[A-Za-z]:[/\\]")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
#: "/" or "/opt" in a text file would be replaced wherever it happens to stand.
_SHORTEST_PLACEHOLDER: Final = 8


def parse_paths(data: bytes, limits: Limits, *, subject: str) -> tuple[PathEntry, ...]:
    """The entries of `info/paths.json` in its order.

    Raises:
        InvalidInput: CB104 (unsafe path), CB107 (listed twice), CB109, CB111, CB114 (lists info/), CB120.
    """
    document = load_document(data, limits, subject=subject, field=PATHS_PATH)
    if document.integer("paths_version", 1) != 1:
        raise document.refuse("paths_version", "is not 1")
    entries = document.require("paths")
    if not isinstance(entries, list):
        raise document.refuse("paths", "is not a list")
    _check_count(len(entries), limits, subject, PATHS_PATH)
    seen: set[str] = set()
    paths: list[PathEntry] = []
    for number, value in enumerate(entries):
        if (usual := _usual_entry(value)) is not None:
            _check_listed(usual.path, seen, limits, subject, f"{PATHS_PATH}: paths[{number}]")
            paths.append(usual)
        else:
            paths.append(_entry(document.nested(value, f"paths[{number}]"), seen, limits))
    return tuple(paths)


def parse_legacy_paths(info_files: Mapping[str, bytes], limits: Limits, *, subject: str) -> tuple[PathEntry, ...]:
    """The entries that `info/files`, `has_prefix` and `no_link` make; hashes, sizes and links are unknown.

    Raises:
        InvalidInput: CB104, CB107, CB109, CB110 (no `info/files`), CB111, CB114, CB120.
    """
    if FILES_PATH not in info_files:
        raise InvalidInput(Code.MISSING_METADATA, "neither info/paths.json nor info/files is there", subject=subject)
    paths = _lines(info_files, FILES_PATH, limits, subject)
    _check_count(len(paths), limits, subject, FILES_PATH)
    seen: set[str] = set()
    for path in paths:
        _check_listed(path, seen, limits, subject, FILES_PATH)
    no_link = _lines(info_files, NO_LINK_PATH, limits, subject)
    prefixes = {
        path: (placeholder, mode)
        for placeholder, mode, path in (
            _prefix_line(line, subject) for line in _lines(info_files, HAS_PREFIX_PATH, limits, subject)
        )
    }
    for path, source in ((p, HAS_PREFIX_PATH) for p in prefixes):
        if path not in seen:
            raise InvalidInput(
                Code.PAYLOAD_MISMATCH,
                f"names a file that info/files does not list: {printable(path)!r}",
                subject=subject,
                field=source,
            )
    unlinked = frozenset(no_link)
    return tuple(
        PathEntry(
            path=path,
            path_type=PathType.HARDLINK,
            prefix_placeholder=prefixes[path][0] if path in prefixes else None,
            file_mode=prefixes[path][1] if path in prefixes else None,
            no_link=path in unlinked,
        )
        for path in paths
    )


def listed_files(info_files: Mapping[str, bytes], limits: Limits, *, subject: str) -> frozenset[str] | None:
    """The paths in `info/files`, or None where that file is absent.

    Raises:
        InvalidInput: CB109, CB111.
    """
    if FILES_PATH not in info_files:
        return None
    return frozenset(_lines(info_files, FILES_PATH, limits, subject))


def _usual_entry(value: object) -> PathEntry | None:
    """An entry of path, type, SHA-256 and size, as nearly all are; None for any other, whatever is wrong with it."""
    if type(value) is not dict or value.keys() != _USUAL:
        return None
    path, path_type, sha256, size = value["_path"], value["path_type"], value["sha256"], value["size_in_bytes"]
    if not (type(path) is type(path_type) is type(sha256) is str and type(size) is int and size >= 0):
        return None
    kind = _PATH_TYPES.get(path_type)
    if kind is None or _SHA256.fullmatch(sha256) is None:
        return None
    return PathEntry(path=path, path_type=kind, sha256=sha256, size=size)


def _entry(document: Document, seen: set[str], limits: Limits) -> PathEntry:
    subject, field = document.subject, document.field
    path = document.text("_path")
    if path is None:
        raise document.refuse("_path", "is missing")
    _check_listed(path, seen, limits, subject, field)
    sha256 = document.text("sha256")
    if sha256 is not None and _SHA256.fullmatch(sha256) is None:
        raise document.refuse("sha256", "is not 64 lowercase hexadecimal digits")
    no_link = document.raw.get("no_link", False)
    if not isinstance(no_link, bool):
        raise document.refuse("no_link", "is not true or false")
    mode, placeholder = _prefix(document)
    kind = _PATH_TYPES.get(document.text("path_type"))
    if kind is None:
        raise document.refuse("path_type", "is neither hardlink, softlink nor directory")
    if placeholder is not None and kind is PathType.DIRECTORY:
        raise document.refuse("prefix_placeholder", "stands on a directory", Code.BAD_PLACEHOLDER)
    return PathEntry(
        path=path,
        path_type=kind,
        sha256=sha256,
        size=None if document.raw.get("size_in_bytes") is None else document.integer("size_in_bytes"),
        prefix_placeholder=placeholder,
        file_mode=mode,
        no_link=no_link,
    )


def _prefix(document: Document) -> tuple[FileMode | None, str | None]:
    mode = document.text("file_mode")
    placeholder = document.text("prefix_placeholder")
    if placeholder is None:
        # Some builders write the mode of every file; without a placeholder it says nothing.
        return None, None
    if mode is None:
        raise document.refuse("file_mode", "is missing beside a placeholder", Code.BAD_PLACEHOLDER)
    return _file_mode(mode, document.subject, document.field), _placeholder(
        placeholder, document.subject, document.field
    )


def _file_mode(text: str, subject: str, field: str) -> FileMode:
    try:
        return FileMode(text)
    except ValueError as error:
        raise InvalidInput(
            Code.BAD_PLACEHOLDER,
            f"the file mode {printable(text)!r} is neither text nor binary",
            subject=subject,
            field=field,
        ) from error


def _placeholder(text: str, subject: str, field: str) -> str:
    if len(text) < _SHORTEST_PLACEHOLDER or _ABSOLUTE.match(text) is None or _CONTROL.search(text):
        raise InvalidInput(
            Code.BAD_PLACEHOLDER,
            f"a prefix placeholder is a long absolute path, not {printable(text)!r}",
            subject=subject,
            field=field,
        )
    return text


def _prefix_line(line: str, subject: str) -> tuple[str, FileMode, str]:
    """`path`, or `placeholder mode path`, each perhaps in quotes."""
    try:
        # Not POSIX mode: a backslash in a Windows placeholder is no escape.
        parts = [part.strip("\"'") for part in shlex.split(line, posix=False)]
    except ValueError as error:
        raise InvalidInput(
            Code.BAD_PLACEHOLDER,
            f"cannot be read: {printable(line)!r}",
            subject=subject,
            field=HAS_PREFIX_PATH,
        ) from error
    if len(parts) == 1:
        return DEFAULT_PLACEHOLDER, FileMode.TEXT, parts[0]
    if len(parts) == 3:
        mode = _file_mode(parts[1], subject, HAS_PREFIX_PATH)
        return _placeholder(parts[0], subject, HAS_PREFIX_PATH), mode, parts[2]
    raise InvalidInput(
        Code.BAD_PLACEHOLDER,
        f"a line has neither one nor three parts: {printable(line)!r}",
        subject=subject,
        field=HAS_PREFIX_PATH,
    )


def _lines(info_files: Mapping[str, bytes], name: str, limits: Limits, subject: str) -> list[str]:
    data = info_files.get(name, b"")
    if len(data) > limits.metadata_size:
        raise InvalidInput(Code.LIMIT, "is larger than limit metadata_size", subject=subject, field=name)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput(Code.BAD_METADATA, "is not UTF-8", subject=subject, field=name) from error
    # conda-build on Windows wrote CRLF; other line separators of Unicode may be part of a path.
    return [line for line in (part.removesuffix("\r") for part in text.split("\n")) if line]


def _check_listed(path: str, seen: set[str], limits: Limits, subject: str, field: str) -> None:
    check_path(path, limits, subject=subject, field=field)
    if path in seen:
        raise InvalidInput(Code.DUPLICATE, f"the path {path!r} is listed twice", subject=subject, field=field)
    if path == "info" or path.startswith("info/"):
        raise InvalidInput(
            Code.MISPLACED_INFO,
            f"info/ is not part of the payload, but listed: {path!r}",
            subject=subject,
            field=field,
        )
    seen.add(path)


def _check_count(count: int, limits: Limits, subject: str, field: str) -> None:
    if count > limits.members:
        raise InvalidInput(Code.LIMIT, f"lists more than limit members, {limits.members}", subject=subject, field=field)
