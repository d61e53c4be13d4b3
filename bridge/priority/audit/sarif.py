"""Findings in the form that code hosts show beside the lines that they are about: SARIF 2.1.0 (OASIS)."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from bridge._version import __version__
from bridge.formats.conda.redaction import redact
from bridge.priority.audit.finding import AuditReport, Finding, Rule

_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
#: relative addresses in the document are below this; tools know where it is.
_ROOT: Final = "PROJECTROOT"


def sarif(report: AuditReport) -> dict[str, Any]:
    """The report as one run; accepted findings are in it, as suppressed."""
    rules = sorted({finding.rule for finding in (*report.findings, *report.accepted)}, key=lambda rule: rule.name)
    results = [_result(finding, rules, accepted=False) for finding in report.findings]
    results += [_result(finding, rules, accepted=True) for finding in report.accepted]
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "conda-bridge",
                        "semanticVersion": __version__,
                        "rules": [_rule(rule) for rule in rules],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "results": results,
            }
        ],
    }


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.code.number,
        "name": rule.name,
        "shortDescription": {"text": f"{rule.title}."},
        "help": {"text": f"{rule.code.remedy} (see {rule.code.anchor})"},
    }


def _result(finding: Finding, rules: list[Rule], *, accepted: bool) -> dict[str, Any]:
    about = ", ".join(part for part in (redact(finding.evidence.source), finding.evidence.name) if part)
    result: dict[str, Any] = {
        "ruleId": finding.code.number,
        "ruleIndex": rules.index(finding.rule),
        "level": finding.severity.value,
        "message": {"text": f"{finding.message}. Do: {finding.fix}."},
        "partialFingerprints": {"condaBridge/v1": finding.fingerprint},
    }
    place = finding.evidence.place
    if place is not None and place.file and not place.file.startswith("~"):
        location: dict[str, Any] = {
            "artifactLocation": {"uri": quote(place.file, errors="surrogateescape"), "uriBaseId": _ROOT}
        }
        if place.line:
            location["region"] = {"startLine": place.line}
        result["locations"] = [{"physicalLocation": location}]
    elif about:
        result["locations"] = [{"logicalLocations": [{"name": about}]}]
    if accepted:
        result["suppressions"] = [{"kind": "external"}]
    return result
