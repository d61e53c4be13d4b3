"""What uv itself says about keys that it does not know; DC05 of an audit rests on it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from bridge.priority.configs import uv_keys
from tests.support.client_venvs import client, isolated

PROJECT = '[project]\nname = "p"\nversion = "0"\nrequires-python = ">=3.11"\n'
#: nobody listens there.
NOWHERE = "http://127.0.0.1:9/simple"
INDEX = f'[[tool.uv.index]]\nname = "a"\nurl = "{NOWHERE}"\ndefault = true\n'


def lock(project: Path, text: str) -> str:
    """What `uv lock` says; it ends at the first index that it asks."""
    project.mkdir(exist_ok=True)
    (project / "pyproject.toml").write_text(text)
    ended = subprocess.run(
        [client("uv"), "lock", "--offline"],
        cwd=project,
        env=isolated(project / "home"),
        capture_output=True,
        text=True,
        check=False,
    )
    return ended.stderr


def test_the_keys_of_the_table_are_those_that_uv_lists(tmp_path: Path) -> None:
    said = lock(tmp_path, f"{PROJECT}[tool.uv]\nbogus = 1\n")
    listed = re.findall(r"`([a-z-]+)`", said.partition("expected one of")[2].partition("\n")[0])
    assert frozenset(listed) == uv_keys.TABLE


def test_an_unknown_key_of_the_table_is_told_and_one_of_an_index_is_not(tmp_path: Path) -> None:
    assert "Failed to parse" in lock(tmp_path / "table", f"{PROJECT}[tool.uv]\nindex-stategy = 'x'\n{INDEX}")
    assert "Failed to parse" not in lock(tmp_path / "index", f"{PROJECT}{INDEX}priority = 10\n")


def test_a_file_of_settings_replaces_the_table(tmp_path: Path) -> None:
    (tmp_path / "uv.toml").write_text("[pip]\n")
    assert "ignored in favor of the `uv.toml`" in lock(tmp_path, f"{PROJECT}{INDEX}")
