"""TOML text for compiled files: the same values give the same bytes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")

#: what a compiled file may say.
Value = str | bool | int | datetime | Sequence["Value"] | Mapping[str, "Value"]


def toml_key(text: str) -> str:
    """A key, quoted where it must be."""
    return text if _BARE.fullmatch(text) else toml_value(text)


def toml_value(value: Value) -> str:
    """A value on one line; tables become inline tables, and a time (which has a zone) is written in UTC."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC).replace(tzinfo=None).isoformat()}Z"
    if isinstance(value, str):
        # JSON's escapes are TOML's, but JSON leaves DEL as it is
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, Mapping):
        pairs = ", ".join(f"{toml_key(key)} = {toml_value(item)}" for key, item in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    return f"[{', '.join(toml_value(item) for item in value)}]"


def toml_table(header: str, values: Mapping[str, Value]) -> str:
    """A table with its header, which is written as given: `[tool.uv]`, `[[index]]`, or nothing for the root."""
    lines = [header] if header else []
    for key, value in values.items():
        if isinstance(value, Sequence) and not isinstance(value, str) and len(toml_value(value)) > 80:
            lines += [f"{toml_key(key)} = [", *(f"  {toml_value(item)}," for item in value), "]"]
        else:
            lines.append(f"{toml_key(key)} = {toml_value(value)}")
    return "\n".join(lines) + "\n"
