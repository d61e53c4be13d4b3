"""A whole channel as a planned index: pages of all projects from repodata alone, and again only what changed."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Protocol

from bridge.channel.files import replace_file
from bridge.channel.location import Location, locate
from bridge.channel.pool import prepare, worker_context
from bridge.errors import Code, InvalidInput, Unsupported
from bridge.formats.conda.identifiers import parse_subdir
from bridge.mapping.axes import load_axes
from bridge.mapping.names import RESERVED_PREFIX
from bridge.mapping.tables import load_tables
from bridge.sync.destination import NO_SPACE
from bridge.sync.directory import EXHAUSTED
from bridge.sync.lazy import part
from bridge.sync.lazy.manifest import SCHEMA, Manifest, Name, read_manifest, write_manifest
from bridge.sync.lazy.page import root_page
from bridge.sync.lazy.part import PAGES, VARIANTS, Part, Place, Share, Tally, page_path, variants_path
from bridge.sync.lazy.repodata import Repodata, find_repodata

#: the document of all projects.
ROOT: Final = "projects.json"
_NOARCH: Final = "noarch"
#: where more than one name in so many changed, one document is less work than their shards.
_FEW: Final = 8


@dataclass(frozen=True, slots=True)
class PlanReport:
    """What a planned index came to."""

    directory: Path
    #: all projects that have a page.
    projects: int
    #: pages that this run wrote.
    written: int
    #: pages that it took away.
    removed: int
    #: of the pages written: records by what becomes of them, `wheel` or the number of a code.
    records: Mapping[str, int] = field(default_factory=dict)
    #: of the pages written: files listed, those of variants among them, and releases that have variants.
    files: int = 0
    variant_files: int = 0
    families: int = 0


def plan_index(
    channel: str | Path,
    directory: Path,
    *,
    subdirs: Sequence[str] = ("linux-64",),
    overlays: Sequence[Path] = (),
    reserved_prefix: str = RESERVED_PREFIX,
    jobs: int = 1,
) -> PlanReport:
    """Plan the index of a channel.

    Args:
        channel: a directory, or a file, http or https address, with or without credentials, which are not kept.
        directory: of the index, made where absent; one that was planned before is brought up to date.
        subdirs: platforms; `noarch` is always one.
        overlays: the user's mapping files: names, axes.
        reserved_prefix: of wheels made of packages that are no Python projects.
        jobs: processes.

    Raises:
        InvalidInput: the channel or an overlay cannot be read.
        Unsupported: something else is in the way at `directory` (`CB322`), or there is no space left (`CB342`). What
            could be read there before can be read still.
    """
    location = locate(channel)
    wanted = tuple(
        sorted({*(str(parse_subdir(each, subject="subdirs", field=str(each))) for each in subdirs), _NOARCH})
    )
    before = read_manifest(directory)
    if before is None and directory.exists() and any(directory.iterdir()):
        raise Unsupported(Code.OUTPUT_TAKEN, "not empty, and no planned index", subject=str(directory))
    share = Share((), tuple(overlays), reserved_prefix)
    if jobs > 1:
        prepare()
    try:
        with tempfile.TemporaryDirectory(prefix="conda-bridge-") as scratch:
            repodata = find_repodata(location, wanted)
            return _planned(repodata, share, directory, before, Path(scratch), jobs)
    except OSError as error:
        if error.errno in EXHAUSTED:
            raise Unsupported(Code.NO_SPACE, NO_SPACE, subject=str(directory)) from error
        raise


def _planned(
    repodata: Repodata, share: Share, directory: Path, before: Manifest | None, scratch: Path, jobs: int
) -> PlanReport:
    places = _places(repodata, before, scratch)
    with _workers(replace(share, places=places), jobs) as workers:
        ground = Manifest(
            schema=SCHEMA,
            channel=repodata.location.shown,
            subdirs=_bases(repodata.location, workers.bases()),
            mapping=mapping_digest(share.overlays),
            reserved_prefix=share.reserved_prefix,
            names={},
            projects=(),
        )
        known = before if before is not None and before.same_ground(ground) else None
        names = _merged(workers.survey({} if known is None else known.names))
        wanted = None if known is None else _wanted(known, names)
        if before is None:
            return _first(ground, names, workers, directory)
        return _update(ground, before, names, wanted, workers, directory)


def _places(repodata: Repodata, before: Manifest | None, scratch: Path) -> tuple[Place, ...]:
    """By shards where few of them changed, else by documents."""
    sharded = None if before is None else repodata.sharded()
    if before is None or sharded is None:
        return repodata.whole(scratch)
    stamps = {
        f"{shelf.subdir}:{shelf.stamp(name)} {name}" for shelf in repodata.shards.values() for name in shelf.names
    }
    known = {f"{stamp} {name}" for name, each in before.names.items() for stamp in each.stamp.split(",")}
    return sharded if len(stamps - known) * _FEW <= len(stamps) else repodata.whole(scratch)


def _wanted(known: Manifest, names: Mapping[str, Name]) -> frozenset[str] | None:
    """Names whose pages change; None for all, where what a requirement on some name means has changed."""
    changed = {name for name, each in names.items() if name not in known.names or known.names[name].stamp != each.stamp}
    gone = known.names.keys() - names.keys()
    missing = set(known.missing)
    for name in changed:
        last = known.names.get(name)
        was = last.python if last is not None else False
        if names[name].python != was and (last is not None or name in missing):
            return None
    if any(known.names[name].python for name in gone):
        return None
    # What else is in the project of a name that is gone stays, on a page without it.
    left = {known.names[name].project for name in gone} - {""}
    return frozenset(changed | {name for name, each in known.names.items() if each.project in left and name in names})


def _first(ground: Manifest, names: Mapping[str, Name], workers: _Workers, directory: Path) -> PlanReport:
    """Everything beside the place where it will be, and then there at once."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{directory.name}-", dir=directory.parent))
    try:
        # mkdtemp makes it private; a server may run as somebody else.
        fresh.chmod(0o755)
        (fresh / PAGES).mkdir()
        (fresh / VARIANTS).mkdir()
        tally = _joined(workers.write(names, None, fresh, anew=True))
        projects = tuple(sorted(tally.written))
        (fresh / ROOT).write_bytes(root_page(projects))
        write_manifest(fresh, _completed(ground, names, tally, projects, ()))
        if directory.exists():
            directory.rmdir()
        fresh.rename(directory)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    return _report(directory, projects, tally, removed=0)


def _update(
    ground: Manifest,
    before: Manifest,
    names: Mapping[str, Name],
    wanted: frozenset[str] | None,
    workers: _Workers,
    directory: Path,
) -> PlanReport:
    """Page by page, the manifest last: a run that ends early is done again by the next one."""
    tally = _joined(workers.write(names, wanted, directory, anew=False))
    alive = {each.project for each in names.values()}
    projects = tuple(sorted((({*before.projects} & alive) - {*tally.empty}) | {*tally.written}))
    removed = sorted({*before.projects} - {*projects})
    replace_file(directory / ROOT, root_page(projects))
    missing = before.missing if wanted is not None else ()
    write_manifest(directory, _completed(ground, names, tally, projects, missing))
    for project in removed:
        page_path(directory, project).unlink(missing_ok=True)
        shutil.rmtree(variants_path(directory, project), ignore_errors=True)
    return _report(directory, projects, tally, removed=len(removed))


def _completed(
    ground: Manifest, names: Mapping[str, Name], tally: Tally, projects: tuple[str, ...], missing: Sequence[str]
) -> Manifest:
    return Manifest(
        schema=ground.schema,
        channel=ground.channel,
        subdirs=ground.subdirs,
        mapping=ground.mapping,
        reserved_prefix=ground.reserved_prefix,
        names=names,
        projects=projects,
        missing=tuple(sorted({*tally.missing, *missing})),
    )


def _report(directory: Path, projects: Sequence[str], tally: Tally, *, removed: int) -> PlanReport:
    records = {name: tally.records[name] for name in sorted(tally.records) if tally.records[name]}
    return PlanReport(
        directory,
        len(projects),
        len(tally.written),
        removed,
        records,
        tally.files,
        tally.variant_files,
        tally.families,
    )


def _bases(location: Location, stated: Mapping[str, object]) -> dict[str, str | None]:
    """What a channel says of where its packages lie (CEP 15), none of it outside."""
    found: dict[str, str | None] = {}
    for subdir, base in stated.items():
        location.base_of(subdir, base)
        found[subdir] = base if isinstance(base, str) and base else None
    return found


def mapping_digest(overlays: Sequence[Path]) -> str:
    """Changes with everything that translation knows."""
    digest = hashlib.sha256(load_tables(overlays).digest.encode())
    digest.update(repr(load_axes(overlays)).encode())
    return digest.hexdigest()


def _merged(found: Sequence[Mapping[str, Name]]) -> dict[str, Name]:
    merged = {name: each for part_names in found for name, each in part_names.items()}
    if not merged:
        raise InvalidInput(Code.SOURCE_EMPTY, "the channel lists no package", subject="repodata")
    return {name: merged[name] for name in sorted(merged)}


def _joined(tallies: Sequence[Tally]) -> Tally:
    whole = Tally()
    for tally in tallies:
        whole.written += tally.written
        whole.empty += tally.empty
        whole.records = Counter(whole.records) + tally.records
        whole.files += tally.files
        whole.variant_files += tally.variant_files
        whole.families += tally.families
        whole.missing |= tally.missing
    return whole


class _Workers(Protocol):
    """The processes of a run, each with its share of names and projects."""

    def bases(self) -> Mapping[str, object]:
        """`Part.bases` of any."""

    def survey(self, before: Mapping[str, Name]) -> list[dict[str, Name]]:
        """`Part.survey` of each."""

    def write(
        self, names: Mapping[str, Name], wanted: frozenset[str] | None, directory: Path, *, anew: bool
    ) -> list[Tally]:
        """`Part.write` of each."""


@dataclass(frozen=True, slots=True)
class _Here:
    """This process alone."""

    part: Part

    def bases(self) -> Mapping[str, object]:
        return self.part.bases()

    def survey(self, before: Mapping[str, Name]) -> list[dict[str, Name]]:
        return [self.part.survey(before)]

    def write(
        self, names: Mapping[str, Name], wanted: frozenset[str] | None, directory: Path, *, anew: bool
    ) -> list[Tally]:
        return [self.part.write(names, wanted, directory, anew=anew)]


@dataclass(frozen=True, slots=True)
class _Several:
    """A pool of one process for each share, as a process keeps what it has opened."""

    pools: tuple[ProcessPoolExecutor, ...]

    def bases(self) -> Mapping[str, object]:
        return self.pools[0].submit(part.bases).result()

    def survey(self, before: Mapping[str, Name]) -> list[dict[str, Name]]:
        return [future.result() for future in [pool.submit(part.survey, before) for pool in self.pools]]

    def write(
        self, names: Mapping[str, Name], wanted: frozenset[str] | None, directory: Path, *, anew: bool
    ) -> list[Tally]:
        futures = [pool.submit(part.write, names, wanted, directory, anew) for pool in self.pools]
        return [future.result() for future in futures]


@contextmanager
def _workers(share: Share, jobs: int) -> Iterator[_Workers]:
    if jobs <= 1:
        yield _Here(Part(share))
        return
    with ExitStack() as stack:
        yield _Several(
            tuple(
                stack.enter_context(
                    ProcessPoolExecutor(
                        1,
                        mp_context=worker_context(),
                        initializer=part.take_seat,
                        initargs=(replace(share, number=number, of=jobs),),
                    )
                )
                for number in range(jobs)
            )
        )
