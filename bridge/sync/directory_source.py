"""A directory of artifacts as a source: no channel, no index, only files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bridge.channel.location import file_path, locate
from bridge.errors import BridgeError, Code, InvalidInput
from bridge.formats.conda.artifact import open_artifact
from bridge.formats.conda.documents import Document
from bridge.formats.conda.index_json import index_from_document
from bridge.formats.conda.transport import Absent
from bridge.formats.wheel.archive import WheelArchive
from bridge.formats.wheel.core_metadata import parse_core_metadata
from bridge.formats.wheel.filename import parse_wheel_filename
from bridge.limits import DEFAULT_LIMITS
from bridge.model.conda import IndexJson
from bridge.sync.channel_source import built, facts_of
from bridge.sync.source import Facts, Memory, SourceFile, SourceKind, WheelFacts
from bridge.translate.to_wheel.names import own_distribution

_SUFFIXES: Final = (".conda", ".tar.bz2", ".whl")


class DirectorySource:
    """Every package file below a directory, those that cannot be read included.

    Raises:
        InvalidInput: there is no such directory (`CB119`).
    """

    kind = SourceKind.DIRECTORY
    #: nobody knows what else there is.
    channels: tuple[str, ...] = ()

    def __init__(self, directory: str | Path) -> None:
        location = locate(directory)
        if location.directory is None:
            raise InvalidInput(Code.SOURCE, "not a directory", subject=location.shown)
        self._directory = location.directory
        self.shown = location.shown

    def files(self, memory: Memory) -> Iterable[SourceFile]:
        """By path. Files that did not change since they were read last are not opened."""
        paths = sorted(path for path in self._directory.rglob("*") if path.name.endswith(_SUFFIXES) and path.is_file())
        return [self._file(path, memory) for path in paths]

    def look(self, files: Sequence[SourceFile], memory: Memory) -> Mapping[str, Facts]:
        """All of it was remembered by `files`."""
        found: dict[str, Facts] = {}
        for file in files:
            document = memory.recall(file.key, file.identity)
            if document and file.is_wheel:
                found[file.key] = Facts(requires=tuple(document["requires"]))
            elif document:
                found[file.key] = facts_of(document)
        return found

    def rejected(self) -> tuple[tuple[str, BridgeError], ...]:
        """Nothing: every file has its outcome."""
        return ()

    def fetch(self, file: SourceFile, directory: Path) -> Path:  # noqa: ARG002 - nothing is downloaded
        """The file itself."""
        path = file_path(file.address)
        if path is None or not path.is_file():
            raise Absent(Code.SOURCE, "the file is there no longer", subject=file.key)
        return path

    def _file(self, path: Path, memory: Memory) -> SourceFile:
        # A name need not be Unicode; what is shown and stored is.
        key = os.fsencode(path.relative_to(self._directory).as_posix()).decode(errors="backslashreplace")
        status = path.stat()
        stamp = str(status.st_mtime_ns)
        identity = f"{status.st_size}:{stamp}"
        known = memory.recall(key, identity)
        if known is None:
            known = _read(path)
            memory.remember(key, identity, known)
        index = _index(path, known)
        return SourceFile(
            key=key,
            filename=path.name,
            address=path.as_uri(),
            size=status.st_size,
            stamp=stamp,
            published=None if index is None else built(index.timestamp),
            index=index,
            wheel=_wheel(path, known),
        )


def _read(path: Path) -> dict[str, Any]:
    """What planning needs, as JSON; empty for a file that cannot be read."""
    try:
        if path.name.endswith(".whl"):
            with WheelArchive(path) as archive:
                data = archive.read(f"{archive.dist_info}/METADATA")
            core = parse_core_metadata(data, path.name)
            requires_python = core.requires_python
            return {
                "requires": [str(requirement) for requirement in core.requires_dist],
                "requires_python": None if requires_python is None else str(requires_python),
            }
        with open_artifact(path) as artifact:
            metadata = artifact.metadata()
        return {"index": dict(metadata.index.raw), "project": own_distribution(metadata)}
    except (BridgeError, OSError):
        return {}


def _index(path: Path, known: Mapping[str, Any]) -> IndexJson | None:
    if "index" not in known:
        return None
    document = Document(known["index"], subject=path.name, field="info/index.json")
    return index_from_document(document, DEFAULT_LIMITS)


def _wheel(path: Path, known: Mapping[str, Any]) -> WheelFacts | None:
    if not path.name.endswith(".whl"):
        return None
    try:
        stated = parse_wheel_filename(path.name)
    except InvalidInput:
        return None
    return WheelFacts(stated.name, stated.version, stated.variant, known.get("requires_python"))
