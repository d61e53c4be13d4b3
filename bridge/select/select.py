"""`select`: what a conda client and a wheel client take of one project on one machine, and whether it is the same."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from bridge.channel.governed import open_channels
from bridge.channel.permits import Permits, Unanswered
from bridge.channel.repodata import Channel
from bridge.channel.universe import Universe
from bridge.errors import Code, InvalidInput, Unsupported
from bridge.formats.conda.redaction import redact
from bridge.mapping.axes import Axes, load_axes
from bridge.mapping.names import Evidence, NameMapper
from bridge.mapping.tables import Tables, load_tables
from bridge.mapping.versions import to_pep440
from bridge.model.conda import CondaName, CondaVersion
from bridge.model.host import Host
from bridge.select.conda_side import pythons
from bridge.select.detect import detect_host
from bridge.select.governed_index import GovernedIndex
from bridge.select.intent import NO_INTENT, Intent
from bridge.select.libmamba import LibmambaSolver, is_available
from bridge.select.origins import recognised
from bridge.select.plan import Planner
from bridge.select.selection import Selection
from bridge.select.selector import Question, Selector, Wheels
from bridge.select.wheel_index import Index, WheelIndex

_REQUEST: Final = re.compile(r"\s*([A-Za-z0-9_][A-Za-z0-9._-]*)\s*(?:==\s*([A-Za-z0-9_.!+]+))?\s*")


def select(
    project: str,
    channels: Sequence[str | Path],
    index: str | Path | None = None,
    host: Host | None = None,
    python: tuple[int, int] = (3, 12),
    *,
    intent: Intent = NO_INTENT,
    overlays: Sequence[Path] = (),
    permits: Permits | None = None,
    index_permits: Permits | None = None,
) -> Selection:
    """Select on both sides.

    What the channels do not have at all counts as installable where nothing could be installed otherwise: then
    only the machine decides. `why` says so.

    Args:
        project: conda's or PyPI's name, maybe with `==VERSION`.
        channels: directories or addresses, highest priority first.
        index: a package index; where None, the wheels that would be made of the channels' builds.
        host: the machine; this one where None.
        python: the CPython that both clients install for.
        intent: what the user wants, applied to both sides.
        overlays: the user's mapping files: names, axes.
        permits: what a policy says about channels (`bridge.priority.enforcement.permits_of`): packages come from whom
            the policy names, and from `channels`, or where empty from all of the policy.
        index_permits: what it says about indexes. Where it has any, the wheels are those of the index that the policy
            names for the project, if that is `index` or `index` is None.

    Returns:
        What either side takes (None where it takes nothing), whether that is the same, and why.

    Raises:
        InvalidInput: a channel, the index, an overlay or `project` cannot be read (`CB1xx`), or a channel or the index
            is none of the policy (`CB454`).
        Unsupported: no channel has the project (`CB318`).
    """
    name, version = _request(project)
    machine = detect_host() if host is None else host
    unanswered: list[Unanswered] = []
    opened = open_channels(channels, subdirs=[machine.subdir], permits=permits, on_unanswered=unanswered.append)
    planning = load_tables(tuple(overlays)), load_axes(tuple(overlays))
    tables, _ = planning
    conda_name = _conda_name(name, opened, tables)
    question = Question(machine, python, version, intent)
    wheels = None
    distributions = tuple(_distributions(name, conda_name, opened, tables))
    if index_permits is not None and (index is not None or index_permits.places):
        governed = GovernedIndex(index_permits, () if index is None else (index,), unanswered.append)
        # Another name is another project, which may belong to somebody else.
        wheels = _indexed(governed, distributions[:1])
    elif index is not None:
        wheels = _indexed(WheelIndex(index), distributions)
    selection = _answer(opened, conda_name, question, wheels, planning, complete=False)
    if selection.conda is None:
        lenient = _answer(opened, conda_name, question, wheels, planning, complete=True)
        if lenient.conda is not None:
            note = "The channels lack requirements of these builds, which were taken as available."
            selection = lenient.noting(note)
    selection = recognised(selection, opened, conda_name, machine.subdir)
    for each in unanswered:
        selection = selection.noting(f"{each}.")
    return selection


def _answer(
    channels: Sequence[Channel],
    name: CondaName,
    question: Question,
    wheels: Wheels | None,
    planning: tuple[Tables, Axes],
    *,
    complete: bool,
) -> Selection:
    extra = pythons() if complete else ()
    with Universe(channels, subdir=question.host.subdir, extra=extra, complete=complete) as universe:
        planner = Planner(universe, *planning)
        selection = Selector(universe, planner, name).select(question, wheels)
        note = _second_opinion(universe, planner, name, question, selection.conda)
        return selection if note is None else selection.noting(note)


def _second_opinion(
    universe: Universe, planner: Planner, name: CondaName, question: Question, ours: str | None
) -> str | None:
    """What another solver, where it is installed, says otherwise."""
    if not is_available():
        return None
    solver = LibmambaSolver(universe)
    try:
        second = Selector(universe, planner, name, solver).conda(question)
    except Exception as error:
        return f"{solver.name} could not be asked ({type(error).__name__})."
    found = None if second.build is None else second.build.filename
    return None if found == ours else f"{solver.name}'s solver differs: it takes {found or 'nothing'}."


def _request(project: str) -> tuple[str, Version | None]:
    match = _REQUEST.fullmatch(project)
    if match is None:
        raise InvalidInput(Code.BAD_SPEC, "not NAME or NAME==VERSION", subject=redact(project))
    name, version = match.groups()
    return name, None if version is None else to_pep440(CondaVersion(version), subject=project).version


def _conda_name(name: str, channels: Sequence[Channel], tables: Tables) -> CondaName:
    """The package of the channels that a user means: by its own name, or as the project that it is on PyPI."""
    known = {each for channel in channels for each in channel.names}
    wanted = canonicalize_name(name)
    mapped = sorted(conda for conda, project in tables.python.items() if canonicalize_name(project) == wanted)
    for candidate in (
        CondaName(name.lower()),
        *mapped,
        *sorted(each for each in known if canonicalize_name(each) == wanted),
    ):
        if candidate in known:
            return candidate
    raise Unsupported(Code.NO_MATCH, "no channel has a package of this name", subject=name)


def _distributions(
    name: str, conda_name: CondaName, channels: Sequence[Channel], tables: Tables
) -> Iterable[NormalizedName]:
    """Names under which an index may have the project, the likeliest first."""
    is_python = any(
        spec.startswith(("python ", "python_abi")) or spec == "python"
        for channel in channels
        for record in channel.records(conda_name)
        for spec in record.index.depends
    )
    mapped = NameMapper(tables, Evidence(channel={conda_name: is_python})).lookup(conda_name).distribution
    found = (mapped or name, name, conda_name)
    return dict.fromkeys(canonicalize_name(each) for each in found)


def _indexed(index: Index, names: Iterable[NormalizedName]) -> Wheels:
    """The wheels of an index under the first of several names that it has."""
    for name in names:
        if releases := index.releases(name):
            return Wheels(releases, index.source_of)
    return Wheels((), index.source_of)
