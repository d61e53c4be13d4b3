"""Values of core metadata fields, cleaned so that none can break out of its line (PEP 639, PEP 753)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from bridge.formats.wheel.headers import Header, bad

if TYPE_CHECKING:
    from collections.abc import Mapping

#: whatever some reader takes for the end of a line.
BREAKS: Final = re.compile(r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
#: the longest label that the index of the community accepts.
_LABEL_LENGTH: Final = 32


def spdx(text: str) -> str | None:
    """The expression in canonical spelling, or None where it is not SPDX."""
    try:
        return canonicalize_license_expression(text)
    except InvalidLicenseExpression:
        return None


def licence_headers(text: str, *, keep_invalid: bool) -> list[Header]:
    """License-Expression for an SPDX expression, otherwise License or, unless `keep_invalid`, nothing."""
    expression = spdx(one_line(text))
    if expression is not None:
        return [("License-Expression", expression)]
    lines = [line.rstrip() for line in _CONTROLS.sub("", text.replace("\r\n", "\n")).strip().split("\n")]
    return [("License", "\n        ".join(lines))] if keep_invalid else []


def license_file(path: str, subject: str) -> str:
    """PEP 639: relative, `/` as separator, no parent directories and no patterns."""
    wrong = not path or path.startswith("/") or ".." in path or BREAKS.search(path) or _CONTROLS.search(path)
    if wrong or any(character in path for character in "*\\:"):
        raise bad(subject, "License-File", f"{path!r} is not the path of a licence file")
    return path


def url_headers(urls: Mapping[str, str]) -> list[Header]:
    """Project-URL headers; entries without label or address are left out, and so are repeated labels."""
    headers: dict[str, Header] = {}
    for label, url in urls.items():
        label = one_line(label).replace(",", " ")[:_LABEL_LENGTH].strip()
        address = one_line(url)
        if label and address:
            headers.setdefault(label, ("Project-URL", f"{label}, {address}"))
    return list(headers.values())


def one_line(text: str) -> str:
    """The text with every run of white space, line breaks and control characters as one space."""
    return " ".join(_CONTROLS.sub(" ", BREAKS.sub(" ", text)).split())
