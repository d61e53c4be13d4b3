"""A small evaluator of `when` (CEP 43), independent of the bridge: the versions are py-rattler's business."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rattler import MatchSpec, Version, VersionSpec

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

_TOKEN = re.compile(r"\s*([()]|[^\s()]+)")


def holds(when: str, python: str, virtual: AbstractSet[str]) -> bool:
    """Whether a condition holds with a version of Python (conda's spelling) and these virtual packages."""
    if not when:
        return True
    text = MatchSpec(f'x[when="{when}"]', strict=True, conditionals=True).condition
    assert text is not None
    tokens = _TOKEN.findall(when)
    answer = _either(tokens, Version(python), virtual)
    assert not tokens
    return answer


def _either(tokens: list[str], python: Version, virtual: AbstractSet[str]) -> bool:
    answer = _both(tokens, python, virtual)
    while tokens and tokens[0] == "or":
        tokens.pop(0)
        answer = _both(tokens, python, virtual) or answer
    return answer


def _both(tokens: list[str], python: Version, virtual: AbstractSet[str]) -> bool:
    answer = _one(tokens, python, virtual)
    while tokens and tokens[0] == "and":
        tokens.pop(0)
        answer = _one(tokens, python, virtual) and answer
    return answer


def _one(tokens: list[str], python: Version, virtual: AbstractSet[str]) -> bool:
    token = tokens.pop(0)
    if token == "(":
        answer = _either(tokens, python, virtual)
        assert tokens.pop(0) == ")"
        return answer
    if token.startswith("__"):
        return token in virtual
    return VersionSpec(token.removeprefix("python"), strict=True).matches(python)
