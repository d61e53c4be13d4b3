"""Families survive both directions: channel -> variant wheels -> channel -> variant wheels.

Of the sample families every package is restored exactly, the wheels come out with the same names, labels and
properties, and on every machine the solver takes from the returned channel what the wheels on the index stand for.
"""

from __future__ import annotations

import json
import platform
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from benchmarks.equivalence import Findings, matrix
from bridge.channel.conda_index import write_conda_index
from bridge.channel.convert import convert
from bridge.channel.repodata import open_channel
from bridge.channel.simple import write_index
from bridge.channel.universe import Universe
from bridge.errors import Code
from bridge.formats.conda.artifact import CondaArtifact, open_artifact
from bridge.formats.wheel.variant_edit import make_variant
from bridge.mapping.hosts import virtual_packages
from bridge.mapping.microarchitectures import x86_64_level
from bridge.mapping.tables import load_tables
from bridge.model.conda import CondaName, Subdir
from bridge.model.host import Host, Release
from bridge.model.plan import Layout, Status
from bridge.select.conda_side import CondaSide
from bridge.select.detect import detect_host
from bridge.select.explain import NOT_COMPARED
from bridge.select.origins import recognised
from bridge.select.select import select
from bridge.select.selection import Selection, Verdict, WheelPick
from bridge.select.wheel_index import WheelIndex
from bridge.select.wheel_side import RankedRelease, wheel_machine
from tests.e2e.conftest import Run, served
from tests.support import converted_wheels
from tests.support.families import FAMILIES, PYTHON, Repodata, ground, hosts
from tests.support.foreign_variants import cuda_level_blas
from tests.support.sample_packages import index_of
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


@dataclass(frozen=True)
class Foreign:
    """A release of another builder, the channel that it becomes, and the wheels that become of that; directories."""

    wheels: Path
    channel: Path
    again: Path
    #: conda file name -> wheel file name.
    sources: Mapping[str, str]


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Foreign:
    directory = tmp_path_factory.mktemp("foreign")
    wheels, channel, again = (directory / name for name in ("wheels", "channel", "again"))
    wheels.mkdir()
    plain = converted_wheels.sample("cp312-cp312-manylinux_2_17_x86_64").write(wheels)
    metadata = cuda_level_blas("nvidia x86_64 blas_lapack")
    for label in metadata.variants:
        make_variant(plain, wheels, label, metadata)
    outcomes = convert(sorted(wheels.glob("*.whl")), channel).outcomes
    assert all(outcome.status is Status.CONVERTED and not outcome.losses for outcome in outcomes)
    sources = {output.filename: output.source.filename for outcome in outcomes for output in outcome.outputs}
    back = convert(sorted(channel.rglob("*.conda")), again).outcomes
    assert all(outcome.status is Status.CONVERTED for outcome in back)
    assert not write_index(wheels).rejected
    assert not write_index(again).rejected
    return Foreign(wheels, channel, again, sources)


def test_foreign_variants_come_back_with_their_labels_and_properties(foreign: Foreign) -> None:
    first, second = (
        {path.name: contents(path) for path in directory.glob("*.whl")} for directory in (foreign.wheels, foreign.again)
    )
    assert len(first) == 49
    assert first == second
    variants = [(directory / "demo-1.0-variants.json").read_bytes() for directory in (foreign.wheels, foreign.again)]
    assert variants[0] == variants[1]


@pytest.fixture(scope="module")
def solver(foreign: Foreign, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Host], str]]:
    """What the solver takes of the channel on a Linux machine, as the wheel that it was made of."""
    records = ground(Repodata())
    for path in sorted(foreign.channel.rglob("*.conda")):
        records.subdirs["linux-64"][path.name] = index_of(path) | {"sha256": "0" * 64, "size": path.stat().st_size}
    location = records.write(tmp_path_factory.mktemp("records"))
    with Universe([open_channel(location, subdirs=["linux-64"])], subdir="linux-64") as universe:
        side = CondaSide(universe, universe.candidates("demo"), PYTHON)

        def choose(host: Host) -> str:
            chosen = side.choose(virtual_packages(host)).build
            assert chosen is not None
            return foreign.sources[chosen.filename]

        yield choose


def test_the_solver_takes_the_foreign_variant_that_a_client_takes(
    foreign: Foreign, solver: Callable[[Host], str]
) -> None:
    (offered,) = WheelIndex(foreign.wheels).releases(canonicalize_name("demo"))
    ranked = RankedRelease(offered)
    taken = set()
    for machine, host in hosts():
        if host.subdir == "linux-64":
            wheel = ranked.ranked(wheel_machine(host, PYTHON))[0].filename
            assert solver(host) == wheel, machine
            taken.add(wheel)
    # Four drivers and four levels; of BLAS, which is no matter of machines, the first is always taken.
    assert len(taken) == 16


def test_select_compares_a_package_with_the_wheel_that_it_is_made_of(foreign: Foreign, tmp_path: Path) -> None:
    write_conda_index(foreign.channel, (), load_tables())
    channels = [foreign.channel, ground(Repodata()).write(tmp_path)]
    for driver, processor in ((None, "x86_64"), (Release(12, 4), "x86_64_v3"), (Release(13, 0), "x86_64_v4")):
        host = Host(Subdir("linux-64"), driver, None, processor, Release(2, 28), "6.1")
        selection = select("demo", channels, foreign.wheels, host)
        assert selection.agree, selection.why
        assert selection.conda is not None
        assert selection.wheel is not None
        assert foreign.sources[selection.conda] == selection.wheel.filename
        assert selection.why[-1] == f"{selection.conda} is made from {selection.wheel.filename}."
        assert NOT_COMPARED not in selection.why
        opened = [open_channel(channels[0], subdirs=["linux-64"])]
        other = replace(selection, wheel=WheelPick("other.whl", None, None), verdict=Verdict.UNKNOWN_SOURCE)
        assert recognised(other, opened, CondaName("demo"), host.subdir).verdict is Verdict.DIFFERENT
    nobody = [open_channel(channels[1], subdirs=["linux-64"])]
    unknown = Selection("libblas-3.11.0-5_h1_mkl.conda", WheelPick("x.whl", None, None), Verdict.UNKNOWN_SOURCE)
    assert recognised(unknown, nobody, CondaName("libblas"), Subdir("linux-64")) is unknown


@pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64", reason="the simulated machines are x86-64 ones"
)
@pytest.mark.parametrize("driver", [None, "11.8", "12.0", "12.9", "13.0"])
def test_uv_takes_the_wheel_of_the_package_that_the_solver_takes(
    foreign: Foreign,
    solver: Callable[[Host], str],
    uv: str,
    python312: Path,
    run: Run,
    tmp_path: Path,
    driver: str | None,
) -> None:
    environment = {} if driver is None else {"NV_VARIANT_PROVIDER_FORCE_CUDA_DRIVER_VERSION": driver}
    with served(foreign.wheels) as address:
        run(
            uv, "pip", "install", "--quiet", "--no-deps", "--python", python312, "--default-index", address, "--target",
            tmp_path, "--preview-features", "wheel-variants", "demo", **environment,
        )  # fmt: skip
    (label,) = json.loads((tmp_path / "demo-1.0.dist-info" / "variant.json").read_bytes())["variants"]
    here = detect_host()
    # The level packages of the tests list a few processors only, but every level by its own name.
    level = x86_64_level(here.archspec or "") or 1
    cuda = None if driver is None else Release(*map(int, driver.split(".")))
    host = replace(here, cuda=cuda, cuda_arch=None, archspec="x86_64" if level == 1 else f"x86_64_v{level}")
    assert solver(host).endswith(f"-{label}.whl")


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}
