"""Names of processors: levels, versions and ancestry, against the database and py-rattler's copy of it."""

from __future__ import annotations

import os

import pytest
import rattler
from archspec.cpu import TARGETS
from rattler.exceptions import DetectVirtualPackageError

from bridge.mapping.microarchitectures import (
    aarch64_version,
    family_of,
    includes,
    is_known,
    names_at_least,
    near_names,
    x86_64_level,
)

#: in the database, but not in the copy of py-rattler 0.28; its solver takes them all the same.
NEWER_THAN_RATTLER = {"alderlake", "arrowlake", "arrowlake_s", "zen6", "armv9.2a", "neoverse_v3ae", "olympus"}


@pytest.mark.parametrize(
    ("name", "level"),
    [
        ("x86_64", 1),
        ("core2", 1),
        ("nehalem", 2),
        ("bulldozer", 2),
        ("haswell", 3),
        ("zen2", 3),
        ("zen4", 4),
        ("icelake", 4),
    ],
)
def test_level_of_a_processor(name: str, level: int) -> None:
    assert x86_64_level(name) == level


def test_other_families_have_no_level() -> None:
    assert [x86_64_level(name) for name in ("i686", "m1", "power9le", "nosuch", "")] == [None] * 5


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("aarch64", "8a"),
        ("cortex_a72", "8a"),
        ("neoverse_n1", "8.2a"),
        ("m1", "8.4a"),
        ("m2", "8.5a"),
        ("neoverse_v2", "9.0a"),
    ],
)
def test_version_of_an_arm_processor(name: str, version: str) -> None:
    assert aarch64_version(name) == version


def test_other_families_have_no_version() -> None:
    assert [aarch64_version(name) for name in ("x86_64", "arm", "nosuch")] == [None] * 3


def test_names_at_a_level_include_each_generic_one() -> None:
    assert "haswell" in names_at_least(3)
    assert "nehalem" not in names_at_least(3)
    for level in range(2, 5):
        assert set(names_at_least(level)) < set(names_at_least(level - 1))
        assert all(includes(name, f"x86_64_v{level}") for name in names_at_least(level))
    assert names_at_least(1) == tuple(sorted(name for name in TARGETS if family_of(name) == "x86_64"))


def test_ancestry() -> None:
    assert includes("haswell", "haswell")
    assert includes("haswell", "x86_64_v3")
    assert includes("skylake_avx512", "haswell")
    assert not includes("zen4", "haswell")
    assert not includes("x86_64_v3", "haswell")
    assert not includes("nosuch", "nosuch")
    assert not includes("haswell", "nosuch")


def test_near_names() -> None:
    assert near_names("v3")[0] == "x86_64_v3"
    assert near_names("skylake-avx512")[0] == "skylake_avx512"
    assert near_names("") == ()


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_every_known_name_is_a_build_that_conda_clients_take(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_known(name)
    rattler.GenericVirtualPackage(rattler.PackageName("__archspec"), rattler.Version("1"), rattler.BuildString(name))
    for variable in [variable for variable in os.environ if variable.startswith("CONDA_OVERRIDE_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("CONDA_OVERRIDE_ARCHSPEC", name)
    try:
        found = rattler.VirtualPackage.detect(overrides=rattler.VirtualPackageOverrides.from_env())
    except DetectVirtualPackageError:
        assert name in NEWER_THAN_RATTLER
    else:
        assert name in [str(package.into_generic().build_string) for package in found]
