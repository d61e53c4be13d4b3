"""The pages of a Simple index as bytes: HTML (PEP 503, PEP 629) and JSON (PEP 691, PEP 700). Pure.

Every anchor of a project page is a file and every anchor of the root page is a project, as PEP 503 wants, so
there are no links for navigation. All text is escaped, no page runs a script, and a policy in each page says
so to the browser.
"""

from __future__ import annotations

import base64
import hashlib
import json
from html import escape
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.channel.listing import ListedFile, Project

#: PEP 700, the newest version of the API whose required fields a static index has.
API_VERSION: Final = "1.1"
#: from `simple/<project>/` up to the indexed directory.
_UP: Final = "../../"

_STYLE: Final = (
    ":root{color-scheme:light dark}"
    "body{font:1rem/1.5 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%}"
    "th,td{border-bottom:1px solid #8884;padding:.3rem .8rem .3rem 0;text-align:left;vertical-align:top}"
    "td.size{text-align:right;white-space:nowrap}"
    "code{font-size:.8rem;overflow-wrap:anywhere}"
    "tr.yanked a{text-decoration:line-through}"
)
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode("ascii")
_POLICY: Final = f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'"


def root_html(projects: Sequence[Project], *, title: str) -> bytes:
    """The page of all projects (PEP 503)."""
    rows = [f'<li><a href="{_link(project.name)}/">{html_text(project.name)}</a></li>' for project in projects]
    return html_page(title, ["<ul>", *rows, "</ul>"])


def root_json(projects: Sequence[Project]) -> bytes:
    """The document of all projects (PEP 691)."""
    return _document({"projects": [{"name": project.name} for project in projects]})


def project_html(project: Project) -> bytes:
    """The page of one project's files (PEP 503, PEP 592, PEP 714)."""
    summary = [f"<p>{html_text(project.summary)}</p>"] if project.summary else []
    head = "<tr><th>File</th><th>Version</th><th>Python</th><th>Size</th><th>SHA-256</th></tr>"
    return html_page(
        str(project.name),
        [
            *summary,
            "<table>",
            f"<thead>{head}</thead>",
            "<tbody>",
            *map(_row, project.files),
            "</tbody>",
            "</table>",
        ],
    )


def project_json(project: Project) -> bytes:
    """The document of one project's files (PEP 691, PEP 700, PEP 714); nobody knows their upload times."""
    return _document(
        {
            "name": project.name,
            "versions": [str(version) for version in project.versions],
            "files": [_file_object(file) for file in project.files],
        }
    )


def _row(file: ListedFile) -> str:
    attributes = [f'href="{_href(file)}#sha256={file.sha256}"']
    requires = "" if file.requires_python is None else str(file.requires_python)
    if requires:
        attributes.append(f'data-requires-python="{html_text(requires)}"')
    if file.metadata_sha256 is not None:
        attributes.append(f'data-core-metadata="sha256={file.metadata_sha256}"')
    if file.yanked is not None:
        attributes.append(f'data-yanked="{html_text(file.yanked)}"')
    mark = "" if file.yanked is None else ' class="yanked"'
    reason = f"<br>yanked: {html_text(file.yanked)}" if file.yanked else ""
    return (
        f"<tr{mark}><td><a {' '.join(attributes)}>{html_text(file.filename)}</a>{reason}</td>"
        f"<td>{html_text(str(file.version))}</td><td>{html_text(requires)}</td>"
        f'<td class="size">{_size(file.size)}</td><td><code>{file.sha256}</code></td></tr>'
    )


def _file_object(file: ListedFile) -> dict[str, Any]:
    document: dict[str, Any] = {
        "filename": file.filename,
        "url": _href(file),
        "hashes": {"sha256": file.sha256},
        "size": file.size,
    }
    if file.requires_python is not None:
        document["requires-python"] = str(file.requires_python)
    if file.metadata_sha256 is not None:
        document["core-metadata"] = {"sha256": file.metadata_sha256}
    if file.yanked is not None:
        document["yanked"] = file.yanked or True
    return document


def html_page(title: str, body: Sequence[str]) -> bytes:
    """A page that runs no script; `body` is HTML, `title` is text."""
    lines = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        f'<meta name="pypi:repository-version" content="{API_VERSION}">',
        f'<meta http-equiv="Content-Security-Policy" content="{html_text(_POLICY)}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{html_text(title)}</title>",
        f"<style>{_STYLE}</style>",
        "</head>",
        "<body>",
        f"<h1>{html_text(title)}</h1>",
        *body,
        "</body>",
        "</html>",
        "",
    ]
    return "\n".join(lines).encode("utf-8")


def _document(content: dict[str, Any]) -> bytes:
    document = {"meta": {"api-version": API_VERSION}, **content}
    return (json.dumps(document, indent=1, ensure_ascii=True) + "\n").encode("ascii")


def _href(file: ListedFile) -> str:
    return _UP + "/".join(_link(part) for part in file.path.parts)


def _link(part: str) -> str:
    """Percent-encoded so far that nothing is left to be escaped in HTML or JSON."""
    return quote(part, safe="")


def html_text(text: str) -> str:
    """Text that is safe between tags and in quoted attributes."""
    return escape(text, quote=True)


def _size(size: int) -> str:
    """Bytes for people: three significant digits, decimal prefixes."""
    value = float(size)
    for unit in ("B", "kB", "MB"):
        if value < 999.5:
            return f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:.3g} GB"
