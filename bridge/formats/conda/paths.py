"""Which paths and links of an archive are safe, whatever system they are unpacked on."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

from bridge.errors import Code, InvalidInput
from bridge.formats.conda.identifiers import printable

if TYPE_CHECKING:
    from bridge.limits import Limits

# Separators of other systems and everything that a terminal or a C string would misread.
_FORBIDDEN: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\\\ud800-\udfff\u2028\u2029]")
#: what nearly all paths are, and safe everywhere: no part starts with a dot, none has a character to look at twice.
_ORDINARY: Final = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9_.+-]*/)*[A-Za-z0-9_][A-Za-z0-9_.+-]*")
_DRIVE: Final = re.compile(r"[A-Za-z]:")
_DOTS: Final = frozenset({"", ".", ".."})

#: ncurses ships its terminal database under first letters of both cases (`share/terminfo/N`,
#: `share/terminfo/n`); it is built and installed only on case-sensitive file systems, where the two are
#: different directories.
CASE_SENSITIVE_TREE: Final = "share/terminfo"

_LINK_HOPS: Final = 40


def check_path(text: str, limits: Limits, *, subject: str, field: str | None = None) -> str:
    """`text` as a relative path in canonical form, with `/` separators.

    Raises:
        InvalidInput: CB104 for anything but plain names joined by single slashes; CB109 for one that is too
            long.
    """

    if len(text) <= limits.name_length <= limits.path_length and _ORDINARY.fullmatch(text):
        return text

    def refuse(code: Code, message: str) -> InvalidInput:
        where = printable(text) if field is None else field
        return InvalidInput(code, message, subject=subject, field=where)

    if not text:
        raise refuse(Code.UNSAFE_PATH, "a path is empty")
    if _FORBIDDEN.search(text):
        raise refuse(Code.UNSAFE_PATH, f"a control character or a backslash in the path {printable(text)!r}")
    if text[0] == "/" or _DRIVE.match(text):
        raise refuse(Code.UNSAFE_PATH, f"an absolute path: {text!r}")
    length = len(text) if text.isascii() else len(text.encode())
    if length > limits.path_length:
        raise refuse(Code.LIMIT, f"a path of {length} bytes; limit path_length is {limits.path_length}")
    parts = text.split("/")
    if not _DOTS.isdisjoint(parts):
        raise refuse(Code.UNSAFE_PATH, f"the path {text!r} is not in its shortest form or leaves the package")
    if length > limits.name_length and any(len(part.encode()) > limits.name_length for part in parts):
        raise refuse(Code.LIMIT, f"a name is longer than limit name_length, {limits.name_length} bytes")
    return text


def check_link(path: str, target: str, limits: Limits, *, subject: str) -> str:
    """`target` of the symbolic link at `path`, which must be relative and stay inside the package as written.

    Raises:
        InvalidInput: CB105 for a link to the outside, CB109 for a target that is too long.
    """

    def refuse(message: str) -> InvalidInput:
        return InvalidInput(Code.UNSAFE_LINK, message, subject=subject, field=path)

    if not target:
        raise refuse("a symbolic link without a target")
    if _FORBIDDEN.search(target):
        raise refuse(f"a control character or a backslash in the link target {printable(target)!r}")
    if target[0] == "/" or _DRIVE.match(target):
        raise refuse(f"a link to an absolute path: {target!r}")
    if len(target.encode()) > limits.path_length:
        raise InvalidInput(Code.LIMIT, "a link target is longer than limit path_length", subject=subject, field=path)
    depth = path.count("/")
    for part in target.split("/"):
        if part == "..":
            depth -= 1
        elif part not in _DOTS:
            depth += 1
        if depth < 0:
            raise refuse(f"a link that leaves the package: {target!r}")
    return target


class PathLedger:
    """Every path of one archive, so that no two members can end up in one place.

    Refused are duplicates, names that differ only in case or Unicode normal form, files that are also
    directories, and members that lie behind a symbolic link.
    """

    def __init__(self, *, subject: str, subdir: str, limits: Limits) -> None:
        self._subject = subject
        self._subdir = subdir
        self._limits = limits
        self._folded: dict[str, str] = {}
        self._members: set[str] = set()
        self._directories: set[str] = set()
        self._links: dict[str, str] = {}

    def __contains__(self, path: str) -> bool:
        return path in self._members

    def is_directory(self, path: str) -> bool:
        """Whether `path` is a directory member or holds a member."""
        return path in self._directories

    def add_file(self, path: str) -> None:
        """Note a regular file.

        Raises:
            InvalidInput: CB104, CB105, CB107, CB108 or CB109.
        """
        self._enter(path)
        if path in self._directories:
            raise self._clash(path, "is a file and a directory")

    def add_link(self, path: str, target: str) -> None:
        """Note a symbolic link.

        Raises:
            InvalidInput: CB104, CB105, CB107, CB108 or CB109.
        """
        self._enter(path)
        if path in self._directories:
            raise InvalidInput(
                Code.UNSAFE_LINK,
                "a symbolic link where other members need a directory",
                subject=self._subject,
                field=path,
            )
        self._links[path] = check_link(path, target, self._limits, subject=self._subject)

    def add_directory(self, path: str) -> None:
        """Note a directory.

        Raises:
            InvalidInput: CB104, CB105, CB107, CB108 or CB109.
        """
        self._enter(path)
        self._directories.add(path)

    def check_links(self) -> None:
        """Follow every symbolic link through the others, as an operating system would.

        Raises:
            InvalidInput: CB105 for one that leaves the package on the way, or that never ends.
        """
        for path in self._links:
            self._resolve(path)

    def _resolve(self, start: str) -> None:
        # No member lies behind a link, so only the last name has to be looked at.
        *place, name = start.split("/")
        pending = [name]
        hops = 0
        while pending:
            part = pending.pop()
            if part in ("", "."):
                continue
            if part == "..":
                if not place:
                    raise InvalidInput(
                        Code.UNSAFE_LINK,
                        "the link leaves the package through other links",
                        subject=self._subject,
                        field=start,
                    )
                place.pop()
                continue
            place.append(part)
            target = self._links.get("/".join(place)) if self._links else None
            if target is not None:
                hops += 1
                if hops > _LINK_HOPS:
                    raise InvalidInput(Code.UNSAFE_LINK, "the link never ends", subject=self._subject, field=start)
                place.pop()
                pending.extend(target.split("/")[::-1])

    def _enter(self, path: str) -> None:
        check_path(path, self._limits, subject=self._subject)
        if self._subdir.startswith("win-") and ":" in path:
            raise InvalidInput(
                Code.UNSAFE_PATH,
                "a colon names a data stream on Windows",
                subject=self._subject,
                field=path,
            )
        if path in self._members:
            raise InvalidInput(Code.DUPLICATE, "two members share this path", subject=self._subject, field=path)
        if len(self._members) >= self._limits.members:
            raise InvalidInput(Code.LIMIT, f"more than limit members, {self._limits.members}", subject=self._subject)
        self._members.add(path)
        self._fold(path)
        parent = path
        while "/" in parent:
            parent = parent[: parent.rindex("/")]
            if parent in self._directories:
                break
            if parent in self._links:
                raise InvalidInput(
                    Code.UNSAFE_LINK,
                    f"the member lies behind the symbolic link {parent!r}",
                    subject=self._subject,
                    field=path,
                )
            if parent in self._members:
                raise self._clash(parent, "is a file and a directory")
            self._directories.add(parent)
            self._fold(parent)

    def _fold(self, path: str) -> None:
        if self._subdir.startswith("linux-") and path.startswith(CASE_SENSITIVE_TREE + "/"):
            return
        other = self._folded.setdefault(fold(path), path)
        if other != path:
            raise self._clash(path, f"clashes with {other!r} where case or Unicode form does not count")

    def _clash(self, path: str, message: str) -> InvalidInput:
        return InvalidInput(Code.NAME_CLASH, f"the path {path!r} {message}", subject=self._subject, field=path)


def fold(path: str) -> str:
    """What `path` is on a file system that ignores case and Unicode normal form."""
    if path.isascii():
        return path.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", path).casefold())
