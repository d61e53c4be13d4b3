"""What a wheel says, and whether every client can use it; foreign wheels included."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bridge.channel.staging import failed
from bridge.errors import BridgeError, Code, InvalidInput
from bridge.formats.wheel.archive import WheelArchive
from bridge.formats.wheel.core_metadata import CoreMetadata, parse_core_metadata
from bridge.formats.wheel.entry_points import parse_entry_points
from bridge.formats.wheel.filename import WheelFilename, parse_wheel_filename
from bridge.formats.wheel.variant_check import check_wheel
from bridge.formats.wheel.variant_json import read_variant_json
from bridge.formats.wheel.variant_rules import Problem
from bridge.formats.wheel.variant_schema import LARGEST_FILE, MEMBER
from bridge.model.plan import Outcome, Status

EMPTY: dict[str, Any] = {
    "name": None,
    "version": None,
    "filename": None,
    "layout": None,
    "tags": [],
    "requires_python": None,
    "requires_dist": [],
    "depends": [],
    "properties": [],
    "native_files": [],
    "entry_points": {},
    "losses": [],
}


def wheel_fields(path: Path) -> tuple[dict[str, Any], Outcome]:
    """The fields of `inspect --json` for one wheel, and what its check says.

    Returns:
        Empty fields where the wheel cannot be read. The outcome is `invalid` with the first fatal problem, else
        `converted`; problems that are not fatal stand among `losses`.
    """
    label = str(path)
    try:
        fields = _fields(path)
    except BridgeError as error:
        return dict(EMPTY), failed(label, error)
    problems = check_wheel(path)
    fields["losses"] = [
        {"code": problem.code.number, "subject": problem.subject, "detail": problem.message}
        for problem in problems
        if not problem.fatal
    ]
    fatal = next((problem for problem in problems if problem.fatal), None)
    return fields, Outcome(label, Status.CONVERTED) if fatal is None else failed(label, _error(fatal))


def _error(problem: Problem) -> InvalidInput:
    return InvalidInput(problem.code, problem.message, subject=problem.subject, field=problem.field)


def _fields(path: Path) -> dict[str, Any]:
    stated = parse_wheel_filename(path.name)
    try:
        with WheelArchive(path) as archive:
            directory = archive.dist_info
            core = parse_core_metadata(archive.read(f"{directory}/METADATA"), path.name)
            points = f"{directory}/entry_points.txt"
            groups = parse_entry_points(archive.read(points), path.name) if points in archive.members else {}
            own = f"{directory}/{MEMBER}"
            variant = archive.read(own, LARGEST_FILE) if own in archive.members else None
    except OSError as error:
        raise InvalidInput(Code.SOURCE, f"cannot be read: {error.strerror}", subject=path.name) from error
    return {
        **EMPTY,
        **_stated(stated, core),
        "properties": [] if variant is None else _properties(variant, path.name, stated.variant),
        "entry_points": {group: dict(entries) for group, entries in sorted(groups.items())},
    }


def _stated(stated: WheelFilename, core: CoreMetadata) -> dict[str, Any]:
    return {
        "name": core.name,
        "version": str(core.version),
        "filename": str(stated),
        "label": stated.variant,
        "tags": sorted(str(tag) for tag in stated.tags),
        "requires_python": str(core.requires_python or ""),
        "requires_dist": [str(requirement) for requirement in core.requires_dist],
    }


def _properties(data: bytes, subject: str, label: str | None) -> list[str]:
    metadata = read_variant_json(data, subject).metadata
    chosen = metadata.variants.get(label or "", frozenset())
    return [str(each) for each in sorted(chosen)]
