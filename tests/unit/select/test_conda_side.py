"""The conda solver's choice on described machines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pytest

from bridge.channel.candidate import Candidate
from bridge.channel.repodata import open_channel
from bridge.channel.universe import Universe
from bridge.mapping.hosts import virtual_packages
from bridge.model.conda import Subdir
from bridge.model.host import Host, Release, VirtualPackage
from bridge.select.conda_side import CondaSide, RattlerSolver, builds_for, one_of
from tests.support.families import PYTHON, repodata


@pytest.fixture(scope="module")
def universe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Universe]:
    directory = repodata().write(tmp_path_factory.mktemp("channel"))
    with Universe([open_channel(directory, subdirs=["linux-64"])], subdir="linux-64") as universe:
        yield universe


def machine(**offered: object) -> tuple[VirtualPackage, ...]:
    offered.setdefault("glibc", Release(2, 39))
    return virtual_packages(Host(Subdir("linux-64"), linux="6.1", **offered))


def chosen(universe: Universe, name: str, **offered: object) -> str | None:
    choice = CondaSide(universe, universe.candidates(name), PYTHON).choose(machine(**offered))
    return None if choice.build is None else choice.build.index.build


@pytest.mark.parametrize(
    ("offered", "build"),
    [
        ({"archspec": "x86_64"}, "cpu_mkl_v1_py312_0"),
        ({"archspec": "zen4"}, "cpu_mkl_v3_py312_0"),
        ({"archspec": "x86_64_v2", "cuda": Release(11, 8)}, "cuda118_mkl_v1_py312_0"),
        ({"archspec": "haswell", "cuda": Release(13, 0)}, "cuda120_mkl_v3_py312_0"),
    ],
)
def test_the_machine_decides(universe: Universe, offered: dict[str, object], build: str) -> None:
    assert chosen(universe, "gpupkg", **offered) == build


def test_a_driver_requirement_behind_a_dependency_counts(universe: Universe) -> None:
    assert chosen(universe, "cudaind", cuda=Release(11, 8)) == "cuda118_py312_h2_200"
    assert chosen(universe, "cudaind", cuda=Release(12, 9)) == "cuda129_py312_h4_200"
    assert chosen(universe, "cudaind") == "cpu_py312_h1_0"


def test_nothing_to_install_comes_with_the_solvers_reason(universe: Universe) -> None:
    choice = CondaSide(universe, universe.candidates("gpuonly"), PYTHON).choose(machine())
    assert choice.build is None
    assert "__cuda" in choice.reason


def test_only_the_given_builds_are_considered(universe: Universe) -> None:
    side = CondaSide(universe, universe.candidates("simdpkg"), PYTHON)
    among = [each.filename for each in universe.candidates("simdpkg") if each.index.build.startswith(("v1", "v2"))]
    choice = side.choose(machine(archspec="zen4"), among)
    assert choice.build is not None
    assert choice.build.index.build == "v2_py312_h2_0"
    assert side.choose(machine(), []).build is None


def test_machines_that_no_requirement_tells_apart_are_solved_once(universe: Universe) -> None:
    asked: list[Sequence[str]] = []

    class Counting(RattlerSolver):
        def install(
            self, builds: Sequence[Candidate], more: Sequence[str], machine: Iterable[VirtualPackage]
        ) -> Candidate:
            asked.append(more)
            return super().install(builds, more, machine)

    side = CondaSide(universe, universe.candidates("gpupkg"), PYTHON, Counting(universe))
    for driver in (None, Release(12, 0), Release(12, 4), Release(13, 0)):
        for glibc in (17, 28, 39):
            side.choose(machine(cuda=driver, glibc=Release(2, glibc)))
    assert len(asked) == 2


def test_builds_for_another_python_or_abi_are_left_out(tmp_path: Path) -> None:
    data = repodata()
    data.add("multi", "1.0", "py311_0", 0, ("python >=3.11,<3.12.0a0", "python_abi 3.11.* *_cp311"))
    data.add("multi", "1.0", "py312_0", 0, ("python >=3.12,<3.13.0a0", "python_abi 3.12.* *_cp312"))
    data.add("multi", "1.0", "py313t_0", 0, ("python >=3.13,<3.14.0a0", "python_abi 3.13.* *_cp313t"))
    data.add("multi", "1.0", "pypy_0", 0, ("python >=3.12,<3.13.0a0", "python_abi 3.12.* *_graalpy_1"))
    data.add("multi", "1.0", "tool_0", 0)
    with Universe([open_channel(data.write(tmp_path), subdirs=["linux-64"])], subdir="linux-64") as universe:
        found = {
            python: [each.index.build for each in builds_for(universe.candidates("multi"), python)]
            for python in ((3, 12), (3, 13))
        }
    assert found == {(3, 12): ["py312_0", "tool_0"], (3, 13): ["tool_0"]}


def test_a_spec_for_several_builds_names_exactly_those(universe: Universe) -> None:
    builds = [each.index for each in universe.candidates("choicepkg")][:3]
    matched = universe.matching(one_of(builds))
    assert [each.index for each in matched] == builds
