"""The WHEEL file of a dist-info directory (binary distribution format)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from packaging.tags import InvalidTag, Tag, TooManyTagsError, parse_tag

from bridge.formats.wheel.headers import Header, bad, format_headers, parse_headers, split_headers

if TYPE_CHECKING:
    from collections.abc import Iterable

_FIELD: Final = "WHEEL"
_VERSION: Final = "1.0"
#: one line may stand for a product of tags; the widest real ones stay below a hundred.
_MOST_TAGS: Final = 4096


@dataclass(frozen=True, slots=True)
class WheelFile:
    """A WHEEL file: what was read of it, and the headers to write it again."""

    root_is_purelib: bool
    tags: frozenset[Tag]
    generator: str = ""
    build: str | None = None
    headers: tuple[Header, ...] = ()

    def with_tags(self, tags: frozenset[Tag]) -> WheelFile:
        """The same with other tags, every other header as it was."""
        kept = [header for header in self.headers if header[0].lower() != "tag"]
        first = next((i for i, (name, _) in enumerate(self.headers) if name.lower() == "tag"), len(kept))
        kept[first:first] = _tag_headers(tags)
        return replace(self, tags=tags, headers=tuple(kept))

    def to_bytes(self) -> bytes:
        return format_headers(self.headers).encode("utf-8")


def format_wheel_file(*, generator: str, root_is_purelib: bool, tags: Iterable[Tag], build: str | None = None) -> bytes:
    """A new WHEEL file, tags sorted; `generator` is one line."""
    headers = [
        ("Wheel-Version", _VERSION),
        ("Generator", generator),
        ("Root-Is-Purelib", "true" if root_is_purelib else "false"),
        *_tag_headers(tags),
    ]
    if build is not None:
        headers.append(("Build", build))
    return format_headers(headers).encode("utf-8")


def parse_wheel_file(data: bytes, subject: str) -> WheelFile:
    """Parse a WHEEL file.

    Raises:
        InvalidInput: `CB121` for another major version of the format, malformed headers, and missing,
            repeated or malformed values.
    """
    block, _ = split_headers(data)
    try:
        headers = parse_headers(block.decode("utf-8"), subject, _FIELD)
    except UnicodeDecodeError as error:
        raise bad(subject, _FIELD, "the file is not UTF-8") from error
    version = _single(headers, "Wheel-Version", subject)
    if version is None or not version.startswith("1."):
        raise bad(subject, _FIELD, f"version {version!r} of the wheel format is not supported, only 1.x")
    stated = _single(headers, "Root-Is-Purelib", subject)
    # Some builders misspell the field; installers take its absence for "false".
    purelib = "false" if stated is None else stated.lower()
    if purelib not in {"true", "false"}:
        raise bad(subject, _FIELD, "Root-Is-Purelib is neither true nor false")
    tags: set[Tag] = set()
    for name, value in headers:
        if name.lower() == "tag":
            try:
                tags |= parse_tag(value, limit=_MOST_TAGS)
            except (InvalidTag, TooManyTagsError) as error:
                raise bad(subject, _FIELD, f"{value!r} is not a tag") from error
    if not tags:
        raise bad(subject, _FIELD, "there is no Tag")
    return WheelFile(
        root_is_purelib=purelib == "true",
        tags=frozenset(tags),
        # Tools that rework a wheel add themselves; nothing depends on it.
        generator=next((value for name, value in headers if name.lower() == "generator"), ""),
        build=_single(headers, "Build", subject),
        headers=headers,
    )


def _single(headers: tuple[Header, ...], name: str, subject: str) -> str | None:
    values = [value for each, value in headers if each.lower() == name.lower()]
    if len(values) > 1:
        raise bad(subject, _FIELD, f"{name} is there {len(values)} times")
    return values[0] if values else None


def _tag_headers(tags: Iterable[Tag]) -> list[Header]:
    return [("Tag", text) for text in sorted(map(str, tags))]
