"""The real programs, run through `bridge.priority.running`: what they take, what they say, what they leave behind."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.errors import Code, InvalidInput, Unsupported
from bridge.priority.report import Client
from bridge.priority.running.ran import Ran
from bridge.priority.running.run import RUNNABLE, program_of, run_client
from tests.support.client_venvs import client
from tests.support.overlay_sources import Site, add_conda, add_wheel, serving, write_index

pytestmark = pytest.mark.e2e

PYTHON = (Client.UV, Client.UV_PIP, Client.PIP, Client.POETRY, Client.PDM)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    root = tmp_path_factory.mktemp("sources")
    for source, name, version, *needs in (
        (root / "internal", "acme-core", "1.0"),
        (root / "public", "acme-core", "99"),
        (root / "public", "onlypub", "1.0", "acme-core"),
        (root / "public", "twin", "1.0"),
        (root / "public", "twin", "2.0"),
    ):
        add_wheel(source, name, version, *needs)
        add_conda(source, name, version, *needs)
    write_index(root / "internal")
    write_index(root / "public")
    with serving(root) as served:
        yield served


def project(path: Path, address: str) -> Path:
    """`internal` above `public` for every client."""
    path.mkdir()
    internal, public = f"{address}/internal/simple/", f"{address}/public/simple/"
    (path / "pyproject.toml").write_text(f"""
[project]
name = "demo"
version = "1"
requires-python = ">=3.11"
dependencies = ["onlypub"]
[[tool.uv.index]]
name = "internal"
url = "{internal}"
[[tool.uv.index]]
name = "public"
url = "{public}"
default = true
[[tool.poetry.source]]
name = "internal"
url = "{internal}"
[[tool.poetry.source]]
name = "public"
url = "{public}"
priority = "supplemental"
[[tool.pdm.source]]
name = "internal"
url = "{internal}"
[[tool.pdm.source]]
name = "pypi"
url = "{public}"
[tool.pdm.resolution]
respect-source-order = true
""")
    (path / "uv-pip.toml").write_text(f'[[index]]\nurl = "{internal}"\n[[index]]\nurl = "{public}"\ndefault = true\n')
    (path / "pip.conf").write_text(f"[global]\nindex-url = {internal}\nextra-index-url = {public}\n")
    (path / "pixi.toml").write_text(f"""
[workspace]
channels = ["{address}/internal/conda", "{address}/public/conda"]
[dependencies]
onlypub = "*"
""")
    return path


def ran(which: Client, at: Path, *requirements: str, **variables: str) -> Ran:
    program = client(which.value.partition("-")[0]) if which in PYTHON else None
    return run_client(which, at, requirements, home=at.parent / "home", program=program, variables=variables)


@pytest.mark.parametrize("which", [*PYTHON, Client.PIXI])
def test_what_a_client_takes_is_told_with_its_source(tmp_path: Path, site: Site, which: Client) -> None:
    at = project(tmp_path / "p", site.address)
    before = {path: path.read_bytes() for path in at.rglob("*")}
    found = ran(which, at)
    assert found.ok, found.message
    # pip takes the best version of all indexes, and everybody else the first index that has the name
    version = "99" if which is Client.PIP else "1.0"
    assert {name: one.version for name, one in found.taken.items()} == {"acme-core": version, "onlypub": "1.0"}
    first = found.taken["acme-core"]
    wanted = "public" if which is Client.PIP else "internal"
    assert f"{site.address}/{wanted}/" in f"{first.url} {first.source}/"
    assert all(one.hashes for one in found.packages)
    assert {path: path.read_bytes() for path in at.rglob("*")} == before


@pytest.mark.parametrize("which", [*PYTHON, Client.PIXI])
def test_other_requirements_take_the_place_of_the_projects(tmp_path: Path, site: Site, which: Client) -> None:
    found = ran(which, project(tmp_path / "p", site.address), "acme-core <2")
    assert {name: one.version for name, one in found.taken.items()} == {"acme-core": "1.0"}, found.message


@pytest.mark.parametrize("which", [*PYTHON, Client.PIXI])
def test_a_refusal_says_why_and_nothing_secret(tmp_path: Path, site: Site, which: Client) -> None:
    at = project(tmp_path / "p", site.address)
    if which is not Client.PIXI:
        for path in at.iterdir():
            path.write_text(path.read_text().replace("http://", "http://someone:hunter22@"))
    found = ran(which, at, "acme-missing", TOKEN="hunter22")
    assert not found.ok
    assert not found.packages
    assert "acme-missing" in found.message
    assert "hunter22" not in found.message
    assert str(tmp_path) not in found.message


@pytest.mark.parametrize("which", PYTHON)
def test_a_package_without_wheels_is_refused_and_its_code_is_not_run(tmp_path: Path, which: Client) -> None:
    mark = tmp_path / "executed"
    code = f"open({str(mark)!r}, 'a').close()\n"
    members = {
        "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
        "backend.py": code,
        "setup.py": code,
        "PKG-INFO": "Metadata-Version: 1.0\nName: wild\nVersion: 1.0\n",
    }
    files = tmp_path / "site" / "public" / "files"
    files.mkdir(parents=True)
    with tarfile.open(files / "wild-1.0.tar.gz", "w:gz") as archive:
        for name, text in members.items():
            member = tarfile.TarInfo(f"wild-1.0/{name}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    write_index(tmp_path / "site" / "public")
    with serving(tmp_path / "site") as served:
        found = ran(which, project(tmp_path / "p", served.address), "wild")
    assert not found.ok
    assert not mark.exists()


@pytest.mark.parametrize("dynamic", ['version = "1"', 'dynamic = ["version"]'])
@pytest.mark.parametrize("which", PYTHON)
def test_the_build_backend_of_the_project_is_not_run(tmp_path: Path, site: Site, which: Client, dynamic: str) -> None:
    at = project(tmp_path / "p", site.address)
    text = (at / "pyproject.toml").read_text().replace('version = "1"', dynamic)
    # not there, so that to ask for it is to fail
    (at / "pyproject.toml").write_text(f'[build-system]\nrequires = ["nowhere"]\nbuild-backend = "nowhere"\n{text}')
    found = ran(which, at)
    assert found.ok, found.message
    assert found.taken.keys() == {"acme-core", "onlypub"}


def test_a_program_that_takes_too_long_is_stopped(tmp_path: Path, site: Site) -> None:
    slow = tmp_path / "slow"
    slow.write_text("#!/bin/sh\necho $$ > pid\nsleep 600\n")
    slow.chmod(0o755)
    at = project(tmp_path / "p", site.address)
    found = run_client(Client.UV, at, home=tmp_path / "home", program=slow, timeout_s=0.3)
    assert not found.ok
    assert "was stopped after 0.3 seconds" in found.message
    pid = (tmp_path / "home" / "project" / "pid").read_text().strip()
    assert not Path(f"/proc/{pid}").exists()


def test_a_client_that_cannot_be_run_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for which in set(Client) - {Client.PIXI, Client.RATTLER}:
        assert program_of(which) is None
        with pytest.raises(Unsupported) as caught:
            run_client(which, tmp_path, home=tmp_path / "home")
        assert caught.value.code is Code.CLIENT_MISSING
    with pytest.raises(InvalidInput) as unstarted:
        run_client(Client.UV, tmp_path, home=tmp_path / "home", program=tmp_path / "uv")
    assert unstarted.value.code is Code.CLIENT_RUN
    with pytest.raises(InvalidInput):
        run_client(Client.PIXI, tmp_path, home=tmp_path / "home")
    assert set(RUNNABLE) == {*PYTHON, Client.PIXI, Client.RATTLER}


def test_a_broken_configuration_is_named(tmp_path: Path, site: Site) -> None:
    at = project(tmp_path / "p", site.address)
    (at / "pyproject.toml").write_text("[project\n")
    with pytest.raises(InvalidInput) as caught:
        ran(Client.UV, at, "onlypub")
    assert caught.value.subject == "pyproject.toml"


@pytest.mark.parametrize("which", [Client.UV, Client.POETRY])
def test_of_a_name_that_a_lock_resolves_apart_only_the_entry_for_this_machine_counts(
    tmp_path: Path, site: Site, which: Client
) -> None:
    at = project(tmp_path / "p", site.address)
    found = ran(which, at, "twin <2 ; os_name != 'none'", "twin >=2 ; os_name == 'none'")
    assert [(one.name, one.version) for one in found.packages] == [("twin", "1.0")], found.message
