"""`select`: both decisions, whether they agree, and why."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from bridge.cli import cli
from bridge.errors import Code, InvalidInput, Unsupported
from bridge.model.host import Host, Release
from bridge.select.intent import Intent, Pattern
from bridge.select.libmamba import LibmambaSolver, is_available
from bridge.select.select import select
from bridge.select.selection import Verdict, WheelPick, compare
from tests.support.families import PYTHON, Repodata, repodata

Machine = Callable[..., Host]


@pytest.mark.parametrize("indexed", [False, True])
def test_both_sides_take_the_same_build(channel: Path, index: Path, machine: Machine, indexed: bool) -> None:
    where = index if indexed else None
    found = select("gpupkg", [channel], where, machine(cuda=Release(11, 8)), PYTHON)
    assert found.agree
    assert found.conda == "gpupkg-1.0-cuda118_mkl_v3_py312_0.conda"
    assert found.wheel is not None
    assert found.wheel.source == found.conda
    assert found.wheel.label == "cu118_v3_mkl"
    assert any("needs a CUDA driver 12.0 or newer (this machine has 11.8)" in line for line in found.why)


def test_the_document_has_the_promised_keys(channel: Path, index: Path, machine: Machine) -> None:
    document = select("cudaind==2.1", [channel], index, machine(cuda=Release(12, 9)), PYTHON).to_json()
    assert list(document) == ["schema", "conda", "wheel", "agree", "why"]
    assert document["schema"] == "conda-bridge/select/1"
    assert document["conda"] == {"filename": "cudaind-2.1-cuda129_py312_h4_200.conda"}
    assert document["wheel"]["source"] == document["conda"]["filename"]
    assert document["wheel"].keys() == {"filename", "label", "source"}
    assert document["agree"] is True
    assert isinstance(document["why"], str)


def test_a_machine_that_no_build_is_for_gets_the_fallback_of_the_wheels(
    channel: Path, index: Path, machine: Machine
) -> None:
    found = select("gpuonly", [channel], index, machine(), PYTHON)
    assert found.conda is None
    assert found.wheel is not None
    assert found.wheel.label is None
    assert found.verdict is Verdict.NO_BUILD
    assert not found.agree
    assert any("__cuda" in line for line in found.why)


def test_other_platforms_are_answered_for_too(channel: Path, index: Path, machine: Machine) -> None:
    host = machine("osx-arm64", archspec="m1", osx=Release(15, 0))
    found = select("osfloor", [channel], index, host, PYTHON)
    assert found.agree
    assert found.conda == "osfloor-1.0-arm14_py312_1.conda"


def test_intent_is_applied_to_both_sides(channel: Path, index: Path, machine: Machine) -> None:
    intent = Intent(prefer=(Pattern.parse("blas_lapack :: library :: openblas"),), never=(Pattern("nvidia"),))
    for where in (None, index):
        found = select("gpupkg", [channel], where, machine(cuda=Release(12, 4)), PYTHON, intent=intent)
        assert found.agree
        assert found.conda == "gpupkg-1.0-cpu_openblas_v3_py312_0.conda"
    order = Intent(order=("x86_64", "nvidia"))
    found = select("against", [channel], None, machine(cuda=Release(12, 4), archspec="x86_64_v4"), PYTHON, intent=order)
    assert found.agree
    assert "v4" in str(found.conda)


def test_rules_that_name_nothing_of_the_release_are_told(channel: Path, machine: Machine) -> None:
    misspelled = Pattern.parse("blas_lapack :: library :: mlk")
    intent = Intent(prefer=(misspelled,), never=(Pattern("nvidia"),), order=("arm",))
    found = select("gpupkg", [channel], None, machine(cuda=Release(12, 4)), PYTHON, intent=intent)
    idle = [line for line in found.why if line.startswith("Nothing in this release")]
    assert [("mlk" in line, "arm" in line) for line in idle] == [(True, False), (False, True)]


def test_nothing_is_taken_where_all_is_unwanted(channel: Path, machine: Machine) -> None:
    intent = Intent(never=(Pattern("nvidia"),))
    found = select("gpuonly", [channel], None, machine(cuda=Release(13, 0)), PYTHON, intent=intent)
    assert (found.conda, found.wheel, found.verdict) == (None, None, Verdict.NEITHER)


def test_a_project_is_found_by_the_name_that_it_has_on_pypi(tmp_path: Path, machine: Machine) -> None:
    data = Repodata()
    data.project("pytorch", "2.0", "cpu_py312_0", 0)
    found = select("Torch==2.0", [data.write(tmp_path)], None, machine(), PYTHON)
    assert found.agree
    assert found.wheel is not None
    assert found.wheel.filename.startswith("torch-2.0-")
    assert "The channels lack requirements of these builds, which were taken as available." in found.why


def test_a_release_can_be_asked_for(tmp_path: Path, machine: Machine) -> None:
    data = repodata()
    for version in ("1.0", "2.0"):
        data.project("two", version, "cpu_py312_0", 0)
    channel = data.write(tmp_path)
    assert select("two", [channel], None, machine(), PYTHON).conda == "two-2.0-cpu_py312_0.conda"
    assert select("two==1.0", [channel], None, machine(), PYTHON).conda == "two-1.0-cpu_py312_0.conda"
    assert select("two==9", [channel], None, machine(), PYTHON).verdict is Verdict.NEITHER


def test_unknown_projects_and_malformed_requests_are_refused(channel: Path, machine: Machine) -> None:
    with pytest.raises(Unsupported) as missing:
        select("nowhere", [channel], None, machine(), PYTHON)
    assert missing.value.code is Code.NO_MATCH
    with pytest.raises(InvalidInput) as malformed:
        select("a>=1", [channel], None, machine(), PYTHON)
    assert malformed.value.code is Code.BAD_SPEC


@pytest.mark.parametrize(
    ("conda", "wheel", "verdict"),
    [
        ("a-1-0.conda", WheelPick("a", "x", "a-1-0.tar.bz2"), Verdict.SAME),
        ("a-1-0.conda", WheelPick("a", "x", "a-1-1.conda"), Verdict.DIFFERENT),
        ("a-1-0.conda", WheelPick("a", "x", None), Verdict.UNKNOWN_SOURCE),
        ("a-1-0.conda", None, Verdict.DIFFERENT),
        (None, None, Verdict.NEITHER),
        (None, WheelPick("a", None, "a-1-0.conda"), Verdict.NO_BUILD),
        (None, WheelPick("a", "x", "a-1-0.conda"), Verdict.DIFFERENT),
    ],
)
def test_verdicts(conda: str | None, wheel: WheelPick | None, verdict: Verdict) -> None:
    assert compare(conda, wheel) is verdict


def test_the_package_itself_can_be_called(channel: Path, machine: Machine) -> None:
    import bridge.select

    assert bridge.select("simdpkg", [channel], None, machine(), PYTHON).conda == "simdpkg-0.3-v3_py312_h3_0.conda"


def test_the_command_prints_the_document(channel: Path, index: Path, tmp_path: Path) -> None:
    arguments = ["select", "gpupkg", "--channel", str(channel), "--index", str(index), "--json"]
    settings = ["--set", "subdir=linux-64", "--set", "cuda=12.4", "--set", "archspec=x86_64_v2", "--set", "glibc=2.28"]
    result = CliRunner().invoke(cli, [*arguments, *settings])
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["conda"] == {"filename": "gpupkg-1.0-cuda120_mkl_v1_py312_0.conda"}
    host = tmp_path / "host.json"
    printed = CliRunner().invoke(cli, ["host", "--json", *settings])
    host.write_text(printed.stdout)
    again = CliRunner().invoke(cli, [*arguments, "--host", str(host)])
    assert json.loads(again.stdout) == document


def test_the_command_tells_disagreement_by_its_exit_code(channel: Path) -> None:
    arguments = ["select", "gpuonly", "--channel", str(channel), "--set", "subdir=linux-64", "--set", "cuda="]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 1
    assert "no build for this machine" in result.output


def test_compile_is_for_an_intent(channel: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["select", "gpupkg", "--channel", str(channel), "--compile", str(tmp_path / "x")])
    assert result.exit_code == 2


@pytest.mark.skipif(not is_available(), reason="libmambapy is not here")
def test_libmambapy_takes_the_same_builds(channel: Path, machine: Machine) -> None:
    from bridge.channel.repodata import open_channel
    from bridge.channel.universe import Universe
    from bridge.mapping.hosts import virtual_packages
    from bridge.select.conda_side import CondaSide

    with Universe([open_channel(channel, subdirs=["linux-64"])], subdir="linux-64") as universe:
        for name in ("gpupkg", "cudaind", "against"):
            builds = universe.candidates(name)
            ours = CondaSide(universe, builds, PYTHON)
            theirs = CondaSide(universe, builds, PYTHON, LibmambaSolver(universe))
            for driver in (None, Release(11, 8), Release(13, 0)):
                packages = virtual_packages(machine(cuda=driver))
                assert theirs.choose(packages).build == ours.choose(packages).build
