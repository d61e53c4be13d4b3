"""The names in a project's graph."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.errors import Code, InvalidInput
from bridge.priority.graph import Graph, locked_graph

UV_LOCK = """
version = 1
[[package]]
name = "mine"
version = "0"
source = { editable = "." }
[[package]]
name = "Acme_Core"
version = "1.0"
source = { registry = "https://index.example/simple" }
"""
PIXI_LOCK = """
version: 6
packages:
- conda: https://conda.example/acme/noarch/libacme-1.0-0.conda
  sha256: 00
"""


def test_a_project_without_lock_files_has_no_graph_that_is_known(tmp_path: Path) -> None:
    assert locked_graph(tmp_path) == Graph()


def test_each_ecosystem_is_known_from_its_own_lock_file(tmp_path: Path) -> None:
    (tmp_path / "uv.lock").write_text(UV_LOCK)
    assert locked_graph(tmp_path) == Graph(projects=("acme-core", "mine"))
    (tmp_path / "pixi.lock").write_text(PIXI_LOCK)
    assert locked_graph(tmp_path) == Graph(projects=("acme-core", "mine"), packages=("libacme",))


def test_a_lock_file_that_cannot_be_read_is_an_error_and_no_empty_graph(tmp_path: Path) -> None:
    (tmp_path / "uv.lock").write_text("[[package")
    with pytest.raises(InvalidInput) as error:
        locked_graph(tmp_path)
    assert error.value.code is Code.BAD_METADATA


def test_names_are_added_where_they_are_said_to_be() -> None:
    graph = Graph(projects=("b",)).with_names(["pypi:A_b", "conda:LibFoo", "both"])
    assert graph == Graph(projects=("a-b", "b", "both"), packages=("both", "libfoo"))
    assert Graph().with_names(["conda:x"]) == Graph(packages=("x",))
    assert Graph().with_names([]) == Graph()


@pytest.mark.parametrize("name", ["", "npm:x", "a b", "conda:", "../x", "x\x1b[31m"])
def test_what_cannot_be_a_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput) as error:
        Graph().with_names([name])
    assert error.value.code is Code.POLICY_NAME
    assert "\x1b" not in str(error.value)
