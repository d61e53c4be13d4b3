"""Which claim decides about a package, found fast among many names and many claims."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from packaging.utils import NormalizedName

from bridge.priority.policy import Claim, NamePattern


@dataclass(frozen=True, slots=True)
class ClaimMatch:
    """A claim that a package falls under, and why."""

    claim: Claim
    pattern: NamePattern
    #: the name that the pattern matches.
    name: NormalizedName
    #: whether that is the name that was asked for, or the package's name in the other ecosystem.
    own: bool

    @property
    def rank(self) -> tuple[bool, int, int]:
        """Of two matches the greater decides.

        An exact name wins over a glob, and of two exact names the one asked for. Of two globs the longer one wins,
        under whichever name, and then that of the name asked for. For one name that is `NamePattern.precision`.
        """
        if not self.pattern.wildcard:
            return True, int(self.own), 0
        return False, len(self.pattern.text), int(self.own)


class ClaimIndex:
    """Claims by exact name and by the length of their globs; a look-up costs one hash per different length."""

    def __init__(self, claims: Iterable[Claim]) -> None:
        self._exact: dict[str, tuple[NamePattern, Claim]] = {}
        self._globs: dict[str, tuple[NamePattern, Claim]] = {}
        for claim in claims:
            for pattern in claim.patterns:
                (self._globs if pattern.wildcard else self._exact)[pattern.text] = (pattern, claim)
        self._lengths = sorted({len(text) for text in self._globs}, reverse=True)

    def __bool__(self) -> bool:
        return bool(self._exact or self._globs)

    def matches(self, name: NormalizedName, *, own: bool = True) -> list[ClaimMatch]:
        """The claims of one normalised name, most specific first.

        Args:
            name: the name, normalised as PEP 503 says, whichever ecosystem it is of.
            own: whether it is the name that was asked for.
        """
        found = [self._exact[name]] if name in self._exact else []
        found += [self._globs[name[:length]] for length in self._lengths if name[:length] in self._globs]
        return [ClaimMatch(claim, pattern, name, own) for pattern, claim in found]
