"""Which builds of a release compete with each other: those whose tags one Python on one platform accepts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from packaging.specifiers import SpecifierSet
from packaging.tags import Tag

from bridge.mapping.platforms import subdirs_of
from bridge.model.conda import Subdir
from bridge.model.host import Host, Release

_VERSIONED: Final = re.compile(r"(?P<kind>[a-z]+?)(?P<major>[0-9])(?P<minor>[0-9]*)")
_FLOOR: Final = re.compile(r"(?:manylinux|musllinux|macosx)_([0-9]+)_([0-9]+)_\w+")
_ALIASES: Final = {"manylinux1": Release(2, 5), "manylinux2010": Release(2, 12), "manylinux2014": Release(2, 17)}
_ANY: Final = "any"
_NOARCH: Final = Subdir("noarch")
#: minors of Python that are tried; far enough ahead.
_MINORS: Final = 40
_SOME_SUBDIR: Final = Subdir("linux-64")


@dataclass(frozen=True, slots=True, order=True)
class Context:
    """A Python, as interpreter and ABI tag, on a platform; `noarch` stands for the platforms without own builds."""

    interpreter: str
    abi: str
    subdir: Subdir

    @property
    def platform(self) -> Subdir:
        """A platform that stands for the context."""
        return _SOME_SUBDIR if self.subdir == _NOARCH else self.subdir

    @property
    def python(self) -> tuple[int, int] | None:
        """Major and minor version of Python; None where the tags of the release leave it open."""
        found = _VERSIONED.fullmatch(self.interpreter)
        return (int(found["major"]), int(found["minor"])) if found and found["minor"] else None

    def admits(self, requirement: SpecifierSet) -> bool:
        """Whether a Requires-Python admits some patch release of the context's Python."""
        if self.python is None or not str(requirement):
            return True
        own = SpecifierSet(f"=={self.python[0]}.{self.python[1]}.*")
        return not requirement.to_range().is_disjoint(own.to_range())

    def place(self, tags: Iterable[Tag], host: Host) -> tuple[int, ...] | None:
        """How a client ranks a wheel on a machine of this context, less is better; None where it is not usable."""
        places = (self._place(tag, host) for tag in tags)
        return min((place for place in places if place is not None), default=None)

    def accepts(self, tags: Iterable[Tag]) -> bool:
        """Whether some machine of this context can use a wheel."""
        return any(
            self._python_place(tag) is not None and (tag.platform == _ANY or self.subdir in subdirs_of(tag.platform))
            for tag in tags
        )

    def _place(self, tag: Tag, host: Host) -> tuple[int, ...] | None:
        python = self._python_place(tag)
        if python is None or not (tag.platform == _ANY or self.subdir in subdirs_of(tag.platform)):
            return None
        needed = floor_of(tag.platform)
        offered = host.osx if tag.platform.startswith("macosx") else host.glibc
        if needed is not None and (offered is None or offered < needed):
            return None
        floor = needed or Release(0, 0)
        return (*python, tag.platform == _ANY, -floor.major, -floor.minor)

    def _python_place(self, tag: Tag) -> tuple[int, int] | None:
        if (tag.interpreter, tag.abi) == (self.interpreter, self.abi):
            return 0, 0
        own, other = _VERSIONED.fullmatch(self.interpreter), _VERSIONED.fullmatch(tag.interpreter)
        if own is None or other is None or own["major"] != other["major"]:
            return None
        mine, theirs = int(own["minor"] or 0), int(other["minor"] or 0)
        if tag.abi == "abi3":
            usable = own["kind"] == other["kind"] == "cp" and not self.abi.endswith("t") and theirs <= mine
            return (1, -theirs) if usable else None
        if tag.abi != "none":
            return None
        if other["kind"] == "py":
            return (3, -theirs) if theirs <= mine else None
        return (2, -theirs) if own["kind"] == other["kind"] and theirs == mine else None


def contexts_of(tag_sets: Sequence[frozenset[Tag]], requirements: Iterable[SpecifierSet]) -> tuple[Context, ...]:
    """Every context that some wheel is for, sorted.

    Args:
        tag_sets: of each wheel.
        requirements: Requires-Python of each; where they differ, Pythons that tags do not tell apart may get
            different builds.
    """
    tags = frozenset[Tag]().union(*tag_sets)
    subdirs = {subdir for tag in tags for subdir in subdirs_of(tag.platform)}
    distinct = sorted(set(requirements), key=str)
    found: set[Context] = set()
    for tag in tags:
        own = subdirs | {_NOARCH} if tag.platform == _ANY else set(subdirs_of(tag.platform))
        generic = tag.abi == "none" and tag.interpreter.startswith("py") and len(distinct) > 1
        interpreters = _edges(tag.interpreter, distinct) if generic else (tag.interpreter,)
        found.update(Context(interpreter, tag.abi, subdir) for interpreter in interpreters for subdir in own)
    return tuple(sorted(found, key=lambda context: (context.python or (0, 0), context)))


def _edges(interpreter: str, requirements: Sequence[SpecifierSet]) -> Iterator[str]:
    """The Pythons from a generic tag on at which some requirement begins or ends."""
    found = _VERSIONED.fullmatch(interpreter)
    if found is None:
        yield interpreter
        return
    before: list[bool] | None = None
    for minor in range(int(found["minor"] or 0), _MINORS):
        context = Context(f"py{found['major']}{minor}", "none", _NOARCH)
        admitted = [context.admits(requirement) for requirement in requirements]
        if admitted != before:
            yield context.interpreter
        before = admitted


def floor_of(platform: str) -> Release | None:
    """The lowest glibc or macOS of a platform tag; None for one without."""
    if match := _FLOOR.fullmatch(platform):
        return Release(int(match[1]), int(match[2]))
    return _ALIASES.get(platform.partition("_")[0])
