"""Which of the versions that a source has a requirement lets through, as the clients of each ecosystem write them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import rattler
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version
from rattler.exceptions import InvalidVersionError, InvalidVersionSpecError

from bridge.priority.catalogue import CataloguedFile, Listing
from bridge.priority.decision import ABSENT, UNREACHABLE, Availability, Presence
from bridge.priority.policy import Ecosystem


def matching(ecosystem: Ecosystem, listing: Listing | None, name: str, versions: Sequence[str]) -> list[CataloguedFile]:
    """The files of a name that all versions let through, best first."""
    project = listing.projects.get(name) if listing is not None and listing.reachable else None
    if project is None:
        return []
    comparable = [(key, file) for file in project.usable if (key := version_key(ecosystem, file.version)) is not None]
    if ecosystem is Ecosystem.PYPI:
        keys = set(specifiers_of(tuple(versions)).filter([key for key, _ in comparable]))
        kept = [pair for pair in comparable if pair[0] in keys]
    else:
        specs = [spec for text in versions if (spec := _conda_spec(text)) is not None]
        kept = [pair for pair in comparable if all(spec.matches(pair[0]) for spec in specs)]
    return [file for _, file in sorted(kept, key=lambda pair: pair[0], reverse=True)]


def offered(listing: Listing, ecosystem: Ecosystem, name: str, versions: Sequence[str] = ()) -> Availability:
    """What a source that was looked at has of a name, of the versions that all version parts let through."""
    if not listing.answers(name):
        return UNREACHABLE
    if name not in listing.projects:
        return ABSENT
    files = matching(ecosystem, listing, name, versions)
    return Availability(Presence.KNOWN, tuple(version_key(ecosystem, file.version) for file in files))


@lru_cache(maxsize=65536)
def version_key(ecosystem: Ecosystem, text: str) -> Any:
    """A version that compares as its ecosystem compares; None where it is none."""
    try:
        return Version(text) if ecosystem is Ecosystem.PYPI else rattler.Version(text)
    except (InvalidVersion, InvalidVersionError):
        return None


@lru_cache(maxsize=4096)
def specifiers_of(versions: tuple[str, ...]) -> SpecifierSet:
    """All version parts together; what is no specifier of Python's lets everything through."""
    try:
        return SpecifierSet(",".join(part for text in versions for part in _plain(text)))
    except InvalidSpecifier:
        return SpecifierSet()


def _plain(text: str) -> Iterator[str]:
    """The parts of a version, with what poetry and pixi write and PEP 440 does not know said in its words."""
    for part in (part.strip() for part in text.split(",")):
        if part.startswith("^") or (part.startswith("~") and not part.startswith("~=")):
            yield from _compatible(part[0], part[1:].strip())
        elif part not in ("", "*"):
            yield f"=={part}" if part[0].isdigit() else part


def _compatible(operator: str, text: str) -> Iterator[str]:
    """`^1.2` up to the next number of the first part that is not 0, `~1.2` up to that of the second part (poetry)."""
    yield f">={text}"
    try:
        release = Version(text).release
    except InvalidVersion:
        return
    given = len(release) - 1
    kept = min(given, 1) if operator == "~" else next((at for at, part in enumerate(release) if part), given)
    yield "<" + ".".join(str(part) for part in (*release[:kept], release[kept] + 1))


@lru_cache(maxsize=4096)
def _conda_spec(text: str) -> Any:
    word = text.strip().partition(" ")[0]
    if word in ("", "*"):
        return None
    try:
        return rattler.VersionSpec(word)
    except InvalidVersionSpecError:
        return None
