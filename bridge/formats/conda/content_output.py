"""Packing the content of one file, looked at on the way."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Protocol

from bridge.errors import Code, InvalidInput
from bridge.formats.conda.bytestream import BLOCK

if TYPE_CHECKING:
    from collections.abc import Callable


class SupportsRead(Protocol):
    """A stream of bytes."""

    def read(self, size: int, /) -> bytes: ...


def copy_content(
    reader: SupportsRead,
    size: int,
    put: Callable[[bytes], None],
    placeholder: bytes,
    digest: Callable[[], bytes] | None = None,
) -> bytes:
    """Hand on the next `size` bytes of `reader`.

    Args:
        reader: may return less than asked for; an empty answer is the end.
        size: in bytes.
        put: takes them.
        placeholder: what has to stand among them; empty for nothing.
        digest: gives the SHA-256 of just these bytes once they were read, where the reader hashes them anyway.

    Returns:
        Their SHA-256.

    Raises:
        InvalidInput: CB101, they end early; CB120, the placeholder is not there. Without a subject.
    """
    hasher = None
    if digest is None:
        hasher = hashlib.sha256()
        digest = hasher.digest
    missing = bool(placeholder)
    tail = b""
    left = size
    while left:
        data = reader.read(min(BLOCK, left))
        if not data:
            raise InvalidInput(Code.UNREADABLE, f"the content ends {left} bytes early")
        left -= len(data)
        if hasher is not None:
            hasher.update(data)
        put(data)
        if missing:
            # The placeholder may lie across two blocks.
            tail += data
            missing = placeholder not in tail
            tail = tail[max(0, len(tail) - len(placeholder) + 1) :]
    if missing:
        raise InvalidInput(Code.BAD_PLACEHOLDER, "does not hold the placeholder that it is listed with")
    return digest()
