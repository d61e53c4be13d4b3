"""The anchors of an index page in HTML (PEP 503), which a stranger wrote."""

from __future__ import annotations

from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Final

from bridge.errors import Code, InvalidInput

#: the largest projects have some ten thousand files.
_MOST_ANCHORS: Final = 200_000
#: one tag with all its attributes.
_LONGEST_TAG: Final = 16_384
#: of what makes Python's parser look ahead to the end of the page: tags without an end, comments, declarations.
_MOST_ODD: Final = 64


def anchors(data: bytes, subject: str) -> tuple[list[Mapping[str, str]], Mapping[str, str]]:
    """Read a page in bounded time.

    Returns:
        the attributes of every anchor, with its text under `""`; and the `meta` elements, by name.

    Raises:
        InvalidInput: CB109, it is beyond a limit; CB111, it is not UTF-8.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput(Code.BAD_METADATA, "the page is not UTF-8", subject=subject) from error
    tags = text.split("<")[1:]
    odd = sum(1 for tag in tags if ">" not in tag or tag.startswith(("!", "?")))
    longest = max((len(tag.partition(">")[0]) for tag in tags), default=0)
    if odd > _MOST_ODD or longest > _LONGEST_TAG or len(tags) > 8 * _MOST_ANCHORS:
        raise InvalidInput(Code.LIMIT, "the page is not one that an index has", subject=subject)
    parser = _Page()
    parser.feed(text)
    parser.close()
    if len(parser.found) > _MOST_ANCHORS:
        raise InvalidInput(Code.LIMIT, f"the page has more than {_MOST_ANCHORS} links", subject=subject)
    return [{**anchor, "": "".join(words).strip()} for anchor, words in parser.found], parser.meta


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[dict[str, str], list[str]]] = []
        self.meta: dict[str, str] = {}
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in reversed(attrs)}
        if tag == "a":
            self.found.append((attributes, []))
            self._inside = True
        elif tag == "meta":
            self.meta[attributes.get("name", "")] = attributes.get("content", "")

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "a"

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.found[-1][1].append(data)
