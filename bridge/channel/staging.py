"""Outputs that wait in a staging directory until it is clear which of them gets the name that several want."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from packaging.specifiers import SpecifierSet
from packaging.tags import Tag
from packaging.version import Version

from bridge.channel.occupied import package_in_the_way, wheel_in_the_way
from bridge.errors import BridgeError, Code, InvalidInput, Unrepresentable, Unsupported
from bridge.model.conda import CondaName, IndexJson, Subdir
from bridge.model.plan import Loss, Outcome, Output, Status


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
class StagedPackage:
    """What is known about a conda package that waits in the staging directory."""

    subdir: Subdir
    #: of several packages with one name, the greatest is kept.
    preference: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Staged:
    """An outcome whose outputs still lie in the staging directory; `rank` and `build` are None where there are none."""

    outcome: Outcome
    rank: Rank | None = None
    build: StagedBuild | None = None
    #: one for each output, where a wheel became conda packages.
    packages: tuple[StagedPackage, ...] = ()


def apart(directory: Path, names: Iterable[str]) -> Path:
    """Where several inputs leave files under names that they may have in common.

    Args:
        directory: of these inputs.
        names: of the files of one of them, relative to what is returned.

    Returns:
        `directory`, or a new one in it where one of the names is taken.
    """
    if any(os.path.lexists(f"{directory}/{name}") for name in names):
        return Path(tempfile.mkdtemp(dir=directory))
    return directory


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

    Conda packages go to the directory of their platform.

    Returns:
        The final outcomes, in order. The same file given twice is converted twice; a build that lost its name to
        another is `unrepresentable` (`CB316`), and so is a wheel that lost the names of all its packages; if it lost
        some of them, that is a loss (`CB258`).
    """
    wheels: dict[str, tuple[Rank, Output]] = {}
    packages: dict[str, tuple[tuple[tuple[int, ...], str], Output]] = {}
    for item in staged:
        for output in item.outcome.outputs:
            best = wheels.get(output.filename)
            if item.rank is not None and (best is None or item.rank > best[0]):
                wheels[output.filename] = (item.rank, output)
        for package, output in zip(item.packages, item.outcome.outputs, strict=False):
            place, worth = f"{package.subdir}/{output.filename}", (package.preference, output.source.filename)
            other = packages.get(place)
            if other is None or worth > other[0]:
                packages[place] = (worth, output)
    winners = {place: output for place, (_, output) in packages.items()}
    return tuple(
        _published_packages(item, winners, directory) if item.packages else _published(item, wheels, directory)
        for item in staged
    )


def _published_packages(item: Staged, winners: Mapping[str, Output], directory: Path) -> Outcome:
    """Put the packages of one wheel in their places, all of them that won their names or none."""
    kept: list[tuple[Output, Path]] = []
    losses: list[Loss] = []
    for package, output in zip(item.packages, item.outcome.outputs, strict=True):
        place = f"{package.subdir}/{output.filename}"
        winner = winners[place]
        if winner.sha256 != output.sha256:
            losses.append(
                Loss(Code.SHADOWED_PACKAGE, place, f"was made of {winner.source.filename}, which is preferred")
            )
        elif winner is output and (why := package_in_the_way(directory / place, Path(output.path))) is not None:
            return failed(item.outcome.input, Unsupported(Code.OUTPUT_TAKEN, why, subject=place))
        else:
            kept.append((output, directory / place))
    if not kept:
        message = f"{losses[0].subject} {losses[0].detail}"
        error = Unrepresentable(Code.SHADOWED, message, subject=item.outcome.outputs[0].source.filename)
        return failed(item.outcome.input, error)
    for output, destination in kept:
        # The same wheel given twice has the same packages; the other one's are put in place.
        if winners[f"{destination.parent.name}/{output.filename}"] is output and (taken := _place(output, destination)):
            return failed(item.outcome.input, taken)
    outputs = tuple(replace(output, path=str(destination)) for output, destination in kept)
    return replace(item.outcome, outputs=outputs, losses=(*item.outcome.losses, *losses))


def _place(output: Output, destination: Path) -> Unsupported | None:
    """Rename a finished file into its place; what stood in the way, if it did."""
    try:
        destination.parent.mkdir(exist_ok=True)
        Path(output.path).replace(destination)
    except OSError as reason:
        message = f"the file cannot be put in its place: {reason.strerror}"
        return Unsupported(Code.OUTPUT_TAKEN, message, subject=output.filename)
    return None


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
            if (taken := _place(output, destination)) is not None:
                return failed(item.outcome.input, taken)
        outputs.append(replace(output, path=str(destination)))
    return replace(item.outcome, outputs=tuple(outputs))
