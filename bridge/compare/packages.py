"""The two kinds of artifact, read once and closed: everything that a comparison looks at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bridge.compare.tree import Entry, read_tree
from bridge.errors import Code, Unsupported
from bridge.formats.conda.artifact import open_artifact
from bridge.formats.wheel.filename import WheelFilename
from bridge.formats.wheel.reader import WheelMetadata, open_wheel
from bridge.limits import DEFAULT_LIMITS, MIB
from bridge.model.conda import ArchiveFormat, CondaMetadata, PathEntry
from bridge.model.payload import Member, MemberKind

if TYPE_CHECKING:
    from pathlib import Path

#: a script whose first line may be rewritten; longer ones are data with a script in front.
_SCRIPT_SIZE: Final = 1 * MIB
_METADATA_DIRECTORIES: Final = (".dist-info", ".egg-info")
_METADATA_FILES: Final = frozenset({"METADATA", "PKG-INFO", "WHEEL", "entry_points.txt", "variant.json"})
_PROGRAM_DIRECTORIES: Final = frozenset({"bin", "Scripts", "python-scripts", "scripts"})
#: what the bridge says in a wheel about the conda package that it was made of.
PROVENANCE: Final = ".dist-info/conda/provenance.json"


@dataclass(frozen=True, slots=True)
class CondaPackage:
    """A conda package."""

    filename: str
    format: ArchiveFormat
    metadata: CondaMetadata
    #: the payload, without `info/`.
    tree: Mapping[str, Entry]
    #: every file under `info/`, wherever the archive has it.
    info: Mapping[str, bytes]

    @property
    def entries(self) -> dict[str, PathEntry]:
        """What paths.json (or what came before it) says, by path."""
        return {entry.path: entry for entry in self.metadata.paths}


@dataclass(frozen=True, slots=True)
class WheelPackage:
    """A wheel."""

    filename: WheelFilename
    #: as given.
    name: str
    metadata: WheelMetadata
    #: by name in the wheel; METADATA and the other files of dist-info with their content.
    tree: Mapping[str, Entry]
    empty_directories: tuple[str, ...]
    #: of the file, lowercase hex; None where nobody asks for it.
    sha256: str | None

    @property
    def dist_info(self) -> str:
        return self.metadata.dist_info

    @property
    def data(self) -> str:
        """Name of the directory of schemes, which need not be there."""
        return f"{self.dist_info.removesuffix('.dist-info')}.data"

    def own(self, name: str) -> bytes | None:
        """A file of the dist-info directory."""
        entry = self.tree.get(f"{self.dist_info}/{name}")
        return None if entry is None else entry.content


def is_wheel(path: Path) -> bool:
    """Whether a path is to be read as a wheel."""
    return path.name.endswith(".whl") and not path.is_dir()


def load_conda(path: Path, *, mixed: bool = False) -> CondaPackage:
    """Read a `.conda` or `.tar.bz2` file, or an unpacked conda package.

    Args:
        path: the package.
        mixed: whether it is compared with a wheel, which needs the content of metadata and scripts.

    Raises:
        InvalidInput: any code of the readers.
        Unsupported: CB317, it is no artifact.
    """
    if not path.is_dir() and not path.name.endswith((ArchiveFormat.CONDA.value, ArchiveFormat.TAR_BZ2.value)):
        raise Unsupported(Code.NOT_AN_ARTIFACT, "this is neither a conda package nor a wheel", subject=path.name)
    with open_artifact(path) as artifact:
        metadata = artifact.metadata()
        wanted = _is_text if mixed else _nothing
        tree = read_tree(artifact.members(), DEFAULT_LIMITS, subject=artifact.filename, wanted=wanted)
        return CondaPackage(
            filename=artifact.filename,
            format=artifact.format,
            metadata=metadata,
            tree=tree,
            info={**metadata.info_files, **artifact.late_info()},
        )


def load_wheel(path: Path, *, mixed: bool = False) -> WheelPackage:
    """Read a wheel.

    Args:
        path: the wheel, under its published name.
        mixed: whether it is compared with a conda package, which may name it by its digest.

    Raises:
        InvalidInput: any code of the reader.
    """
    with open_wheel(path) as reader:
        return WheelPackage(
            filename=reader.filename,
            name=path.name,
            metadata=reader.metadata(),
            tree=read_tree(reader.members(), DEFAULT_LIMITS, subject=path.name, wanted=_is_text),
            empty_directories=reader.empty_directories(),
            sha256=reader.origin().sha256 if mixed else None,
        )


def _nothing(_member: Member) -> bool:
    return False


def _is_text(member: Member) -> bool:
    """Python metadata, what the bridge itself wrote, and programs that are small enough to be scripts."""
    directory, _, name = member.path.rpartition("/")
    parent = directory.rpartition("/")[2]
    if parent.endswith(_METADATA_DIRECTORIES) or name.endswith(".egg-info"):
        return name in _METADATA_FILES or name.endswith(".egg-info")
    if member.path.endswith(PROVENANCE):
        return True
    return parent in _PROGRAM_DIRECTORIES and member.size < _SCRIPT_SIZE


def present(entry: Entry | None) -> str | None:
    """An entry as the value of a difference."""
    return None if entry is None else str(entry)


def is_file(entry: Entry | None) -> bool:
    return entry is not None and entry.kind is MemberKind.FILE
