"""The builds of one release as the files that a page lists: one wheel for each set of tags, or a family of variants."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from packaging.version import Version

from bridge.channel.effective import stated_requirement
from bridge.errors import BridgeError, Code
from bridge.formats.wheel.variant_json import write_variant_json
from bridge.limits import DEFAULT_LIMITS
from bridge.mapping.axes import Axes
from bridge.model.family import Build, HostRequirement
from bridge.sync.lazy.forecast import Forecast, Forecaster
from bridge.translate.families.plan import plan_family

#: stands for name and version where families are planned by their shape.
_STEM: Final = "x-0"


class Listed(msgspec.Struct, frozen=True, gc=False):
    """A file, and the build that it will be made of."""

    filename: str
    forecast: Forecast
    requires_python: str | None
    family: bool = False


@dataclass(slots=True)
class Release:
    """What becomes of the builds of a release."""

    files: list[Listed]
    #: source -> why it becomes no file.
    left_out: dict[str, Code]
    #: its `-variants.json`, if it has variants.
    variants: bytes | None = None


@dataclass(frozen=True, slots=True)
class _Member:
    """A wheel of a family: file name after the stem, and the place of its build."""

    suffix: str
    build: int


@dataclass(frozen=True, slots=True)
class _Shape:
    """A family without names."""

    members: tuple[_Member, ...]
    requires_python: str | None
    variants: bytes | None


class Releases:
    """Plans releases; most have the shape of another, which is planned once.

    Args:
        forecaster: says how builds differ.
        axes: what differences mean.
    """

    def __init__(self, forecaster: Forecaster, axes: Axes) -> None:
        self._forecaster = forecaster
        self._axes = axes
        self._requirements: dict[tuple[str, tuple[str, ...]], HostRequirement | BridgeError] = {}
        self._shapes: dict[object, _Shape | BridgeError] = {}
        self._pythons: dict[int, str | None] = {}

    def release(self, project: str, version: str, builds: Sequence[Forecast]) -> Release:
        """Decide.

        Args:
            project: normalised.
            version: in PEP 440's form.
            builds: all of the release, none twice.
        """
        found = self._release(f"{project.replace('-', '_')}-{version}", builds)
        for file in [each for each in found.files if len(each.filename) > DEFAULT_LIMITS.name_length]:
            # A conversion refuses them, as no file system has room for the name.
            found.files.remove(file)
            found.left_out[file.forecast.source] = Code.LIMIT
        return found

    def _release(self, stem: str, builds: Sequence[Forecast]) -> Release:
        if len(builds) == 1:
            return Release([self._plain(builds[0], stem)], {})
        left_out: dict[str, Code] = {}
        kept = list(self._latest(builds, left_out))
        if not _compete(kept):
            # Two packages of one project and the same tags: conda's rule for files of one name.
            chosen = _by_tags(kept, left_out)
            return Release([self._plain(build, stem) for build in chosen], left_out)
        return self._family(kept, stem, left_out)

    def _plain(self, build: Forecast, stem: str) -> Listed:
        return Listed(f"{stem}-{build.wheel.compressed}.whl", build, self._python(build))

    def _python(self, build: Forecast) -> str | None:
        key = id(build.wheel)  # wheels are shared and live as long as their forecaster
        if key not in self._pythons:
            self._pythons[key] = str(build.wheel.requires_python) or None
        return self._pythons[key]

    def _latest(self, builds: Iterable[Forecast], left_out: dict[str, Code]) -> Iterable[Forecast]:
        """Of builds that nothing tells apart, the one that conda takes."""
        alike: defaultdict[tuple[str, str], list[Forecast]] = defaultdict(list)
        for build in builds:
            alike[build.record.name, build.wheel.compressed].append(build)
        for group in alike.values():
            if len(group) == 1:
                yield group[0]
                continue
            best: dict[object, Forecast] = {}
            for build in sorted(group, key=_rank):
                if isinstance(self._requirement(build), BridgeError):
                    left_out[build.source] = Code.UNSOLVABLE
                    continue
                statement = (self._requirement(build), *sorted(self._forecaster.choices(build).items()))
                if best.setdefault(statement, build) is not build:
                    left_out[build.source] = Code.SHADOWED
            yield from best.values()

    def _requirement(self, build: Forecast) -> HostRequirement | BridgeError:
        key = (build.record.subdir, build.virtual)
        if key not in self._requirements:
            try:
                self._requirements[key] = stated_requirement(*key)
            except BridgeError as error:
                self._requirements[key] = error
        return self._requirements[key]

    def _family(self, builds: Sequence[Forecast], stem: str, left_out: dict[str, Code]) -> Release:
        usable: list[tuple[Forecast, HostRequirement]] = []
        for build in sorted(builds, key=_rank):
            requirement = self._requirement(build)
            if isinstance(requirement, BridgeError):
                left_out[build.source] = requirement.code
            else:
                usable.append((build, requirement))
        shape = self._shape(usable)
        if isinstance(shape, BridgeError):
            left_out.update((build.source, shape.code) for build, _ in usable)
            return Release([], left_out)
        files = [
            Listed(f"{stem}{member.suffix}", usable[member.build][0], shape.requires_python, family=True)
            for member in shape.members
        ]
        listed = {file.forecast.source for file in files}
        left_out.update((build.source, Code.SHADOWED) for build, _ in usable if build.source not in listed)
        return Release(files, left_out, shape.variants)

    def _shape(self, builds: Sequence[tuple[Forecast, HostRequirement]]) -> _Shape | BridgeError:
        choices = [self._forecaster.choices(build) for build, _ in builds]
        key = tuple(
            (build.wheel.compressed, self._python(build), requirement, *sorted(choice.items()))
            for (build, requirement), choice in zip(builds, choices, strict=True)
        )
        found = self._shapes.get(key)
        if found is None:
            try:
                found = self._planned(builds, choices)
            except BridgeError as error:
                found = error
            self._shapes[key] = found
        return found

    def _planned(
        self, builds: Sequence[tuple[Forecast, HostRequirement]], choices: Sequence[Mapping[str, str]]
    ) -> _Shape:
        name, _, version = _STEM.partition("-")
        family = plan_family(
            [
                Build(str(at), build.record.index(), requirement, choice, build.wheel.tags)
                for at, ((build, requirement), choice) in enumerate(zip(builds, choices, strict=True))
            ],
            name=name,
            version=Version(version),
            requires_python={str(at): build.wheel.requires_python for at, (build, _) in enumerate(builds)},
            axes=self._axes,
        )
        return _Shape(
            tuple(_Member(member.filename.removeprefix(_STEM), int(member.source)) for member in family.members),
            str(family.requires_python) or None,
            write_variant_json(family.metadata) if family.metadata.variants else None,
        )


def _rank(build: Forecast) -> tuple[bool, int, int, bool, str]:
    """Conda's order as far as records tell by themselves, best first."""
    record = build.record
    newer = (-record.build_number, -record.moment)
    return bool(record.track_features), *newer, not build.source.endswith(".conda"), build.source


def _compete(builds: Sequence[Forecast]) -> bool:
    """Whether different builds of one package would be offered to one interpreter on one platform."""
    seen: dict[str, Forecast] = {}
    for build in builds:
        for tag in map(str, build.wheel.tags):
            other = seen.setdefault(tag, build)
            if other is not build and other.record.name == build.record.name:
                return True
    return False


def _by_tags(builds: Iterable[Forecast], left_out: dict[str, Code]) -> list[Forecast]:
    chosen: dict[str, Forecast] = {}
    for build in sorted(builds, key=_rank):
        if chosen.setdefault(build.wheel.compressed, build) is not build:
            left_out[build.source] = Code.SHADOWED
    return list(chosen.values())
