"""Findings that somebody has looked at and accepted, with the reason: a file beside the policy.

```toml
schema = "conda-bridge/audit-baseline/1"
[[accepted]]
fingerprint = "..."
rule = "DC16"
message = "..."
reason = "the label is ours"
```

Only the fingerprint counts; the rest is for people. A fingerprint that nothing has any more is reported, so that the
file does not outlive what it was written for.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from bridge.channel.files import replace_file
from bridge.errors import Code, InvalidInput
from bridge.priority.audit.finding import AuditReport, Finding
from bridge.priority.configs.tree import read_text
from bridge.priority.toml_text import toml_table

SCHEMA: Final = "conda-bridge/audit-baseline/1"
_FINGERPRINT: Final = re.compile(r"[0-9a-f]{32}")
_MOST: Final = 10_000


@dataclass(frozen=True, slots=True)
class Accepted:
    """One accepted finding."""

    fingerprint: str
    reason: str = ""


def read_baseline(path: Path) -> tuple[Accepted, ...]:
    """Read a baseline.

    Raises:
        InvalidInput: CB101, CB109 it cannot be read; CB111, it is no baseline.
    """
    text = read_text(path, path.name)
    if text is None:
        raise InvalidInput(Code.UNREADABLE, "there is no such file", subject=path.name)
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(Code.BAD_METADATA, "is not TOML", subject=path.name) from error
    if document.get("schema") != SCHEMA:
        raise InvalidInput(Code.BAD_METADATA, f"is not {SCHEMA}", subject=path.name, field="schema")
    listed = document.get("accepted", [])
    if not isinstance(listed, list) or len(listed) > _MOST:
        message = f"is not a list of at most {_MOST} tables"
        raise InvalidInput(Code.BAD_METADATA, message, subject=path.name, field="accepted")
    return tuple(_accepted(one, f"accepted[{number}]", path.name) for number, one in enumerate(listed))


def with_baseline(report: AuditReport, accepted: Iterable[Accepted]) -> AuditReport:
    """The report without the findings that are accepted, and with the fingerprints that nothing has any more."""
    known = {one.fingerprint for one in accepted}
    found = {finding.fingerprint for finding in report.findings}
    return replace(
        report,
        findings=tuple(finding for finding in report.findings if finding.fingerprint not in known),
        accepted=tuple(finding for finding in report.findings if finding.fingerprint in known),
        stale=tuple(sorted(known - found)),
    )


def write_baseline(path: Path, findings: Iterable[Finding], known: Iterable[Accepted] = ()) -> None:
    """Accept findings; reasons that were given before are kept.

    Args:
        path: the file; it is replaced as a whole.
        findings: notes need no acceptance and are left out.
        known: what was accepted before, for its reasons.
    """
    reasons = {one.fingerprint: one.reason for one in known}
    tables = [toml_table("", {"schema": SCHEMA})]
    for finding in findings:
        if finding.severity.fails:
            values = {
                "fingerprint": finding.fingerprint,
                "rule": finding.rule.name,
                "message": finding.message,
                "reason": reasons.get(finding.fingerprint, ""),
            }
            tables.append(toml_table("[[accepted]]", values))
    replace_file(path, "\n".join(tables).encode())


def _accepted(one: Any, field: str, subject: str) -> Accepted:
    values: Mapping[str, Any] = one if isinstance(one, dict) else {}
    fingerprint, reason = values.get("fingerprint"), values.get("reason", "")
    if not (isinstance(fingerprint, str) and _FINGERPRINT.fullmatch(fingerprint)):
        message = "needs the fingerprint that the audit prints"
        raise InvalidInput(Code.BAD_METADATA, message, subject=subject, field=field)
    if not isinstance(reason, str):
        raise InvalidInput(Code.BAD_METADATA, "a reason is a text", subject=subject, field=f"{field}.reason")
    return Accepted(fingerprint, reason)
