"""The virtual packages (CEP 30, CEP 46) of an imagined machine of a target platform.

The machine that solves is not asked: what a package needs at run time must come out the same everywhere. The
imagined machine has a recent system, since any system that a build asks for is good enough to find its
providers, but no more of an instruction set or GPU than the build itself needs: a provider built for more
would not run everywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bridge.model.host import VirtualPackage

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator


#: newer than what any conda-forge build of 2026 asks for.
_LINUX: Final = (VirtualPackage("__linux", "6.12"), VirtualPackage("__glibc", "2.42"))
_OSX: Final = (VirtualPackage("__osx", "26.0"),)
_WIN: Final = (VirtualPackage("__win", "10.0.26100"),)
_UNIX: Final = VirtualPackage("__unix", "0")
_GPU: Final = (VirtualPackage("__cuda", "14.0"), VirtualPackage("__cuda_arch", "12.1"))

#: machine of the subdir -> names of archspec, from what every such machine has upwards.
_LEVELS: Final = {
    "64": ("x86_64", "x86_64_v2", "x86_64_v3", "x86_64_v4"),
    "32": ("x86",),
    "aarch64": ("aarch64",),
    "arm64": ("aarch64",),
    "ppc64le": ("ppc64le", "power8le", "power9le", "power10le"),
}
#: every Apple computer with an ARM processor has at least this one.
_APPLE: Final = ("m1", "m2", "m3", "m4")


def machines(subdir: str, *, needed: Collection[str]) -> Iterator[tuple[VirtualPackage, ...]]:
    """Imagined machines of a platform, the plainest first; the first that a build can be installed on counts.

    Args:
        subdir: the target platform; `noarch` stands for linux-64.
        needed: names of virtual packages that some candidate depends on. Without `__cuda` and `__archspec`
            among them there is only one machine.
    """
    target = "linux-64" if subdir == "noarch" else subdir
    system, _, machine = target.partition("-")
    base = _system(system)
    levels = _APPLE if (system, machine) == ("osx", "arm64") else _LEVELS.get(machine, (machine,))
    if "__archspec" not in needed:
        levels = levels[:1]
    gpus = ((), _GPU) if {"__cuda", "__cuda_arch"} & set(needed) else ((),)
    for gpu in gpus:
        for level in levels:
            yield (*base, *gpu, VirtualPackage("__archspec", "1", level))


def _system(system: str) -> tuple[VirtualPackage, ...]:
    if system == "linux":
        return (_UNIX, *_LINUX)
    if system == "osx":
        return (_UNIX, *_OSX)
    if system == "win":
        return _WIN
    return (_UNIX,)
