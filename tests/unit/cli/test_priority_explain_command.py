"""`priority explain`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bridge.cli import cli, run
from tests.support.catalogues import CLAIM, INTERNAL, PUBLIC, SOURCES, write_files
from tests.support.overlay_sources import add_conda, add_wheel, serving, write_index

NAMES = '[names]\npytorch = "torch"\nacme-native = false\n'


@pytest.fixture
def project(tmp_path: Path) -> Path:
    policy = SOURCES + CLAIM.replace('"acme-*"', '"acme-*", "torch"') + NAMES
    return write_files(tmp_path, {"bridge-policy.toml": policy})


def invoke(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["priority", "explain", *map(str, arguments)])


def test_a_package_is_explained_under_all_names_without_asking(project: Path) -> None:
    done = invoke("torch", "--project", project, "--offline")
    assert done.exit_code == 0, done.output
    assert "one package under 2 names (policy, 100% sure)" in done.stdout
    assert "pytorch (conda): internal, by the policy's claim on line 11" in done.stdout
    assert "torch (pypi): internal, by the policy's claim on line 11" in done.stdout


def test_a_configuration_of_the_project_is_answered_for(project: Path) -> None:
    pip = f"[global]\nindex-url = {INTERNAL}\nextra-index-url = {PUBLIC.replace('//', '//me:hunter2@')}\n"
    write_files(project, {"pip.conf": pip, "requirements.txt": "acme-core\n"})
    done = invoke("acme-core", "--project", project, "--offline", "--json")
    assert "hunter2" not in done.stdout
    (_, pypi) = json.loads(done.stdout)["names"]
    assert [one["client"] for one in pypi["clients"] if one["disagrees"]] == ["pip"]


def test_sources_are_asked_for_all_names(tmp_path: Path) -> None:
    for source, version in (("internal", "1.0"), ("public", "99")):
        add_wheel(tmp_path / source, "torch", version)
        add_conda(tmp_path / source, "pytorch", version)
        write_index(tmp_path / source)
    with serving(tmp_path) as site:
        policy = SOURCES + CLAIM + NAMES
        for source in ("internal", "public"):
            policy = policy.replace(f"https://{source}.example", f"{site.address}/{source}")
        path = tmp_path / "policy.toml"
        path.write_text(policy)
        done = invoke("torch", "--policy", path, "--project", tmp_path, "--json")
        site.down.add("public")
        down = invoke("torch", "--policy", path, "--project", tmp_path)
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document["looked"] is True
    assert {one["name"]: [offer["versions"] for offer in one["offers"]] for one in document["names"]} == {
        "pytorch": [["1.0"], ["99"]],
        "torch": [["1.0"], ["99"]],
    }
    assert "does not answer" in down.stdout
    assert "could not be read" in down.stdout


@pytest.mark.parametrize(("name", "status"), [("a b", 1), ("\x1b[31m", 1), ("../x", 1)])
def test_what_is_no_name_is_an_error(project: Path, name: str, status: int) -> None:
    assert run(["priority", "explain", name, "--project", str(project), "--offline"]) == status


def test_a_policy_is_needed(tmp_path: Path) -> None:
    assert run(["priority", "explain", "torch", "--project", str(tmp_path), "--offline"]) == 2
