"""A report for people, as HTML or Markdown. Names and messages are what strangers wrote: all of it is escaped."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from bridge.channel.files import replace_file
from bridge.channel.pages import html_page, html_text
from bridge.errors import Code, InvalidInput, Unsupported, plain
from bridge.model.plan import Status
from bridge.sync.report import SyncReport, meaning

#: what Markdown gives a meaning to, and what ends a cell of a table.
_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]()<>#+!|~&-])")
_Table = tuple[str, tuple[str, ...], list[tuple[str, ...]]]


def write_report(report: SyncReport, path: Path) -> None:
    """Write a report in the form that the name of the file says.

    Raises:
        InvalidInput: the name ends in neither `.html`, `.md` nor `.json` (`CB119`).
        Unsupported: it cannot be written (`CB322`).
    """
    make = check_name(path)
    try:
        replace_file(path.resolve(), make(report))
    except OSError as error:
        raise Unsupported(Code.OUTPUT_TAKEN, f"cannot be written: {error.strerror}", subject=str(path)) from error


def check_name(path: Path) -> Callable[[SyncReport], bytes]:
    """What makes the report that the name of a file asks for.

    Raises:
        InvalidInput: as `write_report`.
    """
    try:
        return _FORMS[path.suffix]
    except KeyError:
        message = f"the name of a report ends in one of {', '.join(_FORMS)}"
        raise InvalidInput(Code.SOURCE, message, subject=str(path)) from None


def html_report(report: SyncReport) -> bytes:
    """One page without scripts or links to anywhere."""
    body = [f"<p>{html_text(plain(_headline(report)))}</p>"]
    for title, head, rows in _tables(report):
        body += [f"<h2>{html_text(title)}</h2>", "<table>", f"<thead>{_row('th', head)}</thead>", "<tbody>"]
        body += [_row("td", row) for row in rows]
        body += ["</tbody>", "</table>"]
    return html_page("Conversion report", body)


def markdown_report(report: SyncReport) -> bytes:
    """For issues and wikis."""
    lines = ["# Conversion report", "", _escaped(_headline(report))]
    for title, head, rows in _tables(report):
        lines += ["", f"## {title}", "", _cells(head), _cells(["---"] * len(head), escape=False)]
        lines += [_cells(row) for row in rows]
    return ("\n".join(lines) + "\n").encode("utf-8", errors="replace")


def json_report(report: SyncReport) -> bytes:
    """The document of `sync --json`."""
    return (json.dumps(report.to_json(), indent=2) + "\n").encode("ascii")


_FORMS: Final = {".html": html_report, ".md": markdown_report, ".json": json_report}


def _headline(report: SyncReport) -> str:
    return f"{report.source} to {report.destination}: {len(report.items)} of {report.listed} files"


def _tables(report: SyncReport) -> Iterator[_Table]:
    """Title, column heads and rows; tables without rows are left out."""
    found: list[_Table] = [
        ("Outcomes", ("Outcome", "Files"), [(status, str(count)) for status, count in report.summary.items() if count]),
        (
            "Codes",
            ("Code", "Meaning", "Times"),
            [(code, meaning(code), str(count)) for code, count in report.codes.items()],
        ),
        (
            "Not converted",
            ("File", "Outcome", "Why"),
            [
                (item.key, item.status.value, item.message or "")
                for item in report.items
                if item.status is not Status.CONVERTED
            ],
        ),
        (
            "Losses",
            ("File", "Code", "Subject", "What is lost"),
            [(item.key, loss.code, loss.subject, loss.detail) for item in report.items for loss in item.losses],
        ),
        (
            "Done in this run",
            ("Unit", "Reason", "What changed"),
            [
                (unit.name, "" if unit.reason is None else unit.reason.value, ", ".join(unit.because))
                for unit in report.attempted
            ],
        ),
        (
            "Retired",
            ("Unit", "What became of it"),
            [
                *((name, "no longer in the source; yanked") for name in report.retired),
                *((name, "taken away") for name in report.deleted),
            ],
        ),
        ("Notes", ("Subject", "What is wrong"), [(subject, str(error)) for subject, error in report.notes]),
    ]
    return (table for table in found if table[2])


def _row(kind: str, cells: Iterable[str]) -> str:
    return "<tr>" + "".join(f"<{kind}>{html_text(plain(cell))}</{kind}>" for cell in cells) + "</tr>"


def _cells(cells: Sequence[str], *, escape: bool = True) -> str:
    return "| " + " | ".join(_escaped(cell) if escape else cell for cell in cells) + " |"


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", " ".join(plain(text).split()))
