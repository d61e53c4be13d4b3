"""Build strings of conda packages that are made of wheels (CEP 26)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Final

#: CEP 26.
_LONGEST: Final = 64
_DIGEST: Final = 8
_FOREIGN: Final = re.compile(r"[^a-zA-Z0-9_.+]+")


def build_string(parts: Iterable[str | None], number: int) -> str:
    """`<part>_..._<number>`.

    What is too long is cut, with a digest of the whole in its place; different parts still give different strings.

    Args:
        parts: what tells the package from its siblings: tags, local version, variant label, split, rest of the build
            tag. What is empty is left out, and a character that CEP 26 forbids becomes `_`.
        number: the build number.
    """
    words = [part for part in parts if part]
    whole = "_".join(_FOREIGN.sub("_", word) for word in words)
    tail = f"_{number}"
    room = _LONGEST - len(tail)
    if len(whole) > room:
        digest = hashlib.sha256("_".join(words).encode()).hexdigest()[:_DIGEST]
        whole = f"{whole[: room - _DIGEST - 1]}_{digest}"
    return whole + tail
