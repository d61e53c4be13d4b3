"""What a conda package can be made for, as the environments that a marker may meet there (PEP 508, CEP 26)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from packaging.specifiers import SpecifierSet

from bridge.errors import Code, Unsupported

if TYPE_CHECKING:
    from packaging.ranges import VersionRange

    from bridge.model.conda import Subdir


class System(Enum):
    """Operating systems that a virtual package names (CEP 30): `(virtual, sys_platform, os_name, platform_system)`."""

    LINUX = ("__linux", "linux", "posix", "Linux")
    OSX = ("__osx", "darwin", "posix", "Darwin")
    WIN = ("__win", "win32", "nt", "Windows")

    @property
    def virtual(self) -> str:
        return self.value[0]


class Implementation(Enum):
    """Pythons that conda has packages for: `(implementation_name, platform_python_implementation)`."""

    CPYTHON = ("cpython", "CPython")
    PYPY = ("pypy", "PyPy")


@dataclass(frozen=True, slots=True)
class Cell:
    """One kind of environment; only the version of Python is left open."""

    system: System
    #: `platform_machine` as that system spells it.
    machine: str
    implementation: Implementation

    def environment(self, python: str = "3.0") -> dict[str, str]:
        """The marker variables that are known here; the others are empty, and nobody may rely on them."""
        _, sys_platform, os_name, platform_system = self.system.value
        name, title = self.implementation.value
        return {
            "implementation_name": name,
            "implementation_version": "",
            "os_name": os_name,
            "platform_machine": self.machine,
            "platform_release": "",
            "platform_system": platform_system,
            "platform_version": "",
            "python_full_version": f"{python}.0",
            "platform_python_implementation": title,
            "python_version": python,
            "sys_platform": sys_platform,
            "extra": "",
        }


_MACHINES: Final[dict[str, tuple[System, str]]] = {
    "linux-64": (System.LINUX, "x86_64"),
    "linux-32": (System.LINUX, "i686"),
    "linux-aarch64": (System.LINUX, "aarch64"),
    "linux-armv7l": (System.LINUX, "armv7l"),
    "linux-ppc64le": (System.LINUX, "ppc64le"),
    "linux-riscv64": (System.LINUX, "riscv64"),
    "linux-s390x": (System.LINUX, "s390x"),
    "osx-64": (System.OSX, "x86_64"),
    "osx-arm64": (System.OSX, "arm64"),
    "win-64": (System.WIN, "AMD64"),
    "win-32": (System.WIN, "x86"),
    "win-arm64": (System.WIN, "ARM64"),
}

_ANY: Final = SpecifierSet()
#: `python_version` can have these values; the last one stands for all up to Python 4.
MINORS: Final = ("2.7", *(f"3.{minor}" for minor in range(40)))


def exact_range(specifiers: SpecifierSet | str) -> VersionRange:
    """The versions of a set of specifiers, pre-releases among them; only such ranges are combined here."""
    return SpecifierSet(str(specifiers), prereleases=True).to_range()


#: the Pythons that markers are asked about. Channels have none older and none is planned beyond, so that the
#: customary `python_version < "4"` says nothing.
EXISTING: Final = exact_range(">=2.7.dev0,<4.dev0")


@lru_cache(maxsize=1)
def minor_lines() -> tuple[tuple[str, VersionRange], ...]:
    """Every value of `python_version` with the versions of Python that have it; together they are `EXISTING`."""
    edges = (*MINORS, "4")
    return tuple(
        (minor, exact_range(f">={minor}.dev0,<{edges[position + 1]}.dev0")) for position, minor in enumerate(MINORS)
    )


@dataclass(frozen=True, slots=True)
class Target:
    """What one conda package is made for.

    Args:
        subdir: `noarch` or a platform.
        python: the Pythons that the package admits (Requires-Python, or a tag's `==3.12.*`); what a marker says
            about others does not count.
        implementations: the kinds of Python that the package admits.
        systems: of a noarch package, the systems that it admits (by a requirement such as `__linux`).
        conditional: whether repodata v3 may be used, with `when` and `extras` (CEPs 43, 44).
    """

    subdir: Subdir
    python: SpecifierSet = field(default=_ANY)
    implementations: tuple[Implementation, ...] = (Implementation.CPYTHON,)
    systems: tuple[System, ...] = (System.LINUX, System.OSX, System.WIN)
    conditional: bool = True

    def cells(self) -> tuple[Cell, ...]:
        """The environments, in a fixed order.

        Raises:
            Unsupported: CB310, the subdir's markers are not known.
        """
        if self.subdir == "noarch":
            places = [place for place in _MACHINES.values() if place[0] in self.systems]
        elif self.subdir in _MACHINES:
            places = [_MACHINES[self.subdir]]
        else:
            message = f"nothing is known of the environment markers of {self.subdir}"
            raise Unsupported(Code.PLATFORM, message, field="subdir")
        return tuple(Cell(system, machine, kind) for system, machine in places for kind in self.implementations)

    def pythons(self) -> VersionRange:
        """The versions of Python that exist and that the package admits."""
        return _pythons(str(self.python))


@lru_cache(maxsize=1024)
def _pythons(specifiers: str) -> VersionRange:
    return exact_range(specifiers).intersection(EXISTING)
