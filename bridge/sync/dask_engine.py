"""Doing tasks on a Dask cluster: on this machine, or wherever its workers are.

Workers need the source and the waiting place of the destination in their reach, at the same paths. Dask runs a task
again where a worker died, and sometimes one that somebody else still has; so each attempt gets a directory of its own,
and only the one whose result comes back counts.
"""

from __future__ import annotations

import secrets
import tempfile
from collections import Counter, deque
from collections.abc import Generator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any, Final

from bridge.errors import Code, InvalidInput, Unsupported
from bridge.formats.conda.identifiers import printable
from bridge.sync.engine import batches, checked
from bridge.sync.task import Done, Task, Work
from bridge.sync.work import Bench, broken

#: batches that wait for each worker, so that none waits for the scheduler.
_AHEAD: Final = 3
#: how often a task may lose its worker before it is taken for what kills workers.
_RETRIES: Final = 2
#: seconds until a cluster must have answered.
_PATIENCE: Final = 30


@dataclass(frozen=True, slots=True)
class Dask:
    """On a cluster.

    Args:
        jobs: workers of one process each, where this machine makes the cluster.
        address: of a scheduler that runs; None to make a cluster here, for as long as the tasks last.
    """

    jobs: int
    address: str | None = None

    def run(self, work: Work, tasks: Sequence[Task]) -> Generator[Done, None, None]:
        """Large tasks first, small ones together; no more in the cluster than its workers need.

        Raises:
            Unsupported: distributed is not installed (`CB345`), or there is no space left (`CB342`).
            InvalidInput: the scheduler does not answer (`CB119`).
        """
        with ExitStack() as stack:
            client = self._client(stack)
            yield from _run(client, work, tasks)

    def _client(self, stack: ExitStack) -> Any:
        """A client of the cluster; distributed has no types."""
        try:
            import distributed
        except ImportError as error:
            message = "a cluster needs distributed: pip install 'conda-wheel-bridge[dask]'"
            raise Unsupported(Code.EXTRA_MISSING, message, subject="--engine dask") from error
        if self.address is None:
            scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="conda-bridge-"))
            cluster = distributed.LocalCluster(
                n_workers=self.jobs,
                threads_per_worker=1,
                processes=True,
                dashboard_address=None,
                local_directory=scratch,
                silence_logs="ERROR",
            )
            return stack.enter_context(distributed.Client(stack.enter_context(cluster)))
        try:
            return stack.enter_context(distributed.Client(self.address, timeout=_PATIENCE))
        except (OSError, ValueError) as error:
            message = "the scheduler does not answer"
            raise InvalidInput(Code.SOURCE, message, subject=printable(self.address)) from error


def _run(client: Any, work: Work, tasks: Sequence[Task]) -> Generator[Done, None, None]:
    from distributed import as_completed

    workers = max(1, len(client.scheduler_info(n_workers=-1)["workers"]))
    waiting = deque(batches(tasks, workers))
    tries: Counter[str] = Counter()
    # sent once, and not with every batch
    shared = client.scatter((secrets.token_hex(8), work), broadcast=True)
    running: dict[Any, tuple[Task, ...]] = {}
    finished = as_completed()
    try:
        while waiting or running:
            while waiting and len(running) < workers * _AHEAD:
                batch = waiting.popleft()
                future = client.submit(_perform, shared, batch, pure=False)
                running[future] = batch
                finished.add(future)
            future = next(finished)
            batch = running.pop(future)
            if future.status == "finished":
                yield from map(checked, future.result())
                continue
            # Each task by itself, to find out which of them kills workers.
            for task in batch:
                tries[task.unit] += 1
                if tries[task.unit] > _RETRIES:
                    message = f"the worker that converted it was lost, each time: {future.status}"
                    yield Done(task.unit, broken(task, RuntimeError(message)), task.directory)
                else:
                    waiting.append((task,))
    finally:
        client.cancel(list(running))


#: the bench of this worker process, and of which run it is.
_bench: tuple[str, Bench] | None = None


def _perform(shared: tuple[str, Work], batch: Sequence[Task]) -> list[Done]:
    global _bench  # noqa: PLW0603 - one per worker process, as channels and tables stay open from batch to batch
    run, work = shared
    if _bench is None or _bench[0] != run:
        if _bench is not None:
            _bench[1].__exit__(None, None, None)
        _bench = run, Bench(work)
    bench = _bench[1]
    return [bench.perform(_attempt(task)) for task in batch]


def _attempt(task: Task) -> Task:
    return replace(task, directory=task.directory.with_name(f"{task.directory.name}-{secrets.token_hex(8)}"))
