"""RPATH entries of files in a conda prefix, as directories of that prefix (ld.so(8))."""

from __future__ import annotations

import posixpath
from typing import Final

_TOKENS: Final = ("$ORIGIN", "${ORIGIN}")


def entries(rpath: str) -> tuple[str, ...]:
    """The entries of an RPATH; empty ones, which would mean the working directory, are left out."""
    return tuple(entry for entry in rpath.split(":") if entry)


def directory(entry: str, *, origin: str, placeholder: str | None = None) -> str | None:
    """The directory that an RPATH entry names, relative to the prefix (the prefix itself is empty).

    Args:
        entry: one entry.
        origin: the directory that the file lies in, relative to the prefix.
        placeholder: the prefix that the file was built for, where paths.json records one.

    Returns:
        None where the entry leads out of the prefix, depends on the working directory, or has another token.
    """
    for token in _TOKENS:
        rest = entry.removeprefix(token)
        if rest != entry and rest[:1] in ("", "/"):
            return _inside(f"{origin}/{rest}")
    if placeholder and (entry + "/").startswith(placeholder.rstrip("/") + "/"):
        return _inside(entry[len(placeholder.rstrip("/")) :])
    return None


def relative(target: str, *, origin: str) -> str:
    """The entry that leads from a file in `origin` to the directory `target`, both relative to one root."""
    path = posixpath.relpath("/" + target, "/" + origin)
    return "$ORIGIN" if path == "." else f"$ORIGIN/{path}"


def _inside(path: str) -> str | None:
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    joined = "/".join(parts)
    return None if "$" in joined else joined
