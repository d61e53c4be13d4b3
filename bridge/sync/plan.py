"""What a run will do, from metadata alone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import Any, Final

from packaging.utils import NormalizedName

from bridge.channel.governed import open_channels
from bridge.channel.permits import Permits
from bridge.channel.repodata import Channel
from bridge.channel.settings import PackageSettings, Settings
from bridge.errors import BridgeError
from bridge.formats.wheel.compression import Compression
from bridge.limits import DEFAULT_LIMITS
from bridge.mapping.axes import load_axes
from bridge.mapping.names import RESERVED_PREFIX
from bridge.mapping.tables import Tables, load_tables
from bridge.model.conda import CondaName
from bridge.model.plan import Layout
from bridge.sync.answers import Answers, changed, digest
from bridge.sync.closure import Offered, closure, matching
from bridge.sync.ledger import Entry
from bridge.sync.requirements import Wheels, wanted_wheels, wheel_closure
from bridge.sync.selection import Selection, newest, permitted
from bridge.sync.source import Memory, Source, SourceFile, SourceKind
from bridge.sync.unit import Unit, units_of
from bridge.translate.to_wheel.request import Options

#: the platform directory of what is for all platforms (CEP 26).
NOARCH: Final = "noarch"


@dataclass(frozen=True, slots=True)
class Wishes:
    """How a run converts, and what."""

    selection: Selection = field(default_factory=Selection)
    layout: Layout = Layout.SHARED
    #: further channels that what the source has may require, by priority.
    channels: tuple[str, ...] = ()
    overlays: tuple[Path, ...] = ()
    reserved_prefix: str = RESERVED_PREFIX
    compression: Compression = Compression.BALANCED
    packages: PackageSettings = field(default_factory=PackageSettings)
    #: what a policy says about channels, which what is converted needs packages of.
    permits: Permits | None = None
    #: losses are refusals.
    strict: bool = False
    #: convert again what failed, though nothing changed.
    retry: bool = False
    #: take away what is retired, and what is not wanted any longer.
    delete: bool = False


class Reason(Enum):
    """Why a unit is converted."""

    NEW = "new"
    CHANGED = "changed"
    #: what was made of it is not there any longer.
    MISSING = "missing"
    #: it failed, and the user asks for another attempt, or the source may have recovered.
    RETRIED = "retried"


@dataclass(frozen=True, slots=True)
class PlannedUnit:
    """One unit, and whether something has to be done."""

    unit: Unit
    facets: Mapping[str, Any]
    #: None where nothing has changed.
    reason: Reason | None
    #: which facets changed.
    because: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Under which the ledger knows its result."""
        return digest(self.facets)


@dataclass(frozen=True, slots=True)
class SyncPlan:
    """Everything that was decided before anything is fetched."""

    units: tuple[PlannedUnit, ...]
    settings: Settings
    answers: Answers
    #: units of the ledger whose files the source has no longer.
    gone: tuple[str, ...]
    #: units of the ledger that are put together in another way now.
    dissolved: tuple[str, ...]
    #: units of the ledger that the source has, and the selection leaves out.
    unwanted: tuple[str, ...]
    #: everything that the source lists.
    listed: int
    #: what cannot be used: entries of the source, and wanted builds that nothing can be installed with.
    notes: tuple[tuple[str, BridgeError], ...]

    @property
    def todo(self) -> tuple[PlannedUnit, ...]:
        """What is to be converted."""
        return tuple(planned for planned in self.units if planned.reason is not None)


def make_plan(
    source: Source, wishes: Wishes, entries: Mapping[str, Entry], memory: Memory, missing: Iterable[str] = ()
) -> SyncPlan:
    """Decide what has to be done.

    Args:
        source: asked for its metadata.
        wishes: of the user.
        entries: of the ledger.
        memory: what was read from files before.
        missing: units whose files are not there any longer.

    Raises:
        BridgeError: the source, a channel or an overlay cannot be read, or a spec is malformed or matches nothing.
    """
    tables, axes = load_tables(wishes.overlays), load_axes(wishes.overlays)
    files = tuple(source.files(memory))
    subdirs = _subdirs(files, wishes.selection)
    wishes = replace(wishes, channels=_channels(source, wishes))
    others = open_channels(wishes.channels, subdirs=subdirs, permits=wishes.permits) if wishes.channels else []
    selected, notes = _selected(source, files, wishes, subdirs, others, tables, memory)
    names = _names(source, files, selected, memory)
    settings = _settings(source, wishes, selected, subdirs, names)
    answers = Answers(files, settings, tables, axes, others, wishes.strict)
    facts = source.look([file for file in selected if file.is_wheel], memory)
    requires = {key: each.requires for key, each in facts.items()}
    lost = frozenset(missing)
    units = tuple(
        _planned(unit, answers.facets(unit, requires), entries.get(unit.name), wishes, missing=unit.name in lost)
        for unit in units_of(selected, names, tables)
    )
    gone, dissolved, unwanted = _rest(units, entries, {file.key for file in files}, source.kind)
    return SyncPlan(units, settings, answers, gone, dissolved, unwanted, len(files), (*source.rejected(), *notes))


def _planned(
    unit: Unit, facets: Mapping[str, Any], entry: Entry | None, wishes: Wishes, *, missing: bool
) -> PlannedUnit:
    if entry is None:
        return PlannedUnit(unit, facets, Reason.NEW)
    planned = PlannedUnit(unit, facets, None)
    if missing:
        return replace(planned, reason=Reason.MISSING)
    if entry.result.passing:
        return replace(planned, reason=Reason.RETRIED)
    if entry.key != planned.key or entry.gone is not None:
        return replace(planned, reason=Reason.CHANGED, because=changed(entry.facets, facets))
    if wishes.retry and any(not item.products for item in entry.result.items):
        return replace(planned, reason=Reason.RETRIED)
    return planned


def subdirs_of(keys: Iterable[str]) -> frozenset[str]:
    """The platform directories of files of a channel; one that is not listed at all was not asked for."""
    return frozenset(key.partition("/")[0] for key in keys)


def _rest(
    units: Sequence[PlannedUnit], entries: Mapping[str, Entry], listed: Collection[str], kind: SourceKind
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """What becomes of the units of the ledger that are not planned."""
    planned = {each.unit.name for each in units}
    taken = {file.key for each in units for file in each.unit.files}
    gone: list[str] = []
    dissolved: list[str] = []
    unwanted: list[str] = []
    for name, entry in sorted(entries.items()):
        if name in planned:
            continue
        keys = {item.key for item in entry.result.items}
        if not keys.isdisjoint(taken):
            dissolved.append(name)
        elif keys.isdisjoint(listed) and (kind is not SourceKind.CHANNEL or subdirs_of(keys) <= subdirs_of(listed)):
            gone.append(name)
        else:
            unwanted.append(name)
    return tuple(gone), tuple(dissolved), tuple(unwanted)


def _channels(source: Source, wishes: Wishes) -> tuple[str, ...]:
    """Where what a channel's packages require may come from: of a policy all channels, where none are listed."""
    if wishes.channels or wishes.permits is None or source.kind is not SourceKind.CHANNEL:
        return wishes.channels
    return tuple(place.locations[0].address for place in wishes.permits.places)


def _subdirs(files: Iterable[SourceFile], selection: Selection) -> tuple[str, ...]:
    stated = {file.index.subdir for file in files if file.index is not None}
    return tuple(sorted({*(selection.subdirs or stated), NOARCH}))


def _selected(
    source: Source,
    files: Sequence[SourceFile],
    wishes: Wishes,
    subdirs: Sequence[str],
    others: Sequence[Channel],
    tables: Tables,
    memory: Memory,
) -> tuple[tuple[SourceFile, ...], tuple[tuple[str, BridgeError], ...]]:
    """The wanted files, and what stands against some of them."""
    selection = wishes.selection
    allowed = permitted(files, selection)
    if not selection.specs:
        return newest(allowed, selection.newest), ()
    if source.kind is SourceKind.INDEX:
        wanted = newest(wanted_wheels(allowed, selection.specs), selection.newest)
        wheels = Wheels(source, allowed, tables, selection.python, memory)
        found = wheel_closure(wanted, wheels, others, subdirs)
    else:
        wanted = newest(matching(allowed, selection.specs), selection.newest)
        found = closure(wanted, Offered(allowed, source.shown), others, subdirs)
    return tuple(file for file in allowed if file.key in found.keys), found.unsolved


def _names(
    source: Source, files: Sequence[SourceFile], selected: Sequence[SourceFile], memory: Memory
) -> dict[CondaName, NormalizedName]:
    """What the newest package of each name that matters says that it is called."""
    asked = {file.index.name for file in selected if file.index is not None}
    latest: dict[CondaName, SourceFile] = {}
    for file in files:
        if file.index is not None:
            other = latest.get(file.index.name)
            if other is None or _age(file) > _age(other):
                latest[file.index.name] = file
    facts = source.look([latest[name] for name in sorted(asked)], memory)
    found = ((name, facts.get(latest[name].key)) for name in sorted(asked))
    return {name: fact.project for name, fact in found if fact is not None and fact.project is not None}


def _age(file: SourceFile) -> int:
    return 0 if file.index is None else file.index.timestamp or 0


def _settings(
    source: Source,
    wishes: Wishes,
    selected: Iterable[SourceFile],
    subdirs: tuple[str, ...],
    names: Mapping[CondaName, NormalizedName],
) -> Settings:
    projects = frozenset(file.wheel.project for file in selected if file.wheel is not None)
    options = replace(wishes.packages.options, reserved_prefix=wishes.reserved_prefix)
    return Settings(
        options=Options(wishes.layout, wishes.reserved_prefix),
        channels=(*source.channels, *wishes.channels),
        subdirs=subdirs,
        overlays=wishes.overlays,
        compression=wishes.compression,
        limits=DEFAULT_LIMITS,
        names=dict(names),
        permits=wishes.permits,
        packages=replace(wishes.packages, options=options, projects=projects),
    )
