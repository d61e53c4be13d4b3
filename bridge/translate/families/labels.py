"""Labels of variants: short, readable where possible, and the same properties always have the same one."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import Final

from bridge.model.variant import NULL_LABEL, Property

#: the draft schema of April 2026 allows no more.
_LONGEST: Final = 16
_LABEL: Final = re.compile(r"[0-9a-z_.]+")
_DIGITS: Final = 8


def labels(variants: Sequence[tuple[frozenset[Property], Sequence[str]]]) -> list[str]:
    """A label for each variant.

    Args:
        variants: properties, no two the same, and the readable parts of a label; in order of preference, as the first
            of several that would share a label keeps it.
    """
    found: list[str] = []
    for properties, parts in variants:
        readable = "_".join(parts)
        if not properties:
            found.append(NULL_LABEL)
        elif readable in found or readable == NULL_LABEL or len(readable) > _LONGEST or not _LABEL.fullmatch(readable):
            found.append(digest(properties))
        else:
            found.append(readable)
    return found


def digest(properties: Iterable[Property]) -> str:
    """The label that PEP 825 proposes: the start of the SHA-256 of the sorted properties, one per line."""
    text = "".join(f"{each}\n" for each in sorted(properties))
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:_DIGITS]
