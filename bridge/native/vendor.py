"""Which libraries a wheel takes along from a prefix, under which names, and what changes for that.

The search is the loader's: the RPATH of the file that needs a library, then the prefix's `lib`. Every library
gets a name of its own, so that the loader never takes one of the same soname that Python has loaded already.
"""

from __future__ import annotations

import posixpath
import re
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from bridge.errors import Code, Unrepresentable
from bridge.model.plan import ElfPatch
from bridge.native import rpath

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from bridge.model.payload import ElfFacts
    from bridge.native.policy import SystemPolicy
    from bridge.native.prefix import PrefixFile, PrefixView

_LIBPYTHON: Final = re.compile(r"libpython\d")
_LIB: Final = "lib"


@dataclass(frozen=True, slots=True)
class Module:
    """A binary of the wheel itself."""

    #: path in the wheel, relative to site-packages once installed.
    target: str
    #: path in the prefix.
    path: str
    elf: ElfFacts


@dataclass(frozen=True, slots=True)
class VendoredLibrary:
    """A library that the wheel takes along."""

    #: as in `PrefixFile`.
    provider: str | None
    #: real path in the prefix.
    path: str
    #: the name that it had for the loader.
    soname: str
    #: its soname and file name in the wheel.
    name: str
    #: path in the wheel.
    target: str
    sha256: bytes
    elf: ElfFacts


@dataclass(frozen=True, slots=True)
class VendorPlan:
    """What to take along and what to change, in an order that depends on the input alone."""

    #: by path in the wheel.
    libraries: tuple[VendoredLibrary, ...]
    #: path in the wheel -> change; files that stay as they are have none.
    patches: Mapping[str, ElfPatch]
    #: names that were needed and are in the wheel now, for `SystemPolicy.floor`.
    shipped: frozenset[str]
    #: names that are left to the system.
    system: frozenset[str]


def plan_vendoring(
    modules: Iterable[Module],
    prefix: PrefixView,
    policy: SystemPolicy,
    *,
    libs_dir: str,
    dlopened: Iterable[str] = (),
) -> VendorPlan:
    """Plan the vendoring of everything that modules need, directly or not, except what systems have.

    Args:
        modules: the binaries of the wheel.
        prefix: all files of the package and of those that it depends on.
        policy: the systems that the wheel is for.
        libs_dir: directory for the libraries in the wheel, `<name>.libs`.
        dlopened: names in the prefix's `lib` of libraries that are loaded at run time; they keep that name.

    Raises:
        Unrepresentable: CB305, a library is nowhere in the prefix, or is Python itself; CB304, a module is
            not in site-packages, so that nothing leads from it to the libraries; CB309, two libraries would
            get one name.
    """
    search = _Search(tuple(sorted(modules, key=lambda module: module.target)), prefix, policy)
    extra = [search.by_name(name) for name in sorted(set(dlopened))]
    search.run()
    libraries = {path: _library(found, libs_dir, keep_name=path in extra) for path, found in search.found.items()}
    by_target = _by_target(libraries.values())
    patches: dict[str, ElfPatch] = {}
    for module in search.modules:
        patch = _patch(module.target, module.elf, search.needs[module.path], libraries, libs_dir, bool(extra))
        if patch is not None:
            patches[module.target] = patch
    for path, library in libraries.items():
        patch = _patch(library.target, library.elf, search.needs[path], libraries, libs_dir, bool(extra))
        if patch is not None or library.name != library.elf.soname:
            patch = patch or ElfPatch()
            patches[library.target] = ElfPatch(library.name, patch.needed, patch.rpath)
    return VendorPlan(
        libraries=tuple(by_target[target] for target in sorted(by_target)),
        patches={target: patches[target] for target in sorted(patches)},
        shipped=frozenset(name for needs in search.needs.values() for name in needs),
        system=frozenset(search.system),
    )


@dataclass(frozen=True, slots=True)
class _Found:
    """A library to take along, and the name that it was first needed by."""

    file: PrefixFile
    elf: ElfFacts
    name: str


@dataclass(slots=True)
class _Search:
    """A walk over everything that is needed, breadth first in sorted order."""

    modules: tuple[Module, ...]
    prefix: PrefixView
    policy: SystemPolicy
    #: libraries to take along, by real path.
    found: dict[str, _Found] = field(default_factory=dict)
    #: path of a file -> needed name -> what it is.
    needs: dict[str, dict[str, PrefixFile | Module]] = field(default_factory=dict)
    system: set[str] = field(default_factory=set)
    _queue: deque[tuple[str, ElfFacts]] = field(default_factory=deque)

    def run(self) -> None:
        own = {module.path: module for module in self.modules}
        self._queue.extendleft((module.path, module.elf) for module in self.modules[::-1])
        while self._queue:
            path, elf = self._queue.popleft()
            needs = self.needs.setdefault(path, {})
            for name in elf.needed:
                file = self._resolve(path, elf, name, own)
                if file is None:
                    self.system.add(name)
                elif file.path in own:
                    needs[name] = own[file.path]
                else:
                    needs[name] = file
                    self._take(file, name)

    def by_name(self, name: str) -> str:
        """Take a library along by its name in the prefix's `lib`; returns its real path."""
        file = None if "/" in name else self.prefix.find(f"{_LIB}/{name}")
        if file is None or file.elf is None:
            raise _not_found(name, "the package, at run time")
        self._take(file, name)
        return file.path

    def _take(self, file: PrefixFile, name: str) -> None:
        if file.path not in self.found and file.elf is not None:
            self.found[file.path] = _Found(file, file.elf, name)
            self._queue.append((file.path, file.elf))

    def _resolve(self, path: str, elf: ElfFacts, name: str, own: Collection[str]) -> PrefixFile | None:
        """The file that `name` means for the binary at `path`; None where it is the system's."""
        origin = posixpath.dirname(path)
        places = rpath.entries(elf.rpath.value) if elf.rpath is not None else ()
        directories = [rpath.directory(entry, origin=origin) for entry in places]
        candidates = (
            self.prefix.find(f"{directory}/{name}")
            for directory in [*directories, _LIB]
            # A name with a slash is a path for the loader, and not searched for.
            if directory is not None and "/" not in name
        )
        file = next((file for file in candidates if file is not None and _loads(elf, file.elf)), None)
        # A package's private copy of a system library stays in use; anything else is left to the system.
        if file is not None and file.path in own:
            return file
        if self.policy.provided_by_system(name):
            return None
        if _LIBPYTHON.match(name):
            raise Unrepresentable(
                Code.LIBRARY_NOT_FOUND,
                f"needs {name}, Python itself, which a wheel must not carry",
                subject=path,
                field=name,
            )
        if file is None:
            raise _not_found(name, path)
        return file


def _loads(elf: ElfFacts, other: ElfFacts | None) -> bool:
    # The loader skips libraries for another machine and searches on.
    return other is not None and (other.machine, other.bits, other.little_endian) == (
        elf.machine,
        elf.bits,
        elf.little_endian,
    )


def _library(found: _Found, libs_dir: str, *, keep_name: bool) -> VendoredLibrary:
    file = found.file
    # A soname is whatever the file says, and becomes a file name here.
    soname = found.elf.soname
    if not soname or "/" in soname:
        soname = found.name
    name = found.name if keep_name else unique_name(soname, file.sha256)
    return VendoredLibrary(file.provider, file.path, soname, name, f"{libs_dir}/{name}", file.sha256, found.elf)


def _by_target(libraries: Iterable[VendoredLibrary]) -> dict[str, VendoredLibrary]:
    """Where two packages bring the same bytes, one copy serves both."""
    found: dict[str, VendoredLibrary] = {}
    for library in libraries:
        other = found.setdefault(library.target, library)
        if other.sha256 != library.sha256:
            raise Unrepresentable(
                Code.COLLISION, f"{other.path} and {library.path} would share a name", subject=library.target
            )
    return found


def unique_name(soname: str, sha256: bytes) -> str:
    """`libfoo.so.1` -> `libfoo-<8 hexadecimal digits>.so.1`, by the digest of the original file."""
    stem, extension, version = soname.partition(".so")
    return f"{stem}-{sha256.hex()[:8]}{extension}{version}"


def _patch(
    target: str,
    elf: ElfFacts,
    needs: Mapping[str, PrefixFile | Module],
    libraries: Mapping[str, VendoredLibrary],
    libs_dir: str,
    dlopens: bool,
) -> ElfPatch | None:
    """The new names and the shortest RPATH for a file at `target`; None where both are as they should be."""
    renamed: dict[str, str] = {}
    directories: dict[str, None] = {libs_dir: None} if dlopens else {}
    for name, file in needs.items():
        if isinstance(file, Module):
            directories[posixpath.dirname(file.target)] = None
        else:
            library = libraries[file.path]
            directories[libs_dir] = None
            if library.name != name:
                renamed[name] = library.name
    if directories and target.split("/")[0].endswith(".data"):
        raise Unrepresentable(
            Code.RPATH, "lies outside site-packages, where no RPATH leads to the libraries", subject=target
        )
    origin = posixpath.dirname(target)
    wanted = ":".join(rpath.relative(directory, origin=origin) for directory in directories)
    current = elf.rpath.value if elf.rpath is not None else ""
    if not renamed and wanted == current:
        return None
    return ElfPatch(needed=renamed, rpath=wanted)


def _not_found(name: str, needed_by: str) -> Unrepresentable:
    return Unrepresentable(
        Code.LIBRARY_NOT_FOUND,
        f"{needed_by} needs {name}, which no package in reach provides",
        subject=needed_by,
        field=name,
    )
