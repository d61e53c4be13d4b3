"""Platform tags from subdirs, virtual packages and measured floors."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.errors import Code, Unsupported
from bridge.mapping.platforms import platform_tags, subdirs_of, virtual_depends_of
from bridge.model.conda import Subdir

LINUX = ("aarch64", "ppc64le", "s390x", "x86_64")


@pytest.mark.parametrize(
    ("subdir", "depends", "measured", "tag"),
    [
        ("linux-64", [], {}, "manylinux_2_5_x86_64"),
        ("linux-64", ["__glibc >=2.17,<3.0.a0"], {}, "manylinux_2_17_x86_64"),
        ("linux-64", ["__glibc >=2.17,<3.0.a0"], {"glibc_floor": (2, 28)}, "manylinux_2_28_x86_64"),
        ("linux-64", ["__glibc >=2.28"], {"glibc_floor": (2, 14)}, "manylinux_2_28_x86_64"),
        ("linux-64", [], {"glibc_floor": (2, 14)}, "manylinux_2_14_x86_64"),
        ("linux-64", ["__glibc", "__unix", "__linux"], {}, "manylinux_2_5_x86_64"),
        ("linux-64", [], {"external": True}, "linux_x86_64"),
        ("linux-64", [], {"external": True, "has_binaries": False}, "manylinux_2_5_x86_64"),
        ("linux-32", [], {}, "manylinux_2_5_i686"),
        ("linux-aarch64", [], {"glibc_floor": (2, 5)}, "manylinux_2_17_aarch64"),
        ("linux-ppc64le", [], {}, "manylinux_2_17_ppc64le"),
        ("linux-s390x", [], {}, "manylinux_2_17_s390x"),
        ("linux-armv7l", [], {}, "manylinux_2_17_armv7l"),
        ("linux-riscv64", ["__glibc >=2.39"], {}, "manylinux_2_39_riscv64"),
        ("osx-64", [], {}, "macosx_10_9_x86_64"),
        ("osx-64", ["__osx>=10.13"], {}, "macosx_10_13_x86_64"),
        ("osx-64", ["__osx >=10.13"], {"macos_floor": (11, 0)}, "macosx_11_0_x86_64"),
        ("osx-arm64", ["__osx >=11.0"], {}, "macosx_11_0_arm64"),
        ("win-64", ["__win"], {}, "win_amd64"),
        ("win-32", [], {}, "win32"),
        ("win-arm64", [], {}, "win_arm64"),
        ("noarch", [], {}, "any"),
        ("noarch", ["numpy", "python >=3.9"], {}, "any"),
    ],
)
def test_the_tag_is_the_highest_of_what_is_declared_and_measured(
    subdir: str, depends: list[str], measured: dict[str, Any], tag: str
) -> None:
    answer = platform_tags(Subdir(subdir), depends, **measured)
    assert (answer.platforms, answer.losses) == ((tag,), ())


def test_noarch_for_one_system_gets_that_systems_platforms() -> None:
    assert platform_tags(Subdir("noarch"), ["__win"]).platforms == ("win32", "win_amd64", "win_arm64")
    assert platform_tags(Subdir("noarch"), ["__osx"]).platforms == ("macosx_10_9_x86_64", "macosx_11_0_arm64")
    assert platform_tags(Subdir("noarch"), ["__linux"]).platforms == tuple(
        f"manylinux_2_17_{machine}" for machine in LINUX
    )
    assert platform_tags(Subdir("noarch"), ["__linux", "__glibc >=2.28"]).platforms == tuple(
        f"manylinux_2_28_{machine}" for machine in LINUX
    )
    unix = platform_tags(Subdir("noarch"), ["__unix"])
    assert set(unix.platforms) == {
        *platform_tags(Subdir("noarch"), ["__osx"]).platforms,
        *platform_tags(Subdir("noarch"), ["__linux"]).platforms,
    }
    assert unix.losses == ()


@pytest.mark.parametrize(
    ("subdir", "spec"),
    [
        ("linux-64", "__cuda >=12"),
        ("linux-64", "__cuda"),
        ("linux-64", "__archspec 1 x86_64_v3"),
        ("linux-64", "__linux >=5.4"),
        ("linux-64", "__glibc >=2.17,<2.20"),
        ("linux-64", "__glibc >=2.17.1"),
        ("linux-64", '__glibc >=2.28[when="python>=3.9"]'),
        ("win-64", "__win >=10"),
        ("osx-arm64", "__osx >=12.3"),
        ("noarch", "__cuda >=12"),
        ("noarch", "__something_new"),
    ],
)
def test_what_a_platform_tag_cannot_say_is_recorded(subdir: str, spec: str) -> None:
    answer = platform_tags(Subdir(subdir), [spec], subject="x-1-0.conda")
    assert [(loss.code, loss.subject) for loss in answer.losses] == [(Code.VIRTUAL_PACKAGE, "x-1-0.conda")]


@pytest.mark.parametrize(
    ("subdir", "depends"),
    [
        ("linux-fake", []),
        ("emscripten-wasm32", []),
        ("zos-z", []),
        ("linux-64", ["__win"]),
        ("win-64", ["__unix"]),
        ("noarch", ["__win", "__linux"]),
    ],
)
def test_platforms_without_a_tag_are_refused(subdir: str, depends: list[str]) -> None:
    with pytest.raises(Unsupported) as caught:
        platform_tags(Subdir(subdir), depends)
    assert caught.value.code is Code.PLATFORM


@pytest.mark.parametrize(
    "subdir",
    ["linux-64", "linux-32", "linux-aarch64", "linux-ppc64le", "osx-64", "osx-arm64", "win-64", "noarch"],
)
def test_the_way_back_finds_the_subdir_again(subdir: str) -> None:
    (tag,) = platform_tags(Subdir(subdir), []).platforms
    assert subdirs_of(tag) == (subdir,)
    if virtual := virtual_depends_of(tag):
        assert platform_tags(Subdir(subdir), virtual).platforms == (tag,)


def test_tags_of_several_machines_and_of_none() -> None:
    assert subdirs_of("macosx_11_0_universal2") == ("osx-64", "osx-arm64")
    assert subdirs_of("manylinux2014_aarch64") == ("linux-aarch64",)
    assert virtual_depends_of("manylinux2014_aarch64") == ("__glibc >=2.17,<3.0.a0",)
    assert subdirs_of("linux_x86_64") == ("linux-64",)
    assert subdirs_of("musllinux_1_2_x86_64") == ()
    assert virtual_depends_of("win_amd64") == ()
