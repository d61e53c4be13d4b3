"""Whether conda packages require, in every environment of a grid, exactly what a wheel requires there.

One side is `packaging.markers.Marker.evaluate`, the other py-rattler's reading of the written specs; nothing of the
bridge takes part, apart from the names that it gives to projects.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version
from rattler import MatchSpec, VersionSpec
from rattler import Version as CondaVersion

from tests.support.when_conditions import holds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

#: subdir -> sys_platform, os_name, platform_system, platform_machine, virtual packages.
PLATFORMS: dict[str, tuple[str, str, str, str, dict[str, str]]] = {
    "linux-64": ("linux", "posix", "Linux", "x86_64", {"__linux": "6.1", "__unix": "0", "__glibc": "2.99"}),
    "linux-aarch64": ("linux", "posix", "Linux", "aarch64", {"__linux": "6.1", "__unix": "0", "__glibc": "2.99"}),
    "osx-64": ("darwin", "posix", "Darwin", "x86_64", {"__osx": "99.0", "__unix": "0"}),
    "osx-arm64": ("darwin", "posix", "Darwin", "arm64", {"__osx": "99.0", "__unix": "0"}),
    "win-64": ("win32", "nt", "Windows", "AMD64", {"__win": "0"}),
    "win-arm64": ("win32", "nt", "Windows", "ARM64", {"__win": "0"}),
}
PYTHONS = tuple(f"3.{minor}.{patch}" for minor in range(9, 15) for patch in (0, 5))
#: interpreter packages that stand for the Python of the environment.
_INTERPRETERS = frozenset({"python", "python_abi", "cpython", "_python_abi3_support"})
#: those whose version is Python's.
_VERSIONED = frozenset({"python", "python_abi", "cpython"})


@dataclass(frozen=True)
class Environment:
    """One CPython on one platform."""

    subdir: str
    python: str

    @property
    def minor(self) -> str:
        return ".".join(self.python.split(".")[:2])

    @property
    def virtual(self) -> dict[str, str]:
        return PLATFORMS[self.subdir][4]

    def markers(self, extra: str = "") -> dict[str, str]:
        sys_platform, os_name, system, machine, _ = PLATFORMS[self.subdir]
        return {
            "implementation_name": "cpython",
            "implementation_version": self.python,
            "os_name": os_name,
            "platform_machine": machine,
            "platform_release": "",
            "platform_system": system,
            "platform_version": "",
            "python_full_version": self.python,
            "platform_python_implementation": "CPython",
            "python_version": self.minor,
            "sys_platform": sys_platform,
            "extra": extra,
        }

    def __str__(self) -> str:
        return f"Python {self.python} on {self.subdir}"


GRID = tuple(Environment(subdir, python) for subdir in PLATFORMS for python in PYTHONS)


@dataclass(frozen=True)
class Wheel:
    """What METADATA says."""

    requires: Sequence[Requirement]
    requires_python: SpecifierSet
    #: project -> conda package; None where nobody knows one, and no package requires it then.
    conda_name: Callable[[str], str | None]
    extras: Sequence[str] = ()
    project: str = ""
    _active: dict[tuple[Environment, str], dict[str, SpecifierSet]] = field(default_factory=dict, repr=False)

    def admits(self, environment: Environment) -> bool:
        """Whether the wheel can be installed, as far as Requires-Python says."""
        return self.requires_python.contains(environment.python, prereleases=True)

    def active(self, environment: Environment, extra: str = "") -> dict[str, SpecifierSet]:
        """Conda package -> what is asked of it, in one environment and with one extra (and those that it implies)."""
        known = self._active.get((environment, extra))
        if known is not None:
            return known
        asked, waiting = {extra}, [extra]
        found: dict[str, SpecifierSet] = {}
        while waiting:
            markers = environment.markers(waiting.pop())
            for one in self.requires:
                if one.marker is not None and not one.marker.evaluate(markers):
                    continue
                if self.project and canonicalize_name(one.name) == canonicalize_name(self.project):
                    more = {canonicalize_name(name) for name in one.extras} - asked
                    asked |= more
                    waiting += sorted(more)
                elif (name := self.conda_name(one.name)) is not None:
                    found[name] = found.get(name, SpecifierSet()) & one.specifier
        self._active[environment, extra] = found
        return found


def disagreements(
    wheel: Wheel, packages: Iterable[Mapping[str, Any]], grid: Sequence[Environment] = GRID, *, whole: bool = True
) -> list[str]:
    """Where packages and wheel differ, in words; nothing where all is well.

    Args:
        wheel: what METADATA says.
        packages: index.json of every package that the wheel became.
        grid: the environments to look at.
        whole: whether the wheel is for every environment that Requires-Python admits (`py3-none-any`), so that a
            package must exist in each. Otherwise it may be missing.
    """
    packages = list(packages)
    problems: list[str] = []
    for environment in grid:
        here = [one for one in packages if installable(one, environment)]
        if not wheel.admits(environment):
            if here:
                problems.append(f"{environment}: Requires-Python excludes it, and {here[0]['build']} does not")
        elif not here:
            if whole:
                problems.append(f"{environment}: no package")
        elif len({_abi(one) for one in here}) < len(here):
            problems.append(f"{environment}: several packages: {', '.join(sorted(one['build'] for one in here))}")
        for package in here if wheel.admits(environment) else ():
            problems.extend(
                f"{environment}, {package['build']}: {text}" for text in _compare(wheel, package, environment)
            )
    return problems


def installable(package: Mapping[str, Any], environment: Environment) -> bool:
    """Whether a solver may take a package, as far as subdir, Python and virtual packages decide."""
    if package["subdir"] not in ("noarch", environment.subdir):
        return False
    for text in package["depends"]:
        spec = _spec(text)
        if spec.name.startswith("__"):
            version = environment.virtual.get(spec.name)
            if version is None or not spec.accepts(version):
                return False
        elif spec.name in _VERSIONED and not spec.accepts(
            environment.minor if spec.name == "python_abi" else environment.python
        ):
            return False
    return True


def _abi(package: Mapping[str, Any]) -> str:
    return next((text for text in package["depends"] if _spec(text).name == "python_abi"), "")


def _compare(wheel: Wheel, package: Mapping[str, Any], environment: Environment) -> list[str]:
    groups = package.get("extra_depends", {})
    problems = _differences(wheel.active(environment), package["depends"], environment)
    if package.get("schema_version", 1) >= 3:
        for extra in wheel.extras:
            depends = [*package["depends"], *groups.get(extra, ())]
            problems += [
                f"[{extra}] {text}" for text in _differences(wheel.active(environment, extra), depends, environment)
            ]
    return problems


def _differences(wanted: Mapping[str, SpecifierSet], depends: Iterable[str], environment: Environment) -> list[str]:
    offered: dict[str, list[_Spec]] = {}
    for text in depends:
        spec = _spec(text)
        ours = spec.name in _INTERPRETERS or spec.name.startswith("__")
        if not ours and holds(spec.when, environment.python, environment.virtual.keys()):
            offered.setdefault(spec.name, []).append(spec)
    problems = [f"{name} is not required" for name in sorted(wanted.keys() - offered.keys())]
    problems += [f"{name} is required" for name in sorted(offered.keys() - wanted.keys())]
    for name in sorted(wanted.keys() & offered.keys()):
        texts = tuple(sorted(spec.text for spec in offered[name]))
        if (version := _told_apart(str(wanted[name]), texts)) is not None:
            problems.append(f"{name} {version}: {wanted[name]} is not {' and '.join(texts)}")
    return problems


@lru_cache(maxsize=16384)
def _told_apart(specifiers: str, texts: tuple[str, ...]) -> str | None:
    """A final release that one side accepts and the other does not."""
    wanted = SpecifierSet(specifiers)
    specs = [_spec(text) for text in texts]
    for version in _probes(wanted):
        if wanted.contains(version) != all(spec.accepts(version) for spec in specs):
            return version
    return None


def _probes(specifiers: SpecifierSet) -> list[str]:
    """Releases around every bound; conda packages have no local labels, and `===` compares texts."""
    found = {"0", "99999"}
    for one in specifiers:
        if one.operator == "===":
            return []
        version = Version(one.version.removesuffix(".*"))
        release = list(version.release)
        epoch = f"{version.epoch}!" if version.epoch else ""
        for at in range(len(release)):
            for step in (-1, 0, 1):
                if release[at] + step >= 0:
                    found.add(epoch + ".".join(map(str, [*release[:at], release[at] + step, *release[at + 1 :]])))
                    found.add(epoch + ".".join(map(str, [*release[:at], release[at] + step])))
        found.add(f"{epoch}{version.base_version.rpartition('!')[2]}.1")
    return sorted(found)


@dataclass(frozen=True)
class _Spec:
    text: str
    name: str
    version: Any
    when: str

    def accepts(self, version: str) -> bool:
        return self.version is None or self.version.matches(_version(version))


@lru_cache(maxsize=16384)
def _spec(text: str) -> _Spec:
    parsed = MatchSpec(text, strict=True)
    version = None if parsed.version is None else VersionSpec(parsed.version, strict=True)
    return _Spec(text, str(parsed.name.normalized), version, str(parsed.condition or ""))


@lru_cache(maxsize=16384)
def _version(text: str) -> CondaVersion:
    return CondaVersion(text)
