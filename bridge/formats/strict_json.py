"""JSON with one meaning or none (RFC 8259 with unique names, I-JSON of RFC 7493), for files that strangers wrote."""

from __future__ import annotations

import json
import re
from typing import Any, Final

_LONGEST_SHOWN: Final = 80
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def load_strictly(data: bytes) -> Any:
    """Parse a document.

    Raises:
        ValueError: invalid UTF-8, a byte order mark, a repeated name in an object, NaN or an infinity, nesting
            that the parser cannot follow, half of a surrogate pair, or what is no JSON at all; the message is a
            phrase such as "is not UTF-8".
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError("is not UTF-8") from error
    if text.startswith("\ufeff"):
        raise ValueError("starts with a byte order mark")
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except RecursionError as error:
        raise ValueError("is nested too deeply") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"is not JSON: {error}") from error
    if b"\\u" in data and _SURROGATE.search(json.dumps(value, ensure_ascii=False)):
        raise ValueError("holds half of a surrogate pair")
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
                raise ValueError(f"has {shown(name)} twice in one object")
            seen.add(name)
    return value


def _no_constant(name: str) -> float:
    raise ValueError(f"has {name}, which is not a JSON number")
