"""Bytes of an archive: one shared open file, blocks made ahead in a thread, exact reads on top of them."""

from __future__ import annotations

import hashlib
import os
import threading
from collections import deque
from typing import TYPE_CHECKING, Final, Protocol

from bridge.errors import Code, InvalidInput
from bridge.limits import KIB

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

#: size of one read and of one decoded block; large enough that the interpreter's lock is rarely contended.
BLOCK: Final = 1 << 20
#: decoded blocks that may wait for the consumer.
_AHEAD: Final = 4
#: a file up to this size is read once and as a whole: its headers alone take a dozen reads otherwise.
_SMALL: Final = 256 * KIB


class ByteSource(Protocol):
    """Random access to bytes of a known length."""

    @property
    def size(self) -> int: ...

    def read_at(self, offset: int, size: int) -> bytes:
        """Exactly `size` bytes from `offset`.

        Raises:
            InvalidInput: CB101 where there are fewer; CB119 where the source failed or changed.
        """
        ...


class SharedFile:
    """A file that is opened once; every later read, from any thread, is of that one open file."""

    def __init__(self, path: Path, *, subject: str) -> None:
        self._subject = subject
        try:
            self._file = path.open("rb", buffering=0)
        except OSError as error:
            raise InvalidInput(Code.SOURCE, f"cannot be opened: {error.strerror or error}", subject=subject) from error
        self._lock = threading.Lock()
        self._state = self._stat()
        #: all of a small file, once something of it has been read.
        self._content: bytes | None = None

    @property
    def size(self) -> int:
        return self._state[0]

    def read_at(self, offset: int, size: int) -> bytes:
        if self.size > _SMALL:
            return self._read(offset, size)
        if self._content is None:
            self._content = self._read(0, self.size)
        data = self._content[offset : offset + size]
        if len(data) < size:
            raise self._too_short()
        return data

    def _read(self, offset: int, size: int) -> bytes:
        parts: list[bytes] = []
        wanted = size
        try:
            with self._lock:
                self._file.seek(offset)
                while wanted:
                    part = self._file.read(wanted)
                    if not part:
                        break
                    parts.append(part)
                    wanted -= len(part)
        except OSError as error:
            raise InvalidInput(
                Code.SOURCE, f"cannot be read: {error.strerror or error}", subject=self._subject
            ) from error
        if wanted:
            raise self._too_short()
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def check_unchanged(self) -> None:
        """Compare size and modification time with those at opening.

        Raises:
            InvalidInput: CB119.
        """
        if self._stat() != self._state:
            raise InvalidInput(Code.SOURCE, "the file changed while it was read", subject=self._subject)

    def digests(self) -> tuple[str, str]:
        """SHA-256 and MD5 of the whole file, lowercase hex."""
        sha256 = hashlib.sha256()
        md5 = hashlib.md5(usedforsecurity=False)
        for block in self._blocks():
            sha256.update(block)
            md5.update(block)
        self.check_unchanged()
        return sha256.hexdigest(), md5.hexdigest()

    def sha256(self) -> str:
        """SHA-256 of the whole file, lowercase hex."""
        sha256 = hashlib.sha256()
        for block in self._blocks():
            sha256.update(block)
        self.check_unchanged()
        return sha256.hexdigest()

    def _blocks(self) -> Iterator[bytes]:
        for offset in range(0, self.size, BLOCK):
            yield self.read_at(offset, min(BLOCK, self.size - offset))

    def close(self) -> None:
        self._file.close()

    def _too_short(self) -> InvalidInput:
        return InvalidInput(Code.UNREADABLE, "the file ends too early", subject=self._subject)

    def _stat(self) -> tuple[int, int]:
        status = os.fstat(self._file.fileno())
        return status.st_size, status.st_mtime_ns


class Blocks(Protocol):
    """A sequence of non-empty byte blocks; an empty one is the end."""

    def next(self) -> bytes: ...

    def close(self) -> None: ...


class Inline:
    """Blocks made when asked for."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks

    def next(self) -> bytes:
        return next(self._blocks, b"")

    def close(self) -> None:
        close = getattr(self._blocks, "close", None)
        if close is not None:
            close()


class Ahead:
    """Blocks made ahead by a thread, a few at a time, so that decoding overlaps what the consumer does.

    An exception of the maker is raised at its place in the sequence. `close` ends the thread and may come at
    any time.
    """

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._queue: deque[bytes] = deque()
        self._condition = threading.Condition()
        self._done = False
        self._closed = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="archive-decoder", daemon=True)
        self._thread.start()

    def next(self) -> bytes:
        with self._condition:
            while not self._queue and not self._done:
                self._condition.wait()
            if self._queue:
                block = self._queue.popleft()
                self._condition.notify_all()
                return block
            if self._error is not None:
                raise self._error
            return b""

    def close(self) -> None:
        with self._condition:
            self._closed = True
            self._queue.clear()
            self._condition.notify_all()
        self._thread.join()

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            for block in self._blocks:
                with self._condition:
                    while len(self._queue) >= _AHEAD and not self._closed:
                        self._condition.wait()
                    if self._closed:
                        break
                    self._queue.append(block)
                    self._condition.notify_all()
        except BaseException as caught:
            error = caught
        finally:
            Inline(self._blocks).close()
            with self._condition:
                self._error = error
                self._done = True
                self._condition.notify_all()


class ByteStream:
    """Exact reads from a sequence of blocks, without joining what need not be joined."""

    def __init__(self, blocks: Blocks, *, subject: str, field: str | None = None) -> None:
        self._blocks = blocks
        self._subject = subject
        self._field = field
        self._block = b""
        self._start = 0

    def __enter__(self) -> ByteStream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def read_some(self, size: int) -> bytes:
        """Between 1 and `size` bytes (`size` > 0), or none at the end."""
        if self._start == len(self._block):
            self._block = self._blocks.next()
            self._start = 0
        if self._start == 0 and len(self._block) <= size:
            block, self._block = self._block, b""
            return block
        part = self._block[self._start : self._start + size]
        self._start += len(part)
        return part

    def read_exact(self, size: int) -> bytes:
        """Exactly `size` bytes.

        Raises:
            InvalidInput: CB101 where the stream ends before.
        """
        stop = self._start + size
        if stop <= len(self._block):
            part = self._block[self._start : stop]
            self._start = stop
            return part
        parts: list[bytes] = []
        while size:
            part = self.read_some(size)
            if not part:
                raise self._truncated()
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def skip(self, size: int) -> None:
        """Pass over `size` bytes.

        Raises:
            InvalidInput: CB101 where the stream ends before.
        """
        while size:
            left = len(self._block) - self._start
            if left == 0:
                self._block = self._blocks.next()
                self._start = 0
                if not self._block:
                    raise self._truncated()
                continue
            step = min(left, size)
            self._start += step
            size -= step

    def close(self) -> None:
        self._blocks.close()

    def _truncated(self) -> InvalidInput:
        return InvalidInput(Code.UNREADABLE, "the archive ends too early", subject=self._subject, field=self._field)
