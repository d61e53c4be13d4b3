"""Predictions held against runs: made-up ones for every case, and rattler's for a real one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from bridge.priority.check import check
from bridge.priority.check_run import Attempt, compared, run_clients, unpredicted
from bridge.priority.check_text import check_text
from bridge.priority.checked import Answer, CheckReport, ClientRun, RunState, Standing
from bridge.priority.look import look, targets_of
from bridge.priority.overlay_fetch import Origins
from bridge.priority.policy import Ecosystem
from bridge.priority.report import Client
from bridge.priority.running.ran import Ran, RanPackage
from tests.support.catalogues import INTERNAL, PUBLIC, confused, sources, write_files
from tests.support.overlay_sources import add_conda, policy, serving

FILES = {
    "pip.conf": f"[global]\nindex-url = {INTERNAL}\nextra-index-url = {PUBLIC}\n",
    "requirements.txt": "onlypub\n",
}
READ = ("pip.conf", "requirements.txt")
ONLYPUB = RanPackage("onlypub", "1.0", f"{PUBLIC}/onlypub-1.0-py3-none-any.whl")


def wheel(source: str, name: str, version: str) -> RanPackage:
    return RanPackage(name, version, f"{source}/{name}-{version}-py3-none-any.whl")


def after(project: Path, *packages: RanPackage, ok: bool = True, single: str = "") -> CheckReport:
    """A check of pip, and what a run of pip makes of it."""
    write_files(project, FILES)
    ran = Ran(Client.PIP, ok, packages, "" if ok else "no matching distribution")
    state = RunState.RAN if ok else RunState.FAILED
    run = ClientRun(Client.PIP, READ, state, ran.message)
    attempt = Attempt(run, single={single: ran}) if single else Attempt(run, whole=ran)
    report = check(project, sources(), confused(), [f"pypi:{single}"] if single else ())
    return compared(report, [attempt], sources(), confused())


def answers(report: CheckReport) -> Mapping[str, Answer]:
    return {row.name: row.answers[0] for row in report.names}


def test_a_run_that_does_what_was_predicted_contradicts_nothing(tmp_path: Path) -> None:
    report = after(tmp_path, wheel(PUBLIC, "acme-core", "99"), ONLYPUB)
    found = answers(report)
    assert {name: one.real is not None and one.real.contradicts for name, one in found.items()} == {
        "acme-core": False,
        "onlypub": False,
    }
    # right about the client, and the client is wrong
    assert found["acme-core"].real is not None
    assert found["acme-core"].real.standing is Standing.OTHER_SOURCE
    assert not report.ok


def test_a_run_from_another_source_contradicts_the_prediction(tmp_path: Path) -> None:
    report = after(tmp_path, wheel(INTERNAL, "acme-core", "1.0"), ONLYPUB)
    real = answers(report)["acme-core"].real
    assert real is not None
    assert (real.contradicts, real.standing) == (True, Standing.AGREES)
    assert "but the real run took internal 1.0" in check_text(report)
    assert "1 predicted otherwise than the client did" in check_text(report)


def test_a_file_from_nowhere_known_is_another_source(tmp_path: Path) -> None:
    real = answers(after(tmp_path, wheel("https://elsewhere.example", "acme-core", "99"), ONLYPUB))["acme-core"].real
    assert real is not None
    assert (real.contradicts, real.standing) == (True, Standing.OTHER_SOURCE)


def test_another_version_of_the_same_source_contradicts_nothing(tmp_path: Path) -> None:
    report = after(tmp_path, replace(wheel(PUBLIC, "acme-core", "99"), version="98"), ONLYPUB)
    real = answers(report)["acme-core"].real
    assert real is not None
    assert not real.contradicts


def test_a_whole_run_that_fails_contradicts_predictions_that_all_succeed(tmp_path: Path) -> None:
    report = after(tmp_path, ok=False)
    assert report.runs is not None
    assert report.runs[0].contradicts
    assert "no matching distribution" in check_text(report)


def test_a_single_run_that_fails_is_the_answer_about_its_name(tmp_path: Path) -> None:
    report = after(tmp_path, ok=False, single="acme-core")
    real = answers(report)["acme-core"].real
    assert real is not None
    assert (real.origin, real.contradicts, real.standing) == (None, True, Standing.REFUSES)


def test_what_nobody_predicted_is_named(tmp_path: Path) -> None:
    write_files(tmp_path, FILES)
    report = check(tmp_path, sources(), confused())
    ran = Ran(Client.PIP, ok=True, packages=(ONLYPUB, RanPackage("surprise", "1")))
    attempt = Attempt(ClientRun(Client.PIP, READ, RunState.RAN), whole=ran)
    assert unpredicted(report, [attempt]) == {Ecosystem.PYPI: {"surprise"}}


@pytest.mark.parametrize(
    ("files", "state", "why"),
    [
        ({".condarc": "channels: [https://internal.example/conda]\n"}, RunState.NOT_RUN, "the bridge cannot run it"),
        ({**FILES, "requirements-dev.txt": "shared\n"}, RunState.NOT_RUN, "only requirements.txt is run"),
        ({"pixi.toml": "[workspace]\nchannels = []\n"}, RunState.NOT_RUN, "requires nothing"),
        ({"pyproject.toml": "[tool.poetry]\n"}, RunState.NOT_INSTALLED, ""),
    ],
)
def test_clients_that_are_not_run_say_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], state: RunState, why: str
) -> None:
    monkeypatch.setenv("PATH", "")
    project = write_files(tmp_path / "project", files)
    report = check(project, sources(), confused())
    attempts = run_clients(report, project, single=False, home=tmp_path / "home")
    assert (state, True) in {(one.run.state, why in one.run.message) for one in attempts}
    assert not list((tmp_path / "home").glob("*"))


def test_rattler_does_what_is_predicted_for_pixi(tmp_path: Path) -> None:
    for source, version in (("internal", "1.0"), ("public", "99")):
        add_conda(tmp_path / "site" / source, "acme-core", version)
    with serving(tmp_path / "site") as site:
        channels = [f"{site.address}/{name}/conda" for name in ("internal", "public")]
        project = write_files(
            tmp_path / "project",
            {"pixi.toml": f'[workspace]\nchannels = {channels}\n[dependencies]\nacme-core = ">=2"\n'},
        )
        under = policy(site.address)
        catalogue = look(targets_of(under), {Ecosystem.CONDA: {"acme-core"}}, Origins())
        report = check(project, under, catalogue)
        attempts = run_clients(report, project, single=False, home=tmp_path / "home")
        single = run_clients(report, project, single=True, home=tmp_path / "home")
    for done in (attempts, single):
        (found,) = answers(compared(report, done, under, catalogue)).values()
        assert found.real is not None
        assert not found.real.contradicts
        assert (found.real.version, found.real.standing) == ("99", Standing.OTHER_SOURCE)
    assert sorted(path.name for path in project.iterdir()) == ["pixi.toml"]
