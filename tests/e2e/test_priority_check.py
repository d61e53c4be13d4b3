"""Predictions by rule held against the real programs, through `priority check`'s own comparison."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.priority.catalogue import Catalogue
from bridge.priority.check import check
from bridge.priority.check_run import compared, run_clients, unpredicted
from bridge.priority.checked import CheckReport, RunState
from bridge.priority.look import look, targets_of
from bridge.priority.overlay_fetch import Origins
from bridge.priority.policy import Ecosystem
from bridge.priority.report import Client
from tests.support.client_venvs import client
from tests.support.overlay_sources import Site, add_conda, add_wheel, policy, serving, write_index

pytestmark = pytest.mark.e2e

PYTHON = (Client.UV, Client.UV_PIP, Client.PIP, Client.POETRY, Client.PDM)
WORLD = (
    ("internal", "acme-core", "1.0", ()),
    ("internal", "shared", "1.0", ()),
    ("public", "acme-core", "99", ()),
    ("public", "shared", "2.0", ()),
    ("public", "onlypub", "1.0", ("acme-core", "shared")),
)
ORDERS = {
    "as written": {"uv": "first-index", "poetry": "primary", "pdm": "false", "pixi": "strict"},
    "first match": {"uv": "unsafe-first-match", "poetry": "supplemental", "pdm": "true", "pixi": "flexible"},
    "best match": {"uv": "unsafe-best-match", "poetry": "primary", "pdm": "false", "pixi": "disabled"},
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    root = tmp_path_factory.mktemp("sources")
    for source, name, version, needs in WORLD:
        add_wheel(root / source, name, version, *needs)
        add_conda(root / source, name, version, *needs)
    for source in ("internal", "public"):
        write_index(root / source)
    with serving(root) as served:
        yield served


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


def project(path: Path, address: str, order: str, bound: str) -> Path:
    """`internal` above `public` for every client, and a requirement that only `public` can meet if there is a bound."""
    internal, public, mode = f"{address}/internal/simple/", f"{address}/public/simple/", ORDERS[order]
    tables = {
        "tool.uv.index": ("", "default = true"),
        "tool.poetry.source": ("", f'priority = "{mode["poetry"]}"'),
        "tool.pdm.source": ("", ""),
    }
    text = '[project]\nname = "p"\nversion = "0"\nrequires-python = ">=3.11"\n'
    text += f'dependencies = ["onlypub", "shared{bound}"]\n'
    for table, rest in tables.items():
        # pdm puts PyPI first unless a source has its name, which poetry allows to none
        lower = "pypi" if "pdm" in table else "public"
        for name, url, more in (("internal", internal, rest[0]), (lower, public, rest[1])):
            text += f'[[{table}]]\nname = "{name}"\nurl = "{url}"\n{more}\n'
    text += f"[tool.pdm.resolution]\nrespect-source-order = {mode['pdm']}\n"
    text += f'[tool.uv]\nindex-strategy = "{mode["uv"]}"\n'
    files = {
        "pyproject.toml": text,
        "uv-pip.toml": f'index-strategy = "{mode["uv"]}"\n[[index]]\nurl = "{internal}"\n[[index]]\nurl = "{public}"\n'
        "default = true\n",
        "pip.conf": f"[global]\nindex-url = {internal}\nextra-index-url = {public}\n",
        "pixi.toml": f'[workspace]\nchannels = ["{address}/internal/conda", "{address}/public/conda"]\n'
        f'channel-priority = "{mode["pixi"]}"\n[dependencies]\nonlypub = "*"\nshared = "{bound or "*"}"\n',
    }
    path.mkdir()
    for name, content in files.items():
        (path / name).write_text(content)
    return path


def checked(at: Path, site: Site, home: Path, *names: str) -> CheckReport:
    under = policy(site.address)
    catalogue: Catalogue = look(targets_of(under), dict.fromkeys(Ecosystem, ("onlypub", "shared")), Origins())
    report = check(at, under, catalogue, names)
    programs = {which: client(which.value.partition("-")[0]) for which in PYTHON}
    attempts = run_clients(report, at, single=bool(names), home=home, programs=programs)
    assert not unpredicted(report, attempts)
    return compared(report, attempts, under, catalogue)


@pytest.mark.parametrize(
    ("order", "bound"), [("as written", ""), ("as written", ">=2"), ("first match", ">=2"), ("best match", "")]
)
def test_no_client_does_what_was_not_predicted(tmp_path: Path, site: Site, home: Path, order: str, bound: str) -> None:
    report = checked(project(tmp_path / "p", site.address, order, bound), site, home)
    assert report.runs is not None
    states = {run.client: run.state for run in report.runs}
    assert states.keys() == {*PYTHON, Client.PIXI}
    assert not [run for run in report.runs if run.contradicts]
    # only strict clients find no solution where the first source has no version that will do
    strict = {Client.UV, Client.UV_PIP} if order == "as written" and bound else set()
    assert {one for one, state in states.items() if state is RunState.FAILED} == strict
    answers = [one for row in report.names for one in row.answers if one.required]
    real = [one for one in answers if one.real is not None]
    assert {one.client for one in real} == states.keys() - strict
    assert not [one for one in real if one.real is not None and one.real.contradicts]


def test_single_names_are_run_by_themselves(tmp_path: Path, site: Site, home: Path) -> None:
    report = checked(project(tmp_path / "p", site.address, "as written", ""), site, home, "acme-core")
    found = [(row, one) for row in report.names for one in row.answers]
    assert {one.client for _, one in found} == {*PYTHON, Client.PIXI}
    assert all(one.real is not None and not one.real.contradicts for _, one in found)
