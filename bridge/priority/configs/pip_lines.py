"""Lines of requirements files, and the requirements of Python projects."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from packaging.markers import Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from bridge.priority.configs.addresses import cleaned, holds_secret
from bridge.priority.configs.config import ConfiguredRequirement, Place
from bridge.priority.configs.tree import Tree
from bridge.priority.policy import Ecosystem

_HASH: Final = re.compile(r"\s--hash[= ]\S+")
_COMMENT: Final = re.compile(r"(?:^|\s+)#.*$")
#: what pip's own parser takes for a requirement's options.
_OPTIONS: Final = re.compile(r"\s--[a-z][a-z-]*[= ].*$", re.DOTALL)


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines without comments, continued ones joined, with the number of the first."""
    number, held = 0, ""
    for count, line in enumerate(text.splitlines(), start=1):
        number = number or count
        if line.endswith("\\") and not line.lstrip().startswith("#"):
            held += line[:-1] + " "
            continue
        whole = _COMMENT.sub("", held + line).strip()
        if whole:
            yield number, whole
        number, held = 0, ""
    if held.strip():
        yield number, held.strip()


def requirement_of(
    text: str, place: Place, *, source: str | None = None, constraint: bool = False, optional: bool = False
) -> ConfiguredRequirement | None:
    """A requirement (PEP 508), with pip's hashes or without; None where the line is something else."""
    hashed = _HASH.search(text) is not None
    try:
        requirement = Requirement(_OPTIONS.sub("", text).strip())
    except InvalidRequirement:
        return None
    url = requirement.url
    return ConfiguredRequirement(
        canonicalize_name(requirement.name),
        str(requirement.specifier),
        Ecosystem.PYPI,
        place,
        source=source,
        url=cleaned(url) if url else None,
        hashed=hashed or (url is not None and "#sha256=" in url),
        constraint=constraint,
        optional=optional,
        secret=url is not None and holds_secret(url),
        extras=extras_of(requirement.extras),
    )


def extras_of(extras: Iterable[str]) -> tuple[str, ...]:
    """Extras as they are compared (PEP 685)."""
    return tuple(sorted({canonicalize_name(extra) for extra in extras}))


def applies(marker: Marker | None, extras: Iterable[str]) -> bool:
    """Whether a requirement counts: on any machine, as locks are for all, but of extras only with those asked for."""
    if marker is None or "extra" not in str(marker):
        return True
    return any(marker.evaluate({"extra": extra}) for extra in extras)


def project_requirements(project: Tree) -> Iterator[ConfiguredRequirement]:
    """What `[project]` requires, and what its extras do."""
    for one in project.get("dependencies").elements():
        found = requirement_of(one.text, one.place)
        if found is not None:
            yield found
    for _, extra in project.get("optional-dependencies").entries():
        for one in extra.elements():
            found = requirement_of(one.text, one.place, optional=True)
            if found is not None:
                yield found


def group_requirements(pyproject: Tree) -> Iterator[ConfiguredRequirement]:
    """What the dependency groups require (PEP 735)."""
    for _, group in pyproject.get("dependency-groups").entries():
        for one in group.elements():
            found = requirement_of(one.text, one.place, optional=True)
            if found is not None:
                yield found
