"""Families survive both directions: channel -> variant wheels -> channel -> variant wheels.

Of the sample families every package is restored exactly, the wheels come out with the same names, labels and
properties, and on every machine the solver takes from the returned channel what the wheels on the index stand for.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from benchmarks.equivalence import Findings, matrix
from bridge.channel.simple import write_index
from bridge.errors import Code
from bridge.formats.conda.artifact import CondaArtifact, open_artifact
from bridge.model.plan import Layout, Status
from bridge.select.selection import Verdict
from tests.support.families import FAMILIES
from tests.support.way_back import WayBack, there_and_back

#: of equal builds conda takes one everywhere; the other becomes no wheel, and so does not return.
SHADOWED = {"against-3.0-cpu_py312_h0_4.conda"}


@pytest.fixture(scope="module", params=[Layout.PREFIX, Layout.SHARED], ids=lambda layout: layout.value)
def way(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> WayBack:
    return there_and_back(tmp_path_factory.mktemp("way"), request.param)


@pytest.fixture(scope="module")
def returned(way: WayBack) -> Findings:
    """Every family on every machine: the returned channel against the wheels that it was made of."""
    assert not write_index(way.wheels).rejected
    return matrix(way.returned, way.wheels)


def names(directory: Path) -> set[str]:
    return {path.relative_to(directory).as_posix() for path in directory.rglob("*.conda")}


def payload(artifact: CondaArtifact) -> dict[str, tuple[int, bytes]]:
    return {member.path: (member.mode, reader.read(member.size)) for member, reader in artifact.members()}


def test_every_package_comes_back_exactly(way: WayBack) -> None:
    assert {name.rpartition("/")[2] for name in names(way.channel) - names(way.returned)} == SHADOWED
    assert len(names(way.returned)) == 70
    for name in names(way.returned):
        with open_artifact(way.channel / name) as one, open_artifact(way.returned / name) as other:
            assert one.metadata().info_files == other.metadata().info_files
            assert payload(one) == payload(other)


def test_labels_properties_and_variants_files_are_the_same_again(way: WayBack) -> None:
    assert {outcome.code for outcome in way.first if outcome.status is not Status.CONVERTED} == {Code.SHADOWED}
    assert all(outcome.status is Status.CONVERTED for outcome in way.second)
    first, second = (
        {
            output.filename: (output.variant, output.source.filename)
            for outcome in outcomes
            for output in outcome.outputs
        }
        for outcomes in (way.first, way.second)
    )
    assert first == second
    assert sum(variant is not None for variant, _ in first.values()) > 60
    indexes = sorted(path.name for path in way.wheels.glob("*-variants.json"))
    assert len(indexes) == len(FAMILIES)
    for name in indexes:
        assert (way.wheels / name).read_bytes() == (way.again / name).read_bytes()


def test_wheels_differ_in_nothing_but_the_archive_that_they_name(way: WayBack) -> None:
    """What a package was packed with is not restored; its digest stands in the wheel."""
    for path in way.wheels.glob("*.whl"):
        with zipfile.ZipFile(path) as one, zipfile.ZipFile(way.again / path.name) as other:
            assert one.namelist() == other.namelist()
            changed = {
                name.partition(".dist-info/")[2] for name in one.namelist() if one.read(name) != other.read(name)
            }
        assert changed <= {"conda/provenance.json", "sboms/conda-bridge.cdx.json", "RECORD"}


def test_the_returned_channel_is_equivalent_to_the_wheels(returned: Findings) -> None:
    assert returned.releases.keys() == FAMILIES.keys()
    assert not returned.different
    assert returned.total.cells > 3000
    assert returned.no_build.keys() == {"gpuonly"}
    assert returned.total.verdicts[Verdict.SAME] > 3000
