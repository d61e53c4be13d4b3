"""What a plan expects to become of its files, and the plan as a document. Only conversion knows for sure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from bridge.errors import Code
from bridge.mapping.names import DependencyKind
from bridge.mapping.pypi_names import PypiNames
from bridge.mapping.tables import Tables
from bridge.model.conda import CondaName
from bridge.sync.plan import PlannedUnit, SyncPlan
from bridge.sync.source import SourceFile

SCHEMA: Final = "conda-bridge/sync-plan/1"
_PYTHON: Final = CondaName("python")


def plan_document(plan: SyncPlan) -> dict[str, Any]:
    """The document of `sync --dry-run --json`."""
    return {
        "schema": SCHEMA,
        "listed": plan.listed,
        "units": [_unit(planned, plan.answers.tables) for planned in plan.units],
        "summary": dict(
            sorted(Counter("unchanged" if u.reason is None else u.reason.value for u in plan.units).items())
        ),
        "gone": list(plan.gone),
        "notes": [{"subject": subject, "code": e.code.number, "message": str(e)} for subject, e in plan.notes],
    }


def _unit(planned: PlannedUnit, tables: Tables) -> dict[str, Any]:
    return {
        "unit": planned.unit.name,
        "reason": None if planned.reason is None else planned.reason.value,
        "because": list(planned.because),
        "files": [file.key for file in planned.unit.files],
        "size": planned.unit.size,
        "names": planned.facets.get("names", {}),
        "estimates": list(estimates(planned, tables)),
    }


def estimates(planned: PlannedUnit, tables: Tables) -> Iterator[str]:
    """What is expected, where it is not simply a file for each file; one sentence each, without a final stop."""
    builds = {(file.index.name, file.index.build, file.index.subdir) for file in planned.unit.files if file.index}
    by_name = Counter(name for name, _, _ in builds)
    for name, count in sorted(by_name.items()):
        if count > 1:
            yield f"{count} builds of {name}: those that compete on a machine become variants"
    for file in planned.unit.files:
        if (code := refusal(file, tables)) is not None:
            yield f"{file.key} is refused: {code.number} {code.slug}"


def refusal(file: SourceFile, tables: Tables) -> Code | None:
    """Why a file will be refused, as far as its name tells; None where nothing is known against it."""
    if file.index is not None:
        kind = tables.fixed_kind(file.index.name)
        if file.index.name == _PYTHON:
            return Code.INTERPRETER
        return Code.MARKER_PACKAGE if kind in (DependencyKind.MUTEX, DependencyKind.INTERPRETER) else None
    if file.wheel is not None and PypiNames(tables).own(file.wheel.project).conda is None:
        return Code.NAME_REFUSED
    return None if file.wheel is not None else Code.UNREADABLE
