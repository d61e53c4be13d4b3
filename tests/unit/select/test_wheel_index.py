"""Reading an index as a wheel client does."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from bridge.errors import Code, InvalidInput
from bridge.model.family import Family
from bridge.select.wheel_index import WheelIndex

FOO = canonicalize_name("foo")


def write_page(directory: Path, body: str) -> WheelIndex:
    page = directory / "simple" / "foo"
    page.mkdir(parents=True)
    (page / "index.html").write_text(body)
    return WheelIndex(directory)


def test_an_index_of_ours_is_read_whole(index: Path, families: dict[str, Family]) -> None:
    for location in (index, index / "simple", index.as_uri()):
        (release,) = WheelIndex(location).releases(canonicalize_name("gpupkg"))
        assert {each.filename for each in release.offers} == {each.filename for each in families["gpupkg"].members}
        assert release.metadata == families["gpupkg"].metadata


def test_a_wheel_says_what_it_was_made_from(index: Path, families: dict[str, Family]) -> None:
    opened = WheelIndex(index)
    (release,) = opened.releases(canonicalize_name("gpupkg"))
    made_from = {each.filename: each.source for each in families["gpupkg"].members}
    for offer in release.offers:
        assert opened.source_of(offer) == made_from[offer.filename]


def test_an_unknown_project_has_no_releases(index: Path) -> None:
    assert WheelIndex(index).releases(FOO) == ()
    with pytest.raises(InvalidInput):
        WheelIndex(index / "nowhere")


def test_files_that_no_client_would_take_are_passed_over(tmp_path: Path) -> None:
    opened = write_page(
        tmp_path,
        '<a href="foo-1.0-py3-none-any.whl">x</a><a href="foo-1.0.tar.gz">x</a><a name="y">y</a>'
        '<a href="foo-2.0-py3-none-any.whl" data-yanked="bad">x</a><a href="bar-1.0-py3-none-any.whl">x</a>'
        '<a href="foo-3.0-py3-none-any.whl" data-requires-python="nonsense">x</a><a href="foo-4.0-x.whl">x</a>'
        '<a href="http://[bad/foo-5.0-py3-none-any.whl">x</a>'
        '<a href="foo-0.9-py3-none-any.whl" data-requires-python="&gt;=3.9">x</a>',
    )
    assert [str(release.version) for release in opened.releases(FOO)] == ["0.9", "1.0"]
    assert [version for version, _ in opened.unusable] == [Version("3.0")]


@pytest.mark.parametrize(
    ("content", "fragment", "code"),
    [
        (b"{", "", Code.VARIANT_SCHEMA),
        (b"{}", "#sha256=" + hashlib.sha256(b"other").hexdigest(), Code.HASH),
        (None, "", Code.SOURCE),
    ],
)
def test_a_release_with_a_broken_variants_file_is_unusable_as_a_whole(
    tmp_path: Path, content: bytes | None, fragment: str, code: Code
) -> None:
    opened = write_page(
        tmp_path,
        f'<a href="foo-1.0-py3-none-any.whl">x</a><a href="foo-1.0-variants.json{fragment}">x</a>'
        '<a href="foo-0.9-py3-none-any.whl">x</a>',
    )
    if content is not None:
        (tmp_path / "simple" / "foo" / "foo-1.0-variants.json").write_bytes(content)
    assert [str(release.version) for release in opened.releases(FOO)] == ["0.9"]
    ((version, error),) = opened.unusable
    assert version == Version("1.0")
    assert isinstance(error, InvalidInput)
    assert error.code is code


def test_json_pages_are_read_too(tmp_path: Path) -> None:
    files = [
        {"url": "foo-1.0-py3-none-any.whl", "hashes": {"sha256": "0" * 64}, "requires-python": ">=3.8"},
        {"url": "foo-2.0-py3-none-any.whl", "hashes": {}, "yanked": "no"},
        {"url": 3},
        "text",
    ]
    opened = write_page(tmp_path, json.dumps({"files": files}))
    (release,) = opened.releases(FOO)
    assert str(release.offers[0].requires_python) == ">=3.8"


def test_provenance_that_is_malformed_is_refused(index: Path, tmp_path: Path) -> None:
    opened = write_page(tmp_path, '<a href="foo-1.0-py3-none-any.whl">x</a>')
    (tmp_path / "simple" / "foo" / "foo-1.0-py3-none-any.whl").write_bytes(b"no zip")
    (release,) = opened.releases(FOO)
    with pytest.raises(InvalidInput):
        opened.source_of(release.offers[0])
