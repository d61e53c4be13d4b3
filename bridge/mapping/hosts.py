"""One description of a machine in both vocabularies: virtual packages, and variant properties and tags.

Sources: CEP 30 and CEP 46 for virtual packages, PEP 425 and PEP 600 for tags, and the providers of uv 0.13.8 for
properties. Static providers support all their values everywhere, so they are no part of a host.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from packaging.tags import Tag, compatible_tags, cpython_tags, mac_platforms

from bridge.errors import Code, InvalidInput
from bridge.mapping.microarchitectures import (
    AARCH64_VERSIONS,
    HIGHEST_X86_64_LEVEL,
    claimed_aarch64_version,
    x86_64_level,
)
from bridge.mapping.nvidia import nvidia_features
from bridge.model.host import Host, Release, SupportedFeature, VirtualPackage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bridge.model.conda import Subdir

#: systems of conda that have `__unix` (CEP 30).
_UNIX: Final = frozenset({"linux", "osx", "freebsd", "emscripten"})
#: the machine part of a subdir as archspec names its plainest processor (CEP 30, appendix A).
_PLAINEST: Final = {"32": "x86", "64": "x86_64", "arm64": "aarch64"}
#: what every machine of a system has that today's packages run on.
_BASE_GLIBC: Final = Release(2, 17)
_BASE_KERNEL: Final = "3.10"
_BASE_OSX: Final = {"osx-64": Release(10, 13), "osx-arm64": Release(11, 0)}
_BASE_WIN: Final = Release(10, 0)

#: the machine part of a subdir as tags name it, where that differs.
_LINUX_MACHINES: Final = {"32": "i686", "64": "x86_64"}
_MACOS_MACHINES: Final = {"64": "x86_64", "arm64": "arm64"}
_WINDOWS_PLATFORMS: Final = {"32": "win32", "64": "win_amd64", "arm64": "win_arm64"}
#: machines that have manylinux tags; of the others a client cannot tell whether they are compatible.
_MANYLINUX: Final = frozenset(
    {"x86_64", "i686", "aarch64", "armv7l", "ppc64", "ppc64le", "s390x", "riscv64", "loongarch64"}
)
_MANYLINUX_ALIASES: Final = {
    Release(2, 17): "manylinux2014",
    Release(2, 12): "manylinux2010",
    Release(2, 5): "manylinux1",
}
_LOWEST_GLIBC_X86: Final = Release(2, 5)
_LOWEST_GLIBC: Final = Release(2, 17)
_X86: Final = frozenset({"x86_64", "i686"})
#: before Python 3.8 the ABI tag named the memory allocator.
_PYMALLOC_UNTIL: Final = (3, 8)

_RELEASE: Final = re.compile(r"([0-9]{1,3})(?:\.([0-9]{1,3})(?:\.[0-9.]*)?)?")
_KERNEL: Final = re.compile(r"[0-9]{1,9}\.[0-9]{1,9}(?:\.[0-9]{1,9}){0,2}")
_BUILD: Final = re.compile(r"[A-Za-z0-9_.+]{1,64}")


def baseline(subdir: Subdir) -> Host:
    """What every machine of a platform offers that current packages run on: no GPU, the plainest processor.

    Raises:
        InvalidInput: CB130, `noarch` is no machine.
    """
    system, _, machine = subdir.partition("-")
    if not machine:
        raise InvalidInput(Code.HOST, "no machine has this platform", subject=subdir)
    return Host(
        subdir,
        archspec=_PLAINEST.get(machine, machine),
        glibc=_BASE_GLIBC if system == "linux" else None,
        linux=_BASE_KERNEL if system == "linux" else None,
        osx=_BASE_OSX.get(subdir),
        win=_BASE_WIN if system == "win" else None,
    )


def virtual_packages(host: Host) -> tuple[VirtualPackage, ...]:
    """The virtual packages of a machine (CEP 30, CEP 46), in the order in which rattler reports them.

    What belongs to another system is left out. What must be present although it is not known has version 0:
    `__linux`, `__osx`, `__win`, and `__archspec` with the machine part of the subdir as its build.
    """
    system, _, machine = host.subdir.partition("-")
    found: list[tuple[str, object, str]] = []
    if system == "win":
        found.append(("__win", host.win or 0, "0"))
    if system in _UNIX:
        found.append(("__unix", 0, "0"))
    if system == "linux":
        found.append(("__linux", host.linux or 0, "0"))
    if system == "osx":
        found.append(("__osx", host.osx or 0, "0"))
    if system == "linux" and host.glibc is not None:
        found.append(("__glibc", host.glibc, "0"))
    if host.cuda is not None:
        found.append(("__cuda", host.cuda, "0"))
        if host.cuda_arch is not None:
            found.append(("__cuda_arch", host.cuda_arch, "0"))
    found.append(("__archspec", 0, machine) if host.archspec is None else ("__archspec", 1, host.archspec))
    return tuple(VirtualPackage(name, str(version), build) for name, version, build in found)


def host_of(subdir: Subdir, packages: Iterable[VirtualPackage], *, subject: str) -> Host:
    """The machine that has these virtual packages; the way back from `virtual_packages`.

    Virtual packages that no property and no tag can speak of are passed over, and so are components of a version
    after the second, which nothing asks for.

    Args:
        subdir: of the machine.
        packages: each name at most once.
        subject: where they come from, for errors.

    Raises:
        InvalidInput: CB130, a version or build that is none.
    """
    by_name = {package.name: package for package in packages}

    def release(name: str) -> Release | None:
        package = by_name.get(name)
        return None if package is None else parse_release(package.version, subject=subject, field=name)

    system = subdir.partition("-")[0]
    cuda = release("__cuda")
    linux = by_name.get("__linux")
    return Host(
        subdir,
        cuda=cuda,
        cuda_arch=None if cuda is None else release("__cuda_arch"),
        archspec=_archspec(by_name.get("__archspec"), subject),
        glibc=release("__glibc") if system == "linux" else None,
        linux=parse_kernel(linux.version, subject=subject) if linux is not None and system == "linux" else None,
        osx=(release("__osx") or None) if system == "osx" else None,
        win=(release("__win") or None) if system == "win" else None,
    )


def supported_features(host: Host) -> tuple[SupportedFeature, ...]:
    """What the providers that uv 0.13.8 has built in answer on a machine, in the order of namespaces and features.

    They answer as follows where a description leaves room:
    an unknown processor has only what every machine of its kind has, although uv takes an x86-64 one for `v2`
    when it installs for another machine; of several GPUs the least able one counts, as in `__cuda_arch`, although
    uv takes the ablest; no machine has a TPU.
    """
    _, _, machine = host.subdir.partition("-")
    features = list(nvidia_features(host.cuda, host.cuda_arch))
    features.append(SupportedFeature("tpu", "present", ("false",)))
    if machine == "64":
        level = x86_64_level(host.archspec or "") or 1
        values = tuple(f"v{number}" for number in range(level, 0, -1))
        features.append(SupportedFeature("x86_64", "level", values))
    elif machine in ("aarch64", "arm64"):
        # uv cannot tell one ARM processor from another on Windows.
        windows = host.subdir == "win-arm64"
        version = AARCH64_VERSIONS[-1] if windows else claimed_aarch64_version(host.archspec or "")
        features.append(SupportedFeature("aarch64", "version", AARCH64_VERSIONS[AARCH64_VERSIONS.index(version) :]))
    return tuple(features)


def host_tags(host: Host, python: tuple[int, int], *, abi: str | None = None) -> tuple[Tag, ...]:
    """The compatibility tags of CPython on a machine, best first: `packaging.tags.sys_tags` as run there.

    Args:
        host: the machine.
        python: major and minor version.
        abi: for example `cp313t`; the ordinary build's where None.
    """
    interpreter = f"cp{python[0]}{python[1]}"
    platforms = platform_tags(host)
    if abi is None:
        abi = f"{interpreter}m" if python < _PYMALLOC_UNTIL else interpreter
    # An empty list of platforms would mean this machine's; `any` is taken out again and stays with pure Python.
    native = platforms or ("any",)
    tags = (*cpython_tags(python, [abi], native), *compatible_tags(python, interpreter, native))
    if platforms:
        return tags
    return tuple(compatible_tags(python, interpreter, ("any",)))[len(_python_versions(python)) :]


def platform_tags(host: Host) -> tuple[str, ...]:
    """The platform tags that binaries for a machine may have, best first; empty where nothing is known of it."""
    system, _, machine = host.subdir.partition("-")
    if system == "linux":
        return tuple(_linux_platforms(_LINUX_MACHINES.get(machine, machine), host.glibc))
    if system == "osx" and host.osx is not None and machine in _MACOS_MACHINES:
        return tuple(mac_platforms(host.osx, _MACOS_MACHINES[machine]))
    if system == "win" and machine in _WINDOWS_PLATFORMS:
        return (_WINDOWS_PLATFORMS[machine],)
    return ()
