"""`info/link.json` (CEP 34): entry points of noarch python packages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from bridge.errors import Code, InvalidInput
from bridge.formats.conda.documents import load_document
from bridge.formats.conda.identifiers import printable

if TYPE_CHECKING:
    from bridge.limits import Limits

LINK_PATH: Final = "info/link.json"

_NAME_LENGTH: Final = 128
# An entry point's name becomes the name of a file on PATH: no separators, nothing invisible, no shell or INI
# syntax.
_SCRIPT_NAME: Final = re.compile(r"[\w][\w.+ -]*")


def parse_entry_points(data: bytes, limits: Limits, *, subject: str) -> tuple[str, ...]:
    """The entry points of noarch python in `info/link.json`, `name = module:attribute` as written.

    Raises:
        InvalidInput: CB109, CB111, CB117.
    """
    document = load_document(data, limits, subject=subject, field=LINK_PATH)
    if document.integer("package_metadata_version", 1) != 1:
        raise document.refuse("package_metadata_version", "is not 1")
    noarch = document.raw.get("noarch")
    if noarch is None:
        return ()
    section = document.nested(noarch, "noarch")
    section.text("type")
    entry_points = () if section.raw.get("entry_points") is None else section.texts("entry_points")
    names: set[str] = set()
    for entry_point in entry_points:
        name = check_entry_point(entry_point, subject=subject)
        if name.lower() in names:
            raise InvalidInput(
                Code.BAD_ENTRY_POINT, f"two entry points are named {name!r}", subject=subject, field=LINK_PATH
            )
        names.add(name.lower())
    return entry_points


def check_entry_point(text: str, *, subject: str) -> str:
    """The name of the entry point in `text`, `name = module:attribute` (entry points specification).

    Raises:
        InvalidInput: CB117 for a name that is not a plain file name, or a reference that is not made of
            identifiers.
    """
    name, equals, reference = (part.strip(" \t") for part in text.partition("="))
    module, colon, attribute = (part.strip(" \t") for part in reference.partition(":"))
    sound = (
        equals
        and colon
        and len(name) <= _NAME_LENGTH
        and _SCRIPT_NAME.fullmatch(name)
        and not name.endswith((".", " "))
        and all(part.isidentifier() for part in f"{module}.{attribute}".split("."))
    )
    if not sound:
        raise InvalidInput(
            Code.BAD_ENTRY_POINT, f"not an entry point: {printable(text)!r}", subject=subject, field=LINK_PATH
        )
    return name
