"""pip: one index and never a second one, because pip takes the best version of all indexes, whichever it is from.

What the one index does not have comes by address and hash from a constraints file, which a resolution fills.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import PurePosixPath
from typing import Final

from bridge.errors import Code
from bridge.priority.compile_uv import claim_by_constraint
from bridge.priority.constraints import Constraints, constraints
from bridge.priority.context import CompileContext
from bridge.priority.policy import Policy, Semantics, Source
from bridge.priority.python_reports import Reports, header, overlay_reports, source_reports, variant_reports
from bridge.priority.python_side import PythonSide, python_side
from bridge.priority.report import Client, Compiled, CompiledFile, FileFormat, Rule, Verdict

PIP_FILE: Final = PurePosixPath("pip.conf")
CONSTRAINTS_FILE: Final = PurePosixPath("bridge-constraints.txt")


def compile_pip(policy: Policy, context: CompileContext) -> Compiled:
    """`pip.conf` (for `PIP_CONFIG_FILE`, or a virtual environment), and a constraints file where one is needed.

    Args:
        policy: the policy.
        context: the overlay index, if one is hosted, the names in the graph and the resolution.

    Raises:
        InvalidInput: an address cannot be written, or the resolution breaks the policy.
    """
    side = python_side(policy, context)
    reports = Reports(Client.PIP)
    found = Constraints()
    if side.overlay is not None:
        settings = {"index-url": side.overlay}
        overlay_reports(reports, side)
    elif policy.semantics is Semantics.BEST_MATCH and not side.claims and side.normal:
        settings = _best_match(side, reports)
    else:
        settings, found = _one_index(side, reports)
    if side.overlay is None:
        settings |= _age(side, reports)
    if any(source.credentials is not None and source.credentials.kind == "keyring" for source in side.indexes):
        settings["keyring-provider"] = "subprocess"
    source_reports(reports, side, _credentials)
    remedy = "install on such a machine, or from a lock file for it"
    variant_reports(reports, side, knows_variants=False, system=remedy)
    lines = "".join(f"{key} = {value}\n" for key, value in settings.items())
    files = [CompiledFile(PIP_FILE, Client.PIP, FileFormat.INI, f"[global]\n{lines}", standalone=False)]
    if found.lines:
        text = header(policy) + "".join(f"{line}\n" for line in found.lines)
        files.append(CompiledFile(CONSTRAINTS_FILE, Client.PIP, FileFormat.TEXT, text, standalone=True))
    return Compiled(tuple(files), reports.done)


def _best_match(side: PythonSide, reports: Reports) -> dict[str, str]:
    """All indexes: without claims, what pip does is what the policy asks for."""
    first, *others = side.normal
    settings = {"index-url": str(first.pypi)}
    if others:
        settings["extra-index-url"] = "\n    ".join(["", *(str(source.pypi) for source in others)])
    reports.exact(Rule.ORDER, "policy", "pip takes the best version of all indexes, as the policy asks")
    reports.exact(Rule.CLOSED, "policy", "index-url replaces PyPI")
    _outage(reports, side)
    return settings


def _one_index(side: PythonSide, reports: Reports) -> tuple[dict[str, str], Constraints]:
    """The highest index alone, and addresses for what it must not or cannot provide."""
    index = side.normal[0] if side.normal else None
    by_index = [claim for claim in side.claims if index is not None and claim.sources[:1] == (index,)]
    several = len(side.normal) > 1
    found = constraints(side, [claim for claim in side.claims if claim not in by_index], everything=several)
    settings = {"index-url": str(index.pypi)} if index is not None else {"no-index": "true"}
    if found.lines:
        # since pip 26.2 constraints do not reach the environments that packages are built in
        settings |= {"constraint": str(CONSTRAINTS_FILE), "build-constraint": str(CONSTRAINTS_FILE)}
    if not several:
        reports.exact(Rule.ORDER, "policy", "there is one index for what nobody claims")
    elif side.resolution is not None and side.resolved.keys() <= found.pinned | found.refused:
        reports.exact(Rule.ORDER, "policy", "every package of the resolution has its address and hash")
    else:
        reports.add(
            Rule.ORDER,
            "policy",
            Verdict.STRICTER,
            f"pip has no order of indexes; only {side.normal[0].name} is asked",
            Code.SOURCE_ORDER,
        )
    for claim in side.claims:
        claim_by_constraint(reports, claim, found, only_index=claim in by_index)
    reports.exact(Rule.CLOSED, "policy", "index-url replaces PyPI" if index else "no index is asked")
    _outage(reports, side)
    return settings, found


def _outage(reports: Reports, side: PythonSide) -> None:
    if side.policy.semantics is Semantics.BEST_MATCH and not side.claims and len(side.normal) > 1:
        detail = "pip warns and goes on with the other indexes"
        reports.add(Rule.UNREACHABLE, "policy", Verdict.WEAKER, detail, Code.SILENT_SOURCE)
    else:
        reports.exact(Rule.UNREACHABLE, "policy", "there is no other index to fall back to")


def _age(side: PythonSide, reports: Reports) -> dict[str, str]:
    """The youngest age that any index in use allows is the oldest that all of them ask for: pip has one for all."""
    extra = side.policy.semantics is Semantics.BEST_MATCH and not side.claims
    used = side.normal if extra else side.normal[:1]
    days = max((_days(source) for source in used), default=0)
    for source in side.indexes:
        if source.min_age is None:
            continue
        if source not in used:
            reports.exact(Rule.MIN_AGE, source.name, "only files of the resolution are taken from it")
        elif source.min_age == timedelta(days=days):
            reports.exact(
                Rule.MIN_AGE, source.name, f"uploaded-prior-to is P{days}D; files without a time are not taken"
            )
        else:
            _stricter_age(reports, source, days)
    for source in used:
        if source.min_age is None and days:
            _stricter_age(reports, source, days)
    return {"uploaded-prior-to": f"P{days}D"} if days else {}


def _stricter_age(reports: Reports, source: Source, days: int) -> None:
    detail = f"pip knows whole days, and the same for all indexes: {days}"
    reports.add(Rule.MIN_AGE, source.name, Verdict.STRICTER, detail, Code.AGE_UNSAYABLE)


def _days(source: Source) -> int:
    return -(-source.min_age // timedelta(days=1)) if source.min_age is not None else 0


def _credentials(source: Source) -> tuple[bool, str]:
    assert source.credentials is not None  # noqa: S101 - only asked then
    if source.credentials.kind in ("netrc", "keyring"):
        return True, f"pip reads the {source.credentials.kind}"
    return False, f"write {source.credentials.name} into .netrc or a keyring; pip reads no variable for one index"
