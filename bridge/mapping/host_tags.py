"""The compatibility tags of CPython on a described machine (PEP 425, PEP 600), as `packaging` orders them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from packaging.tags import Tag, compatible_tags, cpython_tags, mac_platforms, pure_python_tags

from bridge.model.host import Host, Release

if TYPE_CHECKING:
    from collections.abc import Iterator

#: the machine part of a subdir as tags name it, where that differs.
_LINUX_MACHINES: Final = {"32": "i686", "64": "x86_64"}
_MACOS_MACHINES: Final = {"64": "x86_64", "arm64": "arm64"}
_WINDOWS_PLATFORMS: Final = {"32": "win32", "64": "win_amd64", "arm64": "win_arm64"}
#: only these have manylinux tags.
_MANYLINUX: Final = frozenset(
    {"x86_64", "i686", "aarch64", "armv7l", "ppc64", "ppc64le", "s390x", "riscv64", "loongarch64"}
)
_ALIASES: Final = {Release(2, 17): "manylinux2014", Release(2, 12): "manylinux2010", Release(2, 5): "manylinux1"}
#: PEP 600 starts with the glibc of CentOS 5 on x86 and of CentOS 7 elsewhere.
_LOWEST_GLIBC: Final = {"x86_64": Release(2, 5), "i686": Release(2, 5)}
_LOWEST_GLIBC_ELSEWHERE: Final = Release(2, 17)
_GLIBC_MAJOR: Final = 2
#: before this version the ABI tag named the memory allocator.
_WITHOUT_PYMALLOC: Final = (3, 8)


def host_tags(host: Host, python: tuple[int, int], *, abi: str | None = None) -> tuple[Tag, ...]:
    """The tags that CPython supports on a machine, best first: what `packaging.tags.sys_tags` gives there.

    Args:
        host: the machine.
        python: major and minor version.
        abi: for example `cp313t`; that of the ordinary build where None.
    """
    interpreter = f"cp{python[0]}{python[1]}"
    platforms = platform_tags(host)
    if not platforms:
        # `packaging` would take an empty list for the platforms of this machine.
        return (Tag(interpreter, "none", "any"), *pure_python_tags(python))
    if abi is None:
        abi = interpreter if python >= _WITHOUT_PYMALLOC else f"{interpreter}m"
    return (*cpython_tags(python, [abi], platforms), *compatible_tags(python, interpreter, platforms))


def platform_tags(host: Host) -> tuple[str, ...]:
    """The platform tags that binaries for a machine may have, best first; empty where none is known."""
    system, _, machine = host.subdir.partition("-")
    if system == "linux":
        return tuple(_linux(_LINUX_MACHINES.get(machine, machine), host.glibc))
    if system == "osx" and host.osx is not None and machine in _MACOS_MACHINES:
        return tuple(mac_platforms(host.osx, _MACOS_MACHINES[machine]))
    if system == "win" and machine in _WINDOWS_PLATFORMS:
        return (_WINDOWS_PLATFORMS[machine],)
    return ()


def _linux(machine: str, glibc: Release | None) -> Iterator[str]:
    yield f"linux_{machine}"
    if glibc is None or glibc.major != _GLIBC_MAJOR or machine not in _MANYLINUX:
        return
    lowest = _LOWEST_GLIBC.get(machine, _LOWEST_GLIBC_ELSEWHERE)
    for minor in range(glibc.minor, lowest.minor - 1, -1):
        yield f"manylinux_{_GLIBC_MAJOR}_{minor}_{machine}"
        if (alias := _ALIASES.get(Release(_GLIBC_MAJOR, minor))) is not None:
            yield f"{alias}_{machine}"
