"""What uv's project files and its `pip` interface say alike: indexes, their ages, and credentials by reference."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from bridge.errors import Code
from bridge.priority.policy import Semantics, Source, Unreachable
from bridge.priority.python_reports import Reports, aborts
from bridge.priority.python_side import PythonSide
from bridge.priority.report import Rule, Verdict
from bridge.priority.toml_text import Value, toml_table

_STRATEGY = {
    Semantics.STRICT: "first-index",
    Semantics.FIRST_MATCH: "unsafe-first-match",
    Semantics.BEST_MATCH: "unsafe-best-match",
}

#: the name of the overlay index in all configurations.
OVERLAY = "bridge-overlay"


def settings(side: PythonSide) -> dict[str, Value]:
    """The settings beside the indexes."""
    values: dict[str, Value] = {"index-strategy": _STRATEGY[side.policy.semantics]}
    if any(source.credentials is not None and source.credentials.kind == "keyring" for source in side.indexes):
        values["keyring-provider"] = "subprocess"
    return values


def index_tables(side: PythonSide, header: str, *, pinned: bool) -> list[str]:
    """The indexes in the order of the policy.

    Args:
        side: the policy.
        header: of each table: `[[tool.uv.index]]` or `[[index]]`.
        pinned: whether names can be pinned to indexes that provide nothing else; such indexes are left out otherwise.
    """
    if side.overlay is not None:
        return [toml_table(header, {"name": OVERLAY, "url": side.overlay, "default": True})]
    sources: Sequence[Source] = side.indexes if pinned else side.normal
    # without a default of ours uv asks PyPI
    default = (side.normal or sources)[-1].name if sources else None
    tables = []
    for source in sources:
        values: dict[str, Value] = {"name": source.name, "url": str(source.pypi)}
        if source.claimed_only:
            values["explicit"] = True
        if source.name == default:
            values["default"] = True
        if source.credentials is not None:
            values["authenticate"] = "always"
        if source.min_age is not None:
            values["exclude-newer"] = duration(source.min_age)
        tables.append(toml_table(header, values))
    return tables


def duration(age: timedelta) -> str:
    """An ISO 8601 duration that uv reads: whole days, or hours, or seconds, rounded up."""
    seconds = -(-age // timedelta(seconds=1))
    if seconds % 86400 == 0:
        return f"P{seconds // 86400}D"
    return f"PT{seconds // 3600}H" if seconds % 3600 == 0 else f"PT{seconds}S"


def credentials(source: Source) -> tuple[bool, str]:
    """How uv gets the credentials of an index."""
    assert source.credentials is not None  # noqa: S101 - only asked then
    if source.credentials.kind in ("netrc", "keyring"):
        return True, f"uv reads the {source.credentials.kind}, and never asks the index without credentials"
    name = source.name.upper().replace("-", "_")
    return False, f"set UV_INDEX_{name}_USERNAME and UV_INDEX_{name}_PASSWORD from {source.credentials.name}"


def order_reports(reports: Reports, side: PythonSide) -> None:
    """What uv does with names that nobody claims."""
    strategy = _STRATEGY[side.policy.semantics]
    reports.exact(Rule.ORDER, "policy", f"index-strategy is {strategy}, and the indexes are in the policy's order")
    reports.exact(Rule.CLOSED, "policy", "an index of the policy is the default one, so that PyPI is not added")
    if len(side.normal) > 1 and side.policy.on_unreachable is Unreachable.ERROR:
        reports.add(
            Rule.UNREACHABLE,
            "policy",
            Verdict.WEAKER,
            "a failed connection and status 401, 403 and 5xx stop uv, but status 404 for a whole index does not",
            Code.SILENT_SOURCE,
        )
    else:
        aborts(reports, side, "uv stops where an index does not answer")
    for source in side.indexes:
        if source.min_age is not None:
            detail = f"exclude-newer is {duration(source.min_age)}; files without a time are not taken"
            reports.exact(Rule.MIN_AGE, source.name, detail)


#: how uv is told about the machine.
def system_remedy(side: PythonSide) -> str:
    """What to set in the environment, as uv has no setting in files for it."""
    cuda = side.policy.variants.system.get("cuda")
    return f"set UV_CUDA_DRIVER_VERSION={cuda} when resolving" if cuda else "resolve on such a machine"
