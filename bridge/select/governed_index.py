"""The indexes of a policy as one: every project is there from whom it may come from, and from nobody else."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from packaging.utils import NormalizedName

from bridge.channel.location import Location
from bridge.channel.permits import OnUnanswered, Permits, Place, Unanswered, chosen, first_answer
from bridge.errors import Code, InvalidInput
from bridge.select.wheel_index import SIMPLE, WheelIndex
from bridge.select.wheel_side import WheelOffer, WheelRelease


class GovernedIndex:
    """Several indexes under a policy (an `Index`). Each is asked about a project when the answer matters.

    Args:
        permits: the policy.
        given: directories or addresses of the indexes that wheels may come from; all of the policy where empty.
        on_unanswered: is told of each index that is left out, where the policy tolerates that.

    Raises:
        InvalidInput: one that is given is none of the policy (`CB454`), or no address at all (`CB119`).
    """

    def __init__(self, permits: Permits, given: Sequence[str | Path], on_unanswered: OnUnanswered) -> None:
        asked = chosen(permits, given, below=SIMPLE)
        self._permits = permits
        self._listed = asked.listed
        self._places = {place.name: place for place in asked.places}
        self._on_unanswered = on_unanswered
        self._indexes: dict[Location, WheelIndex] = {}
        self._answers: dict[tuple[str, NormalizedName], tuple[WheelIndex | None, bool | None]] = {}
        #: file name of an offer -> the index that it comes from.
        self._owners: dict[str, WheelIndex] = {}

    def releases(self, project: NormalizedName) -> tuple[WheelRelease, ...]:
        """The releases of a project, oldest first; of two of one version, that of the preferred index.

        Raises:
            InvalidInput: an index that has a say does not answer (`CB119`), or cannot be read.
        """
        found: dict[object, WheelRelease] = {}
        for name in self._permits.providers(project, lambda place: self._ask(place, project)[1]):
            index, _ = self._ask(name, project)
            if name not in self._listed or index is None:
                continue
            for release in index.releases(project):
                if release.version not in found:
                    found[release.version] = release
                    self._owners.update((offer.filename, index) for offer in release.offers)
        return tuple(sorted(found.values(), key=lambda release: release.version))

    def provider(self, project: NormalizedName) -> str | None:
        """The source, of those that are given, that a project comes from; None where it comes from none of them.

        Raises:
            InvalidInput: an index that has a say does not answer (`CB119`).
        """
        providers = self._permits.providers(project, lambda place: self._ask(place, project)[1])
        return next((name for name in providers if name in self._listed), None)

    def source_of(self, offer: WheelOffer) -> str | None:
        """See `Index.source_of`."""
        return self._owners[offer.filename].source_of(offer)

    def _ask(self, name: str, project: NormalizedName) -> tuple[WheelIndex | None, bool | None]:
        """The index that answers about a project, and whether it has it; None where nobody can tell."""
        place = self._places.get(name)
        if place is None:
            return None, None
        key = name, project
        if key not in self._answers:
            self._answers[key] = self._asked(place, project)
        return self._answers[key]

    def _asked(self, place: Place, project: NormalizedName) -> tuple[WheelIndex | None, bool | None]:
        try:
            (index, known), copied = first_answer(place, partial(self._answer, place.name, project))
        except InvalidInput as error:
            if error.code is not Code.SOURCE or not self._permits.tolerant:
                raise
            self._on_unanswered(Unanswered(place.name, error))
            return None, None
        return index, True if known else None if copied else False

    def _answer(self, name: str, project: NormalizedName, location: Location) -> tuple[WheelIndex, bool]:
        if location not in self._indexes:
            self._indexes[location] = WheelIndex(location, old_enough=partial(self._permits.old_enough, name))
        index = self._indexes[location]
        return index, index.knows(project)
