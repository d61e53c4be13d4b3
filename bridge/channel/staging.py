"""Outputs that wait in a staging directory until it is clear which of them gets the name that several want."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from packaging.specifiers import SpecifierSet
from packaging.tags import Tag
from packaging.version import Version

from bridge.channel.occupied import wheel_in_the_way
from bridge.errors import BridgeError, Code, InvalidInput, Unrepresentable, Unsupported
from bridge.model.conda import CondaName, IndexJson
from bridge.model.plan import Outcome, Output, Status


@dataclass(frozen=True, slots=True, order=True)
class Rank:
    """Which of several builds that make one wheel is kept: the greatest (design, section 8)."""

    build_number: int
    #: milliseconds since 1970; 0 where the build does not say.
    timestamp: int
    #: where a build lies in both archive formats, clients prefer `.conda` (CEP 35).
    modern: bool
    filename: str
    package: CondaName = field(compare=False)

    def beaten_by(self, other: Rank) -> str:
        """Why `other` was kept and this was not: a clause that follows the other's name."""
        if other.package != self.package:
            return "another package of the same project and version"
        if (other.build_number, other.timestamp) != (self.build_number, self.timestamp):
            return "a newer build"
        return "which comes first among builds of equal number and time"


@dataclass(frozen=True, slots=True)
class StagedBuild:
    """What is known about the build behind a wheel that waits in the staging directory."""

    #: of the project, escaped as in file names.
    name: str
    version: Version
    #: the record in force of the conda build.
    index: IndexJson
    tags: frozenset[Tag]
    requires_python: SpecifierSet


@dataclass(frozen=True, slots=True)
class Staged:
    """An outcome whose outputs still lie in the staging directory; `rank` and `build` are None where there are none."""

    outcome: Outcome
    rank: Rank | None = None
    build: StagedBuild | None = None


def failed(label: str, error: BridgeError) -> Outcome:
    """The outcome of an input that was not converted."""
    return Outcome(label, status_of(error), error.code, str(error))


def strictly(outcome: Outcome) -> Outcome:
    """The outcome where losses are refusals (`--strict`): `CB308` unless all of them are harmless.

    Asked only when it is clear what became of a build: a property of a variant says what a plain wheel would lose.
    """
    serious = [loss for loss in outcome.losses if not loss.code.harmless]
    if outcome.status is not Status.CONVERTED or not serious:
        return outcome
    first = serious[0]
    message = f"{len(serious)} losses, the first is {first.code.number}: {first.subject}: {first.detail}"
    subject = next((output.source.filename for output in outcome.outputs), outcome.input)
    return failed(outcome.input, Unrepresentable(Code.STRICT, message, subject=subject))


def status_of(error: BridgeError) -> Status:
    """The status that an error gives its input."""
    match error:
        case InvalidInput():
            return Status.INVALID
        case Unsupported():
            return Status.UNSUPPORTED
        case Unrepresentable():
            return Status.UNREPRESENTABLE
        case _:
            return Status.INTERNAL_ERROR


def publish(staged: Sequence[Staged], directory: Path) -> tuple[Outcome, ...]:
    """Move outputs from staging into `directory`; of several with one name, only the one of highest rank.

    Returns:
        The final outcomes, in order. The same file given twice is converted twice; a build that lost its name to
        another is `unrepresentable` (`CB316`).
    """
    winners: dict[str, tuple[Rank, Output]] = {}
    for item in staged:
        for output in item.outcome.outputs:
            best = winners.get(output.filename)
            if item.rank is not None and (best is None or item.rank > best[0]):
                winners[output.filename] = (item.rank, output)
    return tuple(_published(item, winners, directory) for item in staged)


def _published(item: Staged, winners: Mapping[str, tuple[Rank, Output]], directory: Path) -> Outcome:
    outputs: list[Output] = []
    for output in item.outcome.outputs:
        best, winner = winners[output.filename]
        if item.rank is not None and winner.sha256 != output.sha256:
            message = f"{output.filename} was made of {best.filename}, {item.rank.beaten_by(best)}"
            error = Unrepresentable(Code.SHADOWED, message, subject=output.source.filename)
            return failed(item.outcome.input, error)
        destination = directory / output.filename
        if winner is output:
            if (why := wheel_in_the_way(destination, Path(output.path))) is not None:
                return failed(item.outcome.input, Unsupported(Code.OUTPUT_TAKEN, why, subject=output.filename))
            try:
                Path(output.path).replace(destination)
            except OSError as reason:
                message = f"the file cannot be put in its place: {reason.strerror}"
                return failed(
                    item.outcome.input,
                    Unsupported(Code.OUTPUT_TAKEN, message, subject=output.filename),
                )
        outputs.append(replace(output, path=str(destination)))
    return replace(item.outcome, outputs=tuple(outputs))
