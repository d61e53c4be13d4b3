"""Doing tasks: one after the other here, or in several processes. Whatever does them, the results are the same bytes.

An engine of another kind (a cluster) needs to do no more than call `Bench.perform` somewhere, at least once for each
task, with the source and the task's directory in its reach.
"""

from __future__ import annotations

import gc
import os
from collections import Counter, deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from bridge.errors import Code, InvalidInput, Unsupported
from bridge.limits import MIB
from bridge.sync.destination import NO_SPACE
from bridge.sync.task import Done, Task, Work

if TYPE_CHECKING:
    from bridge.sync.work import Bench

#: tasks that a worker gets at once, and bytes of them: small packages cost less than handing them over.
BATCH: Final = 32
BATCH_SIZE: Final = 4 * MIB
#: batches for each worker, at least, so that all of them end at about the same time.
_BATCHES: Final = 4
#: batches that wait for each worker: enough that it never waits itself, and so few that results do not pile up.
_AHEAD: Final = 2
#: how often a task is given to a worker by itself before it is taken for what kills workers.
_ATTEMPTS: Final = 2


class Engine(Protocol):
    """Who does the tasks."""

    def run(self, work: Work, tasks: Sequence[Task]) -> Generator[Done]:
        """Do all tasks.

        Yields:
            what became of each, once, in any order, as it is known. Closing the iterator stops what is not done.

        Raises:
            Unsupported: there is no space left (`CB342`), or the engine cannot be had.
        """


@dataclass(frozen=True, slots=True)
class Serial:
    """In this process."""

    def run(self, work: Work, tasks: Sequence[Task]) -> Generator[Done]:
        """In the order of the tasks."""
        # Imported here, and where workers start: a run that has nothing to convert need not load all that converts.
        from bridge.sync.work import Bench

        with Bench(work) as bench:
            for task in tasks:
                yield checked(bench.perform(task))


@dataclass(frozen=True, slots=True)
class Processes:
    """In several processes of this machine. One that dies is replaced, and what it had is done again."""

    jobs: int

    def run(self, work: Work, tasks: Sequence[Task]) -> Generator[Done]:
        """Large tasks first, small ones together."""
        if len(tasks) == 1:
            # Starting workers would take longer.
            yield from Serial().run(work, tasks)
            return
        waiting = deque(batches(tasks, self.jobs))
        tries: Counter[str] = Counter()
        while waiting:
            lost = yield from self._until_broken(work, waiting, self.jobs)
            # One of these killed its worker; each gets one to itself.
            for task in lost:
                yield from self._alone(work, task, tries)

    def _alone(self, work: Work, task: Task, tries: Counter[str]) -> Iterator[Done]:
        while tries[task.unit] < _ATTEMPTS:
            tries[task.unit] += 1
            if not (yield from self._until_broken(work, deque([(task,)]), 1)):
                return
        from bridge.sync.work import broken

        message = "the process that converted it died, each time"
        yield Done(task.unit, broken(task, RuntimeError(message)), task.directory)

    def _until_broken(
        self, work: Work, waiting: deque[tuple[Task, ...]], jobs: int
    ) -> Generator[Done, None, tuple[Task, ...]]:
        """Do what is waiting; returns the tasks that were being done when a worker died."""
        from bridge.channel.pool import worker_context

        running: dict[Future[list[Done]], tuple[Task, ...]] = {}
        lost: list[Task] = []
        pool = ProcessPoolExecutor(
            jobs, mp_context=worker_context(), initializer=_open, initargs=(work, dict(os.environ))
        )
        try:
            while (waiting or running) and not lost:
                while waiting and len(running) < jobs * _AHEAD:
                    try:
                        running[pool.submit(_perform, waiting[0])] = waiting[0]
                    except BrokenProcessPool:
                        # One died that had nothing to do yet, or its batch tells in a moment.
                        break
                    waiting.popleft()
                if not running:
                    lost += waiting.popleft()
                    break
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    batch = running.pop(future)
                    try:
                        results = future.result()
                    except Exception:
                        # The worker died, or was too short of memory to say what became of them.
                        lost += batch
                    else:
                        yield from map(checked, results)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
        for future, batch in running.items():
            if future.cancelled() or future.exception() is not None:
                lost += batch
            else:
                yield from map(checked, future.result())
        return tuple(lost)


def batches(tasks: Sequence[Task], jobs: int) -> Iterator[tuple[Task, ...]]:
    """Tasks in the portions that workers get: large ones by themselves and first, small ones together."""
    most = max(1, min(BATCH, len(tasks) // (jobs * _BATCHES)))
    sizes = {task.unit: sum(file.size or BATCH_SIZE for file in task.files) for task in tasks}
    batch: list[Task] = []
    weight = 0
    for task in sorted(tasks, key=lambda task: (-sizes[task.unit], task.unit)):
        if batch and (len(batch) == most or weight + sizes[task.unit] > BATCH_SIZE):
            yield tuple(batch)
            batch, weight = [], 0
        batch.append(task)
        weight += sizes[task.unit]
    if batch:
        yield tuple(batch)


_bench: Bench | None = None


def _open(work: Work, environment: Mapping[str, str]) -> None:
    global _bench  # noqa: PLW0603 - one per worker process, made by the pool's initializer
    # What workers are forked from may have been started under another one.
    os.environ.clear()
    os.environ.update(environment)
    from bridge.sync.work import Bench

    _bench = Bench(work)
    # Modules and tables stay to the end; no collection need look at them again.
    gc.freeze()


def _perform(batch: Sequence[Task]) -> list[Done]:
    if _bench is None:
        raise RuntimeError("the worker was not initialised")
    return [_bench.perform(task) for task in batch]


def open_engine(name: str, jobs: int) -> Engine:
    """The engine of a name: `processes`, `serial`, `dask`, or `dask:` and the address of a scheduler.

    Args:
        name: as on a command line.
        jobs: processes.

    Raises:
        InvalidInput: there is none of that name (`CB119`).
    """
    kind, _, address = name.partition(":")
    if kind == "dask":
        # Imported here: whoever does not ask for a cluster need not have its libraries.
        from bridge.sync.dask_engine import Dask

        return Dask(jobs, address or None)
    match name:
        case "serial":
            return Serial()
        case "processes":
            return Serial() if jobs == 1 else Processes(jobs)
        case _:
            raise InvalidInput(Code.SOURCE, "there is no engine of that name", subject=name)


def checked(done: Done) -> Done:
    """Stop the run where there is no space left."""
    if done.result is None:
        raise Unsupported(Code.NO_SPACE, NO_SPACE, subject=done.unit)
    return done
