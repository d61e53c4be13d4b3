"""Marked blocks: where they go, what they refuse, and that nothing else changes."""

from __future__ import annotations

import tomllib

import pytest

from bridge.errors import Code, InvalidInput
from bridge.priority.blocks import clients_with_blocks, put_block, take_block
from bridge.priority.report import Client, FileFormat


def put(content: str, document: str, syntax: FileFormat = FileFormat.TOML, client: Client = Client.UV) -> str:
    before = content.encode()
    after = put_block(before, document, syntax, client, filename="file")
    assert put_block(after, document, syntax, client, filename="file") == after
    assert take_block(after, syntax, client, filename="file") == before
    return after.decode()


BEGIN, END = "# >>> conda-bridge policy: uv >>>\n", "# <<< conda-bridge policy: uv <<<\n"


def test_new_tables_go_to_the_end() -> None:
    assert put("[project]\nname = 'x'\n", "[tool.uv]\na = 1\n") == (
        f"[project]\nname = 'x'\n{BEGIN}[tool.uv]\na = 1\n{END}"
    )


def test_an_empty_file_holds_only_the_block() -> None:
    assert put("", "a = 1\n[t]\nb = 2\n") == f"{BEGIN}a = 1\n{END}{BEGIN}[t]\nb = 2\n{END}"


def test_keys_of_a_table_that_is_there_go_below_its_header() -> None:
    content = "[tool.uv] # mine\n# note\nb = 2\n\n[tool.other]\nc = 3\n"
    assert put(content, "[tool.uv]\na = 1\n[tool.uv.sources]\nx = { index = 'i' }\n") == (
        f"[tool.uv] # mine\n{BEGIN}a = 1\n{END}# note\nb = 2\n\n[tool.other]\nc = 3\n"
        f"{BEGIN}[tool.uv.sources]\nx = {{ index = 'i' }}\n{END}"
    )


def test_keys_without_a_table_go_below_the_first_comments() -> None:
    content = "# licence\n# more\n\nx = 1\n[t]\ny = 2\n"
    assert put(content, "a = 1\n") == f"# licence\n# more\n{BEGIN}a = 1\n{END}\nx = 1\n[t]\ny = 2\n"


def test_dotted_keys_are_added_to_dotted_keys() -> None:
    text = put("[tool]\nuv.b = 2\n", "[tool.uv]\na = 1\n[[tool.uv.index]]\nname = 'i'\n[[tool.uv.index]]\nname = 'j'\n")
    assert text == f'[tool]\n{BEGIN}uv.a = 1\nuv.index = [{{ name = "i" }}, {{ name = "j" }}]\n{END}uv.b = 2\n'
    assert tomllib.loads(text)["tool"]["uv"] == {"a": 1, "b": 2, "index": [{"name": "i"}, {"name": "j"}]}


def test_a_table_that_is_only_implied_gets_a_header() -> None:
    assert put("[tool.uv.sources]\nx = 1\n", "[tool.uv]\na = 1\n").endswith(f"{BEGIN}[tool.uv]\na = 1\n{END}")


def test_line_ends_and_byte_order_mark_stay() -> None:
    text = put("\ufeff[t]\r\nb = 2\r\n", "[t]\na = 1\n")
    assert text == f"\ufeff[t]\r\n{BEGIN}a = 1\n{END}b = 2\r\n".replace("\r", "").replace("\n", "\r\n")


def test_a_missing_last_line_end_stays_missing() -> None:
    assert put("[t]", "[t]\na = 1\n[u]\nb = 1\n") == f"[t]\n{BEGIN}a = 1\n{END}{BEGIN}[u]\nb = 1\n{END}".rstrip("\n")


def test_what_is_there_already_with_the_same_value_is_not_repeated() -> None:
    content = "[t]\na = 1\nlist = [\n  'x', # mine\n]\n"
    assert put(content, '[t]\na = 1\nlist = ["x"]\n') == content


@pytest.mark.parametrize(
    ("content", "document", "line"),
    [
        ("[t]\n\na = 2\n", "[t]\na = 1\n", 3),
        ("x = 1\nt = { a = 2 }\n", "[t]\nb = 1\n", 2),
        ("x = 1\nt = { a = 2 }\n", "[t.s]\nb = 1\n", 2),
        ("[[t]]\na = 1\n", "[[t]]\na = 2\n", 1),
        ("[[t]]\na = 1\n", "[t]\na = 2\n", 1),
        ("x = 1\n\nt = 3\n", "[t]\na = 2\n", 3),
        ("[t.a]\nx = 1\n", "[t]\na = 2\n", 1),
        ("[t]\na = 1.0\n", "[t]\na = 1\n", 2),
    ],
)
def test_a_key_that_says_something_else_is_refused_with_its_line(content: str, document: str, line: int) -> None:
    with pytest.raises(InvalidInput, match=f"file: line {line}: ") as caught:
        put(content, document)
    assert caught.value.code is Code.BLOCK_CONFLICT


def test_the_line_is_that_of_the_file_with_its_blocks() -> None:
    content = put("[t]\nb = 1\n", "[t]\na = 1\n")
    with pytest.raises(InvalidInput, match=r"file: line 5: t\.b"):
        put_block(content.encode(), "[t]\nb = 2\n", FileFormat.TOML, Client.UV, filename="file")


def test_each_client_has_its_own_blocks() -> None:
    one = put("[p]\nx = 1\n", "[tool.uv]\na = 1\n")
    two = put(one, "[tool.pdm]\na = 1\n", client=Client.PDM)
    assert clients_with_blocks(two.encode(), FileFormat.TOML, filename="file") == {Client.UV, Client.PDM}
    again = put_block(two.encode(), "[tool.uv]\na = 1\n", FileFormat.TOML, Client.UV, filename="file")
    assert again.decode() == two
    with pytest.raises(InvalidInput, match=r"tool\.pdm\.a"):
        put_block(two.encode(), "[tool.pdm]\na = 2\n", FileFormat.TOML, Client.UV, filename="file")


def test_a_block_stays_where_it_is_when_the_file_grows() -> None:
    content = put("[p]\nx = 1\n", "[tool.uv]\na = 1\n") + "[q]\ny = 1\n"
    after = put_block(content.encode(), "[tool.uv]\na = 2\n", FileFormat.TOML, Client.UV, filename="file")
    assert after.decode() == content.replace("a = 1", "a = 2")


def test_an_edited_block_is_made_anew() -> None:
    content = put("[p]\nx = 1\n", "[tool.uv]\na = 1\n").replace("a = 1", "a = [ broken")
    after = put_block(content.encode(), "[tool.uv]\na = 1\n", FileFormat.TOML, Client.UV, filename="file")
    assert after.decode() == content.replace("a = [ broken", "a = 1")


def test_keys_after_a_block_of_tables_are_refused() -> None:
    content = put("[p]\nx = 1\n", "[tool.uv]\na = 1\n") + "y = 1\n"
    with pytest.raises(InvalidInput, match="line 7: what follows") as caught:
        put(content, "[tool.uv]\na = 1\n")
    assert caught.value.code is Code.BLOCK_DAMAGED


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (BEGIN, 1),
        (f"a = 1\n{END}", 2),
        (f"{BEGIN}{BEGIN}{END}", 2),
        (f"{BEGIN}# <<< conda-bridge policy: pdm <<<\n", 2),
        ("# >>> conda-bridge policy: nobody >>>\n", 1),
    ],
)
def test_markers_without_counterpart_are_refused(content: str, line: int) -> None:
    for syntax in (FileFormat.TOML, FileFormat.YAML):
        with pytest.raises(InvalidInput, match=f"file: line {line}: ") as caught:
            put_block(content.encode(), "", syntax, Client.UV, filename="file")
        assert caught.value.code is Code.BLOCK_DAMAGED


def test_markers_inside_of_values_are_text() -> None:
    text = f'x = """\n{BEGIN}{END}"""\ny = [\n{BEGIN}]\n'
    assert put(text, "z = 1\n") == f"{text}{BEGIN}z = 1\n{END}"
    text = f'x: "a\n{BEGIN}b"\n'
    assert put(text, "z: 1\n", FileFormat.YAML) == f"{text}{BEGIN}z: 1\n{END}"


@pytest.mark.parametrize(
    ("content", "syntax"),
    [(b"\xff\xfe", FileFormat.TOML), (b"a = ", FileFormat.TOML), (b"a: [", FileFormat.YAML), (b"x\n", FileFormat.INI)],
)
def test_a_file_that_nobody_can_read_is_refused(content: bytes, syntax: FileFormat) -> None:
    with pytest.raises(InvalidInput) as caught:
        put_block(content, "", syntax, Client.UV, filename="file")
    assert caught.value.code is Code.EDITED_FILE


def test_yaml_keys_go_to_the_end() -> None:
    content = "# mine\nssl_verify: true   # why\ncustom:\n    a: b"
    assert put(content, "# ours\nchannels:\n  - 'u'\n", FileFormat.YAML) == (
        f"{content}\n{BEGIN}# ours\nchannels:\n  - 'u'\n{END}".rstrip("\n")
    )


@pytest.mark.parametrize("content", ["", "# nothing\n", "---\n", "  a: 1\n  b: 2\n", "a: |\n  text\n\n\n"])
def test_yaml_files_of_every_form(content: str) -> None:
    put(content, "channels:\n  - 'u'\nz: 1\n", FileFormat.YAML)


@pytest.mark.parametrize(
    ("content", "line"), [("a: 1\nchannels: [x]\n", 2), ("{a: 1}\n", 1), ("- a\n", 1), ("a: 1\n---\nb: 1\n", 1)]
)
def test_yaml_that_cannot_take_the_block_is_refused_with_its_line(content: str, line: int) -> None:
    with pytest.raises(InvalidInput, match=f"file: line {line}: ") as caught:
        put(content, "channels:\n  - 'u'\n", FileFormat.YAML)
    assert caught.value.code is Code.BLOCK_CONFLICT


def test_yaml_that_says_the_same_is_not_repeated() -> None:
    content = "channel_priority: 'strict'\nchannels: [u]\n"
    after = put(content, "channel_priority: strict\nchannels:\n  - 'u'\nmore: 1\n", FileFormat.YAML)
    assert after == f"{content}{BEGIN}more: 1\n{END}"


def test_yaml_whose_last_value_would_change_is_refused() -> None:
    # Without a line end, the text has none; with the block below it would.
    with pytest.raises(InvalidInput, match="without changing what it says"):
        put("a: |\n  text", "b: 1\n", FileFormat.YAML)


def test_ini_keys_go_to_the_end_of_their_section() -> None:
    content = "[global]\ntimeout = 60\n\n[install]\nx = 1\n"
    assert put(content, "[global]\nindex-url = u\n[download]\ny = 2\n", FileFormat.INI) == (
        f"[global]\ntimeout = 60\n\n{BEGIN}index-url = u\n{END}[install]\nx = 1\n{BEGIN}[download]\ny = 2\n{END}"
    )


def test_ini_keys_that_pip_takes_for_one_are_one() -> None:
    with pytest.raises(InvalidInput, match=r"file: line 3: global\.index-url"):
        put("[global]\nx = 1\nIndex_URL = v\n", "[global]\nindex-url = u\n", FileFormat.INI)
    content = "[global]\nindex_url = u\n"
    assert put(content, "[global]\nindex-url = u\n", FileFormat.INI) == content
