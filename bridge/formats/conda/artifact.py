"""One conda package behind one interface: a `.conda` file, a `.tar.bz2` file or an unpacked directory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self

from bridge.errors import Code, InvalidInput
from bridge.formats.conda.archives import CondaFile, TarBz2File
from bridge.formats.conda.directory import UnpackedDirectory
from bridge.formats.conda.identifiers import parse_filename
from bridge.limits import DEFAULT_LIMITS, Limits
from bridge.model.conda import ArchiveFormat

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from types import TracebackType

    from bridge.formats.conda.members import PayloadReader
    from bridge.model.conda import CondaMetadata, Origin
    from bridge.model.payload import Member


class CondaArtifact(Protocol):
    """A conda package that is open for reading: what it hands out has been checked, doubtful input raises."""

    @property
    def filename(self) -> str:
        """The published file name; for a directory `{name}-{version}-{build}`."""
        ...

    @property
    def format(self) -> ArchiveFormat: ...

    def origin(self) -> Origin:
        """Name, SHA-256, MD5 and size in bytes; hashed once, by streaming.

        Raises:
            InvalidInput: CB119 where the file cannot be read or changed.
        """
        ...

    def metadata(self) -> CondaMetadata:
        """Everything under `info/`, read once. In a `.conda` file the payload is not touched.

        Raises:
            InvalidInput: any CB1xx code about `info/`, the container or the identity.
        """
        ...

    def members(self) -> Iterator[tuple[Member, PayloadReader]]:
        """A pass over the payload in archive order, without `info/`; hard links arrive as files.

        A reader is good until the next member is asked for. Every call starts a new pass; closing or dropping
        the iterator ends it.

        Raises:
            InvalidInput: any CB1xx code, at the member concerned; links are followed at the end.
        """
        ...

    def late_info(self) -> Mapping[str, bytes]:
        """Files under `info/` in the payload archive (licences); known after a whole pass, empty before."""
        ...

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def open_artifact(
    path: Path,
    *,
    limits: Limits = DEFAULT_LIMITS,
    filename: str | None = None,
    subdir: str | None = None,
    channel: str | None = None,
) -> CondaArtifact:
    """Open a conda package.

    Args:
        path: a file, or a directory with `info/index.json`.
        limits: bounds on everything that the package can inflate.
        filename: the name that the file was published under, where `path` has another one.
        subdir: the channel's subdir that it must belong to, where that is known.
        channel: the channel's base URL without credentials, for provenance.

    Raises:
        InvalidInput: CB101, CB102 or CB103 (container), CB115 (file name), CB119 (cannot be opened); for a
            directory, any code about `info/`.
    """
    if path.is_dir():
        return UnpackedDirectory(path, limits, filename=filename, subdir=subdir, channel=channel)
    name = path.name if filename is None else filename
    _, archive = parse_filename(name)
    if not path.is_file():
        raise InvalidInput(Code.SOURCE, "there is no such file", subject=name)
    kind = CondaFile if archive is ArchiveFormat.CONDA else TarBz2File
    return kind(path, limits, filename=name, subdir=subdir, channel=channel)
