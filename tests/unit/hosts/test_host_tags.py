"""Tags of a described machine are those that `packaging` would find there."""

from __future__ import annotations

import os
import platform
import sys
import sysconfig

import pytest
from packaging import _manylinux, tags
from packaging.tags import Tag

from bridge.mapping.hosts import baseline, host_tags, parse_set, platform_tags, with_settings
from bridge.model.conda import Subdir
from bridge.model.host import Host, Release
from bridge.select.detect import detect_host


def described(*settings: str) -> Host:
    return with_settings(baseline(Subdir("linux-64")), map(parse_set, settings))


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="tags are those of CPython")
def test_tags_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("CONDA_OVERRIDE_")]:
        monkeypatch.delenv(name)
    threads = "t" if sysconfig.get_config_var("Py_GIL_DISABLED") else ""
    abi = f"cp{sys.version_info[0]}{sys.version_info[1]}{threads}"
    assert host_tags(detect_host(), sys.version_info[:2], abi=abi) == tuple(tags.sys_tags())


@pytest.mark.parametrize(
    ("subdir", "machine"),
    [
        ("linux-64", "x86_64"),
        ("linux-aarch64", "aarch64"),
        ("linux-ppc64le", "ppc64le"),
        ("linux-s390x", "s390x"),
        ("linux-riscv64", "riscv64"),
        ("linux-armv7l", "armv7l"),
        ("linux-32", "i686"),
    ],
)
@pytest.mark.parametrize("glibc", [(2, 5), (2, 17), (2, 28), (2, 41)])
def test_linux_platforms(subdir: str, machine: str, glibc: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(sysconfig, "get_platform", lambda: f"linux-{machine}")
    monkeypatch.setattr(_manylinux, "_get_glibc_version", lambda: glibc)
    monkeypatch.setattr(_manylinux, "_have_compatible_abi", lambda *_: True)
    monkeypatch.setattr(tags._musllinux, "platform_tags", lambda _: iter(()))
    monkeypatch.setattr(tags._linux_platforms, "__defaults__", (False,))
    host = Host(Subdir(subdir), glibc=Release(*glibc))
    assert platform_tags(host) == tuple(tags.platform_tags())


def test_linux_without_glibc_has_only_its_own_tag() -> None:
    assert platform_tags(described("glibc=")) == ("linux_x86_64",)


def test_macos_platforms() -> None:
    arm = platform_tags(described("osx=14.4", "archspec=m1"))
    assert arm[:2] == ("macosx_14_0_arm64", "macosx_14_0_universal2")
    assert "macosx_11_0_arm64" in arm
    assert "macosx_15_0_arm64" not in arm
    intel = platform_tags(described("osx=10.15"))
    assert intel[0] == "macosx_10_15_x86_64"
    assert "macosx_10_9_x86_64" in intel


@pytest.mark.parametrize(
    ("subdir", "expected"), [("win-64", "win_amd64"), ("win-32", "win32"), ("win-arm64", "win_arm64")]
)
def test_windows_platforms(subdir: str, expected: str) -> None:
    assert platform_tags(baseline(Subdir(subdir))) == (expected,)


def test_tags_of_a_platform_that_wheels_do_not_know_are_pure_python() -> None:
    found = host_tags(baseline(Subdir("zos-z")), (3, 12))
    assert {tag.platform for tag in found} == {"any"}
    assert found[:2] == (Tag("cp312", "none", "any"), Tag("py312", "none", "any"))


def test_best_tags_come_first() -> None:
    found = host_tags(described("glibc=2.28"), (3, 12))
    assert found.index(Tag("cp312", "cp312", "manylinux_2_28_x86_64")) < found.index(
        Tag("cp312", "cp312", "manylinux_2_17_x86_64")
    )
    assert found.index(Tag("cp312", "abi3", "manylinux_2_17_x86_64")) < found.index(Tag("py3", "none", "any"))
    assert len(found) == len(set(found))


def test_the_abi_can_be_told() -> None:
    free_threaded = host_tags(described(), (3, 13), abi="cp313t")
    assert free_threaded[0] == Tag("cp313", "cp313t", "linux_x86_64")
    assert not any(tag.abi in ("abi3", "cp313") for tag in free_threaded)
    assert host_tags(described(), (3, 7))[0] == Tag("cp37", "cp37m", "linux_x86_64")
