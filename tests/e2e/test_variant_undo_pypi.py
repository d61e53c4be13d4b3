"""Wheels from PyPI become variants and plain again, and are then the same files, whoever built them."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from bridge.formats.wheel.variant_check import check_wheel
from bridge.formats.wheel.variant_edit import make_variant, relabel, undo_variant
from bridge.model.variant import Property, StaticProvider, VariantMetadata

WHEELS = json.loads(Path(__file__).with_name("pypi_wheels.json").read_text())
#: one file per requirement, whatever machine the test runs on.
TARGET = (
    *("--implementation", "cp", "--python-version", "3.12"),
    *(part for abi in ("cp312", "abi3", "none") for part in ("--abi", abi)),
    *(
        part
        for platform in ("2_28", "2_17", "2_5", "2014", "1")
        for part in ("--platform", f"manylinux{'_' if '_' in platform else ''}{platform}_x86_64")
    ),
)
METADATA = VariantMetadata(
    ("blas",),
    {"blas": StaticProvider({"library": ("mkl", "openblas")})},
    {
        "mkl": frozenset({Property("blas", "library", "mkl")}),
        "openblas": frozenset({Property("blas", "library", "openblas")}),
    },
)


@pytest.fixture(scope="module")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheels of the list, about 70 MB."""
    directory = tmp_path_factory.mktemp("pypi")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary", ":all:", "--retries", "1", "--timeout", "20", *TARGET, "-d", str(directory)]
    environment = {**os.environ, "PIP_NO_INPUT": "1"}
    requirements = [wheel["requirement"] for wheel in WHEELS]
    result = subprocess.run([*command, *requirements], env=environment, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        last = result.stderr.strip().splitlines()[-1:]
        pytest.skip(f"the wheels cannot be downloaded: {''.join(last)}")
    return directory


def members(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


@pytest.mark.parametrize("wheel", WHEELS, ids=[wheel["filename"] for wheel in WHEELS])
def test_the_way_there_and_back_gives_the_published_file(
    downloads: Path, tmp_path: Path, wheel: dict[str, str]
) -> None:
    source = downloads / wheel["filename"]
    assert hashlib.sha256(source.read_bytes()).hexdigest() == wheel["sha256"]
    variant, _ = make_variant(source, tmp_path, "mkl", METADATA)
    assert check_wheel(variant) == ()
    with zipfile.ZipFile(variant) as archive:
        assert archive.testzip() is None
    other, _ = relabel(variant, tmp_path, "openblas", METADATA)
    for path in (variant, other):
        plain, digest = undo_variant(path, tmp_path)
        assert (plain.name, digest.sha256) == (wheel["filename"], wheel["sha256"])


def test_the_list_has_what_breaks_simpler_tools(downloads: Path) -> None:
    paths = sorted(downloads.glob("*.whl"))
    assert len(paths) >= 20
    assert any("," in name for path in paths for name in members(path))
    assert any(len(members(path)) > 3000 for path in paths)
