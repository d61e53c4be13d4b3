"""A check held against the real programs: the clients that are installed resolve, and what they take is compared.

Nothing is installed, built or written in the project: see `bridge.priority.running`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from bridge.errors import BridgeError, plain
from bridge.priority.attribution import Attribution
from bridge.priority.catalogue import Catalogue
from bridge.priority.check import Names, standing
from bridge.priority.checked import Answer, CheckedName, CheckReport, ClientRun, RealAnswer, RunState
from bridge.priority.policy import Ecosystem, Policy
from bridge.priority.report import Client
from bridge.priority.running.ran import Ran, RanPackage
from bridge.priority.running.run import RUNNABLE, SOLVED, program_of, run_client

#: what pip and `uv pip` are run with, and so the only one of several files of requirements that can be.
_REQUIREMENTS: Final = "requirements.txt"
_ONE_FILE: Final = (Client.PIP, Client.UV_PIP)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One client with one configuration, and its runs."""

    run: ClientRun
    #: what the project itself requires, in one run; None where it was not run, or run for single names.
    whole: Ran | None = None
    #: by name, where single names were asked for.
    single: Mapping[str, Ran] | None = None

    @property
    def ecosystem(self) -> Ecosystem:
        """Where the runs took place; of pixi only the conda side is run."""
        return _ecosystem(self.run.client)

    @property
    def packages(self) -> Iterator[RanPackage]:
        """All that was taken."""
        runs = [self.whole] if self.whole is not None else list((self.single or {}).values())
        return (package for ran in runs for package in ran.packages)


def run_clients(
    report: CheckReport,
    project: Path,
    *,
    single: bool,
    home: Path,
    programs: Mapping[Client, Path] | None = None,
    timeout_s: float = 120,
) -> tuple[Attempt, ...]:
    """Run every client of a check that can be run here.

    Args:
        report: of the check, which says what clients there are and what each is to be asked.
        project: the directory with the configurations, which is only read.
        single: whether the check was about names that the user gave, each of which is run by itself; otherwise a
            client resolves what its configuration requires.
        home: a directory for copies and caches.
        programs: the executables; those on PATH for the other clients.
        timeout_s: of each run, in seconds.
    """
    found = []
    for client, files in report.configurations:
        program = (programs or {}).get(client) or program_of(client)
        answers = {row.name: one for row, one in _answers(report, client, files)}
        state, why = _runnable(client, files, answers, program, single=single)
        if state is not RunState.RAN:
            found.append(Attempt(ClientRun(client, files, state, why)))
            continue
        questions = {name: _requirement(name, one) for name, one in answers.items()} if single else {"": ""}
        runs: dict[str, Ran] = {}
        for name, text in questions.items():
            place = home / client.value
            wanted = [text] if text else []
            try:
                runs[name] = run_client(client, project, wanted, home=place, program=program, timeout_s=timeout_s)
            except BridgeError as error:
                state, why = RunState.NOT_RUN, error.message
                break
        found.append(_attempt(ClientRun(client, files, state, why), runs, single=single))
    return tuple(found)


def unpredicted(report: CheckReport, attempts: Sequence[Attempt]) -> Names:
    """What clients took that the check has no answer for: sources need not say what a package requires."""
    known = {(row.ecosystem, row.name) for row in report.names}
    found: dict[Ecosystem, set[str]] = {}
    for attempt in attempts:
        for package in attempt.packages:
            if (attempt.ecosystem, package.name) not in known:
                found.setdefault(attempt.ecosystem, set()).add(package.name)
    return found


def compared(
    report: CheckReport, attempts: Sequence[Attempt], policy: Policy | None, catalogue: Catalogue
) -> CheckReport:
    """The check with what the real runs did.

    Args:
        report: of the check.
        attempts: the runs.
        policy: as for the check.
        catalogue: as for the check.
    """
    attribution = Attribution(policy, catalogue)
    by_configuration = {(attempt.run.client, attempt.run.files): attempt for attempt in attempts}
    names = []
    for row in report.names:
        answers = []
        for answer in row.answers:
            attempt = by_configuration.get((answer.client, answer.files))
            mine = attempt is not None and attempt.ecosystem is row.ecosystem
            real = _real(attempt, row, answer, attribution) if attempt is not None and mine else None
            answers.append(replace(answer, real=real))
        names.append(replace(row, answers=tuple(answers)))
    runs = tuple(replace(attempt.run, contradicts=_contradicts(report, attempt)) for attempt in attempts)
    return replace(report, names=tuple(names), runs=runs)


def _ecosystem(client: Client) -> Ecosystem:
    return Ecosystem.CONDA if client in SOLVED else Ecosystem.PYPI


def _answers(report: CheckReport, client: Client, files: tuple[str, ...]) -> Iterator[tuple[CheckedName, Answer]]:
    for row in report.names:
        if row.ecosystem is _ecosystem(client):
            yield from ((row, one) for one in row.answers if (one.client, one.files) == (client, files))


def _runnable(
    client: Client, files: Sequence[str], answers: Mapping[str, Answer], program: Path | None, *, single: bool
) -> tuple[RunState, str]:
    """`ran` where the client can be run, otherwise what keeps it from that."""
    if client not in RUNNABLE:
        return RunState.NOT_RUN, "the bridge cannot run it"
    lists = [name for name in files if name.endswith((".txt", ".in"))]
    if client in _ONE_FILE and lists and _REQUIREMENTS not in lists:
        return RunState.NOT_RUN, f"only {_REQUIREMENTS} is run"
    if program is None and client not in SOLVED:
        return RunState.NOT_INSTALLED, ""
    if not answers or not (single or any(answer.required for answer in answers.values())):
        return RunState.NOT_RUN, "its configuration requires nothing; name packages to run it"
    return RunState.RAN, ""


def _requirement(name: str, answer: Answer) -> str:
    """What a client is asked for in the place of what the project requires."""
    bounds = ",".join(text.strip() for text in answer.versions)
    if answer.client in SOLVED:
        return f"{name} {bounds}".rstrip()
    try:
        return f"{name}{SpecifierSet(bounds)}"
    except InvalidSpecifier:
        # poetry's own operators; it keeps to what its tables say
        return name


def _attempt(run: ClientRun, runs: Mapping[str, Ran], *, single: bool) -> Attempt:
    failed = [(name, ran) for name, ran in runs.items() if not ran.ok]
    if run.state is RunState.RAN and failed:
        message = "\n".join(f"{name}: {ran.message}" if name else ran.message for name, ran in failed)
        run = replace(run, state=RunState.FAILED, message=plain(message))
    return Attempt(run, single=runs) if single else Attempt(run, whole=runs.get(""))


def _real(attempt: Attempt, row: CheckedName, answer: Answer, attribution: Attribution) -> RealAnswer | None:
    """What the real run says about one answer; None where it says nothing."""
    ran = attempt.whole if attempt.single is None else attempt.single.get(row.name)
    if ran is None:
        return None
    package = ran.taken.get(row.name)
    if package is None:
        # a whole run that fails does not say because of which name, and one that succeeds may not need this one here
        if ran.ok or attempt.single is None:
            return None
        judged = standing(None, answer.decision, takes=False) if answer.decision is not None else None
        return RealAnswer(None, "", judged, contradicts=answer.origin is not None and not answer.unseen)
    origin = attribution.of(row.ecosystem, package.source, package.url)
    source = origin.source if origin is not None else None
    judged = standing(source, answer.decision, takes=True) if answer.decision is not None else None
    shown = origin.shown if origin is not None else ""
    predicted = answer.origin.shown if answer.origin is not None else ""
    return RealAnswer(origin, package.version, judged, contradicts=shown != predicted and not answer.unseen)


def _contradicts(report: CheckReport, attempt: Attempt) -> bool:
    """Whether a whole run failed, though by its rules the client takes everything."""
    if attempt.whole is None or attempt.whole.ok:
        return False
    answers = [one for _, one in _answers(report, attempt.run.client, attempt.run.files) if one.required]
    return all(one.origin is not None and not one.unseen for one in answers)
