"""Which member names a wheel may have, and which of them clash.

A wheel is unpacked on file systems with different ideas of sameness, so names are compared in Unicode normal
form C and without regard to case, and no name may be a directory of another.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import Enum
from typing import Final

#: a zip header holds the length of a name in 16 bits.
_LONGEST: Final = 0xFFFF
#: terminal names (ncurses) that differ in case alone; only systems that tell them apart have such a tree.
_TERMINFO: Final = "/share/terminfo/"
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_NO_NAMES: Final = frozenset({"", ".", ".."})


class Problem(Enum):
    """What is wrong with a name."""

    UNSAFE = "unsafe"
    DUPLICATE = "duplicate"
    CLASH = "clash"


@dataclass(frozen=True, slots=True)
class Objection:
    """A name that cannot be a member, and why (a clause that follows the name)."""

    problem: Problem
    reason: str


def unsafe_reason(name: str) -> str | None:
    """Why `name` must not be unpacked on some system, or None; `/` is the only separator allowed."""
    if not name:
        return "is empty"
    if "\\" in name:
        return "contains a backslash, a separator on Windows"
    if ":" in name:
        return "contains a colon, which names a drive or a stream on Windows"
    if _CONTROL.search(name):
        return "contains a control character"
    parts = name.split("/")
    if not parts[0]:
        return "is absolute"
    if not _NO_NAMES.isdisjoint(parts):
        return "has an empty, `.` or `..` component"
    try:
        length = len(name.encode("utf-8"))
    except UnicodeEncodeError:
        return "is not valid Unicode"
    return "is longer than a zip archive allows" if length > _LONGEST else None


class MemberNames:
    """The names of one archive so far.

    Args:
        case_sensitive_trees: name prefixes (`pkg/share/terminfo/`) that are only ever unpacked on case-
            sensitive file systems; below them names may differ in case alone.
    """

    def __init__(self, case_sensitive_trees: tuple[str, ...] = ()) -> None:
        self._trees = case_sensitive_trees
        self._files: dict[str, str] = {}
        self._directories: dict[str, str] = {}

    def __contains__(self, name: str) -> bool:
        return self._files.get(self._key(name)) == name

    def claim(self, name: str) -> Objection | None:
        """Take `name` for a file, or say why it cannot be taken (and then leave it free)."""
        reason = unsafe_reason(name)
        if reason is not None:
            return Objection(Problem.UNSAFE, reason)
        key = self._key(name)
        taken = self._files.get(key)
        if taken is not None:
            if taken == name:
                return Objection(Problem.DUPLICATE, "is there twice")
            return Objection(Problem.CLASH, f"differs only in case or Unicode form from {taken!r}")
        below = self._directories.get(key)
        if below is not None:
            return Objection(Problem.CLASH, f"is a file, and the directory of {below!r}")
        parents = self._new_parents(key)
        for parent in parents:
            if parent in self._files:
                return Objection(Problem.CLASH, f"lies below the file {self._files[parent]!r}")
        for parent in parents:
            self._directories[parent] = name
        self._files[key] = name
        return None

    def claim_directory(self, name: str) -> Objection | None:
        """Take `name`, without a final separator, for a directory entry of a foreign archive."""
        reason = unsafe_reason(name)
        if reason is not None:
            return Objection(Problem.UNSAFE, reason)
        key = self._key(name)
        for parent in (key, *self._new_parents(key)):
            if parent in self._files:
                return Objection(Problem.CLASH, f"is a directory, and {self._files[parent]!r} a file")
            self._directories.setdefault(parent, name)
        return None

    def _new_parents(self, key: str) -> list[str]:
        parents = []
        slash = key.rfind("/")
        while slash > 0:
            parent = key[:slash]
            if parent in self._directories:
                break
            parents.append(parent)
            slash = key.rfind("/", 0, slash)
        return parents

    def _key(self, name: str) -> str:
        for tree in self._trees:
            if name.startswith(tree):
                return _folded(tree) + unicodedata.normalize("NFC", name[len(tree) :])
        head, tree, rest = f"/{name}".partition(_TERMINFO)
        return _folded(head[1:] + tree) + unicodedata.normalize("NFC", rest) if tree else _folded(name)


def _folded(name: str) -> str:
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
