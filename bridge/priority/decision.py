"""What the policy says about one name: which source provides it, whatever any client would do.

1. A claim decides alone: no other source may provide the name, even where those that may do not know it.
2. Otherwise the order decides, in the way that `default` says.
3. A name that no source knows is an error, and a source that does not answer is not one that does not know the name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Final

from packaging.markers import Marker
from packaging.utils import NormalizedName, canonicalize_name

from bridge.model.conda import CondaName
from bridge.priority.claims import ClaimIndex, ClaimMatch
from bridge.priority.identity import Identities
from bridge.priority.policy import Ecosystem, Policy, Semantics, Source, SourceName, Unreachable


class Presence(Enum):
    """What a source says to a name."""

    KNOWN = "known"
    #: it answered, and does not have the name.
    ABSENT = "absent"
    #: it did not answer.
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class Availability:
    """What a source has of a name."""

    presence: Presence
    #: the versions that will do, comparable with each other and with those of the other sources; None where nobody
    #: looked, which `strict` does not need.
    versions: tuple[Any, ...] | None = None


KNOWN: Final = Availability(Presence.KNOWN)
ABSENT: Final = Availability(Presence.ABSENT)
UNREACHABLE: Final = Availability(Presence.UNREACHABLE)


class Outcome(Enum):
    """What becomes of a name; only `provided` names are installed."""

    PROVIDED = "provided"
    #: the sources that decide know the name, and have no version that will do.
    UNSATISFIABLE = "unsatisfiable"
    #: no source that may provide the name knows it.
    ABSENT = "absent"
    #: a source that would decide does not answer.
    UNREACHABLE = "unreachable"
    #: the package's names are claimed differently, and none of the claims is more specific.
    CONTRADICTED = "contradicted"


class Reason(Enum):
    """Why a source does not provide a name."""

    NOT_CLAIMED = "a claim gives the name to others"
    CLAIMED_ONLY = "provides claimed names only"
    NO_FACE = "has no address in this ecosystem"
    ABSENT = "does not have the name"
    NO_VERSION = "has no version that will do"
    LOWER = "is not the one that decides"
    OLDER = "has no better version than the one that is taken"
    UNREACHABLE = "does not answer"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A source that does not provide the name."""

    source: SourceName
    reason: Reason


@dataclass(frozen=True, slots=True)
class Decision:
    """The policy's answer about one name."""

    #: normalised.
    name: NormalizedName
    ecosystem: Ecosystem
    outcome: Outcome
    #: the source that provides the name, or that settles that nobody does; None where no single one does.
    source: SourceName | None
    #: the mirror that answered in the place of `source`.
    via: SourceName | None = None
    #: the best of the versions that will do, where the source told them.
    version: Any = None
    #: the claim that decides, several where they contradict each other; empty where the order decides.
    claims: tuple[ClaimMatch, ...] = ()
    #: the sources that may provide the name, highest first.
    allowed: tuple[SourceName, ...] = ()
    #: the other sources, in the policy's order, and why.
    refused: tuple[Refusal, ...] = ()
    #: how serious it is that a source does not answer; None unless that is the outcome.
    severity: Unreachable | None = None
    #: where this answer holds; None is everywhere (but where a more specific claim holds).
    when: Marker | None = None
    #: the answer where `when` does not hold.
    otherwise: Decision | None = None

    @property
    def answers(self) -> tuple[Decision, ...]:
        """This answer and those of the other environments, the first whose `when` holds counts."""
        rest = () if self.otherwise is None else self.otherwise.answers
        return (replace(self, otherwise=None), *rest)

    @property
    def rule(self) -> str:
        """What decided, for people."""
        if not self.claims:
            return "order"
        return " and ".join(dict.fromkeys(f"claim on line {match.claim.line}" for match in self.claims))


Knows = Callable[[Source], Availability]


class Decider:
    """Answers under one policy; pure, and fast enough to be asked about every name of a channel.

    Args:
        policy: the policy.
        names: what packages are called in the other ecosystem, as claims hold under both names; None for what the
            policy says alone.
    """

    def __init__(self, policy: Policy, names: Identities | None = None) -> None:
        self.policy = policy
        self.names = Identities(policy.names) if names is None else names
        self._claims = ClaimIndex(policy.claims)
        self._faces = {ecosystem: policy.faces(ecosystem) for ecosystem in Ecosystem}
        self._mirrors: dict[SourceName, list[Source]] = {}
        for source in policy.sources.values():
            if source.mirror_of is not None:
                self._mirrors.setdefault(source.mirror_of, []).append(source)

    def claims_of(
        self,
        name: CondaName | NormalizedName,
        ecosystem: Ecosystem,
        environment: Mapping[str, str] | None = None,
    ) -> tuple[tuple[ClaimMatch, ...], ...]:
        """The claims on a package under all its names, the deciding one first.

        Args:
            name: the name in `ecosystem`.
            ecosystem: where it is asked for.
            environment: all marker variables (PEP 508), to leave out the claims that do not hold there; None for
                all claims.

        Returns:
            groups of one claim each, or of several that contradict each other.
        """
        if not self._claims:
            return ()
        own = canonicalize_name(name)
        found = self._claims.matches(own)
        for other in self._other_names(name, ecosystem):
            if other != own:
                found += self._claims.matches(other, own=False)
        if environment is not None:
            found = [match for match in found if match.claim.when is None or match.claim.when.evaluate(environment)]
        groups: dict[tuple[bool, int, int], list[ClaimMatch]] = {}
        for match in sorted(found, key=lambda match: match.rank, reverse=True):
            groups.setdefault(match.rank, []).append(match)
        return tuple(_united(group) for group in groups.values())

    def decide(
        self,
        name: CondaName | NormalizedName,
        ecosystem: Ecosystem,
        knows: Knows,
        environment: Mapping[str, str] | None = None,
    ) -> Decision:
        """Which source provides a name.

        Args:
            name: the name in `ecosystem`.
            ecosystem: where it is asked for.
            knows: what a source (or a mirror) has; only asked where the answer matters.
            environment: all marker variables (PEP 508); None leaves claims that hold only somewhere open, and the
                answer has `otherwise`.
        """
        own = canonicalize_name(name)
        groups: list[tuple[Marker | None, tuple[ClaimMatch, ...]]] = []
        for group in self.claims_of(name, ecosystem, environment):
            when = group[0].claim.when if len(group) == 1 and environment is None else None
            groups.append((when, group))
            if when is None:
                break
        else:
            groups.append((None, ()))
        answer: Decision | None = None
        for when, group in reversed(groups):
            one = self._answer(own, ecosystem, group, knows)
            answer = one if when is None else replace(one, when=when, otherwise=answer)
        assert answer is not None  # noqa: S101 - there is at least one group
        return answer

    def _answer(
        self, name: NormalizedName, ecosystem: Ecosystem, matches: tuple[ClaimMatch, ...], knows: Knows
    ) -> Decision:
        faces = self._faces[ecosystem]
        if len(matches) > 1:
            refused = tuple(Refusal(source.name, Reason.NOT_CLAIMED) for source in faces)
            return Decision(name, ecosystem, Outcome.CONTRADICTED, None, claims=matches, refused=refused)
        reasons: dict[SourceName, Reason] = {}
        if matches:
            named = [self.policy.sources[source] for source in matches[0].claim.sources]
            allowed = [source for source in named if source.url(ecosystem) is not None]
            reasons.update((source.name, Reason.NO_FACE) for source in named if source not in allowed)
            reasons.update((source.name, Reason.NOT_CLAIMED) for source in faces if source not in allowed)
        else:
            allowed = [source for source in faces if not source.claimed_only]
            reasons.update((source.name, Reason.CLAIMED_ONLY) for source in faces if source.claimed_only)
        found = _Search(self.policy.semantics, ecosystem, self._mirrors, knows).run(allowed, reasons)
        return Decision(
            name,
            ecosystem,
            found.outcome,
            found.source,
            found.via,
            found.version,
            matches,
            allowed=tuple(source.name for source in allowed),
            refused=tuple(Refusal(source, reasons[source]) for source in self.policy.order if source in reasons),
            severity=self.policy.on_unreachable if found.outcome is Outcome.UNREACHABLE else None,
        )

    def _other_names(self, name: CondaName | NormalizedName, ecosystem: Ecosystem) -> Iterable[NormalizedName]:
        if ecosystem is Ecosystem.CONDA:
            return self.names.pypi_names(CondaName(name)) or ()
        return [canonicalize_name(other) for other in self.names.conda_names(canonicalize_name(name)) or ()]


def decide(
    policy: Policy,
    name: CondaName | NormalizedName,
    ecosystem: Ecosystem,
    knows: Knows,
    *,
    names: Identities | None = None,
    environment: Mapping[str, str] | None = None,
) -> Decision:
    """One question; for many, make one `Decider`."""
    return Decider(policy, names).decide(name, ecosystem, knows, environment)


def _united(group: Sequence[ClaimMatch]) -> tuple[ClaimMatch, ...]:
    """One match where all say the same."""
    first = group[0].claim
    same = all(match.claim.sources == first.sources and match.claim.when == first.when for match in group)
    return (group[0],) if same else tuple(group)


@dataclass(frozen=True, slots=True)
class _Found:
    """Where a search ended."""

    outcome: Outcome
    source: SourceName | None = None
    via: SourceName | None = None
    version: Any = None


@dataclass(frozen=True, slots=True)
class _Search:
    """The walk over the sources that may provide a name."""

    semantics: Semantics
    ecosystem: Ecosystem
    mirrors: Mapping[SourceName, Sequence[Source]]
    knows: Knows

    def run(self, allowed: Sequence[Source], reasons: dict[SourceName, Reason]) -> _Found:
        """Where the name comes from; `reasons` gets why it does not come from the others."""
        found: list[tuple[Source, SourceName | None, Availability]] = []
        known = False
        for position, source in enumerate(allowed):
            answer, via = self._ask(source)
            if answer.presence is Presence.ABSENT:
                reasons[source.name] = Reason.ABSENT
                continue
            if answer.presence is Presence.UNREACHABLE:
                reasons.update(
                    (other.name, Reason.LOWER) for other in (*allowed[position:], *(one for one, *_ in found))
                )
                reasons[source.name] = Reason.UNREACHABLE
                return _Found(Outcome.UNREACHABLE, source.name)
            known = True
            if answer.versions == () and self.semantics is not Semantics.STRICT:
                reasons[source.name] = Reason.NO_VERSION
                continue
            found.append((source, via, answer))
            if self.semantics is not Semantics.BEST_MATCH:
                reasons.update((lower.name, Reason.LOWER) for lower in allowed[position + 1 :])
                break
        if not found:
            return _Found(Outcome.UNSATISFIABLE if known else Outcome.ABSENT)
        source, via, answer = _best(found)
        reasons.update((other.name, Reason.OLDER) for other, _, _ in found if other is not source)
        if answer.versions == ():
            reasons[source.name] = Reason.NO_VERSION
            return _Found(Outcome.UNSATISFIABLE, source.name)
        return _Found(Outcome.PROVIDED, source.name, via, max(answer.versions) if answer.versions else None)

    def _ask(self, source: Source) -> tuple[Availability, SourceName | None]:
        """What a source has. A mirror answers for one that is down, but only that it has the name: it may lag."""
        answer = self.knows(source)
        if answer.presence is Presence.UNREACHABLE:
            for mirror in self.mirrors.get(source.name, ()):
                if mirror.url(self.ecosystem) is not None:
                    other = self.knows(mirror)
                    if other.presence is Presence.KNOWN:
                        return other, mirror.name
        return answer, None


def _best(
    found: Sequence[tuple[Source, SourceName | None, Availability]],
) -> tuple[Source, SourceName | None, Availability]:
    """The first of those with the best version; without versions the first."""
    best = found[0]
    for one in found[1:]:
        if one[2].versions and (not best[2].versions or max(one[2].versions) > max(best[2].versions)):
            best = one
    return best
