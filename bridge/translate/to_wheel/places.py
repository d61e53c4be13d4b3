"""Which part of a conda prefix a payload path belongs to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

from bridge.model.conda import Noarch

# A package for one Python has its version in the path; noarch python starts at site-packages (CEP 20); Windows has Lib.
_SITE_PACKAGES: Final = re.compile(r"(?:lib/(?:python|pypy)\d+(?:\.\d+)?t?/|Lib/)site-packages/")
_NOARCH_SITE_PACKAGES: Final = "site-packages/"
_SCRIPT_DIRECTORIES: Final = ("bin/", "Scripts/")
_NOARCH_SCRIPTS: Final = "python-scripts/"


class Area(Enum):
    """The parts of a prefix that a wheel treats differently."""

    SITE_PACKAGES = "site-packages"
    SCRIPTS = "scripts"
    PREFIX = "prefix"


@dataclass(frozen=True, slots=True)
class Place:
    """A payload path, split into its area and the rest."""

    area: Area
    #: relative to site-packages or the scripts directory; the whole path for `PREFIX`.
    relative: str


def place_of(path: str, noarch: Noarch) -> Place:
    """Say where `path` lies.

    Args:
        path: relative to the prefix, `/` separators.
        noarch: of the package; decides whether `site-packages/` may stand at the root (CEP 20).
    """
    if noarch is Noarch.PYTHON:
        if path.startswith(_NOARCH_SITE_PACKAGES):
            return Place(Area.SITE_PACKAGES, path.removeprefix(_NOARCH_SITE_PACKAGES))
        if path.startswith(_NOARCH_SCRIPTS):
            return _script(path, _NOARCH_SCRIPTS)
    if match := _SITE_PACKAGES.match(path):
        return Place(Area.SITE_PACKAGES, path[match.end() :])
    for directory in _SCRIPT_DIRECTORIES:
        if path.startswith(directory):
            return _script(path, directory)
    return Place(Area.PREFIX, path)


def _script(path: str, directory: str) -> Place:
    relative = path.removeprefix(directory)
    # Installers flatten the scripts directory, so a nested file is not a script.
    return Place(Area.PREFIX, path) if "/" in relative else Place(Area.SCRIPTS, relative)
