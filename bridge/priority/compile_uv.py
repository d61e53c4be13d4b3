"""uv: a project's `pyproject.toml`, and a configuration for `uv pip`, which knows no sources of single packages."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Final

from packaging.utils import NormalizedName

from bridge.errors import Code
from bridge.priority.constraints import Constraints, constraints
from bridge.priority.context import CompileContext
from bridge.priority.policy import Policy, Source
from bridge.priority.python_reports import Reports, header, overlay_reports, source_reports, variant_reports
from bridge.priority.python_side import ProjectClaim, PythonSide, python_side
from bridge.priority.report import Client, Compiled, CompiledFile, FileFormat, Verdict
from bridge.priority.toml_text import Value, toml_table
from bridge.priority.uv_indexes import credentials, index_tables, order_reports, settings, system_remedy

#: the dependency group that makes pins hold for requirements of requirements.
PINS: Final = "bridge-pins"
UV_PIP_FILE: Final = PurePosixPath("uv-pip.toml")


def compile_uv(policy: Policy, context: CompileContext) -> Compiled:
    """The configuration of a uv project, as part of its `pyproject.toml`.

    Every claimed name is pinned to its index by `[tool.uv.sources]`, which reaches requirements of requirements
    because a dependency group requires the name too (measured with uv 0.13.8).

    Args:
        policy: the policy.
        context: the overlay index, if one is hosted, and the names in the graph.

    Raises:
        InvalidInput: an address cannot be written, or the resolution breaks the policy.
    """
    side = python_side(policy, context)
    reports = Reports(Client.UV)
    if side.overlay is not None:
        overlay_reports(reports, side)
        parts = [toml_table("[tool.uv]", settings(side))]
    else:
        order_reports(reports, side)
        for claim in side.claims:
            _project_claim_reports(reports, claim)
        parts = _pins(side)
    parts += index_tables(side, "[[tool.uv.index]]", pinned=True)
    _common(reports, side)
    text = "\n".join(parts)
    return Compiled(
        (CompiledFile(PurePosixPath("pyproject.toml"), Client.UV, FileFormat.TOML, text, standalone=False),),
        reports.done,
    )


def compile_uv_pip(policy: Policy, context: CompileContext) -> Compiled:
    """A file for `uv pip --config-file uv-pip.toml` (or `UV_CONFIG_FILE`).

    `uv pip` has no `sources`: claimed names get addresses as constraints where a resolution is given, and are kept out
    where there is none.

    Args:
        policy: the policy.
        context: the overlay index, if one is hosted, the names in the graph and the resolution.

    Raises:
        InvalidInput: an address cannot be written, or the resolution breaks the policy.
    """
    text, reports = uv_pip_settings(policy, context, Client.UV_PIP)
    file = CompiledFile(UV_PIP_FILE, Client.UV_PIP, FileFormat.TOML, text, standalone=True)
    return Compiled((file,), reports.done)


def uv_pip_settings(policy: Policy, context: CompileContext, client: Client) -> tuple[str, Reports]:
    """The whole text of the file for `uv pip`, and the reports, in the name of a client that runs it."""
    side = python_side(policy, context)
    reports = Reports(client)
    values = settings(side)
    tables = index_tables(side, "[[index]]", pinned=False)
    if side.overlay is not None:
        overlay_reports(reports, side)
    else:
        order_reports(reports, side)
        first = side.normal[0] if side.normal else None
        by_order = [claim for claim in side.claims if _kept_by_order(side, claim, first)]
        found = constraints(side, [claim for claim in side.claims if claim not in by_order])
        if found.lines:
            values["constraint-dependencies"] = found.lines
        if not tables:
            values["no-index"] = True
        for claim in side.claims:
            claim_by_constraint(reports, claim, found, only_index=claim in by_order)
    _common(reports, side)
    return "\n".join([header(policy) + toml_table("", values), *tables]), reports


def claim_by_constraint(reports: Reports, claim: ProjectClaim, found: Constraints, *, only_index: bool) -> None:
    """Report a claim that a constraints file keeps, or the only index there is."""
    if only_index:
        reports.claim(claim, Verdict.EXACT, "there is no other index")
        return
    refused = sorted(found.refused.intersection(claim.names))
    if claim.unlisted:
        verdict, code = Verdict.WEAKER, Code.CLAIM_NAMES
        detail = f"names like {', '.join(map(str, claim.unlisted))} that were not listed may come from any index"
    elif refused and claim.sources:
        verdict, code = Verdict.STRICTER, Code.CLAIM_REACH
        detail = f"no address is known for {_listed(refused)}, which cannot be installed"
    else:
        reports.claim(claim, Verdict.EXACT, "each claimed name in the graph has its address and hash, or is kept out")
        return
    reports.claim(claim, verdict, detail, code)


def _kept_by_order(side: PythonSide, claim: ProjectClaim, first: Source | None) -> bool:
    """Whether the only index that `uv pip` has is the one that the claim prefers."""
    return first is not None and len(side.normal) == 1 and claim.sources[:1] == (first,)


def _pins(side: PythonSide) -> list[str]:
    """Dependency group, settings and sources; nothing that is empty."""
    pins: list[str] = []
    sources: dict[str, Value] = {}
    refused: list[str] = []
    for claim in side.claims:
        condition = f" ; {claim.marker}" if claim.marker else ""
        for name in (*claim.names, *claim.absent):
            source = side.chosen(claim, name)
            if source is not None:
                pin: dict[str, Value] = {"index": source.name}
                sources[name] = [{**pin, "marker": claim.marker}] if claim.marker else pin
            if source is not None and name in claim.names:
                pins.append(f"{name}{condition}")
            else:
                # nothing requires it now; if something does one day, uv stops instead of taking it from elsewhere
                refused.append(f"{name}<0{condition}")
    parts = [toml_table("[dependency-groups]", {PINS: sorted(pins)})] if pins else []
    values = settings(side)
    if refused:
        values["constraint-dependencies"] = sorted(refused)
    if not side.indexes:
        values["no-index"] = True
    parts.append(toml_table("[tool.uv]", values))
    if sources:
        parts.append(toml_table("[tool.uv.sources]", dict(sorted(sources.items()))))
    return parts


def _project_claim_reports(reports: Reports, claim: ProjectClaim) -> None:
    names = _listed(claim.names)
    if claim.unlisted:
        verdict, code = Verdict.WEAKER, Code.CLAIM_NAMES
        detail = f"names like {', '.join(map(str, claim.unlisted))} that were not listed are not pinned"
    elif not claim.sources:
        reports.claim(claim, Verdict.EXACT, "no version of the claimed names is allowed")
        return
    elif len(claim.sources) > 1:
        verdict, code = Verdict.STRICTER, Code.CLAIM_REACH
        detail = "uv pins a name to one index; the others of the claim are not asked"
    elif claim.marker:
        verdict, code = Verdict.STRICTER, Code.CLAIM_REACH
        detail = "in a graph for many platforms the pin may also hold where the condition of the claim does not"
    else:
        reports.claim(claim, Verdict.EXACT, f"pinned: {names}")
        return
    reports.claim(claim, verdict, detail, code)


def _common(reports: Reports, side: PythonSide) -> None:
    source_reports(reports, side, credentials)
    variant_reports(reports, side, knows_variants=True, system=system_remedy(side))


def _listed(names: tuple[NormalizedName, ...] | list[NormalizedName]) -> str:
    shown = ", ".join(names[:5]) or "none"
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown
