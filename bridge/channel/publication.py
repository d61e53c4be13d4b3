"""When a channel or an index published a file."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

#: 9999-12-31, in seconds since 1970; what is more was meant as milliseconds.
_LATEST_SECOND: Final = 253402300799


def published(fields: Mapping[str, Any]) -> datetime | None:
    """When a server stamped a record (CEP 47), else when the package was built; None where neither is stated.

    Args:
        fields: the record as read.
    """
    for key in ("indexed_timestamp", "timestamp"):
        value = fields.get(key)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            # Old records count seconds, later ones milliseconds.
            seconds = value if value <= _LATEST_SECOND else value / 1000
            return datetime.fromtimestamp(min(seconds, _LATEST_SECOND), tz=UTC)
    return None


def uploaded(value: object) -> datetime | None:
    """The `upload-time` of a file (PEP 700) in UTC; None where it is not stated, or is no time.

    Args:
        value: as read.
    """
    if not isinstance(value, str):
        return None
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        return None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
