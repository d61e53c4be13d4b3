"""A Simple index as a source (PEP 503, PEP 691): a directory of pages, or an http(s) address."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from packaging.utils import NormalizedName

from bridge.channel.location import file_path, locate
from bridge.errors import BridgeError, Code, InvalidInput
from bridge.formats.conda.remote import download
from bridge.formats.conda.transport import Absent
from bridge.formats.wheel.archive import WheelArchive
from bridge.formats.wheel.core_metadata import parse_core_metadata
from bridge.formats.wheel.filename import parse_wheel_filename
from bridge.limits import DEFAULT_LIMITS, MIB
from bridge.priority.overlay_fetch import Answer, Question, fetch, origin
from bridge.priority.overlay_report import Left, Tally
from bridge.priority.overlay_source import ACCEPT, IndexFile, read_names, read_project
from bridge.priority.policy import Ecosystem, SourceName
from bridge.sync.source import ABSENT, Facts, Memory, SourceFile, SourceKind, WheelFacts

#: requests at a time.
_REQUESTS: Final = 8
#: of a page; the root page of the largest index has 30 MB.
_PAGE_SIZE: Final = 256 * MIB
#: a token in an address.
_TOKEN: Final = re.compile(r"/t/[^/]+(?=/)")
#: what stands for a page in a directory.
_PAGES: Final = ("index.json", "index.html")


class IndexSource:
    """The wheels of an index that are not yanked; what else it offers is not converted.

    Args:
        address: of the root page, or of a directory with `simple/` in it.
        projects: only these; empty for all that the root page lists.

    Raises:
        InvalidInput: no such directory, or no address of an index (`CB119`).
    """

    kind = SourceKind.INDEX
    #: what wheels require is asked of the mapping data alone.
    channels: tuple[str, ...] = ()

    def __init__(self, address: str | Path, projects: Sequence[NormalizedName] = ()) -> None:
        location = locate(address)
        directory = location.directory
        #: no page of a local index leads out of it.
        self._root = directory
        below = directory is not None and (directory / "simple").is_dir()
        if directory is not None and not below and directory.name == "simple":
            self._root = directory.parent
        self._address = f"{location.address}/simple" if below else location.address
        self.shown = location.shown
        self._projects = tuple(projects)
        self._rejected: tuple[tuple[str, BridgeError], ...] = ()

    def files(self, memory: Memory) -> Iterable[SourceFile]:  # noqa: ARG002 - what it lists says enough
        """By project, version and file name."""
        names = self._projects or read_names(self._page(""))
        rejected: list[tuple[str, BridgeError]] = []
        found: list[SourceFile] = []
        with ThreadPoolExecutor(_REQUESTS) as pool:
            for files, wrong in pool.map(self._project, names):
                found += files
                rejected += wrong
        self._rejected = tuple(sorted(rejected, key=lambda item: item[0]))
        return found

    def look(self, files: Sequence[SourceFile], memory: Memory) -> Mapping[str, Facts]:
        """Reads METADATA from beside the wheel (PEP 658), or out of a local wheel."""
        known = {file.key: memory.recall(file.key, file.identity) for file in files}
        unknown = [file for file in files if known[file.key] is None]
        with ThreadPoolExecutor(_REQUESTS) as pool:
            for file, facts in zip(unknown, pool.map(_metadata, unknown), strict=True):
                if facts is not None:
                    memory.remember(file.key, file.identity, facts)
                known[file.key] = facts
        return {key: Facts(requires=tuple(facts["requires"])) for key, facts in known.items() if facts is not None}

    def rejected(self) -> tuple[tuple[str, BridgeError], ...]:
        """Files that the pages offer in a way that nobody should follow, and pages that cannot be read."""
        return self._rejected

    def fetch(self, file: SourceFile, directory: Path) -> Path:
        """Downloads, and checks the digest of the page; the run checks that of a local file."""
        path = file_path(file.address)
        if path is None:
            return download(file.address, directory, sha256=file.sha256, check_name=parse_wheel_filename)
        if not path.is_file():
            raise Absent(Code.SOURCE, ABSENT, subject=file.key)
        return path

    def _project(self, name: NormalizedName) -> tuple[list[SourceFile], list[tuple[str, BridgeError]]]:
        tally = Tally(SourceName(""), Ecosystem.PYPI, name)
        try:
            project = read_project(self._page(f"{name}/"), name, tally)
        except Absent:
            return [], []
        except BridgeError as error:
            if error.code is Code.SOURCE:
                # The other projects would look as if this one had been removed.
                raise
            return [], [(name, error)]
        found: list[SourceFile] = []
        rejected: list[tuple[str, BridgeError]] = [
            (finding.subject, InvalidInput(finding.code, finding.detail, subject=finding.subject))
            for finding in tally.findings
            if finding.code is not Code.OVERLAY_DROPPED
        ]
        for file in project.files:
            if not file.filename.endswith(".whl") or file.yanked is not None:
                tally.left[Left.KIND] += 1
            elif self._leaves(file):
                message = "the page leads out of the directory of the index"
                rejected.append((file.filename, InvalidInput(Code.SOURCE, message, subject=file.filename)))
            else:
                found.append(_file(project.name, file, self._credited(file.url)))
        return found, rejected

    def _page(self, below: str) -> Answer:
        if self._root is None:
            return fetch(Question(f"{self._address}/{below}", _PAGE_SIZE, ACCEPT))
        for page in _PAGES:
            try:
                return fetch(Question(f"{self._address}/{below}{page}", _PAGE_SIZE))
            except Absent:
                continue
        raise Absent(Code.SOURCE, "there is no page", subject=below or self.shown)

    def _credited(self, url: str) -> str:
        """The address of a file with the index's own credentials, where it lies on the same host: pages have none."""
        own, parts = urlsplit(self._address), urlsplit(url)
        if self._root is not None or origin(url) != origin(self._address):
            return url
        token = _TOKEN.match(own.path)
        path = parts.path if token is None or _TOKEN.match(parts.path) else f"{token[0]}{parts.path}"
        return urlunsplit(parts._replace(netloc=own.netloc, path=path))

    def _leaves(self, file: IndexFile) -> bool:
        if self._root is None:
            return False
        path = file_path(file.url)
        return path is not None and not path.resolve().is_relative_to(self._root.resolve())


def _file(project: NormalizedName, file: IndexFile, address: str) -> SourceFile:
    return SourceFile(
        key=f"{project}/{file.filename}",
        filename=file.filename,
        address=address,
        sha256=file.sha256,
        size=file.size,
        published=file.upload_time,
        wheel=WheelFacts(project, file.version, file.label, file.requires_python),
    )


def _metadata(file: SourceFile) -> dict[str, Any] | None:
    """What METADATA says, as JSON; None where it is not to be had without the wheel."""
    path = file_path(file.address)
    try:
        if path is None:
            question = Question(f"{file.address}.metadata", DEFAULT_LIMITS.headers_size)
            data = fetch(question).body
        else:
            with WheelArchive(path) as archive:
                data = archive.read(f"{archive.dist_info}/METADATA")
        core = parse_core_metadata(data, file.filename)
        return {"requires": [str(requirement) for requirement in core.requires_dist]}
    except (BridgeError, OSError):
        return None
