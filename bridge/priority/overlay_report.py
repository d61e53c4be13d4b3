"""What came of making overlays: what was written, what was left out and why, and what somebody should look at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path, PurePosixPath
from typing import Any, Final

from bridge.errors import Code, plain
from bridge.priority.policy import Ecosystem, SourceName

SCHEMA: Final = "conda-bridge/overlays/1"
#: findings of one kind about one source that are told one by one; the rest is counted.
_MOST_SHOWN: Final = 20


class Left(Enum):
    """Why a file of a source is not in the overlay, where that is as the policy wants it."""

    #: another source provides the name, or a claim gives it to others.
    POLICY = "policy"
    AGE = "age"
    VARIANT = "variant"
    #: not a package that clients of today install: eggs, installers.
    KIND = "kind"


@dataclass(frozen=True, slots=True, order=True)
class _Key:
    number: str
    source: str
    subject: str
    detail: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about a source that somebody should know."""

    code: Code
    source: SourceName | None
    #: the address or file that it is about.
    subject: str
    #: one sentence without a final stop.
    detail: str

    @property
    def key(self) -> _Key:
        return _Key(self.code.number, self.source or "", self.subject, self.detail)

    @property
    def serious(self) -> bool:
        """Whether it can mean that a source is not what it was; these make a run unsuccessful."""
        return self.code in _SERIOUS

    def __str__(self) -> str:
        where = ": ".join(part.replace("\n", r"\n") for part in (self.source or "", self.subject) if part)
        return plain(f"{self.code.number} {where + ': ' if where else ''}{self.detail} ({self.code.remedy})")

    def to_json(self) -> dict[str, Any]:
        return {
            "code": self.code.number,
            "source": self.source,
            "subject": self.subject,
            "detail": self.detail,
            "remedy": self.code.remedy,
            "serious": self.serious,
        }


_SERIOUS: Final = frozenset({Code.OVERLAY_SOURCE, Code.OVERLAY_ADDRESS, Code.OVERLAY_CHANGED, Code.OVERLAY_INTEGRITY})


@dataclass(slots=True)
class Tally:
    """What one source gives to one part of an overlay; filled while it is filtered."""

    source: SourceName
    ecosystem: Ecosystem
    #: the subdir of a channel, or the project of an index.
    part: str
    offered: int = 0
    left: Counter[Left] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)

    def find(self, code: Code, subject: str, detail: str) -> None:
        """Note something about this source."""
        self.findings.append(Finding(code, self.source, subject, detail))


@dataclass(frozen=True, slots=True)
class OverlayReport:
    """What came of one run."""

    directory: Path
    #: of the manifest; it names all files.
    manifest_sha256: str
    #: relative to the directory, sorted.
    written: tuple[PurePosixPath, ...]
    removed: tuple[PurePosixPath, ...]
    #: (source, ecosystem) -> number of files that the overlay offers of it.
    offered: Mapping[tuple[SourceName, Ecosystem], int]
    #: (source, ecosystem) -> reason -> number of files that were left out as the policy wants it.
    left: Mapping[tuple[SourceName, Ecosystem], Mapping[Left, int]]
    findings: tuple[Finding, ...] = ()

    @property
    def clean(self) -> bool:
        """Whether nothing serious was found: the exit status of a command."""
        return not any(finding.serious for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "directory": str(self.directory),
            "manifest_sha256": self.manifest_sha256,
            "written": [str(path) for path in self.written],
            "removed": [str(path) for path in self.removed],
            "sources": [
                {
                    "source": source,
                    "ecosystem": ecosystem.value,
                    "offered": number,
                    "left_out": {
                        reason.value: count
                        for reason, count in sorted(
                            self.left.get((source, ecosystem), {}).items(), key=lambda item: item[0].value
                        )
                    },
                }
                for (source, ecosystem), number in self.offered.items()
            ],
            "findings": [finding.to_json() for finding in self.findings],
        }


def summed(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Sorted, once each, and no more of one kind about one source than anybody reads; serious ones all."""
    shown: list[Finding] = []
    more: Counter[tuple[Code, SourceName | None]] = Counter()
    seen: Counter[tuple[Code, SourceName | None]] = Counter()
    for finding in sorted(set(findings), key=lambda each: each.key):
        kind = finding.code, finding.source
        seen[kind] += 1
        if finding.serious or seen[kind] <= _MOST_SHOWN:
            shown.append(finding)
        else:
            more[kind] += 1
    shown += [Finding(code, source, "", f"and {count} more") for (code, source), count in more.items()]
    return tuple(shown)
