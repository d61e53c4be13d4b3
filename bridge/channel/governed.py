"""The channels of a policy as one: every package is there from whom it may come from, and from nobody else.

What looks a name up in such a channel, a solver or a reader of records, cannot leave the policy, because the records of
the others are not there. Names are decided over all platforms that are read: a source that has a package for one of
them knows the name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Final

from bridge.channel.permits import OnUnanswered, Permits, Unanswered, chosen, first_answer
from bridge.channel.repodata import Channel, ChannelRecord, open_channel
from bridge.errors import Code, InvalidInput
from bridge.formats.conda.identifiers import parse_filename
from bridge.model.conda import CondaName

_SEPARATOR: Final = ", "


class GovernedChannel(Channel):
    """Several channels under a policy.

    Args:
        answers: source -> its records, of the sources that answer.
        permits: the policy.
        listed: the sources that packages may come from; the others only have their say.
        copies: the sources of which a copy answers: what it does not have they may have.
    """

    def __init__(
        self,
        answers: Mapping[str, Channel],
        permits: Permits,
        *,
        listed: Iterable[str],
        copies: Iterable[str] = (),
    ) -> None:
        self._answers = dict(answers)
        self._permits = permits
        self._listed = frozenset(listed)
        self._copies = frozenset(copies)
        self._known = {place: frozenset(channel.names) for place, channel in self._answers.items()}
        self._providers: dict[CondaName, tuple[str, ...]] = {}
        self._records: dict[CondaName, tuple[ChannelRecord, ...]] = {}

    @property
    def url(self) -> str:
        """The addresses of the channels that packages may come from."""
        return _SEPARATOR.join(channel.url for place, channel in self._answers.items() if place in self._listed)

    @cached_property
    def names(self) -> tuple[CondaName, ...]:
        """Every package name that somebody may provide, sorted."""
        return tuple(sorted(name for name in frozenset().union(*self._known.values()) if self._from(name)))

    @property
    def rejected(self) -> tuple[tuple[str, InvalidInput], ...]:
        """What was set aside, channel by channel."""
        return tuple(each for channel in self._answers.values() for each in channel.rejected)

    def records(self, name: str) -> tuple[ChannelRecord, ...]:
        """The sound records of one package, sorted by subdir and file name; a file of the preferred channel wins."""
        key = CondaName(name)
        if key not in self._records:
            found: dict[tuple[str, str], ChannelRecord] = {}
            for place in self._from(key):
                for record in self._answers[place].records(key):
                    if self._permits.old_enough(place, record.published):
                        found.setdefault((record.index.subdir, record.filename), record)
            self._records[key] = tuple(found[place] for place in sorted(found))
        return self._records[key]

    def find(self, filename: str, *, subdir: str | None = None) -> ChannelRecord | None:
        """The record of a package file in the channels that provide the package; see `Channel.find`."""
        for place in self._from(parse_filename(filename)[0].name):
            record = self._answers[place].find(filename, subdir=subdir)
            if record is not None and self._permits.old_enough(place, record.published):
                return record
        return None

    def _from(self, name: CondaName) -> tuple[str, ...]:
        """The sources that a package comes from."""
        if name not in self._providers:

            def has(place: str) -> bool | None:
                if name in self._known.get(place, ()):
                    return True
                return False if place in self._answers and place not in self._copies else None

            providers = self._permits.providers(name, has)
            self._providers[name] = tuple(place for place in providers if place in self._listed)
        return self._providers[name]


def open_channels(
    locations: Sequence[str | Path],
    *,
    subdirs: Sequence[str],
    permits: Permits | None = None,
    on_unanswered: OnUnanswered | None = None,
) -> list[Channel]:
    """The channels that a user lists, or with a policy a single one that says what those may provide.

    Args:
        locations: directories or addresses, highest priority first. With a policy its order counts and not this one,
            and none stands for all of its channels.
        subdirs: the platform directories to read; `noarch` is always one.
        permits: the policy.
        on_unanswered: is told of each source that is left out, where the policy tolerates that.

    Raises:
        InvalidInput: a channel cannot be read (`open_channel`), or is none of the policy (`CB454`).
    """
    if permits is None:
        return [open_channel(location, subdirs=subdirs) for location in locations]
    asked = chosen(permits, locations)
    answers: dict[str, Channel] = {}
    copies: set[str] = set()
    for place in asked.places:
        try:
            answers[place.name], copied = first_answer(place, lambda location: open_channel(location, subdirs=subdirs))
        except InvalidInput as error:
            if error.code is not Code.SOURCE or not permits.tolerant:
                raise
            if on_unanswered is not None:
                on_unanswered(Unanswered(place.name, error))
        else:
            copies |= {place.name} if copied else set()
    return [GovernedChannel(answers, permits, listed=asked.listed, copies=copies)]
