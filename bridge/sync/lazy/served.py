"""The pages that a lazy index answers with: planned files, and what has become of those that were asked for.

What is planned has no hash; `data-` attributes and keys that say more come with conversion (PEP 503, PEP 691, PEP 714).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import msgspec

from bridge.channel.pages import html_page, html_text
from bridge.sync.lazy.page import Meta, PlannedFile
from bridge.sync.result import Product, Variants

#: from `simple/<project>/` to where converted files lie.
WHEELS: Final = "../../wheels"


@dataclass(frozen=True, slots=True)
class ServedFile:
    """One file of a page."""

    filename: str
    url: str
    #: None while it is only planned.
    sha256: str | None = None
    #: in bytes.
    size: int | None = None
    requires_python: str | None = None
    #: of the METADATA beside it.
    metadata_sha256: str | None = None


def planned(file: PlannedFile) -> ServedFile:
    """A file that nobody has asked for yet."""
    return ServedFile(file.filename, file.url, requires_python=file.requires_python)


def converted(product: Product) -> ServedFile:
    """A wheel that was made."""
    wheel = product.wheel
    return ServedFile(
        product.filename,
        _address(product.sha256, product.filename),
        product.sha256,
        product.size,
        None if wheel is None else wheel.requires_python,
        None if wheel is None else wheel.metadata_sha256,
    )


def of_release(variants: Variants) -> ServedFile:
    """A `-variants.json` that was made."""
    return ServedFile(variants.filename, _address(variants.sha256, variants.filename), variants.sha256, variants.size)


def page_json(project: str, files: Iterable[ServedFile]) -> bytes:
    """The document of a project (PEP 691)."""
    document = {"meta": Meta(), "name": project, "files": [_object(file) for file in files]}
    return msgspec.json.encode(document)


def page_html(project: str, files: Iterable[ServedFile]) -> bytes:
    """The page of a project (PEP 503)."""
    return html_page(project, ["<ul>", *map(_item, files), "</ul>"])


def root_html(projects: Sequence[str], title: str) -> bytes:
    """The page of all projects (PEP 503)."""
    rows = [f'<li><a href="{quote(name)}/">{html_text(name)}</a></li>' for name in projects]
    return html_page(title, ["<ul>", *rows, "</ul>"])


def _address(sha256: str, filename: str) -> str:
    return f"{WHEELS}/{sha256}/{quote(filename, safe='')}"


def _object(file: ServedFile) -> Mapping[str, Any]:
    document: dict[str, Any] = {
        "filename": file.filename,
        "url": file.url,
        "hashes": {} if file.sha256 is None else {"sha256": file.sha256},
    }
    if file.size is not None:
        document["size"] = file.size
    if file.requires_python is not None:
        document["requires-python"] = file.requires_python
    if file.metadata_sha256 is not None:
        document["core-metadata"] = {"sha256": file.metadata_sha256}
    return document


def _item(file: ServedFile) -> str:
    fragment = "" if file.sha256 is None else f"#sha256={file.sha256}"
    attributes = [f'href="{html_text(file.url)}{fragment}"']
    if file.requires_python is not None:
        attributes.append(f'data-requires-python="{html_text(file.requires_python)}"')
    if file.metadata_sha256 is not None:
        attributes.append(f'data-core-metadata="sha256={file.metadata_sha256}"')
    state = "" if file.sha256 is not None else " (planned)"
    return f"<li><a {' '.join(attributes)}>{html_text(file.filename)}</a>{state}</li>"
