"""The families of `recipes/`: channel -> wheels -> channel -> wheels, and what `select` says there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pytest

from bridge.channel.conda_index import write_conda_index
from bridge.channel.convert import Report, convert
from bridge.channel.simple import write_index
from bridge.cli.demo_samples import build_samples, lacking
from bridge.mapping.tables import load_tables
from bridge.model.conda import Subdir
from bridge.model.host import Host, Release
from bridge.model.plan import Layout, Status, Variant
from bridge.select.select import select

RECIPES = ("gpu-demo", "gpupkg", "mpipkg", "openmppkg", "smpkg", "v3pkg")


@dataclass(frozen=True)
class Way:
    channel: Path
    wheels: Path
    returned: Path
    again: Path
    first: Report
    second: Report


@pytest.fixture(scope="module")
def channel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    for name in RECIPES:
        if (need := lacking(name)) is not None:
            pytest.skip(f"{name} needs {need}")
    directory = tmp_path_factory.mktemp("recipes")
    build_samples(RECIPES, directory)
    return directory


@pytest.fixture(scope="module", params=[Layout.PREFIX, Layout.SHARED], ids=lambda layout: layout.value)
def way(request: pytest.FixtureRequest, channel: Path, tmp_path_factory: pytest.TempPathFactory) -> Way:
    directory = tmp_path_factory.mktemp("way")
    wheels, returned, again = (directory / name for name in ("wheels", "returned", "again"))
    first = convert([channel], wheels, layout=request.param, channels=[channel])
    back = convert([wheels], returned)
    assert {outcome.status for outcome in back.outcomes} == {Status.CONVERTED}
    assert not [loss for outcome in back.outcomes for loss in outcome.losses]
    report = write_conda_index(returned, (), load_tables())
    assert report is not None
    assert not report.rejected
    second = convert([returned], again, layout=request.param, channels=[returned, channel])
    assert not write_index(wheels).rejected
    return Way(channel, wheels, returned, again, first, second)


def made(report: Report) -> Mapping[str, tuple[Variant | None, str]]:
    """File name of a wheel -> which variant it is, and of which package."""
    assert {outcome.status for outcome in report.outcomes} == {Status.CONVERTED}
    outputs = [output for outcome in report.outcomes for output in outcome.outputs]
    return {output.filename: (output.variant, output.source.filename) for output in outputs}


def test_labels_and_properties_are_the_same_again(way: Way) -> None:
    assert made(way.first) == made(way.second)
    variants = sorted(path.name for path in way.wheels.glob("*-variants.json"))
    assert len(variants) == len(RECIPES)
    for name in variants:
        assert (way.wheels / name).read_bytes() == (way.again / name).read_bytes()


@pytest.mark.parametrize("name", RECIPES)
def test_select_agrees_on_the_returned_channel(way: Way, name: str) -> None:
    chosen = set()
    gpus = ((None, None), ("12.4", "7.5"), ("13.0", "12.0"))
    for (driver, capability), processor in product(gpus, ("x86_64", "x86_64_v4")):
        cuda, arch = (None if text is None else Release(*map(int, text.split("."))) for text in (driver, capability))
        host = Host(Subdir("linux-64"), cuda, arch, processor, Release(2, 35), "6.1")
        selection = select(name, [way.returned, way.channel], way.wheels, host)
        assert selection.agree, (host, selection.why)
        original = select(name, [way.channel], way.wheels, host)
        assert original.conda == selection.conda
        chosen.add(selection.conda)
    if name in {"gpu-demo", "gpupkg", "smpkg"}:
        assert len(chosen) > 1
