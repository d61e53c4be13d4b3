"""Wheels that stand alone: one file, installed without its requirements, in a Python with libraries of its own."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bridge.channel.convert import Report, convert
from bridge.model.plan import Layout
from tests.e2e.conftest import ROOT, Run, pip_install, served
from tests.e2e.test_prefix_layout import small_repodata

Converted = Callable[[Layout], tuple[Path, Report]]

#: Loads the libraries that clash most often, then runs the script that is named.
PRELOAD = """
import ssl, sqlite3, curses, ctypes, lzma, bz2, runpy, sys
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""

#: project -> the conda package that it is made of, and what to run.
ALONE = {
    "cffi": ("cffi-1.17.1-py312h06ac9bb_0.conda", "import _cffi_backend"),
    "zstandard": (
        "zstandard-0.23.0-py312hef9b889_1.conda",
        "import zstandard as z; assert z.decompress(z.compress(b'a' * 99)) == b'a' * 99",
    ),
    "pycosat": ("pycosat-0.6.6-py312h66e93f0_2.conda", "import pycosat; assert pycosat.solve([[1]]) == [1]"),
    "brotli-python": (
        "brotli-python-1.1.0-py312h2ec8cdc_2.conda",
        "import brotli as b; assert b.decompress(b.compress(b'a' * 99)) == b'a' * 99",
    ),
}


def test_libmambapy_imports_and_solves_after_python_has_loaded_its_own_libraries(
    miniforge: Path, new_venv: Callable[[str], Path], run: Run, tmp_path: Path
) -> None:
    package = miniforge / "linux-64" / "libmambapy-1.5.12-py312hbaee817_0.conda"
    report = convert([package], tmp_path / "out", channels=[miniforge])
    (output,) = report.outcomes[0].outputs
    python = new_venv("environment")
    run(python, "-m", "pip", "--isolated", "install", "--quiet", "--no-index", "--no-deps", output.path)
    script = ROOT / "tests/support/solve_with_libmambapy.py"
    solved = run(python, "-c", PRELOAD, script, small_repodata(tmp_path), "zstd")
    assert solved.split() == ["libzlib-1.3-0.conda", "zstd-1.5-0.conda"]
    assert_stands_alone(python, "libmambapy")
    assert_auditwheel_agrees(Path(output.path), run)


@pytest.mark.parametrize("project", ALONE)
def test_single_packages_stand_alone(
    project: str, miniforge: Path, new_venv: Callable[[str], Path], run: Run, tmp_path: Path
) -> None:
    filename, check = ALONE[project]
    report = convert([miniforge / "linux-64" / filename], tmp_path / "out", channels=[miniforge])
    (output,) = report.outcomes[0].outputs
    python = new_venv("environment")
    run(python, "-m", "pip", "--isolated", "install", "--quiet", "--no-index", "--no-deps", output.path)
    run(python, "-c", f"import ssl, sqlite3, curses, ctypes, lzma, bz2; {check}")
    assert_stands_alone(python, "")
    assert_auditwheel_agrees(Path(output.path), run)


def test_conda_solves_with_the_libmamba_solver(
    converted: Converted, miniforge: Path, new_venv: Callable[[str], Path], run: Run, tmp_path: Path
) -> None:
    directory, _ = converted(Layout.VENDORED)
    python = new_venv("environment")
    with served(directory) as index:
        run(*pip_install(python, index, "conda", "conda-libmamba-solver"))
    said = run(
        python, "-m", "conda", "create", "-n", "x", "--dry-run", "--json", "--solver", "libmamba",
        "--override-channels", "-c", miniforge, "zstd",
        HOME=str(tmp_path), CONDA_PKGS_DIRS=str(tmp_path / "pkgs"), PYTHONWARNINGS="ignore",
    )  # fmt: skip
    actions = json.loads(said)["actions"]
    assert {"zstd", "libzlib"} <= {package["name"] for package in actions["LINK"]}


def assert_stands_alone(python: Path, package: str) -> None:
    """Every library that the loader finds is the wheel's, or one that manylinux leaves to the system."""
    site_packages = next((python.parents[1] / "lib").glob("python3.12/site-packages"))
    system = re.compile(r"(?:ld-linux-x86-64|linux-vdso|lib(?:c|m|dl|rt|pthread|resolv|util|gcc_s|stdc\+\+|z))\.so")
    modules = [path for path in (site_packages / package).rglob("*.so*") if path.is_file()]
    assert modules
    for module in modules:
        said = subprocess.run(["ldd", module], capture_output=True, text=True, check=False).stdout
        for line in said.splitlines():
            name, _, found = line.strip().partition(" => ")
            inside = found.startswith(str(site_packages))
            assert inside or system.match(Path(name.split()[0]).name), f"{module.name}: {line.strip()}"


def assert_auditwheel_agrees(wheel: Path, run: Run) -> None:
    """auditwheel finds the tag right: nothing in the wheel needs a newer system than the tag says."""
    said = run(Path(sys.executable).with_name("auditwheel"), "show", wheel)
    found = re.search(r"platform tag:\s+\"(manylinux_(\d+)_(\d+)_x86_64)\"", said)
    assert found, said
    named = re.search(r"manylinux_(\d+)_(\d+)_x86_64", wheel.name)
    assert named, wheel.name
    needed = (int(found[2]), int(found[3]))
    # conda declares 2.17 for every package; a binary that needs less keeps the declared floor.
    assert (int(named[1]), int(named[2])) == max(needed, (2, 17))
