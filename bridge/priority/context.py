"""What a policy is compiled for: the names in the project's graph, the overlays that are hosted, a resolution."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePosixPath

from packaging.markers import Marker
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName
from packaging.version import Version

from bridge.model.conda import CondaName
from bridge.priority.identity import Identities
from bridge.priority.policy import Ecosystem, Policy, SourceName


@dataclass(frozen=True, slots=True)
class OverlayUrls:
    """Where the filtered overlays of the policy are hosted; a client that uses them needs no other source."""

    #: source -> URL of its overlay channel, without a slash at the end.
    conda: Mapping[SourceName, str] = field(default_factory=dict)
    #: URL of the merged index, with a slash at the end.
    pypi: str | None = None


def overlays_at(policy: Policy, base: str) -> OverlayUrls:
    """Where the overlays of a policy are, if the directory that holds them is hosted at an address.

    Args:
        policy: the policy that they were made from.
        base: `https://`, `http://` or `file://`; it is checked when it is written.
    """
    root = base.rstrip("/")
    conda = {source.name: f"{root}/conda/{source.name}" for source in policy.faces(Ecosystem.CONDA)}
    return OverlayUrls(conda, f"{root}/pypi/simple/" if policy.faces(Ecosystem.PYPI) else None)


@dataclass(frozen=True, slots=True)
class ResolvedFile:
    """One file of a resolved package."""

    filename: str
    url: str
    #: in hex.
    sha256: str
    #: in bytes.
    size: int | None = None
    #: in UTC.
    upload_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class ResolvedPackage:
    """A version that was chosen, where it comes from, and its files."""

    name: NormalizedName
    version: Version
    source: SourceName
    #: URL of the Simple index that it was found on, with a slash at the end.
    index: str
    files: tuple[ResolvedFile, ...]
    requires_python: SpecifierSet | None = None
    #: where the package is wanted; None is everywhere.
    marker: Marker | None = None


@dataclass(frozen=True, slots=True)
class Resolution:
    """All packages of an environment, as a resolver chose them under the policy."""

    packages: tuple[ResolvedPackage, ...]
    requires_python: SpecifierSet | None = None


@dataclass(frozen=True, slots=True)
class CompileContext:
    """What the compilers know besides the policy; everything is optional."""

    overlays: OverlayUrls = field(default_factory=OverlayUrls)
    #: all Python projects in the graph of the project, direct or not, of which the claimed ones are pinned by name;
    #: None where the graph is not known, and then all names are pinned that a claim names in full.
    projects: tuple[NormalizedName, ...] | None = None
    #: the same for conda packages.
    packages: tuple[CondaName, ...] | None = None
    #: what packages are called in the other ecosystem; None for what the policy says alone.
    names: Identities | None = None
    #: conda subdirs that the project is for: `linux-64`.
    subdirs: tuple[str, ...] = ()
    #: path relative to the project -> content, of the files that exist and may be written to.
    existing: Mapping[PurePosixPath, bytes] = field(default_factory=dict)
    resolution: Resolution | None = None
