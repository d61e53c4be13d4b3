"""rattler's `config.toml`, which pixi reads too: channels for commands without a workspace, and mirrors.

It has no channel priority and no pins: those are given to the solver, or written in a pixi manifest.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Final

from bridge.errors import Code
from bridge.priority.channel_reports import (
    claim_by_order,
    leak_reports,
    overlay_reports,
    relation_reports,
    source_reports,
    stops,
    variant_reports,
)
from bridge.priority.conda_side import CondaSide, conda_side
from bridge.priority.context import CompileContext
from bridge.priority.policy import Policy, Semantics
from bridge.priority.python_reports import Reports, header
from bridge.priority.report import Client, Compiled, CompiledFile, FileFormat, Rule, Verdict
from bridge.priority.toml_text import Value, toml_table

RATTLER_FILE: Final = PurePosixPath("rattler-config.toml")


def compile_rattler(policy: Policy, context: CompileContext) -> Compiled:
    """A configuration for programs made with rattler (`Config.load_from_files`, or in rattler's own directory).

    Args:
        policy: the policy.
        context: the overlay channels, if they are hosted.

    Raises:
        InvalidInput: an address cannot be written.
    """
    side = conda_side(policy, context)
    reports = Reports(Client.RATTLER)
    if side.overlaid:
        overlay_reports(reports, side)
    else:
        leak_reports(reports, side)
        for claim in side.claims:
            claim_by_order(reports, side, claim, leaks=policy.semantics is Semantics.STRICT)
    relation_reports(reports, side)
    stops(reports, side, "rattler stops where a channel does not answer")
    detail = "it is given to the solver (exclude_newer), and not in the file"
    for source in side.channels:
        if source.min_age is not None and not side.overlaid:
            reports.add(Rule.MIN_AGE, source.name, Verdict.IMPOSSIBLE, detail, Code.AGE_UNSAYABLE)
    mirror_reports(reports, side)
    source_reports(reports, side, "use `rattler auth login`, or a netrc file")
    variant_reports(reports, side)
    for name, value in policy.variants.system.items():
        detail, remedy = "it is given to the solver, and not in the file", f"set CONDA_OVERRIDE_{name.upper()}={value}"
        reports.add(Rule.SYSTEM, f"{name}={value}", Verdict.IMPOSSIBLE, detail, Code.VARIANT_UNSAYABLE, remedy=remedy)
    text = header(policy) + config_text(side, {})
    file = CompiledFile(RATTLER_FILE, Client.RATTLER, FileFormat.TOML, text, standalone=True)
    return Compiled((file,) if side.channels else (), reports.done)


def config_text(side: CondaSide, more: dict[str, Value]) -> str:
    """The content of a `config.toml`.

    The addresses of mirrors end with a slash: they are compared as beginnings, and `/acme` begins `/acme-dev`.

    Args:
        side: the policy.
        more: further addresses with those to use in their place.
    """
    mirrors: dict[str, Value] = {
        f"{source.conda}/": [f"{url}/" for url in (str(source.conda), *side.mirrors_of(source))]
        for source in side.channels
        if side.mirrors_of(source)
    }
    mirrors.update(more)
    parts = [toml_table("", {"default-channels": list(side.urls)})] if side.channels else []
    if mirrors:
        parts.append(toml_table("[mirrors]", mirrors))
    return "\n".join(parts)


def mirror_reports(reports: Reports, side: CondaSide) -> None:
    """Mirrors of channels, which the file can name."""
    for mirror in side.mirrors:
        reports.exact(Rule.MIRROR, mirror.name, f"tried where {mirror.mirror_of} does not answer")
