"""Every sample recipe builds without a channel and becomes the wheels that it is there to show."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import product
from pathlib import Path

import pytest
import yaml

from bridge.channel.convert import convert
from bridge.channel.simple import write_index
from bridge.cli.demo_samples import SampleError, build_samples, lacking, recipe_names
from bridge.formats.conda.artifact import open_artifact
from bridge.formats.wheel.filename import parse_wheel_filename
from bridge.formats.wheel.variant_json import parse_variant_json
from bridge.mapping.hosts import baseline, parse_set, with_settings
from bridge.model.conda import Subdir
from bridge.model.plan import Layout, Outcome, Status
from bridge.select.select import select
from tests.support.conda_archives import make_conda
from tests.support.sample_packages import Wheel, channel_of

RECIPES = Path(__file__).parents[2] / "recipes"
#: how many packages each recipe builds.
BUILDS = {
    "abi3pkg": 1,
    "abipkg": 2,
    "freethreaded": 1,
    "gpu-demo": 6,
    "gpupkg": 12,
    "hello": 1,
    "libfoo": 1,
    "mpipkg": 3,
    "openmppkg": 2,
    "ossplit": 2,
    "pyfoo": 1,
    "smpkg": 4,
    "v3pkg": 2,
}
Converted = Callable[..., list[Outcome]]


@pytest.fixture(scope="module")
def channel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("channel")


@pytest.fixture(scope="module")
def built(channel: Path) -> Mapping[str, Sequence[Path]]:
    """Every recipe that can be built here, all in one channel."""
    return build_samples([name for name in BUILDS if lacking(name) is None], channel)


@pytest.fixture(scope="module")
def packages(built: Mapping[str, Sequence[Path]]) -> Callable[[str], Sequence[Path]]:
    def of(name: str) -> Sequence[Path]:
        if (need := lacking(name)) is not None:
            pytest.skip(f"{name} needs {need}")
        return built[name]

    return of


@pytest.fixture(scope="module")
def converted(packages: Callable[[str], Sequence[Path]], tmp_path_factory: pytest.TempPathFactory) -> Converted:
    """The outcomes of all builds of a recipe, given together."""

    @cache
    def make(name: str, layout: Layout = Layout.SHARED) -> list[Outcome]:
        return list(convert(packages(name), tmp_path_factory.mktemp(name), layout=layout).outcomes)

    return make


def wheels(outcomes: Sequence[Outcome]) -> dict[str | None, str]:
    """Label -> build string of the conda package that the wheel is made of."""
    found: dict[str | None, str] = {}
    for outcome in outcomes:
        assert outcome.status is Status.CONVERTED, outcome.message
        for output in outcome.outputs:
            label = None if output.variant is None else output.variant.label
            assert label not in found
            found[label] = output.source.filename.removesuffix(".conda").split("-", 2)[2].rpartition("-")[2]
    return found


def properties(outcomes: Sequence[Outcome]) -> dict[str, set[str]]:
    """Label -> properties."""
    return {
        output.variant.label: set(output.variant.properties)
        for outcome in outcomes
        for output in outcome.outputs
        if output.variant is not None
    }


def tags(outcome: Outcome) -> set[str]:
    (output,) = outcome.outputs
    return {str(tag) for tag in parse_wheel_filename(output.filename).tags}


def codes(outcome: Outcome) -> set[str]:
    return {loss.code.number for loss in outcome.losses}


def test_every_recipe_is_expected_here() -> None:
    assert set(recipe_names()) == set(BUILDS)


@pytest.mark.parametrize("name", BUILDS)
def test_a_recipe_builds_offline(name: str, packages: Callable[[str], Sequence[Path]]) -> None:
    found = packages(name)
    assert len(found) == len(set(found)) == BUILDS[name]
    releases = set()
    for path in found:
        with open_artifact(path) as artifact:
            index = artifact.metadata().index
        releases.add((index.name, str(index.version)))
    assert len(releases) == 1


@pytest.mark.parametrize("name", BUILDS)
def test_a_recipe_says_what_it_is_for(name: str) -> None:
    assert re.match(r"# \w", (RECIPES / name / "recipe.yaml").read_text())
    assert f"| `{name}` |" in (RECIPES / "README.md").read_text()


def test_the_channel_holds_nothing_but_indexed_packages(
    channel: Path, packages: Callable[[str], Sequence[Path]]
) -> None:
    packages("hello")
    assert {path.name for path in channel.iterdir()} <= {"noarch", "linux-64", "linux-aarch64", "osx-64", "osx-arm64"}
    names = {path.name for path in (channel / "noarch").iterdir() if path.suffix != ".conda"}
    assert "repodata.json" in names


def test_the_user_s_environment_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if (need := lacking("hello")) is not None:
        pytest.skip(need)
    monkeypatch.setenv("RATTLER_CACHE_DIR", str(tmp_path / "cache"))
    before = dict(os.environ)
    build_samples(["hello"], tmp_path / "channel")
    assert dict(os.environ) == before
    assert not (tmp_path / "cache").exists()


def test_the_family_of_the_demo(converted: Converted) -> None:
    outcomes = converted("gpu-demo")
    assert wheels(outcomes) == {
        None: "cpu_v1_0",
        "null": "cpu_v1_0",
        "v3": "cpu_v3_100",
        "cu12": "cuda12_v1_200",
        "cu12_v3": "cuda12_v3_300",
        "cu13": "cuda13_v1_400",
        "cu13_v3": "cuda13_v3_500",
    }
    cuda12, cuda13 = (f"nvidia :: cuda_version_lower_bound :: {version}" for version in ("12.0", "13.0"))
    level = "x86_64 :: level :: v3"
    assert properties(outcomes) == {
        "null": set(),
        "v3": {level},
        "cu12": {cuda12},
        "cu12_v3": {cuda12, level},
        "cu13": {cuda13},
        "cu13_v3": {cuda13, level},
    }
    # conda prefers a newer CUDA to a higher level, and so do the namespaces.
    assert namespaces(outcomes) == ("nvidia", "x86_64")


def namespaces(outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    directory = Path(outcomes[0].outputs[0].path).parent
    (path,) = directory.glob("*-variants.json")
    return tuple(parse_variant_json(path.read_bytes(), path.name).namespaces)


def test_a_native_family_of_three_axes(converted: Converted) -> None:
    outcomes = converted("gpupkg")
    found = wheels(outcomes)
    gpus, levels, libraries = ("", "cu12", "cu13"), ("", "v3"), ("openblas", "mkl")
    labels = {"_".join(filter(None, (g, v, b))) for g in gpus for v in levels for b in libraries}
    assert set(found) == {*labels, None}
    assert found["cu13_v3_openblas"] == "cuda13_openblas_v3_510"
    assert found[None] == "cpu_openblas_v1_10"
    assert properties(outcomes)["cu12_v3_mkl"] == {
        "nvidia :: cuda_version_lower_bound :: 12.0",
        "x86_64 :: level :: v3",
        "blas_lapack :: library :: mkl",
    }
    assert namespaces(outcomes) == ("nvidia", "x86_64", "blas_lapack")


def test_gpu_architectures(converted: Converted) -> None:
    outcomes = converted("smpkg")
    by_build = {build: label for label, build in wheels(outcomes).items() if label is not None}
    assert set(by_build) == {"cpu_0", "sm75_75", "sm90_90", "sm120_120"}
    by_label = {
        label: {value for each in found if (value := each.removeprefix("nvidia :: sm_arch :: ")) != each}
        for label, found in properties(outcomes).items()
    }
    cpu, oldest, older, newest = (by_label[by_build[build]] for build in ("cpu_0", "sm75_75", "sm90_90", "sm120_120"))
    assert cpu == set()
    assert "120_real" in newest
    assert newest < older < oldest
    assert {"75_real", "80_real"} <= oldest - older
    assert "90_real" in older - newest


def test_mpi_by_build_string(converted: Converted) -> None:
    outcomes = converted("mpipkg")
    assert wheels(outcomes) == {
        None: "nompi_h0_100",
        "nompi": "nompi_h0_100",
        "mpich": "mpi_mpich_h0_0",
        "openmpi": "mpi_openmpi_h0_0",
    }
    assert properties(outcomes)["mpich"] == {"mpi :: provider :: mpich"}
    # The mutex package is no project; which build of it was wanted is what the property says.
    assert all({"CB231"} <= codes(outcome) <= {"CB201", "CB231", "CB215", "CB217"} for outcome in outcomes)


def test_openmp_by_a_mutex_package(converted: Converted) -> None:
    outcomes = converted("openmppkg")
    assert properties(outcomes) == {
        "gomp": {"openmp :: provider :: gnu"},
        "lomp": {"openmp :: provider :: llvm"},
    }
    assert wheels(outcomes)[None] == wheels(outcomes)["gomp"]


def test_an_abi_pin_is_no_variant(converted: Converted) -> None:
    outcomes = converted("abipkg")
    by_status = {outcome.status: outcome for outcome in outcomes}
    shadowed = by_status[Status.UNREPRESENTABLE]
    assert shadowed.code is not None
    assert shadowed.code.number == "CB316"
    assert "abipkg-3.2.0-foo2_1.conda" in (shadowed.message or "")
    assert wheels([by_status[Status.CONVERTED]]) == {None: "foo2_1"}


def test_abi3(converted: Converted, tmp_path: Path) -> None:
    (outcome,) = converted("abi3pkg")
    assert {tag.rpartition("-")[0] for tag in tags(outcome)} == {"cp39-abi3"}
    assert "any" not in {tag.rpartition("-")[2] for tag in tags(outcome)}
    assert says(outcome, tmp_path, "import abi3pkg; print(abi3pkg.answer())") == "42"


def test_free_threading(converted: Converted) -> None:
    (outcome,) = converted("freethreaded")
    assert {tag.rpartition("-")[0] for tag in tags(outcome)} == {"cp313-cp313t"}


def test_noarch(converted: Converted) -> None:
    (outcome,) = converted("hello")
    assert tags(outcome) == {"py3-none-any"}
    assert (
        Wheel(outcome).own("entry_points.txt").split() == b"[console_scripts] bridge-hello = bridge_hello:main".split()
    )


def test_noarch_of_an_operating_system(converted: Converted) -> None:
    by_build = {outcome.outputs[0].source.filename: tags(outcome) for outcome in converted("ossplit")}
    unix, windows = by_build["ossplit-1.0.0-unix_0.conda"], by_build["ossplit-1.0.0-win_0.conda"]
    assert windows == {"py3-none-win32", "py3-none-win_amd64", "py3-none-win_arm64"}
    assert all(tag.startswith(("py3-none-macosx_", "py3-none-manylinux_")) for tag in unix)
    assert {"py3-none-macosx_11_0_arm64", "py3-none-manylinux_2_17_x86_64"} <= unix


def test_repodata_of_revision_3(converted: Converted, channel: Path) -> None:
    outcomes = converted("v3pkg")
    assert properties(outcomes) == {
        "openblas": {"blas_lapack :: library :: openblas"},
        "mkl": {"blas_lapack :: library :: mkl"},
    }
    preferred = next(outcome for outcome in outcomes if len(outcome.outputs) > 1)
    path = next(Path(output.path) for output in preferred.outputs if output.variant is None)
    with zipfile.ZipFile(path) as archive:
        lines = archive.read("v3pkg-3.0.0.dist-info/METADATA").decode().splitlines()
    assert 'Requires-Dist: tomli; python_version < "3.11"' in lines
    assert "Provides-Extra: test" in lines
    assert 'Requires-Dist: pytest; extra == "test"' in lines


def test_a_library_alone(converted: Converted) -> None:
    (outcome,) = converted("libfoo")
    assert all(tag.startswith("py3-none-") for tag in tags(outcome))
    assert {"CB210", "CB211", "CB212"} <= codes(outcome)


def test_an_extension_takes_the_library_along(packages: Callable[[str], Sequence[Path]], tmp_path: Path) -> None:
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        pytest.skip("the stand-in for Python is for linux-64")
    library, extension = (Path(shutil.copy(path, tmp_path)) for name in ("libfoo", "pyfoo") for path in packages(name))
    minor = f"{sys.version_info[0]}.{sys.version_info[1]}"
    python = make_conda(
        tmp_path, name="python", version=f"{minor}.0", build="0_cpython", files={f"bin/python{minor}": b""}
    )
    abi = make_conda(tmp_path, name="python_abi", version=minor, build=f"0_cp{minor.replace('.', '')}", files={})
    complete = channel_of(tmp_path / "complete", library, extension, python, abi)
    (outcome,) = convert(packages("pyfoo"), tmp_path / "wheels", layout=Layout.VENDORED, channels=[complete]).outcomes
    assert outcome.status is Status.CONVERTED, outcome.message
    wheel = Wheel(outcome)
    assert [name for name in wheel.members if "libfoo" in name]
    assert b"pyfoo:main" in wheel.own("entry_points.txt")
    assert says(outcome, tmp_path, "import pyfoo; pyfoo.main()") == "42"


@pytest.fixture(scope="module")
def index(built: Mapping[str, Sequence[Path]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of everything that was built."""
    directory = tmp_path_factory.mktemp("index")
    convert([path for paths in built.values() for path in paths], directory, layout=Layout.SHARED)
    assert not write_index(directory).rejected
    return directory


@pytest.mark.parametrize("name", sorted(BUILDS.keys() - {"freethreaded", "hello", "libfoo", "pyfoo"}))
def test_both_sides_take_the_same_build(
    name: str, packages: Callable[[str], Sequence[Path]], channel: Path, index: Path
) -> None:
    packages(name)
    gpus = [("", ""), ("11.8", "8.0"), ("12.4", "9.0"), ("13.0", ""), ("13.0", "12.0")]
    for (driver, capability), processor in product(gpus, ("x86_64", "x86_64_v3")):
        settings = (f"cuda={driver}", f"cuda_arch={capability}", f"archspec={processor}")
        host = with_settings(baseline(Subdir("linux-64")), map(parse_set, settings))
        selection = select(name, [channel], index, host)
        assert selection.conda is not None
        assert selection.agree, "\n".join(selection.why)


def test_a_recipe_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(SampleError, match="no recipe nothing"):
        build_samples(["nothing"], tmp_path)


def test_the_command_builds_into_a_channel(tmp_path: Path) -> None:
    if (need := lacking("ossplit")) is not None:
        pytest.skip(need)
    done = subprocess.run(
        [sys.executable, RECIPES / "build.py", "ossplit", "-o", tmp_path], capture_output=True, text=True, check=True
    )
    assert [Path(line).name for line in done.stdout.splitlines()] == [
        "ossplit-1.0.0-unix_0.conda",
        "ossplit-1.0.0-win_0.conda",
    ]


def test_variants_files_are_plain_lists() -> None:
    for path in RECIPES.glob("*/variants.yaml"):
        for values in yaml.safe_load(path.read_text()).values():
            assert all(isinstance(value, str) for value in values), path


def says(outcome: Outcome, directory: Path, code: str) -> str:
    """What Python code prints where the wheel has been unpacked."""
    (output,) = outcome.outputs
    with zipfile.ZipFile(output.path) as archive:
        archive.extractall(directory / "site")
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=directory / "site", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
