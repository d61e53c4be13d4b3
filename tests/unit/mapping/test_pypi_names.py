"""What PyPI projects are called in conda."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from packaging.utils import canonicalize_name

from bridge.errors import Code, InvalidInput
from bridge.mapping.pypi_names import CondaNameAnswer, PypiNames, PypiNameSource
from bridge.mapping.tables import load_tables
from bridge.model.conda import CondaName

if TYPE_CHECKING:
    from pathlib import Path


def names(tmp_path: Path, overlay: str = "", **options: bool) -> PypiNames:
    path = tmp_path / "names.yaml"
    path.write_text(overlay)
    return PypiNames(load_tables([path]), **options)


def settled(answer: CondaNameAnswer) -> tuple[str | None, PypiNameSource]:
    return answer.conda, answer.source


@pytest.mark.parametrize(
    ("project", "conda"),
    [
        ("torch", "pytorch"),
        ("matplotlib", "matplotlib-base"),
        ("typing-extensions", "typing_extensions"),
        ("importlib_resources", "importlib_resources"),
        ("opencv-python", "py-opencv"),
        ("build", "python-build"),
    ],
)
def test_of_several_packages_the_preferred_one_is_taken_and_the_others_stay_visible(project: str, conda: str) -> None:
    answer = PypiNames(load_tables()).lookup(project)
    assert settled(answer) == (conda, PypiNameSource.PREFERRED)
    assert conda in answer.candidates
    assert len(answer.candidates) > 1
    assert 0.5 < answer.confidence < 0.95
    assert not answer.question


def test_every_preferred_package_is_one_of_several() -> None:
    tables = load_tables()
    for project, conda in tables.preferred.items():
        answer = PypiNames(tables).lookup(project)
        assert settled(answer) == (conda, PypiNameSource.PREFERRED), project


def test_what_the_channels_do_not_make_clear_is_a_question() -> None:
    answer = PypiNames(load_tables()).lookup("geopandas")
    assert settled(answer) == (None, PypiNameSource.AMBIGUOUS)
    assert "geopandas, geopandas-base" in answer.question


@pytest.mark.parametrize(
    ("project", "conda"),
    [
        ("Zope.Interface", "zope.interface"),
        ("zope_event", "zope.event"),
        ("ruamel-yaml", "ruamel.yaml"),
        ("ruamel.yaml.clib", "ruamel.yaml.clib"),
        ("backports.zoneinfo", "backports.zoneinfo"),
        ("jaraco.functools", "jaraco.functools"),
        ("google-cloud-storage", "google-cloud-storage"),
        ("ml-dtypes", "ml_dtypes"),
        ("redis", "redis-py"),
        ("tzdata", "python-tzdata"),
        ("Brotli", "brotli-python"),
    ],
)
def test_separators_follow_what_conda_writes(project: str, conda: str) -> None:
    assert settled(PypiNames(load_tables()).lookup(project)) == (conda, PypiNameSource.TABLE)


def test_an_overlay_wins_over_the_preference_and_can_state_one(tmp_path: Path) -> None:
    assert settled(names(tmp_path, "python: {my-torch: torch}").lookup("torch")) == ("my-torch", PypiNameSource.OVERLAY)
    stated = names(tmp_path, "preferred: {Torch: pytorch-cpu}").lookup("torch")
    assert settled(stated) == ("pytorch-cpu", PypiNameSource.OVERLAY)
    assert "pytorch" in stated.candidates
    both = "python: {left: torch, right: torch}"
    assert names(tmp_path, both).lookup("torch").candidates == ("left", "right")
    assert names(tmp_path, both).lookup("torch").conda is None
    assert names(tmp_path, f"{both}\npreferred: {{torch: right}}").lookup("torch").conda == "right"


def test_a_preference_does_not_survive_that_the_package_is_called_native(tmp_path: Path) -> None:
    answer = names(tmp_path, "native: [pytorch]").lookup("torch")
    assert settled(answer) == (None, PypiNameSource.AMBIGUOUS)
    assert "pytorch" not in answer.candidates


def test_other_inputs_of_the_run_win_over_the_table_and_not_over_the_user(tmp_path: Path) -> None:
    run = {canonicalize_name("geopandas"): CondaName("geo-mine"), canonicalize_name("Acme"): CondaName("acme-base")}
    here = PypiNames(load_tables(), run=run)
    assert settled(here.lookup("GeoPandas")) == ("geo-mine", PypiNameSource.RUN)
    assert settled(here.own("acme")) == ("acme-base", PypiNameSource.RUN)
    path = tmp_path / "names.yaml"
    path.write_text("python: {acme-told: acme}")
    assert settled(PypiNames(load_tables([path]), run=run).lookup("acme")) == ("acme-told", PypiNameSource.OVERLAY)


def test_an_unknown_wheel_keeps_its_name_where_nobody_else_has_it() -> None:
    here = PypiNames(load_tables())
    assert settled(here.own("Nobody_Knows.This")) == ("nobody-knows-this", PypiNameSource.OWN_NAME)
    assert here.own("torch").conda == "pytorch"
    assert here.lookup("nobody-knows-this").conda is None
    assert settled(here.own("n" * 65)) == (None, PypiNameSource.UNMAPPED)


@pytest.mark.parametrize("taken", ["cmake", "openssl", "python", "sqlite", "docker-py", "blas"])
def test_a_wheel_does_not_take_the_name_of_another_conda_package(taken: str) -> None:
    for answer in (PypiNames(load_tables()).own(taken), PypiNames(load_tables(), assume_same=True).lookup(taken)):
        assert settled(answer) == (None, PypiNameSource.TAKEN)
        assert answer.confidence == 0.0
        assert "something else" in answer.question


@pytest.mark.parametrize("text", ["preferred: [torch]", "preferred: {torch: 1}", "preferred: {torch: 'no good'}"])
def test_a_malformed_preference_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        names(tmp_path, text)
    assert caught.value.code is Code.BAD_METADATA
    assert "preferred" in str(caught.value)


def test_a_list_may_be_one_text(tmp_path: Path) -> None:
    answer = names(tmp_path, "same: |\n  acme-one acme.two\n  acme_three\n").lookup("acme-two")
    assert settled(answer) == ("acme.two", PypiNameSource.OVERLAY)
