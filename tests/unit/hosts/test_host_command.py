"""`conda-bridge host`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bridge.cli.host import host_command
from bridge.mapping.hosts import parse_set
from bridge.select.detect import detect_host
from bridge.select.host_file import read_host


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("CONDA_OVERRIDE_", "NV_VARIANT_", "TPU_VARIANT_")):
            monkeypatch.delenv(name)


def host(*arguments: str) -> Result:
    return CliRunner().invoke(host_command, arguments)


def document(*arguments: str) -> dict[str, Any]:
    result = host("--json", *arguments)
    assert result.exit_code == 0, result.output
    value: dict[str, Any] = json.loads(result.stdout)
    return value


def test_json_is_a_file_that_describes_the_same_machine(tmp_path: Path) -> None:
    path = tmp_path / "h.json"
    path.write_text(host("--json", "--set", "cuda=12.8", "--set", "cuda_arch=9.0").stdout)
    assert read_host(path) == detect_host([parse_set("cuda=12.8"), parse_set("cuda_arch=9.0")])


def test_another_platform_takes_nothing_from_this_machine() -> None:
    found = document("--subdir", "osx-arm64", "--set", "osx=14.0")
    assert found["subdir"] == "osx-arm64"
    assert {package["name"] for package in found["virtual_packages"]} == {"__unix", "__osx", "__archspec"}
    assert any(tag.endswith("-macosx_14_0_arm64") for tag in found["tags"])


def test_tags_are_for_the_python_that_is_named() -> None:
    assert document("--python", "3.13t")["tags"][0].startswith("cp313-cp313t-")
    assert document("--python", "3.9")["tags"][0].startswith("cp39-cp39-")


def test_text_for_people() -> None:
    result = host("--subdir", "linux-64", "--set", "cuda=12.8", "--set", "archspec=haswell", "--set", "glibc=2.28")
    assert result.exit_code == 0
    assert "x86_64 :: level :: v3, v2, v1" in result.stdout
    assert "nvidia :: cuda_version_lower_bound :: 12.8, 12.7, 12.6, 12.5, 12.4, 12.3, and " in result.stdout


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--set", "cuda=new"], "cuda=new"),
        (["--set", "archspec=v3"], "x86_64_v3"),
        (["--set", "mpi=openmpi"], "mpi=openmpi"),
        (["--subdir", "nowhere"], "nowhere"),
        (["--subdir", "linux-64", "--set", "osx=14.0"], "osx=14.0"),
        (["--python", "3"], "3"),
    ],
)
def test_a_wrong_value_is_a_usage_error_that_names_it(arguments: list[str], named: str) -> None:
    result = host(*arguments)
    assert result.exit_code == 2
    assert named in result.stderr
    assert result.stdout == ""


def test_differences_are_notes_beside_the_document(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NV_VARIANT_PROVIDER_FORCE_SM_ARCH", "9.0")
    result = host("--json")
    assert "note: NV_VARIANT_PROVIDER_FORCE_SM_ARCH=9.0" in result.stderr
    json.loads(result.stdout)
    # They say nothing about a machine that is only described.
    assert host("--json", "--subdir", "osx-arm64").stderr == ""
