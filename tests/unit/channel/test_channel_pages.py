"""Index pages as text: whatever is put in comes out again, as text."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import PurePosixPath
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from bridge.channel.listing import ListedFile, Project
from bridge.channel.pages import project_html, project_json, root_html

#: NUL and lone surrogates cannot stand in HTML at all; a parser makes line feeds of carriage returns.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), min_size=1)


class Elements(HTMLParser):
    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.links: list[dict[str, str | None]] = []
        self.by_tag: dict[str, list[str]] = {}
        self._open = ""
        self.feed(page.decode("utf-8"))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open = tag
        self.by_tag.setdefault(tag, []).append("")
        if tag == "a":
            self.links.append(dict(attrs))

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open:
            self.by_tag[self._open][-1] += data


def listed(**changes: object) -> ListedFile:
    values = {
        "project": canonicalize_name("a"),
        "version": Version("1"),
        "path": PurePosixPath("a-1-py3-none-any.whl"),
        "sha256": "0" * 64,
        "size": 1,
        **changes,
    }
    return ListedFile(**values)  # type: ignore[arg-type]


@given(title=TEXT, summary=TEXT, reason=TEXT, directory=st.text(st.characters(codec="utf-8"), min_size=1))
def test_any_text_survives_the_page(title: str, summary: str, reason: str, directory: str) -> None:
    path = PurePosixPath(directory.replace("/", "_"), "a-1-py3-none-any.whl")
    project = Project(canonicalize_name("a"), (listed(summary=summary, yanked=reason, path=path),))
    assert Elements(root_html([project], title=title)).by_tag["h1"] == [title]
    page = Elements(project_html(project))
    assert page.by_tag["p"] == [summary]
    [link] = page.links
    assert link["data-yanked"] == reason
    assert unquote(str(link["href"]).partition("#")[0]) == f"../../{path}"
    [file] = json.loads(project_json(project))["files"]
    assert file["yanked"] == reason
    assert unquote(file["url"]) == f"../../{path}"


def test_requires_python_is_escaped_in_attributes() -> None:
    page = project_html(Project(canonicalize_name("a"), (listed(requires_python=SpecifierSet(">=3.9,<4")),)))
    assert b'data-requires-python="&lt;4,&gt;=3.9"' in page


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (326313, "326 kB"),
        (999_600, "1 MB"),
        (31_565_686, "31.6 MB"),
        (2_500_000_000, "2.5 GB"),
    ],
)
def test_sizes_are_for_people(size: int, shown: str) -> None:
    assert f'<td class="size">{shown}</td>'.encode() in project_html(
        Project(canonicalize_name("a"), (listed(size=size),))
    )
