"""What a machine offers, said once; both ecosystems' vocabularies are derived from it (design, section 2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from bridge.model.conda import Subdir


class Release(NamedTuple):
    """A major.minor version of CUDA, of a compute capability, or of a C library."""

    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


@dataclass(frozen=True, slots=True)
class Host:
    """A machine; for example `Host(Subdir("linux-64"), cuda=Release(12, 8), glibc=Release(2, 34))`.

    None means absent, or not known and therefore not offered.
    """

    #: conda's name of the platform, such as `linux-64` (CEP 26).
    subdir: Subdir
    #: highest CUDA version that the driver supports (`__cuda`, CEP 30).
    cuda: Release | None = None
    #: lowest compute capability of all GPUs (`__cuda_arch`, CEP 46).
    cuda_arch: Release | None = None
    #: microarchitecture name of archspec (`__archspec`).
    archspec: str | None = None
    #: version of the C library (`__glibc`).
    glibc: Release | None = None
    #: version of the kernel (`__linux`).
    linux: str | None = None
    #: version of macOS (`__osx`).
    osx: Release | None = None
    #: version of Windows (`__win`).
    win: Release | None = None


@dataclass(frozen=True, slots=True)
class SupportedFeature:
    """Values of one feature that a host supports, best first (what a PEP 850 provider answers)."""

    namespace: str
    feature: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class VirtualPackage:
    """One virtual package (CEP 30): `name` with its two underscores, `version`, `build`."""

    name: str
    version: str
    build: str = "0"
