"""One process's share of planning: the names that it looks at, and the projects whose pages it writes."""

from __future__ import annotations

import gc
import os
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final, Protocol

from bridge.channel.files import replace_file
from bridge.channel.listing import VARIANTS_SUFFIX
from bridge.errors import BridgeError, Code
from bridge.mapping.axes import load_axes
from bridge.mapping.tables import load_tables
from bridge.sync.lazy.forecast import Forecast, Forecaster, Projects
from bridge.sync.lazy.manifest import Name
from bridge.sync.lazy.page import FILES, Meta, Origin, PlannedFile, PlannedPage, write_page
from bridge.sync.lazy.release import Listed, Release, Releases
from bridge.sync.lazy.shelf import DocumentShelf, ShardShelf, Shelf

#: directories of a planned index.
PAGES: Final = "pages"
VARIANTS: Final = "variants"
_UNKNOWN: Final[Mapping[str, str]] = {}
_NEW_FILE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW


class Place(Protocol):
    """Where the records of one platform are; travels to the process that reads them."""

    def open(self) -> Shelf:
        """The records."""


@dataclass(frozen=True, slots=True)
class DocumentPlace:
    """A `repodata.json` on disk, not compressed."""

    path: Path
    subdir: str
    #: its address, for errors.
    subject: str
    #: of shards of the same records.
    digests: Mapping[str, bytes] = field(default_factory=dict)

    def open(self) -> Shelf:
        """Maps it."""
        return DocumentShelf(self.path, self.subdir, self.subject, self.digests)


@dataclass(frozen=True, slots=True)
class ShardPlace:
    """Shards, here or elsewhere."""

    shelf: ShardShelf

    def open(self) -> Shelf:
        """They are fetched when they are asked for."""
        return self.shelf


@dataclass(frozen=True, slots=True)
class Share:
    """What all processes of a run have in common, and which of them this is."""

    places: tuple[Place, ...]
    overlays: tuple[Path, ...]
    reserved_prefix: str
    number: int = 0
    of: int = 1

    def has(self, name: str) -> bool:
        """Whether a name is this process's business."""
        return self.of == 1 or zlib.crc32(name.encode()) % self.of == self.number


@dataclass(slots=True)
class Tally:
    """What a share of the projects came to."""

    #: pages that were written, and projects that have no file.
    written: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    #: records by what becomes of them: `wheel`, or the number of a code.
    records: Counter[str] = field(default_factory=Counter)
    #: wheels and variant wheels that are listed, and releases with variants.
    files: int = 0
    variant_files: int = 0
    families: int = 0
    missing: set[str] = field(default_factory=set)


class Part:
    """A share, with its records open.

    Raises:
        BridgeError: a document or an overlay cannot be read.
    """

    def __init__(self, share: Share) -> None:
        self._share = share
        self._tables = load_tables(share.overlays)
        self._axes = load_axes(share.overlays)
        with without_collection():
            self._shelves = [place.open() for place in share.places]

    def bases(self) -> dict[str, object]:
        """`info.base_url` of each platform, as read."""
        return {shelf.subdir: shelf.base_url for shelf in self._shelves}

    def survey(self, before: Mapping[str, Name]) -> dict[str, Name]:
        """Its names, looking only at records that changed.

        Args:
            before: as of the last run.
        """
        found: dict[str, Name] = {}
        fresh: dict[str, tuple[str, bool]] = {}
        with without_collection():
            stamps: defaultdict[str, list[str]] = defaultdict(list)
            for shelf in self._shelves:
                for name in shelf.names:
                    if self._share.has(name):
                        stamps[name].append(f"{shelf.subdir}:{shelf.stamp(name)}")
            for name, each in stamps.items():
                stamp = ",".join(each)
                last = before.get(name)
                if last is not None and last.stamp == stamp:
                    found[name] = last
                    continue
                entries = (entry for shelf in self._shelves for entry in shelf.entries(name))
                fresh[name] = stamp, any(entry.needs_python() for entry in entries)
            python = {name: flag for name, (_, flag) in fresh.items()}
            projects = Projects(self._tables, python, self._share.reserved_prefix)
            for name, (stamp, flag) in fresh.items():
                found[name] = Name(stamp, flag, projects.project(name))
        return found

    def write(self, names: Mapping[str, Name], wanted: frozenset[str] | None, directory: Path, *, anew: bool) -> Tally:
        """Write the pages of its projects.

        Args:
            names: of the whole channel.
            wanted: names whose projects are planned; None for all.
            directory: of the index, with the directories of its pages and variants.
            anew: whether nothing of it can be read by others yet.
        """
        tally = Tally()
        with without_collection():
            python = {name: each.python for name, each in names.items()}
            forecaster = Forecaster(self._tables, self._axes, python, self._share.reserved_prefix)
            releases = Releases(forecaster, self._axes)
            for project, members in self._projects(names, wanted, tally):
                page, variants = self._page(project, members, forecaster, releases, tally)
                if page.files:
                    _write(directory, page, variants, anew=anew)
                    tally.written.append(project)
                else:
                    tally.empty.append(project)
            tally.missing = forecaster.missing
            if self._share.number == 0:
                tally.records[Code.BAD_IDENTIFIER.number] += sum(len(shelf.rejected) for shelf in self._shelves)
        return tally

    def _projects(
        self, names: Mapping[str, Name], wanted: frozenset[str] | None, tally: Tally
    ) -> Iterator[tuple[str, list[str]]]:
        """Its projects that are to be planned, each with all names of it."""
        refusals = Projects(self._tables, {}, self._share.reserved_prefix)
        by_project: defaultdict[str, list[str]] = defaultdict(list)
        for name, each in names.items():
            if not self._share.has(each.project or name):
                continue
            if each.project:
                by_project[each.project].append(name)
            elif (wanted is None or name in wanted) and (code := refusals.refusal(name)) is not None:
                tally.records[code.number] += sum(len(shelf.entries(name)) for shelf in self._shelves)
        for project in sorted(by_project):
            if wanted is None or not wanted.isdisjoint(by_project[project]):
                yield project, sorted(by_project[project])

    def _page(
        self, project: str, names: Iterable[str], forecaster: Forecaster, releases: Releases, tally: Tally
    ) -> tuple[PlannedPage, Mapping[str, bytes]]:
        builds: defaultdict[str, list[Forecast]] = defaultdict(list)
        left_out: defaultdict[str, list[str]] = defaultdict(list)
        for name in names:
            for shelf in self._shelves:
                for entry in shelf.entries(name):
                    try:
                        forecast = forecaster.forecast(entry)
                    except BridgeError as error:
                        left_out[error.code.number].append(entry.key)
                    else:
                        builds[forecast.version].append(forecast)
        files: list[PlannedFile] = []
        variants: dict[str, bytes] = {}
        for version in sorted(builds):
            release = releases.release(project, version, builds[version])
            for source, code in release.left_out.items():
                left_out[code.number].append(source)
            files.extend(_files(project, version, release))
            if release.variants is not None:
                filename = f"{project.replace('-', '_')}-{version}{VARIANTS_SUFFIX}"
                variants[filename] = release.variants
                files.append(PlannedFile(filename, _url(project, filename), version, _UNKNOWN))
            tally.records["wheel"] += len(builds[version]) - len(release.left_out)
            tally.files += len(release.files)
            if release.variants is not None:
                tally.variant_files += sum(listed.family for listed in release.files)
                tally.families += 1
        for number, sources in left_out.items():
            tally.records[number] += len(sources)
        stated = {number: tuple(sorted(left_out[number])) for number in sorted(left_out)}
        return PlannedPage(Meta(), project, tuple(files), stated), variants


@contextmanager
def without_collection() -> Iterator[None]:
    """Millions of objects without cycles are made here; looking for some among them would double the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _files(project: str, version: str, release: Release) -> Iterator[PlannedFile]:
    for listed in sorted(release.files, key=lambda each: each.filename):
        yield PlannedFile(
            listed.filename,
            _url(project, listed.filename),
            version,
            _UNKNOWN,
            requires_python=listed.requires_python,
            origin=_origin(listed),
        )


def _origin(listed: Listed) -> Origin:
    forecast = listed.forecast
    record = forecast.record
    return Origin(forecast.source, record.digest, record.size, forecast.requires, listed.family)


def _url(project: str, filename: str) -> str:
    # names of wheels need no other escape: they hold letters, digits and `._-!+` only.
    return f"{FILES}/{project}/{filename.replace('+', '%2B')}"


def page_path(directory: Path, project: str) -> Path:
    """Where a planned index has the page of a project: files in one directory, which is cheaper than a directory each.

    Args:
        directory: of the index.
        project: normalised, and therefore the name of a file.
    """
    return directory / PAGES / f"{project}.json"


def variants_path(directory: Path, project: str) -> Path:
    """Where a planned index has the `-variants.json` of a project, if it has any."""
    return directory / VARIANTS / project


def _write(directory: Path, page: PlannedPage, variants: Mapping[str, bytes], *, anew: bool) -> None:
    """The documents of a project; where others may be reading, variants before the page that lists them."""
    if variants:
        place = variants_path(directory, page.name)
        place.mkdir(exist_ok=not anew)
        for name, content in variants.items():
            replace_file(place / name, content)
    if anew:
        _create(page_path(directory, page.name), write_page(page))
        return
    replace_file(page_path(directory, page.name), write_page(page))
    place = variants_path(directory, page.name)
    for old in place.iterdir() if place.is_dir() else ():
        if old.name not in variants:
            old.unlink()


def _create(path: Path, content: bytes) -> None:
    """Where nobody can see it yet, without the ceremony that `replace_file` needs."""
    descriptor = os.open(path, _NEW_FILE, 0o644)
    try:
        written = 0
        while written < len(content):
            written += os.write(descriptor, content[written:] if written else content)
    finally:
        os.close(descriptor)


class _Seat:
    """The share of this process, opened when it is first asked for, so that what is wrong with it is told as it is."""

    def __init__(self, share: Share) -> None:
        self._share = share

    @cached_property
    def part(self) -> Part:
        """Opened."""
        return Part(self._share)


_seat: _Seat | None = None


def take_seat(share: Share) -> None:
    """Make this process the one of a share."""
    global _seat  # noqa: PLW0603 - one per worker process, made by the pool's initializer
    _seat = _Seat(share)


def bases() -> dict[str, object]:
    """`Part.bases` of this process's share."""
    return _opened().bases()


def survey(before: Mapping[str, Name]) -> dict[str, Name]:
    """`Part.survey` of this process's share."""
    return _opened().survey(before)


def write(names: Mapping[str, Name], wanted: frozenset[str] | None, directory: Path, anew: bool) -> Tally:
    """`Part.write` of this process's share."""
    return _opened().write(names, wanted, directory, anew=anew)


def _opened() -> Part:
    if _seat is None:
        raise RuntimeError("the process has no share")
    return _seat.part
