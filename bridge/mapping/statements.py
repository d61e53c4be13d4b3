"""What variant properties say in conda's terms: the way back of `bridge.mapping.axes`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from archspec.cpu import TARGETS

from bridge.errors import Code
from bridge.mapping.microarchitectures import aarch64_version
from bridge.mapping.nvidia import NEWEST_DRIVER
from bridge.model.family import Bounds, HostRequirement
from bridge.model.host import Release
from bridge.model.plan import Loss

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from bridge.mapping.axes import Axes
    from bridge.model.variant import Property

_REAL: Final = re.compile(r"([0-9]+)([0-9])_real")
_RELEASE: Final = re.compile(r"([0-9]+)(?:\.([0-9]+))?")


@dataclass(frozen=True, slots=True)
class Statement:
    """What a set of properties says in conda's terms."""

    requirement: HostRequirement
    choices: Mapping[str, str] = field(default_factory=dict)
    losses: tuple[Loss, ...] = ()


@dataclass(frozen=True, slots=True)
class CondaTerms:
    """MatchSpecs that enforce a host requirement."""

    depends: tuple[str, ...]
    constrains: tuple[str, ...]


def requirement_of(properties: Iterable[Property], axes: Axes, *, subject: str) -> Statement:
    """The reverse of `properties_of`: what a build with these properties requires of its host, and its choices.

    Several values of one feature mean "any of them": the least counts, and a loss says what was left out.
    """
    values: dict[tuple[str, str], list[str]] = {}
    for each in sorted(properties):
        values.setdefault((each.namespace, each.feature), []).append(each.value)
    losses: list[Loss] = []
    host = axes.host

    def take(axis: str, feature: str | None) -> list[str]:
        return values.pop((host[axis].namespace, feature), []) if axis in host and feature is not None else []

    def lose(detail: str) -> None:
        losses.append(Loss(Code.VIRTUAL_PACKAGE, subject, detail))

    lower = min(filter(None, map(_release, take("cuda", host["cuda"].lower))), default=None)
    upper = max(filter(None, map(_release, take("cuda", host["cuda"].upper))), default=None)
    arch = _architecture_bounds(take("cuda_arch", host["cuda_arch"].feature), lose)
    levels = [int(value[1:]) for value in take("x86_64_level", host["x86_64_level"].feature) if value[1:].isdigit()]
    versions = take("aarch64_version", host["aarch64_version"].feature)
    chosen: dict[str, str] = {}
    for name, axis in axes.choices.items():
        if axis.namespace is not None and axis.feature is not None:
            found = values.pop((axis.namespace, axis.feature), [])
            if found:
                chosen[name] = found[0]
            for value in found[1:]:
                lose(f"{axis.namespace} :: {axis.feature} :: {value} is an alternative that was left out")
    for (namespace, feature), rest in values.items():
        for value in rest:
            lose(f"{namespace} :: {feature} :: {value} has no meaning in conda")
    requirement = HostRequirement(
        cuda=Bounds(lower, upper) if lower is not None or upper is not None else None,
        cuda_arch=arch,
        x86_64_level=min((level for level in levels if level > 1), default=None) if 1 not in levels else None,
        aarch64_version=min(versions, key=_arm_key) if versions and "8a" not in versions else None,
    )
    return Statement(requirement, chosen, tuple(losses))


def conda_terms(requirement: HostRequirement, axes: Axes) -> CondaTerms:
    """The MatchSpecs that make a solver enforce a requirement; bounds that absence satisfies become `constrains`."""
    depends: list[str] = []
    constrains: list[str] = []
    for name, bounds in (("cuda", requirement.cuda), ("cuda_arch", requirement.cuda_arch)):
        if bounds is not None:
            limits = [f">={bounds.lower}"] if bounds.lower is not None else []
            limits += [f"<{bounds.upper}"] if bounds.upper is not None else []
            (constrains if bounds.absent else depends).append(f"{axes.host[name].conda} {','.join(limits)}".strip())
    if requirement.x86_64_level is not None:
        depends.append(f"{axes.host['x86_64_level'].conda} >={requirement.x86_64_level}")
    if requirement.aarch64_version is not None:
        names = "|".join(_arm_names(requirement.aarch64_version))
        depends.append(f"{axes.host['aarch64_version'].conda}[version='1.*', build='^({names})$']")
    depends.extend(_floor("__glibc", requirement.glibc))
    depends.extend(_floor("__osx", requirement.osx))
    return CondaTerms(tuple(depends), tuple(constrains))


def _floor(name: str, bounds: Bounds | None) -> Iterator[str]:
    if bounds is not None and bounds.lower is not None:
        yield f"{name} >={bounds.lower}"


def _arm_names(least: str) -> Iterator[str]:
    """Every processor with an Arm version (CEP 29 has no order of builds, so they are listed)."""
    for name in sorted(TARGETS):
        version = aarch64_version(name)
        if version is not None and _arm_key(version) >= _arm_key(least):
            yield name.replace(".", r"\.")


def _release(text: str) -> Release | None:
    match = _RELEASE.fullmatch(text)
    return Release(int(match[1]), int(match[2] or 0)) if match else None


def _architecture_bounds(values: Sequence[str], lose: Callable[[str], None]) -> Bounds | None:
    if not values:
        return None
    codes = sorted(Release(int(match[1]), int(match[2])) for value in values if (match := _REAL.fullmatch(value)))
    for value in values:
        if not _REAL.fullmatch(value):
            lose(f"sm_arch {value} has no meaning in conda")
    if not codes:
        return None
    majors = [code.major for code in codes]
    if majors != list(range(majors[0], majors[-1] + 1)) or any(code.minor for code in codes[1:]):
        lose(f"sm_arch {', '.join(values)} is not a range; the lowest was taken as the lower bound")
        return Bounds(codes[0])
    upper = Release(majors[-1] + 1, 0) if majors[-1] < NEWEST_DRIVER.major else None
    return Bounds(codes[0], upper)


def _arm_key(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall("[0-9]+", version))
