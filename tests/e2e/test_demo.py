"""`conda-bridge demo` from the sample recipes to an imported module, and how it fails."""

from __future__ import annotations

import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from bridge.cli import demo, demo_installs, demo_samples
from bridge.cli.demo_samples import lacking
from bridge.select.selection import Selection, Verdict, WheelPick

ROOT = Path(__file__).parents[2]


@pytest.fixture
def samples() -> None:
    if (need := lacking("gpu-demo")) is not None:
        pytest.skip(need)


@pytest.mark.usefixtures("samples")
def test_the_demo_ends_with_an_imported_variant_and_a_policy(
    environment: Mapping[str, str], uv: str, tmp_path: Path
) -> None:
    work = tmp_path / "work"
    done = subprocess.run(
        [sys.executable, "-m", "bridge", "demo", "--keep", work.name],
        # What the user has configured must not matter.
        env={**environment, "PYTHONPATH": str(ROOT), "UV_INDEX_URL": "http://127.0.0.1:9/", "PIP_NO_INDEX": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    assert [line[:5] for line in done.stdout.splitlines() if line.startswith("[")] == [f"[{n}/7]" for n in range(1, 8)]
    table = {
        cells[0]: cells[1:]
        for line in done.stdout.splitlines()
        if len(cells := [cell.strip() for cell in line.split("│")[1:-1]]) > 1
    }
    assert table["conda takes build"] == ["cpu_v1_0", "cuda12_v3_300", "cuda13_v3_500"]
    assert table["wheel client takes"] == ["null", "cu12_v3", "cu13_v3"]
    assert table["which is made of"] == table["conda takes build"]
    assert table["the same"] == ["yes"] * 3
    # The processor is this machine's, so only the GPU is known here.
    assert "uv took the wheel made of it, and gpu_demo.BACKEND is: CUDA 12, x86-64-v" in done.stdout
    assert "    gpu_demo.BACKEND is: CPU, x86-64-v1\n" in done.stdout
    assert "bridge-hello says: Hello from a conda package" in done.stdout
    assert (work / "wheels" / "gpu_demo-1.0.0-variants.json").is_file()
    commands = [shlex.split(line) for line in done.stdout.splitlines()[-3:]]
    assert [command[0] for command in commands] == ["uv", "pixi", f"CONDARC={work / 'project' / '.condarc'}"]
    _uv_syncs(commands[0], uv, environment, work)
    _conda_clients_are_told_the_channel(work)


def _uv_syncs(command: list[str], uv: str, environment: Mapping[str, str], work: Path) -> None:
    """The command that the demo prints takes the wheel from the demo's index."""
    own = {key: value for key, value in environment.items() if key != "UV_NO_CONFIG"}
    done = subprocess.run([uv, *command[1:]], env=own, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    packages = {
        each["name"]: each["source"] for each in tomllib.loads((work / "project/uv.lock").read_text())["package"]
    }
    assert packages["gpu-demo"] == {"registry": f"{work}/wheels/simple/"}


def _conda_clients_are_told_the_channel(work: Path) -> None:
    channel = (work / "channel").as_uri()
    pixi = tomllib.loads((work / "project" / "pixi.toml").read_text())["workspace"]
    assert [each["channel"] for each in pixi["channels"]] == [channel]
    condarc = YAML(typ="safe").load((work / "project" / ".condarc").read_text())
    assert condarc["channels"] == condarc["allowlist_channels"] == [channel]


Fails = Callable[[], str]


@pytest.fixture
def fails(tmp_path: Path) -> Fails:
    """Run the demo in this process, which must fail; returns what it says."""

    def call() -> str:
        result = CliRunner().invoke(demo.demo_command, ["--keep", str(tmp_path / "work")])
        assert result.exit_code == 1, result.output
        return result.output

    return call


@pytest.mark.usefixtures("samples")
@pytest.mark.parametrize(
    ("conda", "wheel", "verdict"),
    [
        ("gpu-demo-1.0.0-a_0.conda", WheelPick("x.whl", "b", "gpu-demo-1.0.0-b_0.conda"), Verdict.DIFFERENT),
        (None, WheelPick("x.whl", None, "gpu-demo-1.0.0-b_0.conda"), Verdict.NO_BUILD),
        (None, None, Verdict.NEITHER),
    ],
)
def test_the_demo_fails_where_the_sides_disagree(
    conda: str | None, wheel: WheelPick | None, verdict: Verdict, fails: Fails, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "select", lambda *_: Selection(conda, wheel, verdict, ("because",)))
    said = fails()
    assert f"laptop: {verdict.value}" in said
    assert "because" in said


@pytest.mark.usefixtures("samples", "uv")
def test_the_demo_fails_where_uv_installs_something_else(fails: Fails, monkeypatch: pytest.MonkeyPatch) -> None:
    real = demo.install_with_uv
    monkeypatch.setattr(
        demo, "install_with_uv", lambda *places, driver, cache: real(*places, driver="11.0", cache=cache)
    )
    said = fails()
    assert "installed the wheel made of gpu-demo-1.0.0-cpu_" in said
    assert "expected the one of gpu-demo-1.0.0-cuda12_" in said


@pytest.mark.usefixtures("samples")
def test_the_demo_says_that_uv_is_missing(fails: Fails, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(demo_installs.shutil, "which", lambda _: None)
    monkeypatch.setattr(demo_installs, "_UV", "no-such-program")
    assert "conda-wheel-bridge[demo]" in fails()


def test_the_demo_says_that_rattler_build_is_missing(fails: Fails, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_samples, "_rattler_build", lambda: None)
    assert "py-rattler-build" in fails()


def test_the_demo_never_writes_into_a_directory_in_use(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("")
    result = CliRunner().invoke(demo.demo_command, ["--keep", str(tmp_path)])
    assert result.exit_code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
