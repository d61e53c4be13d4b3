"""Identifiers of CEP 26, compared with the CEP's own expressions."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import InvalidInput
from bridge.formats.conda.identifiers import (
    parse_build,
    parse_filename,
    parse_name,
    parse_subdir,
    parse_version,
    printable,
)
from bridge.model.conda import ArchiveFormat

CEP_NAME = re.compile(r"^(([a-z0-9])|([a-z0-9_](?!_)))[._-]?([a-z0-9]+(\.|-|_|$))*$")


@given(st.text(alphabet="ab0_.-", min_size=1, max_size=9))
def test_names_are_those_of_the_cep(text: str) -> None:
    if CEP_NAME.match(text):
        assert parse_name(text, subject="s", field="f") == text
    else:
        with pytest.raises(InvalidInput, match="CB115"):
            parse_name(text, subject="s", field="f")


@pytest.mark.parametrize("text", ["1.0", "2021a", "1!2.0", "1.0+local.1", "3.12.0rc1", "0", "1.1.1_2"])
def test_version_is_accepted(text: str) -> None:
    assert parse_version(text, subject="s", field="f") == text


@pytest.mark.parametrize("text", ["", "1-0", "1.0A", ".1", "1!", "1!2!3", "a!1", "1+", "1+a+b", "1 0", "1\n", "9" * 65])
def test_version_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="CB115"):
        parse_version(text, subject="s", field="f")


@pytest.mark.parametrize("text", ["", "py-0", "a/b", "\u00e9", "0\n", "a" * 65])
def test_build_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="CB115"):
        parse_build(text, subject="s", field="f")


@pytest.mark.parametrize("text", ["noarch", "linux-64", "osx-arm64", "emscripten-wasm32"])
def test_subdir_is_accepted(text: str) -> None:
    assert parse_subdir(text, subject="s", field="f") == text


@pytest.mark.parametrize("text", ["linux", "linux-64-x", "../linux-64", "Linux-64", "l-" + "6" * 40])
def test_subdir_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="CB115"):
        parse_subdir(text, subject="s", field="f")


def test_value_of_another_type_is_malformed_metadata() -> None:
    with pytest.raises(InvalidInput, match="CB111"):
        parse_name(["a"], subject="s", field="f")


def test_file_name_is_split_from_the_right() -> None:
    identity, archive = parse_filename("a-b-c-1.0-h0_1.tar.bz2")
    assert (identity.name, identity.version, identity.build) == ("a-b-c", "1.0", "h0_1")
    assert archive is ArchiveFormat.TAR_BZ2


@given(st.text(max_size=40))
def test_any_file_name_is_parsed_or_refused(text: str) -> None:
    for name in (text, text + ".conda"):
        try:
            identity, archive = parse_filename(name)
        except InvalidInput:
            continue
        assert identity.stem + archive.value == name


@given(st.text())
def test_printable_text_is_one_harmless_line(text: str) -> None:
    assert printable(text).isprintable()
