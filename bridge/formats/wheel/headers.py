"""The header block that METADATA and WHEEL share: RFC 822 as core metadata uses it.

The email parser of the standard library never refuses anything: it takes a malformed line for the end of the
headers, which hides the rest of them. This parser refuses such a file.
"""

from __future__ import annotations

import re
from typing import Final

from bridge.errors import Code, InvalidInput

_HEADER: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9_-]*)[ \t]*:(.*)", re.DOTALL)
#: tab and form feed occur in licence texts; every other control character has no business in a header.
_FORBIDDEN: Final = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f\ud800-\udfff]")
#: headers that change how a mail program reads the body.
_MIME: Final = ("content-", "mime-")

Header = tuple[str, str]


def split_headers(data: bytes) -> tuple[bytes, bytes]:
    """The header block and the body, without the empty line between them."""
    match = re.search(rb"(?:\A|\n)\r?\n", data)
    if match is None:
        return data, b""
    return data[: match.start()].removesuffix(b"\r"), data[match.end() :]


def parse_headers(text: str, subject: str, field: str) -> tuple[Header, ...]:
    """Names and values in order; a folded value keeps its line breaks (LF) and indentation.

    Args:
        text: the header block.
        subject: the artifact, for messages.
        field: the file in it, for messages.

    Raises:
        InvalidInput: `CB121` for a line that is neither header nor continuation, for control characters and
            for headers of the mail format.
    """
    text = text.replace("\r\n", "\n")
    if "\r" in text or _FORBIDDEN.search(text):
        raise bad(subject, field, "the headers contain a control character")
    headers: list[Header] = []
    for line in text.rstrip("\n").split("\n") if text else ():
        if line[:1] in {" ", "\t"} and headers:
            name, value = headers[-1]
            headers[-1] = (name, f"{value}\n{line}")
            continue
        match = _HEADER.fullmatch(line)
        if match is None:
            raise bad(subject, field, f"{line[:80]!r} is not a header")
        name, value = match.groups()
        if name.lower().startswith(_MIME):
            raise bad(subject, field, f"{name} is a header of the mail format, not of core metadata")
        headers.append((name, value.strip(" \t")))
    return tuple(headers)


def format_headers(headers: tuple[Header, ...] | list[Header]) -> str:
    """The header block, every line ended."""
    return "".join(f"{name}: {value}\n" for name, value in headers)


def bad(subject: str, field: str, message: str) -> InvalidInput:
    """`CB121` about a file of the dist-info directory."""
    return InvalidInput(Code.BAD_DIST_INFO, message, subject=subject, field=field)
