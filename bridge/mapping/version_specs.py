"""Conda version specs to PEP 440 specifiers: exact where that can be said, recorded where it cannot."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache, reduce
from typing import TYPE_CHECKING

from packaging.ranges import VersionRange
from packaging.specifiers import Specifier, SpecifierSet
from packaging.version import Version

from bridge.errors import Code, InvalidInput
from bridge.mapping import intervals
from bridge.mapping.precedence import AllOf, AnyOf
from bridge.mapping.version_ast import Anything, Constraint, Node, Operator, parse
from bridge.mapping.versions import VersionRule, to_pep440
from bridge.model.conda import CondaVersion

if TYPE_CHECKING:
    from bridge.mapping.intervals import Intervals

#: an upper bound that only serves to keep pre-releases of `release` out, which `<` of PEP 440 does by itself.
_BEFORE_PRERELEASES = re.compile(
    r"(?P<release>(?:[0-9]+!)?[0-9]+(?:[._][0-9]+)*)[._]?(?:a|alpha|dev)[._]?(?:0+(?:[._]0+)*)?"
)

Detail = tuple[Code, str]


@dataclass(frozen=True, slots=True)
class Accepted:
    """A leaf: the specifiers (all must hold) that stand for one constraint; none accept everything."""

    specifiers: tuple[Specifier, ...]


@dataclass(frozen=True, slots=True)
class Every:
    """All parts must hold."""

    parts: tuple[Meaning, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """One part must hold."""

    parts: tuple[Meaning, ...]


Meaning = Accepted | Every | Either


@dataclass(frozen=True, slots=True)
class SpecifierAnswer:
    """PEP 440 specifiers for a conda version spec.

    The specifiers accept every final and post release that the spec accepts, and no other unless `losses`
    says so. Pre-releases are left out of the comparison: conda has no rule for them, PEP 440 leaves them to
    the installer.
    """

    specifiers: SpecifierSet
    losses: tuple[Detail, ...] = ()


def to_specifiers(text: str, *, absent: str = "") -> SpecifierAnswer:
    """Translate a conda version spec.

    Args:
        text: for example `>=1.2,<2.0a0` or `2.7.*|>=3.4`; `*` and the empty string accept everything.
        absent: PEP 440 specifiers of versions that are known not to exist, so that accepting them is no loss.

    Returns:
        the specifiers, with `CB204` where a union became its hull, `CB205` where a bound could not be said,
        and `CB219` where a version had to be respelled.

    Raises:
        InvalidInput: CB116, conda cannot read it.
    """
    return _to_specifiers(text, absent)


def meaning(text: str) -> tuple[Meaning, tuple[Detail, ...]]:
    """The tree of a version spec with every constraint in PEP 440's terms, and what was lost.

    Raises:
        InvalidInput: CB116, conda cannot read it.
    """
    if not text.strip():
        return Accepted(()), ()
    losses: list[Detail] = []
    return _resolve(_parse(text), losses), tuple(dict.fromkeys(losses))


def intervals_of(node: Meaning) -> Intervals:
    """The versions that a tree accepts."""
    match node:
        case Accepted(specifiers):
            return reduce(intervals.intersect, map(intervals.of_specifier, specifiers), intervals.ALL)
        case Every(parts):
            return reduce(intervals.intersect, map(intervals_of, parts), intervals.ALL)
        case Either(parts):
            return intervals.unite(map(intervals_of, parts))


@lru_cache(maxsize=65536)
def lower_bound(text: str) -> Version | None:
    """The lowest version that a spec accepts or excludes at its lower end; None where it is open.

    Raises:
        InvalidInput: CB116, conda cannot read it.
    """
    found = intervals_of(meaning(text)[0])
    return found[0].low.version if found else None


@lru_cache(maxsize=65536)
def _to_specifiers(text: str, absent: str) -> SpecifierAnswer:
    node, losses = meaning(text)
    conjunction = _conjunction(node)
    if conjunction is not None:
        return SpecifierAnswer(SpecifierSet(dict.fromkeys(conjunction)), losses)
    specifiers = SpecifierSet(intervals.spell(intervals_of(node)))
    prereleases = _names_prerelease(node)
    wanted = _range(node, prereleases)
    offered = _ranged(specifiers, prereleases)
    if not wanted.difference(offered).is_empty:
        exact = wanted.to_specifier_set()
        if exact is None:
            return SpecifierAnswer(SpecifierSet(), (*losses, (Code.VERSION_DROPPED, f"{text} became any version")))
        return SpecifierAnswer(SpecifierSet(str(exact)), losses)
    surplus = offered.difference(wanted)
    if absent:
        surplus = surplus.difference(_ranged(SpecifierSet(absent), prereleases))
    if not surplus.is_empty:
        losses = (*losses, (Code.HULL, f"{text} became {specifiers or 'any version'}, which accepts more"))
    return SpecifierAnswer(specifiers, losses)


def _parse(text: str) -> Node:
    try:
        return parse(text)
    except ValueError as error:
        raise InvalidInput(Code.BAD_SPEC, str(error)) from error


def _conjunction(node: Meaning) -> list[Specifier] | None:
    """The specifiers of a tree without alternatives, in the order in which they were written."""
    match node:
        case Accepted(specifiers):
            return list(specifiers)
        case Every(parts):
            found: list[Specifier] = []
            for part in parts:
                inner = _conjunction(part)
                if inner is None:
                    return None
                found.extend(inner)
            return found
        case Either():
            return None


def _resolve(node: Node, losses: list[Detail]) -> Meaning:
    match node:
        case Anything():
            return Accepted(())
        case AllOf(parts):
            return Every(tuple(_resolve(part, losses) for part in parts))
        case AnyOf(parts):
            return Either(tuple(_resolve(part, losses) for part in parts))
        case Constraint():
            return Accepted(_specifiers(node, losses))


def _specifiers(constraint: Constraint, losses: list[Detail]) -> tuple[Specifier, ...]:
    operator, text = constraint.operator, constraint.version
    if operator is Operator.LESS and (match := _BEFORE_PRERELEASES.fullmatch(text.lower())):
        return (Specifier(f"<{match['release'].replace('_', '.')}"),)
    try:
        answer = to_pep440(CondaVersion(text))
    except InvalidInput:
        losses.append((Code.VERSION_DROPPED, f"{constraint} was dropped"))
        return ()
    if answer.rule is VersionRule.OPAQUE and operator not in (Operator.EQUAL, Operator.NOT_EQUAL):
        losses.append((Code.VERSION_DROPPED, f"{constraint} was dropped; its version has no order"))
        return ()
    if not answer.same_meaning:
        losses.append((Code.VERSION_SPELLING, f"{text} is written {answer.version}"))
    return _spell(operator, answer.version, losses)


def _spell(operator: Operator, version: Version, losses: list[Detail]) -> tuple[Specifier, ...]:
    """PEP 440's words for one operator; some of them do not take every segment of a version."""
    match operator:
        case Operator.EQUAL:
            return (Specifier(f"=={version}"),)
        case Operator.NOT_EQUAL:
            return (Specifier(f"!={version}"),)
        case Operator.STARTS_WITH | Operator.NOT_STARTS_WITH:
            sign = "==" if operator is Operator.STARTS_WITH else "!="
            if version.is_prerelease or version.is_postrelease or version.local:
                losses.append((Code.HULL, f"{sign}{version}.* became {sign}{version}"))
                return (Specifier(f"{sign}{version}"),)
            return (Specifier(f"{sign}{version}.*"),)
    public = Version(version.public)
    if public != version:
        losses.append((Code.HULL, f"{operator.value}{version} became {operator.value}{public}"))
    match operator:
        case Operator.GREATER:
            # `>1.0` of PEP 440 excludes 1.0.post1, conda's does not.
            return (Specifier(f">={public}"), Specifier(f"!={public}"))
        case Operator.COMPATIBLE if len(public.release) == 1:
            return (Specifier(f">={public}"),)
        case Operator.COMPATIBLE:
            return (Specifier(f"~={public}"),)
        case _:
            return (Specifier(f"{operator.value}{public}"),)


def _range(node: Meaning, prereleases: bool) -> VersionRange:
    match node:
        case Accepted(specifiers):
            return _ranged(SpecifierSet(specifiers), prereleases)
        case Every(parts):
            return reduce(VersionRange.intersection, (_range(part, prereleases) for part in parts))
        case Either(parts):
            return reduce(VersionRange.union, (_range(part, prereleases) for part in parts))


def _ranged(specifiers: SpecifierSet, prereleases: bool) -> VersionRange:
    return SpecifierSet(specifiers, prereleases=prereleases).to_range()


def _names_prerelease(node: Meaning) -> bool:
    """Whether a pre-release is asked for by name, so that pre-releases count in the comparison."""
    match node:
        case Accepted(specifiers):
            return any(
                one.operator == "==" and Version(one.version.removesuffix(".*")).is_prerelease for one in specifiers
            )
        case Every(parts) | Either(parts):
            return any(map(_names_prerelease, parts))
