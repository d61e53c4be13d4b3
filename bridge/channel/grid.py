"""Every kind of machine that the records of a channel can tell apart, as a grid of virtual packages.

One axis per virtual package that some record names. Its points are what a machine may offer: absence, and one value
below, at and above every value that a record mentions, so that no two machines between two points are told apart.
A set of points of all axes is one integer, which makes "and" and "or" over a whole closure cheap.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import rattler
from archspec.cpu import TARGETS

from bridge.channel.engine import virtual_record
from bridge.mapping.matchspec import parse_spec
from bridge.mapping.microarchitectures import aarch64_version, family_of, x86_64_level
from bridge.model.host import Release, VirtualPackage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_RELEASE: Final = re.compile(r"(?<![0-9.])([0-9]{1,4})(?:\.([0-9]{1,4}))?")
#: minor of the last release before `N.0`; no CUDA or system has more.
_LAST_MINOR: Final = 20
#: `__glibc <3.0.a0` is a habit; no such glibc exists.
_NO_GLIBC_FROM: Final = Release(3, 0)
#: present on every machine of a system, with a version that no build asks for.
_SYSTEMS: Final = {
    "linux": {"__unix": "0", "__linux": "6.12", "__glibc": "2.42"},
    "osx": {"__unix": "0", "__osx": "26.0"},
    "win": {"__win": "10.0"},
}
_FAMILIES: Final = {"64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64", "ppc64le": "ppc64le", "32": "x86"}
#: of a name that archspec does not know: after every name that it does.
_UNKNOWN_RANK: Final = 99


@dataclass(frozen=True, slots=True)
class Axis:
    """What machines offer of one virtual package, the least first; None is absence."""

    name: str
    points: tuple[VirtualPackage | None, ...]

    def release(self, position: int) -> Release | None:
        """Major and minor version of a point; None for absence."""
        point = self.points[position]
        if point is None:
            return None
        major, _, minor = point.version.partition(".")
        return Release(int(major), int(minor or 0))

    @property
    def everything(self) -> int:
        """The set of all points."""
        return (1 << len(self.points)) - 1


@dataclass(frozen=True, slots=True)
class Grid:
    """The axes of a platform, and where each has its bits in a combined set."""

    axes: tuple[Axis, ...]
    offsets: tuple[int, ...]

    @property
    def everything(self) -> int:
        """The set of all points of all axes."""
        return self.join(axis.everything for axis in self.axes)

    def join(self, sets: Iterable[int]) -> int:
        """One integer for one set per axis."""
        return sum(each << offset for each, offset in zip(sets, self.offsets, strict=True))

    def split(self, combined: int) -> tuple[int, ...]:
        """One set per axis."""
        return tuple(
            (combined >> offset) & axis.everything for axis, offset in zip(self.axes, self.offsets, strict=True)
        )

    def possible(self, combined: int) -> int:
        """The same set, or the empty one where some axis has no point left: no machine is on all axes then."""
        return combined if all(self.split(combined)) else 0

    def accepted(self, spec: str, *, absent: bool) -> int:
        """The machines on which a requirement on a virtual package holds.

        Args:
            spec: with a name that starts with two underscores.
            absent: whether absence will do, as for `constrains`.
        """
        name = parse_spec(spec).name
        matcher = rattler.MatchSpec(spec, strict=False)
        sets = []
        for axis in self.axes:
            if axis.name == name:
                sets.append(sum(1 << at for at, point in enumerate(axis.points) if _holds(matcher, point, absent)))
            else:
                sets.append(axis.everything)
        return self.join(sets)

    def machine(self, positions: Sequence[int]) -> tuple[VirtualPackage, ...]:
        """The virtual packages of one machine: one position per axis."""
        points = (axis.points[at] for axis, at in zip(self.axes, positions, strict=True))
        return tuple(point for point in points if point is not None)


def grid_of(subdir: str, specs: Iterable[str]) -> Grid:
    """The machines of a platform that some of these requirements on virtual packages can tell apart.

    Args:
        subdir: the platform; `noarch` stands for linux-64.
        specs: every requirement on a virtual package; those of other packages are ignored.
    """
    system, _, machine = ("linux-64" if subdir == "noarch" else subdir).partition("-")
    present = _SYSTEMS.get(system, {"__unix": "0"})
    mentioned: dict[str, list[str]] = {name: [] for name in present}
    for spec in sorted(set(specs)):
        parsed = parse_spec(spec)
        if parsed.name.startswith("__"):
            mentioned.setdefault(parsed.name, []).append(spec)
    axes = []
    for name in sorted(mentioned):
        if name == "__archspec":
            points: Iterable[VirtualPackage | None] = _processors(_FAMILIES.get(machine, machine), mentioned[name])
        elif name in present:
            points = _versions(name, mentioned[name], present[name])
        elif any(name in elsewhere for elsewhere in _SYSTEMS.values()):
            points = (None,)
        else:
            points = (None, *_versions(name, mentioned[name], "0"))
        axes.append(Axis(name, tuple(points)))
    offsets, offset = [], 0
    for axis in axes:
        offsets.append(offset)
        offset += len(axis.points)
    return Grid(tuple(axes), tuple(offsets))


def _holds(matcher: rattler.MatchSpec, point: VirtualPackage | None, absent: bool) -> bool:
    if point is None:
        return absent
    return bool(matcher.matches(virtual_record(point)))


def _versions(name: str, specs: Sequence[str], usual: str) -> Iterator[VirtualPackage]:
    """Releases around every release that is mentioned; `usual` where none is."""
    found: set[Release] = set()
    for spec in specs:
        for match in _RELEASE.finditer(parse_spec(spec).version):
            major, minor = int(match[1]), int(match[2] or 0)
            found.add(Release(major, minor))
            found.add(Release(major, minor + 1))
            if minor or major:
                found.add(Release(major, minor - 1) if minor else Release(major - 1, _LAST_MINOR))
    if name == "__glibc":
        found = {release for release in found if release < _NO_GLIBC_FROM}
    if not found:
        yield VirtualPackage(name, usual)
        return
    highest = max(found)
    found.add(Release(highest.major + 1, 0) if name != "__glibc" else Release(highest.major, highest.minor + 1))
    for release in sorted(found):
        yield VirtualPackage(name, str(release))


def _processors(family: str, specs: Sequence[str]) -> Iterator[VirtualPackage]:
    """All processors of a family, and those that are only mentioned, the least capable first."""
    known = {name for name in TARGETS if family_of(name) == family}
    exact = {parse_spec(spec).build for spec in specs}
    plain = {name for name in exact if re.fullmatch(r"[a-z0-9_]+", name) and family_of(name) in {None, family}}
    for name in sorted(known | plain | {family}, key=_rank):
        yield VirtualPackage("__archspec", "1", name)


def _rank(name: str) -> tuple[int, int, str]:
    """Level or version first; the generic name before the processors that reach it."""
    level = x86_64_level(name)
    if level is not None:
        return level, not name.startswith("x86_64"), name
    version = aarch64_version(name)
    if version is not None:
        major, _, minor = version.removesuffix("a").partition(".")
        return 10 * int(major) + int(minor or 0), not name.startswith(("arm", "aarch64")), name
    ancestors = len(TARGETS[name].ancestors) if name in TARGETS else _UNKNOWN_RANK
    return ancestors, 0, name
