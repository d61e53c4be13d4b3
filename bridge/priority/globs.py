"""Globs that match what a name pattern means and nothing that a more specific pattern has taken out of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from bridge.priority.policy import NamePattern

#: what normalised names are made of (PEP 503); the hyphen last, where a bracket takes it for itself.
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz0123456789-"


def globs_of(pattern: NamePattern, holes: Iterable[NamePattern] = ()) -> list[str]:
    """Globs in the style of `fnmatch`, without `[!...]`, which pdm does not read.

    Args:
        pattern: what is meant.
        holes: what is not, each more specific than the pattern.

    Returns:
        sorted; one glob where there are no holes.
    """
    taken: dict[str, bool] = {}
    for one in holes:
        if pattern.matches(one.text):
            # A name and all names that begin with it may both be taken out.
            taken[one.text] = taken.get(one.text, False) or one.wildcard
    if not pattern.wildcard:
        return [pattern.text]
    if not taken:
        return [f"{pattern.text}*"]
    found: list[str] = []
    # every prefix on the way to a hole; beside it all other letters are free
    pending = [pattern.text]
    while pending:
        prefix = pending.pop()
        hole = taken.get(prefix)
        if hole:
            continue
        if hole is None and prefix:
            found.append(prefix)
        following = {text[len(prefix)] for text in taken if text.startswith(prefix) and len(text) > len(prefix)}
        pending += [prefix + letter for letter in following]
        free = "".join(letter for letter in _LETTERS if letter not in following)
        found.append(f"{prefix}[{free}]*" if following else f"{prefix}?*")
    return sorted(found)
