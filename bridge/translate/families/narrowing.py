"""Tags that say all that a build requires of the system and of Python.

A release has one Requires-Python and no property for a C library, so what a build requires beyond its tags goes into
them: `manylinux_2_28` for a closure that enforces glibc 2.28, `py39` for a build that begins with Python 3.9.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from packaging.specifiers import SpecifierSet
from packaging.tags import Tag

from bridge.model.family import Bounds, Build
from bridge.model.host import Release

_FLOOR: Final = re.compile(r"(manylinux|macosx)_([0-9]+)_([0-9]+)_(\w+)")
_GENERIC: Final = re.compile(r"py([23])([0-9]*)")
#: minors that are tried; far enough ahead.
_MINORS: Final = {2: range(6, 8), 3: range(40)}


def narrowed(builds: Sequence[Build], requires_python: Mapping[str, SpecifierSet]) -> list[Build]:
    """The same builds with tags that say what they require.

    Args:
        builds: of one release.
        requires_python: by file name; where all agree, Requires-Python says it and tags need not.
    """
    stated = [requires_python.get(build.filename, SpecifierSet()) for build in builds]
    differing = len(set(stated)) > 1
    return [
        replace(build, tags=frozenset(_narrow(build, requirement if differing else None)))
        for build, requirement in zip(builds, stated, strict=True)
    ]


def _narrow(build: Build, requirement: SpecifierSet | None) -> Iterator[Tag]:
    for tag in build.tags:
        platform = _raised(tag.platform, build.requires.glibc, build.requires.osx)
        for interpreter in _begun(tag, requirement):
            yield Tag(interpreter, tag.abi, platform)


def _raised(platform: str, glibc: Bounds | None, osx: Bounds | None) -> str:
    match = _FLOOR.fullmatch(platform)
    if match is None:
        return platform
    bounds = glibc if match[1] == "manylinux" else osx
    if bounds is None or bounds.lower is None or bounds.lower <= Release(int(match[2]), int(match[3])):
        return platform
    return f"{match[1]}_{bounds.lower.major}_{bounds.lower.minor}_{match[4]}"


def _begun(tag: Tag, requirement: SpecifierSet | None) -> Iterable[str]:
    """The interpreter tags that begin with the first Python that is admitted; none for a major that is not."""
    match = _GENERIC.fullmatch(tag.interpreter)
    if match is None or requirement is None or tag.abi != "none" or not str(requirement):
        return (tag.interpreter,)
    wanted = requirement.to_range()
    major, least = int(match[1]), int(match[2] or 0)
    for minor in _MINORS[major]:
        if minor >= least and not wanted.is_disjoint(SpecifierSet(f"=={major}.{minor}.*").to_range()):
            return (f"py{major}{minor}" if minor > max(least, _MINORS[major][0]) else tag.interpreter,)
    return ()
