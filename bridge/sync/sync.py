"""Bringing a destination up to date with a source."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from bridge.errors import Code, InvalidInput, Unsupported
from bridge.model.plan import Status
from bridge.sync.answers import digest
from bridge.sync.destination import Destination
from bridge.sync.engine import Engine
from bridge.sync.ledger import Entry, Ledger
from bridge.sync.plan import NOARCH, PlannedUnit, Reason, SyncPlan, Wishes, make_plan, subdirs_of
from bridge.sync.publication import WAITING, publish
from bridge.sync.report import ReportedUnit, SyncReport
from bridge.sync.result import Item, Result
from bridge.sync.settlement import REPLACED, part_of, parts_of, place_of, settle
from bridge.sync.source import ABSENT, Source, SourceFile, SourceKind
from bridge.sync.task import METADATA_SUFFIX, PATIENCE, Done, Task, Work, waiting_name

#: where tasks are done, in the private place of a destination.
_WORK: Final = "work"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is; counts of units, and bytes of their inputs as far as the source says."""

    total: int
    total_size: int
    done: int = 0
    done_size: int = 0


def plan_sync(source: Source, destination: Destination, wishes: Wishes) -> SyncPlan:
    """What `sync` would do, without doing it; a destination that nobody wrote to is not made.

    Raises:
        BridgeError: as `sync`.
    """
    if not destination.exists():
        with closing(Ledger(None)) as ledger:
            return _planned(source, wishes, ledger, {}, ())
    with destination.opened() as private, closing(Ledger(private)) as ledger:
        _check_source(ledger, source)
        entries = ledger.entries()
        stock = _Stock(ledger, destination, private / WAITING)
        return _planned(source, wishes, ledger, entries, stock.without(entries.values()))


def sync(
    source: Source,
    destination: Destination,
    wishes: Wishes,
    engine: Engine,
    *,
    patience: tuple[float, ...] = PATIENCE,
    on_progress: Callable[[Progress], None] | None = None,
) -> SyncReport:
    """Convert what is new or changed at a source, retire what it has no longer, and publish the result.

    A run may be stopped at any time: what it converted is kept, what is published is whole, and the next run goes on.

    Args:
        source: what is converted.
        destination: where it is published; it belongs to this source alone.
        wishes: what of the source, and how.
        engine: who converts. The result does not depend on it.
        patience: seconds before a source that failed is asked again, each time.
        on_progress: called at the start and whenever a unit is done.

    Raises:
        InvalidInput: the source, a channel or an overlay cannot be read; nothing was changed.
        Unsupported: another run is at work (`CB341`), there is no space left (`CB342`), the destination is of another
            source (`CB343`), or something is in the way there (`CB322`).
    """
    with destination.opened() as private, closing(Ledger(private)) as ledger:
        _check_source(ledger, source)
        run = _Run(source, destination, wishes, private, ledger)
        return run.run(engine, patience, on_progress or (lambda _: None))


def _check_source(ledger: Ledger, source: Source) -> None:
    said = ledger.about("source", source.shown)
    if said != source.shown:
        raise Unsupported(Code.OTHER_SOURCE, f"the destination was made from {said}", subject=source.shown)


def _planned(
    source: Source, wishes: Wishes, ledger: Ledger, entries: Mapping[str, Entry], missing: Iterable[str]
) -> SyncPlan:
    with ledger.transaction():
        plan = make_plan(source, wishes, entries, ledger, missing)
    if not wishes.delete:
        _check_listing(source, wishes, entries.values(), plan)
    return plan


def _check_listing(source: Source, wishes: Wishes, entries: Iterable[Entry], plan: SyncPlan) -> None:
    """Refuse to believe that a source, or a platform of it that was asked for, is empty all at once."""
    keys = {item.key for entry in entries if entry.gone is None for item in entry.result.items}
    if keys and not plan.listed:
        raise InvalidInput(Code.SOURCE_EMPTY, "the source lists nothing", subject=source.shown)
    asked = wishes.selection.subdirs
    if source.kind is SourceKind.CHANNEL:
        lost = subdirs_of(keys) - subdirs_of(file.key for file in plan.answers.files)
        for subdir in sorted(lost):
            if not asked or subdir in (*asked, NOARCH):
                message = "the source lists nothing for this platform any more"
                raise InvalidInput(Code.SOURCE_EMPTY, message, subject=source.shown, field=subdir)


class _Stock:
    """What was made and is at hand: published, or waiting for a name that another file has."""

    def __init__(self, ledger: Ledger, destination: Destination, waiting: Path) -> None:
        self._waiting = waiting
        published = ledger.published()
        lost = destination.lost({PurePosixPath(path): each.size for path, each in published.items()})
        # A wheel and the METADATA beside it are one product.
        incomplete = {published[str(path)].sha256 for path in lost}
        #: (sha256, file name) of what is published and there.
        self._published = {
            (each.sha256, PurePosixPath(path).name) for path, each in published.items() if each.sha256 not in incomplete
        }
        self._digests = frozenset(sha256 for sha256, _ in self._published)

    def has(self, sha256: str, filename: str) -> bool:
        """Whether a file is published or waits."""
        return (sha256, filename) in self._published or (self._waiting / sha256).is_file()

    @property
    def published(self) -> frozenset[str]:
        """The digests of what is published under its own name."""
        return self._digests

    def without(self, entries: Iterable[Entry]) -> list[str]:
        """The units some of whose files are not at hand."""
        return [entry.name for entry in entries if not all(self.has(*file) for file in _files(entry.result))]


def _files(result: Result) -> list[tuple[str, str]]:
    """(sha256, file name) of everything that a unit made."""
    files = [(product.sha256, product.filename) for item in result.items for product in item.products]
    if result.variants is not None:
        files.append((result.variants.sha256, result.variants.filename))
    return files


class _Run:
    """One run, on a destination that is locked."""

    def __init__(self, source: Source, destination: Destination, wishes: Wishes, private: Path, ledger: Ledger) -> None:
        self._source = source
        self._destination = destination
        self._wishes = wishes
        self._private = private
        self._waiting = private / WAITING
        self._ledger = ledger
        self._entries = ledger.entries()
        self._stock = _Stock(ledger, destination, self._waiting)
        #: unit -> what became of it where the ledger keeps an older result.
        self._failed: dict[str, tuple[Item, ...]] = {}

    def run(self, engine: Engine, patience: tuple[float, ...], on_progress: Callable[[Progress], None]) -> SyncReport:
        """All of it."""
        self._waiting.mkdir(exist_ok=True)
        missing = self._stock.without(self._entries.values())
        plan = _planned(self._source, self._wishes, self._ledger, self._entries, missing)
        self._convert(plan, engine, patience, on_progress)
        retired, deleted = self._retire(plan, missing)
        settlement = settle(self._entries, self._ledger.retired())
        changes = publish(self._ledger, settlement, self._destination, self._private, self._source.shown)
        self._tidy()
        units = [
            ReportedUnit(
                planned.unit.name,
                planned.reason,
                planned.because,
                self._failed.get(planned.unit.name, settlement.items.get(planned.unit.name, ())),
            )
            for planned in plan.units
        ]
        return SyncReport(
            self._source.shown,
            self._destination.shown,
            plan.listed,
            tuple(units),
            retired,
            deleted,
            changes,
            plan.notes,
        )

    def _convert(
        self,
        plan: SyncPlan,
        engine: Engine,
        patience: tuple[float, ...],
        on_progress: Callable[[Progress], None],
    ) -> None:
        todo = {planned.unit.name: planned for planned in plan.todo}
        progress = Progress(len(todo), sum(planned.unit.size for planned in todo.values()))
        on_progress(progress)
        if not todo:
            return
        directory = self._private / _WORK
        shutil.rmtree(directory, ignore_errors=True)
        tasks = [Task(name, planned.unit.files, directory) for name, planned in todo.items()]
        with closing(self._done(tasks, plan, engine, patience)) as results, self._ledger.saving():
            for done in results:
                planned = todo[done.unit]
                self._keep(planned, done, plan)
                self._ledger.save()
                progress = Progress(
                    progress.total,
                    progress.total_size,
                    progress.done + 1,
                    progress.done_size + planned.unit.size,
                )
                on_progress(progress)
        shutil.rmtree(directory, ignore_errors=True)

    def _done(
        self, tasks: Sequence[Task], plan: SyncPlan, engine: Engine, patience: tuple[float, ...]
    ) -> Generator[Done, None, None]:
        """What becomes of tasks; those without any file need nobody to do them."""
        left = []
        for task in tasks:
            if all(file.absent for file in task.files):
                yield Done(task.unit, Result(tuple(_missing(file) for file in task.files)), task.directory)
            else:
                left.append(task)
        if left:
            yield from engine.run(Work(self._source, plan.settings, self._wishes.strict, patience), left)

    def _keep(self, planned: PlannedUnit, done: Done, plan: SyncPlan) -> None:
        """Write down what became of a unit, once its files are at hand."""
        result, name = done.result, planned.unit.name
        if result is None:
            raise ValueError("engines stop where there is no space left")
        before = self._entries.get(name)
        if result.passing and before is not None and name not in self._stock.without([before]):
            # What was made of it before stays, until the source can be asked again.
            self._failed[name] = result.items
            return
        self._collect(done, result)
        facets = self._facets(planned, result, plan)
        entry = Entry(name, digest(facets), facets, result)
        if self._stock.without([entry]):
            raise ValueError("the result of a task has files that the task did not leave")
        parts = set(parts_of(result))
        if before is not None:
            same = before.result == result and before.gone is None and planned.reason is not Reason.MISSING
            parts = set() if same else parts | parts_of(before.result)
            if not self._wishes.delete:
                self._retire_rest(before, entry)
        self._ledger.record(entry, parts)
        self._entries[name] = entry

    def _collect(self, done: Done, result: Result) -> None:
        """Let the files of a task wait for their publication, but for those that are published already."""
        for sha256, filename in _files(result):
            for name in {sha256, waiting_name(sha256, f"{filename}{METADATA_SUFFIX}")}:
                file = done.outputs / name
                if sha256 not in self._stock.published and file.is_file():
                    file.replace(self._waiting / name)

    def _facets(self, planned: PlannedUnit, result: Result, plan: SyncPlan) -> Mapping[str, object]:
        """With what only the files themselves could tell, which need not be asked for the next time."""
        learned = {item.key: item.requires for item in result.items if item.requires is not None}
        if not learned:
            return planned.facets
        for file in planned.unit.files:
            if file.key not in learned:
                continue
            # What lies beside a wheel may say something else than the wheel.
            known = self._ledger.recall(file.key, file.identity) or {}
            if known.get("requires") != list(learned[file.key]):
                self._ledger.remember(file.key, file.identity, {**known, "requires": list(learned[file.key])})
        return plan.answers.facets(planned.unit, learned)

    def _retire_rest(self, before: Entry, entry: Entry) -> None:
        """Keep the files that a unit does not make any longer, but for variants: their release lists others now."""
        keys = {item.key for item in entry.result.items}
        made = {place_of(product) for item in entry.result.items for product in item.products}
        for item in before.result.items:
            if item.key not in keys:
                for product in item.products:
                    if product.variant is None and place_of(product) not in made:
                        self._ledger.retire(entry.name, place_of(product), product)

    def _retire(self, plan: SyncPlan, missing: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Units that the source has no longer are retired; with `delete`, they and what is not wanted are dropped."""
        lost = set(missing)
        dropped = {*plan.dissolved, *(name for name in (*plan.gone, *plan.unwanted) if name in lost)}
        deleted: set[str] = set()
        if self._wishes.delete:
            deleted = {*plan.gone, *plan.unwanted}
        retired: list[str] = []
        with self._ledger.transaction():
            for unit, product in self._ledger.retired():
                # What somebody took away cannot be made again: its source is gone.
                if self._wishes.delete or not self._stock.has(product.sha256, product.filename):
                    self._ledger.forget_retired(unit, place_of(product))
                    self._ledger.disturb([part_of(product)])
            for name in sorted(dropped | deleted):
                self._ledger.drop(name, parts_of(self._entries[name].result))
            for name in plan.gone:
                entry = self._entries[name]
                if name not in dropped | deleted and entry.gone is None:
                    gone = Entry(name, entry.key, entry.facets, entry.result, REPLACED)
                    self._ledger.record(gone, parts_of(entry.result))
                    self._entries[name] = gone
                    retired.append(name)
            self._ledger.forget(self._ledger.seen() - {file.key for file in plan.answers.files})
        for name in dropped | deleted:
            del self._entries[name]
        return tuple(retired), tuple(sorted(deleted))

    def _tidy(self) -> None:
        """Of what waits, keep what a unit needs when the file that has its name goes."""
        wanted = {sha256 for entry in self._entries.values() for sha256, _ in _files(entry.result)}
        for file in self._waiting.iterdir():
            if file.name.partition(".")[0] not in wanted:
                file.unlink()


def _missing(file: SourceFile) -> Item:
    error = InvalidInput(Code.SOURCE, ABSENT, subject=file.key)
    return Item(file.key, Status.INVALID, error.code.number, str(error))
