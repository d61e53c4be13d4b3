"""From a channel's records to the wheels that would be made of them, release by release, without any artifact."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from packaging.tags import Tag
from packaging.version import Version

from bridge.channel.effective import HostRequirements
from bridge.channel.preference import Preference
from bridge.channel.universe import Candidate, Universe
from bridge.errors import BridgeError
from bridge.mapping.axes import Axes, choices_of, load_axes
from bridge.mapping.names import Evidence, NameMapper
from bridge.mapping.platforms import platform_tags
from bridge.mapping.python import python_support, python_tags
from bridge.mapping.tables import Tables, load_tables
from bridge.mapping.versions import to_pep440
from bridge.model.conda import IndexJson, Noarch
from bridge.model.family import Bounds, Build, Family, HostRequirement
from bridge.translate.families.plan import plan_family


@dataclass(frozen=True, slots=True)
class PlannedRelease:
    """One release of a project as conda has it and as wheels would offer it."""

    version: Version
    #: best first, as conda's solver tries them.
    builds: tuple[Build, ...]
    family: Family
    #: (file name, why) of builds that become no wheel.
    left_out: tuple[tuple[str, BridgeError], ...] = ()


class Planner:
    """Plans releases of one universe; what it learns of the channel is kept."""

    def __init__(self, universe: Universe, tables: Tables | None = None, axes: Axes | None = None) -> None:
        self._universe = universe
        self._tables = load_tables(()) if tables is None else tables
        self._axes = load_axes() if axes is None else axes
        self._requirements: HostRequirements | None = None
        self._preference = Preference(universe)

    def plan(self, builds: Sequence[Candidate]) -> PlannedRelease | None:
        """The family of one release.

        Args:
            builds: all builds of one version on one platform, for every Python.

        Returns:
            None where no build of it becomes a wheel.
        """
        found: list[Build] = []
        left_out: list[tuple[str, BridgeError]] = []
        for candidate in self._preference.ranked(builds):
            try:
                found.append(self._build(candidate))
            except BridgeError as error:
                left_out.append((candidate.filename, error))
        if not found:
            return None
        version = to_pep440(found[0].index.version).version
        family = plan_family(self._name(found[0].index), version, found, self._axes)
        return PlannedRelease(version, tuple(found), family, tuple(left_out))

    def _build(self, candidate: Candidate) -> Build:
        if self._requirements is None:
            self._requirements = HostRequirements(self._universe)
        requires = self._requirements.of(candidate)
        return Build(
            candidate.filename,
            candidate.index,
            requires,
            choices_of(candidate.index, self._axes),
            wheel_tags(candidate.index, requires, self._universe.subdir),
        )

    def _name(self, index: IndexJson) -> str:
        evidence = Evidence(channel={index.name: _is_python(index)})
        answer = NameMapper(self._tables, evidence).lookup(index.name)
        return (answer.distribution or str(index.name)).lower().replace("-", "_").replace(".", "_")


def wheel_tags(index: IndexJson, requires: HostRequirement, subdir: str) -> frozenset[Tag]:
    """The tags of the wheel that a build becomes, as far as its record tells.

    What the closure asks of the C library or of macOS counts as if the build asked for it.

    Raises:
        Unsupported: no tag says which Python or platform it is for.
    """
    support = python_support(index, index.depends)
    binary = index.subdir != "noarch"
    python = python_tags(index, index.depends, has_extensions=binary and support.needed, native_only=not support.needed)
    depends = [*index.depends, *_floor("__glibc", requires.glibc), *_floor("__osx", requires.osx)]
    platforms = platform_tags(index.subdir, depends, subject=index.identity.stem).platforms
    return frozenset(
        Tag(interpreter, abi, platform)
        for interpreter in python.interpreters
        for abi in python.abis
        for platform in platforms
    )


def _floor(name: str, bounds: Bounds | None) -> tuple[str, ...]:
    return () if bounds is None or bounds.lower is None or bounds.absent else (f"{name} >={bounds.lower}",)


def _is_python(index: IndexJson) -> bool:
    return index.noarch is Noarch.PYTHON or python_support(index, index.depends).needed
