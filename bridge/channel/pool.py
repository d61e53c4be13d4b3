"""Running many conversions: in this process or in several, with one outcome per input whatever goes wrong."""

from __future__ import annotations

import multiprocessing
import shutil
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from bridge.channel.inputs import Input
from bridge.channel.settings import Settings
from bridge.channel.staging import Staged, StagedPackage, failed
from bridge.channel.wheel_workshop import WheelWorkshop
from bridge.channel.workshop import Workshop
from bridge.errors import BridgeError
from bridge.model.plan import Outcome, Status


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
        """Convert one input into `directory`; whatever goes wrong becomes its outcome."""
        try:
            return self._wheel(item, directory) if item.is_wheel else self._artifact(item, directory)
        except BridgeError as error:
            shutil.rmtree(directory, ignore_errors=True)
            return Staged(failed(item.label, error))
        except Exception as error:
            shutil.rmtree(directory, ignore_errors=True)
            return Staged(internal_error(item.label, error))

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
    """Convert every input into a directory of its own below `staging`.

    Args:
        jobs: processes.
        on_outcome: called as each outcome is known.

    Returns:
        What became of each, in the order of the inputs.
    """
    if jobs <= 1:
        with Workplace(settings) as place:
            return [_told(place.attempt(item, staging / str(i)), on_outcome) for i, item in enumerate(inputs)]
    # spawn: forking a process that has threads (py-rattler's runtime) can deadlock.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_open, initargs=(settings,)) as pool:
        futures = [pool.submit(_work, item, staging / str(i)) for i, item in enumerate(inputs)]
        if on_outcome is not None:
            for future in futures:
                future.add_done_callback(lambda done: _tell(done, on_outcome))
        return [_result(future, item) for future, item in zip(futures, inputs, strict=True)]


_place: Workplace | None = None


def _open(settings: Settings) -> None:
    global _place  # noqa: PLW0603 - one per worker process, made by the pool's initializer
    _place = Workplace(settings)


def _work(item: Input, directory: Path) -> Staged:
    if _place is None:
        raise RuntimeError("the worker was not initialised")
    return _place.attempt(item, directory)


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


def internal_error(label: str, error: Exception) -> Outcome:
    """The outcome of an input at which the bridge itself failed: the error, and where it was raised."""
    message = f"{type(error).__name__}: {error}"
    if frames := traceback.extract_tb(error.__traceback__):
        message += f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})"
    return Outcome(label, Status.INTERNAL_ERROR, None, message)
