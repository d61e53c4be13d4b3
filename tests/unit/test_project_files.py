"""The files that describe the project agree with each other and with the code."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from bridge._version import __version__
from bridge.errors import Code

ROOT = Path(__file__).parents[2]


def requirement_name(line: str) -> str:
    return re.split(r"[^A-Za-z0-9-]", line, maxsplit=1)[0]


def test_pixi_workspace_lists_every_dependency_and_task() -> None:
    pixi = tomllib.loads((ROOT / "pixi.toml").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert pixi["workspace"]["channels"] == ["conda-forge"]
    assert {"demo", "test", "lint"} <= pixi["tasks"].keys()
    assert "libmambapy" in pixi["dependencies"]
    # What conda-forge does not have comes in through the project itself, which pixi installs from this directory.
    assert pixi["pypi-dependencies"]["conda-wheel-bridge"]["path"] == "."
    listed = set(pixi["dependencies"])
    required = {requirement_name(line) for line in project["dependencies"]}
    assert listed - {"python", "pip", "libmambapy"} <= required


def test_every_dependency_has_a_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    reasons = (ROOT / "docs" / "dependencies.md").read_text()
    for line in project["dependencies"]:
        assert f"`{requirement_name(line)}`" in reasons, line


def test_console_scripts_are_the_documented_ones() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert set(project["scripts"]) == {"conda-bridge", "pixi-bridge"}
    assert "conda" in project["entry-points"]


def test_version_is_stated_once() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__)
    assert __version__ not in (ROOT / "pyproject.toml").read_text()


@pytest.mark.parametrize("code", list(Code), ids=lambda code: code.number)
def test_every_code_has_a_page_with_its_anchor(code: Code) -> None:
    page = (ROOT / "docs" / "codes.md").read_text()
    heading = f"### {code.number} {code.slug}\n"
    assert heading in page, f"{code.anchor} leads nowhere"


def test_codes_are_unique() -> None:
    assert len({code.number for code in Code}) == len(Code)
    assert len({code.slug for code in Code}) == len(Code)
