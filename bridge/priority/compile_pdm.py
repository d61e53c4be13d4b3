"""pdm: the globs of its sources say the claims exactly, for requirements of requirements too."""

from __future__ import annotations

from datetime import timedelta
from pathlib import PurePosixPath
from typing import Final

from bridge.errors import Code
from bridge.priority.context import CompileContext
from bridge.priority.globs import globs_of
from bridge.priority.policy import NamePattern, Policy, Semantics, Source
from bridge.priority.python_reports import Reports, overlay_reports, source_reports, variant_reports
from bridge.priority.python_side import ProjectClaim, PythonSide, python_side
from bridge.priority.report import Client, Compiled, CompiledFile, FileFormat, Rule, Verdict
from bridge.priority.toml_text import Value, toml_table
from bridge.priority.uv_indexes import OVERLAY

_SOURCE: Final = "[[tool.pdm.source]]"


def compile_pdm(policy: Policy, context: CompileContext) -> Compiled:
    """Sources for `pyproject.toml`, and `pdm.toml`, which keeps out the sources that the user has for all projects.

    Args:
        policy: the policy.
        context: the overlay index, if one is hosted, and the names in the graph.

    Raises:
        InvalidInput: an address cannot be written, or the resolution breaks the policy.
    """
    side = python_side(policy, context)
    reports = Reports(Client.PDM)
    parts: list[str] = []
    if side.overlay is not None:
        overlay_reports(reports, side)
        parts.append(toml_table(_SOURCE, {"name": OVERLAY, "url": side.overlay}))
    else:
        if resolution := _resolution(side, reports):
            parts.append(toml_table("[tool.pdm.resolution]", resolution))
        parts += [toml_table(_SOURCE, values) for values in _sources(side)]
        _order_reports(reports, side)
        for claim in side.claims:
            _claim_report(reports, claim)
    if all(source.name != "pypi" for source in side.indexes) or side.overlay is not None:
        # pdm puts PyPI first unless a source has its name; this one provides nothing
        parts.append(toml_table(_SOURCE, {"name": "pypi", "exclude_packages": ["*"]}))
    source_reports(reports, side, _credentials)
    variant_reports(reports, side, knows_variants=False, system="lock for a target with `pdm lock --platform`")
    files = (
        CompiledFile(PurePosixPath("pyproject.toml"), Client.PDM, FileFormat.TOML, "\n".join(parts), standalone=False),
        CompiledFile(
            PurePosixPath("pdm.toml"),
            Client.PDM,
            FileFormat.TOML,
            toml_table("[pypi]", {"ignore_stored_index": True}),
            standalone=False,
        ),
    )
    return Compiled(files, reports.done)


def _sources(side: PythonSide) -> list[dict[str, Value]]:
    """Each source with what only it provides, and without what others are given."""
    patterns = {
        claim.subject: [
            glob for pattern in _patterns(claim) for glob in globs_of(pattern, _holes(side, claim, pattern))
        ]
        for claim in side.claims
    }
    tables: list[dict[str, Value]] = []
    for source in side.indexes:
        own = [claim for claim in side.claims if source in claim.sources[:1]]
        included = [glob for claim in own for glob in patterns[claim.subject]]
        excluded = [glob for claim in side.claims if claim not in own for glob in patterns[claim.subject]]
        values: dict[str, Value] = {"name": source.name, "url": str(source.pypi)}
        if included:
            values["include_packages"] = sorted(set(included))
        if source.claimed_only:
            values["exclude_packages"] = ["*"]
        elif excluded:
            values["exclude_packages"] = sorted(set(excluded))
        tables.append(values)
    return tables


def _patterns(claim: ProjectClaim) -> tuple[NamePattern, ...]:
    """The claim's own patterns, and the projects that it claims under the names of their conda packages."""
    own = claim.claim.patterns
    others = [name for name in (*claim.names, *claim.absent) if not any(pattern.matches(name) for pattern in own)]
    return (*own, *(NamePattern(name) for name in others))


def _holes(side: PythonSide, claim: ProjectClaim, pattern: NamePattern) -> list[NamePattern]:
    """More specific patterns of other claims, which a glob must not match, as it could not be overruled."""
    if not pattern.wildcard:
        return []
    others = (other for one in side.claims if one is not claim for other in _patterns(one))
    return [other for other in others if pattern.matches(other.text) and other.precision > pattern.precision]


def _resolution(side: PythonSide, reports: Reports) -> dict[str, Value]:
    values: dict[str, Value] = {}
    if side.policy.semantics is not Semantics.BEST_MATCH:
        values["respect-source-order"] = True
    aged = [source for source in side.indexes if source.min_age is not None]
    if not aged:
        return values
    hours = max(-(-source.min_age // timedelta(hours=1)) for source in aged if source.min_age is not None)
    values["exclude-newer"] = f"{hours // 24}d" if hours % 24 == 0 else f"{hours}h"
    free: set[str] = set()
    for source in side.indexes:
        names = {name for claim in side.claims if claim.sources[:1] == (source,) for name in claim.names}
        if source.min_age == timedelta(hours=hours):
            detail = f"exclude-newer is {values['exclude-newer']}; files without a time are not taken"
            reports.exact(Rule.MIN_AGE, source.name, detail)
            continue
        if source.min_age is None:
            free |= names
        if not (source.claimed_only and source.min_age is None and _all_listed(side, source)):
            detail = f"exclude-newer is {values['exclude-newer']} for all sources"
            reports.add(Rule.MIN_AGE, source.name, Verdict.STRICTER, detail, Code.AGE_UNSAYABLE)
    if free:
        values["exclude-newer-override"] = dict.fromkeys(sorted(free), False)
    return values


def _all_listed(side: PythonSide, source: Source) -> bool:
    return not any(claim.unlisted for claim in side.claims if claim.sources[:1] == (source,))


def _order_reports(reports: Reports, side: PythonSide) -> None:
    several = len(side.normal) > 1
    if side.policy.semantics is Semantics.STRICT and several:
        detail = "a source without a version that will do is passed over"
        first_party = any(source.trust.value == "first-party" for source in side.normal[:-1])
        reports.add(Rule.ORDER, "policy", Verdict.WEAKER, detail, Code.LOWER_SOURCE, first_party=first_party)
    else:
        reports.exact(Rule.ORDER, "policy", "what pdm does with its sources is what the policy asks")
    reports.exact(Rule.CLOSED, "policy", "stored sources are ignored, and PyPI is redefined")
    if several:
        detail = "pdm passes over a source that does not answer; claimed names are not asked of another one"
        reports.add(Rule.UNREACHABLE, "policy", Verdict.WEAKER, detail, Code.SILENT_SOURCE)
    else:
        reports.exact(Rule.UNREACHABLE, "policy", "there is no other source to fall back to")


def _claim_report(reports: Reports, claim: ProjectClaim) -> None:
    if len(claim.sources) > 1:
        detail = f"only {claim.sources[0].name} is asked, so that its order among the others cannot be lost"
        reports.claim(claim, Verdict.STRICTER, detail, Code.CLAIM_REACH)
    elif claim.marker:
        detail = "globs have no conditions; the claim holds everywhere"
        reports.claim(claim, Verdict.STRICTER, detail, Code.CLAIM_REACH)
    else:
        reports.claim(claim, Verdict.EXACT, "the globs of the sources say it")


def _credentials(source: Source) -> tuple[bool, str]:
    assert source.credentials is not None  # noqa: S101 - only asked then
    if source.credentials.kind in ("netrc", "keyring"):
        return True, f"pdm reads the {source.credentials.kind}"
    return False, f"run `pdm config pypi.{source.name}.username` and `.password` with {source.credentials.name}"
