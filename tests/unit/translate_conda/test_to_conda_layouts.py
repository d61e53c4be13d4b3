"""Where the files of a wheel lie in its conda package."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from bridge.errors import Code, Unrepresentable
from bridge.formats.wheel.record import RecordEntry, parse_record
from bridge.model.conda import FileMode
from bridge.model.conda_plan import FromWheel, MadeInfo
from bridge.translate.to_conda.scripts import PREFIX
from tests.support.converted_wheels import INIT, extension, index_of, paths_of, plan_of, sample, text_of
from tests.support.hostile_samples import DATA, DIST_INFO, Sample

LINUX = "cp312-cp312-manylinux_2_17_x86_64"
PROGRAMS = "[console_scripts]\ntool = demo:cli.main [fast]\n[gui_scripts]\nwindow = demo:show\n"
SCHEMES = {
    INIT: b"",
    f"{DATA}/purelib/pure.py": b"p",
    f"{DATA}/platlib/plat.py": b"q",
    f"{DATA}/scripts/run": b"#!python -E\nprint()\n",
    f"{DATA}/scripts/shell": b"#!/bin/sh\n",
    f"{DATA}/headers/sub/demo.h": b"h",
    f"{DATA}/data/share/x": b"d",
}


def binary(tag: str = LINUX, **parts: object) -> Sample:
    payload = {"demo/_x.cpython-312-x86_64-linux-gnu.so": extension(), **SCHEMES}
    return sample(tag, **{"payload": payload, **parts})


def test_a_pure_wheel_is_linked_by_the_installer(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, sample(payload=SCHEMES, entry_points=PROGRAMS))
    assert plan.subdir == "noarch"
    assert index_of(plan)["noarch"] == "python"
    assert set(paths_of(plan)) == {
        "site-packages/demo/__init__.py",
        "site-packages/pure.py",
        "site-packages/plat.py",
        "python-scripts/run",
        "python-scripts/shell",
        "include/demo/sub/demo.h",
        "share/x",
        *(f"site-packages/{DIST_INFO}/{name}" for name in ("METADATA", "WHEEL", "RECORD", "INSTALLER")),
        f"site-packages/{DIST_INFO}/entry_points.txt",
    }
    assert isinstance(plan.info, MadeInfo)
    assert plan.info.link == {
        "package_metadata_version": 1,
        "noarch": {"type": "python", "entry_points": ["tool = demo:cli.main", "window = demo:show"]},
    }


def test_a_wheel_of_one_abi_has_every_file_in_its_place(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, binary(entry_points=PROGRAMS))
    assert plan.subdir == "linux-64"
    assert "noarch" not in index_of(plan)
    site = "lib/python3.12/site-packages"
    assert set(paths_of(plan)) == {
        f"{site}/demo/__init__.py",
        f"{site}/demo/_x.cpython-312-x86_64-linux-gnu.so",
        f"{site}/pure.py",
        f"{site}/plat.py",
        "bin/run",
        "bin/shell",
        "bin/tool",
        "bin/window",
        "include/python3.12/demo/sub/demo.h",
        "share/x",
        *(f"{site}/{DIST_INFO}/{name}" for name in ("METADATA", "WHEEL", "RECORD", "INSTALLER", "entry_points.txt")),
    }
    assert isinstance(plan.info, MadeInfo)
    assert plan.info.link is None


def test_a_free_threaded_wheel_goes_to_its_own_site_packages(tmp_path: Path) -> None:
    payload = {"demo/_x.cpython-313t-x86_64-linux-gnu.so": extension(), f"{DATA}/headers/d.h": b""}
    plan = plan_of(
        tmp_path,
        sample("cp313-cp313t-manylinux_2_17_x86_64", payload=payload, entry_points="[console_scripts]\na = demo:b\n"),
    )
    assert "lib/python3.13t/site-packages/demo/_x.cpython-313t-x86_64-linux-gnu.so" in paths_of(plan)
    assert "include/python3.13t/demo/d.h" in paths_of(plan)
    assert text_of(paths_of(plan)["bin/a"]).startswith(f"#!{PREFIX}/bin/python3.13\n")


def test_windows_with_programs_leaves_launchers_to_the_installer(tmp_path: Path) -> None:
    with_programs = plan_of(
        tmp_path, sample("cp312-cp312-win_amd64", payload=SCHEMES, entry_points="[gui_scripts]\nw = demo:show\n")
    )
    assert index_of(with_programs)["noarch"] == "python"
    assert "site-packages/pure.py" in paths_of(with_programs)
    assert "Include/demo/sub/demo.h" in paths_of(with_programs)
    assert [loss.subject for loss in with_programs.losses if loss.code is Code.LAUNCHER] == ["w", "run"]
    without = plan_of(tmp_path, sample("cp312-cp312-win_amd64"))
    assert "noarch" not in index_of(without)
    assert "Lib/site-packages/demo/__init__.py" in paths_of(without)


@pytest.mark.parametrize(("made", "python"), [(sample(payload=SCHEMES), "python"), (binary(), "python3.12")])
def test_scripts_for_python_start_at_the_placeholder(tmp_path: Path, made: Sample, python: str) -> None:
    plan = plan_of(tmp_path, made)
    run = next(file for path, file in paths_of(plan).items() if path.endswith("/run"))
    assert text_of(run) == f"#!{PREFIX}/bin/{python} -E\nprint()\n"
    assert run.placeholder is not None
    assert (run.placeholder.text, run.placeholder.file_mode, run.mode) == (PREFIX, FileMode.TEXT, 0o755)
    shell = next(file for path, file in paths_of(plan).items() if path.endswith("/shell"))
    assert (shell.source, shell.mode, shell.placeholder) == (FromWheel(f"{DATA}/scripts/shell"), 0o755, None)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"#!python\r\n", "{}/bin/python3.12\n"),
        (b"#!pythonw\n", "{}/bin/python3.12\n"),
        (b"#!python3\n", "{}/bin/python3.12\n"),
        (b"#!python", "{}/bin/python3.12\n"),
        (b"#!python  -s \n", "{}/bin/python3.12  -s\n"),
    ],
)
def test_first_lines_that_installers_rewrite(tmp_path: Path, line: bytes, expected: str) -> None:
    plan = plan_of(tmp_path, binary(payload={INIT: extension(), f"{DATA}/scripts/run": line}))
    assert text_of(paths_of(plan)["bin/run"]) == "#!" + expected.format(PREFIX)


@pytest.mark.parametrize("line", [b"#!/usr/bin/env python\n", b"#!pythonic\n", b"print()\n", b"#!/usr/bin/python3\n"])
def test_other_first_lines_stay(tmp_path: Path, line: bytes) -> None:
    plan = plan_of(tmp_path, sample(payload={INIT: b"", f"{DATA}/scripts/run": line}))
    assert paths_of(plan)["python-scripts/run"].source == FromWheel(f"{DATA}/scripts/run")


def test_on_windows_scripts_name_its_interpreter(tmp_path: Path) -> None:
    payload = {INIT: b"", f"{DATA}/scripts/a.py": b"#!python\r\nx\r\n", f"{DATA}/scripts/b.pyw": b"#!pythonw\nx\n"}
    plan = plan_of(tmp_path, sample("cp312-cp312-win_amd64", payload=payload))
    files = paths_of(plan)
    assert text_of(files["Scripts/a.py"]) == f"#!{PREFIX}/python.exe\r\nx\r\n"
    assert text_of(files["Scripts/b.pyw"]) == f"#!{PREFIX}/pythonw.exe\nx\n"


def test_the_prefix_cannot_be_made_by_an_ordinary_user_and_is_long() -> None:
    assert PREFIX.startswith("/opt/")
    assert 200 < len(PREFIX) <= 255


def test_an_entry_point_takes_the_place_of_what_was_generated_for_it(tmp_path: Path) -> None:
    payload = {
        INIT: b"",
        f"{DATA}/scripts/tool": b"#!python\nold\n",
        f"{DATA}/scripts/tool.exe": b"MZ",
        f"{DATA}/scripts/tool-script.py": b"#!python\n",
        f"{DATA}/data/bin/tool": b"data",
    }
    for made in (sample(payload=payload, entry_points=PROGRAMS), binary(payload=payload, entry_points=PROGRAMS)):
        plan = plan_of(tmp_path, made)
        assert len([loss for loss in plan.losses if loss.code is Code.SHADOWED_SCRIPT]) == 4
        tools = [path for path in paths_of(plan) if "tool" in path]
        assert tools == ([] if plan.subdir == "noarch" else ["bin/tool"])


def test_two_files_for_one_place_are_refused(tmp_path: Path) -> None:
    payload = {INIT: b"", f"{DATA}/scripts/Run": b"a", f"{DATA}/data/bin/run": b"b"}
    for made in (sample(payload=payload), binary(payload=payload)):
        with pytest.raises(Unrepresentable) as caught:
            plan_of(tmp_path, made)
        assert caught.value.code is Code.COLLISION


@pytest.mark.parametrize("made", [sample(payload=SCHEMES, entry_points=PROGRAMS), binary(entry_points=PROGRAMS)])
def test_metadata_is_untouched_and_record_is_made_again(tmp_path: Path, made: Sample) -> None:
    made.info |= {"REQUESTED": b"", "direct_url.json": b"{}", "INSTALLER": b"pip\n", "licenses/A": b"a"}
    plan = plan_of(tmp_path, made)
    files = paths_of(plan)
    site = "site-packages" if plan.subdir == "noarch" else "lib/python3.12/site-packages"
    assert files[f"{site}/{DIST_INFO}/METADATA"].source == FromWheel(f"{DIST_INFO}/METADATA")
    assert files[f"{site}/{DIST_INFO}/licenses/A"].source == FromWheel(f"{DIST_INFO}/licenses/A")
    assert text_of(files[f"{site}/{DIST_INFO}/INSTALLER"]) == "conda\n"
    assert not any(path.endswith(("REQUESTED", "direct_url.json")) for path in files)
    entries = {entry.path: entry for entry in _record(text_of(files[f"{site}/{DIST_INFO}/RECORD"]))}
    up = "" if plan.subdir == "noarch" else "UP/"
    expected = {path.removeprefix(f"{site}/") if path.startswith(site) else up + path for path in files}
    if plan.subdir == "noarch":
        expected -= {"python-scripts/run", "python-scripts/shell", "include/demo/sub/demo.h", "share/x"}
    assert entries.keys() == expected
    installer = entries[f"{DIST_INFO}/INSTALLER"]
    assert (installer.digest, installer.size) == (hashlib.sha256(b"conda\n").digest(), 6)


def test_a_signature_of_the_old_record_is_told_and_left_out(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, sample(info={"RECORD.jws": b"{}"}))
    assert [loss.subject for loss in plan.losses if loss.code is Code.WHEEL_SIGNATURE] == [f"{DIST_INFO}/RECORD.jws"]
    assert not any("jws" in path for path in paths_of(plan))


def test_programs_that_are_binaries_stay_as_they_are(tmp_path: Path) -> None:
    program = extension()
    plan = plan_of(tmp_path, sample("py3-none-manylinux_2_17_x86_64", payload={f"{DATA}/scripts/ruff": program}))
    file = paths_of(plan)["python-scripts/ruff"]
    assert (file.source, file.mode, file.sha256) == (
        FromWheel(f"{DATA}/scripts/ruff"),
        0o755,
        hashlib.sha256(program).digest(),
    )
    assert plan.subdir == "linux-64"


def test_a_program_of_python_is_nothing_but_import_and_call(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, binary(entry_points=PROGRAMS))
    assert text_of(paths_of(plan)["bin/tool"]).splitlines()[1:] == [
        "import sys",
        "",
        "from demo import cli",
        "",
        'if __name__ == "__main__":',
        "    sys.exit(cli.main())",
    ]


def _record(text: str) -> tuple[RecordEntry, ...]:
    # Paths that leave site-packages are right here, although no wheel may have them.
    return parse_record(text.replace("../../../", "UP/").encode(), "RECORD")
