"""Work done in parallel, its results taken in order, with a bound on what is under way."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from bridge.limits import MIB

if TYPE_CHECKING:
    from collections.abc import Callable

#: Bytes read and not yet written. Enough to bridge a slow chunk; what peak memory mostly consists of.
WINDOW: Final = 48 * MIB
#: Content of small files that one task handles.
BATCH: Final = 1 * MIB
#: What a file weighs beside its content, so that many empty ones fill a batch too.
FILE_OVERHEAD: Final = 256

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Job:
    weight: int
    future: Future[Any]
    place: Callable[[Any], None]


class OrderedWork:
    """Runs tasks on workers and hands their results on in order, in the submitting thread.

    With one thread no worker is started: the submitting thread does the work itself, at once.

    Args:
        threads: workers, at least 1.
        window: bound on the summed weights of tasks whose results have not been handed on.
    """

    def __init__(self, threads: int, window: int) -> None:
        if threads < 1:
            raise ValueError("at least one thread is needed")
        self._pool = ThreadPoolExecutor(threads, "wheel-writer") if threads > 1 else None
        self._line = ThreadPoolExecutor(1, "wheel-writer-line") if threads > 1 else None
        self._window = window
        self._weight = 0
        self._jobs: deque[_Job] = deque()

    def submit(self, weight: int, task: Callable[[], T], place: Callable[[T], None]) -> None:
        """Run `task` on a worker and later call `place` with its result.

        Blocks while the window is full. What a task or a `place` raises comes out of this or a later call.
        """
        if self._pool is None:
            place(task())
            return
        while self._jobs and (self._weight + weight > self._window or self._jobs[0].future.done()):
            self._place_next()
        self._jobs.append(_Job(weight, self._pool.submit(task), place))
        self._weight += weight

    def in_line(self, task: Callable[[], object]) -> Callable[[], object]:
        """Run `task` after every earlier one given here, on a thread for these alone.

        Returns:
            What waits until it has run.
        """
        if self._line is None:
            task()
            return lambda: None
        return self._line.submit(task).result

    def settle(self) -> None:
        """Hand on every result still due."""
        while self._jobs:
            self._place_next()

    def close(self) -> None:
        """Drop what is not done and end the workers."""
        self._jobs.clear()
        for pool in (self._pool, self._line):
            if pool is not None:
                pool.shutdown(cancel_futures=True)

    def _place_next(self) -> None:
        job = self._jobs.popleft()
        self._weight -= job.weight
        job.place(job.future.result())
