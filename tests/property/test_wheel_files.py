"""Round trips of the small files of a wheel, and of wheels themselves."""

from __future__ import annotations

import contextlib
import email.parser
import email.policy
import io
import tempfile
import zipfile
from importlib.metadata import EntryPoints
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st
from packaging.metadata import Metadata
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from bridge.errors import InvalidInput
from bridge.formats.wheel.archive import WheelArchive
from bridge.formats.wheel.compression import Compression
from bridge.formats.wheel.core_metadata import parse_core_metadata
from bridge.formats.wheel.entry_points import format_entry_points, parse_entry_points
from bridge.formats.wheel.member_names import MemberNames, unsafe_reason
from bridge.formats.wheel.metadata_output import build, rewrite
from bridge.formats.wheel.record import RecordEntry, format_record, parse_record
from bridge.formats.wheel.writer import WheelWriter
from bridge.formats.wheel.zip_format import Thresholds

TEXT = st.text(st.characters(codec="utf-8"), max_size=60)
PATHS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20).filter(lambda p: unsafe_reason(p) is None)
WORDS = st.text("abcXYZ019._-é", min_size=1, max_size=12).filter(lambda word: not word.startswith("-"))
IDENTIFIERS = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True)
REFERENCES = st.builds("{}:{}".format, IDENTIFIERS, IDENTIFIERS)
REQUIREMENTS = st.builds("{}>={}".format, st.from_regex(r"[a-z]{1,8}", fullmatch=True), st.integers(0, 99)).map(
    Requirement
)


@given(st.lists(st.builds(RecordEntry.of, PATHS, st.binary(max_size=9)), unique_by=lambda entry: entry.path))
def test_record_reads_back(entries: list[RecordEntry]) -> None:
    assert parse_record(format_record(entries), "x") == tuple(entries)


@given(st.binary(max_size=200))
def test_parsers_refuse_or_accept_but_never_crash(data: bytes) -> None:
    for parse in (parse_record, parse_core_metadata, parse_entry_points):
        with contextlib.suppress(InvalidInput):
            parse(data, "x")


@given(st.dictionaries(WORDS, st.dictionaries(WORDS, REFERENCES, min_size=1, max_size=4), max_size=4))
def test_entry_points_read_back_here_and_in_importlib(groups: dict[str, dict[str, str]]) -> None:
    data = format_entry_points(groups)
    assert parse_entry_points(data, "x") == groups
    theirs = EntryPoints._from_text_for(data.decode(), None)
    assert {(each.group, each.name, each.value) for each in theirs} == {
        (group, name, value) for group, entries in groups.items() for name, value in entries.items()
    }


@given(
    summary=TEXT,
    description=TEXT,
    license=TEXT,
    urls=st.dictionaries(TEXT, TEXT, max_size=3),
    keywords=st.lists(TEXT, max_size=3),
    requires_dist=st.lists(REQUIREMENTS, max_size=3),
)
@example(summary="", description="", license="", urls={}, keywords=[",", "a,"], requires_dist=[])
def test_no_text_breaks_out_of_its_field(
    summary: str,
    description: str,
    license: str,  # noqa: A002
    urls: dict[str, str],
    keywords: list[str],
    requires_dist: list[Requirement],
) -> None:
    data = build(
        name="x",
        version=Version("1"),
        summary=summary,
        description=description,
        license=license,
        home_page=summary,
        project_urls=urls,
        keywords=keywords,
        requires_dist=requires_dist,
        requires_python=SpecifierSet(">=3"),
    )
    theirs = Metadata.from_email(data, validate=True)
    assert theirs.requires_dist == (requires_dist or None)
    ours = parse_core_metadata(data, "x")
    assert list(ours.requires_dist) == requires_dist
    assert ours.description == description.replace("\x00", "")
    again = rewrite(ours, requires_dist=requires_dist, requires_python=SpecifierSet(">=3"), license_files=[])
    assert sorted(again.splitlines()) == sorted(data.splitlines())


@given(st.lists(st.tuples(st.sampled_from(["Author", "X-a", "Platform", "Classifier"]), TEXT), max_size=4), TEXT)
def test_accepted_headers_are_what_the_email_parser_sees(fields: list[tuple[str, str]], body: str) -> None:
    text = "Metadata-Version: 2.1\nName: x\nVersion: 1\n"
    text += "".join(f"{name}: {value}\n" for name, value in fields) + "\n" + body
    try:
        ours = parse_core_metadata(text.encode(), "x")
    except InvalidInput:
        return
    theirs = email.parser.Parser(policy=email.policy.compat32).parsestr(text)
    assert {name.lower() for name, _ in ours.headers} == {name.lower() for name, _ in theirs.items()}
    for name in ("author", "x-a", "platform", "classifier"):
        seen = theirs.get_all(name) or []
        assert [value.split() for value in ours.get_all(name)] == [value.split() for value in seen]


@settings(max_examples=40, deadline=None)
@given(
    files=st.dictionaries(PATHS, st.binary(max_size=300), max_size=6),
    compression=st.sampled_from(Compression),
    size=st.integers(0, 400),
    count=st.integers(0, 8),
)
def test_any_files_read_back_under_any_thresholds(
    files: dict[str, bytes], compression: Compression, size: int, count: int
) -> None:
    names = MemberNames()
    kept = {name: data for name, data in files.items() if names.claim(name) is None}
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "a.whl"
        limits = Thresholds(size=size, count=count)
        with WheelWriter(path, compression=compression, thresholds=limits) as writer:
            for name, data in kept.items():
                writer.add(name, io.BytesIO(data), len(data))
            writer.finish("zz-1.dist-info")
        with zipfile.ZipFile(path) as archive:
            assert {name: archive.read(name) for name in kept} == kept
            assert archive.testzip() is None
        with WheelArchive(path) as strict:
            assert {name: strict.read(name) for name in kept} == kept
