"""A release that conda ships as several builds, as one family of variant wheels (design, section 8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from packaging.specifiers import SpecifierSet
from packaging.tags import Tag
from packaging.version import Version

from bridge.model.conda import IndexJson
from bridge.model.host import Release
from bridge.model.plan import Loss
from bridge.model.variant import Property, VariantMetadata


@dataclass(frozen=True, slots=True)
class Bounds:
    """`lower <= x < upper`; None is unbounded."""

    lower: Release | None = None
    upper: Release | None = None
    #: whether a machine that lacks it altogether will do as well (a `constrains`, not a `depends`).
    absent: bool = False


@dataclass(frozen=True, slots=True)
class HostRequirement:
    """What a build's dependency closure enforces of its host; a conjunction, None where nothing is asked."""

    cuda: Bounds | None = None
    cuda_arch: Bounds | None = None
    #: x86-64 microarchitecture level, 1 to 4.
    x86_64_level: int | None = None
    #: Arm architecture version as the aarch64 provider spells it, `8a` to `9.0a`.
    aarch64_version: str | None = None
    glibc: Bounds | None = None
    osx: Bounds | None = None
    #: virtual package specs that no axis can say (each is also a loss).
    unsaid: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Build:
    """One conda build of a release, as far as choosing it goes."""

    filename: str
    index: IndexJson
    requires: HostRequirement
    #: axis -> value for what no virtual package states (`blas` -> `mkl`, `mpi` -> `openmpi`, ...).
    choices: Mapping[str, str] = field(default_factory=dict)
    #: compatibility tags of the wheel that it becomes.
    tags: frozenset[Tag] = frozenset()


@dataclass(frozen=True, slots=True)
class FamilyMember:
    """One wheel of a family; two members may come from one build (a variant, and the fallback)."""

    #: file name of the conda artifact.
    source: str
    #: None: the wheel without a label, for clients that know no variants.
    label: str | None
    properties: frozenset[Property]
    tags: frozenset[Tag]
    #: of the wheel.
    filename: str


@dataclass(frozen=True, slots=True)
class Family:
    """All wheels of one release."""

    #: as spelled in file names.
    name: str
    version: Version
    requires_python: SpecifierSet
    metadata: VariantMetadata
    members: tuple[FamilyMember, ...]
    #: file name of a build -> file name of the build that is taken in its place everywhere.
    shadowed: Mapping[str, str] = field(default_factory=dict)
    losses: tuple[Loss, ...] = ()
