"""Rewriting binaries with patchelf: real ones where gcc is, and what happens when patchelf fails."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from bridge.errors import Code, InvalidInput, Unsupported
from bridge.model.plan import ElfPatch
from bridge.native import patcher
from bridge.native.elf import read_elf
from bridge.native.patcher import apply_elf_patch
from tests.support.elf_files import Elf

needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")
PATCH = ElfPatch(soname="libspam-1234.so.1", needed={"libm.so.6": "libm-long-new-name.so.6"}, rpath="$ORIGIN/spam.libs")


@pytest.fixture
def library(tmp_path):
    source = tmp_path / "spam.c"
    source.write_text("#include <math.h>\ndouble spam(double x) { return pow(x, x); }\n")
    path = tmp_path / "libspam.so.1"
    options = [
        "-Wl,-soname,libspam.so.1",
        "-Wl,-rpath,$ORIGIN/..",
        "-Wl,--enable-new-dtags",
        "-Wl,--no-as-needed",
    ]
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", path, source, *options, "-lm"], check=True, timeout=60)
    path.chmod(0o640)
    return path


@needs_gcc
def test_names_versions_and_rpath_are_rewritten_and_modes_kept(library):
    before = read_elf(library.read_bytes())
    apply_elf_patch(library, PATCH)
    after = read_elf(library.read_bytes())
    assert after.soname == "libspam-1234.so.1"
    assert set(after.needed) == {PATCH.needed.get(name, name) for name in before.needed}
    assert after.versions["libm-long-new-name.so.6"] == before.versions["libm.so.6"]
    assert after.rpath is not None
    assert (after.rpath.value, after.rpath.runpath) == ("$ORIGIN/spam.libs", False)
    assert library.stat().st_mode & 0o7777 == 0o640


@needs_gcc
def test_an_empty_rpath_removes_it(library):
    apply_elf_patch(library, ElfPatch(rpath=""))
    assert read_elf(library.read_bytes()).rpath is None


@needs_gcc
def test_the_same_input_gives_the_same_bytes(library, tmp_path):
    other = tmp_path / "elsewhere" / "other.so"
    other.parent.mkdir()
    shutil.copy(library, other)
    apply_elf_patch(library, PATCH)
    apply_elf_patch(other, PATCH)
    assert library.read_bytes() == other.read_bytes()


@needs_gcc
def test_hard_links_of_the_file_keep_the_old_content(library, tmp_path):
    original = library.read_bytes()
    other = tmp_path / "cache"
    other.hardlink_to(library)
    apply_elf_patch(library, PATCH)
    assert other.read_bytes() == original != library.read_bytes()


def test_an_empty_patch_runs_nothing(tmp_path):
    def never(command):
        raise AssertionError(command)

    apply_elf_patch(tmp_path / "is-not-even-there", ElfPatch(), runner=never)


def test_a_missing_patchelf_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(patcher.shutil, "which", lambda name, path=None: None)
    path = tmp_path / "libspam.so"
    path.write_bytes(Elf().make())
    with pytest.raises(Unsupported) as caught:
        apply_elf_patch(path, PATCH)
    assert caught.value.code is Code.PATCHER


def failing(command):
    return subprocess.CompletedProcess(command, 1, "", "cannot find section '.dynamic'\n")


def lying(command):
    shutil.copy(command[-1], command[-2])
    return subprocess.CompletedProcess(command, 0, "", "")


def silent(command):
    return subprocess.CompletedProcess(command, 0, "", "")


def hanging(command):
    raise subprocess.TimeoutExpired(command, 600)


@pytest.mark.parametrize("runner", [failing, lying, silent, hanging])
@pytest.mark.parametrize("patch", [PATCH, ElfPatch(rpath="$ORIGIN"), ElfPatch(needed={"libm.so.6": "libn.so"})])
def test_a_patch_that_did_not_happen_is_refused_and_the_file_left_alone(tmp_path, runner, patch):
    path = tmp_path / "libspam.so"
    data = Elf(soname="libspam.so", needed=("libm.so.6",)).make()
    path.write_bytes(data)
    with pytest.raises(Unsupported) as caught:
        apply_elf_patch(path, patch, runner=runner)
    assert caught.value.code is Code.PATCH_FAILED
    assert path.read_bytes() == data
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("data", [b"", b"\x7fELF", b"#!/bin/sh\n"])
def test_what_is_no_elf_file_is_never_given_to_patchelf(tmp_path, data):
    path = tmp_path / "libspam.so"
    path.write_bytes(data)
    with pytest.raises(InvalidInput) as caught:
        apply_elf_patch(path, PATCH, runner=failing)
    assert caught.value.code is Code.BAD_BINARY
