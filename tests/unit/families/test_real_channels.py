"""Releases of real channels: each becomes a family that a client and conda agree on."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
import zstandard
from packaging.tags import Tag

from bridge.channel.effective import HostRequirements
from bridge.channel.preference import Preference
from bridge.channel.repodata import open_channel
from bridge.channel.universe import Candidate, Universe, exact_spec
from bridge.errors import BridgeError, Code
from bridge.mapping.axes import choices_of
from bridge.mapping.platforms import platform_tags
from bridge.mapping.python import python_support, python_tags
from bridge.mapping.versions import to_pep440
from bridge.model.family import Build, HostRequirement
from bridge.model.host import Release
from bridge.translate.families.plan import plan_family
from tests.unit.families.builds import AXES

REPODATA = Path(__file__).parents[4] / "shared" / "corpus" / "repodata"
#: projects with many builds per release, and a few of the others.
PROJECTS = {
    "conda-forge": (
        "pytorch",
        "libtorch",
        "jaxlib",
        "ffmpeg",
        "libblas",
        "hdf5",
        "_openmp_mutex",
        "numpy",
        "triton",
        "pip",
    ),
    "pytorch": ("pytorch", "torchvision", "faiss-gpu", "torchdistx"),
}

pytestmark = pytest.mark.corpus


def _open(directory: Path, files: dict[str, str]) -> Universe:
    for subdir, name in files.items():
        path = REPODATA / name
        if not path.is_file():
            pytest.skip("the corpus is not beside this checkout")
        with path.open("rb") as stream:
            document = json.load(zstandard.ZstdDecompressor().stream_reader(stream))
        document["info"].pop("base_url", None)
        (directory / subdir).mkdir(parents=True)
        (directory / subdir / "repodata.json").write_text(json.dumps(document))
    return Universe([open_channel(directory, subdirs=["linux-64"])], subdir="linux-64", complete=True)


@pytest.fixture(scope="module", params=sorted(PROJECTS))
def channel(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Universe]]:
    files = {
        "conda-forge": {"linux-64": "conda-forge-linux-64.json.zst", "noarch": "conda-forge-noarch.json.zst"},
        "pytorch": {"linux-64": "pytorch/linux-64/repodata.json.zst"},
    }
    with _open(tmp_path_factory.mktemp("channel"), files[request.param]) as universe:
        yield request.param, universe


def _releases(universe: Universe, projects: tuple[str, ...]) -> Iterator[list[Candidate]]:
    for project in projects:
        found: defaultdict[str, list[Candidate]] = defaultdict(list)
        for candidate in universe.candidates(project):
            found[candidate.index.version].append(candidate)
        yield from (builds for _, builds in sorted(found.items()) if len(builds) > 1)


def _build(candidate: Candidate, requires: HostRequirement) -> tuple[Build, object]:
    index = candidate.index
    needed = python_support(index, index.depends).needed
    binary = index.subdir != "noarch"
    python = python_tags(index, index.depends, has_extensions=binary and needed, native_only=not needed)
    platforms = platform_tags(index.subdir, index.depends, has_binaries=binary).platforms
    tags = frozenset(Tag(*each) for each in product(python.interpreters, python.abis, platforms))
    return Build(candidate.filename, index, requires, choices_of(index, AXES), tags), python.requires_python


def test_releases_become_families_without_differences(channel: tuple[str, Universe]) -> None:
    name, universe = channel
    requirements, preference = HostRequirements(universe), Preference(universe)
    planned = 0
    for candidates in _releases(universe, PROJECTS[name]):
        builds, pythons = [], {}
        for candidate in preference.ranked(candidates):
            try:
                build, python = _build(candidate, requirements.of(candidate))
            except BridgeError:
                continue
            builds.append(build)
            pythons[candidate.filename] = python
        if builds:
            version = to_pep440(builds[0].index.version).version
            family = plan_family(builds, name=builds[0].index.name, version=version, requires_python=pythons, axes=AXES)
            assert [loss for loss in family.losses if loss.code is Code.SELECTION] == []
            planned += 1
    assert planned > 20


def test_the_first_build_is_the_one_that_the_solver_takes(channel: tuple[str, Universe]) -> None:
    name, universe = channel
    grid, preference = HostRequirements(universe).grid, Preference(universe)
    generous = grid.machine([len(axis.points) - 1 for axis in grid.axes])
    for candidates in _releases(universe, PROJECTS[name]):
        index = candidates[0].index
        try:
            solution = universe.solve([f"{index.name} =={index.version}"], generous)
        except BridgeError:
            continue
        chosen = next(each for each in solution if each.index.name == index.name)
        for candidate in preference.ranked(candidates):
            if candidate == chosen:
                break
            # Only what cannot be installed at all comes before it.
            with pytest.raises(BridgeError):
                universe.solve([exact_spec(candidate.index)], generous)


def test_requirements_hold_in_the_solver_at_their_edges(channel: tuple[str, Universe]) -> None:
    name, universe = channel
    requirements = HostRequirements(universe)
    grid = requirements.grid
    driver = next(at for at, axis in enumerate(grid.axes) if axis.name == "__cuda")
    axis = grid.axes[driver]
    asked = 0
    for candidates in _releases(universe, PROJECTS[name]):
        for candidate in candidates[:4]:
            try:
                bounds = requirements.of(candidate).cuda
            except BridgeError:
                continue
            for at in range(len(axis.points)) if bounds is not None else ():
                positions = [len(each.points) - 1 for each in grid.axes]
                positions[driver] = at
                try:
                    universe.solve([exact_spec(candidate.index)], grid.machine(positions))
                    installed = True
                except BridgeError:
                    installed = False
                release = axis.release(at)
                expected = bounds.absent if release is None else (bounds.lower or Release(0, 0)) <= release
                assert installed == expected, (candidate.filename, release)
                asked += 1
    # No package of the pytorch channel asks for a driver.
    assert asked > 50 or name == "pytorch"
