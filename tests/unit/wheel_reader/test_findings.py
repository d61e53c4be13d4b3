"""What is reported and not refused: code that runs by itself, replaced programs, names that Windows cannot have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bridge.errors import Code
from bridge.formats.wheel.findings import pth_finding
from bridge.formats.wheel.reader import open_wheel
from bridge.formats.wheel.survey import survey_wheel
from tests.support.hostile_samples import DATA, DIST_INFO, METADATA, Sample

if TYPE_CHECKING:
    from pathlib import Path

POINTS = f"{DIST_INFO}/entry_points.txt"


def holding(*names: str) -> Sample:
    return Sample(payload=dict.fromkeys(names, b"import os\n"))


def points(*lines: str, group: str = "console_scripts") -> Sample:
    return Sample(entry_points="\n".join([f"[{group}]", *lines, ""]).encode())


REPORTED = {
    "script python": (holding(f"{DATA}/scripts/python"), Code.REPLACES_PYTHON, f"{DATA}/scripts/python"),
    "script Python3": (holding(f"{DATA}/scripts/Python3"), Code.REPLACES_PYTHON, f"{DATA}/scripts/Python3"),
    "script python3.13t.exe": (
        holding(f"{DATA}/scripts/python3.13t.exe"),
        Code.REPLACES_PYTHON,
        f"{DATA}/scripts/python3.13t.exe",
    ),
    "data bin/python": (holding(f"{DATA}/data/bin/python"), Code.REPLACES_PYTHON, f"{DATA}/data/bin/python"),
    "data python.exe": (holding(f"{DATA}/data/python.exe"), Code.REPLACES_PYTHON, f"{DATA}/data/python.exe"),
    "data scripts/pythonw.exe": (
        holding(f"{DATA}/data/Scripts/pythonw.exe"),
        Code.REPLACES_PYTHON,
        f"{DATA}/data/Scripts/pythonw.exe",
    ),
    "entry point python": (points("python = demo:main"), Code.REPLACES_PYTHON, POINTS),
    "entry point pythonw": (points("pythonw = demo:main", group="gui_scripts"), Code.REPLACES_PYTHON, POINTS),
    "code in a reference": (points("a = demo:x);import os;("), Code.BAD_ENTRY_POINT, POINTS),
    "code in a module": (points("a = demo;import os:x"), Code.BAD_ENTRY_POINT, POINTS),
    "no function": (points("a = demo"), Code.BAD_ENTRY_POINT, POINTS),
    "reference of two lines": (points("a = demo:x", "   import os"), Code.BAD_ENTRY_POINT, POINTS),
    "sitecustomize": (holding("sitecustomize.py"), Code.EXECUTABLE_METADATA, "sitecustomize.py"),
    "usercustomize, compiled": (
        holding(f"{DATA}/platlib/usercustomize.cpython-313-darwin.so"),
        Code.EXECUTABLE_METADATA,
        f"{DATA}/platlib/usercustomize.cpython-313-darwin.so",
    ),
    "sitecustomize, a package": (
        holding("sitecustomize/__init__.py"),
        Code.EXECUTABLE_METADATA,
        "sitecustomize/__init__.py",
    ),
    "pth": (holding("demo.pth"), Code.EXECUTABLE_METADATA, "demo.pth"),
    "pth in platlib": (holding(f"{DATA}/platlib/demo.pth"), Code.EXECUTABLE_METADATA, f"{DATA}/platlib/demo.pth"),
    "pth through the scheme data": (
        holding(f"{DATA}/data/Lib/site-packages/demo.pth"),
        Code.EXECUTABLE_METADATA,
        f"{DATA}/data/Lib/site-packages/demo.pth",
    ),
    "sitecustomize through the scheme data": (
        holding(f"{DATA}/data/lib/python3.13t/site-packages/sitecustomize.py"),
        Code.EXECUTABLE_METADATA,
        f"{DATA}/data/lib/python3.13t/site-packages/sitecustomize.py",
    ),
    **{
        f"Python's own {place}": (holding(f"{DATA}/{place}"), Code.REPLACES_PYTHON, f"{DATA}/{place}")
        for place in (
            "data/pyvenv.cfg",
            "data/bin/pyvenv.cfg",
            "scripts/pyvenv.cfg",
            "data/python312._pth",
            "data/python312.dll",
            "data/DLLs/_ssl.pyd",
            "data/lib/python312.zip",
            "data/lib/libpython3.so",
            "data/lib/python3.12/os.py",
            "data/lib/python3.13t/lib-dynload/_ssl.so",
            "data/Lib/os.py",
            "data/Lib/encodings/utf_8.pyc",
        )
    },
    "pip": (holding("pip/__init__.py"), Code.UNSAFE_PATH, "pip/__init__.py"),
    "setuptools, in purelib": (
        holding(f"{DATA}/purelib/setuptools/x.py"),
        Code.UNSAFE_PATH,
        f"{DATA}/purelib/setuptools/x.py",
    ),
    "device aux.py": (holding("demo/aux.py"), Code.UNSAFE_PATH, "demo/aux.py"),
    "device con": (holding("demo/con"), Code.UNSAFE_PATH, "demo/con"),
    "device, a directory": (holding("demo/COM1/x.py"), Code.UNSAFE_PATH, "demo/COM1/x.py"),
    "trailing dot": (holding("demo/x."), Code.UNSAFE_PATH, "demo/x."),
    "trailing space": (holding("demo/x "), Code.UNSAFE_PATH, "demo/x "),
    "wildcard": (holding("demo/x*"), Code.UNSAFE_PATH, "demo/x*"),
    "direct_url.json": (Sample(info={"direct_url.json": b"{}"}), Code.REGENERATED, f"{DIST_INFO}/direct_url.json"),
    "INSTALLER": (Sample(info={"INSTALLER": b"pip\n"}), Code.REGENERATED, f"{DIST_INFO}/INSTALLER"),
    "REQUESTED": (Sample(info={"REQUESTED": b""}), Code.REGENERATED, f"{DIST_INFO}/REQUESTED"),
}

HARMLESS = {
    "script of another name": holding(f"{DATA}/scripts/python-demo", f"{DATA}/scripts/ipython3"),
    "python elsewhere": holding("demo/python", f"{DATA}/data/share/python", f"{DATA}/headers/python"),
    "libraries and data beside Python": holding(
        f"{DATA}/data/lib/libdemo.so",
        f"{DATA}/data/lib/demo/x.py",
        f"{DATA}/data/lib/python3.12/site-packages/demo/x.py",
        f"{DATA}/data/share/pyvenv.cfg",
        "demo/lib/python3.12/os.py",
    ),
    "pth below a package": holding("demo/x.pth"),
    "sitecustomize below a package": holding("demo/sitecustomize.py"),
    "pip below a package": holding("demo/pip/__init__.py", "pip_demo/__init__.py"),
    "names that only start like devices": holding("demo/console.py", "demo/com10.py", "demo/auxiliary/x"),
    "plug-in without a function": points("a = demo", group="demo.plugins"),
}


@pytest.mark.parametrize("case", REPORTED)
def test_it_is_reported(tmp_path: Path, case: str) -> None:
    sample, code, subject = REPORTED[case]
    with open_wheel(sample.write(tmp_path)) as wheel:
        found = survey_wheel(wheel).findings
    assert [(each.code, each.subject) for each in found] == [(code, subject)]
    assert found[0].detail


@pytest.mark.parametrize("case", HARMLESS)
def test_nothing_is_reported(tmp_path: Path, case: str) -> None:
    with open_wheel(HARMLESS[case].write(tmp_path)) as wheel:
        assert survey_wheel(wheel).findings == ()


def test_a_project_may_hold_itself(tmp_path: Path) -> None:
    sample = Sample(
        filename="pip-1.0-py3-none-any.whl",
        dist_info="pip-1.0.dist-info",
        metadata=METADATA.replace(b"demo", b"pip"),
        payload={"pip/__init__.py": b""},
    )
    with open_wheel(sample.write(tmp_path)) as wheel:
        assert wheel.metadata().findings == ()


def test_only_usable_entry_points_are_handed_out(tmp_path: Path) -> None:
    sample = points("bad = demo:x);import os;(", "good = demo:main", "python = demo:main")
    with open_wheel(sample.write(tmp_path)) as wheel:
        assert wheel.metadata().entry_points == {"console_scripts": {"good": "demo:main", "python": "demo:main"}}
        assert [each.code for each in wheel.metadata().findings] == [Code.BAD_ENTRY_POINT, Code.REPLACES_PYTHON]


@pytest.mark.parametrize(
    ("content", "runs"),
    [
        (b"import os\n", True),
        (b"demo\nimport\tos", True),
        (b"\xef\xbb\xbfimport os", True),
        (b"demo\rimport os", True),
        (b"demo\r\nimport os; os.system('')\r\n", True),
        ("demo\u2028import os".encode(), True),
        (b"demo\x0cimport os", True),
        (b"", False),
        (b"../demo\n", False),
        (b"# import os\n", False),
        (b" import os\n", False),
        (b"important\n", False),
    ],
)
def test_lines_that_site_executes_are_seen(content: bytes, runs: bool) -> None:
    assert (pth_finding("x.pth", content) is not None) is runs
