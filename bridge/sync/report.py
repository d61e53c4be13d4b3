"""What came of a run, as data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bridge.errors import BridgeError, Code
from bridge.model.plan import Status
from bridge.sync.plan import Reason
from bridge.sync.publication import Changes
from bridge.sync.result import Item

SCHEMA: Final = "conda-bridge/sync/1"


@dataclass(frozen=True, slots=True)
class ReportedUnit:
    """One unit and its files."""

    name: str
    #: None where nothing had to be done.
    reason: Reason | None
    #: what changed, in the words of `bridge.sync.answers`.
    because: tuple[str, ...]
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class SyncReport:
    """The outcome of every wanted file, and what the run changed."""

    source: str
    destination: str
    #: everything that the source lists, wanted or not.
    listed: int
    units: tuple[ReportedUnit, ...]
    #: units that were retired in this run.
    retired: tuple[str, ...] = ()
    #: units that were taken away in this run.
    deleted: tuple[str, ...] = ()
    changes: Changes = field(default_factory=Changes)
    notes: tuple[tuple[str, BridgeError], ...] = ()

    @property
    def items(self) -> tuple[Item, ...]:
        """The outcomes of all files, by unit and key."""
        return tuple(item for unit in self.units for item in unit.items)

    @property
    def summary(self) -> Mapping[str, int]:
        """How many files ended in each status; every status has an entry."""
        counts = Counter(item.status for item in self.items)
        return {status.value: counts[status] for status in Status}

    @property
    def codes(self) -> Mapping[str, int]:
        """How many files were refused with each code, and how many losses of each code there are; by code."""
        refused = (item.code for item in self.items if item.code is not None)
        lost = (loss.code for item in self.items for loss in item.losses)
        return dict(sorted(Counter([*refused, *lost]).items()))

    @property
    def attempted(self) -> tuple[ReportedUnit, ...]:
        """The units at which this run worked."""
        return tuple(unit for unit in self.units if unit.reason is not None)

    @property
    def converted(self) -> tuple[ReportedUnit, ...]:
        """Those of them that something was made of."""
        return tuple(unit for unit in self.attempted if any(item.products for item in unit.items))

    def to_json(self) -> dict[str, Any]:
        """The document of `sync --json`."""
        return {
            "schema": SCHEMA,
            "source": self.source,
            "destination": self.destination,
            "listed": self.listed,
            "outcomes": [_outcome(item) for item in self.items],
            "summary": dict(self.summary),
            "codes": dict(self.codes),
            "units": {
                "converted": len(self.converted),
                "failed": len(self.attempted) - len(self.converted),
                "unchanged": len(self.units) - len(self.attempted),
            },
            "attempted": [
                {
                    "unit": unit.name,
                    "reason": None if unit.reason is None else unit.reason.value,
                    "because": list(unit.because),
                }
                for unit in self.attempted
            ],
            "retired": list(self.retired),
            "deleted": list(self.deleted),
            "written": list(self.changes.written),
            "removed": list(self.changes.removed),
            "notes": [{"subject": subject, "code": e.code.number, "message": str(e)} for subject, e in self.notes],
        }


def _outcome(item: Item) -> dict[str, Any]:
    return {
        "input": item.key,
        "status": item.status.value,
        "code": item.code,
        "message": item.message,
        "outputs": [
            {
                "filename": product.filename,
                "subdir": None if product.package is None else product.package.subdir,
                "sha256": product.sha256,
                "size": product.size,
                "variant": None
                if product.variant is None
                else {"label": product.variant.label, "properties": list(product.variant.properties)},
                "source": {"filename": product.source, "sha256": product.source_sha256},
            }
            for product in item.products
        ],
        "losses": [{"code": loss.code, "subject": loss.subject, "detail": loss.detail} for loss in item.losses],
    }


def meaning(code: str) -> str:
    """The short name of a code (`docs/codes.md`)."""
    return next((each.slug for each in Code if each.number == code), "")
