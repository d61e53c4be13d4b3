"""Who may provide a package: decided by a policy, and obeyed wherever the bridge itself solves or looks for one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

from bridge.channel.location import Location, locate
from bridge.errors import Code, InvalidInput

_T = TypeVar("_T")

#: whether a source, by its name, has the package that is asked about; None where it does not answer.
Has = Callable[[str], bool | None]


@dataclass(frozen=True, slots=True)
class Place:
    """A source of one ecosystem, and its copies."""

    #: by which the policy calls it.
    name: str
    #: where it is, and then its copies, which are asked where it does not answer.
    locations: tuple[Location, ...]


class Permits(Protocol):
    """What a policy says about the sources of one ecosystem; pure, and sent to worker processes."""

    @property
    def places(self) -> tuple[Place, ...]:
        """Every source that has a say, highest first."""

    @property
    def identity(self) -> str:
        """Changes when what is permitted does."""

    @property
    def tolerant(self) -> bool:
        """Whether to go on where a source does not answer, without what it would decide about."""

    def providers(self, name: str, has: Has) -> tuple[str, ...]:
        """The sources that a package is taken from.

        Args:
            name: the package in this ecosystem.
            has: which sources have it; only asked where the answer matters.

        Returns:
            names of places, the preferred first; several only where the best version of all of them is wanted.
        """

    def old_enough(self, place: str, published: datetime | None) -> bool:
        """Whether a file of a source may be taken, as to its age.

        Args:
            place: name of the source.
            published: in UTC; None where the source does not say it.
        """


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A source that is left out because it does not answer, and why."""

    place: str
    error: InvalidInput

    def __str__(self) -> str:
        return f"{self.place} is left out, and so is what it would decide about: {self.error.message}"


#: is told of each source that is left out.
OnUnanswered = Callable[[Unanswered], None]


@dataclass(frozen=True, slots=True)
class Chosen:
    """The sources that are asked, and those of them that packages may come from."""

    places: tuple[Place, ...]
    #: names of places.
    listed: frozenset[str] = field(default=frozenset())


def chosen(permits: Permits, given: Iterable[str | Path], *, below: str = "") -> Chosen:
    """The sources of a policy, narrowed to what the user lists.

    A source that is not listed provides nothing, but it still has its say: what it would provide comes from no other.

    Args:
        permits: the policy.
        given: directories or addresses, with or without credentials; all sources of the policy where empty.
        below: part of a path that may be left out at the end of an address.

    Raises:
        InvalidInput: one of them is no source of the policy (`CB454`), or no address at all (`CB119`).
    """
    places = {place.name: place for place in permits.places}
    listed: list[str] = []
    for location in map(locate, given):
        meant = (location, replace(location, address=f"{location.address}/{below}")) if below else (location,)
        found = next(((place, each) for each in meant for place in places.values() if _is_at(place, each)), None)
        if found is None:
            message = "the policy has no source with this address"
            raise InvalidInput(Code.POLICY_SOURCE, message, subject=location.shown)
        place, location = found
        places[place.name] = _with_credentials(place, location)
        listed.append(place.name)
    return Chosen(tuple(places.values()), frozenset(listed or places))


def first_answer(place: Place, ask: Callable[[Location], _T]) -> tuple[_T, bool]:
    """What a source says, or else the first of its copies that answers.

    Returns:
        the answer, and whether it is that of a copy: a copy may lag, and what it does not have may still be there.

    Raises:
        InvalidInput: none of them answers (`CB119`), which is not the same as having nothing; or what is said cannot
            be trusted (other codes).
    """
    failure: InvalidInput | None = None
    for position, location in enumerate(place.locations):
        try:
            return ask(location), position > 0
        except InvalidInput as error:
            if error.code is not Code.SOURCE:
                raise
            failure = failure or error
    why = "it has no address" if failure is None else failure.message
    raise InvalidInput(Code.SOURCE, f"the source does not answer: {why}", subject=place.name)


def _is_at(place: Place, location: Location) -> bool:
    return any(each.identity == location.identity for each in place.locations)


def _with_credentials(place: Place, given: Location) -> Place:
    """The credentials that the user gives in an address win over those that the policy refers to."""
    if "@" not in urlsplit(given.address).netloc and given.address == given.shown:
        return place
    return replace(
        place, locations=tuple(given if each.identity == given.identity else each for each in place.locations)
    )
