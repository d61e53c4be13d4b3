"""auditwheel's own policy data: which libraries and symbol versions each manylinux tag allows (PEP 600)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

#: architectures for which manylinux tags exist, as in the tags.
ARCHITECTURES: Final = ("x86_64", "aarch64", "i686", "ppc64le", "s390x", "armv7l", "riscv64")

_TAG: Final = re.compile(r"manylinux_(\d+)_(\d+)_")


@dataclass(frozen=True, slots=True)
class Policy:
    """What binaries may use under one tag, `manylinux_{glibc[0]}_{glibc[1]}_...`."""

    glibc: tuple[int, int]
    #: sonames that every such system has.
    libraries: frozenset[str]
    #: prefix (`GLIBC`, `GLIBCXX`, ...) -> versions allowed with that prefix (`GLIBC_2.17`, ...).
    versions: Mapping[str, frozenset[str]]
    #: soname -> symbols of it that must not be used although the library may.
    forbidden: Mapping[str, frozenset[str]]


@cache
def policies(architecture: str) -> tuple[Policy, ...]:
    """The policies for an architecture, oldest system first.

    Args:
        architecture: one of `ARCHITECTURES`.
    """
    # Imported here because reading files of other kinds must not wait for it (0.1 s).
    from auditwheel.architecture import Architecture
    from auditwheel.libc import Libc
    from auditwheel.policy import WheelPolicies

    found = []
    for policy in WheelPolicies(libc=Libc.GLIBC, arch=Architecture(architecture)):
        if match := _TAG.match(policy.name):
            versions = {
                prefix: frozenset(f"{prefix}_{version}" for version in names)
                for prefix, names in policy.symbol_versions.items()
            }
            glibc = (int(match[1]), int(match[2]))
            found.append(Policy(glibc, policy.whitelist, versions, policy.blacklist))
    return tuple(sorted(found, key=lambda policy: policy.glibc))


@cache
def forbidden_symbols(library: str) -> frozenset[bytes]:
    """Symbols of a library that some policy of some architecture forbids."""
    return frozenset(
        symbol.encode()
        for architecture in ARCHITECTURES
        for policy in policies(architecture)
        for symbol in policy.forbidden.get(library, ())
    )
