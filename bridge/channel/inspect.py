"""The plan of one conversion, as a document for people and programs; nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from bridge.channel.convert import settings_for
from bridge.channel.inputs import Input
from bridge.channel.inspect_wheel import EMPTY, wheel_fields
from bridge.channel.permits import OnUnanswered, Permits
from bridge.channel.pool import internal_error
from bridge.channel.settings import PackageSettings, Settings
from bridge.channel.staging import failed, strictly
from bridge.channel.wheel_workshop import WheelWorkshop
from bridge.channel.workshop import Workshop
from bridge.errors import BridgeError, Code, InvalidInput
from bridge.mapping.names import RESERVED_PREFIX
from bridge.model.plan import Layout, Outcome, Status, WheelPlan
from bridge.translate.to_conda.describe import plan_fields

SCHEMA: Final = "conda-bridge/inspect/1"


def inspect(
    source: str | Path,
    *,
    layout: Layout | None = None,
    channels: Sequence[str | Path] = (),
    subdir: str = "linux-64",
    strict: bool = False,
    overlays: Sequence[Path] = (),
    reserved_prefix: str = RESERVED_PREFIX,
    packages: PackageSettings | None = None,
    permits: Permits | None = None,
    on_unanswered: OnUnanswered | None = None,
) -> dict[str, Any]:
    """Plan the conversion of one artifact; of a wheel, say also whether every client can use it.

    Args:
        source: a file, an unpacked package, an address, or (with `channels`) a MatchSpec.
        layout, channels, subdir, strict, overlays, reserved_prefix, packages, permits, on_unanswered: as in
            `bridge.convert`.

    Returns:
        The document of `inspect --json`; an input that would not be converted has empty fields and its outcome.

    Raises:
        InvalidInput: a channel or an overlay cannot be read.
    """
    inputs, settings = settings_for(
        [source],
        layout=layout,
        channels=channels,
        subdir=subdir,
        overlays=overlays,
        reserved_prefix=reserved_prefix,
        packages=packages,
        permits=permits,
        on_unanswered=on_unanswered,
    )
    if len(inputs) != 1:
        message = f"this stands for {len(inputs)} packages, and inspect takes one"
        error = InvalidInput(Code.SOURCE, message, subject=str(source))
        return _document(str(source), None, failed(str(source), error))
    item = inputs[0]
    if item.is_wheel:
        return _wheel_document(item, settings, strict=strict)
    try:
        with Workshop(settings) as workshop:
            plan = workshop.plan(item)
    except BridgeError as error:
        return _document(item.label, None, failed(item.label, error))
    except Exception as error:
        return _document(item.label, None, internal_error(item.label, error))
    outcome = Outcome(item.label, Status.CONVERTED, losses=plan.losses)
    if strict:
        outcome = strictly(outcome)
    return _document(item.label, plan if outcome.status is Status.CONVERTED else None, outcome)


def _wheel_document(item: Input, settings: Settings, *, strict: bool) -> dict[str, Any]:
    """What a wheel says, whether every client can use it, and the conda packages that it would become."""
    fields = dict(EMPTY)
    try:
        with item.local(settings.limits) as path:
            fields, outcome = wheel_fields(path)
            if outcome.status is Status.CONVERTED:
                request, plans = WheelWorkshop(settings).plan(replace(item, path=path))
                made = plan_fields(request, plans)
                fields = {**fields, **made, "losses": [*fields["losses"], *made["losses"]]}
                losses = dict.fromkeys(loss for plan in plans for loss in plan.losses)
                outcome = replace(outcome, losses=tuple(losses))
    except BridgeError as error:
        outcome = failed(item.label, error)
    except Exception as error:
        outcome = internal_error(item.label, error)
    if strict:
        outcome = strictly(outcome)
    return {"schema": SCHEMA, "input": item.label, "kind": "wheel", **fields, "outcome": _summary(outcome)}


def _summary(outcome: Outcome) -> dict[str, Any]:
    return {key: value for key, value in outcome.to_json().items() if key in ("status", "code", "message")}


def _document(label: str, plan: WheelPlan | None, outcome: Outcome) -> dict[str, Any]:
    summary = _summary(outcome)
    document: dict[str, Any] = {"schema": SCHEMA, "input": label, "kind": "conda"}
    if plan is None:
        return {**document, **EMPTY, "outcome": summary}
    return {
        **document,
        "name": plan.name,
        "version": str(plan.version),
        "filename": plan.filename,
        "layout": plan.layout.value,
        "tags": sorted(str(tag) for tag in plan.tags),
        "requires_python": str(plan.requires_python),
        "requires_dist": [str(requirement) for requirement in plan.requires_dist],
        "depends": list(plan.depends),
        "properties": [],
        "native_files": [dict(row) for row in plan.native_files],
        "entry_points": {group: dict(entries) for group, entries in plan.entry_points.items()},
        "losses": [loss.to_json() for loss in plan.losses],
        "outcome": summary,
    }
