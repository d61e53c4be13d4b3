"""METADATA of two artifacts, field by field: what was meant, not how it was written."""

from __future__ import annotations

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
    extras = sorted({canonicalize_name(each) for core in (left, right) for each in core.get_all("Provides-Extra")})
    one, other = (_by_name(core.get_all("Requires-Dist"), extras) for core in (left, right))
    for name in sorted(one.keys() | other.keys()):
        ours, theirs = one.get(name, {}), other.get(name, {})
        only_ours, only_theirs = sorted(ours.keys() - theirs.keys()), sorted(theirs.keys() - ours.keys())
        if not (only_ours or only_theirs):
            continue
        same = _all_in(ours.values(), theirs.values()) and _all_in(theirs.values(), ours.values())
        yield Difference(
            f"{where}: Requires-Dist: {name}{' (spelling)' if same else ''}",
            ", ".join(only_ours) or None,
            ", ".join(only_theirs) or None,
            not same,
        )


def _by_name(texts: Iterable[str], extras: Collection[NormalizedName]) -> dict[str, dict[str, Any]]:
    """Name -> text -> meaning; what is no requirement by today's rules (there are old wheels) means its text."""
    found: dict[str, dict[str, Any]] = {}
    for text in texts:
        try:
            requirement = Requirement(text)
        except (InvalidRequirement, RecursionError):
            found.setdefault(text, {})[text] = text
        else:
            name = canonicalize_name(requirement.name)
            found.setdefault(name, {})[str(requirement)] = _meaning(requirement, extras)
    return found


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


def _all_in(ours: Iterable[Any], theirs: Iterable[Any]) -> bool:
    others = list(theirs)
    return all(each in others for each in ours)


def _values(core: CoreMetadata, field: str) -> frozenset[str]:
    lines = ("\n".join(line.strip() for line in value.split("\n")) for value in core.get_all(field))
    return frozenset(lines) - {_UNKNOWN, ""}


def _licence(core: CoreMetadata) -> frozenset[str]:
    """What either field says: builders move an expression from the old one to the new one (PEP 639)."""
    return frozenset(spdx(text) or text for field in ("License", "License-Expression") for text in _values(core, field))


def _text(body: bytes) -> str | None:
    """The description without what line ends and the end of the file add to it."""
    return body.decode("utf-8").replace("\r\n", "\n").strip() or None
