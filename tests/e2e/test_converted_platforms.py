"""Converted wheels on Windows and macOS, as py-rattler installs them from here: places, launchers, first lines."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

import bridge
from benchmarks.wheels import Wheel, read_list
from tests.support.conda_archives import make_conda
from tests.support.conda_clients import index_channel, installed, solved
from tests.support.pypi_downloads import downloaded

LIST = read_list(Path(__file__).with_name("environment_wheels.csv"))
#: pure projects that are converted once for every platform.
PURE = ("colorama", "docutils", "idna", "jmespath", "pip", "tqdm")
#: an environment's virtual packages with their versions.
MACHINES = {
    "win-64": {"__win": "10"},
    "osx-arm64": {"__unix": "0", "__osx": "14.0"},
}
SITE_PACKAGES = {"win-64": "Lib/site-packages", "osx-arm64": "lib/python3.12/site-packages"}


@dataclass(frozen=True)
class Prefix:
    """What was installed."""

    directory: Path
    #: paths relative to the prefix.
    files: frozenset[str]
    #: names of the packages.
    packages: frozenset[str]

    def text(self, path: str) -> str:
        return (self.directory / path).read_text()


def chosen(mark: str) -> list[Wheel]:
    """The wheels of the list for a platform, and the pure ones."""
    return [wheel for wheel in LIST if wheel.name in PURE or mark in wheel.filename]


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Prefix]:
    """Convert, index, solve and install for a platform; each once."""
    made: dict[str, Prefix] = {}

    def make(subdir: str) -> Prefix:
        if subdir not in made:
            made[subdir] = environment(subdir, tmp_path_factory.mktemp(subdir))
        return made[subdir]

    return make


def environment(subdir: str, scratch: Path) -> Prefix:
    wheels = chosen("-win_" if subdir == "win-64" else "macosx")
    channel = scratch / "channel"
    report = bridge.convert(downloaded(wheels), channel)
    assert report.summary["converted"] == len(wheels), [outcome.message for outcome in report.outcomes]
    python(channel, subdir)
    index_channel(channel)
    specs = ["python 3.12.*", *sorted({wheel.name for wheel in wheels})]
    records = solved(channel, specs, subdir=subdir, virtual=MACHINES[subdir], cache=scratch / "gateway")
    directory = scratch / "prefix"
    installed(records, directory, subdir=subdir, cache=scratch / "packages")
    files = {path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file()}
    return Prefix(directory, frozenset(files), frozenset(record.name.normalized for record in records))


def python(channel: Path, subdir: str) -> None:
    """What solver and installer need to know of a Python that cannot run here."""
    directory = channel / subdir
    directory.mkdir(exist_ok=True)
    program = "python.exe" if subdir == "win-64" else "bin/python3.12"
    index = {"python_site_packages_path": SITE_PACKAGES[subdir], "depends": []}
    make_conda(
        directory,
        name="python",
        version="3.12.1",
        build="0_cpython",
        subdir=subdir,
        files={program: b""},
        index=index,
    )
    for name, version, build, depends in (
        ("python_abi", "3.12", "0_cp312", []),
        ("cpython", "3.12.1", "cp312_0", ["python 3.12.1.*", "python_abi 3.12.* *_cp312"]),
        ("python-gil", "3.12.1", "cp312_0", ["cpython 3.12.1.*"]),
        ("_python_abi3_support", "1.0", "0", ["cpython", "python-gil"]),
    ):
        index = {"noarch": "generic", "depends": depends}
        make_conda(channel / "noarch", name=name, version=version, build=build, subdir="noarch", index=index)


@pytest.mark.parametrize("subdir", MACHINES)
def test_modules_and_metadata_are_in_site_packages(prefix: Callable[[str], Prefix], subdir: str) -> None:
    found, site = prefix(subdir), SITE_PACKAGES[subdir]
    for name in ("colorama", "docutils", "idna", "jmespath", "pip", "tqdm"):
        assert f"{site}/{name}/__init__.py" in found.files
    records = [path for path in found.files if path.endswith(".dist-info/RECORD")]
    assert len(records) >= 8
    for record in records:
        listed = [line.split(",")[0] for line in found.text(record).splitlines() if not line.startswith('"')]
        inside = [path for path in listed if not path.startswith("..")]
        assert {f"{site}/{path}" for path in inside} <= found.files


def test_windows_gets_launchers(prefix: Callable[[str], Prefix]) -> None:
    """Of noarch packages as well as of one that is bound to a Python: nobody's launchers are in the packages."""
    found = prefix("win-64")
    for name in ("idna", "pip", "tqdm", "rst2html", "normalizer"):
        assert {f"Scripts/{name}.exe", f"Scripts/{name}-script.py"} <= found.files
        assert re.search(r"from \S+ import", found.text(f"Scripts/{name}-script.py"))
    assert {"Scripts/ruff.exe", "Scripts/jp.py"} <= found.files
    assert not any(path.startswith(("bin/", "python-scripts/")) for path in found.files)


def test_macos_gets_scripts(prefix: Callable[[str], Prefix]) -> None:
    found = prefix("osx-arm64")
    for name in ("idna", "pip", "tqdm", "rst2html", "normalizer"):
        path = found.directory / "bin" / name
        assert path.read_text().startswith(f"#!{found.directory}/bin/python3.12\n"), name
        assert path.stat().st_mode & 0o100
    assert found.text("bin/jp.py").startswith(f"#!{found.directory}/bin/python")
    assert (found.directory / "bin" / "ruff").stat().st_mode & 0o100
    assert not any(path.startswith(("Scripts/", "python-scripts/")) for path in found.files)


def test_a_marker_is_followed_where_it_holds(prefix: Callable[[str], Prefix]) -> None:
    """tqdm wants colorama on Windows only; colorama itself is asked for there, so that both ask for the rest."""
    records: Mapping[str, list[str]] = {
        subdir: depends_of(prefix(subdir).directory, "tqdm") for subdir in ("win-64", "osx-arm64")
    }
    assert any(spec.startswith("colorama") for spec in records["win-64"])
    assert not any(spec.startswith("colorama") for spec in records["osx-arm64"])


def depends_of(directory: Path, name: str) -> list[str]:
    (record,) = (directory / "conda-meta").glob(f"{name}-*.json")
    depends: list[str] = json.loads(record.read_text())["depends"]
    return depends
