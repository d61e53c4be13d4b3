"""Running many conversions: in this process or in several, with one outcome per input whatever goes wrong."""

from __future__ import annotations

import gc
import multiprocessing
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import forkserver
from multiprocessing.context import BaseContext
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from bridge.channel.inputs import Input
from bridge.channel.settings import Settings
from bridge.channel.staging import Staged, StagedPackage, failed
from bridge.channel.wheel_workshop import WheelWorkshop
from bridge.channel.workshop import Workshop
from bridge.errors import BridgeError
from bridge.limits import MIB
from bridge.model.plan import Outcome, Status

#: inputs that a worker gets at once and that share a directory, and bytes of them: to hand over each by itself, and to
#: make a directory for it, costs a tenth of a small package.
_BATCH: Final = 16
_BATCH_SIZE: Final = 4 * MIB
#: batches for each worker, at least, so that all of them end at about the same time.
_BATCHES: Final = 4
#: macOS may abort a process that was forked after its libraries were loaded; elsewhere there is no fork.
_FORKED: Final = sys.platform == "linux"


class Workplace:
    """The workshops of one process, each opened when the first input needs it; a context manager."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._artifacts: Workshop | None = None
        self._wheels: WheelWorkshop | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._artifacts is not None:
            self._artifacts.close()

    def artifacts(self) -> Workshop:
        """Where conda packages become wheels."""
        if self._artifacts is None:
            self._artifacts = Workshop(self._settings)
        return self._artifacts

    def wheels(self) -> WheelWorkshop:
        """Where wheels become conda packages."""
        if self._wheels is None:
            self._wheels = WheelWorkshop(self._settings)
        return self._wheels

    def attempt(self, item: Input, directory: Path) -> Staged:
        """Convert one input into `directory`, which inputs may share; whatever goes wrong becomes its outcome."""
        try:
            return self.convert(item, directory)
        except BridgeError as error:
            return Staged(failed(item.label, error))
        except Exception as error:
            return Staged(internal_error(item.label, error))

    def convert(self, item: Input, directory: Path) -> Staged:
        """Convert one input into `directory`.

        Raises:
            BridgeError: what is wrong with it; other errors come as they are. Files may be left in `directory`.
        """
        return self._wheel(item, directory) if item.is_wheel else self._artifact(item, directory)

    def _artifact(self, item: Input, directory: Path) -> Staged:
        made = self.artifacts().convert(item, directory)
        outcome = Outcome(item.label, Status.CONVERTED, outputs=(made.output,), losses=made.losses)
        return Staged(outcome, made.rank, made.build)

    def _wheel(self, item: Input, directory: Path) -> Staged:
        made = self.wheels().convert(item, directory)
        outcome = Outcome(
            item.label, Status.CONVERTED, outputs=tuple(each.output for each in made.packages), losses=made.losses
        )
        return Staged(outcome, packages=tuple(StagedPackage(each.subdir, each.preference) for each in made.packages))


def run(
    inputs: Sequence[Input],
    settings: Settings,
    staging: Path,
    jobs: int,
    on_outcome: Callable[[Outcome], None] | None,
) -> list[Staged]:
    """Convert every input into files below `staging`.

    Args:
        jobs: processes.
        on_outcome: called as each outcome is known.

    Returns:
        What became of each, in the order of the inputs.
    """
    batches = list(_batches(inputs, max(jobs, 1)))
    directories = [staging / str(number) for number in range(len(batches))]
    if jobs <= 1:
        with Workplace(settings) as place:
            return [
                _told(place.attempt(item, directory), on_outcome)
                for batch, directory in zip(batches, directories, strict=True)
                for item in batch
            ]
    arguments = (settings, dict(os.environ))
    with ProcessPoolExecutor(jobs, mp_context=worker_context(), initializer=_open, initargs=arguments) as pool:
        futures = [pool.submit(_work, *task) for task in zip(batches, directories, strict=True)]
        if on_outcome is not None:
            for future in futures:
                future.add_done_callback(lambda done: _tell(done, on_outcome))
        return [staged for future, batch in zip(futures, batches, strict=True) for staged in _results(future, batch)]


def prepare() -> None:
    """Start loading what worker processes need, and go on meanwhile."""
    if _FORKED:
        worker_context()
        forkserver.ensure_running()


def worker_context() -> BaseContext:
    """How workers are started: never by forking this process, which may have threads (py-rattler's runtime)."""
    if not _FORKED:
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    # A worker imports what the main module of this process does; it is there already then.
    context.set_forkserver_preload([__name__, *(name for name in sys.modules if name.startswith("bridge."))])
    return context


def _batches(inputs: Sequence[Input], jobs: int) -> Iterator[tuple[Input, ...]]:
    """Neighbours that are small together; the rest alone."""
    most = max(1, min(_BATCH, len(inputs) // (jobs * _BATCHES)))
    batch: list[Input] = []
    weight = 0
    for item in inputs:
        size = _size(item)
        if batch and (len(batch) == most or weight + size > _BATCH_SIZE):
            yield tuple(batch)
            batch, weight = [], 0
        batch.append(item)
        weight += size
    if batch:
        yield tuple(batch)


def _size(item: Input) -> int:
    """In bytes; of what has to be fetched first, so many that it is handed over alone."""
    try:
        return _BATCH_SIZE if item.path is None else item.path.stat().st_size
    except OSError:
        return 0


_place: Workplace | None = None


def _open(settings: Settings, environment: Mapping[str, str]) -> None:
    global _place  # noqa: PLW0603 - one per worker process, made by the pool's initializer
    # What workers are forked from may have been started under another one.
    os.environ.clear()
    os.environ.update(environment)
    _place = Workplace(settings)
    # Modules and tables stay to the end; no collection need look at them again.
    gc.freeze()


def _work(batch: Sequence[Input], directory: Path) -> list[Staged]:
    if _place is None:
        raise RuntimeError("the worker was not initialised")
    return [_place.attempt(item, directory) for item in batch]


def _told(staged: Staged, on_outcome: Callable[[Outcome], None] | None) -> Staged:
    if on_outcome is not None:
        on_outcome(staged.outcome)
    return staged


def _tell(done: Future[list[Staged]], on_outcome: Callable[[Outcome], None]) -> None:
    if done.exception() is None:
        for staged in done.result():
            on_outcome(staged.outcome)


def _results(future: Future[list[Staged]], batch: Sequence[Input]) -> list[Staged]:
    try:
        return future.result()
    except Exception as error:
        return [Staged(internal_error(item.label, error)) for item in batch]


def internal_error(label: str, error: Exception) -> Outcome:
    """The outcome of an input at which the bridge itself failed: the error, and where it was raised."""
    message = f"{type(error).__name__}: {error}"
    if frames := traceback.extract_tb(error.__traceback__):
        message += f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})"
    return Outcome(label, Status.INTERNAL_ERROR, None, message)
