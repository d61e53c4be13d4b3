"""Conda platforms and virtual packages to wheel platform tags, and back (PEP 600, PEP 425, CEP 30)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from bridge.errors import Code, InvalidInput, Unsupported
from bridge.mapping.matchspec import CondaSpec, parse_spec
from bridge.mapping.version_specs import intervals_of, meaning
from bridge.model.conda import Subdir
from bridge.model.plan import Loss

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: a release as tags count them: (major, minor).
Floor = tuple[int, int]

_LINUX: Final = {
    "linux-64": "x86_64",
    "linux-32": "i686",
    "linux-aarch64": "aarch64",
    "linux-armv7l": "armv7l",
    "linux-ppc64le": "ppc64le",
    "linux-s390x": "s390x",
    "linux-riscv64": "riscv64",
}
_MACOS: Final[dict[str, tuple[str, Floor]]] = {"osx-64": ("x86_64", (10, 9)), "osx-arm64": ("arm64", (11, 0))}
_WINDOWS: Final = {"win-64": "win_amd64", "win-32": "win32", "win-arm64": "win_arm64"}
#: PEP 600 wheels for other machines started with the glibc of CentOS 7; x86 ones with that of CentOS 5.
_LOWEST_GLIBC: Final[dict[str, Floor]] = {"x86_64": (2, 5), "i686": (2, 5)}
_LOWEST_GLIBC_ELSEWHERE: Final[Floor] = (2, 17)
#: a noarch package for one system has no binaries: the machines that its wheels are named for.
_NOARCH_LINUX: Final = ("x86_64", "aarch64", "ppc64le", "s390x")
_NOARCH_GLIBC: Final[Floor] = (2, 17)
_ALL_SYSTEMS: Final = frozenset({"linux", "osx", "win"})
_SYSTEMS: Final[dict[str, frozenset[str]]] = {
    "__linux": frozenset({"linux"}),
    "__glibc": frozenset({"linux"}),
    "__osx": frozenset({"osx"}),
    "__win": frozenset({"win"}),
    "__unix": frozenset({"linux", "osx"}),
}
_NO_GLIBC_ABOVE: Final = 3

_MANYLINUX_TAG = re.compile(r"manylinux_(\d+)_(\d+)_(\w+)")
_MACOS_TAG = re.compile(r"macosx_(\d+)_(\d+)_(\w+)")
_MANYLINUX_ALIASES: Final = {"manylinux1": (2, 5), "manylinux2010": (2, 12), "manylinux2014": (2, 17)}


@dataclass(frozen=True, slots=True)
class PlatformTags:
    """The platform part of a wheel's tags, sorted, and what it cannot say."""

    platforms: tuple[str, ...]
    losses: tuple[Loss, ...] = ()


@dataclass(slots=True)
class _Demands:
    """What the virtual packages among the requirements ask for."""

    systems: frozenset[str] = _ALL_SYSTEMS
    bound: bool = False
    glibc: Floor | None = None
    macos: Floor | None = None
    losses: list[Loss] = field(default_factory=list)


def platform_tags(
    subdir: Subdir,
    depends: Sequence[str],
    *,
    glibc_floor: Floor | None = None,
    macos_floor: Floor | None = None,
    has_binaries: bool = True,
    external: bool = False,
    subject: str = "",
) -> PlatformTags:
    """The platform tags of a package.

    Args:
        subdir: of the package.
        depends: the requirements in force; only virtual packages count.
        glibc_floor: the lowest glibc that the binaries' symbols allow, from a policy; None if unknown.
        macos_floor: the highest minimum version of the Mach-O files.
        has_binaries: whether there are any binaries at all.
        external: whether a binary needs a library that neither the wheel nor the policy provides, so that the
            plain `linux_<machine>` is all that can be promised.
        subject: file name, for losses and errors.

    Raises:
        InvalidInput: CB116, a spec cannot be read.
        Unsupported: CB310, wheels have no tag for the platform.
    """
    name = subject or str(subdir)
    demands = _read(depends, name)
    if subdir == "noarch":
        return PlatformTags(_noarch(demands, name), tuple(demands.losses))
    system = subdir.partition("-")[0]
    if system in _ALL_SYSTEMS - demands.systems:
        raise Unsupported(Code.PLATFORM, f"is for {subdir}, but requires another system", subject=name, field="depends")
    if subdir in _LINUX:
        machine = _LINUX[subdir]
        if external and has_binaries:
            return PlatformTags((f"linux_{machine}",), tuple(demands.losses))
        lowest = _LOWEST_GLIBC.get(machine, _LOWEST_GLIBC_ELSEWHERE)
        floor = _highest(lowest, demands.glibc, glibc_floor if has_binaries else None)
        return PlatformTags((f"manylinux_{floor[0]}_{floor[1]}_{machine}",), tuple(demands.losses))
    if subdir in _MACOS:
        machine, lowest = _MACOS[subdir]
        floor = _highest(lowest, demands.macos, macos_floor if has_binaries else None)
        return PlatformTags((_macos_tag(floor, machine, name, demands.losses),), tuple(demands.losses))
    if subdir in _WINDOWS:
        return PlatformTags((_WINDOWS[subdir],), tuple(demands.losses))
    raise Unsupported(Code.PLATFORM, f"no wheel tag exists for {subdir}", subject=name, field="subdir")


def subdirs_of(platform: str) -> tuple[Subdir, ...]:
    """The conda subdirs whose machines a wheel platform tag covers; empty where conda has none."""
    if platform == "any":
        return (Subdir("noarch"),)
    for subdir, tag in _WINDOWS.items():
        if platform == tag:
            return (Subdir(subdir),)
    if match := _MACOS_TAG.fullmatch(platform):
        machines = ("x86_64", "arm64") if match[3] == "universal2" else (match[3],)
        return tuple(Subdir(subdir) for subdir, (machine, _) in _MACOS.items() if machine in machines)
    for subdir, machine in _LINUX.items():
        if platform == f"linux_{machine}" or (
            platform.startswith("manylinux") and platform.endswith(f"_{machine}") and glibc_of(platform) is not None
        ):
            return (Subdir(subdir),)
    return ()


def virtual_depends_of(platform: str) -> tuple[str, ...]:
    """The virtual packages that a platform tag promises, as conda requirements."""
    if (glibc := glibc_of(platform)) is not None:
        return (f"__glibc >={glibc[0]}.{glibc[1]},<3.0.a0",)
    if match := _MACOS_TAG.fullmatch(platform):
        return (f"__osx >={match[1]}.{match[2]}",)
    return ()


def glibc_of(platform: str) -> Floor | None:
    """The glibc that a manylinux tag asks for, None for other tags."""
    if match := _MANYLINUX_TAG.fullmatch(platform):
        return int(match[1]), int(match[2])
    alias, _, machine = platform.partition("_")
    return _MANYLINUX_ALIASES.get(alias) if machine else None


def _read(depends: Iterable[str], subject: str) -> _Demands:
    demands = _Demands()
    for text in depends:
        spec = parse_spec(text, subject=subject)
        if not spec.name.startswith("__"):
            continue
        systems = _SYSTEMS.get(spec.name)
        if systems is None or spec.when:
            demands.losses.append(_loss(spec, subject))
            continue
        demands.systems &= systems
        demands.bound = True
        floor, exact = _floor(spec, subject)
        if spec.name == "__glibc":
            demands.glibc = floor if demands.glibc is None else _highest(demands.glibc, floor)
        elif spec.name == "__osx":
            demands.macos = floor if demands.macos is None else _highest(demands.macos, floor)
        elif floor is not None:
            exact = False
        if not exact or spec.pins_build or next(spec.unsayable(subject), None) is not None:
            demands.losses.append(_loss(spec, subject))
    return demands


def _loss(spec: CondaSpec, subject: str) -> Loss:
    condition = f" under the condition {spec.when}" if spec.when else ""
    return Loss(Code.VIRTUAL_PACKAGE, subject, f"{spec}{condition}: no tag says it")


def _floor(spec: CondaSpec, subject: str) -> tuple[Floor | None, bool]:
    """The lower bound of a virtual package's version, and whether it says the whole spec."""
    try:
        node, losses = meaning(spec.version)
    except InvalidInput as error:
        raise InvalidInput(error.code, error.message, subject=subject, field="depends") from error
    found = intervals_of(node)
    if not found:
        return None, False
    low, high = found[0].low, found[-1].high
    # `__glibc <3.0.a0` is a habit; no such glibc exists.
    bounded = high.version is not None and not (spec.name == "__glibc" and high.version.release[0] >= _NO_GLIBC_ABOVE)
    exact = not (losses or bounded or len(found) > 1)
    if low.version is None:
        return None, exact
    major, minor, *rest = (*low.version.release, 0)
    return (major, minor), exact and low.inclusive and not any(rest)


def _noarch(demands: _Demands, subject: str) -> tuple[str, ...]:
    if not demands.bound:
        return ("any",)
    if not demands.systems:
        raise Unsupported(Code.PLATFORM, "requires several systems at once", subject=subject, field="depends")
    tags: list[str] = []
    if "linux" in demands.systems:
        glibc = _highest(_NOARCH_GLIBC, demands.glibc)
        tags.extend(f"manylinux_{glibc[0]}_{glibc[1]}_{machine}" for machine in _NOARCH_LINUX)
    if "osx" in demands.systems:
        for machine, lowest in _MACOS.values():
            tags.append(_macos_tag(_highest(lowest, demands.macos), machine, subject, demands.losses))
    if "win" in demands.systems:
        tags.extend(_WINDOWS.values())
    return tuple(sorted(tags))


def _macos_tag(floor: Floor, machine: str, subject: str, losses: list[Loss]) -> str:
    """Installers know macOS 11 and later by its major version alone, so a minor version cannot be said."""
    major, minor = floor
    if major >= 11 and minor:
        losses.append(Loss(Code.VIRTUAL_PACKAGE, subject, f"__osx >={major}.{minor} became macOS {major}.0"))
        minor = 0
    return f"macosx_{major}_{minor}_{machine}"


def _highest(lowest: Floor, *floors: Floor | None) -> Floor:
    return max([lowest, *(floor for floor in floors if floor is not None)])
