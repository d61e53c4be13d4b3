"""Prefix placeholders, layout by layout."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bridge.errors import InvalidInput
from bridge.model.conda import Noarch, Origin, Subdir
from bridge.model.plan import Layout
from bridge.translate.to_wheel.bill import purl
from bridge.translate.to_wheel.egg_requirements import parse_egg_requirements
from bridge.translate.to_wheel.places import Area, place_of
from tests.support.conda_archives import File, make_conda
from tests.support.sample_packages import (
    PLACEHOLDER,
    SITE,
    converted,
    library,
    noarch_package,
    outcome_of,
    python_package,
)

if TYPE_CHECKING:
    from pathlib import Path

FIXED = "/opt/conda-bridge/prefix"


def text(content: str) -> File:
    return File(content.replace("@", PLACEHOLDER).encode(), placeholder=PLACEHOLDER)


def binary(content: bytes) -> File:
    return File(content, placeholder=PLACEHOLDER, file_mode="binary")


@pytest.mark.parametrize("layout", list(Layout))
@pytest.mark.parametrize(
    ("path", "content", "expected"),
    [
        (
            "lib/pkgconfig/x.pc",
            "prefix=@\nlibdir=@/lib\n",
            "prefix=${pcfiledir}/../..\nlibdir=${pcfiledir}/../../lib\n",
        ),
        ("lib/cmake/x/x.cmake", "set(P @)\n", "set(P ${CMAKE_CURRENT_LIST_DIR}/../../..)\n"),
        ("lib/x.conf", "root = @/etc\n", f"root = {FIXED}/etc\n"),
    ],
)
def test_text_is_made_relative_where_its_format_can_say_it(
    tmp_path: Path, layout: Layout, path: str, content: str, expected: str
) -> None:
    package = make_conda(tmp_path, name="x", files={path: text(content)})
    wheel = converted(package, tmp_path / "out", layout)
    (member,) = wheel.payload
    assert member.endswith(path)
    assert wheel[member].decode() == expected
    assert [subject for subject, _ in wheel.loss("CB212")] == [path]


def test_relative_paths_are_not_written_where_the_prefix_is_elsewhere(tmp_path: Path) -> None:
    files = {"site-packages/demo/x.pc": text("prefix=@\n")}
    wheel = converted(noarch_package(tmp_path, files=files), tmp_path / "out")
    assert wheel["demo/x.pc"].decode() == f"prefix={FIXED}\n"


@pytest.mark.parametrize("layout", list(Layout))
def test_binaries_are_changed_in_place_or_not_at_all(tmp_path: Path, layout: Layout) -> None:
    data = library("libx.so.1", "libc.so.6", placeholder=True)
    package = make_conda(tmp_path, name="x", files={"lib/libx.so.1": binary(data)})
    wheel = converted(package, tmp_path / "out", layout)
    (member,) = wheel.payload
    if layout is Layout.PREFIX:
        assert wheel[member] == data
    else:
        patched = f"{FIXED}/share/x".encode().ljust(len(PLACEHOLDER) + len("/share/x"), b"\0")
        assert wheel[member] == data.replace(f"{PLACEHOLDER}/share/x".encode(), patched)
        assert len(wheel[member]) == len(data)
    assert [subject for subject, _ in wheel.loss("CB211")] == ["lib/libx.so.1"]


def test_a_system_path_of_the_notes_takes_the_place_of_a_placeholder(tmp_path: Path) -> None:
    data = b"\x7fnot elf\0" + f"{PLACEHOLDER}/etc/krb5.conf".encode() + b"\0tail"
    package = make_conda(tmp_path, name="krb5", files={"lib/krb5.dat": binary(data)})
    wheel = converted(package, tmp_path / "out", Layout.SHARED)
    assert wheel["_/lib/krb5.dat"].startswith(b"\x7fnot elf\0/etc/krb5.conf\0")


def test_a_placeholder_too_short_for_the_fixed_path_is_refused(tmp_path: Path) -> None:
    short = File(b"\0/short/prefix/x/lib\0", placeholder="/short/prefix/x", file_mode="binary")
    package = make_conda(tmp_path, name="x", files={"lib/x.dat": short})
    outcome = outcome_of(package, tmp_path / "out", Layout.SHARED)
    assert outcome.code is not None
    assert outcome.code.number == "CB321"
    assert converted(package, tmp_path / "two", Layout.PREFIX)


def test_a_binary_that_is_listed_as_text_is_left_alone_and_recorded(tmp_path: Path) -> None:
    data = library("libx.so.1", "libc.so.6", placeholder=True)
    files = {"lib/libx.so.1": File(data, placeholder=PLACEHOLDER, file_mode="text")}
    wheel = converted(make_conda(tmp_path, name="x", files=files), tmp_path / "out")
    assert wheel[wheel.payload[0]] == data
    assert [subject for subject, _ in wheel.loss("CB212")] == ["lib/libx.so.1"]


def test_compiled_modules_stay_where_the_way_back_needs_them(tmp_path: Path) -> None:
    cache = f"{SITE}/__pycache__"
    files = {f"{cache}/demo.cpython-312.pyc": b"c", f"{cache}/gone.cpython-312.pyc": b"d", f"{SITE}/only.pyc": b"e"}
    package = python_package(tmp_path, files=files)
    for layout in (Layout.PREFIX, Layout.SHARED):
        assert "__pycache__/demo.cpython-312.pyc" in converted(package, tmp_path / layout.value, layout)
    wheel = converted(package, tmp_path / "vendored", Layout.VENDORED)
    assert [name for name in wheel.payload if name.endswith(".pyc")] == ["__pycache__/gone.cpython-312.pyc", "only.pyc"]
    assert "compiled" in [subject for subject, _ in wheel.loss("CB221")]


@pytest.mark.parametrize(
    ("path", "noarch", "area", "relative"),
    [
        ("lib/python3.12/site-packages/a/b.py", Noarch.NO, Area.SITE_PACKAGES, "a/b.py"),
        ("lib/python3.13t/site-packages/a.py", Noarch.NO, Area.SITE_PACKAGES, "a.py"),
        ("lib/pypy3.9/site-packages/a.py", Noarch.NO, Area.SITE_PACKAGES, "a.py"),
        ("Lib/site-packages/a.py", Noarch.NO, Area.SITE_PACKAGES, "a.py"),
        ("site-packages/a.py", Noarch.PYTHON, Area.SITE_PACKAGES, "a.py"),
        ("site-packages/a.py", Noarch.GENERIC, Area.PREFIX, "site-packages/a.py"),
        ("python-scripts/a", Noarch.PYTHON, Area.SCRIPTS, "a"),
        ("python-scripts/a", Noarch.NO, Area.PREFIX, "python-scripts/a"),
        ("bin/a", Noarch.NO, Area.SCRIPTS, "a"),
        ("bin/sub/a", Noarch.NO, Area.PREFIX, "bin/sub/a"),
        ("Scripts/a.exe", Noarch.NO, Area.SCRIPTS, "a.exe"),
        ("lib/a.so", Noarch.NO, Area.PREFIX, "lib/a.so"),
        ("opt/lib/python3.12/site-packages/a.py", Noarch.NO, Area.PREFIX, "opt/lib/python3.12/site-packages/a.py"),
    ],
)
def test_places(path: str, noarch: Noarch, area: Area, relative: str) -> None:
    place = place_of(path, noarch)
    assert (place.area, place.relative) == (area, relative)


def test_requires_txt_sections_become_markers() -> None:
    found = parse_egg_requirements(
        b"a>=1\n# note\n[x_Y]\nb; python_version > '3'\n"
        b"[:sys_platform == 'win32' or os_name == 'nt']\nc\n[z:os_name=='nt']\nd\n",
        "s",
    )
    assert [str(item) for item in found] == [
        "a>=1",
        'b; python_version > "3" and extra == "x-y"',
        'c; sys_platform == "win32" or os_name == "nt"',
        'd; os_name == "nt" and extra == "z"',
    ]


@pytest.mark.parametrize("line", [b"-e .", b"[x:no marker]\ny", b"a b c", b"[broken"])
def test_requires_txt_that_means_nothing_is_invalid(line: bytes) -> None:
    with pytest.raises(InvalidInput, match="CB121"):
        parse_egg_requirements(line, "s")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            {"filename": "a-1.0-h1_0.conda", "channel": "https://c.org/main"},
            "pkg:conda/a@1.0?build=h1_0&channel=https%3A%2F%2Fc.org%2Fmain&subdir=linux-64&type=conda",
        ),
        ({"filename": "a-1!2-0.tar.bz2"}, "pkg:conda/a@1%212?build=0&subdir=linux-64&type=tar.bz2"),
    ],
)
def test_package_urls(fields: dict[str, Any], expected: str) -> None:
    origin = Origin(**{"sha256": "0" * 64, "md5": "0" * 32, "size": 1, **fields})
    assert purl(origin, Subdir("linux-64")) == expected
