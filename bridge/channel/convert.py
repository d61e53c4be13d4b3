"""Converting many artifacts: one outcome each, in parallel, with the same bytes whatever the number of jobs."""

from __future__ import annotations

import multiprocessing
import shutil
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from bridge.channel.inputs import Input, expand
from bridge.channel.repodata import open_channel
from bridge.channel.workshop import Settings, Workshop
from bridge.errors import BridgeError, Code, InvalidInput, Unrepresentable, Unsupported
from bridge.formats.conda.artifact import open_artifact
from bridge.formats.conda.identifiers import parse_subdir
from bridge.formats.wheel.compression import Compression
from bridge.limits import DEFAULT_LIMITS, Limits
from bridge.mapping.names import RESERVED_PREFIX
from bridge.model.conda import CondaName
from bridge.model.plan import Layout, Outcome, Output, Status
from bridge.translate.to_wheel.names import own_distribution
from bridge.translate.to_wheel.request import Options

SCHEMA: Final = "conda-bridge/convert/1"
_STAGING: Final = ".conda-bridge-"


@dataclass(frozen=True, slots=True)
class Report:
    """The outcomes of one run, in the order of its inputs."""

    outcomes: tuple[Outcome, ...] = field(default=())

    @property
    def summary(self) -> Mapping[str, int]:
        """How many inputs ended in each status; every status has an entry."""
        counts = Counter(outcome.status for outcome in self.outcomes)
        return {status.value: counts[status] for status in Status}

    def to_json(self) -> dict[str, Any]:
        """The document of `convert --json`."""
        return {
            "schema": SCHEMA,
            "outcomes": [outcome.to_json() for outcome in self.outcomes],
            "summary": dict(self.summary),
        }


def convert(
    inputs: Sequence[str | Path],
    out: str | Path,
    *,
    layout: Layout | None = None,
    channels: Sequence[str | Path] = (),
    subdir: str = "linux-64",
    strict: bool = False,
    jobs: int = 1,
    compression: Compression = Compression.BALANCED,
    overlays: Sequence[Path] = (),
    reserved_prefix: str = RESERVED_PREFIX,
    limits: Limits = DEFAULT_LIMITS,
    on_outcome: Callable[[Outcome], None] | None = None,
) -> Report:
    """Convert conda artifacts to wheels in `out`.

    Args:
        inputs: files, directories, addresses, or (with `channels`) MatchSpecs.
        out: directory, made where absent. Nothing partial is ever left in it.
        layout: None means vendored for single files and shared where a directory of packages is given.
        channels: where the artifacts and their dependencies come from, highest priority first.
        subdir: the platform that MatchSpecs are resolved for.
        strict: losses become refusals.
        jobs: processes; for a single input, threads of the writer.
        compression: of the wheels' members.
        overlays: the user's name mappings.
        reserved_prefix: of wheels made of packages that are no Python projects.
        limits: of what a reader accepts.
        on_outcome: called as each outcome is known (order of completion).

    Returns:
        One outcome per input, in the order of the inputs.

    Raises:
        InvalidInput: a channel or an overlay cannot be read; no input was looked at.
    """
    expanded, settings = settings_for(
        inputs,
        layout=layout,
        channels=channels,
        subdir=subdir,
        strict=strict,
        jobs=jobs,
        compression=compression,
        overlays=overlays,
        reserved_prefix=reserved_prefix,
        limits=limits,
    )
    directory = Path(out)
    directory.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=_STAGING, dir=directory))
    try:
        staged = _run(expanded, settings, staging, min(jobs, len(expanded)), on_outcome)
        return Report(_publish(staged, directory))
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def settings_for(
    inputs: Sequence[str | Path],
    *,
    layout: Layout | None,
    channels: Sequence[str | Path],
    subdir: str,
    strict: bool,
    overlays: Sequence[Path],
    reserved_prefix: str,
    jobs: int = 1,
    compression: Compression = Compression.BALANCED,
    limits: Limits = DEFAULT_LIMITS,
) -> tuple[list[Input], Settings]:
    """Expand the inputs and settle what holds for all of them; the arguments are those of `convert`."""
    texts = [str(item) for item in inputs]
    specs = [open_channel(location, subdirs=_subdirs(subdir)) for location in channels] if channels else []
    expanded = expand(texts, specs, parse_subdir(subdir, subject="--subdir", field=subdir))
    seen = _Seen.of(expanded, limits)
    return expanded, Settings(
        options=Options(layout or _default_layout(texts), strict, reserved_prefix),
        channels=tuple(str(location) for location in channels),
        subdirs=tuple(dict.fromkeys((*_subdirs(subdir), *seen.subdirs))),
        overlays=tuple(overlays),
        compression=compression,
        limits=limits,
        threads=jobs if len(expanded) == 1 else 1,
        names=seen.names,
    )


@dataclass(frozen=True, slots=True)
class Staged:
    """An outcome whose wheel still lies in the staging directory, with the build that it came from."""

    outcome: Outcome
    #: (build number, timestamp, file name): the greatest wins where two builds make one wheel.
    rank: tuple[int, int, str] = (0, 0, "")


_workshop: Workshop | None = None


def _run(
    inputs: Sequence[Input],
    settings: Settings,
    staging: Path,
    jobs: int,
    on_outcome: Callable[[Outcome], None] | None,
) -> list[Staged]:
    if jobs <= 1:
        with Workshop(settings) as workshop:
            return [_told(_attempt(workshop, item, staging, i), on_outcome) for i, item in enumerate(inputs)]
    # spawn: forking a process that has threads (py-rattler's runtime) can deadlock.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        jobs, mp_context=context, initializer=_open_workshop, initargs=(settings,)
    ) as pool:
        futures = [pool.submit(_work, item, staging, i) for i, item in enumerate(inputs)]
        if on_outcome is not None:
            for future in futures:
                future.add_done_callback(lambda done: _tell(done, on_outcome))
        return [_result(future, item) for future, item in zip(futures, inputs, strict=True)]


def _told(staged: Staged, on_outcome: Callable[[Outcome], None] | None) -> Staged:
    if on_outcome is not None:
        on_outcome(staged.outcome)
    return staged


def _tell(done: Future[Staged], on_outcome: Callable[[Outcome], None]) -> None:
    if done.exception() is None:
        on_outcome(done.result().outcome)


def _result(future: Future[Staged], item: Input) -> Staged:
    try:
        return future.result()
    except Exception as error:  # noqa: BLE001 - a worker that died is that input's outcome, not the run's end
        return Staged(Outcome(item.label, Status.INTERNAL_ERROR, None, f"{type(error).__name__}: {error}"))


def _open_workshop(settings: Settings) -> None:
    global _workshop  # noqa: PLW0603 - one per worker process, made by the pool's initializer
    _workshop = Workshop(settings)


def _work(item: Input, staging: Path, number: int) -> Staged:
    if _workshop is None:
        raise RuntimeError("the worker was not initialised")
    return _attempt(_workshop, item, staging, number)


def _attempt(workshop: Workshop, item: Input, staging: Path, number: int) -> Staged:
    """Convert one input; whatever goes wrong becomes its outcome."""
    directory = staging / str(number)
    try:
        if item.error is not None:
            raise item.error
        made = workshop.convert(item, directory)
        outcome = Outcome(item.label, Status.CONVERTED, outputs=(made.output,), losses=made.losses)
        return Staged(outcome, made.rank)
    except BridgeError as error:
        shutil.rmtree(directory, ignore_errors=True)
        return Staged(Outcome(item.label, status_of(error), error.code, str(error)))
    except Exception as error:  # noqa: BLE001 - one bad artifact never stops a run
        shutil.rmtree(directory, ignore_errors=True)
        where = traceback.extract_tb(error.__traceback__)[-1]
        message = f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"
        return Staged(Outcome(item.label, Status.INTERNAL_ERROR, None, message))


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


def _publish(staged: Sequence[Staged], directory: Path) -> tuple[Outcome, ...]:
    """Move the wheels to their place; of several builds that make one wheel, the newest wins (design, section 8)."""
    winners: dict[str, Staged] = {}
    for item in staged:
        for output in item.outcome.outputs:
            best = winners.get(output.filename)
            if best is None or item.rank > best.rank:
                winners[output.filename] = item
    return tuple(_published(item, winners, directory) for item in staged)


def _published(item: Staged, winners: Mapping[str, Staged], directory: Path) -> Outcome:
    outputs: list[Output] = []
    for output in item.outcome.outputs:
        winner = winners[output.filename]
        if winner is not item:
            newest = winner.rank[-1]
            error = Unrepresentable(
                Code.SHADOWED,
                f"{output.filename} was made of {newest}, a newer build",
                subject=output.source.filename,
            )
            return Outcome(item.outcome.input, Status.UNREPRESENTABLE, error.code, str(error))
        destination = directory / output.filename
        Path(output.path).replace(destination)
        outputs.append(replace(output, path=str(destination)))
    return replace(item.outcome, outputs=tuple(outputs))


def _default_layout(texts: Sequence[str]) -> Layout:
    many = any(Path(text).is_dir() and not (Path(text) / "info" / "index.json").is_file() for text in texts)
    return Layout.SHARED if many else Layout.VENDORED


def _subdirs(subdir: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((subdir, "noarch")))


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the file lists of the inputs give away before any of them is converted."""

    #: conda name -> project name of the inputs that carry their own metadata; the best evidence for requirements.
    names: Mapping[CondaName, str]
    subdirs: tuple[str, ...]

    @classmethod
    def of(cls, inputs: Sequence[Input], limits: Limits) -> _Seen:
        """Look at `info/` of every local input; one that cannot be read tells nothing and gets its outcome later."""
        names: dict[CondaName, str] = {}
        subdirs: dict[str, None] = {}
        for item in inputs:
            if item.path is None:
                continue
            try:
                with open_artifact(item.path, limits=limits) as artifact:
                    metadata = artifact.metadata()
            except (BridgeError, OSError):
                continue
            subdirs.setdefault(metadata.index.subdir)
            if (name := own_distribution(metadata)) is not None:
                names[metadata.index.name] = name
        return cls(names, tuple(sorted(subdirs)))
