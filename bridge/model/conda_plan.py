"""The full decision about one conda package that is made of a wheel, as data, before a byte is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bridge.model.conda import ArchiveFormat, CondaIdentity, FileMode, Origin, Subdir
from bridge.model.payload import BytePatch
from bridge.model.plan import Literal, Loss, Variant

#: where about.json's `extra` says what the package was made of.
ABOUT_KEY: Final = "conda-wheel-bridge"


@dataclass(frozen=True, slots=True)
class FromWheel:
    """A member of the wheel, after same-length overwrites."""

    member: str
    patches: tuple[BytePatch, ...] = ()


@dataclass(frozen=True, slots=True)
class Placeholder:
    """What installers replace by the prefix (`prefix_placeholder` and `file_mode` of paths.json)."""

    text: str
    file_mode: FileMode


@dataclass(frozen=True, slots=True)
class CondaFile:
    """One file of the package to be."""

    #: relative to the prefix.
    path: str
    source: FromWheel | Literal
    #: permission bits.
    mode: int = 0o644
    #: digest of the bytes as they will be in the package, where it is known.
    sha256: bytes | None = None
    placeholder: Placeholder | None = None
    no_link: bool = False


@dataclass(frozen=True, slots=True)
class CondaLink:
    """A symbolic link, which only packages that came from conda have."""

    path: str
    target: str
    #: of the file that it leads to, where known.
    sha256: bytes | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class MadeInfo:
    """`info/` of a package that is made: the documents of CEP 34 as values, further files as bytes."""

    index: Mapping[str, Any]
    about: Mapping[str, Any]
    #: `link.json`, for noarch python.
    link: Mapping[str, Any] | None = None
    #: by path (`info/licenses/LICENSE`).
    files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RestoredInfo:
    """`info/` of a package that is restored: every file as it was."""

    #: by path (`info/index.json`, ...).
    files: Mapping[str, bytes]
    #: links below `info/`: path -> target.
    links: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CondaPlan:
    """How one wheel becomes one conda package; a wheel may have several plans."""

    origin: Origin
    identity: CondaIdentity
    subdir: Subdir
    info: MadeInfo | RestoredInfo
    #: sorted by path.
    files: tuple[CondaFile, ...]
    losses: tuple[Loss, ...]
    #: requirements as written to index.json.
    depends: tuple[str, ...]
    format: ArchiveFormat = ArchiveFormat.CONDA
    links: tuple[CondaLink, ...] = ()
    #: path -> permission bits of directories that hold nothing.
    empty_directories: Mapping[str, int] = field(default_factory=dict)
    #: group -> {name: object reference} of the wheel.
    entry_points: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    #: native files by path, for `inspect`.
    native_files: tuple[Mapping[str, Any], ...] = ()
    #: which variant of its release the wheel was.
    variant: Variant | None = None
    #: of several packages with one name, the greatest is kept.
    preference: tuple[int, ...] = ()

    @property
    def filename(self) -> str:
        """`{name}-{version}-{build}` and the format's suffix."""
        return f"{self.identity.stem}{self.format.value}"
