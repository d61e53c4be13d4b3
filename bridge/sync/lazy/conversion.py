"""Converting what is asked for: each once, a few at a time, and nobody waits for ever."""

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from bridge.channel.listing import digest
from bridge.channel.location import file_path
from bridge.errors import Code, InvalidInput
from bridge.sync.channel_source import ChannelSource
from bridge.sync.lazy.store import Store
from bridge.sync.result import Result
from bridge.sync.source import SourceFile
from bridge.sync.task import Task, Work
from bridge.sync.work import Bench

if TYPE_CHECKING:
    from collections.abc import Iterator

#: seconds that a request waits for a conversion.
PATIENCE: Final = 300.0
#: requests that may wait at a time; others are sent away.
WAITING: Final = 64


class CheckedSource(ChannelSource):
    """A channel whose files are what the plan says, or not taken: what becomes of others must not be kept."""

    def fetch(self, file: SourceFile, directory: Path) -> Path:
        """Checks the digest of local files too."""
        path = super().fetch(file, directory)
        if file.sha256 is not None and file_path(file.address) is not None:
            with path.open("rb") as opened:
                sha256, _ = digest(opened)
            if sha256 != file.sha256:
                message = f"its SHA-256 is {sha256}, not {file.sha256} as planned"
                raise InvalidInput(Code.HASH, message, subject=file.filename)
        return path


class Busy(Exception):
    """Whoever asks may ask again: too many are waiting, or it takes too long."""


@dataclass(slots=True)
class _Running:
    """A conversion that others may wait for."""

    done: threading.Event
    result: Result | None = None


class Converter:
    """Does conversions for the threads of one process; a context manager.

    Args:
        work: what all conversions share.
        store: where results are kept.
        jobs: conversions at a time.
        patience: in seconds.
    """

    def __init__(self, work: Work, store: Store, *, jobs: int = 1, patience: float = PATIENCE) -> None:
        self._work = work
        self._store = store
        self._patience = patience
        self._seats = threading.BoundedSemaphore(WAITING)
        self._guard = threading.Lock()
        self._running: dict[str, _Running] = {}
        self._benches: queue.SimpleQueue[Bench] = queue.SimpleQueue()
        self._all = tuple(Bench(work) for _ in range(max(1, jobs)))
        for bench in self._all:
            self._benches.put(bench)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for bench in self._all:
            bench.__exit__(kind, error, trace)

    def convert(self, key: str, files: Sequence[SourceFile]) -> Result:
        """What becomes of files that are made together.

        Args:
            key: of the store.
            files: of the source.

        Returns:
            from the store, or made now. A result that may be better another time is not kept.

        Raises:
            Busy: it was not done in time.
            OSError: what was made cannot be kept.
        """
        known = self._store.result(key)
        if known is not None:
            return known
        with self._seat():
            with self._guard:
                running = self._running.get(key)
                mine = running is None
                if running is None:
                    running = self._running[key] = _Running(threading.Event())
            if mine:
                try:
                    running.result = self._store.result(key) or self._made(key, files)
                finally:
                    with self._guard:
                        del self._running[key]
                    running.done.set()
            elif not running.done.wait(self._patience):
                raise Busy
        if running.result is None:
            raise Busy
        return running.result

    @contextmanager
    def _seat(self) -> Iterator[None]:
        if not self._seats.acquire(blocking=False):
            raise Busy
        try:
            yield
        finally:
            self._seats.release()

    def _made(self, key: str, files: Sequence[SourceFile]) -> Result | None:
        try:
            bench = self._benches.get(timeout=self._patience)
        except queue.Empty:
            raise Busy from None
        try:
            with self._store.scratch() as scratch:
                done = bench.perform(Task(key, tuple(files), Path(scratch)))
                if done.result is None or done.result.passing:
                    return done.result
                return self._store.keep(key, done)
        finally:
            self._benches.put(bench)
