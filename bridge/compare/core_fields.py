"""METADATA of two artifacts, field by field: what was meant, not how it was written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name

from bridge.compare.comparison import Difference, differ
from bridge.compare.values import members
from bridge.errors import BridgeError
from bridge.formats.wheel.metadata_fields import spdx
from bridge.mapping.marker_targets import Target
from bridge.mapping.markers import conditions
from bridge.model.conda import Subdir

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from bridge.formats.wheel.core_metadata import CoreMetadata

#: what these say depends on their meaning, not on their spelling.
_PARSED: Final = frozenset(
    {"license", "license-expression", "name", "provides-extra", "requires-dist", "requires-python", "version"}
)
#: builders of the past wrote this where they had nothing to say.
_UNKNOWN: Final = "UNKNOWN"
#: how the file is written, and for whom else it was; nobody who installs acts on it.
_IDLE: Final = frozenset({"metadata-version", "dynamic"})
#: requirements of one project whose markers are worked out; nobody writes more.
_MOST_COMPARED: Final = 200
_QUOTED: Final = re.compile(r"\"([^\"]*)\"|'([^']*)'")
#: every environment that a requirement may meet.
_EVERYWHERE: Final = Target(Subdir("noarch"))


def compare_core(
    left: CoreMetadata, right: CoreMetadata, *, aside: Collection[str] = (), where: str = "METADATA"
) -> Iterator[Difference]:
    """Compare two METADATA files.

    Args:
        aside: fields in lower case that are compared elsewhere.
    """
    titles = {name.lower(): name for name, _ in (*right.headers, *left.headers)}
    for field in sorted(titles.keys() - _PARSED - set(aside)):
        yield from members(
            f"{where}: {titles[field]}", _values(left, field), _values(right, field), matters=field not in _IDLE
        )
    yield from members(f"{where}: License", _licence(left), _licence(right))
    yield from _identity(left, right, where)
    if "requires-python" not in aside:
        yield from _python(left.get("Requires-Python"), right.get("Requires-Python"), where)
    if "requires-dist" not in aside:
        yield from _requirements(left, right, where)
    if "provides-extra" not in aside:
        extras = (frozenset(map(canonicalize_name, core.get_all("Provides-Extra"))) for core in (left, right))
        yield from members(f"{where}: Provides-Extra", *extras)
    yield from differ(f"{where}: Description", _text(left.body), _text(right.body))


def _identity(left: CoreMetadata, right: CoreMetadata, where: str) -> Iterator[Difference]:
    yield from differ(f"{where}: Name", left.name, right.name, matters=left.normalized_name != right.normalized_name)
    one, other = left.get("Version"), right.get("Version")
    yield from differ(f"{where}: Version", one, other, matters=left.version != right.version)


def _python(left: str | None, right: str | None, where: str) -> Iterator[Difference]:
    if left == right:
        return
    try:
        same = same_versions(SpecifierSet(left or ""), SpecifierSet(right or ""))
    except InvalidSpecifier:
        same = False
    yield from differ(f"{where}: Requires-Python{' (spelling)' if same else ''}", left, right, matters=not same)


def _requirements(left: CoreMetadata, right: CoreMetadata, where: str) -> Iterator[Difference]:
    one, other = (_by_name(core.get_all("Requires-Dist")) for core in (left, right))
    for name in sorted(one.keys() | other.keys()):
        ours, theirs = one.get(name, {}), other.get(name, {})
        only_ours, only_theirs = sorted(ours.keys() - theirs.keys()), sorted(theirs.keys() - ours.keys())
        if not (only_ours or only_theirs):
            continue
        same = _same_meaning(ours.values(), theirs.values())
        yield Difference(
            f"{where}: Requires-Dist: {name}{' (spelling)' if same else ''}",
            ", ".join(only_ours) or None,
            ", ".join(only_theirs) or None,
            not same,
        )


def _by_name(texts: Iterable[str]) -> dict[str, dict[str, Requirement | None]]:
    """Name -> text -> requirement; None for what is none by today's rules (there are old wheels)."""
    found: dict[str, dict[str, Requirement | None]] = {}
    for text in texts:
        try:
            requirement = Requirement(text)
        except (InvalidRequirement, RecursionError):
            found.setdefault(text, {})[text] = None
        else:
            found.setdefault(canonicalize_name(requirement.name), {})[str(requirement)] = requirement
    return found


def _same_meaning(ours: Collection[Requirement | None], theirs: Collection[Requirement | None]) -> bool:
    """Whether two lists of requirements of one project ask for the same."""
    known = [[each for each in side if each is not None] for side in (ours, theirs)]
    both = [*known[0], *known[1]]
    if not 0 < len(both) == len(ours) + len(theirs) <= _MOST_COMPARED:
        return False
    extras = sorted(frozenset().union(*(extras_in(each) for each in both)))
    one, other = ([_meaning(each, extras) for each in side] for side in known)
    return all(each in other for each in one) and all(each in one for each in other)


def extras_in(requirement: Requirement) -> frozenset[NormalizedName]:
    """Every extra that the marker of a requirement may speak of, and perhaps other words."""
    words = ("".join(found) for found in _QUOTED.findall(str(requirement.marker or "")))
    return frozenset(map(canonicalize_name, words))


def _meaning(requirement: Requirement, extras: Collection[NormalizedName]) -> tuple[Any, ...]:
    """Something that is equal for requirements that ask for the same in every environment.

    Where a marker cannot be known (`platform_release`), its text counts.
    """
    marker: Any = str(requirement.marker or "")
    try:
        grouped = conditions(requirement.marker, _EVERYWHERE, extras)
    except BridgeError:  # nested beyond measure
        pass
    else:
        if grouped.base.exact and all(condition.exact for _, condition in grouped.groups):
            marker = grouped
    return (
        canonicalize_name(requirement.name),
        frozenset(map(canonicalize_name, requirement.extras)),
        requirement.url,
        _versions(requirement.specifier),
        marker,
    )


def same_versions(left: SpecifierSet, right: SpecifierSet) -> bool:
    """Whether two sets of specifiers accept the same versions, pre-releases among them."""
    return bool(_versions(left) == _versions(right))


def _versions(specifiers: SpecifierSet) -> Any:
    if any(one.operator == "===" for one in specifiers):
        return frozenset(map(str, specifiers))
    return SpecifierSet(str(specifiers), prereleases=True).to_range()


def _values(core: CoreMetadata, field: str) -> frozenset[str]:
    lines = ("\n".join(line.strip() for line in value.split("\n")) for value in core.get_all(field))
    return frozenset(lines) - {_UNKNOWN, ""}


def _licence(core: CoreMetadata) -> frozenset[str]:
    """What either field says: builders move an expression from the old one to the new one (PEP 639)."""
    return frozenset(spdx(text) or text for field in ("License", "License-Expression") for text in _values(core, field))


def _text(body: bytes) -> str | None:
    """The description without what line ends and the end of the file add to it."""
    return body.decode("utf-8").replace("\r\n", "\n").strip() or None
