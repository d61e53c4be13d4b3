"""Writing the index files of a conda channel from the packages that lie in it.

```
DIR/<subdir>/*.conda, *.tar.bz2       read
DIR/*-none-any.whl                    read; offered as they are, in `noarch`
DIR/<subdir>/repodata.json, .zst      written (CEPs 36 and 48), `noarch` always (CEP 26)
DIR/<subdir>/repodata_shards.msgpack.zst, shards/<sha256>.msgpack.zst    written (CEP 16)
DIR/<subdir>/run_exports.json, .zst   written (CEP 12)
```

The same files give the same bytes: nothing is taken from a clock. Records of packages that did not change are
kept, with what was mended in them.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rattler import Version
from rattler.exceptions import InvalidVersionError

from bridge.channel.index_files import stale_files, write_index_files
from bridge.channel.known_index import REPODATA, KnownIndex, read_known
from bridge.channel.package_record import PackageRecord, read_package
from bridge.channel.record_check import unreadable
from bridge.channel.repodata_output import repodata, run_exports
from bridge.channel.simple import FOR_HOST
from bridge.channel.wheel_record import NOARCH, WheelRecord, is_pure, wheel_record
from bridge.errors import BridgeError, Code, InvalidInput, Unrepresentable, Unsupported
from bridge.formats.conda.identifiers import parse_filename, parse_subdir, printable
from bridge.formats.wheel.filename import parse_wheel_filename
from bridge.limits import MIB
from bridge.mapping.pypi_names import PypiNames
from bridge.model.conda import ArchiveFormat, Subdir
from bridge.model.plan import Loss

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator
    from pathlib import Path

    from bridge.channel.listing import ListedFile
    from bridge.mapping.tables import Tables
    from bridge.model.conda import CondaIdentity, CondaName

    #: a version that rattler cannot read is a string.
    _Release = tuple[CondaName, Version | str]

_ARCHIVES: Final = (ArchiveFormat.CONDA.value, ArchiveFormat.TAR_BZ2.value)
#: hashing and unpacking release the interpreter's lock; below this size threads cost more than they give.
_LARGE: Final = 2 * MIB


@dataclass(frozen=True, slots=True)
class SubdirReport:
    """What the index of one platform directory came to hold; counts of records."""

    subdir: Subdir
    packages: int
    #: of those, the ones that only repodata v3 can say.
    later: int
    #: wheels that are offered as they are.
    wheels: int


@dataclass(frozen=True, slots=True)
class ChannelReport:
    """What a channel's index came to hold.

    `rejected` has the path below the directory and the reason of each package that is not listed, sorted; `losses` what
    is not offered (CB250) or contradicts the index (CB257), which leaves the index itself sound.
    """

    subdirs: tuple[SubdirReport, ...]
    rejected: tuple[tuple[str, BridgeError], ...] = ()
    losses: tuple[Loss, ...] = ()


def write_conda_index(
    directory: Path, wheels: Iterable[ListedFile], tables: Tables, *, same_names: bool = False, jobs: int = 1
) -> ChannelReport | None:
    """Index the conda channel in a directory.

    Args:
        directory: one with at least one platform directory that holds a package; else it is no channel.
        wheels: what the package index lists; those right in `directory` that are pure are offered in `noarch`.
        tables: names of PyPI projects, for the wheels.
        same_names: whether a project that no table knows is taken for the conda package of the same name.
        jobs: threads that read large packages.

    Returns:
        what is listed and what is not; None where there is no channel.

    Raises:
        Unsupported: something else than an index file is in the way (CB322).
    """
    subdirs, links = _subdirs(directory)
    if not subdirs:
        return None
    rejected: dict[str, BridgeError] = dict(links)
    losses: list[Loss] = []
    known: dict[Subdir, KnownIndex] = {}
    for subdir in sorted({*subdirs, NOARCH}):
        try:
            known[subdir] = read_known(directory, subdir)
        except Unsupported as error:
            rejected[f"{subdir}/{REPODATA}"] = error
    packages: dict[Subdir, list[PackageRecord]] = {}
    for subdir in known:
        packages[subdir] = []
        for path, result in _read_all(directory / subdir, subdir, known[subdir], jobs):
            if isinstance(result, PackageRecord):
                packages[subdir].append(result)
            else:
                rejected[f"{subdir}/{path.name}"] = result
    released = {_release(one.identity) for found in packages.values() for one in found}
    wheels = sorted((one for one in wheels if one.filename.endswith(".whl")), key=lambda one: one.filename)
    offered: list[WheelRecord] = []
    if wheels and NOARCH in packages:
        names = _names(wheels, tables, same_names)
        offered.extend(_offered(directory, wheels, names, released, losses))
    reports = []
    for subdir, found in packages.items():
        served = offered if subdir == NOARCH else []
        refused = unreadable(subdir, found, served)
        rejected.update((f"{subdir}/{one.filename}", refused[one.filename]) for one in found if one.filename in refused)
        losses += [_not_offered(one.filename, refused[one.filename]) for one in served if one.filename in refused]
        found = [one for one in found if one.filename not in refused]
        served = [one for one in served if one.filename not in refused]
        document = repodata(subdir, found, served, relations=known[subdir].relations)
        write_index_files(directory / subdir, document, run_exports(subdir, found))
        losses += stale_files(directory / subdir, subdir)
        later = sum(1 for one in found if one.revision > 1)
        reports.append(SubdirReport(subdir, len(found), later, len(served)))
    return ChannelReport(tuple(reports), tuple(sorted(rejected.items())), tuple(losses))


def _subdirs(directory: Path) -> tuple[list[Subdir], list[tuple[str, BridgeError]]]:
    """The platform directories that hold packages or an index, or none where nothing holds any package; and links."""
    indexed: list[Subdir] = []
    links: list[tuple[str, BridgeError]] = []
    holding = False
    for entry in sorted(directory.iterdir()):
        if entry.name == FOR_HOST or not entry.is_dir():
            continue
        try:
            subdir = parse_subdir(entry.name, subject=entry.name, field="subdir")
        except InvalidInput:
            continue
        holds = any(_is_package_name(path.name) for path in _archives(entry))
        if holds and entry.is_symlink():
            message = "a link to a directory is not followed"
            links.append((entry.name, InvalidInput(Code.SOURCE, message, subject=entry.name)))
        elif holds or (not entry.is_symlink() and (entry / REPODATA).is_file()):
            indexed.append(subdir)
            holding |= holds
    return (indexed if holding else []), links


def _archives(directory: Path) -> Iterator[Path]:
    if directory.is_dir():
        yield from (
            path for path in directory.iterdir() if path.name.endswith(_ARCHIVES) and not path.name.startswith(".")
        )


def _is_package_name(name: str) -> bool:
    try:
        parse_filename(name)
    except InvalidInput:
        return False
    return True


def _read_all(
    directory: Path, subdir: Subdir, known: KnownIndex, jobs: int
) -> Iterator[tuple[Path, PackageRecord | BridgeError]]:
    """Every package of a platform directory by file name, or what is wrong with it."""

    def read(path: Path) -> PackageRecord | BridgeError:
        try:
            if not path.is_file():
                raise InvalidInput(Code.UNREADABLE, "not a regular file", subject=printable(path.name))
            return read_package(path, subdir, known.records.get(path.name), known.run_exports.get(path.name))
        except BridgeError as error:
            return error

    paths = sorted(_archives(directory))
    with ThreadPoolExecutor(jobs) as executor:
        large = {path: executor.submit(read, path) for path in paths if path.is_file() and path.stat().st_size > _LARGE}
        for path in paths:
            yield path, large[path].result() if path in large else read(path)


def _offered(
    directory: Path,
    wheels: Iterable[ListedFile],
    names: PypiNames,
    released: Container[_Release],
    losses: list[Loss],
) -> Iterator[WheelRecord]:
    """Records of the pure wheels right in the directory whose release no package is of."""
    seen: dict[str, str] = {}
    for listed in wheels:
        stated = parse_wheel_filename(listed.filename)
        if len(listed.path.parts) > 1 or not is_pure(stated):
            continue
        try:
            if stated.variant is not None or listed.yanked is not None:
                reason = "it is yanked" if stated.variant is None else f"it is variant {stated.variant}"
                raise Unrepresentable(Code.NOT_OFFERED, reason)
            record = wheel_record(directory / listed.path, listed, names)
            if _release(record.identity) in released:
                continue
            if record.key in seen:
                message = f"{seen[record.key]} has the same name, version and build on the conda side"
                raise Unrepresentable(Code.NOT_OFFERED, message)
        except BridgeError as error:
            losses.append(_not_offered(listed.filename, error))
            continue
        seen[record.key] = record.filename
        yield record


def _release(identity: CondaIdentity) -> _Release:
    """Versions are equal where the solver says so (`1.0` and `1.0.0`)."""
    try:
        return identity.name, Version(identity.version)
    except InvalidVersionError:
        return identity.name, identity.version


def _names(wheels: Iterable[ListedFile], tables: Tables, same_names: bool) -> PypiNames:
    """What a wheel of the directory is called is what others of them mean by its project."""
    own = PypiNames(tables)
    found = {project: own.own(project).conda for project in {wheel.project for wheel in wheels}}
    run = {project: name for project, name in found.items() if name is not None}
    return PypiNames(tables, assume_same=same_names, run=run)


def _not_offered(filename: str, error: BridgeError) -> Loss:
    return Loss(Code.NOT_OFFERED, filename, error.message)
