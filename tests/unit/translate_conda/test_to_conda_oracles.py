"""Packages made of wheels, in the hands of rattler and conda-package-handling, against what installers of wheels do."""

from __future__ import annotations

import asyncio
import importlib.metadata
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import conda_package_handling.api
import installer
import installer.destinations
import installer.sources
import pytest
import rattler

from bridge.channel.execute_conda import write_conda
from bridge.formats.conda.artifact import open_artifact
from bridge.formats.conda.writer import CondaWriter
from bridge.formats.wheel.reader import open_wheel
from bridge.model.conda import ArchiveFormat, CondaIdentity, CondaName, CondaVersion, Subdir
from tests.support.conda_clients import installed
from tests.support.converted_wheels import INIT, converted, extension, plans_of, record_problems, sample
from tests.support.hostile_samples import DATA, DIST_INFO, Sample

LINUX = "cp312-cp312-manylinux_2_17_x86_64"
CODE = (
    b"import sys\ndef main(): print('called', *sys.argv[1:])\nclass Group:\n    @staticmethod\n    def sub(): main()\n"
)
PROGRAMS = "[console_scripts]\ntool = demo:main\ngrouped = demo:Group.sub [extra]\n[gui_scripts]\nwindow = demo:main\n"
PAYLOAD = {
    INIT: CODE,
    f"{DATA}/purelib/pure.py": b"p",
    f"{DATA}/platlib/plat.py": b"q",
    f"{DATA}/scripts/run": b"#!python\nprint('ran')\n",
    f"{DATA}/scripts/shell": b"#!/bin/sh\necho shell\n",
    f"{DATA}/headers/demo.h": b"h",
    f"{DATA}/data/share/x": b"d",
    f"{DATA}/data/etc/demo/deep/y": b"",
}
METADATA = b"Requires-Python: >=3.9\nSummary: a demo\n"


def pure() -> Sample:
    return sample(payload=dict(PAYLOAD), entry_points=PROGRAMS, metadata=METADATA, info={"licenses/L": b"l"})


def bound() -> Sample:
    payload = {"demo/_x.cpython-312-x86_64-linux-gnu.so": extension(), **PAYLOAD}
    return sample(LINUX, payload=payload, entry_points=PROGRAMS, metadata=METADATA, info={"licenses/L": b"l"})


MADE = {"linked": pure, "placed": bound}
BOTH = pytest.mark.parametrize("layout", sorted(MADE))


def python_package(directory: Path) -> Path:
    """A package `python` that starts the interpreter of the tests with the site-packages beside it."""
    launcher = (
        f'#!/bin/sh\nPYTHONPATH="$(dirname "$0")/../lib/python3.12/site-packages" exec {sys.executable} "$@"\n'
    ).encode()
    identity = CondaIdentity(CondaName("python"), CondaVersion("3.12.1"), "0_cpython")
    path = directory / f"{identity.stem}.conda"
    with CondaWriter(path, identity, subdir=Subdir("linux-64")) as writer:
        for name in ("bin/python", "bin/python3.12"):
            writer.add(name, io.BytesIO(launcher), len(launcher), mode=0o755)
        index: dict[str, Any] = {"name": "python", "version": "3.12.1", "build": "0_cpython", "build_number": 0}
        writer.finish({**index, "depends": [], "subdir": "linux-64"}, {})
    return path


def in_prefix(directory: Path, made: Sample, prefix: Path) -> None:
    """Convert the wheel and install it with rattler."""
    paths = [python_package(directory), *(Path(output.path) for output in converted(directory, made))]

    async def records() -> list[rattler.RepoDataRecord]:
        return [await rattler.RepoDataRecord.from_package_archive(path) for path in paths]

    installed(asyncio.run(records()), prefix, subdir="linux-64", cache=directory / "cache")


def files_of(prefix: Path) -> dict[str, bytes]:
    found = {str(path.relative_to(prefix)): path.read_bytes() for path in prefix.rglob("*") if path.is_file()}
    own = {"bin/python", "bin/python3.12", "CACHEDIR.TAG"}
    return {name: data for name, data in found.items() if name not in own and not name.startswith("conda-meta/")}


def program(prefix: Path, name: str) -> str:
    result = subprocess.run([prefix / "bin" / name, "now"], capture_output=True, text=True, check=True, env=os.environ)
    return result.stdout


@BOTH
def test_rattler_and_an_installer_of_wheels_make_the_same_files(tmp_path: Path, layout: str) -> None:
    made, prefix, other = MADE[layout](), tmp_path / "prefix", tmp_path / "other"
    in_prefix(tmp_path, made, prefix)
    site = other / "lib" / "python3.12" / "site-packages"
    headers = other / ("include/demo" if layout == "linked" else "include/python3.12/demo")
    python = "python" if layout == "linked" else "python3.12"
    destination = installer.destinations.SchemeDictionaryDestination(
        {key: str(site) for key in ("purelib", "platlib")}
        | {"scripts": str(other / "bin"), "headers": str(headers), "data": str(other)},
        interpreter=str(prefix / "bin" / python),
        script_kind="posix",
        bytecode_optimization_levels=[],
    )
    with installer.sources.WheelFile.open(made.write(tmp_path)) as source:
        installer.install(source, destination, {"INSTALLER": b"conda\n"})
    ours, theirs = files_of(prefix), files_of(other)
    assert ours.keys() == theirs.keys()
    made_by_installers = {"bin/tool", "bin/grouped", "bin/window", f"{site.relative_to(other)}/{DIST_INFO}/RECORD"}
    for name in ours.keys() - made_by_installers:
        assert ours[name] == theirs[name], name


@BOTH
def test_programs_run(tmp_path: Path, layout: str) -> None:
    prefix = tmp_path / "prefix"
    in_prefix(tmp_path, MADE[layout](), prefix)
    for name in ("tool", "grouped", "window"):
        assert program(prefix, name) == "called now\n"
    assert program(prefix, "run") == "ran\n"
    assert program(prefix, "shell") == "shell\n"


@BOTH
def test_programs_run_where_the_prefix_is_too_long_for_a_first_line(tmp_path: Path, layout: str) -> None:
    prefix = tmp_path / ("p" * 150)
    in_prefix(tmp_path, MADE[layout](), prefix)
    assert program(prefix, "run") == "ran\n"
    assert program(prefix, "tool") == "called now\n"


@BOTH
def test_importlib_sees_the_distribution(tmp_path: Path, layout: str) -> None:
    prefix = tmp_path / "prefix"
    in_prefix(tmp_path, MADE[layout](), prefix)
    site = prefix / "lib" / "python3.12" / "site-packages"
    (found,) = importlib.metadata.distributions(path=[str(site)])
    assert (found.name, found.version, found.read_text("INSTALLER")) == ("demo", "1.0", "conda\n")
    assert {point.name for point in found.entry_points} == {"tool", "grouped", "window"}
    assert found.files is not None
    assert [str(path) for path in found.files if not Path(str(path.locate())).exists()] == []
    names = {str(path) for path in found.files}
    assert ("../../../bin/tool" in names) is (layout == "placed")


@BOTH
@pytest.mark.parametrize("suffix", [".conda", ".tar.bz2"])
def test_record_is_true_in_the_package(tmp_path: Path, layout: str, suffix: str) -> None:
    (output,) = converted(tmp_path, MADE[layout](), format=ArchiveFormat(suffix))
    assert output.filename.endswith(suffix)
    tree = tmp_path / "tree"
    conda_package_handling.api.extract(output.path, str(tree))
    site = tree / ("site-packages" if layout == "linked" else "lib/python3.12/site-packages")
    everything = site
    if layout == "placed":
        (tree / "info").rename(tmp_path / "info")
        everything = tree
    assert record_problems(site / DIST_INFO, everything_below=everything) == []
    assert not any(b"/tmp/" in path.read_bytes() for path in tree.rglob("*") if path.is_file())


@BOTH
def test_rattler_reads_the_metadata(tmp_path: Path, layout: str) -> None:
    (output,) = converted(tmp_path, MADE[layout]())
    index = rattler.IndexJson.from_package_archive(output.path)
    assert (index.name.normalized, str(index.version), index.subdir) == (
        "demo",
        "1.0",
        "noarch" if layout == "linked" else "linux-64",
    )
    assert index.noarch.python is (layout == "linked")
    for spec in index.depends:
        rattler.MatchSpec(spec, strict=True)
    with open_artifact(Path(output.path)) as artifact:
        metadata = artifact.metadata()
    assert {entry.path: entry.prefix_placeholder for entry in metadata.paths if entry.prefix_placeholder}.keys() == (
        {"python-scripts/run"} if layout == "linked" else {"bin/run", "bin/tool", "bin/grouped", "bin/window"}
    )
    tree = tmp_path / "tree"
    conda_package_handling.api.extract(output.path, str(tree))
    about = rattler.AboutJson.from_package_directory(tree)
    assert about.summary == "a demo"
    assert json.loads((tree / "info" / "about.json").read_text())["extra"]["conda-wheel-bridge"]["source"]["sha256"]
    assert (tree / "info" / "licenses" / "L").read_bytes() == b"l"


def test_packages_of_one_wheel_share_what_they_can(tmp_path: Path) -> None:
    made = sample(
        payload=dict(PAYLOAD), metadata=b"Requires-Dist: colorama; sys_platform == 'win32'\n", entry_points=PROGRAMS
    )
    together = converted(tmp_path, made)
    path = tmp_path / made.filename
    for plan, output in zip(plans_of(path), together, strict=True):
        with open_wheel(path) as wheel:
            alone = write_conda(plan, wheel, tmp_path / "alone", level=1)
        assert (alone.filename, alone.sha256, alone.size) == (output.filename, output.sha256, output.size)
    assert len(together) == 2
