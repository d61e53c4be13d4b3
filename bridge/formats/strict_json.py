"""JSON with one meaning or none (RFC 8259 with unique names, I-JSON of RFC 7493), for files that strangers wrote."""

from __future__ import annotations

import json
import re
from typing import Any, Final

_LONGEST_SHOWN: Final = 80
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class NotStrict(ValueError):
    """Why a document is refused; the message is a phrase such as "is not UTF-8"."""


def load_strictly(data: bytes, *, json_depth: int | None = None) -> Any:
    """Parse a document.

    Args:
        json_depth: the limit of that name: how many objects and lists may stand inside one another. Without it,
            as many as the parser can follow.

    Raises:
        NotStrict: invalid UTF-8, a byte order mark, a repeated name in an object, NaN or an infinity, nesting that
            is too deep, half of a surrogate pair, or what is no JSON at all.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotStrict("is not UTF-8") from error
    if text.startswith("\ufeff"):
        raise NotStrict("starts with a byte order mark")
    try:
        value = _DECODER.decode(text)
    except RecursionError as error:
        raise _too_deep(json_depth) from error
    except NotStrict:
        raise
    except ValueError as error:  # also a number of more digits than Python reads
        raise NotStrict(f"is not JSON: {error}") from error
    brackets = data.count(b"{") + data.count(b"[")
    if b"\\u" in data or (json_depth is not None and brackets > json_depth):
        _check_tree(value, json_depth)
    return value


def shown(text: str) -> str:
    """A stranger's text for a message: quoted, ASCII, not too long."""
    return ascii(text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}...")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise NotStrict(f"has {shown(name)} twice in one object")
            seen.add(name)
    return value


def _no_constant(name: str) -> float:
    raise NotStrict(f"has {name}, which is not a JSON number")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)


def _check_tree(value: object, json_depth: int | None) -> None:
    level: list[object] = [value]
    levels = 0
    while level:
        if json_depth is not None and levels > json_depth:
            raise _too_deep(json_depth)
        below: list[object] = []
        for item in level:
            if isinstance(item, str):
                if _SURROGATE.search(item):
                    raise NotStrict("holds half of a surrogate pair")
            elif isinstance(item, dict):
                below.extend(item)
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
        level = below
        levels += 1


def _too_deep(json_depth: int | None) -> NotStrict:
    limit = "" if json_depth is None else f": the limit json_depth is {json_depth}"
    return NotStrict(f"is nested too deeply{limit}")
