"""A plain index for one kind of machine."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from bridge.channel.simple import write_index
from bridge.cli import cli
from bridge.errors import BridgeError
from bridge.model.family import Family
from bridge.model.host import Host, Release
from bridge.select.for_host import write_for_host
from bridge.select.intent import Intent, Pattern
from tests.support.families import wheel_bytes

Machine = Callable[..., Host]


def test_each_release_offers_exactly_what_the_machine_should_get(
    index: Path, families: dict[str, Family], machine: Machine, tmp_path: Path
) -> None:
    made = write_for_host(index, machine(cuda=Release(11, 8)), out=tmp_path / "out")
    chosen = {str(wheel.project): wheel for wheel in made.wheels}
    assert len(made.wheels) == len(chosen) == 4
    assert chosen["gpupkg"].label == "cu118_v3_mkl"
    assert chosen["cudaind"].label == "cu118_lt130"
    assert {file.filename for file in made.index.files} == {wheel.filename for wheel in made.wheels}
    assert not made.without
    gpupkg = families["gpupkg"]
    member = next(each for each in gpupkg.members if each.label == "cu118_v3_mkl")
    copy = tmp_path / "out" / "for-host" / chosen["gpupkg"].filename
    assert copy.read_bytes() == wheel_bytes(member, gpupkg)


def test_in_place_it_can_be_taken_back(index: Path, machine: Machine, tmp_path: Path) -> None:
    directory = tmp_path / "wheels"
    shutil.copytree(index, directory)
    everything = write_index(directory).files
    plain = write_for_host(directory, machine()).index.files
    assert {str(file.path.parent) for file in plain} == {"for-host"}
    assert write_for_host(directory, machine(cuda=Release(13, 0))).index.files
    assert write_index(directory).files == everything


def test_a_user_s_wishes_count(index: Path, machine: Machine, tmp_path: Path) -> None:
    made = write_for_host(index, machine(cuda=Release(12, 4)), out=tmp_path, intent=Intent(never=(Pattern("nvidia"),)))
    assert {str(wheel.project): wheel.label for wheel in made.wheels}["gpupkg"] == "v3_mkl"


def test_releases_without_a_wheel_for_the_machine_are_reported(index: Path, machine: Machine, tmp_path: Path) -> None:
    made = write_for_host(index, machine("win-64", win=Release(10, 0)), out=tmp_path)
    assert {str(wheel.project) for wheel in made.wheels} == {"osfloor"}
    assert made.without == ("cudaind 2.1", "gpuonly 1.0", "gpupkg 1.0")


def test_foreign_files_are_not_replaced(index: Path, machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "for-host").mkdir()
    (tmp_path / "for-host" / "letter.txt").write_text("dear")
    with pytest.raises(BridgeError):
        write_for_host(index, machine(), out=tmp_path)
    assert (tmp_path / "for-host" / "letter.txt").read_text() == "dear"
    with pytest.raises(BridgeError):
        write_for_host(index / "nowhere", machine())


def test_the_command(index: Path, tmp_path: Path) -> None:
    host = tmp_path / "host.json"
    settings = ["--set", "subdir=linux-64", "--set", "cuda=13.0", "--set", "archspec=x86_64"]
    host.write_text(CliRunner().invoke(cli, ["host", "--json", *settings]).stdout)
    result = CliRunner().invoke(cli, ["index", str(index), "--for-host", str(host), "-o", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert "is cu120_mkl of gpupkg 1.0" in result.output
    assert CliRunner().invoke(cli, ["index", str(index), "-o", str(tmp_path / "out")]).exit_code == 2
