"""Prefix placeholders in binary files, with conda's own replacement as the model."""

from __future__ import annotations

import mmap
import re

import pytest

from bridge.errors import Code, InvalidInput, Unrepresentable
from bridge.native.placeholder import TEXT_LIMIT, find, patch_for

PREFIX = b"/home/builder/_h_env_placehold_placehold"
SHORT = b"/opt/fixed"


def patched(data: bytes, replacement: bytes = SHORT) -> bytes:
    out = bytearray(data)
    for occurrence in find(data, PREFIX):
        patch = patch_for(occurrence, PREFIX, replacement)
        assert data[patch.offset : patch.offset + len(patch.old)] == patch.old
        assert len(patch.new) == len(patch.old)
        out[patch.offset : patch.offset + len(patch.new)] = patch.new
    return bytes(out)


def as_conda_does(data: bytes) -> bytes:
    def replace(match: re.Match[bytes]) -> bytes:
        missing = (len(PREFIX) - len(SHORT)) * match[0].count(PREFIX)
        return match[0].replace(PREFIX, SHORT) + b"\0" * missing

    return re.sub(re.escape(PREFIX) + rb"([^\0]*?)\0", replace, data)


@pytest.mark.parametrize(
    "data",
    [
        b"\0" + PREFIX + b"/share/spam\0rest",
        b"-I" + PREFIX + b"/include -L" + PREFIX + b"/lib\0rest",
        PREFIX + b"\0" + PREFIX + b"/lib:" + PREFIX + b"/lib64\0\0x",
        b"nothing here\0",
        PREFIX[:-1] + b"\0" + PREFIX + b"/a\nb\0",
    ],
)
def test_replaces_as_conda_does(data):
    assert patched(data) == as_conda_does(data)


def test_an_occurrence_is_the_string_from_the_placeholder_on():
    data = b"abc" + PREFIX + b"/a:" + PREFIX + b"/b\0" + PREFIX + b"\0"
    first, second = find(data, PREFIX)
    assert (first.offset, first.text) == (3, PREFIX + b"/a:" + PREFIX + b"/b")
    assert (second.offset, second.text) == (len(first.text) + 4, PREFIX)


def test_the_end_of_the_file_ends_a_string():
    data = b"x" + PREFIX + b"/end"
    assert patched(data) == (b"x" + SHORT + b"/end").ljust(len(data), b"\0")


def test_special_characters_in_a_placeholder_are_literal():
    assert find(b"/a+b(c\0/aab(c\0", b"/a+b(c") == find(b"/a+b(c\0", b"/a+b(c")


def test_finds_the_same_in_every_kind_of_buffer(tmp_path):
    data = bytes(5000) + PREFIX + b"/lib\0"
    path = tmp_path / "binary"
    path.write_bytes(data)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert find(mapped, PREFIX) == find(memoryview(data), PREFIX) == find(data, PREFIX) != ()


def test_a_replacement_of_the_same_length_fits_and_a_longer_one_is_refused():
    (occurrence,) = find(PREFIX + b"/lib\0", PREFIX)
    assert patch_for(occurrence, PREFIX, b"/" * len(PREFIX)).new == b"/" * len(PREFIX) + b"/lib"
    with pytest.raises(Unrepresentable) as caught:
        patch_for(occurrence, PREFIX, PREFIX + b"x")
    assert caught.value.code is Code.PREFIX_TOO_LONG


@pytest.mark.parametrize("placeholder", [b"", b"/a\0b"])
def test_a_malformed_placeholder_is_refused(placeholder):
    with pytest.raises(InvalidInput) as caught:
        find(b"data", placeholder)
    assert caught.value.code is Code.BAD_PLACEHOLDER


def test_a_string_that_never_ends_is_refused():
    with pytest.raises(InvalidInput) as caught:
        find(PREFIX + b"x" * (TEXT_LIMIT + 1), PREFIX)
    assert caught.value.code is Code.LIMIT
