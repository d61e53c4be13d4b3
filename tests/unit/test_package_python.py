"""An installed CPython becomes a conda package that forgets where it was installed."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
from rattler.package_streaming import extract

from bridge.formats.conda.artifact import open_artifact
from bridge.formats.conda.survey import survey
from bridge.model.conda import FileMode

PROGRAM = Path(__file__).parents[2] / "recipes" / "package_python.py"
MINOR = f"{sys.version_info[0]}.{sys.version_info[1]}"


def package(channel: Path) -> dict[str, Path]:
    """Package the interpreter that runs the tests; by name."""
    result = subprocess.run([sys.executable, PROGRAM, "-o", channel], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        pytest.skip(result.stderr.strip().splitlines()[-1])
    paths = [Path(line) for line in result.stdout.splitlines()]
    return {path.name.rsplit("-", 2)[0]: path for path in paths}


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return package(tmp_path_factory.mktemp("channel"))


def test_python_is_there_with_what_requirements_name(packages: dict[str, Path]) -> None:
    assert set(packages) == {"python", "python_abi", "cpython", "python-gil", "_python_abi3_support"}
    for name, path in packages.items():
        with open_artifact(path) as artifact:
            index = artifact.metadata().index
        assert (index.name, index.subdir) == (name, path.parent.name)
        if name == "python":
            assert index.python_site_packages_path == f"lib/python{MINOR}/site-packages"
            assert all(spec.startswith("__") for spec in index.depends)


def test_every_file_is_as_paths_json_says(packages: dict[str, Path]) -> None:
    with open_artifact(packages["python"]) as artifact:
        found = survey(artifact)
        entries = {entry.path: entry for entry in artifact.metadata().paths}
    assert {"bin/python", "bin/python3"} <= found.symlinks.keys()
    assert f"bin/python{MINOR}" in found.files
    assert f"lib/python{MINOR}/os.py" in found.files
    assert not [path for path in found.files if "__pycache__" in path or "/test/" in path]
    assert [path for path in found.files if "/site-packages/" in path] == [
        f"lib/python{MINOR}/site-packages/README.txt"
    ]
    assert {entry.file_mode for entry in entries.values()} == {None, FileMode.TEXT}


def test_nothing_in_it_knows_where_it_was_installed(packages: dict[str, Path], tmp_path: Path) -> None:
    extract(packages["python"], tmp_path)
    real = str(Path(sys.base_prefix).resolve()).encode()
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and real in path.read_bytes()]


def test_the_same_python_gives_the_same_bytes(packages: dict[str, Path], tmp_path: Path) -> None:
    again = package(tmp_path)
    assert {name: digest(path) for name, path in packages.items()} == {
        name: digest(path) for name, path in again.items()
    }


def test_what_is_no_python_of_its_own_is_refused(tmp_path: Path) -> None:
    fake = tmp_path / "python"
    fake.write_text("#!/bin/sh\nexit 3\n")
    fake.chmod(0o755)
    result = subprocess.run(
        [sys.executable, PROGRAM, "--python", fake, "-o", tmp_path / "channel"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stderr) == (1, f"{fake} does not run\n")
    assert not (tmp_path / "channel").exists()


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
