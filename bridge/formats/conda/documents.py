"""JSON documents of packages and channels, read strictly (`bridge.formats.strict_json`) and with typed access."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge.errors import Code, InvalidInput
from bridge.formats.strict_json import NotStrict, load_strictly

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.limits import Limits


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

    if len(data) > limits.metadata_size:
        raise InvalidInput(
            Code.LIMIT,
            f"{len(data)} bytes; limit metadata_size is {limits.metadata_size}",
            subject=subject,
            field=field,
        )
    try:
        value = load_strictly(data, json_depth=limits.json_depth)
    except NotStrict as error:
        raise InvalidInput(Code.BAD_METADATA, str(error), subject=subject, field=field) from error
    if not isinstance(value, dict):
        raise InvalidInput(Code.BAD_METADATA, "is not a JSON object", subject=subject, field=field)
    return Document(value, subject=subject, field=field)
