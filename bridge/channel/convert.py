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
from bridge.channel.occupied import family_in_the_way
from bridge.channel.repodata import Channel, open_channel
from bridge.channel.settings import Settings
from bridge.channel.staging import Staged, failed, publish, strictly
from bridge.channel.variants import make_families
from bridge.channel.workshop import Workshop
from bridge.errors import BridgeError, Code, Unsupported
from bridge.formats.conda.artifact import open_artifact
from bridge.formats.conda.identifiers import parse_subdir
from bridge.formats.wheel.compression import Compression
from bridge.limits import DEFAULT_LIMITS, Limits
from bridge.mapping.axes import load_axes
from bridge.mapping.names import RESERVED_PREFIX
from bridge.model.conda import CondaName
from bridge.model.plan import Layout, Outcome, Status
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
        subdir: the platform that MatchSpecs are resolved for, by conda's name (CEP 26).
        strict: losses become refusals.
        jobs: processes; for a single input, threads of the writer.
        compression: of the wheels' members.
        overlays: the user's mapping files: names, axes.
        reserved_prefix: of wheels made of packages that are no Python projects.
        limits: of what a reader accepts.
        on_outcome: called as each outcome is known (order of completion).

    Returns:
        One outcome per input, in the order of the inputs.

    Raises:
        InvalidInput: a channel or an overlay cannot be read, or an argument is malformed; nothing was converted.
        Unsupported: nothing can be written to `out` (`CB322`).
    """
    expanded, settings = settings_for(
        inputs,
        layout=layout,
        channels=channels,
        subdir=subdir,
        jobs=jobs,
        compression=compression,
        overlays=overlays,
        reserved_prefix=reserved_prefix,
        limits=limits,
    )
    axes = load_axes(settings.overlays)
    directory = Path(out)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=_STAGING, dir=directory))
    except OSError as error:
        message = f"nothing can be written there: {error.strerror}"
        raise Unsupported(Code.OUTPUT_TAKEN, message, subject=str(directory)) from error
    try:
        staged = _run(expanded, settings, staging, min(jobs, len(expanded)), on_outcome)
        families, indexes = make_families(staged, lambda: _opened(settings), axes, staging)
        if strict:
            families = [replace(item, outcome=strictly(item.outcome)) for item in families]
        for index in indexes:
            families = _with_index(families, index, directory)
        return Report(publish(families, directory))
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _with_index(families: Sequence[Staged], index: Path, directory: Path) -> list[Staged]:
    """Publish a release's `-variants.json`, unless that would hide variants of it that lie there already."""
    release = index.name.removesuffix("variants.json")
    own = [any(output.filename.startswith(release) for output in item.outcome.outputs) for item in families]
    why = family_in_the_way(directory / index.name, index)
    if why is not None:
        error = Unsupported(Code.OUTPUT_TAKEN, why, subject=index.name)
        return [
            Staged(failed(item.outcome.input, error)) if taken else item
            for item, taken in zip(families, own, strict=True)
        ]
    if any(own):
        _place(index, directory)
    return list(families)


def _place(index: Path, directory: Path) -> None:
    try:
        index.replace(directory / index.name)
    except OSError as error:
        message = f"the file cannot be put in its place: {error.strerror}"
        raise Unsupported(Code.OUTPUT_TAKEN, message, subject=index.name) from error


def _opened(settings: Settings) -> list[Channel]:
    return [open_channel(location, subdirs=settings.subdirs) for location in settings.channels]


def settings_for(
    inputs: Sequence[str | Path],
    *,
    layout: Layout | None,
    channels: Sequence[str | Path],
    subdir: str,
    overlays: Sequence[Path],
    reserved_prefix: str,
    jobs: int = 1,
    compression: Compression = Compression.BALANCED,
    limits: Limits = DEFAULT_LIMITS,
) -> tuple[list[Input], Settings]:
    """Expand the inputs and settle what holds for all of them; the arguments are those of `convert`."""
    if isinstance(inputs, str | Path):
        raise TypeError("inputs is a list of inputs, not one")
    texts = [str(item) for item in inputs]
    specs = [open_channel(location, subdirs=_subdirs(subdir)) for location in channels] if channels else []
    expanded = expand(texts, specs, parse_subdir(subdir, subject="--subdir", field=subdir))
    # A single package is no evidence about its own requirements, and without a channel nobody asks for its platform.
    seen = _Seen.of(expanded, limits) if channels or len(expanded) > 1 else _Seen({}, ())
    return expanded, Settings(
        options=Options(_default_layout(texts) if layout is None else Layout(layout), reserved_prefix),
        channels=tuple(str(location) for location in channels),
        subdirs=tuple(dict.fromkeys((*_subdirs(subdir), *seen.subdirs))),
        overlays=tuple(overlays),
        compression=compression,
        limits=limits,
        threads=jobs if len(expanded) == 1 else 1,
        names=seen.names,
    )


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
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_open_workshop, initargs=(settings,)) as pool:
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
    except Exception as error:
        return Staged(internal_error(item.label, error))


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
        made = workshop.convert(item, directory)
    except BridgeError as error:
        shutil.rmtree(directory, ignore_errors=True)
        return Staged(failed(item.label, error))
    except Exception as error:
        shutil.rmtree(directory, ignore_errors=True)
        return Staged(internal_error(item.label, error))
    outcome = Outcome(item.label, Status.CONVERTED, outputs=(made.output,), losses=made.losses)
    return Staged(outcome, made.rank, made.build)


def internal_error(label: str, error: Exception) -> Outcome:
    """The outcome of an input at which the bridge itself failed: the error, and where it was raised."""
    message = f"{type(error).__name__}: {error}"
    if frames := traceback.extract_tb(error.__traceback__):
        message += f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})"
    return Outcome(label, Status.INTERNAL_ERROR, None, message)


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
                name = own_distribution(metadata)
            except Exception:  # noqa: S112 - it gets its outcome when it is converted
                continue
            subdirs.setdefault(metadata.index.subdir)
            if name is not None:
                names[metadata.index.name] = name
        return cls(names, tuple(sorted(subdirs)))
