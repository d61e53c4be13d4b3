"""entry_points.txt: real files are read, names and references that become programs are checked."""

from __future__ import annotations

import pytest

from bridge.errors import Code, InvalidInput
from bridge.formats.wheel.entry_points import (
    Reference,
    check_script,
    format_entry_points,
    parse_entry_points,
    parse_reference,
)


def test_real_files_are_read() -> None:
    text = (
        "# comment\n[console_scripts]\n    Demo = demo.cli:main\n"
        "    demo-x=demo:Main.run [extra1, extra2]\n\n"
        "[gui_scripts]\n; another\nW = w:m\n"
        "[pytest11]\ndemo = demo.plugin\nweird:name = a.b\n[empty]\n"
        "[DEFAULT]\nkey = a:b\n"
    )
    assert parse_entry_points(text, "x") == {
        "console_scripts": {"Demo": "demo.cli:main", "demo-x": "demo:Main.run [extra1, extra2]"},
        "gui_scripts": {"W": "w:m"},
        "pytest11": {"demo": "demo.plugin", "weird:name": "a.b"},
        "empty": {},
        "DEFAULT": {"key": "a:b"},
    }
    assert parse_entry_points(text.encode(), "x") == parse_entry_points(text, "x")
    assert parse_entry_points("", "x") == {}


def test_written_files_are_sorted_and_read_back() -> None:
    groups = {"z": {"b": "m:f", "A": "m"}, "console_scripts": {"run": "m:f"}, "none": {}}
    data = format_entry_points(groups)
    assert data == b"[console_scripts]\nrun = m:f\n\n[z]\nA = m\nb = m:f\n"
    assert parse_entry_points(data, "x") == {key: value for key, value in groups.items() if value}
    assert format_entry_points({}) == b""


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../x", "a/b", "a\\b", "C:x", "-rf", "a\x00b", "a\x1b[0m", "a\x85b", "a\nb"],
)
def test_names_that_are_no_plain_file_names_are_refused(name: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_script(name, "m:f", "x.conda")
    assert caught.value.code is Code.BAD_ENTRY_POINT
    assert caught.value.subject == "x.conda"
    with pytest.raises(InvalidInput):
        format_entry_points({"console_scripts": {name: "m:f"}})


@pytest.mark.parametrize(
    "reference",
    [
        "",
        "m",
        "m:",
        ":f",
        "m:f()",
        "m:f);import os",
        "m f:g",
        "1m:f",
        "m:f:g",
        "m-x:f",
        "m:f [a",
        "m:f [-]",
        "m..n:f",
    ],
)
def test_references_that_are_no_functions_are_refused(reference: str) -> None:
    for group in ("console_scripts", "gui_scripts"):
        with pytest.raises(InvalidInput) as caught:
            parse_entry_points(f"[{group}]\nrun = {reference}\n", "x")
        assert caught.value.code is Code.BAD_ENTRY_POINT


@pytest.mark.parametrize(
    "text",
    [
        "run = m:f\n",
        "[console_scripts]\nrun\n",
        "[console_scripts]\nrun = m:f\nrun = n:g\n",
        "[a]\nx = y\n[a]\nz = y\n",
        "[a]\nx = one\n  two\n",
        "[console_scripts]\na = m:f\n  b = m:f\n",
        "[a\x00b]\nx = y\n",
        "[ a]\nx = y\n",
        "[a]\nx\x7f = y\n",
    ],
)
def test_files_that_two_readers_could_read_differently_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_entry_points(text, "x")
    assert caught.value.code is Code.BAD_ENTRY_POINT


def test_a_file_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(InvalidInput):
        parse_entry_points(b"[a]\nx = \xff\n", "x")


@pytest.mark.parametrize(
    "groups",
    [{"": {"a": "b"}}, {"a]": {"a": "b"}}, {"g": {"a=b": "c"}}, {"g": {"#a": "b"}}, {"g": {"a": " b\nc"}}],
)
def test_what_would_be_read_back_differently_is_not_written(groups: dict[str, dict[str, str]]) -> None:
    with pytest.raises(InvalidInput):
        format_entry_points(groups)


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("a.b:c.d", Reference("a.b", "c.d")),
        ("a", Reference("a")),
        ("a : b [x,y-z]", Reference("a", "b", ("x", "y-z"))),
        ("ünï:cöde", Reference("ünï", "cöde")),
    ],
)
def test_references_are_taken_apart(text: str, reference: Reference) -> None:
    assert parse_reference(text, "x") == reference
    assert parse_reference(str(reference), "x") == reference
