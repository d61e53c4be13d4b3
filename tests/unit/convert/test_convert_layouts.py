"""Where native files go, and what happens to the paths between them."""

from __future__ import annotations

import ctypes
import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from bridge.model.plan import Layout, Outcome
from bridge.native.elf import read_elf
from tests.support.conda_archives import File, Link, make_conda
from tests.support.elf_files import Elf
from tests.support.sample_packages import (
    SITE,
    channel_of,
    converted,
    extension,
    library,
    noarch_package,
    outcome_of,
    python_package,
)

if TYPE_CHECKING:
    from pathlib import Path

needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")


def number(outcome: Outcome) -> str | None:
    return None if outcome.code is None else outcome.code.number


def test_prefix_puts_site_packages_at_the_root_and_the_rest_into_the_data_scheme(tmp_path: Path) -> None:
    files = {
        f"{SITE}/_demo.so": extension("libdemo.so.1"),
        "lib/libdemo.so.1": library("libdemo.so.1", "libc.so.6"),
        "include/demo.h": b"",
        "share/man/man1/demo.1": b"",
    }
    wheel = converted(python_package(tmp_path, files=files), tmp_path / "out", Layout.PREFIX)
    assert wheel.payload == [
        "_demo.so",
        "demo-1.0.data/data/include/demo.h",
        "demo-1.0.data/data/lib/libdemo.so.1",
        "demo-1.0.data/data/share/man/man1/demo.1",
        "demo.py",
    ]
    assert wheel.filename == "demo-1.0-cp312-cp312-manylinux_2_17_x86_64.whl"
    assert wheel["_demo.so"] == files[f"{SITE}/_demo.so"]


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("_demo.so", "$ORIGIN/../..", "$ORIGIN/_/lib"),
        ("demo/_demo.so", "$ORIGIN/../../..", "$ORIGIN/../_/lib"),
        ("a/b/_demo.so", "$ORIGIN/../../../..", "$ORIGIN/../../_/lib"),
        ("demo/_demo.so", "$ORIGIN/.:$ORIGIN/../../..", "$ORIGIN/.:$ORIGIN/../_/lib"),
    ],
)
def test_shared_points_modules_at_the_mirror_in_place(tmp_path: Path, path: str, old: str, new: str) -> None:
    data = extension("libx.so.1", rpath=old)
    package = python_package(tmp_path, files={f"{SITE}/{path}": data}, depends=("libx >=1",))
    wheel = converted(package, tmp_path / "out", Layout.SHARED)
    rpath = read_elf(wheel[path]).rpath
    assert rpath is not None
    assert rpath.value == new
    assert len(wheel[path]) == len(data)
    assert wheel[path].replace(new.encode().ljust(len(old), b"\0"), old.encode()) == data


def test_shared_mirrors_native_packages_unchanged(tmp_path: Path) -> None:
    data = library("libx.so.1", "libc.so.6", rpath="$ORIGIN/.")
    wheel = converted(make_conda(tmp_path, name="libx", files={"lib/libx.so.1": data}), tmp_path / "out", Layout.SHARED)
    assert wheel.payload == ["_/lib/libx.so.1"]
    assert wheel["_/lib/libx.so.1"] == data


@pytest.mark.parametrize(
    "data",
    [
        extension("libx.so.1", rpath="$ORIGIN/../../../outside/../../../../x"),
        extension("libx.so.1", rpath="/absolute"),
        extension("libx.so.1", rpath=None),
    ],
    ids=["leads-out", "absolute", "none"],
)
def test_shared_refuses_search_paths_that_it_cannot_point_at_the_mirror(tmp_path: Path, data: bytes) -> None:
    package = python_package(tmp_path, files={f"{SITE}/_demo.so": data}, depends=("libx >=1",))
    outcome = outcome_of(package, tmp_path / "out", Layout.SHARED)
    assert number(outcome) == "CB304"
    assert f"{SITE}/_demo.so" in (outcome.message or "")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_library_that_nobody_promises_is_a_loss_and_no_manylinux(tmp_path: Path) -> None:
    package = python_package(tmp_path, files={f"{SITE}/_demo.so": extension("libodd.so.1")})
    wheel = converted(package, tmp_path / "out", Layout.PREFIX)
    assert [subject for subject, _ in wheel.loss("CB223")] == ["libodd.so.1"]
    assert wheel.filename == "demo-1.0-cp312-cp312-linux_x86_64.whl"


def test_a_required_native_package_provides_libraries(tmp_path: Path) -> None:
    package = python_package(tmp_path, files={f"{SITE}/_demo.so": extension("libodd.so.1")}, depends=("libodd >=1",))
    wheel = converted(package, tmp_path / "out", Layout.PREFIX)
    assert "CB223" not in wheel.codes
    assert "Requires-Dist: conda-native-libodd>=1" in wheel.headers


def test_the_glibc_floor_is_the_higher_of_declared_and_measured(tmp_path: Path) -> None:
    ext = Elf(needed=["libc.so.6"], versions={"libc.so.6": ["GLIBC_2.28"]}).make()
    measured = python_package(tmp_path, files={f"{SITE}/_demo.so": ext}, depends=("__glibc >=2.17",))
    assert "manylinux_2_28_x86_64" in converted(measured, tmp_path / "a").filename
    declared = python_package(tmp_path, files={f"{SITE}/_demo.so": ext}, depends=("__glibc >=2.34",))
    assert "manylinux_2_34_x86_64" in converted(declared, tmp_path / "b").filename


def test_vendored_needs_a_channel_for_libraries_of_others(tmp_path: Path) -> None:
    package = python_package(tmp_path, files={f"{SITE}/_demo.so": extension("libx.so.1")}, depends=("libx >=1",))
    assert number(outcome_of(package, tmp_path / "out", Layout.VENDORED)) == "CB306"


def test_vendored_refuses_a_library_that_no_package_has(tmp_path: Path) -> None:
    package = python_package(tmp_path, files={f"{SITE}/_demo.so": extension("libgone.so.1")}, depends=("libx >=1",))
    other = make_conda(tmp_path, name="libx", files={"lib/libx.so.1": library("libx.so.1", "libc.so.6")})
    outcome = outcome_of(package, tmp_path / "out", Layout.VENDORED, channels=[_with_python(tmp_path, other)])
    assert number(outcome) == "CB305"
    assert "libgone.so.1" in (outcome.message or "")


def test_vendored_says_when_nothing_can_be_solved(tmp_path: Path) -> None:
    package = python_package(tmp_path, files={f"{SITE}/_demo.so": extension("libx.so.1")}, depends=("libx >=9",))
    outcome = outcome_of(package, tmp_path / "out", Layout.VENDORED, channels=[_with_python(tmp_path)])
    assert number(outcome) == "CB307"


def test_a_native_requirement_that_is_not_linked_is_a_loss_of_the_vendored_layout(tmp_path: Path) -> None:
    package = noarch_package(tmp_path, index={"depends": ["python >=3.8", "graphviz >=2", "idna"]})
    wheel = converted(package, tmp_path / "out", Layout.VENDORED)
    assert [subject for subject, _ in wheel.loss("CB238")] == ["graphviz >=2"]
    assert [line for line in wheel.headers if line.startswith("Requires-Dist")] == ["Requires-Dist: idna"]


def _with_python(tmp_path: Path, *packages: Path) -> Path:
    """A channel that also has what every Python package needs."""
    python = make_conda(tmp_path, name="python", version="3.12.0", build="0_cpython", files={"bin/python3.12": b""})
    abi = make_conda(tmp_path, name="python_abi", version="3.12", build="5_cp312")
    return channel_of(tmp_path / "channel", python, abi, *packages)


def _compiled(directory: Path, name: str, source: str, *options: str) -> bytes:
    directory.mkdir(exist_ok=True)
    (directory / f"{name}.c").write_text(source)
    command = ["gcc", "-shared", "-fPIC", "-o", directory / name, directory / f"{name}.c", f"-L{directory}", *options]
    subprocess.run(command, check=True, timeout=60)
    return (directory / name).read_bytes()


@pytest.fixture
def spam(tmp_path: Path) -> tuple[Path, Path]:
    """A module that needs libfoo, which needs libbar, which loads nothing; and the channel that has them."""
    work = tmp_path / "work"
    bar = _compiled(work, "libbar.so.2", "int bar(void) { return 42; }", "-Wl,-soname,libbar.so.2")
    rpath = "-Wl,--disable-new-dtags,-rpath,$ORIGIN/."
    foo = _compiled(
        work,
        "libfoo.so.1.5",
        "int bar(void); int foo(void) { return bar(); }",
        "-Wl,-soname,libfoo.so.1",
        rpath,
        "-l:libbar.so.2",
    )
    ext = _compiled(
        work,
        "_spam.so",
        "int foo(void); int spam(void) { return foo(); }",
        "-Wl,--disable-new-dtags,-rpath,$ORIGIN/../../../..",
        "-l:libfoo.so.1.5",
        f"-Wl,-rpath-link,{work}",
    )
    package = python_package(tmp_path, "spam", files={f"{SITE}/spam/_spam.so": ext}, depends=("libfoo >=1",))
    libfoo = make_conda(
        tmp_path,
        name="libfoo",
        version="1.5",
        files={
            "lib/libfoo.so.1.5": foo,
            "lib/libfoo.so.1": Link("libfoo.so.1.5"),
            "lib/libfoo.so": Link("libfoo.so.1"),
        },
        index={"depends": ["libbar >=2", "libbar-headers"]},
    )
    headers = make_conda(tmp_path, name="libbar-headers", files={"include/bar.h": b""})
    libbar = make_conda(tmp_path, name="libbar", version="2.0", files={"lib/libbar.so.2": bar, "share/bar/data": b"d"})
    return package, _with_python(tmp_path, libfoo, libbar, headers)


@needs_gcc
def test_vendored_takes_libraries_along_under_names_of_their_own(tmp_path: Path, spam: tuple[Path, Path]) -> None:
    package, channel = spam
    wheel = converted(package, tmp_path / "out", Layout.VENDORED, channels=[channel])
    libraries = [name for name in wheel.payload if name.startswith("spam.libs/")]
    bar, foo = libraries
    assert bar.startswith("spam.libs/libbar-")
    assert foo.endswith(".so.1")
    module = read_elf(wheel["spam/_spam.so"])
    assert module.needed[0] == foo.removeprefix("spam.libs/")
    assert module.rpath is not None
    assert module.rpath.value == "$ORIGIN/../spam.libs"
    facts = read_elf(wheel[foo])
    assert facts.soname == foo.removeprefix("spam.libs/")
    assert facts.needed[0] == bar.removeprefix("spam.libs/")
    assert facts.rpath is not None
    assert facts.rpath.value == "$ORIGIN"
    assert not [line for line in wheel.headers if "conda-native" in line]
    assert "manylinux_2_17" in wheel.filename or "manylinux_2_5" in wheel.filename
    assert "CB238" not in wheel.codes


@needs_gcc
def test_every_vendored_library_is_in_the_bill_and_in_the_provenance(tmp_path: Path, spam: tuple[Path, Path]) -> None:
    package, channel = spam
    wheel = converted(package, tmp_path / "out", Layout.VENDORED, channels=[channel])
    bill = json.loads(wheel.own("sboms/conda-bridge.cdx.json"))
    assert [item["purl"] for item in bill["components"]] == [
        "pkg:conda/libbar@2.0?build=0&subdir=linux-64&type=conda",
        "pkg:conda/libfoo@1.5?build=0&subdir=linux-64&type=conda",
    ]
    listed = {file["name"] for item in bill["components"] for file in item["components"]}
    assert listed == {name for name in wheel.payload if name.startswith("spam.libs/")}
    assert {entry["provider"] for entry in wheel.provenance["vendored"].values()} == {
        "libbar-2.0-0.conda",
        "libfoo-1.5-0.conda",
    }
    # Only what was taken from counts: other packages of the channel must not change the bytes.
    assert [item["name"] for item in wheel.provenance["providers"]] == ["libbar", "libfoo"]


@needs_gcc
def test_vendored_wheels_load_without_the_prefix(tmp_path: Path, spam: tuple[Path, Path]) -> None:
    package, channel = spam
    wheel = converted(package, tmp_path / "out", Layout.VENDORED, channels=[channel])
    if sys.platform != "linux":
        pytest.skip("loads ELF")
    for name in wheel.payload:
        path = tmp_path / "site" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(wheel[name])
    assert ctypes.CDLL(str(tmp_path / "site/spam/_spam.so")).spam() == 42


@needs_gcc
def test_packages_of_two_platforms_may_share_a_file_name(tmp_path: Path, spam: tuple[Path, Path]) -> None:
    package, channel = spam
    one = converted(package, tmp_path / "one", Layout.VENDORED, channels=[channel])
    # A package of the same file name for another platform, listed first.
    arm = make_conda(tmp_path, name="libfoo", version="1.5", subdir="linux-aarch64", files={"lib/libfoo.so.1": b"x"})
    other = channel_of(tmp_path / "other", arm)
    two = converted(package, tmp_path / "two", Layout.VENDORED, channels=[channel, other])
    assert one.members == two.members


def test_copies_of_a_library_are_each_pointed_at_what_they_need(tmp_path: Path) -> None:
    wheel = converted(
        python_package(
            tmp_path,
            files={
                f"{SITE}/demo/libown.so": File(library("libown.so", "libc.so.6"), mode=0o755),
                f"{SITE}/demo/deep/er/libown.so": Link("../../libown.so"),
            },
        ),
        tmp_path / "out",
        Layout.VENDORED,
    )
    assert wheel["demo/libown.so"] == wheel["demo/deep/er/libown.so"]
