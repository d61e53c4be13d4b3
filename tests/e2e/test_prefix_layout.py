"""The whole Miniforge set in the prefix layout: installed by pip and uv from an index of it alone, and run."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from bridge.channel.convert import Report
from bridge.errors import Code
from bridge.formats.conda.artifact import open_artifact
from bridge.model.plan import Layout, Status
from tests.e2e.conftest import ROOT, Run, pip_install, served, uv_install

Converted = Callable[[Layout], tuple[Path, Report]]

#: Never a requirement of a wheel: interpreters, virtual packages, mutexes, compiler runtimes.
NEVER = {
    "python", "python-abi", "cpython", "libgcc", "libgcc-ng", "libstdcxx", "libstdcxx-ng", "libgomp",
    "openmp-mutex", "libgcc-mutex", "glibc", "linux", "unix",
}  # fmt: skip

PROJECTS = ["libmambapy", "conda", "cffi", "zstandard", "Brotli", "ruamel.yaml", "pycosat", "requests"]

IMPORTS = """
import cffi, zstandard, brotli, ruamel.yaml, pycosat, requests
ffi = cffi.FFI(); ffi.cdef("int abs(int);"); assert ffi.dlopen(None).abs(-3) == 3
assert zstandard.decompress(zstandard.compress(b"x" * 1000)) == b"x" * 1000
assert brotli.decompress(brotli.compress(b"y" * 1000)) == b"y" * 1000
assert ruamel.yaml.YAML(typ="safe").load("a: [1, 2]") == {"a": [1, 2]}
assert pycosat.solve([[1, -2], [2]]) == [1, 2]
"""


def test_only_mutexes_and_abi_markers_are_not_converted(converted: Converted) -> None:
    _, report = converted(Layout.PREFIX)
    assert len(report.outcomes) == 83
    refused = {Path(o.input).name: o.code for o in report.outcomes if o.status is not Status.CONVERTED}
    assert refused == {
        "_libgcc_mutex-0.1-conda_forge.tar.bz2": Code.MARKER_PACKAGE,
        "_openmp_mutex-4.5-2_gnu.tar.bz2": Code.MARKER_PACKAGE,
        "python_abi-3.12-5_cp312.conda": Code.MARKER_PACKAGE,
    }


@pytest.mark.parametrize("installer", ["pip", "uv"])
def test_installs_and_runs_from_an_index_of_the_set_alone(
    installer: str, converted: Converted, new_venv: Callable[[str], Path], run: Run, uv: str, tmp_path: Path
) -> None:
    directory, _ = converted(Layout.PREFIX)
    python = new_venv("environment")
    with served(directory) as index:
        command = (
            pip_install(python, index, *PROJECTS) if installer == "pip" else uv_install(uv, python, index, *PROJECTS)
        )
        run(*command)
    repodata = small_repodata(tmp_path)
    assert run(python, ROOT / "tests/support/solve_with_libmambapy.py", repodata, "zstd").split() == [
        "libzlib-1.3-0.conda",
        "zstd-1.5-0.conda",
    ]
    run(python, "-c", IMPORTS)
    home = {"HOME": str(tmp_path), "PYTHONWARNINGS": "ignore"}
    assert run(python, "-m", "conda", "--version", **home).strip() == "conda 24.11.3"
    assert json.loads(run(python, "-m", "conda", "info", "--json", **home))["conda_version"] == "24.11.3"


def test_every_elf_file_has_the_hash_that_conda_knows(converted: Converted, miniforge: Path) -> None:
    directory, report = converted(Layout.PREFIX)
    compared = 0
    for outcome in report.outcomes:
        for output in outcome.outputs:
            with open_artifact(Path(outcome.input)) as artifact:
                known = {entry.sha256 for entry in artifact.metadata().paths}
            with zipfile.ZipFile(directory / output.filename) as wheel:
                for info in wheel.infolist():
                    with wheel.open(info) as member:
                        if member.read(4) != b"\x7fELF":
                            continue
                    assert hashlib.sha256(wheel.read(info)).hexdigest() in known, (output.filename, info.filename)
                    compared += 1
    assert compared > 100


@pytest.mark.parametrize("layout", list(Layout), ids=lambda layout: layout.value)
def test_requirements_parse_and_never_name_what_tags_stand_for(layout: Layout, converted: Converted) -> None:
    directory, _ = converted(layout)
    own = {path.name.split("-")[0].replace("_", "-") for path in directory.glob("*.whl")}
    for path in directory.glob("*.whl"):
        for requirement in requirements_of(path):
            name = requirement.name.lower().replace("_", "-").replace(".", "-")
            assert name.removeprefix("conda-native-") not in NEVER, (path.name, str(requirement))
            if requirement.marker is None:
                # Everything in the set is Python under its own name, or reserved; nothing else may be asked for.
                assert name in own or name.startswith("conda-native-"), (path.name, str(requirement))


def requirements_of(path: Path) -> list[Requirement]:
    with zipfile.ZipFile(path) as wheel:
        name = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA") and name.count("/") == 1)
        head = wheel.read(name).decode().partition("\n\n")[0]
    lines = (line for line in head.splitlines() if line.startswith("Requires-Dist: "))
    return [Requirement(line.partition(": ")[2]) for line in lines]


@pytest.mark.parametrize("layout", list(Layout), ids=lambda layout: layout.value)
def test_record_lists_every_member_with_its_hash(layout: Layout, converted: Converted) -> None:
    directory, _ = converted(layout)
    for path in directory.glob("*.whl"):
        with zipfile.ZipFile(path) as wheel:
            record = next(
                name for name in wheel.namelist() if name.endswith(".dist-info/RECORD") and name.count("/") == 1
            )
            rows = list(csv.reader(io.StringIO(wheel.read(record).decode())))
            assert [row[0] for row in rows] == wheel.namelist()
            assert wheel.testzip() is None
            assert rows[-1] == [record, "", ""]


def test_the_clash_with_pythons_own_openssl_stands_among_the_losses(converted: Converted) -> None:
    _, report = converted(Layout.PREFIX)
    losses = {
        Path(outcome.input).name.rpartition("-")[0].rpartition("-")[0]: {
            loss.detail for loss in outcome.losses if loss.code is Code.SONAME_CLASH
        }
        for outcome in report.outcomes
    }
    assert any("libcrypto" in detail for detail in losses["libmambapy"])
    assert any("libcrypto.so.3" in detail for detail in losses["libmamba"])


def small_repodata(directory: Path) -> Path:
    def record(name: str, version: str, depends: list[str]) -> dict[str, object]:
        return {
            "name": name, "version": version, "build": "0", "build_number": 0, "depends": depends,
            "subdir": "linux-64", "md5": "0" * 32, "sha256": "0" * 64, "size": 1,
        }  # fmt: skip

    packages = {
        "zstd-1.5-0.conda": record("zstd", "1.5", ["libzlib >=1.2,<2.0a0"]),
        "libzlib-1.3-0.conda": record("libzlib", "1.3", []),
        "libzlib-1.1-0.conda": record("libzlib", "1.1", []),
    }
    path = directory / "repodata.json"
    path.write_text(json.dumps({"info": {"subdir": "linux-64"}, "packages": {}, "packages.conda": packages}))
    return path
