"""Imports inside `bridge` point downwards only."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "bridge"

#: from the top; a package may import what stands below it, and itself.
LAYERS = (
    {"__main__"},
    {"cli"},
    {"sync"},
    {"serve", "publish", "priority"},
    {"select"},
    {"channel", "compare"},
    {"translate"},
    {"mapping"},
    {"formats"},
    {"native"},
    {"model"},
    {"errors", "limits", "_version"},
)
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module)
        elif isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
    return {name for name in names if name.startswith("bridge.")}


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_downwards_only(path: Path) -> None:
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    for name in imported(path):
        other = name.split(".")[1]
        assert LEVEL[other] > LEVEL[own] or other == own, f"{own} imports {name}"


@pytest.mark.parametrize(("one", "other"), [("conda", "wheel"), ("wheel", "conda")])
def test_the_two_formats_do_not_know_each_other(one: str, other: str) -> None:
    for path in (PACKAGE / "formats" / one).rglob("*.py"):
        assert not any(name.startswith(f"bridge.formats.{other}") for name in imported(path)), path


def test_every_top_level_name_has_a_layer() -> None:
    names = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in modules()}
    assert names <= LEVEL.keys()
