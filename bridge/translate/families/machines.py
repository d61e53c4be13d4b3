"""Machines that the builds of a family can tell apart, and which builds conda can install on them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from typing import Final

from packaging.tags import Tag

from bridge.mapping.microarchitectures import aarch64_version, x86_64_level
from bridge.mapping.nvidia import NEWEST_DRIVER, OLDEST_DRIVER, OLDEST_GPU
from bridge.mapping.platforms import subdirs_of
from bridge.model.conda import Subdir
from bridge.model.family import Bounds, Build, HostRequirement
from bridge.model.host import Host, Release
from bridge.translate.families.contexts import floor_of

_LAST_MINOR: Final = 20
_X86_64: Final = ("x86_64", "x86_64_v2", "x86_64_v3", "x86_64_v4")
_AARCH64: Final = ("aarch64", "armv8.1a", "armv8.2a", "armv8.3a", "armv8.4a")
_NEWEST_GPU: Final = Release(12, 1)
_SYSTEMS: Final = {"linux": Release(2, 42), "osx": Release(26, 0)}


def hosts(builds: Sequence[Build], subdir: Subdir) -> Iterator[Host]:
    """One machine of a platform for each kind that the builds can tell apart."""
    requirements = [build.requires for build in builds]
    tags = [tag for build in builds for tag in build.tags]
    system, _, machine = subdir.partition("-")
    cuda = _points((each.cuda for each in requirements), OLDEST_DRIVER, NEWEST_DRIVER, absent=True)
    gpus = _points((each.cuda_arch for each in requirements), OLDEST_GPU, _NEWEST_GPU, absent=True)
    processors: Sequence[str | None] = (None,)
    if machine == "64" and any(each.x86_64_level for each in requirements):
        processors = _X86_64
    elif machine in ("aarch64", "arm64") and any(each.aarch64_version for each in requirements):
        processors = _AARCH64
    systems = _system_versions(builds, tags, subdir)
    for driver, gpu, processor, version in product(cuda, gpus, processors, systems):
        if driver is None and gpu is not None:
            continue
        yield Host(
            subdir,
            cuda=driver,
            cuda_arch=gpu,
            archspec=processor,
            glibc=version if system == "linux" else None,
            osx=version if system == "osx" else None,
        )


def installable(requirement: HostRequirement, host: Host) -> bool:
    """Whether a machine has what a build's closure enforces."""
    if not (_within(requirement.cuda, host.cuda) and _within(requirement.cuda_arch, host.cuda_arch)):
        return False
    if host.glibc is not None and not _within(requirement.glibc, host.glibc):
        return False
    if host.osx is not None and not _within(requirement.osx, host.osx):
        return False
    if requirement.x86_64_level is not None and (x86_64_level(host.archspec or "") or 1) < requirement.x86_64_level:
        return False
    if requirement.aarch64_version is None:
        return True
    return _arm(aarch64_version(host.archspec or "") or "8a") >= _arm(requirement.aarch64_version)


def _within(bounds: Bounds | None, value: Release | None) -> bool:
    if bounds is None:
        return True
    if value is None:
        return bounds.absent
    return (bounds.lower is None or bounds.lower <= value) and (bounds.upper is None or value < bounds.upper)


def _arm(version: str) -> tuple[int, ...]:
    return tuple(int(part or 0) for part in version.removesuffix("a").split("."))


def _points(found: Iterable[Bounds | None], lowest: Release, highest: Release, *, absent: bool) -> list[Release | None]:
    """Absence, the ends of the scale, and both sides of every bound; only absence where nothing is bounded."""
    bounds = [each for each in found if each is not None]
    points: set[Release] = {lowest, highest} if bounds else set()
    for each in bounds:
        for edge in (each.lower, each.upper):
            if edge is not None:
                below = Release(edge.major, edge.minor - 1) if edge.minor else Release(edge.major - 1, _LAST_MINOR)
                points.update(point for point in (edge, below) if lowest <= point <= highest)
    return [*([None] if absent or not points else []), *sorted(points)]


def _system_versions(builds: Sequence[Build], tags: Iterable[Tag], subdir: Subdir) -> list[Release | None]:
    system = subdir.partition("-")[0]
    if system not in _SYSTEMS:
        return [None]
    edges = {
        floor for tag in tags if subdir in subdirs_of(tag.platform) and (floor := floor_of(tag.platform)) is not None
    }
    for build in builds:
        bounds = build.requires.glibc if system == "linux" else build.requires.osx
        if bounds is not None:
            edges.update(edge for edge in (bounds.lower, bounds.upper) if edge is not None)
    return [*sorted(edges | {_SYSTEMS[system]})]
