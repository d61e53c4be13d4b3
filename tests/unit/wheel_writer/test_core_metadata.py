"""Core metadata: any version is read, 2.4 is written, and packaging accepts what is written."""

from __future__ import annotations

import pytest
from packaging.metadata import Metadata
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from bridge.errors import Code, InvalidInput
from bridge.formats.wheel.core_metadata import parse_core_metadata
from bridge.formats.wheel.metadata_output import build, rewrite

HEAD = b"Metadata-Version: 2.1\nName: Demo.Pkg\nVersion: 1.0\n"

FULL = (
    b"Metadata-Version: 2.3\n"
    b"Name: Demo.Pkg\n"
    b"Version: 1.0\n"
    b"Summary: A demo\n"
    b"Author-email: =?utf-8?q?A?= <a@example.org>\n"
    b"License: first line\n"
    b"        second line\n"
    b"        \n"
    b"        last line\n"
    b"Project-URL: Source, https://example.org/src\n"
    b"Classifier: Programming Language :: Python\n"
    b"Classifier: Typing :: Typed\n"
    b"Requires-Dist: old>=1\n"
    b'Requires-Dist: other; extra == "test"\n'
    b"Requires-Python: >=3.8\n"
    b"Provides-Extra: test\n"
    b"License-File: LICENSE\n"
    b"Description-Content-Type: text/markdown\n"
    b"\n"
    b"# Title\r\n\n\nText with trailing space \n\n"
)

#: PKG-INFO as distutils wrote it, the description folded with a bar.
OLD = (
    b"Metadata-Version: 1.0\r\n"
    b"Name: old\r\n"
    b"Version: 0.1-rc2\r\n"
    b"Summary: UNKNOWN\r\n"
    b"License: UNKNOWN\r\n"
    b"Description: First\r\n"
    b"        \r\n"
    b"        Second\r\n"
    b"            indented\r\n"
    b"       |barred\r\n"
    b"Platform: UNKNOWN\r\n"
)


def test_accessors_give_values() -> None:
    meta = parse_core_metadata(FULL, "demo.whl")
    assert (meta.name, meta.normalized_name, meta.version) == ("Demo.Pkg", "demo-pkg", Version("1.0"))
    assert meta.metadata_version == (2, 3)
    assert meta.summary == "A demo"
    assert meta.requires_python == SpecifierSet(">=3.8")
    assert [str(each) for each in meta.requires_dist] == ["old>=1", 'other; extra == "test"']
    assert meta.provides_extra == ("test",)
    assert meta.license_files == ("LICENSE",)
    assert meta.license_expression is None
    assert meta.license is not None
    assert meta.license.startswith("first line\n")
    assert meta.classifiers == ("Programming Language :: Python", "Typing :: Typed")
    assert meta.project_urls == (("Source", "https://example.org/src"),)
    assert meta.body == b"# Title\r\n\n\nText with trailing space \n\n"
    assert meta.get("author-EMAIL") == "=?utf-8?q?A?= <a@example.org>"
    assert meta.get("absent") is None


def test_rewrite_replaces_what_it_is_told_and_keeps_the_rest_in_place() -> None:
    written = rewrite(
        parse_core_metadata(FULL, "demo.whl"),
        requires_dist=[Requirement("new[x]~=2.0"), Requirement('other; extra == "test"')],
        requires_python=SpecifierSet("<3.13,>=3.12"),
        license_files=["a/LICENSE", "NOTICE"],
        version=Version("1.0+x"),
    )
    expected = (
        FULL.replace(b"2.3", b"2.4")
        .replace(b"Version: 1.0\n", b"Version: 1.0+x\n")
        .replace(b"old>=1", b"new[x]~=2.0")
        .replace(b">=3.8", b"<3.13,>=3.12")
        .replace(b"License-File: LICENSE\n", b"License-File: a/LICENSE\nLicense-File: NOTICE\n")
    )
    assert written == expected
    parsed = Metadata.from_email(written, validate=True)
    assert parsed.description == FULL.partition(b"\n\n")[2].decode()


def test_rewrite_is_stable() -> None:
    for data in (FULL, OLD, HEAD):
        meta = parse_core_metadata(data, "x")
        once = rewrite(meta, requires_dist=[Requirement("a")], requires_python=None, license_files=[])
        again = parse_core_metadata(once, "x")
        assert rewrite(again, requires_dist=[Requirement("a")], requires_python=None, license_files=[]) == once


def test_rewrite_drops_empty_requires_python_and_adds_new_fields_at_the_end() -> None:
    meta = parse_core_metadata(HEAD + b"Requires-Python: >=3\nKeywords: a,b\n", "x")
    written = rewrite(meta, requires_dist=[Requirement("a")], requires_python=SpecifierSet(""), license_files=["L"])
    assert written == (
        b"Metadata-Version: 2.4\nName: Demo.Pkg\nVersion: 1.0\nKeywords: a,b\nRequires-Dist: a\nLicense-File: L\n"
    )


def test_old_description_moves_into_the_body() -> None:
    meta = parse_core_metadata(OLD, "old.conda")
    assert meta.version == Version("0.1rc2")
    assert meta.description == "First\n\nSecond\n    indented\nbarred\n"
    written = rewrite(meta, requires_dist=[], requires_python=None, license_files=[])
    assert Metadata.from_email(written, validate=True).description == meta.description
    assert b"Description:" not in written


def test_old_encodings_are_read_where_the_version_allows_it() -> None:
    old = b"Metadata-Version: 1.1\nName: x\nVersion: 1\nAuthor: J\xfcrgen\n\nGr\xfc\xdfe\n"
    meta = parse_core_metadata(old, "x")
    assert (meta.get("Author"), meta.description) == ("Jürgen", "Grüße\n")
    with pytest.raises(InvalidInput):
        parse_core_metadata(old.replace(b"1.1", b"2.1"), "x")


def test_newer_minor_versions_keep_theirs() -> None:
    data = b"Metadata-Version: 2.5\nName: x\nVersion: 1\nImport-Name: x\n"
    written = rewrite(parse_core_metadata(data, "x"), requires_dist=[], requires_python=None, license_files=[])
    assert written == data
    Metadata.from_email(written, validate=True)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (b"License-Expression: mit OR apache-2.0\n", b"License-Expression: MIT OR Apache-2.0\n"),
        (b"License-Expression: my own\n", b"License: my own\n"),
        (b"License: MIT\n", b"License: MIT\n"),
        (b"License: text\nLicense-Expression: my own\n", b"License: text\n"),
        (b"Summary: two\n        lines\n", b"Summary: two lines\n"),
        (b"Description-Content-Type: UNKNOWN\n", b""),
    ],
)
def test_fields_that_need_care(given: bytes, expected: bytes) -> None:
    written = rewrite(parse_core_metadata(HEAD + given, "x"), requires_dist=[], requires_python=None, license_files=[])
    assert written == HEAD.replace(b"2.1", b"2.4") + expected
    Metadata.from_email(written, validate=True)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n\nbody",
        b"Name: x\nVersion: 1\n",
        b"Metadata-Version: 2.1\nVersion: 1\n",
        b"Metadata-Version: 2.1\nName: x\n",
        b"Metadata-Version: 3.0\nName: x\nVersion: 1\n",
        b"Metadata-Version: two\nName: x\nVersion: 1\n",
        b"Metadata-Version: 2.1\nName: -x\nVersion: 1\n",
        b"Metadata-Version: 2.1\nName: ../x\nVersion: 1\n",
        b"Metadata-Version: 2.1\nName: x\nVersion: one\n",
        HEAD + b"Name: other\n",
        HEAD + b"name: other\n",
        HEAD + b"Requires-Python: >=3\nRequires-Python: >=2\n",
        HEAD + b"no header\nRequires-Dist: a\n",
        HEAD + b": empty\n",
        b" continued\n" + HEAD,
        HEAD + b"Summary: a\x00b\n",
        HEAD + b"Summary: a\rRequires-Dist: evil\n",
        HEAD + b"Summary: a\x1ebc\n",
        HEAD + b"Content-Transfer-Encoding: base64\n\nAAAA",
        HEAD + b"MIME-Version: 1.0\n",
        HEAD + b"Description: one\n\nand another",
        HEAD + b"Summary: \xff\n",
        HEAD + b"\n\xff",
    ],
)
def test_malformed_metadata_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_core_metadata(data, "demo.conda")
    assert caught.value.code is Code.BAD_DIST_INFO
    assert caught.value.subject == "demo.conda"


@pytest.mark.parametrize(
    ("field", "accessor"),
    [
        (b"Requires-Python: >=3.x.1", "requires_python"),
        (b"Requires-Dist: a b c", "requires_dist"),
        (b"Provides-Extra: -", "provides_extra"),
    ],
)
def test_bad_values_of_optional_fields_are_refused_when_asked_for(field: bytes, accessor: str) -> None:
    meta = parse_core_metadata(HEAD + field + b"\n", "x")
    with pytest.raises(InvalidInput) as caught:
        getattr(meta, accessor)
    assert caught.value.code is Code.BAD_DIST_INFO


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../x", "a/../../x", "LICEN*", "a\\b", "C:x", "a\nb"])
def test_licence_file_paths_are_checked(path: str) -> None:
    meta = parse_core_metadata(HEAD, "x")
    with pytest.raises(InvalidInput):
        rewrite(meta, requires_dist=[], requires_python=None, license_files=[path])
    with pytest.raises(InvalidInput):
        build(name="x", version=Version("1"), license_files=[path])


def test_build_writes_every_field_in_a_fixed_order() -> None:
    written = build(
        name="conda-native-zstd",
        version=Version("1.5.6"),
        summary="Fast\nlossless  compression",
        description="Long text\n\nwith paragraphs\n",
        description_content_type="text/markdown",
        home_page="https://example.org",
        license="bsd-3-clause",
        project_urls={
            "Source": "https://example.org/src",
            "Docs, more": "https://example.org/doc",
            "Empty": "",
        },
        requires_dist=[Requirement("b"), Requirement("a>=1")],
        requires_python=SpecifierSet(">=3.11"),
        license_files=["LICENSE"],
        keywords=["zstd", "compression, fast"],
        classifiers=["Typing :: Typed"],
        provides_extra=["all"],
    )
    assert written == (
        b"Metadata-Version: 2.4\n"
        b"Name: conda-native-zstd\n"
        b"Version: 1.5.6\n"
        b"Summary: Fast lossless compression\n"
        b"Project-URL: Homepage, https://example.org\n"
        b"Project-URL: Source, https://example.org/src\n"
        b"Project-URL: Docs  more, https://example.org/doc\n"
        b"Keywords: zstd,compression  fast\n"
        b"License-Expression: BSD-3-Clause\n"
        b"License-File: LICENSE\n"
        b"Classifier: Typing :: Typed\n"
        b"Requires-Python: >=3.11\n"
        b"Requires-Dist: b\n"
        b"Requires-Dist: a>=1\n"
        b"Provides-Extra: all\n"
        b"Description-Content-Type: text/markdown\n"
        b"\n"
        b"Long text\n\nwith paragraphs\n"
    )
    Metadata.from_email(written, validate=True)


def test_build_keeps_a_free_licence_text_as_one_header() -> None:
    written = build(name="x", version=Version("1"), license="My licence\n\nEvil: header\x00\r\nlast")
    assert written.endswith(b"License: My licence\n        \n        Evil: header\n        last\n")
    assert Metadata.from_email(written, validate=True).license is not None


def test_build_refuses_a_name_that_no_project_can_have() -> None:
    with pytest.raises(InvalidInput):
        build(name="_mutex\nEvil: x", version=Version("1"))
