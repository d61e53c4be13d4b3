"""One Python on one platform: the machines that its builds can tell apart, and what each side takes on them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from packaging.specifiers import SpecifierSet

from bridge.mapping.hosts import supported_features
from bridge.model.family import Bounds, Build, FamilyMember, HostRequirement
from bridge.model.host import Host, Release
from bridge.model.variant import VariantMetadata
from bridge.translate.families.contexts import Context, floor_of
from bridge.translate.families.machines import hosts, installable
from bridge.translate.families.order import supported, variant_order

_NONE = Release(0, 0)


@dataclass(frozen=True, slots=True)
class Difference:
    """A machine on which conda takes one build and a client another (file names), and the machine in words."""

    conda: str
    #: `none` where the client finds no wheel.
    wheel: str
    host: str
    #: whether the client's build is for the Python of the machine.
    python_admitted: bool


class Arena:
    """The builds of a release that compete in one context, in conda's order."""

    def __init__(self, context: Context, builds: Sequence[Build], requires_python: Mapping[str, SpecifierSet]) -> None:
        """Prepare.

        Args:
            builds: of the release, in conda's order.
            requires_python: by file name. A build that does not admit the Python of the context is one that conda does
                not take, although the tags of its wheel may let a client take it: it comes after all others.
        """
        self.context = context
        usable = [build for build in builds if context.accepts(build.tags)]
        self._admitted = [
            build for build in usable if context.admits(requires_python.get(build.filename, SpecifierSet()))
        ]
        self.builds = (*self._admitted, *(build for build in usable if build not in self._admitted))
        self.filenames = frozenset(build.filename for build in self.builds)
        self._hosts = tuple(hosts(self.builds, context.platform))
        self._places = {
            build.filename: [context.place(build.tags, host) for host in self._hosts] for build in self.builds
        }
        self._ranks = {build.filename: rank for rank, build in enumerate(self.builds)}
        self._winners = [
            next((build.filename for build in self._admitted if installable(build.requires, host)), None)
            for host in self._hosts
        ]
        self._masks: dict[HostRequirement, int] = {}

    def winners(self, rivals: Sequence[Build]) -> Iterator[tuple[Build, Build]]:
        """For every machine, each rival that can be installed there and the one of them that conda takes."""
        admitted = [build for build in rivals if build in self._admitted]
        for host in self._hosts:
            able = [build for build in admitted if installable(build.requires, host)]
            for build in able:
                yield build, able[0]

    def together(self, one: HostRequirement, build: Build, other: HostRequirement, rival: Build) -> bool:
        """Whether some machine can use both builds with these requirements."""
        return bool(self._usable(one, build) & self._usable(other, rival))

    def may_share(self, one: Build, other: Build) -> bool:
        """Whether one variant can stand for both builds: wherever conda takes one of them and a client finds both,
        tags must make the client take the same."""
        if one is other or not {one.filename, other.filename} <= self.filenames:
            return True
        if one.tags == other.tags:
            return False
        better, worse = sorted((one, other), key=lambda build: self._ranks[build.filename])
        for winner, mine, theirs in zip(
            self._winners, self._places[better.filename], self._places[worse.filename], strict=True
        ):
            if winner is not None and mine is not None and theirs is not None:
                if winner == better.filename and mine >= theirs:
                    return False
                if winner == worse.filename and theirs >= mine:
                    return False
        return True

    def portable(self, builds: Iterable[Build]) -> list[Build]:
        """What a client without variants is offered: of the builds that ask for least, conda's first one, and more of
        them for older systems."""
        wanted = {build.filename for build in builds}
        mine = [build for build in self._admitted if build.filename in wanted]
        if not mine:
            return []
        least = min(_demand(build.requires) for build in mine)
        found: list[Build] = []
        for build in mine:
            if _demand(build.requires) == least and all(_floor(build) < _floor(each) for each in found):
                found.append(build)
        return found

    def differing(
        self, metadata: VariantMetadata, members: Sequence[FamilyMember], shadowed: Mapping[str, str]
    ) -> Iterator[Difference]:
        """Machines on which conda takes a build and a client another one."""
        mine = [member for member in members if member.source in self.filenames]
        for at, host in enumerate(self._hosts):
            conda = self._winners[at]
            if conda is None:
                continue
            usable = [(place, each) for each in mine if (place := self._places[each.source][at]) is not None]
            if not usable:
                # No tag says a system that old.
                continue
            present = {each.label for _, each in usable}
            order = variant_order(
                {label: found for label, found in metadata.variants.items() if label in present},
                supported(metadata, supported_features(host)),
            )
            wheel = next(
                (
                    min((item for item in usable if item[1].label == label), key=lambda item: item[0])[1].source
                    for label in (*order, None)
                    if label in present
                ),
                "none",
            )
            if wheel != shadowed.get(conda, conda):
                admitted = wheel == "none" or any(build.filename == wheel for build in self._admitted)
                yield Difference(conda, wheel, _described(host), admitted)

    def _usable(self, requirement: HostRequirement, build: Build) -> int:
        if requirement not in self._masks:
            self._masks[requirement] = sum(
                1 << at for at, host in enumerate(self._hosts) if installable(requirement, host)
            )
        places = self._places[build.filename]
        return self._masks[requirement] & sum(1 << at for at, place in enumerate(places) if place is not None)


def _demand(requirement: HostRequirement) -> tuple[object, ...]:
    """How much a build asks of its machine, apart from what tags say."""
    bounds = [each for each in (requirement.cuda, requirement.cuda_arch) if each is not None]
    hard = [each for each in bounds if not each.absent]
    level = requirement.x86_64_level or 1
    count = len(hard) + (level > 1) + (requirement.aarch64_version is not None)
    return (
        count,
        len(bounds),
        _lower(requirement.cuda),
        _lower(requirement.cuda_arch),
        level,
        requirement.aarch64_version or "",
    )


def _lower(bounds: Bounds | None) -> Release:
    return _NONE if bounds is None or bounds.lower is None else bounds.lower


def _floor(build: Build) -> Release:
    return min((floor_of(tag.platform) or _NONE for tag in build.tags), default=_NONE)


def _described(host: Host) -> str:
    facts = {
        "cuda": host.cuda,
        "cuda_arch": host.cuda_arch,
        "archspec": host.archspec,
        "glibc": host.glibc,
        "osx": host.osx,
    }
    return ", ".join([str(host.subdir), *(f"{name} {value}" for name, value in facts.items() if value is not None)])
