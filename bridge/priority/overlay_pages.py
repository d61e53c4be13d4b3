"""The pages of the merged index as bytes, with absolute links: HTML (PEP 503) and JSON (PEP 691). Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC
from typing import Any

from packaging.utils import NormalizedName

from bridge.channel.pages import html_page, html_text
from bridge.priority.overlay_source import IndexFile


def root_pages(names: Iterable[NormalizedName]) -> tuple[bytes, bytes]:
    """The root page in HTML and JSON."""
    listed = sorted(names)
    rows = [f'<li><a href="{html_text(name)}/">{html_text(name)}</a></li>' for name in listed]
    page = html_page("Filtered index", ["<ul>", *rows, "</ul>"])
    return page, _document({"projects": [{"name": name} for name in listed]}, "1.0")


def project_pages(name: NormalizedName, files: Sequence[IndexFile]) -> tuple[bytes, bytes]:
    """The page of a project in HTML and JSON."""
    page = html_page(name, [f"{_anchor(file)}<br>" for file in files])
    content: dict[str, Any] = {"name": name, "files": [_object(file) for file in files]}
    # PEP 700 wants the size of every file, which an HTML page of the origin does not state.
    if all(file.size is not None for file in files):
        content["versions"] = [str(version) for version in sorted({file.version for file in files})]
        return page, _document(content, "1.3")
    return page, _document(content, "1.0")


def _anchor(file: IndexFile) -> str:
    attributes = [f'href="{html_text(file.url)}#sha256={file.sha256}"']
    if file.requires_python:
        attributes.append(f'data-requires-python="{html_text(file.requires_python)}"')
    if file.metadata is not None:
        value = f"sha256={file.metadata}" if file.metadata else "true"
        attributes += [f'data-core-metadata="{value}"', f'data-dist-info-metadata="{value}"']
    if file.provenance is not None:
        attributes.append(f'data-provenance="{html_text(file.provenance)}"')
    if file.yanked is not None:
        attributes.append(f'data-yanked="{html_text(file.yanked)}"')
    return f"<a {' '.join(attributes)}>{html_text(file.filename)}</a>"


def _object(file: IndexFile) -> dict[str, Any]:
    entry: dict[str, Any] = {"filename": file.filename, "url": file.url, "hashes": {"sha256": file.sha256}}
    if file.size is not None:
        entry["size"] = file.size
    if file.requires_python:
        entry["requires-python"] = file.requires_python
    if file.upload_time is not None:
        entry["upload-time"] = file.upload_time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if file.metadata is not None:
        entry["core-metadata"] = {"sha256": file.metadata} if file.metadata else True
    if file.provenance is not None:
        entry["provenance"] = file.provenance
    if file.yanked is not None:
        entry["yanked"] = file.yanked or True
    return entry


def _document(content: dict[str, Any], version: str) -> bytes:
    document = {"meta": {"api-version": version}, **content}
    return (json.dumps(document, indent=1, ensure_ascii=True) + "\n").encode("ascii")
