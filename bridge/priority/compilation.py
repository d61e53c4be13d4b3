"""What came of compiling a policy: the files, what every client keeps of every rule, and whether that will do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import PurePosixPath
from typing import Any, Final

from bridge.errors import Code, plain
from bridge.priority.report import Client, RuleReport, Verdict

SCHEMA: Final = "conda-bridge/priority-compile/1"


class FileState(Enum):
    """What became of a file; with `check`, what it is compared with what it should be."""

    WRITTEN = "written"
    UNCHANGED = "unchanged"
    #: with `check` only: not there, or without its block.
    MISSING = "missing"
    #: with `check` only: edited, or of another policy.
    CHANGED = "changed"

    @property
    def drifted(self) -> bool:
        return self in (FileState.MISSING, FileState.CHANGED)


@dataclass(frozen=True, slots=True)
class FileResult:
    """One file."""

    #: relative to the directory of the project.
    path: PurePosixPath
    #: whose configuration is in it, in the order of `Client`.
    clients: tuple[Client, ...]
    state: FileState
    #: where the first difference is, counted from 1; None where there is none.
    line: int | None = None


@dataclass(frozen=True, slots=True)
class CompileResult:
    """All files and all reports."""

    #: of the policy file.
    filename: str
    #: of the policy.
    digest: str
    #: in the order of their paths.
    files: tuple[FileResult, ...]
    report: tuple[RuleReport, ...]
    #: codes that are accepted for first-party claims.
    allowed: frozenset[Code] = frozenset()

    @property
    def drift(self) -> tuple[FileResult, ...]:
        """With `check`: the files that are not what they should be."""
        return tuple(file for file in self.files if file.state.drifted)

    @property
    def refused(self) -> tuple[RuleReport, ...]:
        """What protects first-party sources, is not kept, and was not allowed."""
        return tuple(
            entry
            for entry in self.report
            if entry.first_party and not entry.verdict.keeps and entry.code not in self.allowed
        )

    @property
    def ok(self) -> bool:
        """Whether a command ends with status 0."""
        return not self.drift and not self.refused

    def to_json(self) -> dict[str, Any]:
        """The document that `priority compile --json` prints."""
        refused = self.refused
        return {
            "schema": SCHEMA,
            "policy": {"filename": self.filename, "digest": self.digest},
            "ok": self.ok,
            "files": [
                {
                    "path": str(file.path),
                    "clients": [client.value for client in file.clients],
                    "state": file.state.value,
                    "code": Code.DRIFT.number if file.state.drifted else None,
                    "line": file.line,
                }
                for file in self.files
            ],
            "report": [{**entry.to_json(), "refused": entry in refused} for entry in self.report],
            "allowed": sorted(code.number for code in self.allowed),
        }

    def text(self, *, all_rules: bool = False) -> str:
        """What `priority compile` prints.

        Args:
            all_rules: whether rules that are kept are listed as well.

        Returns:
            lines with their ends; nothing in them steers a terminal.
        """
        return "".join(f"{plain(line).rstrip()}\n" for line in self._lines(all_rules=all_rules))

    def _lines(self, *, all_rules: bool) -> Iterator[str]:
        for file in self.files:
            where = f", line {file.line}" if file.line is not None and file.state.drifted else ""
            whose = ", ".join(client.value for client in file.clients)
            code = f"{Code.DRIFT} " if file.state.drifted else ""
            yield f"{file.state.value:<9} {code}{_flat(str(file.path))}{where} ({whose})"
        rows = [entry for entry in self.report if all_rules or entry.verdict is not Verdict.EXACT]
        if rows:
            yield ""
            yield from _table(rows)
        counts = {verdict: sum(entry.verdict is verdict for entry in self.report) for verdict in Verdict}
        yield ""
        yield f"rules: {', '.join(f'{count} {verdict.value}' for verdict, count in counts.items())}"
        refused = self.refused
        if refused:
            codes = ", ".join(sorted({str(entry.code) for entry in refused}))
            yield f"not kept for first-party sources: {len(refused)} (allow by code: {codes})"
        if self.drift:
            yield f"{len(self.drift)} files are not what the policy compiles to: {Code.DRIFT.remedy}"


def _table(rows: list[RuleReport]) -> Iterator[str]:
    """One line for each rule, and below it what happens and what to do."""
    shown: list[tuple[RuleReport, str]] = []
    for entry in rows:
        # What holds for direct and for transitive requirements alike is told once.
        if shown and replace(entry, rule=shown[-1][0].rule) == shown[-1][0]:
            shown[-1] = (shown[-1][0], "claim")
        else:
            shown.append((entry, entry.rule.value))
    cells = [
        (
            entry.client.value,
            rule,
            f"{_flat(entry.subject)}{' (first-party)' if entry.first_party else ''}",
            entry.verdict.value,
            str(entry.code or ""),
        )
        for entry, rule in shown
    ]
    widths = [max(len(cell[column]) for cell in cells) for column in range(5)]
    for (entry, _), cell in zip(shown, cells, strict=True):
        yield "  ".join(part.ljust(width) for part, width in zip(cell, widths, strict=True))
        yield f"    {_flat(entry.detail)}"
        if entry.advice:
            yield f"    do: {_flat(entry.advice)}"


def _flat(text: str) -> str:
    """Without line ends, which could pretend to be another row."""
    return text.replace("\n", r"\n")
