"""What the wanted builds of a channel need, found by the solver: not all builds of all names that they require."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import rattler
from rattler.exceptions import InvalidMatchSpecError, PackageNameMatcherParseError

from bridge.channel.engine import package_record
from bridge.channel.repodata import Channel, ChannelRecord
from bridge.channel.solve import required_name, resolve
from bridge.errors import BridgeError, Code, InvalidInput, Unsupported
from bridge.model.conda import CondaName
from bridge.sync.source import SourceFile

_NOARCH: Final = "noarch"
#: what a build for all platforms is solved on, where there is no other.
_SOME_PLATFORM: Final = "linux-64"


@dataclass(frozen=True, slots=True)
class Closure:
    """What was found."""

    #: keys of the wanted files and of all that they are installed with.
    keys: frozenset[str]
    #: wanted files that nothing can be installed with, and why.
    unsolved: tuple[tuple[str, BridgeError], ...] = ()


class Offered(Channel):
    """The files that a selection permits, as a channel for the solver."""

    def __init__(self, files: Iterable[SourceFile], shown: str) -> None:
        found: defaultdict[CondaName, list[ChannelRecord]] = defaultdict(list)
        self._keys: dict[str, str] = {}
        for file in files:
            if file.index is not None:
                found[file.index.name].append(
                    ChannelRecord(file.index, file.filename, shown, file.address, file.sha256, None, file.size)
                )
                self._keys[f"{file.index.subdir}/{file.filename}"] = file.key
        self._shown = shown
        self._found = {name: tuple(found[name]) for name in sorted(found)}

    @property
    def url(self) -> str:
        """Of the source, without credentials."""
        return self._shown

    @property
    def names(self) -> tuple[CondaName, ...]:
        """Sorted."""
        return tuple(self._found)

    def records(self, name: str) -> tuple[ChannelRecord, ...]:
        """What is permitted of one name."""
        return self._found.get(CondaName(name), ())

    @property
    def rejected(self) -> tuple[tuple[str, InvalidInput], ...]:
        """Nothing: the source has said what is wrong with its entries."""
        return ()

    def find(self, filename: str, *, subdir: str | None = None) -> ChannelRecord | None:
        """The record of a file; None where there is none."""
        every = (record for name in self.names for record in self.records(name))
        return next((r for r in every if r.filename == filename and subdir in (None, r.index.subdir)), None)

    def key_of(self, record: ChannelRecord) -> str | None:
        """The file of a record; None for one of another channel."""
        return self._keys.get(f"{record.index.subdir}/{record.filename}") if record.channel == self._shown else None


def matching(files: Iterable[SourceFile], specs: Sequence[str]) -> tuple[SourceFile, ...]:
    """The conda packages that any of some MatchSpecs matches.

    Raises:
        InvalidInput: a spec cannot be read (`CB116`).
        Unsupported: nothing matches one (`CB318`).
    """
    by_name: defaultdict[str, list[SourceFile]] = defaultdict(list)
    for file in files:
        if file.index is not None:
            by_name[file.index.name].append(file)
    found: dict[str, SourceFile] = {}
    for spec in specs:
        try:
            matcher, name = rattler.MatchSpec(spec), required_name(spec)
        except (InvalidMatchSpecError, PackageNameMatcherParseError) as error:
            raise InvalidInput(Code.BAD_SPEC, f"not a MatchSpec: {error}", subject=spec) from error
        if name is None:
            raise InvalidInput(Code.BAD_SPEC, "not a MatchSpec with an exact name", subject=spec)
        matched = [
            file
            for file in by_name.get(name, ())
            if file.index is not None and matcher.matches(package_record(file.index))
        ]
        if not matched:
            raise Unsupported(Code.NO_MATCH, "no record of the source matches", subject=spec)
        found.update((file.key, file) for file in matched)
    return tuple(found.values())


def closure(
    wanted: Sequence[SourceFile], offered: Offered, others: Sequence[Channel], subdirs: Sequence[str]
) -> Closure:
    """All that the wanted builds are installed with.

    Args:
        wanted: files of the source.
        offered: what of the source may be taken.
        others: further channels, of lower priority; what comes from them is not converted.
        subdirs: the platforms on which builds for all platforms are wanted.
    """
    platforms = tuple(subdir for subdir in subdirs if subdir != _NOARCH) or (_SOME_PLATFORM,)
    keys: set[str] = set()
    unsolved: list[tuple[str, BridgeError]] = []
    records = {offered.key_of(record): record for name in offered.names for record in offered.records(name)}
    for file in wanted:
        keys.add(file.key)
        if file.index is None:
            continue
        places: Mapping[str, None] = dict.fromkeys(platforms if file.index.subdir == _NOARCH else (file.index.subdir,))
        errors: list[BridgeError] = []
        for subdir in places:
            try:
                solution = resolve([offered, *others], records[file.key], subdir=subdir)
            except BridgeError as error:
                errors.append(error)
            else:
                keys.update(key for record in solution if (key := offered.key_of(record)) is not None)
        if len(errors) == len(places):
            unsolved.append((file.key, errors[0]))
    return Closure(frozenset(keys), tuple(unsolved))
