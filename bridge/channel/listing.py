"""What a Simple index lists: projects and their files, read from the wheels themselves."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final

from packaging.utils import InvalidName, NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from bridge.errors import Code, InvalidInput
from bridge.formats.wheel.archive import WheelArchive
from bridge.formats.wheel.core_metadata import parse_core_metadata
from bridge.formats.wheel.filename import WheelFilename, parse_wheel_filename
from bridge.limits import MIB

if TYPE_CHECKING:
    from pathlib import Path, PurePosixPath

    from packaging.specifiers import SpecifierSet

_CHUNK: Final = 1 * MIB
VARIANTS_SUFFIX: Final = "-variants.json"


@dataclass(frozen=True, slots=True)
class ListedFile:
    """One file of an index page. Digests are hexadecimal sha256, sizes are in bytes."""

    project: NormalizedName
    version: Version
    #: path below the indexed directory.
    path: PurePosixPath
    sha256: str
    size: int
    requires_python: SpecifierSet | None = None
    #: digest of the METADATA file that is served beside the wheel (PEP 658, PEP 714); None for other files.
    metadata_sha256: str | None = None
    #: why the file is yanked (PEP 592), maybe an empty string; None where it is not.
    yanked: str | None = None
    #: `Summary` of METADATA.
    summary: str = ""

    @property
    def filename(self) -> str:
        return self.path.name


@dataclass(frozen=True, slots=True)
class Project:
    """All files of one project, by version, then file name."""

    name: NormalizedName
    files: tuple[ListedFile, ...]

    @property
    def versions(self) -> tuple[Version, ...]:
        """Ascending (PEP 440), each once."""
        return tuple(sorted({file.version for file in self.files}))

    @property
    def summary(self) -> str:
        """What the newest wheel says the project is."""
        return next((file.summary for file in reversed(self.files) if file.summary), "")


def digest(file: BinaryIO) -> tuple[str, int]:
    """sha256 (hexadecimal) and size in bytes of an open file, which is left at its start."""
    hasher = hashlib.sha256()
    size = 0
    file.seek(0)
    while chunk := file.read(_CHUNK):
        hasher.update(chunk)
        size += len(chunk)
    file.seek(0)
    return hasher.hexdigest(), size


def read_wheel(source: Path, path: PurePosixPath) -> tuple[ListedFile, bytes]:
    """What a wheel says about itself, and its METADATA.

    Args:
        source: the wheel; its digest is taken from the same open file that the metadata is read from.
        path: where it lies below the indexed directory.

    Raises:
        InvalidInput: the wheel cannot be read, or its name, METADATA and Requires-Python are malformed or
            disagree (`CB1xx`).
    """
    stated = parse_wheel_filename(path.name)
    with WheelArchive(source) as archive:
        sha256, size = digest(archive.file)
        directory = archive.dist_info
        data = archive.read(f"{directory}/METADATA")
    if not _is_of(directory, stated):
        raise InvalidInput(Code.IDENTITY, f"it holds {directory}", subject=path.name)
    core = parse_core_metadata(data, path.name)
    if (core.normalized_name, core.version) != (stated.name, stated.version):
        message = f"it says {core.normalized_name} {core.version}"
        raise InvalidInput(Code.IDENTITY, message, subject=path.name, field="METADATA")
    listed = ListedFile(
        project=core.normalized_name,
        version=core.version,
        path=path,
        sha256=sha256,
        size=size,
        requires_python=core.requires_python,
        metadata_sha256=hashlib.sha256(data).hexdigest(),
        summary=core.summary,
    )
    return listed, data


def read_variants(source: Path, path: PurePosixPath) -> ListedFile:
    """A `{name}-{version}-variants.json` (PEP 825), with the name escaped as in wheels.

    Raises:
        InvalidInput: the file name is not of that form (`CB123`).
    """
    name, _, version = path.name.removesuffix(VARIANTS_SUFFIX).partition("-")
    try:
        project, number = canonicalize_name(name, validate=True), Version(version)
    except (InvalidName, InvalidVersion) as error:
        message = "a variants file is called {name}-{version}-variants.json, with _ for - in the name"
        raise InvalidInput(Code.WHEEL_FILENAME, message, subject=path.name) from error
    with source.open("rb") as file:
        sha256, size = digest(file)
    return ListedFile(project=project, version=number, path=path, sha256=sha256, size=size)


def _is_of(dist_info: str, stated: WheelFilename) -> bool:
    """Spelling may differ between file name and directory; older wheels escaped names in other ways."""
    name, _, version = dist_info.removesuffix(".dist-info").rpartition("-")
    try:
        return canonicalize_name(name) == stated.name and Version(version) == stated.version
    except InvalidVersion:
        return False
