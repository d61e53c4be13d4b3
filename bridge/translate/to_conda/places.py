"""Where the installation schemes of a wheel lie in a conda package (binary distribution format, CEP 20, CEP 34)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bridge.mapping.conda_target import CondaTarget
from bridge.mapping.marker_targets import System
from bridge.mapping.wheel_platforms import NOARCH

#: directories of noarch python that installers move.
SITE_PACKAGES: Final = "site-packages"
PYTHON_SCRIPTS: Final = "python-scripts"


@dataclass(frozen=True, slots=True)
class CondaPlaces:
    """Directories of one package, relative to the prefix."""

    site_packages: str
    #: of the programs in `.data/scripts`.
    scripts: str
    #: where programs end up when the package is installed; of a noarch package on Unix.
    programs: str
    #: of `.data/headers`.
    headers: str
    #: the interpreter that scripts start.
    python: str
    windows: bool

    def path(self, scheme: str, place: str) -> str:
        """The path of a file of a scheme.

        Args:
            scheme: `purelib`, `platlib`, `scripts`, `headers` or `data`.
            place: its path in the scheme.
        """
        match scheme:
            case "data":
                return place
            case "scripts":
                return f"{self.scripts}/{place}"
            case "headers":
                return f"{self.headers}/{place}"
            case _:
                return f"{self.site_packages}/{place}"

    def installed(self, path: str) -> str:
        """Where a file of the package ends up; site-packages keeps the name that it has in the package."""
        return (
            f"{self.programs}/{path.removeprefix(f'{self.scripts}/')}" if path.startswith(f"{self.scripts}/") else path
        )


def for_windows(target: CondaTarget) -> bool:
    """Whether the package may be installed on Windows."""
    return System.WIN in target.systems if target.subdir == NOARCH else target.subdir.startswith("win-")


def places_of(target: CondaTarget, project: str) -> CondaPlaces:
    """The directories of a package.

    Args:
        target: what it is made for.
        project: the wheel's project as spelled in METADATA; headers get a directory of that name.
    """
    windows = for_windows(target) and (target.subdir != NOARCH or target.systems == (System.WIN,))
    include, programs = ("Include", "Scripts") if windows else ("include", "bin")
    if target.linked or target.minor is None:
        python = "python.exe" if windows else "bin/python"
        return CondaPlaces(SITE_PACKAGES, PYTHON_SCRIPTS, programs, f"{include}/{project}", python, windows)
    if windows:
        return CondaPlaces("Lib/site-packages", programs, programs, f"{include}/{project}", "python.exe", windows)
    minor, abi = ".".join(map(str, target.minor)), target.abi or ""
    directory, python = f"python{minor}", f"bin/python{minor}"
    if abi.startswith("pypy"):
        directory, python = f"pypy{minor}", "bin/python"
    elif abi.endswith("t"):
        # A free-threaded interpreter has directories of its own, but answers to the same name.
        directory = f"python{minor}t"
    return CondaPlaces(
        f"lib/{directory}/site-packages", programs, programs, f"{include}/{directory}/{project}", python, windows
    )
