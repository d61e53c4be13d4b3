"""What the binaries in a wheel say about where it runs, by their first bytes and never by the wheel's tags."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bridge.mapping.wheel_platforms import wheel_places
from bridge.model.conda import Subdir
from bridge.model.payload import Nature

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from packaging.tags import Tag

    from bridge.mapping.platforms import Floor
    from bridge.model.payload import ElfFacts, FileFacts, Survey

#: (e_machine, bits, little-endian) -> subdir.
_ELF: Final[dict[tuple[int, int, bool], str]] = {
    (62, 64, True): "linux-64",
    (3, 32, True): "linux-32",
    (183, 64, True): "linux-aarch64",
    (40, 32, True): "linux-armv7l",
    (21, 64, True): "linux-ppc64le",
    (22, 64, False): "linux-s390x",
    (243, 64, True): "linux-riscv64",
}
_MACHO: Final = {"x86_64": "osx-64", "arm64": "osx-arm64"}
#: IMAGE_FILE_HEADER.Machine -> subdir.
_PE: Final = {0x8664: "win-64", 0x14C: "win-32", 0xAA64: "win-arm64"}
_NATIVE: Final = frozenset({Nature.ELF, Nature.MACHO, Nature.PE})
#: `_x.cpython-313t-darwin.so`, `_x.cp312-win_amd64.pyd`, `_x.pypy310-pp73-x86_64-linux-gnu.so`.
_TAGGED: Final = re.compile(
    r".+\.(?:cpython-|cp)(?P<cp>[23][0-9]+[a-z]*)(?:-[^.]+)?\.(?:so|pyd)|.+\.pypy(?P<pp>[23][0-9]+)-pp(?P<abi>[0-9]+)"
    r"(?:-[^.]+)?\.(?:so|pyd)"
)
_IMPORTABLE: Final = re.compile(r"(?!lib)[A-Za-z_]\w*(?:\.abi3)?\.so|[A-Za-z_]\w*\.pyd")
_GLIBC: Final = re.compile(r"GLIBC_(\d+)\.(\d+)(?:\.\d+)?")
#: schemes of `.data` whose files Python does not import.
_NOT_IMPORTED: Final = frozenset({"data", "headers", "scripts"})


@dataclass(frozen=True, slots=True)
class NativeFile:
    """One binary of a wheel."""

    path: str
    nature: Nature
    #: the conda platforms that it is for; empty where conda has none.
    subdirs: tuple[Subdir, ...]
    #: whether Python imports it, told by its name.
    extension: bool = False
    #: the ABI in the name of an extension module (`cp312`, `cp313t`, `pypy310_pp73`); None for abi3 and unnamed.
    abi: str | None = None
    #: the highest GLIBC symbol version that it needs.
    glibc: Floor | None = None
    #: linked against musl.
    musl: bool = False
    #: a Windows program, and no library.
    program: bool = False


@dataclass(frozen=True, slots=True)
class Natives:
    """All binaries of a wheel, in archive order."""

    files: tuple[NativeFile, ...] = ()

    @property
    def extensions(self) -> tuple[NativeFile, ...]:
        """The extension modules."""
        return tuple(file for file in self.files if file.extension)

    @property
    def portable(self) -> bool:
        """Whether a wheel for any platform may have them: files of several systems, of which it picks one itself;
        Windows programs, which setuptools and pip copy to where they are run; or nothing that conda's platforms run.
        """
        return (
            len({file.nature for file in self.files}) > 1
            or all(file.nature is Nature.PE and file.program for file in self.files)
            or not any(file.subdirs for file in self.files)
        )

    def glibc(self) -> Floor | None:
        """The lowest glibc that all have their symbols in; None where none names any."""
        return max((file.glibc for file in self.files if file.glibc is not None), default=None)


def natives_of(survey: Survey) -> Natives:
    """The binaries among the files of a wheel.

    Args:
        survey: one pass over the wheel; only what the first bytes of a file say counts.
    """
    packages = _packages(survey.files)
    return Natives(
        tuple(
            _native(path, survey.files[path], packages) for path in survey.order if survey.files[path].nature in _NATIVE
        )
    )


def essential_files(paths: Collection[str], tags: Iterable[Tag]) -> frozenset[str]:
    """The files that `natives_of` must know whole, if they are binaries: the start of the others says enough.

    Those are extension modules (which C library they are linked against), and all where a tag for Linux leaves the
    lowest glibc open.

    Args:
        paths: names of all files of the wheel.
        tags: those of its file name.
    """
    places = (place for tag in tags for place in wheel_places(tag.platform).places)
    if any(place.floor is None and place.subdir.startswith("linux-") for place in places):
        return frozenset(paths)
    packages = _packages(paths)
    return frozenset(path for path in paths if _extension(path, packages)[0])


def _packages(paths: Iterable[str]) -> set[str]:
    """The directories that Python imports from."""
    return {path.rpartition("/")[0] for path in paths if path.endswith((".py", ".pyi"))}


def _native(path: str, facts: FileFacts, packages: set[str]) -> NativeFile:
    extension, abi = _extension(path, packages)
    elf = facts.elf
    return NativeFile(
        path=path,
        nature=facts.nature,
        subdirs=_subdirs(facts),
        extension=extension,
        abi=abi,
        glibc=None if elf is None else _glibc(elf),
        musl=elf is not None and any(name.startswith("libc.musl-") for name in elf.needed),
        program=facts.pe is not None and not facts.pe.dll,
    )


def _subdirs(facts: FileFacts) -> tuple[Subdir, ...]:
    found: list[str | None] = []
    if facts.elf is not None:
        found.append(_ELF.get((facts.elf.machine, facts.elf.bits, facts.elf.little_endian)))
    if facts.macho is not None:
        found.extend(map(_MACHO.get, facts.macho.architectures))
    if facts.pe is not None:
        found.append(_PE.get(facts.pe.machine))
    return tuple(Subdir(subdir) for subdir in found if subdir is not None)


def _extension(path: str, packages: set[str]) -> tuple[bool, str | None]:
    """Whether Python imports the file, and the ABI that its name says."""
    parts = path.split("/")
    if parts[0].endswith(".data") and len(parts) > 1 and parts[1] in _NOT_IMPORTED:
        return False, None
    directory, _, name = path.rpartition("/")
    if match := _TAGGED.fullmatch(name):
        return True, f"cp{match['cp']}" if match["cp"] else f"pypy{match['pp']}_pp{match['abi']}"
    if name.endswith((".abi3.so", ".pyd")):
        return True, None
    top = not directory or (parts[0].endswith(".data") and len(parts) == 3)
    return bool(_IMPORTABLE.fullmatch(name)) and (top or directory in packages), None


def _glibc(elf: ElfFacts) -> Floor | None:
    floors = [
        (int(match[1]), int(match[2]))
        for names in elf.versions.values()
        for name in names
        if (match := _GLIBC.fullmatch(name)) is not None
    ]
    return max(floors, default=None)
