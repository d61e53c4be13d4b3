"""From a channel's records to the wheels that would be made of them, release by release, without any artifact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from packaging.specifiers import SpecifierSet
from packaging.tags import Tag
from packaging.version import Version

from bridge.channel.candidate import Candidate
from bridge.channel.effective import HostRequirements
from bridge.channel.preference import Preference
from bridge.channel.universe import Universe
from bridge.errors import BridgeError, Unsupported
from bridge.mapping.axes import Axes, choices_of, load_axes
from bridge.mapping.names import Evidence, NameMapper
from bridge.mapping.platforms import platform_tags
from bridge.mapping.python import PythonTags, python_support, python_tags
from bridge.mapping.tables import Tables, load_tables
from bridge.mapping.versions import to_pep440
from bridge.model.conda import IndexJson, Noarch
from bridge.model.family import Bounds, Build, Family, HostRequirement
from bridge.model.variant import Property
from bridge.translate.families.plan import plan_family


@dataclass(frozen=True, slots=True)
class PlannedRelease:
    """One release of a project as conda has it and as wheels would offer it."""

    version: Version
    #: best first, as conda's solver tries them.
    builds: tuple[Build, ...]
    family: Family

    def build(self, filename: str) -> Build | None:
        """The build with a file name."""
        return next((each for each in self.builds if each.filename == filename), None)

    def properties(self) -> Mapping[str, frozenset[Property]]:
        """What the variant of each build states, by file name; a shadowed build's is the one in its place."""
        found = {each.source: each.properties for each in self.family.members if each.label is not None}
        return {
            **found,
            **{lost: found[taken] for lost, taken in self.family.shadowed.items() if taken in found},
        }


class Planner:
    """Plans releases of one universe; what it learns of the channel is kept."""

    def __init__(self, universe: Universe, tables: Tables | None = None, axes: Axes | None = None) -> None:
        self._universe = universe
        self._tables = load_tables(()) if tables is None else tables
        self._axes = load_axes() if axes is None else axes
        self._requirements: HostRequirements | None = None
        self._preference = Preference(universe)

    def plan(self, candidates: Sequence[Candidate]) -> PlannedRelease | None:
        """The family of one release.

        Args:
            candidates: all builds of one version on one platform, for every Python.

        Returns:
            None where no build of it becomes a wheel.

        Raises:
            Unrepresentable: two builds for the same Pythons and machines have different Requires-Python (`CB325`).
        """
        builds, _ = self.builds(candidates)
        if not builds:
            return None
        return release_of(builds, self.distribution(builds[0].index), self._axes)

    def builds(self, candidates: Sequence[Candidate]) -> tuple[tuple[Build, ...], tuple[tuple[str, BridgeError], ...]]:
        """The builds that become wheels in the order of conda's preference, and why the others do not."""
        found: list[Build] = []
        left_out: list[tuple[str, BridgeError]] = []
        for candidate in self._preference.ranked(candidates):
            try:
                found.append(self._build(candidate))
            except BridgeError as error:
                left_out.append((candidate.filename, error))
        return tuple(found), tuple(left_out)

    def distribution(self, index: IndexJson) -> str:
        """The name of the wheels of a package."""
        evidence = Evidence(channel={index.name: _is_python(index)})
        return NameMapper(self._tables, evidence).lookup(index.name).distribution or index.name

    def _build(self, candidate: Candidate) -> Build:
        if self._requirements is None:
            self._requirements = HostRequirements(self._universe)
        requires = self._requirements.of(candidate)
        tags, _ = python_and_tags(candidate.index, requires)
        return Build(candidate.filename, candidate.index, requires, choices_of(candidate.index, self._axes), tags)


def release_of(builds: Sequence[Build], name: str, axes: Axes) -> PlannedRelease:
    """The family of the builds of one release, also of several platforms together.

    Args:
        builds: in the order of conda's preference on each platform; not empty.
        name: of the project.
        axes: what the differences of builds mean.

    Raises:
        Unrepresentable: see `plan_family`.
    """
    version = to_pep440(builds[0].index.version).version
    pythons = {build.filename: python_and_tags(build.index, build.requires)[1] for build in builds}
    family = plan_family(builds, name=name, version=version, requires_python=pythons, axes=axes)
    return PlannedRelease(version, tuple(builds), family)


def python_and_tags(index: IndexJson, requires: HostRequirement) -> tuple[frozenset[Tag], SpecifierSet]:
    """Tags and Requires-Python of the wheel that a build becomes, as far as its record tells.

    What the closure asks of the C library or of macOS counts as if the build asked for it.

    Raises:
        Unsupported: no tag says which Python or platform it is for.
    """
    needed = python_support(index, index.depends).needed
    python = _python_tags(index, has_extensions=index.subdir != "noarch" and needed, native_only=not needed)
    depends = [*index.depends, *_floor("__glibc", requires.glibc), *_floor("__osx", requires.osx)]
    platforms = platform_tags(index.subdir, depends, subject=index.identity.stem).platforms
    tags = frozenset(
        Tag(interpreter, abi, platform)
        for interpreter in python.interpreters
        for abi in python.abis
        for platform in platforms
    )
    return tags, python.requires_python


def _python_tags(index: IndexJson, *, has_extensions: bool, native_only: bool) -> PythonTags:
    """A build that is bound to no one Python has no extension modules, whatever its platform."""
    try:
        return python_tags(index, index.depends, has_extensions=has_extensions, native_only=native_only)
    except Unsupported:
        if not has_extensions:
            raise
        return python_tags(index, index.depends, has_extensions=False, native_only=native_only)


def _floor(name: str, bounds: Bounds | None) -> tuple[str, ...]:
    return () if bounds is None or bounds.lower is None or bounds.absent else (f"{name} >={bounds.lower}",)


def _is_python(index: IndexJson) -> bool:
    return index.noarch is Noarch.PYTHON or python_support(index, index.depends).needed
