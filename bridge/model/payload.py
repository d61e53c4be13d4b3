"""Facts about the files of an artifact, gathered by one pass over its payload."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class MemberKind(Enum):
    """The only kinds of member that a reader lets through; hard links arrive as files."""

    FILE = "file"
    SYMLINK = "symlink"
    DIRECTORY = "directory"


@dataclass(frozen=True, slots=True)
class Member:
    """One member of an archive: checked path (`/` separators, relative), permission bits, size in bytes."""

    path: str
    kind: MemberKind
    mode: int = 0o644
    size: int = 0
    #: as written in the archive, only for symlinks; resolves inside the prefix.
    link_target: str | None = None


class Nature(Enum):
    """What a file is, told by its first bytes, never by its name."""

    ELF = "elf"
    MACHO = "macho"
    PE = "pe"
    SCRIPT = "script"  # starts with #!
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class RpathEntry:
    """A DT_RPATH or DT_RUNPATH string and where its bytes lie in the file."""

    value: str
    #: offset of the string's first byte in the file.
    offset: int
    runpath: bool
    #: True where another dynamic string ends in the same bytes, so that they must not be overwritten.
    shared: bool


@dataclass(frozen=True, slots=True)
class ElfFacts:
    """What the dynamic section of an ELF file says (System V gABI, chapter 5)."""

    #: e_machine, for example 62 (x86-64) or 183 (AArch64).
    machine: int
    #: 32 or 64.
    bits: int
    little_endian: bool
    soname: str | None = None
    needed: tuple[str, ...] = ()
    rpath: RpathEntry | None = None
    #: library -> symbol versions needed of it (`GLIBC_2.17`, ...).
    versions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    #: PT_INTERP present: an executable.
    interpreter: str | None = None
    #: symbol versions that the file itself defines.
    defined_versions: tuple[str, ...] = ()
    #: system library -> symbols imported that some manylinux policy forbids, although it allows the library.
    forbidden_imports: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MachOFacts:
    """What the load commands of a Mach-O file say."""

    #: architectures, `x86_64` or `arm64`; several in a fat file.
    architectures: tuple[str, ...]
    #: lowest macOS that it runs on, (major, minor), the highest over the slices.
    minimum_os: tuple[int, int] | None = None
    install_name: str | None = None
    dylibs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PeFacts:
    """What the headers of a PE file say."""

    #: IMAGE_FILE_HEADER.Machine, for example 0x8664.
    machine: int
    dll: bool


@dataclass(frozen=True, slots=True)
class BytePatch:
    """A same-length overwrite of part of a file."""

    offset: int
    old: bytes
    new: bytes


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A prefix placeholder inside a binary file: the C string that starts with it, without its NUL."""

    offset: int
    text: bytes


@dataclass(frozen=True, slots=True)
class FileFacts:
    """One payload file: the member, its hash, and what its bytes say."""

    member: Member
    sha256: bytes
    nature: Nature
    elf: ElfFacts | None = None
    macho: MachOFacts | None = None
    pe: PeFacts | None = None
    #: placeholders found in a file that paths.json marks binary.
    occurrences: tuple[Occurrence, ...] = ()
    #: the whole content where planning needs it: dist-info and egg-info metadata, scripts, text-prefix files.
    content: bytes | None = None


@dataclass(frozen=True, slots=True)
class Survey:
    """One pass over a payload: every member in archive order, verified against paths.json."""

    files: Mapping[str, FileFacts]
    #: path -> target as written.
    symlinks: Mapping[str, str]
    #: directories that hold nothing else.
    empty_directories: tuple[str, ...]
    #: order of the archive, files only.
    order: tuple[str, ...]
    #: files under info/ that lie with the payload (`info/licenses/...`), which the metadata does not have.
    info_files: Mapping[str, bytes] = field(default_factory=dict)
