"""What `inspect` says of a wheel and the conda packages that it becomes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from bridge.formats.conda.index_json import INDEX_PATH
from bridge.model.conda_plan import CondaPlan, MadeInfo
from bridge.translate.to_conda.natives import native_rows
from bridge.translate.to_conda.plan import variant_of
from bridge.translate.to_conda.request import CondaRequest


def plan_fields(request: CondaRequest, plans: Sequence[CondaPlan]) -> dict[str, Any]:
    """What `inspect --json` says of a wheel and the packages that it becomes (design, section 5)."""
    core, variant = request.metadata.core, variant_of(request)
    losses = dict.fromkeys(loss for plan in plans for loss in plan.losses)
    return {
        "kind": "wheel",
        "name": core.name,
        "version": str(core.version),
        "filename": request.origin.filename,
        "label": request.filename.variant,
        "layout": None,
        "tags": sorted(map(str, request.filename.tags)),
        "requires_python": str(core.requires_python or ""),
        "requires_dist": [str(requirement) for requirement in core.requires_dist],
        "depends": sorted({spec for plan in plans for spec in plan.depends}),
        "properties": [] if variant is None else list(variant.properties),
        "native_files": [dict(row) for row in native_rows(request)],
        "entry_points": {group: dict(entries) for group, entries in sorted(request.metadata.entry_points.items())},
        "losses": [loss.to_json() for loss in losses],
        "packages": [_package(plan) for plan in plans],
    }


def _package(plan: CondaPlan) -> dict[str, Any]:
    info = plan.info
    # What is restored has been read strictly before.
    index = info.index if isinstance(info, MadeInfo) else json.loads(info.files[INDEX_PATH])
    return {
        "filename": plan.filename,
        "subdir": plan.subdir,
        "name": plan.identity.name,
        "version": plan.identity.version,
        "build": plan.identity.build,
        "build_number": index.get("build_number", 0),
        "noarch": index.get("noarch"),
        "depends": list(plan.depends),
        "constrains": list(index.get("constrains", ())),
        "extra_depends": {group: list(specs) for group, specs in index.get("extra_depends", {}).items()},
        "flags": list(index.get("flags", ())),
        "license": index.get("license"),
        "files": len(plan.files),
    }
