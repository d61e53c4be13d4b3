"""Conda requirements (MatchSpecs) to requirements of a wheel (PEP 508)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NoReturn

from packaging.markers import Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import Specifier, SpecifierSet
from packaging.utils import canonicalize_name

from bridge.errors import BridgeError, Code, InvalidInput, Unrepresentable
from bridge.mapping.conditions import to_marker
from bridge.mapping.matchspec import CondaSpec, parse_spec
from bridge.mapping.names import NameMapper, NameSource
from bridge.mapping.tables import DependencyKind
from bridge.mapping.version_specs import to_specifiers
from bridge.model.plan import Loss

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True)
class RequirementAnswer:
    """What one conda requirement becomes.

    `requirement` is None for kinds that tags, Requires-Python or the system stand for.
    """

    requirement: Requirement | None
    kind: DependencyKind
    losses: tuple[Loss, ...]


def to_requirement(spec: str, mapper: NameMapper, *, subject: str, extra: str | None = None) -> RequirementAnswer:
    """Translate one entry of `depends`, or of a group of `extra_depends`.

    Interpreter and virtual packages give no losses here: `bridge.mapping.python` and
    `bridge.mapping.platforms` read the same entries and say what tags cannot.

    Args:
        spec: a MatchSpec.
        mapper: names.
        subject: the file that the entry comes from, for losses and errors.
        extra: the group of `extra_depends` that it belongs to.

    Raises:
        InvalidInput: CB116, the spec cannot be read.
        Unrepresentable: CB320, the spec names a file by its address, and the bare name of a Python project
            could resolve to something else.
    """
    parsed = parse_spec(spec, subject=subject)
    answer = mapper.lookup(parsed.name)
    if answer.distribution is None:
        return RequirementAnswer(None, answer.kind, _unneeded(parsed, answer.kind, subject))
    if answer.kind is DependencyKind.PYTHON and any(key in ("url", "fn") for key, _ in parsed.qualifiers):
        raise Unrepresentable(
            Code.NAME_REFUSED,
            f"{parsed} is asked for by the address of a file, which a requirement must not forget",
            subject=subject,
            field="depends",
        )
    losses = list(parsed.unsayable(subject))
    if answer.source is NameSource.RESERVED:
        losses.append(
            Loss(
                Code.UNMAPPED_NAME,
                subject,
                f"nothing is known about {parsed.name}; it became {answer.distribution}",
            )
        )
    try:
        version = to_specifiers(parsed.version)
    except InvalidInput as error:
        _again(error, subject)
    losses.extend(Loss(code, subject, f"{parsed.name}: {detail}") for code, detail in version.losses)
    markers = []
    if parsed.when:
        condition = to_marker(parsed.when)
        if not condition.exact:
            became = condition.marker or "no condition"
            losses.append(Loss(Code.CONDITION, subject, f"{parsed}: the condition {parsed.when} became {became}"))
        if condition.marker is not None:
            markers.append(condition.marker)
    if extra is not None:
        markers.append(f'extra == "{canonicalize_name(extra)}"')
    requirement = _requirement(answer.distribution, parsed, version.specifiers, markers, subject)
    return RequirementAnswer(requirement, answer.kind, tuple(losses))


def merge_requirements(requirements: Iterable[Requirement]) -> list[Requirement]:
    """One requirement per name and marker, whose versions satisfy all of them; order of first appearance.

    Specifiers that another one implies are left out (`>=3.1,>=3.1.2` is `>=3.1.2`).
    """
    merged: dict[tuple[str, str], Requirement] = {}
    for requirement in requirements:
        key = (canonicalize_name(requirement.name), str(requirement.marker or ""))
        first = merged.get(key)
        if first is None:
            merged[key] = requirement
            continue
        joined = Requirement(str(first))
        joined.extras = first.extras | requirement.extras
        joined.specifier = simplify([*first.specifier, *requirement.specifier])
        merged[key] = joined
    return list(merged.values())


def simplify(specifiers: Sequence[Specifier]) -> SpecifierSet:
    """The same versions with no specifier that the others imply."""
    return _simplified(tuple(map(str, specifiers)))


@lru_cache(maxsize=4096)
def _simplified(texts: tuple[str, ...]) -> SpecifierSet:
    # By text: `<3.11` and `<3.11.0` are equal, and what was asked before must not decide how the answer is spelled.
    kept = list(dict.fromkeys(map(Specifier, texts)))
    for one in list(kept):
        others = [other for other in kept if other is not one]
        if SpecifierSet(others).to_range().is_subset(SpecifierSet([one]).to_range()):
            kept = others
    return SpecifierSet(kept)


def _requirement(
    name: str, spec: CondaSpec, specifiers: SpecifierSet, markers: Sequence[str], subject: str
) -> Requirement:
    if not spec.extras and not markers and _PLAIN_NAME.fullmatch(name):
        # Most are of this form, and specifiers need not be read again.
        plain = Requirement(name)
        plain.specifier = specifiers
        return plain
    extras = f"[{','.join(sorted(spec.extras))}]" if spec.extras else ""
    marker = f"; {_both(markers)}" if markers else ""
    try:
        return Requirement(f"{name}{extras}{specifiers}{marker}")
    except InvalidRequirement as error:
        raise InvalidInput(
            Code.BAD_SPEC,
            f"{spec} has no form that installers read: {error}",
            subject=subject,
            field="depends",
        ) from error


def _both(markers: Sequence[str]) -> str:
    if len(markers) == 1:
        return str(Marker(markers[0]))
    return " and ".join(f"({marker})" if " or " in marker else marker for marker in markers)


def _unneeded(spec: CondaSpec, kind: DependencyKind, subject: str) -> tuple[Loss, ...]:
    """What is lost with a requirement that is left out; a build names an implementation."""
    if kind not in (DependencyKind.MUTEX, DependencyKind.RUNTIME):
        return ()
    if kind is DependencyKind.MUTEX and spec.pins_build:
        return (Loss(Code.BUILD_STRING, subject, f"{spec}: the build was dropped"),)
    return (Loss(Code.NO_REQUIREMENT, subject, f"{spec} is a {kind.value} package"),)


def _again(error: BridgeError, subject: str) -> NoReturn:
    raise InvalidInput(error.code, error.message, subject=subject, field="depends") from error
