"""Whatever a file looks like: the block says what it should, and nothing else changes."""

from __future__ import annotations

import configparser
import tomllib
from collections.abc import Mapping
from typing import Any

import tomlkit
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.errors import Code, InvalidInput
from bridge.priority.blocks import put_block, take_block
from bridge.priority.report import Client, FileFormat

MARKER = "# >>> conda-bridge policy: uv >>>"
NAMES = st.sampled_from(["a", "b", "tool", "uv", "index", "sources", "workspace", "channels", '"x y"', "'q.r'", '"#"'])
COMMENTS = st.sampled_from(["# note", "#", "  # [tool.uv]", "\t# a = '''", f"## {MARKER}", "# é ≥ \u2028 \x85"])
SCALARS = st.sampled_from(
    ["1", "-0.0", "nan", "true", "2026-01-01", '"a # b = ["', "'[x]'", r'"\"] #"', '"\\u00e9"', "07:32:00", "1_000"]
)
MULTILINE = st.sampled_from(
    [
        f'"""\n{MARKER}\n[tool]\n"""',
        "'''\n# <<< conda-bridge policy: uv <<<\nx = 1'''",
        '"""a\\\n   b"""""',
        "''''quoted' '''",
        f"[\n  1, # ]\n{MARKER}\n  [ 'x', ],\n]",
        "[]",
        "{ k = 'v', \"l\" = [ { m = 1 } ] }",
    ]
)
VALUES = st.one_of(SCALARS, MULTILINE)
KEYS = st.builds(
    lambda indent, names, space, value, comment: f"{indent}{'.'.join(names)}{space}={space}{value}{comment}",
    st.sampled_from(["", "  ", "\t"]),
    st.lists(NAMES, min_size=1, max_size=3),
    st.sampled_from(["", " ", "  "]),
    VALUES,
    st.sampled_from(["", " # why", "  "]),
)
HEADERS = st.builds(
    lambda brackets, names, comment: f"{'[' * brackets}{'.'.join(names)}{']' * brackets}{comment}",
    st.sampled_from([1, 1, 1, 2]),
    st.lists(NAMES, min_size=1, max_size=3),
    st.sampled_from(["", " # [[x]]", " "]),
)
TOML_LINES = st.lists(st.one_of(KEYS, KEYS, HEADERS, COMMENTS, st.just("")), max_size=12)
#: line end, byte order mark, last line end.
FORMS = st.tuples(st.sampled_from(["\n", "\r\n"]), st.booleans(), st.booleans())

#: what compilers write: keys, tables, nested tables, arrays of tables.
TOML_DOCUMENTS = st.sampled_from(
    [
        "",
        "a = 1\n",
        '# ours\na = "u"\n\n[tool.uv]\nb = [ "x", "y" ]\n',
        '[workspace]\nchannels = [{ channel = "u", priority = 1 }]\n[workspace.sources]\n"x.y" = false\n',
        '[tool.uv]\nb = "x"\n[tool.uv.sources]\nx = {}\n[[tool.uv.index]]\nname = "i"\n[[tool.uv.index]]\nc = 1\n',
        "[a.b]\n[b]\nc = 1\n",
    ]
)


def laid_out(lines: list[str], form: tuple[str, bool, bool]) -> bytes:
    end, mark, last = form
    text = "\n".join(lines)
    text = (text + "\n" if last and text else text).replace("\n", end)
    return (("\ufeff" if mark else "") + text).encode()


def toml(content: bytes) -> dict[str, Any]:
    return tomllib.loads(content.decode().removeprefix("\ufeff"))


def merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(one)
    for name, value in other.items():
        kept = result.get(name)
        result[name] = merged(kept, value) if isinstance(kept, dict) and isinstance(value, dict) else value
    return result


def exercised(content: bytes, document: str, syntax: FileFormat) -> bytes | None:
    """The edited file, or nothing where it was refused."""
    try:
        after = put_block(content, document, syntax, Client.UV, filename="f", note="a note")
    except InvalidInput as error:
        if error.code is Code.BLOCK_CONFLICT:
            return None
        raise
    assert put_block(after, document, syntax, Client.UV, filename="f", note="a note") == after
    assert take_block(after, syntax, Client.UV, filename="f") == content
    return after


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(TOML_LINES, FORMS, TOML_DOCUMENTS)
def test_toml(lines: list[str], form: tuple[str, bool, bool], document: str) -> None:
    content = laid_out(lines, form)
    try:
        before = toml(content)
    except tomllib.TOMLDecodeError:
        # Most of the made-up files open a table twice; take what can be kept of them, line by line.
        kept: list[str] = []
        for line in lines:
            try:
                toml(laid_out([*kept, line], form))
            except tomllib.TOMLDecodeError:
                continue
            kept.append(line)
        content = laid_out(kept, form)
        before = toml(content)
    after = exercised(content, document, FileFormat.TOML)
    ours = tomllib.loads(document)
    if after is None:
        assert overlap(before, ours), "refused without a reason"
        return
    assert repr(normal(toml(after))) == repr(normal(merged(before, ours)))
    # A second parser agrees that it is sound.
    if "\r" not in after.decode():
        tomlkit.parse(after.decode().removeprefix("\ufeff"))


def normal(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: normal(value[name]) for name in sorted(value)}
    return [normal(item) for item in value] if isinstance(value, list) else value


def overlap(before: Mapping[str, Any], ours: Mapping[str, Any]) -> bool:
    return bool(before.keys() & ours.keys())


YAML_LINES = st.lists(
    st.sampled_from(
        [
            "ssl_verify: true  # why",
            "proxy_servers:\n    http: 'x'\n",
            "default_channels:\n- a\n- b",
            f'text: "x\n{MARKER}\n  y"',
            f"block: |\n  {MARKER}\n  y\n\n",
            "folded: >-\n    a\n    b",
            "flow: [a, {b: c}] # [",
            "anchor: &x {a: 1}",
            "'quoted key': ~",
            "# comment",
            "  # indented comment",
            "",
        ]
    ),
    max_size=8,
    unique=True,
)
YAML_DOCUMENTS = st.sampled_from(
    ["", "channels:\n  - 'u'\n  - 'v'\nchannel_priority: strict\n", "# ours\nz: {a: '1'}\n", "ssl_verify: false\n"]
)


@settings(max_examples=200, deadline=None)
@given(YAML_LINES, FORMS, YAML_DOCUMENTS, st.sampled_from([[], ["---"], ["%YAML 1.2", "---"]]))
def test_yaml(lines: list[str], form: tuple[str, bool, bool], document: str, start: list[str]) -> None:
    content = laid_out([*start, *lines], form)
    after = exercised(content, document, FileFormat.YAML)
    before, ours = yaml.safe_load(content) or {}, yaml.safe_load(document) or {}
    if after is None:
        assert before.keys() & ours.keys() or not form[2]
    else:
        assert (yaml.safe_load(after) or {}) == {**before, **ours}


INI_LINES = st.lists(
    st.sampled_from(
        [
            "[global]\ntimeout = 60\nfind-links =\n    a\n\n    b",
            "[install]",
            "[list]\nformat: columns ; not a comment",
            "# comment",
            "; [global]",
            "",
        ]
    ),
    max_size=6,
    unique=True,
)
INI_DOCUMENTS = st.sampled_from(
    ["", "[global]\nindex-url = u\nextra =\n    a\n    b\n[install]\nx = 1\n", "[global]\ntimeout = 1\n[new]\nx = 1\n"]
)


@settings(max_examples=200, deadline=None)
@given(INI_LINES, FORMS, INI_DOCUMENTS)
def test_ini(lines: list[str], form: tuple[str, bool, bool], document: str) -> None:
    content = laid_out(lines, form)
    after = exercised(content, document, FileFormat.INI)
    before, ours = ini(content.decode().removeprefix("\ufeff")), ini(document)
    if after is None:
        assert "timeout" in before.get("global", {})
        assert "timeout" in ours["global"]
    else:
        names = before.keys() | ours.keys()
        expected = {name: {**before.get(name, {}), **ours.get(name, {})} for name in names}
        assert ini(after.decode().removeprefix("\ufeff")) == expected


def ini(text: str) -> dict[str, dict[str, str]]:
    parser = configparser.RawConfigParser()
    parser.read_string(text)
    return {name: dict(parser.items(name)) for name in parser.sections()}
