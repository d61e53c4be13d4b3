"""The oldest Linux system that a set of binaries runs on, as manylinux defines systems (PEP 600)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bridge.errors import Code, Unsupported
from bridge.native.manylinux import ARCHITECTURES, Policy, policies

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from bridge.model.payload import ElfFacts

#: (e_machine, bits, little endian) -> architecture as in wheel tags.
_MACHINES: Final = {
    (62, 64, True): "x86_64",
    (183, 64, True): "aarch64",
    (3, 32, True): "i686",
    (21, 64, True): "ppc64le",
    (22, 64, False): "s390x",
    (40, 32, True): "armv7l",
    (243, 64, True): "riscv64",
}
_LOADER: Final = re.compile(r"ld-linux|ld64\.so\.[12]$")


def architecture_of(elf: ElfFacts) -> str | None:
    """The architecture of a binary as in wheel tags; None for one that no manylinux tag exists for."""
    return _MACHINES.get((elf.machine, elf.bits, elf.little_endian))


@dataclass(frozen=True, slots=True)
class Floor:
    """The oldest system that has what a set of binaries needs."""

    #: (major, minor) of its glibc, for `manylinux_{major}_{minor}`; None where no policy allows it all.
    glibc: tuple[int, int] | None
    #: what the next older system lacks, as `libc.so.6: GLIBC_2.17`, sorted (all systems, without a policy).
    reasons: tuple[str, ...] = ()
    #: sorted names of needed libraries that come neither from the system nor from the set.
    external: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SystemPolicy:
    """What manylinux systems of one architecture have."""

    #: as in wheel tags, for example `x86_64`.
    architecture: str
    #: oldest system first.
    policies: tuple[Policy, ...]

    @classmethod
    def for_architecture(cls, architecture: str) -> SystemPolicy:
        """The policies that auditwheel has for an architecture, named as in wheel tags.

        Raises:
            Unsupported: CB310, there are no manylinux tags for it.
        """
        if architecture not in ARCHITECTURES:
            raise Unsupported(Code.PLATFORM, f"there is no manylinux tag for {architecture}")
        return cls(architecture, policies(architecture))

    def provided_by_system(self, soname: str) -> bool:
        """Tell whether the systems of some policy have the library, or it is the program loader."""
        return _is_loader(soname) or any(soname in policy.libraries for policy in self.policies)

    def floor(self, elfs: Iterable[ElfFacts], *, shipped: Collection[str] = ()) -> Floor:
        """Find the oldest system whose libraries have every symbol version that the binaries need.

        Binaries for other architectures are left out, as auditwheel does: they are data here.

        Args:
            elfs: the binaries of one wheel.
            shipped: names of libraries that the wheel or its requirements bring along, which may be system
                libraries; what is needed of those does not count.
        """
        own = [elf for elf in elfs if architecture_of(elf) == self.architecture]
        needs = _Needs.of(own, shipped)
        external = tuple(sorted(name for name in needs.libraries if not self.provided_by_system(name)))
        lacking: tuple[str, ...] = ()
        for policy in self.policies:
            missing = needs.missing_in(policy, external)
            if not missing:
                return Floor(policy.glibc, lacking, external)
            lacking = missing
        return Floor(None, lacking, external)


@dataclass(frozen=True, slots=True)
class _Needs:
    """What binaries need of libraries that they do not bring along."""

    libraries: frozenset[str]
    #: (library, version).
    versions: frozenset[tuple[str, str]]
    #: (library, symbol).
    forbidden: frozenset[tuple[str, str]]

    @classmethod
    def of(cls, elfs: list[ElfFacts], shipped: Collection[str]) -> _Needs:
        own = frozenset(shipped)
        return cls(
            frozenset(name for elf in elfs for name in elf.needed if name not in own and not _is_loader(name)),
            frozenset(
                (library, version)
                for elf in elfs
                for library, versions in elf.versions.items()
                # What only the loader itself provides comes with the glibc of the other symbols.
                if library not in own and not _is_loader(library)
                for version in versions
            ),
            frozenset(
                (library, symbol)
                for elf in elfs
                for library, symbols in elf.forbidden_imports.items()
                if library not in own
                for symbol in symbols
            ),
        )

    def missing_in(self, policy: Policy, external: Collection[str]) -> tuple[str, ...]:
        """What the policy's systems lack, sorted; external libraries are not theirs to have."""
        libraries = {
            f"{name}: no such library"
            for name in self.libraries
            if name not in policy.libraries and name not in external
        }
        versions = {
            f"{library}: {version}" for library, version in self.versions if not _allows(policy.versions, version)
        }
        symbols = {
            f"{library}: {symbol}" for library, symbol in self.forbidden if symbol in policy.forbidden.get(library, ())
        }
        return tuple(sorted(libraries | versions | symbols))


def _allows(allowed: Mapping[str, frozenset[str]], version: str) -> bool:
    # Versions with other prefixes (`OPENSSL_3.0.0`) are those of libraries that no policy speaks of.
    versions = allowed.get(version.partition("_")[0])
    return versions is None or version in versions


def _is_loader(soname: str) -> bool:
    return _LOADER.match(soname) is not None
