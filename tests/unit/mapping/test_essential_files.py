"""`essential_files`: which binaries of a wheel have to be read whole."""

from __future__ import annotations

import pytest
from packaging.tags import parse_tag

from bridge.mapping.wheel_natives import essential_files

PATHS = ("demo/__init__.py", "demo/_x.so", "demo/lib/libx.so.1", "demo.libs/libz.so", "demo-1.0.data/data/lib/_y.so")


@pytest.mark.parametrize("tag", ["cp312-cp312-manylinux_2_28_x86_64", "cp312-cp312-macosx_11_0_arm64", "py3-none-any"])
def test_extension_modules_are(tag: str) -> None:
    assert essential_files(PATHS, parse_tag(tag)) == {"demo/_x.so"}


@pytest.mark.parametrize("tag", ["cp312-cp312-linux_x86_64", "cp312-cp312-manylinux_2_28_x86_64.linux_x86_64"])
def test_all_are_where_no_tag_says_the_lowest_glibc(tag: str) -> None:
    assert essential_files(PATHS, parse_tag(tag)) == set(PATHS)
