"""A check in lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from bridge.errors import plain
from bridge.priority.checked import Answer, CheckedName, CheckReport, ClientRun, RealAnswer, RunState, Standing, decided

_NOTHING: Final = "nothing"
#: what a source may have at which nobody could look.
_UNKNOWN: Final = "?"


def check_text(report: CheckReport, *, verbose: bool = False) -> str:
    """What `priority check` prints.

    Args:
        report: of the check.
        verbose: whether names about which all agree are listed client by client as well.

    Returns:
        lines with their ends; nothing in them steers a terminal.
    """
    return "".join(f"{plain(_flat(line)).rstrip()}\n" for line in _lines(report, verbose=verbose))


def table(rows: Sequence[Sequence[str]], indent: str) -> Iterator[str]:
    """Lines with aligned columns, the last one ragged."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)] if rows else []
    for row in rows:
        yield indent + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))


def _lines(report: CheckReport, *, verbose: bool) -> Iterator[str]:
    if not report.configurations:
        yield "no configuration of any client was found"
    wrong = [name for name in report.names if name.wrong]
    for name in report.names if verbose else wrong:
        yield from _block(name)
    agreed = [name for name in report.names if not name.wrong]
    if agreed and not verbose:
        yield "in agreement:"
        yield from table([_row(name) for name in agreed], "  ")
    if report.runs:
        yield "run:"
        yield from table([_run(run) for run in report.runs], "  ")
    for problem in (*report.problems, *report.remarks):
        yield f"could not be read: {problem}"
    yield _summary(report, len(wrong))


def _block(name: CheckedName) -> Iterator[str]:
    policy = ""
    if name.decision is not None:
        policy = f": {decided(name.decision)}, by the policy's {name.decision.rule}"
    elif name.divided:
        policy = ": the clients disagree"
    yield f"{name.name} ({name.ecosystem.value}){policy}"
    yield from table([_cells(answer, name) for answer in name.answers], "  ")


def _cells(answer: Answer, name: CheckedName) -> tuple[str, ...]:
    notes = [] if answer.unseen and answer.origin is None else [answer.why.value]
    if answer.unseen:
        notes.append(f"asks {answer.unseen}, at which nobody could look")
    if answer.decision is not None and name.decision is not None and answer.decision != name.decision:
        here = decided(answer.decision)
        if here != decided(name.decision):
            notes.append(f"for {','.join(answer.versions)} the policy says: {here}")
    if answer.real is not None and (answer.real.contradicts or answer.real.standing is not answer.standing):
        notes.append(f"but the real run took {_taken(answer.real)}")
    return (
        "!" if answer.wrong else " ",
        answer.client.value,
        ", ".join(answer.files),
        _taken(answer),
        "; ".join(notes),
    )


def _row(name: CheckedName) -> tuple[str, ...]:
    clients = dict.fromkeys(answer.client.value for answer in name.answers)
    return name.name, name.ecosystem.value, _taken(name.answers[0], version=False), ", ".join(clients)


def _taken(answer: Answer | RealAnswer, *, version: bool = True) -> str:
    if answer.origin is None:
        return _UNKNOWN if isinstance(answer, Answer) and answer.unseen else _NOTHING
    return f"{answer.origin.shown} {answer.version if version else ''}".rstrip()


def _run(run: ClientRun) -> tuple[str, ...]:
    words = {
        RunState.RAN: "ran",
        RunState.FAILED: "found no solution",
        RunState.NOT_INSTALLED: "is not installed",
        RunState.NOT_RUN: "was not run",
    }
    text = words[run.state] + (f": {run.message}" if run.message else "")
    return "!" if run.contradicts else " ", run.client.value, ", ".join(run.files), text


def _summary(report: CheckReport, wrong: int) -> str:
    clients = len(report.configurations)
    head = f"{len(report.names)} names, {clients} configuration{'' if clients == 1 else 's'}: "
    if report.ok:
        return head + "no disagreement"
    words = {
        Standing.OTHER_SOURCE: "from another source than the policy's",
        Standing.REFUSES: "refused though the policy has a source",
        Standing.UNKNOWN: "cannot be known",
    }
    found = [f"{report.counts[standing]} {text}" for standing, text in words.items() if report.counts[standing]]
    predictions = sum(1 for name in report.names for one in name.answers if one.real and one.real.contradicts)
    predictions += sum(run.contradicts for run in report.runs or ())
    if predictions:
        found.append(f"{predictions} predicted otherwise than the client did")
    if report.problems:
        found.append(f"{len(report.problems)} files could not be read")
    if wrong and not found:
        found.append(f"{wrong} on which the clients disagree")
    return head + ", ".join(found)


def _flat(text: str) -> str:
    """Without line ends, which could pretend to be another line."""
    return text.replace("\n", r"\n")
