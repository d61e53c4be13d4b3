"""RPATHs for the `shared` layout, overwritten in place: same length, nothing else in the file moves.

The native files of a prefix are mirrored under one directory of site-packages, so that what leads from one
native file to another stays as it is, and only what crosses between modules and native files changes.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.errors import Code, Unrepresentable
from bridge.model.payload import BytePatch
from bridge.native import rpath

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bridge.model.payload import ElfFacts, Occurrence


def plan_rpath(elf: ElfFacts, new: str, *, subject: str | None = None) -> BytePatch | None:
    """Plan to overwrite the RPATH of a file.

    Args:
        elf: its facts.
        new: the RPATH that it shall have; NULs fill the rest of the old one.
        subject: the file's name, for messages.

    Returns:
        None where the RPATH is already that.

    Raises:
        Unrepresentable: CB304, there is no RPATH, it is too short, or its bytes serve other names too.
    """
    old = elf.rpath.value if elf.rpath is not None else ""
    if new == old:
        return None
    if elf.rpath is None:
        raise _refusal(f"the file has no RPATH, and needs {new}", subject)
    if elf.rpath.shared:
        raise _refusal(f"the bytes of the RPATH {old} serve other names too", subject)
    before, after = old.encode(), new.encode()
    if len(after) > len(before):
        raise _refusal(f"the RPATH {old} has no room for {new}", subject)
    return BytePatch(elf.rpath.offset, before, after.ljust(len(before), b"\0"))


def relocated_rpath(
    path_in_prefix: str,
    old: str,
    *,
    site_packages: str,
    libs_dir: str,
    placeholder: str | None = None,
) -> str:
    """Translate the RPATH of a file from its place in a prefix to its place in the `shared` layout.

    Entries that lead to the same place from the new one are kept as spelled; repeated entries collapse.
    Directories beside the prefix that the package was built in are left out: they existed for its build only.

    Args:
        path_in_prefix: of the file.
        old: its RPATH, several entries separated by colons.
        site_packages: relative to the prefix; what lies there keeps its place.
        libs_dir: relative to site-packages, where the prefix's `lib` is mirrored (`_/lib`); the rest of the
            prefix is mirrored beside it.
        placeholder: the prefix that the file was built for, where paths.json records one.

    Raises:
        Unrepresentable: CB304, an entry is absolute or leads out of the prefix.
    """
    layout = _Mirror(site_packages, libs_dir)
    origin = posixpath.dirname(path_in_prefix)
    build_directory = posixpath.dirname(placeholder.rstrip("/")) + "/" if placeholder else None
    new: dict[str, None] = {}
    for entry in rpath.entries(old):
        target = rpath.directory(entry, origin=origin, placeholder=placeholder)
        if target is not None:
            moved = rpath.relative(layout.place(target), origin=layout.place(origin))
            kept = entry.startswith("$") and moved == rpath.relative(target, origin=origin)
            new[entry if kept else moved] = None
        elif not (build_directory and entry.startswith(build_directory)):
            raise _refusal(f"the RPATH entry {entry} leads out of the prefix", path_in_prefix)
    return ":".join(new)


def outside_rpath(occurrences: Iterable[Occurrence], elf: ElfFacts) -> tuple[Occurrence, ...]:
    """Leave out the placeholders that are part of the RPATH, which `plan_rpath` overwrites as a whole."""
    if elf.rpath is None:
        return tuple(occurrences)
    start, end = elf.rpath.offset, elf.rpath.offset + len(elf.rpath.value.encode())
    return tuple(found for found in occurrences if not start <= found.offset < end)


@dataclass(frozen=True, slots=True)
class _Mirror:
    """Where the directories of a prefix are in the `shared` layout, relative to site-packages."""

    site_packages: str
    libs_dir: str

    def place(self, path: str) -> str:
        site_packages = self.site_packages
        if path == site_packages:
            return ""
        if path.startswith(site_packages + "/"):
            return path[len(site_packages) + 1 :]
        if path == "lib" or path.startswith("lib/"):
            return self.libs_dir + path[3:]
        return posixpath.join(posixpath.dirname(self.libs_dir), path)


def _refusal(message: str, subject: str | None) -> Unrepresentable:
    return Unrepresentable(Code.RPATH, message, subject=subject, field="RPATH")
