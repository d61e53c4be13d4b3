"""Programs: made from entry points, scripts for Python, and everything else in `bin/`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bridge.model.plan import Layout, Status
from bridge.translate.to_wheel.prefixes import python_shebang
from tests.support.conda_archives import File, make_conda
from tests.support.elf_files import Elf, pe
from tests.support.sample_packages import (
    PLACEHOLDER,
    SITE,
    converted,
    noarch_package,
    outcome_of,
    python_package,
)

if TYPE_CHECKING:
    from pathlib import Path

WRAPPER = f"""#!{PLACEHOLDER}/bin/python3.12
# -*- coding: utf-8 -*-
import re
import sys
from demo import main
if __name__ == '__main__':
    sys.exit(main())
""".encode()
ENTRY = {"entry_points__txt": b"[console_scripts]\ndemo = demo:main\n"}
ENTRY_FILE = {f"{SITE}/demo-1.0.dist-info/entry_points.txt": ENTRY["entry_points__txt"]}


def script(data: bytes, **more: str) -> File:
    return File(data, mode=0o755, placeholder=PLACEHOLDER if PLACEHOLDER.encode() in data else None, **more)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"#!/x/bin/python\n", b"#!python"),
        (b"#!/x/bin/python3.12\n", b"#!python"),
        (b"#!/x/bin/python3.13t -E -s\n", b"#!python -E -s"),
        (b"#! /x/bin/pythonw\n", b"#!pythonw"),
        (b"#!/usr/bin/env python3\n", b"#!python"),
        (b"#!/usr/bin/env python3 -u\n", b"#!python -u"),
        (b"#!/usr/bin/env -S python3 -u\n", b"#!python -u"),
        (b"#!/x/bin/pypy3\n", b"#!python"),
        (b"#!C:\\x\\python.exe\r\n", b"#!python"),
        (b"#!python\n", b"#!python"),
        (b"#!/bin/sh\n", None),
        (b"#!/usr/bin/env\n", None),
        (b"#!/x/bin/python-config\n", None),
        (b"#!/x/bin/pythonx\n", None),
        (b"print()\n", None),
        (b"", None),
    ],
)
def test_a_shebang_for_python_becomes_the_one_that_installers_rewrite(line: bytes, expected: bytes | None) -> None:
    assert python_shebang(line) == expected


@pytest.mark.parametrize("layout", list(Layout))
def test_the_wrapper_of_an_entry_point_is_dropped(tmp_path: Path, layout: Layout) -> None:
    package = python_package(tmp_path, files={"bin/demo": script(WRAPPER), **ENTRY_FILE})
    wheel = converted(package, tmp_path / "out", layout)
    assert wheel.payload == ["demo.py"]
    assert wheel.own("entry_points.txt") == b"[console_scripts]\ndemo = demo:main\n"
    assert "CB229" not in wheel.codes
    assert ("bin/demo" in wheel.provenance.get("restore", {}).get("set_aside", [])) == (layout is not Layout.VENDORED)


def test_windows_launchers_of_an_entry_point_are_dropped(tmp_path: Path) -> None:
    site = "Lib/site-packages"
    files = {
        f"{site}/demo.py": b"",
        f"{site}/demo-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n",
        f"{site}/demo-1.0.dist-info/entry_points.txt": ENTRY["entry_points__txt"],
        "Scripts/demo.exe": pe(),
        "Scripts/demo-script.py": b"from demo import main",
    }
    index = {"depends": ["python >=3.12,<3.13.0a0", "python_abi 3.12.* *_cp312"]}
    wheel = converted(make_conda(tmp_path, subdir="win-64", files=files, index=index), tmp_path / "out")
    assert wheel.payload == ["demo.py"]


def test_another_script_of_an_entry_point_s_name_is_recorded_as_replaced(tmp_path: Path) -> None:
    package = python_package(tmp_path, files={"bin/demo": script(b"#!/bin/sh\nexec other\n"), **ENTRY_FILE})
    wheel = converted(package, tmp_path / "out")
    assert [subject for subject, _ in wheel.loss("CB229")] == ["bin/demo"]


def test_a_binary_and_an_entry_point_of_one_name_are_refused_where_both_would_be_installed(tmp_path: Path) -> None:
    program = Elf(interpreter="/lib64/ld-linux-x86-64.so.2", needed=["libc.so.6"]).make()
    package = python_package(tmp_path, files={"bin/demo": script(program), **ENTRY_FILE})
    outcome = outcome_of(package, tmp_path / "out", Layout.PREFIX)
    assert outcome.code is not None
    assert outcome.code.number == "CB309"
    assert "CB222" in converted(package, tmp_path / "two", Layout.SHARED).codes


@pytest.mark.parametrize("layout", list(Layout))
def test_scripts_for_python_get_the_neutral_shebang_and_keep_their_arguments(tmp_path: Path, layout: Layout) -> None:
    tool = f"#!{PLACEHOLDER}/bin/python -E\nprint('{PLACEHOLDER}/share')\n".encode()
    package = python_package(tmp_path, files={"bin/tool": script(tool)})
    wheel = converted(package, tmp_path / "out", layout)
    member = "demo-1.0.data/scripts/tool"
    assert wheel[member] == b"#!python -E\nprint('/opt/conda-bridge/prefix/share')\n"
    assert wheel.modes[member] == 0o755
    assert [subject for subject, _ in wheel.loss("CB212")] == ["bin/tool"]


@pytest.mark.parametrize(
    ("layout", "member"),
    [
        (Layout.PREFIX, "demo-1.0.data/data/bin/tool.sh"),
        (Layout.SHARED, "demo-1.0.data/scripts/tool.sh"),
        (Layout.VENDORED, "demo-1.0.data/scripts/tool.sh"),
    ],
)
def test_scripts_for_other_interpreters_keep_theirs(tmp_path: Path, layout: Layout, member: str) -> None:
    package = python_package(tmp_path, files={"bin/tool.sh": File(b"#!/bin/sh\nexit\n", mode=0o755)})
    wheel = converted(package, tmp_path / "out", layout)
    assert wheel[member] == b"#!/bin/sh\nexit\n"
    assert "CB213" not in wheel.codes


def test_an_interpreter_in_the_build_prefix_is_looked_up_on_path(tmp_path: Path) -> None:
    tool = f"#!{PLACEHOLDER}/bin/perl\n1;\n".encode()
    wheel = converted(python_package(tmp_path, files={"bin/tool.pl": script(tool)}), tmp_path / "out")
    assert wheel["demo-1.0.data/data/bin/tool.pl"] == b"#!/usr/bin/env perl\n1;\n"


def test_an_interpreter_that_nobody_rewrites_is_a_loss(tmp_path: Path) -> None:
    tool = File(b"#!/home/someone/bin/perl\n", mode=0o755)
    wheel = converted(python_package(tmp_path, files={"bin/tool": tool}), tmp_path / "out")
    assert wheel.loss("CB213") == [("bin/tool", "it refers to /home/someone/bin/perl")]


@pytest.mark.parametrize("layout", list(Layout))
def test_python_scripts_of_noarch_packages_go_where_programs_are(tmp_path: Path, layout: Layout) -> None:
    files = {"python-scripts/a": b"#!/x/python\n", "python-scripts/b": b"#!/bin/sh\n"}
    wheel = converted(noarch_package(tmp_path, files=files), tmp_path / "out", layout)
    assert wheel["demo-1.0.data/scripts/a"] == b"#!python\n"
    assert wheel["demo-1.0.data/scripts/b"] == b"#!/bin/sh\n"


@pytest.mark.parametrize("name", ["python", "python3", "python3.12", "pythonw", "pypy3", "python3.13t", "PYTHON.exe"])
def test_what_would_replace_the_interpreter_is_refused(tmp_path: Path, name: str) -> None:
    package = python_package(tmp_path, files={f"bin/{name}": File(b"#!/bin/sh\n", mode=0o755)})
    outcome = outcome_of(package, tmp_path / "out")
    assert outcome.status is Status.UNREPRESENTABLE
    assert outcome.code is not None
    assert outcome.code.number == "CB312"


def test_programs_of_native_packages_are_off_path_outside_the_prefix_layout(tmp_path: Path) -> None:
    program = Elf(interpreter="/lib64/ld-linux-x86-64.so.2", needed=["libc.so.6"]).make()
    package = make_conda(tmp_path, name="tool", files={"bin/tool": script(program)})
    wheel = converted(package, tmp_path / "out", Layout.SHARED)
    assert "_/bin/tool" in wheel
    assert wheel.loss("CB222") == [("bin", "not on PATH in this layout: tool")]
    assert "CB222" not in converted(package, tmp_path / "two", Layout.PREFIX).codes


@pytest.mark.parametrize("name", ["python", "Python3", "pypy"])
def test_entry_points_that_would_replace_the_interpreter_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "a").mkdir()
    files = {f"{SITE}/demo-1.0.dist-info/entry_points.txt": f"[gui_scripts]\n{name} = demo:main\n".encode()}
    packages = [
        noarch_package(tmp_path, entry_points=(f"{name} = demo:main",)),
        python_package(tmp_path / "a", files=files),
    ]
    for package in packages:
        outcome = outcome_of(package, tmp_path / "out")
        assert (outcome.status, outcome.code and outcome.code.number) == (Status.UNREPRESENTABLE, "CB312")
