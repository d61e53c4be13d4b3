"""zstd compression whose bytes depend on the content and the level alone, never on threads or block sizes."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

import zstandard

from bridge.limits import MIB

if TYPE_CHECKING:
    from collections.abc import Callable

LOWEST_LEVEL: Final = 1
HIGHEST_LEVEL: Final = 22

#: the largest window that decoders accept unasked; repeated files of a package are mostly within it.
_WINDOW_LOG: Final = 27
#: repeats shorter than this are left to the level's own search, which spells them better; zstd's default, 64, costs
#: half a percent.
_LONG_MATCH: Final = 128
#: levels below this one note only every 1024th place for them: a sixth of the time for 1 % of the size.
_THOROUGH_LEVEL: Final = 9
_RARE: Final = 10
#: what one thread compresses at a time, and how much of what comes before it sees (9: a quarter of this). zstd would
#: take half of both for most levels, and lose another percent. Memory grows with it, for each thread.
_JOB: Final = 16 * MIB
_OVERLAP: Final = 9
#: from here on, looking at what comes before takes long, so that larger jobs are faster.
_SLOW_LEVEL: Final = 13
_SLOW_JOB: Final = 32 * MIB
#: level -> depth of the search, as a power of 2, where it is not zstd's: level 9, one deeper, stays within 15 % of
#: level 19, for a tenth more time.
_SEARCH_LOG: Final = {9: 5}
#: level -> positions remembered, as a power of 2, where they are not zstd's: in the large window, level 19 takes half
#: as many to be as fast as in its own small one, and the result is smaller.
_CHAIN_LOG: Final = {19: 23}
#: zstd's own choice for a parameter.
_OF_LEVEL: Final = 0
#: content up to this is compressed in one piece: the frame then states its size, and a decoder need not set
#: aside a whole window for it.
_WHOLE: Final = 8 * MIB
#: up to this, what a compressor is made of costs a twentieth of its work, and is small.
_SMALL: Final = 1 * MIB


class _Kept(threading.local):
    """The compressor that a thread used last for small content, and for which level and number of threads."""

    def __init__(self) -> None:
        self.settings = (0, 0)
        self.compressor: zstandard.ZstdCompressor | None = None


_kept: Final = _Kept()


class ZstdOutput:
    """One frame (RFC 8878), handed on as it is made.

    Args:
        sink: takes the compressed bytes in order.
        level: 1 to 22.
        threads: compressing threads beside the calling one, at least 1.

    Raises:
        ValueError: a level or number of threads that does not exist.
    """

    def __init__(self, sink: Callable[[bytes], object], *, level: int, threads: int) -> None:
        self._sink = sink
        _check(level, threads)
        self._level = level
        self._threads = threads
        self._stream: zstandard.ZstdCompressionObj | None = None
        self._held: list[bytes] = []
        self._held_size = 0

    def write(self, data: bytes) -> None:
        """Compress the next bytes."""
        if self._stream is None:
            self._held.append(data)
            self._held_size += len(data)
            if self._held_size <= _WHOLE:
                return
            data = b"".join(self._held)
            self._held.clear()
            self._stream = _compressor(self._level, self._threads).compressobj()
        self._sink(self._stream.compress(data))

    def finish(self) -> None:
        """End the frame."""
        if self._stream is None:
            self._sink(compress(b"".join(self._held), level=self._level, threads=self._threads))
        else:
            self._sink(self._stream.flush())


def compress(data: bytes, *, level: int, threads: int) -> bytes:
    """`data` as one frame; arguments and errors as for `ZstdOutput`."""
    _check(level, threads)
    if len(data) > _SMALL:
        return _compressor(level, threads).compress(data)
    if _kept.compressor is None or _kept.settings != (level, threads):
        _kept.settings, _kept.compressor = (level, threads), _compressor(level, threads)
    return _kept.compressor.compress(data)


def _check(level: int, threads: int) -> None:
    if not LOWEST_LEVEL <= level <= HIGHEST_LEVEL:
        raise ValueError(f"zstd has levels {LOWEST_LEVEL} to {HIGHEST_LEVEL}")
    if threads < 1:
        # 0 would choose zstd's other mode, which makes other bytes.
        raise ValueError("at least one thread is needed")


def _compressor(level: int, threads: int) -> zstandard.ZstdCompressor:
    return zstandard.ZstdCompressor(
        compression_params=zstandard.ZstdCompressionParameters(
            compression_level=level,
            window_log=_WINDOW_LOG,
            chain_log=_CHAIN_LOG.get(level, _OF_LEVEL),
            search_log=_SEARCH_LOG.get(level, _OF_LEVEL),
            enable_ldm=True,
            ldm_min_match=_LONG_MATCH,
            ldm_hash_rate_log=_RARE if level < _THOROUGH_LEVEL else _OF_LEVEL,
            job_size=_JOB if level < _SLOW_LEVEL else _SLOW_JOB,
            overlap_log=_OVERLAP,
            threads=threads,
        )
    )
