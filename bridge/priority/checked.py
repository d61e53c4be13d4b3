"""What a check says: where each client takes each name from, whether the policy agrees, and what real runs did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Any, Final

from bridge.formats.conda.redaction import redact
from bridge.priority.attribution import Origin
from bridge.priority.decision import Decision, Outcome
from bridge.priority.policy import Ecosystem
from bridge.priority.report import Client
from bridge.priority.taking import Why

SCHEMA: Final = "conda-bridge/priority-check/1"


class Standing(Enum):
    """How what a client does stands to what the policy says."""

    AGREES = "agrees"
    #: the client takes nothing, where the policy has a source for the name.
    REFUSES = "refuses"
    #: the client takes the name from a source that the policy does not give it to.
    OTHER_SOURCE = "other-source"
    #: the client asks a source that nobody could look at, and that might decide.
    UNKNOWN = "unknown"


class RunState(Enum):
    """What became of running a client."""

    RAN = "ran"
    #: it found no solution, or ended with an error.
    FAILED = "failed"
    NOT_INSTALLED = "not-installed"
    #: the bridge cannot run it, or not on this configuration.
    NOT_RUN = "not-run"


@dataclass(frozen=True, slots=True)
class RealAnswer:
    """What the client really did about the name."""

    #: None where it took nothing.
    origin: Origin | None
    version: str
    standing: Standing | None
    #: whether the prediction was another source, or none.
    contradicts: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """What one client does about a name by its rules."""

    client: Client
    #: that its configuration was read from.
    files: tuple[str, ...]
    why: Why
    #: None where the client takes nothing.
    origin: Origin | None
    #: empty where the client takes nothing, or nobody looked.
    version: str
    #: whether the client's own configuration needs the name, directly or not.
    required: bool
    #: version parts of all requirements, as written.
    versions: tuple[str, ...]
    #: what the policy says for these versions; None without a policy.
    decision: Decision | None
    standing: Standing | None
    #: a source that the client asks and nobody could look at, though it might decide; empty where there is none.
    unseen: str = ""
    real: RealAnswer | None = None

    @property
    def key(self) -> str:
        """Equal for clients that do the same."""
        if self.unseen:
            return f"? {self.unseen}"
        return self.origin.shown if self.origin is not None else ""

    @property
    def wrong(self) -> bool:
        """Whether it, or the real run, is not what the policy says, or the two are not the same."""
        real = self.real
        standings = {self.standing, real.standing if real is not None else None}
        return not standings <= {None, Standing.AGREES} or (real is not None and real.contradicts)


@dataclass(frozen=True, slots=True)
class CheckedName:
    """One name in one ecosystem."""

    name: str
    ecosystem: Ecosystem
    #: what the policy says about any version; None without a policy.
    decision: Decision | None
    #: in the order of the configurations.
    answers: tuple[Answer, ...]

    @property
    def divided(self) -> bool:
        """Whether the clients do not all take the name from one source."""
        return len({answer.key for answer in self.answers}) > 1

    @property
    def wrong(self) -> bool:
        """Whether something disagrees with the policy, with a real run, or where there is no policy with each other."""
        return any(answer.wrong for answer in self.answers) or (self.decision is None and self.divided)


@dataclass(frozen=True, slots=True)
class ClientRun:
    """One client, and what became of running it."""

    client: Client
    files: tuple[str, ...]
    state: RunState
    #: why it was not run, or what it said; without secrets.
    message: str = ""
    #: the run failed, though every prediction was that something is taken.
    contradicts: bool = False


@dataclass(frozen=True, slots=True)
class CheckReport:
    """All names and all clients."""

    #: by ecosystem and name.
    names: tuple[CheckedName, ...]
    #: client and files of each configuration, as read.
    configurations: tuple[tuple[Client, tuple[str, ...]], ...]
    #: None where no client was to be run.
    runs: tuple[ClientRun, ...] | None = None
    #: files that could not be read, so that what they say is not checked.
    problems: tuple[str, ...] = ()
    #: what could not be read of sources.
    remarks: tuple[str, ...] = ()
    counts: Mapping[Standing, int] = field(default_factory=lambda: MappingProxyType({}), init=False)

    def __post_init__(self) -> None:
        found = Counter(answer.standing for name in self.names for answer in name.answers if answer.standing)
        object.__setattr__(self, "counts", MappingProxyType({standing: found[standing] for standing in Standing}))

    @property
    def ok(self) -> bool:
        """Whether a command ends with status 0."""
        wrong = any(name.wrong for name in self.names) or any(run.contradicts for run in self.runs or ())
        return not wrong and not self.problems

    def to_json(self) -> dict[str, Any]:
        """The document `conda-bridge/priority-check/1`."""
        return {
            "schema": SCHEMA,
            "ok": self.ok,
            "configurations": [{"client": client.value, "files": list(files)} for client, files in self.configurations],
            "names": [_name(name) for name in self.names],
            "runs": None if self.runs is None else [_run(run) for run in self.runs],
            "summary": {standing.value: count for standing, count in self.counts.items()},
            "problems": list(self.problems),
            "remarks": list(self.remarks),
        }


def decided(decision: Decision) -> str:
    """The policy's answer in a few words: the source, or why there is none."""
    words = []
    for answer in decision.answers:
        provided = answer.outcome is Outcome.PROVIDED and answer.source is not None
        text = str(answer.source) if provided else answer.outcome.value
        words.append(f"{text} where {answer.when}" if answer.when is not None else text)
    return ", otherwise ".join(words)


def _policy(decision: Decision | None) -> dict[str, Any] | None:
    if decision is None:
        return None
    return {
        "outcome": decision.outcome.value,
        "source": decision.source,
        "via": decision.via,
        "rule": decision.rule,
    }


def _name(one: CheckedName) -> dict[str, Any]:
    return {
        "name": one.name,
        "ecosystem": one.ecosystem.value,
        "policy": _policy(one.decision),
        "divided": one.divided,
        "clients": [_answer(answer) for answer in one.answers],
    }


def _answer(one: Answer) -> dict[str, Any]:
    return {
        "client": one.client.value,
        "files": list(one.files),
        "takes": _origin(one.origin),
        "version": one.version or None,
        "why": one.why.name.lower().replace("_", "-"),
        "reason": one.why.value,
        "required": one.required,
        "versions": list(one.versions),
        "policy": _policy(one.decision),
        "standing": one.standing.value if one.standing is not None else None,
        "unseen": redact(one.unseen) or None,
        "real": _real(one.real),
    }


def _real(real: RealAnswer | None) -> dict[str, Any] | None:
    if real is None:
        return None
    return {
        "takes": _origin(real.origin),
        "version": real.version or None,
        "standing": real.standing.value if real.standing is not None else None,
        "contradicts": real.contradicts,
    }


def _run(run: ClientRun) -> dict[str, Any]:
    return {
        "client": run.client.value,
        "files": list(run.files),
        "state": run.state.value,
        "message": run.message or None,
        "contradicts": run.contradicts,
    }


def _origin(origin: Origin | None) -> dict[str, Any] | None:
    return {"source": origin.source, "address": redact(origin.address)} if origin is not None else None
