"""A report for people: the findings by rule, each with where it is and what to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import groupby

from bridge.errors import plain
from bridge.priority.audit.finding import AuditReport, Finding, Severity


def text(report: AuditReport, *, notes: bool = False) -> str:
    """Lines with their ends; nothing in them steers a terminal.

    Args:
        report: the report.
        notes: whether notes are listed too, and not only counted.
    """
    return "".join(f"{plain(line).rstrip()}\n" for line in _lines(report, notes=notes))


def _lines(report: AuditReport, *, notes: bool) -> Iterator[str]:
    shown = [finding for finding in report.findings if notes or finding.severity.fails]
    for rule, group in groupby(shown, key=lambda finding: finding.rule):
        yield f"{rule.name} {rule.code} {rule.title}"
        yield from _group(list(group))
    for problem in report.problems:
        yield f"not read: {_flat(problem)}"
    for fingerprint in report.stale:
        yield f"accepted, and not found any more: {fingerprint}"
    reasons: dict[str, list[str]] = {}
    for rule, why in report.skipped:
        reasons.setdefault(why, []).append(rule.name)
    for why, names in reasons.items():
        yield f"not applied, as {why}: {', '.join(names)}"
    counts = Counter(finding.severity for finding in report.findings)
    told = [f"{counts[severity]} {severity.value}s" for severity in Severity]
    yield ", ".join([*told, f"{len(report.accepted)} accepted"])


def _group(findings: list[Finding]) -> Iterator[str]:
    for finding in findings:
        place = finding.evidence.place
        where = f"{_flat(str(place))}: " if place is not None and place.file else ""
        yield f"  {finding.severity.value}: {where}{_flat(finding.message)}"
    for fix in dict.fromkeys(finding.fix for finding in findings):
        yield f"    do: {_flat(fix)}"


def _flat(text: str) -> str:
    """Without line ends, which could pretend to be another finding."""
    return text.replace("\n", r"\n")
