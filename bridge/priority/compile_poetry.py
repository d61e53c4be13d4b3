"""poetry: a source for each claimed name, and an optional group that makes it hold for requirements of requirements."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import PurePosixPath
from typing import Final

from bridge.errors import Code
from bridge.priority.context import CompileContext
from bridge.priority.policy import Policy, Semantics, Source, SourceName, Trust, Unreachable
from bridge.priority.python_reports import Reports, overlay_reports, source_reports, variant_reports
from bridge.priority.python_side import ProjectClaim, PythonSide, python_side
from bridge.priority.report import Client, Compiled, CompiledFile, FileFormat, Rule, Verdict
from bridge.priority.toml_text import Value, toml_table
from bridge.priority.uv_indexes import OVERLAY

_SOURCE: Final = "[[tool.poetry.source]]"
_GROUP: Final = "tool.poetry.group.bridge-pins"


def compile_poetry(policy: Policy, context: CompileContext) -> Compiled:
    """Sources and pins for `pyproject.toml`, and `poetry.toml` where a source has a minimum age.

    Args:
        policy: the policy.
        context: the overlay index, if one is hosted, and the names in the graph.

    Raises:
        InvalidInput: an address cannot be written, or the resolution breaks the policy.
    """
    side = python_side(policy, context)
    reports = Reports(Client.POETRY)
    solver: dict[str, Value] = {}
    if side.overlay is not None:
        overlay_reports(reports, side)
        parts = [toml_table(_SOURCE, {"name": OVERLAY, "url": side.overlay, "priority": "primary"})]
    else:
        names = _names(side)
        parts = _sources(side, names) + _pins(side, names)
        _order_reports(reports, side)
        for claim in side.claims:
            _claim_report(reports, claim)
        solver = _age(side, names, reports)
    source_reports(reports, side, _credentials)
    variant_reports(reports, side, knows_variants=False, system="install on such a machine")
    pyproject = PurePosixPath("pyproject.toml")
    files = [CompiledFile(pyproject, Client.POETRY, FileFormat.TOML, "\n".join(parts), standalone=False)]
    if solver:
        text = toml_table("[solver]", solver)
        files.append(CompiledFile(PurePosixPath("poetry.toml"), Client.POETRY, FileFormat.TOML, text, standalone=False))
    return Compiled(tuple(files), reports.done)


def _names(side: PythonSide) -> Mapping[SourceName, str]:
    """What the sources are called: `pypi` is poetry's own, and cannot have another address."""
    taken = {str(source.name) for source in side.indexes}
    other = "pypi-index"
    while other in taken:
        other += "-x"
    return {source.name: other if source.name == "pypi" else source.name for source in side.indexes}


def _primary(side: PythonSide) -> Source | None:
    """poetry asks PyPI unless one source is primary."""
    return next(iter(side.normal or side.claimed_only), None)


def _sources(side: PythonSide, names: Mapping[SourceName, str]) -> list[str]:
    tables = []
    for source in side.indexes:
        if source == _primary(side) or (side.policy.semantics is Semantics.BEST_MATCH and source in side.normal):
            priority = "primary"
        else:
            priority = "supplemental" if source in side.normal else "explicit"
        values = {"name": names[source.name], "url": str(source.pypi), "priority": priority}
        tables.append(toml_table(_SOURCE, values))
    return tables


def _pins(side: PythonSide, names: Mapping[SourceName, str]) -> list[str]:
    pins: dict[str, Value] = {}
    for claim in side.claims:
        for name in claim.names:
            if source := side.chosen(claim, name):
                pin: dict[str, Value] = {"version": "*", "source": names[source.name]}
                pins[name] = {**pin, "markers": claim.marker} if claim.marker else pin
    if not pins:
        return []
    return [
        toml_table(f"[{_GROUP}]", {"optional": True}),
        toml_table(f"[{_GROUP}.dependencies]", dict(sorted(pins.items()))),
    ]


def _order_reports(reports: Reports, side: PythonSide) -> None:
    first_party = any(source.trust is Trust.FIRST_PARTY for source in side.normal[:-1])
    primary = _primary(side)
    if not side.normal and primary is not None:
        detail = f"poetry needs a primary source; {primary.name} also provides what nobody claims"
        reports.add(Rule.ORDER, "policy", Verdict.WEAKER, detail, Code.SOURCE_ORDER)
    elif len(side.normal) > 1 and side.policy.semantics is Semantics.STRICT:
        detail = "a source without a version that will do is passed over"
        reports.add(Rule.ORDER, "policy", Verdict.WEAKER, detail, Code.LOWER_SOURCE, first_party=first_party)
    else:
        reports.exact(Rule.ORDER, "policy", "what poetry does with its sources is what the policy asks")
    if primary is None:
        detail = "the policy has no index, and poetry asks PyPI"
        reports.add(Rule.CLOSED, "policy", Verdict.WEAKER, detail, Code.SOURCE_ORDER)
    else:
        reports.exact(Rule.CLOSED, "policy", "a primary source replaces PyPI")
    if len(side.normal) > 1 and side.policy.on_unreachable is Unreachable.ERROR:
        detail = "poetry passes over a source that answers 401, 403 or 404; a failed connection stops it"
        reports.add(Rule.UNREACHABLE, "policy", Verdict.WEAKER, detail, Code.SILENT_SOURCE)
    else:
        reports.exact(Rule.UNREACHABLE, "policy", "poetry asks no source in the place of another")


def _claim_report(reports: Reports, claim: ProjectClaim) -> None:
    if claim.unlisted:
        patterns = ", ".join(map(str, claim.unlisted))
        detail = f"names like {patterns} that were not listed are not pinned"
        reports.claim(claim, Verdict.WEAKER, detail, Code.CLAIM_NAMES)
    elif claim.names and not claim.sources:
        detail = "poetry cannot keep a name out that the claim allows from no index"
        reports.claim(claim, Verdict.WEAKER, detail, Code.CLAIM_REACH)
    elif claim.absent:
        # a pin would make poetry look for a package that the project does not use
        detail = f"not pinned, as nothing requires it now: {', '.join(claim.absent)}"
        reports.claim(claim, Verdict.WEAKER, detail, Code.CLAIM_NAMES)
    elif len(claim.sources) > 1:
        detail = "poetry pins a name to one source; the others of the claim are not asked"
        reports.claim(claim, Verdict.STRICTER, detail, Code.CLAIM_REACH)
    elif claim.marker:
        detail = "the pin may also hold where the condition of the claim does not"
        reports.claim(claim, Verdict.STRICTER, detail, Code.CLAIM_REACH)
    else:
        reports.claim(claim, Verdict.EXACT, "every claimed name in the graph is pinned to its source")


def _age(side: PythonSide, names: Mapping[SourceName, str], reports: Reports) -> dict[str, Value]:
    """poetry has one age, in whole days, and sources that are excepted from it."""
    ages = {source.name: source.min_age for source in side.indexes if source.min_age is not None}
    if not ages:
        return {}
    days = max(-(-age // timedelta(days=1)) for age in ages.values())
    for source, age in ages.items():
        if age == timedelta(days=days):
            detail = f"min-release-age is {days}, but a file without a time is taken"
            reports.add(Rule.MIN_AGE, source, Verdict.WEAKER, detail, Code.AGE_UNSAYABLE)
        else:
            detail = f"poetry has one age for all sources, in whole days: {days}"
            reports.add(Rule.MIN_AGE, source, Verdict.STRICTER, detail, Code.AGE_UNSAYABLE)
    values: dict[str, Value] = {"min-release-age": days}
    if free := [names[source.name] for source in side.indexes if source.name not in ages]:
        values["min-release-age-exclude-source"] = free
    return values


def _credentials(source: Source) -> tuple[bool, str]:
    assert source.credentials is not None  # noqa: S101 - only asked then
    if source.credentials.kind in ("netrc", "keyring"):
        return True, f"poetry reads the {source.credentials.kind}"
    name = ("pypi-index" if source.name == "pypi" else source.name).upper().replace("-", "_")
    how = f"set POETRY_HTTP_BASIC_{name}_USERNAME and POETRY_HTTP_BASIC_{name}_PASSWORD from {source.credentials.name}"
    return False, how
