"""The order in which conda's solver tries the builds of one release (rattler's, which pixi, conda and mamba 3 share).

1. builds without `track_features` before builds with them;
2. the higher build number;
3. dependency by dependency, in the order of their names, as far as all builds that are equal so far have them: the
   build whose requirement admits the higher version;
4. the newer timestamp.
"""

from __future__ import annotations

from functools import cmp_to_key
from itertools import groupby
from typing import TYPE_CHECKING, Final

import rattler

from bridge.channel.solve import required_name
from bridge.mapping.matchspec import parse_spec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bridge.channel.candidate import Candidate
    from bridge.channel.universe import Universe

#: (has no track_features, version): of the best candidate of a requirement, greater is better.
_Best = tuple[bool, rattler.Version]
_NEVER: Final = -1


class Preference:
    """The solver's order within releases of one universe."""

    def __init__(self, universe: Universe) -> None:
        self._universe = universe
        self._best: dict[str, _Best | None] = {}
        self._versions: dict[str, rattler.Version] = {}

    def ranked(self, builds: Iterable[Candidate]) -> tuple[Candidate, ...]:
        """All builds of one release, best first.

        Args:
            builds: every build of the release that the solver sees, for all Pythons: which dependencies they have
                in common decides.
        """
        found: list[Candidate] = []
        for _, equal in groupby(sorted(builds, key=_plain), key=lambda build: _plain(build)[:2]):
            found.extend(self._by_dependencies(list(equal)))
        return tuple(found)

    def _by_dependencies(self, builds: Sequence[Candidate]) -> Sequence[Candidate]:
        if len(builds) == 1:
            return builds
        needs = [self._needs(build) for build in builds]
        common = sorted(set(needs[0]).intersection(*needs[1:]))
        keys = {
            build.filename: [self._least(need[name]) for name in common]
            for build, need in zip(builds, needs, strict=True)
        }

        def compare(one: Candidate, other: Candidate) -> int:
            for mine, theirs in zip(keys[one.filename], keys[other.filename], strict=True):
                if mine != theirs:
                    return 1 if mine is None or (theirs is not None and mine < theirs) else -1
            return _newness(other) - _newness(one)

        return sorted(builds, key=cmp_to_key(compare))

    def _needs(self, build: Candidate) -> Mapping[str, list[str]]:
        found: dict[str, list[str]] = {}
        for text in self._universe.depends(build.index):
            name = required_name(text)
            if name is not None and not name.startswith("__") and not ("when" in text and parse_spec(text).when):
                found.setdefault(name, []).append(text)
        return found

    def _least(self, specs: Sequence[str]) -> _Best | None:
        """The solver's guess at the best version that all requirements on one package leave."""
        found = [best for spec in specs if (best := self._highest(spec)) is not None]
        return min(found) if found else None

    def _highest(self, spec: str) -> _Best | None:
        if spec not in self._best:
            best: tuple[rattler.Version, bool] | None = None
            for candidate in self._universe.matching(spec):
                version = self._version(candidate.index.version)
                if best is None or version > best[0]:
                    best = version, not candidate.index.track_features
            self._best[spec] = None if best is None else (best[1], best[0])
        return self._best[spec]

    def _version(self, text: str) -> rattler.Version:
        if text not in self._versions:
            self._versions[text] = rattler.Version(text)
        return self._versions[text]


def _plain(build: Candidate) -> tuple[bool, int, str]:
    return bool(build.index.track_features), -build.index.build_number, build.filename


def _newness(build: Candidate) -> int:
    return _NEVER if build.index.timestamp is None else build.index.timestamp
