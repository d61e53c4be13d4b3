"""Prefix placeholders in binary files (paths.json `prefix_placeholder` with `file_mode: binary`, CEP 34).

A placeholder is replaced inside its C string, which keeps its place and length: what follows moves up, and
NULs fill the end, as conda does when it installs the file.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from bridge.errors import Code, InvalidInput, Unrepresentable
from bridge.model.payload import BytePatch, Occurrence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.native.view import Buffer

#: one C string; the longest seen, a record of build options, has 5 kB.
TEXT_LIMIT: Final = 1024 * 1024
#: all strings of one file; they are held in memory.
TOTAL_LIMIT: Final = 64 * 1024 * 1024


def find(data: Buffer, placeholder: bytes, *, subject: str | None = None) -> tuple[Occurrence, ...]:
    """Find every C string that holds a placeholder, from the placeholder on.

    A string may hold it more than once (a path list), and is reported once. The file's end ends a string.

    Args:
        data: the whole file.
        placeholder: not empty, without NUL.
        subject: the file's name, for messages.

    Raises:
        InvalidInput: CB120, the placeholder is empty or holds a NUL; CB109, the strings are too long to hold.
    """
    if not placeholder or b"\0" in placeholder:
        raise InvalidInput(Code.BAD_PLACEHOLDER, "a prefix placeholder is empty or holds a NUL", subject=subject)
    return tuple(_occurrences(data, placeholder, subject))


def _occurrences(data: Buffer, placeholder: bytes, subject: str | None) -> Iterator[Occurrence]:
    # A match may be longer than the limit, which tells a string that is too long.
    pattern = re.compile(re.escape(placeholder) + rb"[^\0]{0,%d}" % TEXT_LIMIT, re.DOTALL)
    total = 0
    for match in pattern.finditer(data):
        text = bytes(match[0])
        total += len(text)
        if len(text) > TEXT_LIMIT or total > TOTAL_LIMIT:
            raise InvalidInput(Code.LIMIT, "strings with a prefix placeholder are too long", subject=subject)
        yield Occurrence(match.start(), text)


def patch_for(
    occurrence: Occurrence, placeholder: bytes, replacement: bytes, *, subject: str | None = None
) -> BytePatch:
    """Replace every placeholder in one C string, with NULs at its end so that its length stays.

    Raises:
        Unrepresentable: CB321, the replacement is longer than the placeholder, so the string would not fit.
    """
    text = occurrence.text.replace(placeholder, replacement)
    if len(text) > len(occurrence.text):
        raise Unrepresentable(
            Code.PREFIX_TOO_LONG,
            f"the prefix of {len(replacement)} bytes does not fit into a placeholder of {len(placeholder)}",
            subject=subject,
        )
    return BytePatch(occurrence.offset, occurrence.text, text.ljust(len(occurrence.text), b"\0"))
