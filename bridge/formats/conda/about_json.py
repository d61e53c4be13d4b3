"""`info/about.json` (CEP 34): what a package says about itself to people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bridge.formats.conda.documents import Document, load_document
from bridge.model.conda import About

if TYPE_CHECKING:
    from bridge.limits import Limits

ABOUT_PATH: Final = "info/about.json"


def parse_about(data: bytes, limits: Limits, *, subject: str) -> About:
    """The parsed `info/about.json`; keys that are null or absent become empty strings.

    Raises:
        InvalidInput: CB109, CB111.
    """
    document = load_document(data, limits, subject=subject, field=ABOUT_PATH)
    return About(
        license=document.text("license") or "",
        license_family=document.text("license_family") or "",
        summary=document.text("summary") or "",
        description=document.text("description") or "",
        home=_addresses(document, "home"),
        dev_url=_addresses(document, "dev_url"),
        doc_url=_addresses(document, "doc_url"),
        raw=document.raw,
    )


def _addresses(document: Document, key: str) -> str:
    # A recipe may give several addresses; they are kept in one field, as conda shows them.
    if isinstance(document.raw.get(key), list):
        return ", ".join(document.texts(key))
    return document.text(key) or ""
