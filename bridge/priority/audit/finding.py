"""What an audit finds."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from bridge.errors import Code
from bridge.formats.conda.redaction import redact
from bridge.priority.configs.config import Place


class Severity(Enum):
    """How bad a finding is, worst first; the words are those of SARIF."""

    ERROR = "error"
    WARNING = "warning"
    #: worth knowing; nothing goes wrong today.
    NOTE = "note"

    @property
    def fails(self) -> bool:
        """Whether a command that finds it ends with status 1."""
        return self is not Severity.NOTE


class Rule(Enum):
    """The rules, with the code of each and one sentence for people."""

    DC01 = (Code.SPREAD_NAME, "A name is in more than one source of different trust")
    DC02 = (Code.UNREGISTERED_NAME, "A first-party name is absent from a public source, where anybody can register it")
    DC03 = (Code.TRANSITIVE_CLAIM, "A claimed name is reachable where the client's pins do not reach")
    DC04 = (Code.VERSION_PRIORITY, "A client that compares versions has more than one source")
    DC05 = (Code.MISREAD_FLAG, "An option does not do what it seems to say")
    DC06 = (Code.FALL_THROUGH, "A name that a source does not have comes from the next one")
    DC07 = (Code.LEAKY_STRICT, "A requirement with a version bound passes by strict priority")
    DC08 = (Code.FLEXIBLE_DISABLED, "Flexible priority is none with conda's rattler solver")
    DC09 = (Code.PIN_UNSATISFIABLE, "A pin to a lower channel has no solution under strict priority")
    DC10 = (Code.PIN_IGNORED, "A pin or prohibition does not bind the solver")
    DC11 = (Code.UNLISTED_CHANNEL, "A channel brings in another one that nobody listed")
    DC12 = (Code.FOREIGN_ADDRESS, "Files of a source lie at an address of another kind or host")
    DC13 = (Code.MAPPING_CONFLICT, "A name means different packages in the two ecosystems")
    DC14 = (Code.SHARED_PROJECT, "Several conda packages are said to be one project")
    DC15 = (Code.REDEFINED_CHANNEL, "A well-known channel name has been given another address")
    DC16 = (Code.LABEL_BOUNDARY, "A label is used as if it were a boundary of trust")
    DC17 = (Code.HASH_CONFLICT, "Files of one name differ between sources")
    DC18 = (Code.METADATA_CONFLICT, "What is said about a file differs between sources, or from the file")
    DC19 = (Code.VARIANT_CONFLICT, "A variant label stands for different properties in two sources")
    DC20 = (Code.VARIANT_SHADOWED, "A plain wheel or null variant hides the variants of another source")
    DC21 = (Code.INSECURE_TRANSPORT, "A source is read without checking who answers")
    DC22 = (Code.LITERAL_CREDENTIALS, "A secret stands in a file")
    DC23 = (Code.NO_MINIMUM_AGE, "Files of a public source are taken the minute they appear")
    DC24 = (Code.LOCK_DISAGREES, "A lock file disagrees with the policy")
    DC25 = (Code.MIRROR_DIFFERS, "A source that is declared a copy of another differs from it")
    DC26 = (Code.PROJECT_STATUS, "A project is quarantined, archived or deprecated")

    def __init__(self, code: Code, title: str) -> None:
        self.code = code
        self.title = title

    @property
    def needs_sources(self) -> bool:
        """Whether nothing can be found without asking the sources."""
        return self in _OF_SOURCES


_OF_SOURCES: Final = frozenset(
    {Rule.DC01, Rule.DC02, Rule.DC11, Rule.DC12, Rule.DC17, Rule.DC18, Rule.DC19, Rule.DC20, Rule.DC25, Rule.DC26}
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a finding rests on; never a secret."""

    place: Place | None = None
    #: the source in question, as the policy or the configuration calls it.
    source: str = ""
    #: the package in question.
    name: str = ""

    def to_json(self) -> dict[str, Any]:
        return {
            "file": self.place.file if self.place is not None else None,
            "line": self.place.line or None if self.place is not None else None,
            "source": redact(self.source) or None,
            "name": self.name or None,
        }


@dataclass(frozen=True, slots=True)
class Finding:
    """One weakness."""

    rule: Rule
    severity: Severity
    #: one sentence without a final stop.
    message: str
    evidence: Evidence = Evidence()
    #: what to do about it; empty means what the code says.
    remedy: str = ""
    #: what tells it from others of the same rule, file, source and name; not shown.
    subject: str = ""

    @property
    def code(self) -> Code:
        return self.rule.code

    @property
    def fix(self) -> str:
        """What to do about it."""
        return self.remedy or self.code.remedy

    @property
    def fingerprint(self) -> str:
        """The same for the same weakness after lines have moved and messages have been reworded."""
        place = self.evidence.place
        parts = (
            self.rule.name,
            place.file if place is not None else "",
            self.evidence.source,
            self.evidence.name,
            self.subject,
        )
        return hashlib.sha256("\0".join(parts).encode("utf-8", "backslashreplace")).hexdigest()[:32]

    @property
    def order(self) -> tuple[Any, ...]:
        """Findings are listed by rule, then by where they are."""
        place = self.evidence.place or Place("")
        return self.rule.name, place, self.evidence.source, self.evidence.name, self.subject, self.message

    def to_json(self) -> dict[str, Any]:
        return {
            "rule": self.rule.name,
            "code": self.code.number,
            "severity": self.severity.value,
            "message": self.message,
            "evidence": self.evidence.to_json(),
            "fix": self.fix,
            "fingerprint": self.fingerprint,
        }


@dataclass(frozen=True, slots=True)
class AuditReport:
    """All findings about a project, sorted."""

    findings: tuple[Finding, ...]
    #: findings that the baseline accepts.
    accepted: tuple[Finding, ...] = ()
    #: fingerprints of the baseline that nothing has any more.
    stale: tuple[str, ...] = ()
    #: rules that were not applied, and why.
    skipped: tuple[tuple[Rule, str], ...] = ()
    #: files and sources that could not be read.
    problems: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether the command ends with status 1."""
        return any(finding.severity.fails for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """The document `conda-bridge/priority-audit/1`."""
        counts = Counter(finding.severity for finding in self.findings)
        return {
            "schema": "conda-bridge/priority-audit/1",
            "findings": [finding.to_json() for finding in self.findings],
            "summary": {
                **{severity.value: counts[severity] for severity in Severity},
                "accepted": len(self.accepted),
                "stale": list(self.stale),
                "skipped": [{"rule": rule.name, "why": why} for rule, why in self.skipped],
                "problems": list(self.problems),
            },
        }


def sorted_findings(findings: list[Finding]) -> tuple[Finding, ...]:
    """In their order, each once: several clients that read one line find the same."""
    first: dict[str, Finding] = {}
    ranks = list(Severity)
    for finding in sorted(findings, key=lambda one: (*one.order, ranks.index(one.severity))):
        known = first.get(finding.fingerprint)
        if known is None or ranks.index(finding.severity) < ranks.index(known.severity):
            first[finding.fingerprint] = finding
    return tuple(sorted(first.values(), key=lambda one: one.order))
