"""conda: `.condarc`, to be named by CONDARC, or put into an environment or the home directory.

The keys are those of conda's `base/context.py`; `channel_settings.exclude_newer` is read by conda 26.9 and newer.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Final

from bridge.errors import Code
from bridge.priority.channel_reports import (
    PRIORITY,
    claim_by_order,
    claimed_only_reports,
    duration,
    overlay_reports,
    source_reports,
    stops,
    unsayable_mirrors,
    variant_reports,
)
from bridge.priority.conda_side import CondaSide, conda_side
from bridge.priority.context import CompileContext
from bridge.priority.policy import Policy, Semantics
from bridge.priority.python_reports import Reports
from bridge.priority.report import Client, Compiled, CompiledFile, FileFormat, Rule, Verdict
from bridge.priority.toml_text import Value
from bridge.priority.yaml_text import yaml_mapping

CONDARC: Final = PurePosixPath(".condarc")


def compile_conda(policy: Policy, context: CompileContext) -> Compiled:
    """The configuration of conda.

    Channels are written as addresses, so that no alias or custom channel of the machine can redirect them, and no
    others are allowed.

    Args:
        policy: the policy.
        context: the overlay channels, if they are hosted.

    Raises:
        InvalidInput: an address cannot be written.
    """
    side = conda_side(policy, context)
    reports = Reports(Client.CONDA)
    values = {**channel_settings(side), "allowlist_channels": list(side.urls)}
    ages: list[Value] = [
        {"channel": side.url(source), "exclude_newer": duration(source.min_age)}
        for source in side.channels
        if source.min_age is not None and not side.overlaid
    ]
    if ages:
        values["channel_settings"] = ages
    if policy.variants.system:
        values["override_virtual_packages"] = dict(policy.variants.system)
    _reports(reports, side)
    file = CompiledFile(CONDARC, Client.CONDA, FileFormat.YAML, yaml_mapping(values), standalone=False)
    return Compiled((file,) if side.channels else (), reports.done)


def channel_settings(side: CondaSide) -> dict[str, Value]:
    """What conda and mamba write alike."""
    return {"channels": list(side.urls), "channel_priority": PRIORITY[side.policy.semantics]}


def order_reports(reports: Reports, side: CondaSide) -> None:
    """What conda's solvers do with the order and with claims."""
    if side.overlaid:
        overlay_reports(reports, side)
        return
    priority = PRIORITY[side.policy.semantics]
    if side.policy.semantics is Semantics.FIRST_MATCH:
        detail = "channel_priority is flexible; conda-rattler-solver 0.1.0 takes that for disabled, so do not use it"
    else:
        detail = f"channel_priority is {priority}"
    reports.exact(Rule.ORDER, "policy", detail)
    claimed_only_reports(reports, side)
    for claim in side.claims:
        claim_by_order(reports, side, claim)


def _reports(reports: Reports, side: CondaSide) -> None:
    order_reports(reports, side)
    reports.exact(Rule.CLOSED, "policy", "allowlist_channels makes any other channel an error")
    stops(reports, side, "conda stops where a channel does not answer")
    for source in side.channels:
        if source.min_age is not None and not side.overlaid:
            detail = "conda older than 26.9 ignores the setting, and packages without a time are let through"
            remedy = "use conda 26.9 or newer, or host the overlay channels, which hold no young files"
            reports.add(Rule.MIN_AGE, source.name, Verdict.WEAKER, detail, Code.AGE_UNSAYABLE, remedy=remedy)
    unsayable_mirrors(reports, side)
    source_reports(reports, side, "use conda's authentication plugin, or a netrc file")
    variant_reports(reports, side)
    for name, value in side.policy.variants.system.items():
        reports.exact(Rule.SYSTEM, f"{name}={value}", f"override_virtual_packages sets __{name}")
