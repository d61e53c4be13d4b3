"""The lines of values in TOML files."""

from __future__ import annotations

import tomllib

import pytest

from bridge.priority.toml_lines import lines_of

TEXT = '''\
# a comment = 1
top = "x" # y = 2

a.b."c d".'e' = 1
list = [ # [
    "one", 'two', # "three"
    """
four""", { x = 1, y = [
    2] },
]
"quo\\u0074ed" = """"] quotes""\\"""""
[table . sub]
when = 1979-05-27 07:32:00
literal = \'\'\'
[not.a.table]\'\'\'
[[many]]
name = 1
[[many]]
name = 2
[many.inner]
deep = true
[[many.inner.list]]
z = 1
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("top",), 2),
        (("a", "b", "c d", "e"), 4),
        (("list",), 5),
        (("list", 0), 6),
        (("list", 1), 6),
        (("list", 2), 7),
        (("list", 3), 8),
        (("list", 3, "x"), 8),
        (("list", 3, "y", 0), 9),
        (("quoted",), 11),
        (("table",), 12),
        (("table", "sub"), 12),
        (("table", "sub", "when"), 13),
        (("table", "sub", "literal"), 14),
        (("many", 0), 16),
        (("many", 0, "name"), 17),
        (("many", 1, "name"), 19),
        (("many", 1, "inner", "deep"), 21),
        (("many", 1, "inner", "list", 0, "z"), 23),
    ],
)
def test_every_value_has_its_line(path: tuple[str | int, ...], line: int) -> None:
    tomllib.loads(TEXT)
    assert lines_of(TEXT, "x.toml")[path] == line
    assert lines_of(TEXT.replace("\n", "\r\n"), "x.toml")[path] == line


@pytest.mark.parametrize(
    "text", ["a = 1\nb", "a = 1\n=", "a = 1\n[b", 'a = 1\nb = "', "a = 1\nb = [1", 'a = 1\n"\\x" = 1']
)
def test_lines_end_where_the_text_is_no_toml(text: str) -> None:
    assert lines_of(text, "x.toml")[("a",)] == 1
