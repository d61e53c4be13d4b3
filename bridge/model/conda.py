"""What a conda package says about itself (CEP 26, CEP 34, CEP 35) as values, parsed once at the edge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NewType

#: A package name that matched CEP 26; made only by `bridge.formats.conda.identifiers`.
CondaName = NewType("CondaName", str)
#: A conda version string that matched CEP 26 (ordering is the solver's business).
CondaVersion = NewType("CondaVersion", str)
#: A platform directory of a channel: `noarch` or `<os>-<machine>`.
Subdir = NewType("Subdir", str)


class ArchiveFormat(Enum):
    """The two archive formats of CEP 35, and a package that lies unpacked in a directory."""

    CONDA = ".conda"
    TAR_BZ2 = ".tar.bz2"
    DIRECTORY = ""


class Noarch(Enum):
    """`noarch` of index.json."""

    NO = None
    GENERIC = "generic"
    PYTHON = "python"


class PathType(Enum):
    """`path_type` of paths.json."""

    HARDLINK = "hardlink"
    SOFTLINK = "softlink"
    DIRECTORY = "directory"


class FileMode(Enum):
    """How a prefix placeholder is replaced: `file_mode` of paths.json."""

    TEXT = "text"
    BINARY = "binary"


@dataclass(frozen=True, slots=True)
class CondaIdentity:
    """`{name}-{version}-{build}`, the stem of a package's file name (CEP 26)."""

    name: CondaName
    version: CondaVersion
    build: str

    @property
    def stem(self) -> str:
        return f"{self.name}-{self.version}-{self.build}"


@dataclass(frozen=True, slots=True)
class IndexJson:
    """`info/index.json` (CEP 34), or a channel's record of the same package."""

    name: CondaName
    version: CondaVersion
    build: str
    build_number: int
    subdir: Subdir
    #: MatchSpec strings as given; every one has been parsed by py-rattler.
    depends: tuple[str, ...] = ()
    constrains: tuple[str, ...] = ()
    noarch: Noarch = Noarch.NO
    #: lower priority for solvers (fewer is better).
    track_features: tuple[str, ...] = ()
    #: start of the build, milliseconds since 1970.
    timestamp: int | None = None
    license: str | None = None
    #: CEP 17; only on `python` itself.
    python_site_packages_path: str | None = None
    #: CEP 45.
    flags: tuple[str, ...] = ()
    #: CEP 44: group -> specs.
    extra_depends: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    schema_version: int = 1
    #: the whole document, for what no field holds.
    raw: Mapping[str, Any] = field(default_factory=dict)

    @property
    def identity(self) -> CondaIdentity:
        return CondaIdentity(self.name, self.version, self.build)


@dataclass(frozen=True, slots=True)
class PathEntry:
    """One entry of `info/paths.json`, or its older equivalents (`info/files`, `has_prefix`, `no_link`)."""

    path: str
    path_type: PathType
    #: lowercase hex; of the target for a softlink. None where the package is older than paths.json.
    sha256: str | None = None
    size: int | None = None
    prefix_placeholder: str | None = None
    file_mode: FileMode | None = None
    no_link: bool = False


@dataclass(frozen=True, slots=True)
class About:
    """`info/about.json`; missing strings are empty."""

    license: str = ""
    license_family: str = ""
    summary: str = ""
    description: str = ""
    home: str = ""
    dev_url: str = ""
    doc_url: str = ""
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an artifact came from and which bytes it was.

    `filename` is the published file name; `channel` a base URL without credentials, or None.
    """

    filename: str
    sha256: str
    md5: str
    size: int
    channel: str | None = None


@dataclass(frozen=True, slots=True)
class CondaMetadata:
    """Everything under `info/`, parsed and checked, without a look at the payload."""

    index: IndexJson
    paths: tuple[PathEntry, ...]
    about: About
    #: console entry points of noarch python, `name = module:attr` as given (`info/link.json`).
    entry_points: tuple[str, ...]
    #: False where paths.json is absent and `paths` was made from the older files (no hashes then).
    has_paths_json: bool
    #: every file under info/ by its path (`info/index.json`, ...), bytes as they are.
    info_files: Mapping[str, bytes]
    #: links under info/ (path -> target), kept for the way back.
    info_links: Mapping[str, str] = field(default_factory=dict)
