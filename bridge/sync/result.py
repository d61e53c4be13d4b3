"""What became of the files of one unit, in a form that travels between machines and stays in the ledger."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bridge.channel.staging import Rank
from bridge.model.plan import Status


@dataclass(frozen=True, slots=True)
class Lost:
    """A loss (`bridge.model.plan.Loss`), with the number of its code."""

    code: str
    subject: str
    detail: str


@dataclass(frozen=True, slots=True)
class Label:
    """Which variant of its release a file is (PEP 825)."""

    label: str
    properties: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WheelListing:
    """What the page of a wheel says about it."""

    project: str
    version: str
    requires_python: str | None
    metadata_sha256: str
    summary: str


@dataclass(frozen=True, slots=True)
class PackageListing:
    """What the repodata of a conda package says about it (`bridge.channel.package_record`)."""

    subdir: str
    fields: dict[str, Any]
    run_exports: dict[str, Any]
    revision: int
    #: of several packages with one name, the greatest is kept.
    preference: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Product:
    """One file that was made; exactly one of `wheel` and `package` is there."""

    filename: str
    sha256: str
    size: int
    #: the artifact that it was made of.
    source: str
    source_sha256: str
    variant: Label | None = None
    wheel: WheelListing | None = None
    package: PackageListing | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """The outcome of one file of the source."""

    #: of the source file.
    key: str
    status: Status
    code: str | None = None
    message: str | None = None
    losses: tuple[Lost, ...] = ()
    products: tuple[Product, ...] = ()
    #: which of several builds that make one wheel is kept; None where that is not asked.
    rank: Rank | None = None
    #: whether it may go well another time: the file could not be had.
    passing: bool = False
    #: Requires-Dist of a wheel.
    requires: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Variants:
    """The `-variants.json` of a release (PEP 825)."""

    filename: str
    sha256: str
    size: int
    project: str
    version: str


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one unit."""

    items: tuple[Item, ...]
    variants: Variants | None = field(default=None)

    @property
    def passing(self) -> bool:
        """Whether some of it should be tried again in the next run."""
        return any(item.passing for item in self.items)
