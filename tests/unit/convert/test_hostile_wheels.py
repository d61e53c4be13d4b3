"""A hostile wheel does not become a conda package: refused at the first hop, with a code, and nothing left behind."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import bridge
from bridge.channel.pool import prepare
from bridge.errors import Code
from bridge.formats.conda.artifact import open_artifact
from bridge.model.plan import Layout, Outcome, Status
from bridge.translate.contents import content_digest
from tests.support.hostile_samples import DATA, DIST_INFO, FILENAME, METADATA, WHEEL, Sample
from tests.support.malformed_wheels import INIT, MALFORMED, nothing
from tests.support.sample_packages import noarch_package
from tests.support.wheel_bombs import BOMBS

ROOT = Path(__file__).parents[3]
#: address space, of which threads reserve more than they use; twice what the wheels need that are read.
MARGIN = 512 << 20


def data(*paths: str, content: bytes = b"x\n") -> Sample:
    """Files of the scheme `data`, which lies where conda's prefix is."""
    return Sample(payload={INIT: b"", **{f"{DATA}/data/{path}": content for path in paths}})


def bound(payload: Mapping[str, bytes], **more: object) -> Sample:
    """A wheel for CPython 3.12 on Linux, whose files lie where Python has them."""
    tag = "cp312-cp312-manylinux_2_17_x86_64"
    return Sample(
        filename=f"demo-1.0-{tag}.whl",
        wheel=WHEEL.replace(b"py3-none-any", tag.encode()).replace(b"true", b"false"),
        payload={INIT: b"", **payload},
        **more,  # type: ignore[arg-type]
    )


def called(name: str, version: str = "1.0") -> Sample:
    """A wheel of another project."""
    escaped = name.replace("-", "_")
    return Sample(
        filename=f"{escaped}-{version}-py3-none-any.whl",
        dist_info=f"{escaped}-{version}.dist-info",
        metadata=b"Metadata-Version: 2.4\nName: %s\nVersion: %s\n" % (name.encode(), version.encode()),
    )


def tagged(tag: str) -> Sample:
    return Sample(filename=f"demo-1.0-{tag}.whl", wheel=WHEEL.replace(b"py3-none-any", tag.encode()))


def stating(*headers: str) -> Sample:
    return Sample(metadata=METADATA + "".join(f"{header}\n" for header in headers).encode())


def program(name: str, reference: str = "demo:main", group: str = "console_scripts") -> Sample:
    return Sample(entry_points=f"[{group}]\n{name} = {reference}\n".encode())


#: Sound as a wheel, and still nothing that may become a conda package.
REFUSED: dict[str, tuple[Sample, Code]] = {
    # --- conda's own directories
    "conda-meta: a record of another package": (data("conda-meta/openssl-9-0.json"), Code.COLLISION),
    "conda-meta: in another case": (data("Conda-Meta/history"), Code.COLLISION),
    "conda-meta: pins": (data("conda-meta/pinned"), Code.COLLISION),
    "info: index.json": (data("info/index.json", content=b"{}"), Code.COLLISION),
    "info: in another case": (data("INFO/link.json", content=b"{}"), Code.COLLISION),
    "info: a file": (data("info"), Code.COLLISION),
    "site-packages beside the prefix's": (data("site-packages/pip/__init__.py"), Code.COLLISION),
    "python-scripts beside the programs": (data("python-scripts/pip"), Code.COLLISION),
    # --- what conda executes or obeys
    "activate.d": (data("etc/conda/activate.d/x.sh"), Code.CONDA_EXECUTES),
    "activate.d, for cmd": (data("etc/conda/activate.d/x.bat"), Code.CONDA_EXECUTES),
    "activate.d, in another case": (data("Etc/Conda/Activate.d/x.ps1"), Code.CONDA_EXECUTES),
    "deactivate.d": (data("etc/conda/deactivate.d/x.sh"), Code.CONDA_EXECUTES),
    "env_vars.d": (data("etc/conda/env_vars.d/x.json"), Code.CONDA_EXECUTES),
    "post-link in bin": (data("bin/.demo-post-link.sh"), Code.CONDA_EXECUTES),
    "post-link, a script": (
        Sample(payload={INIT: b"", f"{DATA}/scripts/.demo-post-link.sh": b""}),
        Code.CONDA_EXECUTES,
    ),
    "post-link, a script, bound": (bound({f"{DATA}/scripts/.demo-post-link.sh": b""}), Code.CONDA_EXECUTES),
    "post-link on Windows": (data("Scripts/.demo-post-link.bat"), Code.CONDA_EXECUTES),
    "pre-link": (data("bin/.demo-pre-link.sh"), Code.CONDA_EXECUTES),
    "pre-unlink": (data("bin/.demo-pre-unlink.sh"), Code.CONDA_EXECUTES),
    "pre-unlink on Windows, in another case": (data("scripts/.DEMO-PRE-UNLINK.BAT"), Code.CONDA_EXECUTES),
    "post-link of another package": (data("bin/.openssl-post-link.sh"), Code.CONDA_EXECUTES),
    "Menu": (data("Menu/demo.json", content=b"{}"), Code.CONDA_EXECUTES),
    "condarc": (data(".condarc"), Code.CONDA_EXECUTES),
    "condarc without a dot": (data("condarc"), Code.CONDA_EXECUTES),
    "condarc.d": (data("condarc.d/x.yml"), Code.CONDA_EXECUTES),
    "mambarc": (data(".mambarc"), Code.CONDA_EXECUTES),
    # --- what would take the place of Python
    "program python": (Sample(payload={INIT: b"", f"{DATA}/scripts/python": b"#!python\n"}), Code.REPLACES_PYTHON),
    "program python3.12": (bound({f"{DATA}/scripts/python3.12": b""}), Code.REPLACES_PYTHON),
    "program bin/python3": (data("bin/python3"), Code.REPLACES_PYTHON),
    "program python.exe": (data("python.exe"), Code.REPLACES_PYTHON),
    "entry point python": (program("python"), Code.REPLACES_PYTHON),
    "entry point Pythonw": (program("Pythonw", group="gui_scripts"), Code.REPLACES_PYTHON),
    "pyvenv.cfg": (data("pyvenv.cfg", content=b"home = /tmp\n"), Code.REPLACES_PYTHON),
    "pyvenv.cfg beside the program": (data("bin/pyvenv.cfg"), Code.REPLACES_PYTHON),
    "search path of Windows": (data("python312._pth"), Code.REPLACES_PYTHON),
    "library in an archive": (data("lib/python312.zip"), Code.REPLACES_PYTHON),
    "standard library": (data("lib/python3.12/os.py"), Code.REPLACES_PYTHON),
    "standard library, bound": (bound({f"{DATA}/data/lib/python3.12/encodings/x.py": b""}), Code.REPLACES_PYTHON),
    "standard library of Windows": (data("Lib/os.py"), Code.REPLACES_PYTHON),
    "lib-dynload": (data("lib/python3.13t/lib-dynload/_ssl.so"), Code.REPLACES_PYTHON),
    "libpython": (data("lib/libpython3.12.so.1.0"), Code.REPLACES_PYTHON),
    "DLL of Windows": (data("python312.dll"), Code.REPLACES_PYTHON),
    # --- two files for one place
    "two programs": (
        bound({f"{DATA}/scripts/demo": b"#!/bin/sh\n", f"{DATA}/data/bin/demo": b"#!/bin/sh\n"}),
        Code.COLLISION,
    ),
    "two programs, but for case": (
        Sample(payload={f"{DATA}/scripts/demo": b"", f"{DATA}/data/bin/Demo": b""}),
        Code.COLLISION,
    ),
    "metadata made by the bridge, in another case": (Sample(info={"Installer": b"pip\n"}), Code.COLLISION),
    # --- names that conda or a system cannot have
    "device of Windows": (Sample(payload={"demo/aux.py": b""}), Code.WINDOWS_NAME),
    "trailing dot": (Sample(payload={"demo/x.": b""}), Code.WINDOWS_NAME),
    "name: python": (called("python"), Code.NAME_REFUSED),
    "name: a library": (called("openssl"), Code.NAME_REFUSED),
    "name: the other python": (called("cpython"), Code.NAME_REFUSED),
    "name: a compiler": (called("gcc"), Code.NAME_REFUSED),
    "name: several packages": (called("faiss"), Code.NAME_REFUSED),
    "name: too long": (called("d" * 65), Code.NAME_REFUSED),
    "version: too long": (called("demo", "1." + "1" * 70), Code.CONDA_IDENTIFIER),
    # --- metadata
    "requirement: an address": (stating("Requires-Dist: x @ https://example.org/x.whl"), Code.NAME_REFUSED),
    "script: too large to rewrite": (
        Sample(payload={INIT: b"", f"{DATA}/scripts/demo": b"#!python\n" + b"#" * (2 << 20)}),
        Code.LARGE_SCRIPT,
    ),
    "platform: unknown": (tagged("py3-none-solaris_11_sparc"), Code.PLATFORM),
    "platform: half known": (tagged("py3-none-manylinux_2_17_pdp11"), Code.PLATFORM),
    "python: unknown": (tagged("zz9-none-any"), Code.PYTHON_TAG),
}

#: Converted, with what was found recorded; `--strict` refuses.
RECORDED: dict[str, tuple[Sample, Code]] = {
    "code in the reference of an entry point": (program("demo", "demo:x);import os;("), Code.ENTRY_POINT_LEFT_OUT),
    "code in the module of an entry point": (program("demo", "demo;import os:x"), Code.ENTRY_POINT_LEFT_OUT),
    "a pth file with code": (Sample(payload={"demo.pth": b"import os\n"}), Code.EXECUTABLE_METADATA),
    "sitecustomize": (Sample(payload={"sitecustomize.py": b""}), Code.EXECUTABLE_METADATA),
    "usercustomize, platlib": (Sample(payload={f"{DATA}/platlib/usercustomize.py": b""}), Code.EXECUTABLE_METADATA),
    "sitecustomize through the prefix": (
        data("lib/python3.12/site-packages/sitecustomize.py"),
        Code.EXECUTABLE_METADATA,
    ),
    "a pth file through the prefix": (
        data("Lib/site-packages/x.pth", content=b"import os\n"),
        Code.EXECUTABLE_METADATA,
    ),
    "a file of pip": (Sample(payload={"pip/__init__.py": b""}), Code.INSTALLERS_FILE),
    "a file of conda": (Sample(payload={"conda/__init__.py": b""}), Code.INSTALLERS_FILE),
}

#: What is odd, harmless, and must not stop anybody.
SOUND: dict[str, Sample] = {
    "plain": Sample(),
    "bound to a Python": bound({}),
    "conda-meta in site-packages": Sample(payload={"conda-meta/x.json": b"", "info/index.json": b""}),
    "share/etc": data("etc/demo/activate.d/x.sh", "share/info/x", "share/Menu/x.json", "bin/post-link.sh"),
    "programs that are only called alike": Sample(
        payload={f"{DATA}/scripts/python-demo": b"", f"{DATA}/scripts/ipython3": b""}
    ),
    "licence outside": stating("License-File: ../../../etc/passwd", "License-File: /etc/passwd"),
    "HTML": stating("Summary: <script>alert(1)</script>", "Home-page: javascript:alert(1)"),
}


@dataclass(frozen=True)
class Run:
    """One run over all wheels that must be refused, and a sound one among them."""

    outcomes: Mapping[str, Outcome]
    sound: Outcome
    #: everything below the output, and where temporary files are made.
    left: list[str]
    scratch: list[str]
    summary: Mapping[str, int]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    directory, scratch = tmp_path_factory.mktemp("hostile"), tmp_path_factory.mktemp("scratch")
    cases = {case: (sample, mutate) for case, (sample, mutate, _) in MALFORMED.items()}
    cases |= {case: (sample, nothing) for case, (sample, _) in REFUSED.items()}
    paths = [hostile(directory / str(number), *case) for number, case in enumerate(cases.values())]
    middle = len(paths) // 2
    paths.insert(middle, hostile(directory / "sound", Sample(), nothing))
    # What workers are forked from has a socket, until this process ends.
    prepare()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(scratch))
        patch.setenv("TMPDIR", str(scratch))
        report = bridge.convert(paths, directory / "out", jobs=2)
    outcomes = list(report.outcomes)
    sound = outcomes.pop(middle)
    named = dict(zip(cases, outcomes, strict=True))
    return Run(named, sound, left(directory / "out"), left(scratch), report.summary)


def hostile(directory: Path, sample: Sample, mutate: Callable[[bytes], bytes]) -> Path:
    directory.mkdir()
    path = sample.write(directory)
    path.write_bytes(mutate(path.read_bytes()))
    return path


def left(directory: Path) -> list[str]:
    """Everything below a directory, hidden or not."""
    return sorted(path.relative_to(directory).as_posix() for path in directory.rglob("*"))


def convert_one(path: Path, out: Path, **options: Any) -> Outcome:
    (outcome,) = bridge.convert([path], out, **options).outcomes
    return outcome


@pytest.mark.parametrize("case", MALFORMED)
def test_a_malformed_wheel_is_invalid(run: Run, case: str) -> None:
    outcome = run.outcomes[case]
    assert (outcome.status, outcome.code) == (Status.INVALID, MALFORMED[case][2]), outcome.message
    assert outcome.outputs == ()
    assert (outcome.message or "").isprintable()


@pytest.mark.parametrize("case", REFUSED)
def test_a_wheel_that_means_something_else_in_conda_is_refused(run: Run, case: str) -> None:
    outcome = run.outcomes[case]
    assert outcome.code is REFUSED[case][1], outcome.message
    assert outcome.status in (Status.UNREPRESENTABLE, Status.UNSUPPORTED)
    assert outcome.outputs == ()


def test_nothing_is_left_behind_but_the_package_of_the_sound_wheel(run: Run) -> None:
    assert run.sound.status is Status.CONVERTED, run.sound.message
    assert run.left == ["noarch", f"noarch/{run.sound.outputs[0].filename}"]
    assert run.scratch == []
    assert (run.summary["converted"], run.summary["internal_error"]) == (1, 0)
    assert sum(run.summary.values()) == len(MALFORMED) + len(REFUSED) + 1


@pytest.mark.parametrize("case", ["path: parent directory", "content: damaged", "bomb: zeros", "RECORD: wrong hash"])
def test_alone_it_leaves_an_empty_directory(tmp_path: Path, case: str) -> None:
    sample, mutate, code = MALFORMED[case]
    outcome = convert_one(hostile(tmp_path / "in", sample, mutate), tmp_path / "out")
    assert (outcome.code, left(tmp_path / "out")) == (code, [])


@pytest.mark.parametrize("case", RECORDED)
def test_what_runs_by_itself_is_recorded_and_refused_when_strict(tmp_path: Path, case: str) -> None:
    sample, code = RECORDED[case]
    path = sample.write(tmp_path)
    easy = convert_one(path, tmp_path / "easy")
    assert easy.status is Status.CONVERTED, easy.message
    assert code in {loss.code for loss in easy.losses}
    strict = convert_one(path, tmp_path / "strict", strict=True)
    assert (strict.status, strict.code) == (Status.UNREPRESENTABLE, Code.STRICT)
    assert left(tmp_path / "strict") == []


@pytest.mark.parametrize("case", SOUND)
def test_what_is_harmless_is_converted(tmp_path: Path, case: str) -> None:
    outcome = convert_one(SOUND[case].write(tmp_path), tmp_path / "out")
    assert outcome.status is Status.CONVERTED, outcome.message
    assert outcome.losses == ()
    (output,) = outcome.outputs
    subdir = Path(output.path).parent.name
    assert left(tmp_path / "out") == [subdir, f"{subdir}/{output.filename}"]


def test_there_are_enough_cases() -> None:
    assert len(MALFORMED) + len(REFUSED) >= 150


#: of those that the reader refuses, enough to see that its refusal arrives; its own tests have them all.
FAMOUS = ("zeros", "metadata", "record of commas")

PROGRAM = """
import json, resource, sys
from pathlib import Path
import bridge
bridge.convert([], sys.argv[2])
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + int(sys.argv[3]),) * 2)
resource.setrlimit(resource.RLIMIT_CPU, (30, 30))
(outcome,) = bridge.convert([sys.argv[1]], sys.argv[2]).outcomes
print(json.dumps([outcome.status.value, outcome.code and outcome.code.number, outcome.message]))
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
@pytest.mark.parametrize("bomb", [bomb for bomb, (_, code) in BOMBS.items() if code is None or bomb in FAMOUS])
def test_a_bomb_costs_little_time_and_memory(tmp_path: Path, bomb: str) -> None:
    make, code = BOMBS[bomb]
    out = tmp_path / "out"
    command = [sys.executable, "-c", PROGRAM, make().write(tmp_path), out, str(MARGIN)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (result.stderr, result.returncode) == ("", 0)
    status, found, message = json.loads(result.stdout)
    if code is None:
        assert status != "internal_error", message
    else:
        assert (status, found, left(out)) == ("invalid", code.number, []), message


def test_the_command_says_what_was_refused_in_one_document(tmp_path: Path) -> None:
    sample = Sample(payload={INIT: b"", "demo/\x1b[2J": b""})
    command = [sys.executable, "-m", "bridge", "convert", sample.write(tmp_path), "-o", tmp_path / "out", "--json"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    (outcome,) = json.loads(result.stdout)["outcomes"]
    assert (outcome["status"], outcome["code"], outcome["outputs"]) == ("invalid", "CB104", [])
    assert "\x1b" not in result.stdout + result.stderr
    assert left(tmp_path / "out") == []


def forged(
    directory: Path, path: str, *, links: Mapping[str, str] | None = None, listed: bool = True, program: str = ""
) -> Path:
    """A wheel that says that it was the conda package `demo` with a file at `path`; all its digests agree.

    Args:
        directory: to work in.
        path: of the file.
        links: path -> target of links.
        listed: whether paths.json has the file.
        program: an entry point.
    """
    made = convert_one(noarch_package(directory, files={"share/x": b"x"}), directory / "wheels", layout=Layout.PREFIX)
    with zipfile.ZipFile(made.outputs[0].path) as archive:
        members = {name: archive.read(name) for name in archive.namelist() if name != f"{DIST_INFO}/RECORD"}
    kept = f"{DIST_INFO}/conda/"
    paths = json.loads(members[f"{kept}info/paths.json"])
    paths["paths"] = [entry for entry in paths["paths"] if listed or entry["_path"] != "share/x"]
    for entry in paths["paths"]:
        entry["_path"] = path if entry["_path"] == "share/x" else entry["_path"]
    members[f"{kept}info/paths.json"] = json.dumps(paths).encode()
    if program:
        noarch = {"type": "python", "entry_points": [f"{program} = demo:main"]}
        link = {"package_metadata_version": 1, "noarch": noarch}
        members[f"{kept}info/link.json"] = json.dumps(link).encode()
    provenance = json.loads(members[f"{kept}provenance.json"])
    restore = provenance["restore"]
    restore["symlinks"] = dict(links or {})
    restore["files"] = {path if name == "share/x" else name: entry for name, entry in restore["files"].items()}
    restore["payload"] = content_digest(
        {name: hashlib.sha256(members[entry["member"]]).digest() for name, entry in restore["files"].items()}
        | {name: hashlib.sha256(members[f"{kept}files/{name}"]).digest() for name in restore["set_aside"]}
    )
    info = {name.removeprefix(kept): data for name, data in members.items() if name.startswith(f"{kept}info/")}
    info |= {name: members[member] for name, member in restore["licenses"].items()}
    restore["info"] = content_digest({name: hashlib.sha256(data).digest() for name, data in info.items()})
    members[f"{kept}provenance.json"] = json.dumps(provenance).encode()
    target = Sample(payload=members, metadata=None, wheel=None, filename=made.outputs[0].filename)
    (directory / "forged").mkdir()
    return target.write(directory / "forged")


def test_the_forger_s_tools_work(tmp_path: Path) -> None:
    outcome = convert_one(forged(tmp_path, "share/y"), tmp_path / "out")
    assert outcome.status is Status.CONVERTED, outcome.message
    with open_artifact(Path(outcome.outputs[0].path)) as artifact:
        assert "share/y" in {entry.path for entry in artifact.metadata().paths}


@pytest.mark.parametrize(
    "path",
    [
        "../x",
        "/etc/x",
        "share/../../x",
        "C:/x",
        "conda-meta/history",
        "Conda-Meta/x.json",
        "info/index.json",
        "bin/python3",
        "python.exe",
        "Scripts/pythonw.exe",
        "python-scripts/python3.12",
        "site-packages/demo.py/x",
    ],
)
def test_a_forged_past_puts_no_file_where_it_may_not_be(tmp_path: Path, path: str) -> None:
    outcome = convert_one(forged(tmp_path, path), tmp_path / "out")
    assert outcome.status in (Status.INVALID, Status.UNREPRESENTABLE), outcome
    assert (outcome.outputs, left(tmp_path / "out")) == ((), [])


@pytest.mark.parametrize(
    ("path", "more", "code"),
    [
        ("bin/python3", {"listed": False}, Code.REPLACES_PYTHON),
        ("share/y", {"links": {"bin/python3": "../share/y"}}, Code.REPLACES_PYTHON),
        ("share/y", {"program": "python3"}, Code.REPLACES_PYTHON),
        ("share/y", {"program": "../../x"}, Code.BAD_ENTRY_POINT),
        ("share/y", {"links": {"share/z": "/etc/passwd"}}, Code.COLLISION),
        ("share/y", {"links": {"share/z": "../../x"}}, Code.COLLISION),
        ("share/z/y", {"links": {"share/z": ".."}}, Code.COLLISION),
    ],
)
def test_a_forged_past_gives_no_link_or_program_that_a_wheel_may_not_have(
    tmp_path: Path, path: str, more: Mapping[str, Any], code: Code
) -> None:
    outcome = convert_one(forged(tmp_path, path, **more), tmp_path / "out")
    assert outcome.code is code, outcome.message
    assert (outcome.outputs, left(tmp_path / "out")) == ((), [])


@pytest.mark.parametrize(
    "path",
    ["bin/.demo-post-link.sh", "etc/conda/activate.d/x.sh", "Menu/x.json", "pyvenv.cfg", "lib/python3.12/os.py"],
)
def test_a_forged_past_does_not_hide_what_is_executed(tmp_path: Path, path: str) -> None:
    """A real package may have such a file and comes back with it; so it is told, and refused when strict."""
    wheel = forged(tmp_path, path)
    easy = convert_one(wheel, tmp_path / "easy")
    assert [loss.subject for loss in easy.losses if loss.code is Code.EXECUTABLE_METADATA] == [path]
    strict = convert_one(wheel, tmp_path / "strict", strict=True)
    assert (strict.code, left(tmp_path / "strict")) == (Code.STRICT, [])


def test_a_past_that_makes_no_sense_is_refused(tmp_path: Path) -> None:
    told = {"schema": "conda-bridge/provenance/1", "restore": {"paths": [{"path": "../../x"}]}}
    sample = Sample(info={"conda/provenance.json": json.dumps(told).encode(), "conda/info/index.json": b"{}"})
    outcome = convert_one(sample.write(tmp_path), tmp_path / "out")
    assert (outcome.status, outcome.code) == (Status.UNREPRESENTABLE, Code.RESTORE_CHANGED), outcome.message
    assert left(tmp_path) == [FILENAME, "out"]


def test_what_installers_write_is_not_taken_from_the_wheel(tmp_path: Path) -> None:
    sample = Sample(info={"INSTALLER": b"pip\n", "REQUESTED": b"", "direct_url.json": b'{"url": "file:///etc"}'})
    outcome = convert_one(sample.write(tmp_path), tmp_path / "out")
    with open_artifact(Path(outcome.outputs[0].path)) as artifact:
        written = {entry.path.rpartition("/")[2]: entry.sha256 for entry in artifact.metadata().paths}
    assert not {"REQUESTED", "direct_url.json"} & written.keys()
    assert written["INSTALLER"] == hashlib.sha256(b"conda\n").hexdigest()
    assert [loss.code for loss in outcome.losses] == [Code.REGENERATED] * 3
