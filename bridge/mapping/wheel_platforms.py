"""The platform part of a wheel's tag as places in a conda channel: a subdir and the oldest system it promises.

Sources: PEP 425, PEP 600 and PEP 656, the platform compatibility tags specification, CEP 26 for subdirs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from bridge.mapping.platforms import Floor, glibc_of, subdirs_of, virtual_depends_of
from bridge.model.conda import Subdir

#: where conda puts what is for every platform.
NOARCH: Final = Subdir("noarch")
#: conda's machines among those that a Mach-O file for several is called after.
_FAT: Final[dict[str, tuple[tuple[Subdir, str], ...]]] = {
    "universal2": ((Subdir("osx-64"), "x86_64"), (Subdir("osx-arm64"), "arm64")),
    "intel": ((Subdir("osx-64"), "x86_64"),),
    "universal": ((Subdir("osx-64"), "x86_64"),),
    "fat64": ((Subdir("osx-64"), "x86_64"),),
    "fat3": ((Subdir("osx-64"), "x86_64"),),
    "x86_64": ((Subdir("osx-64"), "x86_64"),),
    "arm64": ((Subdir("osx-arm64"), "arm64"),),
}
#: no macOS is older on Apple's own processors, whatever a tag says.
_FIRST_MACOS: Final[dict[str, Floor]] = {"x86_64": (10, 0), "arm64": (11, 0)}
_MACOS: Final = re.compile(r"macosx_(\d{1,4})_(\d{1,4})_(\w+)")
_MUSL: Final = re.compile(r"musllinux_\d+_\d+_\w+")
#: beginnings of tags -> why conda has no package for them.
_ELSEWHERE: Final = {
    "ios_": "conda has no packages for iOS",
    "android_": "conda has no packages for Android",
    "emscripten_": "conda's emscripten packages have another Python than Pyodide's",
    "pyodide_": "conda's emscripten packages have another Python than Pyodide's",
    "pyemscripten_": "conda's emscripten packages have another Python than Pyodide's",
    "wasi_": "conda has no packages for WASI",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where packages for a platform tag go."""

    subdir: Subdir
    #: the lowest glibc or macOS, as promised by the tag; None where it promises nothing.
    floor: Floor | None = None
    #: a virtual package that says the floor.
    depends: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlacesAnswer:
    """The places of one platform tag, none with a reason where conda has none."""

    places: tuple[Place, ...]
    reason: str = ""


def wheel_places(platform: str) -> PlacesAnswer:
    """The places of one platform tag, for example two for `macosx_11_0_universal2`."""
    if _MUSL.fullmatch(platform):
        return PlacesAnswer((), f"{platform} is for musl, which no virtual package of conda names")
    if match := _MACOS.fullmatch(platform):
        pairs = _FAT.get(match[3], ())
        release = int(match[1]), int(match[2])
        places = tuple(macos_place(subdir, max(release, _FIRST_MACOS[machine])) for subdir, machine in pairs)
        return PlacesAnswer(places, "" if places else f"conda has no packages for {platform}")
    for start, reason in _ELSEWHERE.items():
        if platform.startswith(start):
            return PlacesAnswer((), f"{platform}: {reason}")
    places = tuple(Place(subdir, glibc_of(platform), virtual_depends_of(platform)) for subdir in subdirs_of(platform))
    return PlacesAnswer(places, "" if places else f"conda has no subdir for {platform}")


def glibc_place(subdir: Subdir, floor: Floor) -> Place:
    """A place for Linux with at least this glibc."""
    return Place(subdir, floor, (f"__glibc >={floor[0]}.{floor[1]},<3.0.a0",))


def macos_place(subdir: Subdir, floor: Floor) -> Place:
    """A place for at least this macOS."""
    return Place(subdir, floor, (f"__osx >={floor[0]}.{floor[1]}",))
