"""Strict JSON: one meaning or none (RFC 8259 with unique names, I-JSON of RFC 7493)."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from bridge.errors import Code, InvalidInput
from bridge.formats.conda.identifiers import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.limits import Limits

_BOM: Final = b"\xef\xbb\xbf"
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class Document:
    """One JSON object with typed access; every error names the file and the key."""

    def __init__(self, raw: Mapping[str, Any], *, subject: str, field: str) -> None:
        self.raw = raw
        self.subject = subject
        self.field = field

    def refuse(self, key: str, message: str, code: Code = Code.BAD_METADATA) -> InvalidInput:
        """An error about `key`."""
        return InvalidInput(code, f"{key!r} {message}", subject=self.subject, field=self.field)

    def require(self, key: str) -> Any:
        """The value of a key that must be there.

        Raises:
            InvalidInput: CB111.
        """
        if key not in self.raw:
            raise self.refuse(key, "is missing")
        return self.raw[key]

    def integer(self, key: str, default: int | None = None) -> int:
        """A non-negative integer; `default` where the key is absent.

        Raises:
            InvalidInput: CB111.
        """
        value = self.require(key) if default is None else self.raw.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self.refuse(key, "is not a non-negative integer")
        return value

    def text(self, key: str) -> str | None:
        """A string, or None where the key is absent or null.

        Raises:
            InvalidInput: CB111.
        """
        value = self.raw.get(key)
        if value is not None and not isinstance(value, str):
            raise self.refuse(key, "is not a string")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of strings, empty where the key is absent.

        Raises:
            InvalidInput: CB111.
        """
        return self.strings(self.raw.get(key, []), key)

    def strings(self, value: object, key: str) -> tuple[str, ...]:
        """`value` as a tuple of strings.

        Raises:
            InvalidInput: CB111.
        """
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.refuse(key, "is not a list of strings")
        return tuple(value)

    def nested(self, value: object, key: str) -> Document:
        """`value` as an object inside this one.

        Raises:
            InvalidInput: CB111.
        """
        if not isinstance(value, dict):
            raise self.refuse(key, "is not an object")
        return Document(value, subject=self.subject, field=f"{self.field}: {key}")


def load_document(data: bytes, limits: Limits, *, subject: str, field: str) -> Document:
    """Parse a file that holds one JSON object.

    Args:
        data: the file.
        limits: `metadata_size` and `json_depth` apply.
        subject: the artifact's file name, for messages.
        field: the file's path in the artifact, for messages.

    Raises:
        InvalidInput: CB109 where it is too large; CB111 for a byte order mark, invalid UTF-8, a repeated
            name, NaN and infinities, lone surrogates, too deep nesting, or anything but an object.
    """

    def refuse(message: str) -> InvalidInput:
        return InvalidInput(Code.BAD_METADATA, message, subject=subject, field=field)

    if len(data) > limits.metadata_size:
        raise InvalidInput(
            Code.LIMIT,
            f"{len(data)} bytes; limit metadata_size is {limits.metadata_size}",
            subject=subject,
            field=field,
        )
    if data.startswith(_BOM):
        raise refuse("starts with a byte order mark")
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise refuse("is not UTF-8") from error
    except RecursionError as error:
        raise refuse(f"is nested deeper than limit json_depth, {limits.json_depth}") from error
    except ValueError as error:
        raise refuse(f"is not JSON: {printable(str(error))}") from error
    if not isinstance(value, dict):
        raise refuse("is not a JSON object")
    if data.count(b"{") + data.count(b"[") > limits.json_depth or b"\\u" in data:
        _check_tree(value, limits.json_depth, refuse)
    return Document(value, subject=subject, field=field)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a name occurs twice in an object")
    return value


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")


def _check_tree(value: object, depth: int, refuse: Any) -> None:
    level: list[object] = [value]
    for _ in range(depth + 1):
        below: list[object] = []
        for item in level:
            if isinstance(item, str):
                if _SURROGATE.search(item):
                    raise refuse("holds half of a surrogate pair")
            elif isinstance(item, dict):
                below.extend(item)
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
        if not below:
            return
        level = below
    raise refuse(f"is nested deeper than limit json_depth, {depth}")
