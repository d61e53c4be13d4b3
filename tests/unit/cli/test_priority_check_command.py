"""`priority check`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bridge.cli import cli, run
from tests.support.catalogues import write_files
from tests.support.overlay_sources import Site, add_conda, add_wheel, policy_text, serving, write_index

PIP = "[global]\nindex-url = BASE/internal/simple/\nextra-index-url = BASE/public/simple/\n"
PIXI = """\
[workspace]
channels = ["BASE/internal/conda", "BASE/public/conda"]
[dependencies]
onlypub = "*"
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    root = tmp_path_factory.mktemp("sources")
    for source, name, version, *needs in (
        ("internal", "acme-core", "1.0"),
        ("public", "acme-core", "99"),
        ("public", "onlypub", "1.0", "acme-core"),
    ):
        add_wheel(root / source, name, version, *needs)
        add_conda(root / source, name, version, *needs)
        write_index(root / source)
    with serving(root) as served:
        yield served


def project(path: Path, site: Site, **files: str) -> Path:
    """A project with a policy; names of files have `_` for a dot."""
    texts = {
        "bridge-policy.toml": policy_text("BASE"),
        **{name.replace("_", "."): text for name, text in files.items()},
    }
    return write_files(path, {name: text.replace("BASE", site.address) for name, text in texts.items()})


def invoke(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["priority", "check", *map(str, arguments)])


def test_a_project_that_keeps_to_its_policy_ends_with_0(tmp_path: Path, site: Site) -> None:
    done = invoke(project(tmp_path, site, pixi_toml=PIXI))
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[-1] == "2 names, 1 configuration: no disagreement"


def test_a_client_that_takes_another_source_ends_with_1(tmp_path: Path, site: Site) -> None:
    place = project(tmp_path, site, pip_conf=PIP, requirements_txt="onlypub\n")
    done = invoke(place, "--json")
    assert done.exit_code == 1
    document = json.loads(done.stdout)
    assert {one["name"]: one["clients"][0]["standing"] for one in document["names"]} == {
        "acme-core": "other-source",
        "onlypub": "agrees",
    }
    assert document["runs"] is None
    assert invoke(place, "--name", "pypi:onlypub").exit_code == 0


def test_what_is_compiled_for_overlays_agrees_for_every_client(tmp_path: Path) -> None:
    for source, version in (("internal", "1.0"), ("public", "99")):
        add_wheel(tmp_path / source, "acme-core", version)
        add_conda(tmp_path / source, "acme-core", version)
        write_index(tmp_path / source)
    with serving(tmp_path) as site:
        place = project(tmp_path / "project", site, requirements_txt="acme-core\n")
        (place / "pyproject.toml").write_text('[project]\nname = "p"\nversion = "0"\ndependencies = ["acme-core"]\n')
        overlays = ("overlays", tmp_path / "out", "--policy", place / "bridge-policy.toml", "--name", "acme-core")
        assert CliRunner().invoke(cli, ["priority", *map(str, overlays)]).exit_code == 0
        compiled = CliRunner().invoke(
            cli, ["priority", "compile", str(place), "--overlays", f"{site.address}/out", "--name", "acme-core"]
        )
        assert compiled.exit_code == 0, compiled.output
        done = invoke(place, "--name", "acme-core", "--json")
    assert done.exit_code == 0, done.output
    conda, pypi = json.loads(done.stdout)["names"]
    assert {one["client"] for one in conda["clients"]} == {"conda", "mamba", "pixi", "rattler"}
    assert {one["client"] for one in pypi["clients"]} == {"pixi", "uv", "uv-pip", "pip", "poetry", "pdm", "hatch"}
    assert {one["takes"]["source"] for row in (conda, pypi) for one in row["clients"]} == {"internal"}


def test_without_a_policy_the_clients_are_compared(tmp_path: Path, site: Site) -> None:
    place = project(tmp_path, site, pip_conf=PIP, requirements_txt="acme-core\n")
    (place / "bridge-policy.toml").unlink()
    assert invoke(place).exit_code == 0
    text = '[project]\nname="p"\nversion="0"\ndependencies=["acme-core"]\n[[tool.uv.index]]\nname="i"\n'
    (place / "pyproject.toml").write_text(f'{text}url="{site.address}/internal/simple"\ndefault=true\n')
    done = invoke(place)
    assert done.exit_code == 1
    assert "acme-core (pypi): the clients disagree" in done.stdout


def test_a_run_is_compared_and_leaves_nothing_behind(tmp_path: Path, site: Site) -> None:
    place = project(tmp_path, site, pixi_toml=PIXI)
    before = sorted(path.name for path in place.iterdir())
    done = invoke(place, "--run", "--json")
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert [(one["client"], one["state"]) for one in document["runs"]] == [("pixi", "ran")]
    assert {one["name"]: one["clients"][0]["real"]["takes"]["source"] for one in document["names"]} == {
        "acme-core": "internal",
        "onlypub": "public",
    }
    assert sorted(path.name for path in place.iterdir()) == before


def test_what_only_a_run_finds_is_checked_as_well(tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "sources"
    wheel = add_wheel(root / "quiet", "quiet", "1.0", "acme-core")
    # the index does not say what the wheel requires
    wheel.with_name(f"{wheel.name}.metadata").unlink()
    write_index(root / "quiet")
    uv = """[project]\nname = "p"\nversion = "0"\nrequires-python = ">=3.11"\ndependencies = ["quiet"]\n"""
    with serving(root) as more:
        for name, address in (("quiet", f"{more.address}/quiet"), ("public", f"{site.address}/public")):
            uv += f'[[tool.uv.index]]\nname = "{name}"\nurl = "{address}/simple"\n'
        place = project(tmp_path / "project", site, pyproject_toml=f"{uv}default = true\n")
        assert [one["name"] for one in json.loads(invoke(place, "--json").stdout)["names"]] == ["quiet"]
        monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
        document = json.loads(invoke(place, "--run", "--json").stdout)
    (found,) = (one for one in document["names"] if one["name"] == "acme-core")
    assert found["clients"][0]["required"] is False
    assert found["clients"][0]["standing"] == found["clients"][0]["real"]["standing"] == "other-source"


@pytest.mark.parametrize(
    "arguments", [("--run", "--user-config"), ("--policy", "missing.toml"), ("--timeout", "0"), ("nowhere",)]
)
def test_calls_that_make_no_sense_are_usage_errors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["priority", "check", *arguments]) == 2


def test_a_name_that_is_none_and_a_broken_policy_are_errors(tmp_path: Path, site: Site) -> None:
    place = project(tmp_path, site)
    assert run(["priority", "check", str(place), "--name", "a b"]) == 1
    (place / "bridge-policy.toml").write_text("[[[")
    assert run(["priority", "check", str(place)]) == 1
