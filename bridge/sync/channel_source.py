"""A conda channel as a source: a directory, or an http(s) address."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from packaging.utils import canonicalize_name

from bridge.channel.location import file_path, locate
from bridge.channel.repodata import Channel, ChannelRecord, open_channel
from bridge.errors import BridgeError, Code, InvalidInput
from bridge.formats.conda.artifact import open_artifact
from bridge.formats.conda.identifiers import parse_subdir
from bridge.formats.conda.remote import download, open_remote
from bridge.formats.conda.transport import Absent
from bridge.sync.source import ABSENT, Facts, Memory, SourceFile, SourceKind
from bridge.sync.unit import depends_on_python
from bridge.translate.to_wheel.names import own_distribution

#: platforms that a remote channel may have; one without an own list of them is asked for each.
PLATFORMS: Final = (
    *("linux-32", "linux-64", "linux-aarch64", "linux-armv7l", "linux-ppc64le", "linux-riscv64", "linux-s390x"),
    *("osx-64", "osx-arm64", "win-32", "win-64", "win-arm64", "emscripten-wasm32", "wasi-wasm32"),
)
#: requests at a time.
_REQUESTS: Final = 8


class ChannelSource:
    """The records in force (hotfixes included) of some platforms of one channel.

    Args:
        address: a directory, or a file, http or https address, with or without credentials.
        subdirs: the platforms; empty for all that there are. `noarch` is always one.

    Raises:
        InvalidInput: no such directory, or no address of a channel (`CB119`).
    """

    kind = SourceKind.CHANNEL

    def __init__(self, address: str | Path, subdirs: Sequence[str] = ()) -> None:
        location = locate(address)
        self._address = location.address
        self.shown = location.shown
        self._subdirs = tuple(subdirs) or _subdirs(location.directory)
        self._rejected: tuple[tuple[str, BridgeError], ...] = ()

    @property
    def channels(self) -> tuple[str, ...]:
        """The channel itself."""
        return (self._address,)

    def files(self, memory: Memory) -> Iterable[SourceFile]:  # noqa: ARG002 - what it lists says enough
        """Its records, by name, platform and file name."""
        channel = open_channel(self._address, subdirs=self._subdirs)
        found = list(_files(channel))
        self._rejected = channel.rejected
        return found

    def look(self, files: Sequence[SourceFile], memory: Memory) -> Mapping[str, Facts]:
        """Reads `info/`; of a remote `.conda` that takes two small requests."""
        known = {file.key: memory.recall(file.key, file.identity) for file in files}
        unknown = [file for file in files if known[file.key] is None]
        with ThreadPoolExecutor(_REQUESTS) as pool:
            for file, facts in zip(unknown, pool.map(_project, unknown), strict=True):
                if facts is not None:
                    memory.remember(file.key, file.identity, facts)
                known[file.key] = facts
        return {key: facts_of(facts) for key, facts in known.items() if facts is not None}

    def rejected(self) -> tuple[tuple[str, BridgeError], ...]:
        """Records that break a rule."""
        return self._rejected

    def fetch(self, file: SourceFile, directory: Path) -> Path:
        """Downloads, and checks the digest of the record; the workshop checks that of a local file."""
        path = file_path(file.address)
        if path is None:
            return download(file.address, directory, sha256=file.sha256)
        if not path.is_file():
            raise Absent(Code.SOURCE, ABSENT, subject=file.key)
        return path


def facts_of(document: Mapping[str, Any]) -> Facts:
    """What was remembered about a conda package."""
    project = document.get("project")
    return Facts(project=canonicalize_name(project) if isinstance(project, str) and project else None)


def _subdirs(directory: Path | None) -> tuple[str, ...]:
    """All platforms: what a directory has, or what any channel may have."""
    if directory is None:
        return PLATFORMS
    return tuple(sorted(entry.name for entry in directory.iterdir() if entry.is_dir() and _is_subdir(entry.name)))


def _is_subdir(name: str) -> bool:
    try:
        parse_subdir(name, subject=name, field="subdir")
    except InvalidInput:
        return False
    return True


def _files(channel: Channel) -> Iterator[SourceFile]:
    for name in channel.names:
        for record in channel.records(name):
            yield _file(record)


def _file(record: ChannelRecord) -> SourceFile:
    path = file_path(record.address)
    return SourceFile(
        key=f"{record.index.subdir}/{record.filename}",
        filename=record.filename,
        address=record.address,
        sha256=record.sha256,
        size=record.size,
        # A record without any digest is told apart by what it says.
        stamp=record.md5 or "",
        published=built(record.index.timestamp),
        index=record.index,
        absent=path is not None and not path.is_file(),
    )


def built(timestamp: int | None) -> datetime | None:
    """The time that a record states, in milliseconds since 1970; None where it is no time."""
    if not timestamp:
        return None
    try:
        return datetime.fromtimestamp(timestamp / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _project(file: SourceFile) -> dict[str, Any] | None:
    """What `info/` says; None where it cannot be read, now or at all."""
    path = file_path(file.address)
    if path is None and file.index is not None and not depends_on_python(file.index):
        # Requests that would find no project.
        return {}
    try:
        with open_remote(file.address) if path is None else open_artifact(path) as package:
            return {"project": own_distribution(package.metadata())}
    except (BridgeError, OSError):
        return None
