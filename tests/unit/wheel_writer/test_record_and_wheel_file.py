"""RECORD and WHEEL: what is written, and what is refused."""

from __future__ import annotations

import pytest
from packaging.tags import parse_tag

from bridge.errors import Code, InvalidInput
from bridge.formats.wheel.record import RecordEntry, format_record, parse_record
from bridge.formats.wheel.wheel_file import format_wheel_file, parse_wheel_file

EMPTY = "sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"


def test_record_is_csv_with_lf_and_unpadded_urlsafe_hashes() -> None:
    entries = [RecordEntry.of("a.py", b""), RecordEntry.of('b,"c".py', b""), RecordEntry("x/RECORD")]
    data = format_record(entries)
    assert data == f'a.py,{EMPTY},0\n"b,""c"".py",{EMPTY},0\nx/RECORD,,\n'.encode()
    assert parse_record(data, "x.whl") == tuple(entries)


def test_record_of_other_tools_is_read() -> None:
    data = f"a.py,{EMPTY}=,0\r\nb.py,sha512={'A' * 86},\r\n\r\nx/RECORD,,\r\n".encode()
    first, second, third = parse_record(data, "x.whl")
    assert first == RecordEntry.of("a.py", b"")
    assert (second.algorithm, second.size) == ("sha512", None)
    assert third == RecordEntry("x/RECORD")


@pytest.mark.parametrize(
    "line",
    [
        "a.py",
        "a.py,,,",
        "../a.py,,",
        "/a.py,,",
        "a\\b.py,,",
        ",,",
        f"a.py,{EMPTY},-1",
        f"a.py,{EMPTY},1e3",
        "a.py,md5=1B2M2Y8AsgTpgAmY7PhCfg,0",
        "a.py,sha1=2jmj7l5rSw0yVb_vlWAYkK_YBwk,0",
        "a.py,sha256=AAAA,0",
        "a.py,sha256=%%%%,0",
        "a.py,,\na.py,,",
        '"a.py,,',
        "a\x00.py,,",
    ],
)
def test_malformed_records_are_refused(line: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_record(line.encode(), "x.whl")
    assert caught.value.code is Code.RECORD


def test_record_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(InvalidInput):
        parse_record(b"\xff,,\n", "x.whl")


def test_wheel_file_has_sorted_tags_and_reads_back() -> None:
    tags = parse_tag("py3.py2-none-any")
    data = format_wheel_file(generator="demo 1", root_is_purelib=True, tags=tags, build="2")
    assert data == (
        b"Wheel-Version: 1.0\nGenerator: demo 1\nRoot-Is-Purelib: true\n"
        b"Tag: py2-none-any\nTag: py3-none-any\nBuild: 2\n"
    )
    parsed = parse_wheel_file(data, "x.whl")
    assert (parsed.tags, parsed.build, parsed.root_is_purelib, parsed.generator) == (
        tags,
        "2",
        True,
        "demo 1",
    )
    assert parsed.to_bytes() == data


def test_new_tags_take_the_place_of_the_old_ones() -> None:
    data = b"Wheel-Version: 1.9\r\nTag: a-b-c\r\nRoot-Is-Purelib: False\r\nTag: d-e-f\r\nX: y\r\n\r\n"
    changed = parse_wheel_file(data, "x.whl").with_tags(parse_tag("z-b-c"))
    assert changed.to_bytes() == b"Wheel-Version: 1.9\nTag: z-b-c\nRoot-Is-Purelib: False\nX: y\n"


def test_without_a_word_about_it_the_root_is_for_one_platform_as_installers_have_it() -> None:
    data = b"Wheel-Version: 1.0\nRoot-Is_Purelib: true\nTag: a-b-c\n"
    assert not parse_wheel_file(data, "x.whl").root_is_purelib


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"Root-Is-Purelib: true\nTag: a-b-c\n",
        b"Wheel-Version: 2.0\nRoot-Is-Purelib: true\nTag: a-b-c\n",
        b"Wheel-Version: 1.0\nWheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: a-b-c\n",
        b"Wheel-Version: 1.0\nRoot-Is-Purelib: maybe\nTag: a-b-c\n",
        b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\n",
        b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: a-b\n",
        b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: a" + b".a" * 99 + b"-b" + b".b" * 99 + b"-c\n",
        b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: a-b-c\nnonsense\n",
        b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: a-b-c\nX: \xff\n",
    ],
)
def test_malformed_wheel_files_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_wheel_file(data, "x.whl")
    assert caught.value.code is Code.BAD_DIST_INFO
