"""Solving over channels: which packages a build runs with, by a real solver (rattler's) and no guess of ours.

Only the records that can matter, those reachable by name from what is asked for, are handed to the solver.
They are the checked ones: a record that was set aside cannot be chosen. Nothing of the machine enters: no
cache, no configuration, no virtual package.

Rattler's threads do not survive a fork: start worker processes with `spawn` or `forkserver`.
"""

from __future__ import annotations

import json
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import rattler
from rattler.exceptions import InvalidMatchSpecError, PackageNameMatcherParseError, SolverError

from bridge.channel.engine import package_record, repodata, run_solver, solver_record
from bridge.channel.repodata import Channel, ChannelRecord
from bridge.channel.virtual import machines
from bridge.errors import Code, InvalidInput, Unrepresentable, Unsupported

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from bridge.model.conda import IndexJson
    from bridge.model.host import VirtualPackage

#: how much of the solver's explanation is shown.
_EXPLANATION_LINES: Final = 12
_LINE_LENGTH: Final = 160
_PREAMBLE: Final = "Cannot solve the request because of: "


@dataclass(frozen=True, slots=True)
class _Offer:
    """One candidate: `record` is None for the input itself."""

    filename: str
    index: IndexJson
    record: ChannelRecord | None


@dataclass(frozen=True, slots=True)
class _Tier:
    """The candidates of one priority; `shown` stands for it in explanations."""

    shown: str
    offers: tuple[_Offer, ...]


def resolve(
    channels: Sequence[Channel],
    build: ChannelRecord | IndexJson,
    *,
    subdir: str,
    virtual_packages: Sequence[VirtualPackage] | None = None,
) -> tuple[ChannelRecord, ...]:
    """Everything that one exact build is installed with on a platform, itself left out.

    Args:
        channels: in order of priority; a package that an earlier one has is never taken from a later one.
        build: a record of one of the channels, or the metadata of an artifact that is in none of them. It is
            the only candidate of its name.
        subdir: the target platform; for a noarch build, any platform that it is to be used on.
        virtual_packages: what the target machine offers; by default the plainest imagined machine that will
            do (`bridge.channel.virtual`).

    Returns:
        one record per package, sorted by name. The artifact of a record need not exist.

    Raises:
        Unrepresentable: the channels do not have what the build needs (`CB307`), with the solver's
            explanation.
    """
    if isinstance(build, ChannelRecord):
        own = _Offer(build.filename, build.index, None)
    else:
        own = _Offer(f"{build.identity.stem}.conda", build, None)
    index = own.index
    names = _reach(channels, [own], subdir) - {index.name}
    # The input stands in a tier of its own, and no channel offers anything of its name.
    tiers = [_Tier("the input", (own,)), *(_tier(channel, names, subdir) for channel in channels)]
    chosen = _solve(index.name, tiers, subdir, virtual_packages, subject=own.filename)
    return tuple(offer.record for offer in chosen if offer.record is not None)


def resolve_specs(
    channels: Sequence[Channel],
    specs: Sequence[str],
    *,
    subdir: str,
    virtual_packages: Sequence[VirtualPackage] | None = None,
) -> tuple[ChannelRecord, ...]:
    """The build that a conda client would install for each MatchSpec, each asked for by itself.

    Args:
        specs: MatchSpecs with an exact name and without a channel, as on a command line.

    Returns:
        one record per spec in the order of the specs, without repetitions.

    Raises:
        InvalidInput: a spec cannot be read (`CB116`).
        Unsupported: no channel has a record that a spec matches (`CB318`).
        Unrepresentable: what matches cannot be installed from the channels (`CB307`).
    """
    found: list[ChannelRecord] = []
    for spec in specs:
        name = _checked_name(spec)
        matcher = rattler.MatchSpec(spec)
        offers = [offer for channel in channels for offer in _tier(channel, {name}, subdir).offers]
        if not any(matcher.matches(package_record(offer.index)) for offer in offers):
            raise Unsupported(Code.NO_MATCH, "no record of the channels matches", subject=spec)
        names = _reach(channels, offers, subdir) | {name}
        tiers = [_tier(channel, names, subdir) for channel in channels]
        for offer in _solve(spec, tiers, subdir, virtual_packages, subject=spec):
            if offer.index.name == name and offer.record is not None and offer.record not in found:
                found.append(offer.record)
    return tuple(found)


@lru_cache(maxsize=1 << 16)
def required_name(spec: str) -> str | None:
    """The package name of a MatchSpec; None where it has no single one or cannot be read."""
    try:
        name = rattler.MatchSpec(spec).name
    except (InvalidMatchSpecError, PackageNameMatcherParseError):
        return None
    return None if name is None else str(name.normalized)


def _checked_name(spec: str) -> str:
    name = required_name(spec)
    if name is None:
        raise InvalidInput(Code.BAD_SPEC, "not a MatchSpec with an exact name", subject=spec)
    if rattler.MatchSpec(spec).channel is not None:
        raise InvalidInput(Code.BAD_SPEC, "give the channel by itself, not in the spec", subject=spec)
    return name


def _reach(channels: Sequence[Channel], start: Iterable[_Offer], subdir: str) -> set[str]:
    """Names that some chain of requirements leads to, virtual packages among them."""
    found: set[str] = set()
    waiting = list(start)
    while waiting:
        for spec in _requirements(waiting.pop().index):
            name = required_name(spec)
            if name is not None and name not in found:
                found.add(name)
                for channel in channels:
                    waiting.extend(_tier(channel, {name}, subdir).offers)
    return found


def _requirements(index: IndexJson) -> Iterator[str]:
    yield from index.depends
    for group in index.extra_depends.values():
        yield from group


def _tier(channel: Channel, names: Iterable[str], subdir: str) -> _Tier:
    offers = (
        _Offer(record.filename, record.index, record)
        for name in sorted(names)
        for record in channel.records(name)
        if record.index.subdir in {subdir, "noarch"}
    )
    return _Tier(channel.url, tuple(offers))


def _solve(
    spec: str,
    tiers: Sequence[_Tier],
    subdir: str,
    virtual_packages: Sequence[VirtualPackage] | None,
    *,
    subject: str,
) -> list[_Offer]:
    """The solution on the first machine that has one, sorted by name."""
    needed = {
        name
        for tier in tiers
        for offer in tier.offers
        for requirement in _requirements(offer.index)
        if (name := required_name(requirement)) is not None and name.startswith("__")
    }
    given = [tuple(virtual_packages)] if virtual_packages is not None else machines(subdir, needed=needed)
    explanation = ""
    with _sources(tiers) as sources:
        for machine in given:
            try:
                records = run_solver([rattler.MatchSpec(spec)], sources, machine)
            except SolverError as error:
                explanation = _shortened(str(error), tiers)
            else:
                by_place = {
                    (_tier_url(position), str(offer.index.subdir), offer.filename): offer
                    for position, tier in enumerate(tiers)
                    for offer in tier.offers
                }
                chosen = [by_place[str(r.channel), r.subdir, r.file_name] for r in records]
                return sorted(chosen, key=lambda offer: offer.index.name)
    raise Unrepresentable(Code.UNSOLVABLE, f"the channels do not have what it needs: {explanation}", subject=subject)


@contextmanager
def _sources(tiers: Sequence[_Tier]) -> Iterator[list[rattler.SparseRepoData]]:
    """The tiers as repodata files of channels that do not exist, one per platform directory."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bridge-solve-")))
        sources: list[rattler.SparseRepoData] = []
        for position, tier in enumerate(tiers):
            for subdir in sorted({offer.index.subdir for offer in tier.offers}):
                path = directory / f"{position}-{subdir}.json"
                offers = [offer for offer in tier.offers if offer.index.subdir == subdir]
                document = repodata(subdir, ((offer.filename, solver_record(offer.index)) for offer in offers))
                path.write_text(json.dumps(document), encoding="utf-8")
                source = rattler.SparseRepoData(rattler.Channel(_tier_url(position)), subdir, path)
                stack.callback(source.close)
                sources.append(source)
        yield sources


def _tier_url(position: int) -> str:
    return f"https://tier-{position}.invalid/"


def _shortened(explanation: str, tiers: Sequence[_Tier]) -> str:
    for position, tier in enumerate(tiers):
        explanation = explanation.replace(_tier_url(position), tier.shown)
    lines = explanation.removeprefix(_PREAMBLE).strip().splitlines()
    kept = [line if len(line) <= _LINE_LENGTH else f"{line[:_LINE_LENGTH]}..." for line in lines[:_EXPLANATION_LINES]]
    if len(lines) > len(kept):
        kept.append(f"... and {len(lines) - len(kept)} more lines")
    return "\n".join(kept)
