"""`priority compile` and `priority overlays`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bridge.cli import cli, run
from tests.support.overlay_sources import add_conda, add_wheel, policy_text, serving, write_index

HOST = "https://sources.example"


def invoke(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["priority", *map(str, arguments)])


def document(*arguments: str | Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(invoke(*arguments, "--json").stdout)
    return found


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "bridge-policy.toml").write_text(policy_text(HOST))
    return tmp_path


def test_a_weak_first_party_claim_fails_until_its_code_is_allowed(project: Path) -> None:
    weak = invoke("compile", project, "-c", "conda")
    assert weak.exit_code == 1
    assert "CB445" in weak.stdout
    assert (project / ".condarc").is_file()
    assert invoke("compile", project, "-c", "conda", "--allow-weaker", "CB445").exit_code == 0


def test_overlays_make_every_claim_exact(project: Path) -> None:
    options = ("--overlays", "https://overlays.example/x")
    clients = [part for name in ("conda", "pixi", "uv", "pip", "pdm") for part in ("-c", name)]
    done = document("compile", project, *clients, *options)
    assert done["ok"]
    claims = [row for row in done["report"] if row["rule"].startswith("claim")]
    assert {row["client"] for row in claims} == {"conda", "pixi", "uv", "pip", "pdm"}
    assert {row["verdict"] for row in claims} == {"exact"}
    assert "https://overlays.example/x/conda/internal" in (project / ".condarc").read_text()


def test_names_of_the_graph_are_pinned(project: Path) -> None:
    known = document("compile", project, "-c", "uv", "--name", "pypi:acme-core")
    assert known["ok"]
    assert "acme-core" in (project / "pyproject.toml").read_text()


def test_check_finds_what_was_edited_and_writes_nothing(project: Path) -> None:
    call = ("compile", project, "-c", "uv", "--name", "pypi:acme-core")
    assert invoke(*call).exit_code == 0
    assert invoke(*call, "--check").exit_code == 0
    edited = (project / "pyproject.toml").read_text().replace("internal", "public", 1)
    (project / "pyproject.toml").write_text(edited)
    drifted = invoke(*call, "--check")
    assert drifted.exit_code == 1
    assert "CB443" in drifted.stdout
    assert (project / "pyproject.toml").read_text() == edited


def test_a_project_without_a_policy_is_a_usage_error(tmp_path: Path) -> None:
    assert run(["priority", "compile", str(tmp_path)]) == 2


def test_an_unknown_code_is_a_usage_error(project: Path) -> None:
    assert run(["priority", "compile", str(project), "--allow-weaker", "CB218"]) == 2


def test_overlays_are_made_verified_and_compiled_for(tmp_path: Path) -> None:
    for name, version in (("internal", "1.0"), ("public", "99")):
        add_wheel(tmp_path / name, "acme-core", version)
        add_conda(tmp_path / name, "acme-core", version)
        write_index(tmp_path / name)
    with serving(tmp_path) as site:
        policy = tmp_path / "bridge-policy.toml"
        policy.write_text(policy_text(site.address))
        made = invoke("overlays", tmp_path / "out", "--policy", policy, "--name", "acme-core", "--json")
        assert made.exit_code == 0, made.output
        offered = {(row["source"], row["ecosystem"]): row["offered"] for row in json.loads(made.stdout)["sources"]}
        again = invoke("overlays", tmp_path / "out", "--policy", policy, "--name", "acme-core", "--offline")
    assert offered == {
        ("internal", "conda"): 1, ("internal", "pypi"): 1, ("public", "conda"): 0, ("public", "pypi"): 0,
    }  # fmt: skip
    assert "0 written, 0 removed" in again.stdout
    assert invoke("overlays", tmp_path / "out", "--verify").exit_code == 0
    (tmp_path / "out" / "pypi" / "simple" / "index.html").write_text("other")
    spoiled = invoke("overlays", tmp_path / "out", "--verify")
    assert (spoiled.exit_code, spoiled.stdout.count("CB469")) == (1, 1)
