"""One machine in both vocabularies: virtual packages on one side, variant properties and tags on the other.

Sources: CEP 30 and CEP 46 for virtual packages, the providers built into uv 0.13.8 for properties. Static providers
support all their values everywhere, so they are no part of a host.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from bridge.errors import Code, InvalidInput
from bridge.mapping.host_settings import (
    NAMES,
    Setting,
    baseline,
    parse_kernel,
    parse_release,
    parse_set,
    with_settings,
)
from bridge.mapping.host_tags import host_tags, platform_tags
from bridge.mapping.microarchitectures import AARCH64_VERSIONS, claimed_aarch64_version, x86_64_level
from bridge.mapping.nvidia import nvidia_features
from bridge.model.host import Host, Release, SupportedFeature, VirtualPackage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bridge.model.conda import Subdir

__all__ = [
    "NAMES",
    "Setting",
    "baseline",
    "host_of",
    "host_tags",
    "parse_set",
    "platform_tags",
    "supported_features",
    "virtual_packages",
    "with_settings",
]

#: the virtual packages that a host speaks of; clients may report more.
KNOWN: Final = frozenset({"__archspec", "__cuda", "__cuda_arch", "__glibc", "__linux", "__osx", "__unix", "__win"})
#: systems that have `__unix` (CEP 30).
_UNIX: Final = frozenset({"linux", "osx", "freebsd", "emscripten"})
_BUILD: Final = re.compile(r"[A-Za-z0-9_.+]{1,64}")
#: how rattler says that it does not know the processor.
_NO_PROCESSOR: Final = "0"


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
    """The machine that has these virtual packages: the way back from `virtual_packages`.

    Passed over are virtual packages that no property and no tag can speak of, those of another system, and the
    numbers of a version after the second, which nothing asks for.

    Args:
        subdir: of the machine.
        packages: each name once.
        subject: where they come from, for errors.

    Raises:
        InvalidInput: CB126, a version or build that is none.
    """
    found = {package.name: package for package in packages}
    system = subdir.partition("-")[0]

    def release(name: str, only_on: str = system) -> Release | None:
        if name not in found or system != only_on:
            return None
        version = parse_release(found[name].version, subject=subject, field=name, cut=True)
        return version if version.major else None

    cuda = release("__cuda")
    kernel = found["__linux"].version if system == "linux" and "__linux" in found else "0"
    return Host(
        subdir,
        cuda=cuda,
        cuda_arch=None if cuda is None else release("__cuda_arch"),
        archspec=_archspec(found.get("__archspec"), subject),
        glibc=release("__glibc", "linux"),
        linux=None if kernel == "0" else parse_kernel(kernel, subject=subject, field="__linux"),
        osx=release("__osx", "osx"),
        win=release("__win", "win"),
    )


def supported_features(host: Host) -> tuple[SupportedFeature, ...]:
    """What the providers built into uv 0.13.8 answer on a machine: namespaces, features and values, best first.

    Where a description leaves room: an unknown processor has only what every machine of its kind has, although uv
    takes an x86-64 one for `v2` when it installs for another machine; of several GPUs the least able one counts, as
    in `__cuda_arch`, although uv takes the ablest; and no machine has a TPU.
    """
    machine = host.subdir.partition("-")[2]
    features = [*nvidia_features(host.cuda, host.cuda_arch), SupportedFeature("tpu", "present", ("false",))]
    if machine == "64":
        level = x86_64_level(host.archspec or "") or 1
        features.append(SupportedFeature("x86_64", "level", tuple(f"v{number}" for number in range(level, 0, -1))))
    elif machine in ("aarch64", "arm64"):
        # uv cannot tell one ARM processor from another on Windows.
        name = None if host.subdir == "win-arm64" else host.archspec
        best = AARCH64_VERSIONS.index(claimed_aarch64_version(name or ""))
        features.append(SupportedFeature("aarch64", "version", AARCH64_VERSIONS[best:]))
    return tuple(features)


def _archspec(package: VirtualPackage | None, subject: str) -> str | None:
    if package is None or package.version == "0" or package.build == _NO_PROCESSOR:
        return None
    if not _BUILD.fullmatch(package.build):
        raise InvalidInput(Code.HOST, "the build is not the name of a processor", subject=subject, field=package.name)
    return package.build
