"""What the built-in providers answer, against their rules written down a second time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.mapping.hosts import baseline, supported_features
from bridge.mapping.nvidia import lower_bounds, nvidia_features, sm_archs, upper_bounds
from bridge.model.conda import Subdir
from bridge.model.host import Host, Release

drivers = st.builds(Release, st.integers(11, 15), st.integers(0, 20))
#: every bound that the provider has a word for.
BOUNDS = [Release(major, minor) for major in range(11, 16) for minor in range(21)]


def features(host: Host) -> dict[str, tuple[str, ...]]:
    return {f"{feature.namespace} :: {feature.feature}": feature.values for feature in supported_features(host)}


@given(drivers)
def test_lower_bounds_are_those_at_or_below_the_driver_highest_first(driver: Release) -> None:
    values = lower_bounds(driver)
    with_minor = [value for value in values if "." in value]
    assert with_minor == [str(bound) for bound in sorted(BOUNDS, reverse=True) if bound <= driver]
    for major in range(11, driver.major + 1):
        assert values[values.index(f"{major}.0") + 1] == str(major)
    assert len(values) == len(with_minor) + driver.major - 10


@given(drivers)
def test_upper_bounds_are_those_above_the_driver_highest_first(driver: Release) -> None:
    values = upper_bounds(driver)
    assert [value for value in values if "." in value] == [
        str(bound) for bound in sorted(BOUNDS, reverse=True) if bound > driver
    ]
    # 12 is 12.0, so a major bound lies above the driver only where its whole series does.
    assert [value for value in values if "." not in value] == [str(major) for major in range(15, driver.major, -1)]


@given(drivers)
def test_no_bound_is_both(driver: Release) -> None:
    assert not set(lower_bounds(driver)) & set(upper_bounds(driver))


@pytest.mark.parametrize(
    ("compute_capability", "expected"),
    [
        ((7, 5), "75_real 74_real 73_real 72_real 71_real 70_real 70_virtual"),
        ((8, 0), "80_real 80_virtual"),
        ((8, 6), "86_real 85_real 84_real 83_real 82_real 81_real 80_real 80_virtual"),
        ((9, 0), "90_real 90_virtual"),
        ((10, 3), "103_real 102_real 101_real 100_real 100_virtual"),
        ((12, 1), "121_real 120_real 120_virtual"),
        ((5, 0), "50_real 50_virtual"),
        ((3, 7), ""),
    ],
)
def test_architectures_of_a_gpu(compute_capability: tuple[int, int], expected: str) -> None:
    assert " ".join(sm_archs(Release(*compute_capability))) == expected


@pytest.mark.parametrize("driver", [None, Release(10, 2), Release(15, 21), Release(16, 0)])
def test_the_provider_is_silent_outside_the_drivers_that_it_knows(driver: Release | None) -> None:
    assert nvidia_features(driver, Release(9, 0)) == ()


def test_features_without_values_are_left_out() -> None:
    newest = [feature.feature for feature in nvidia_features(Release(15, 20), Release(3, 7))]
    assert newest == ["cuda_version_lower_bound"]
    no_gpu = [feature.feature for feature in nvidia_features(Release(12, 8), None)]
    assert no_gpu == ["cuda_version_lower_bound", "cuda_version_upper_bound"]


def test_namespaces_and_features_come_in_the_providers_order() -> None:
    host = Host(Subdir("linux-64"), cuda=Release(12, 8), cuda_arch=Release(9, 0), archspec="haswell")
    assert list(features(host)) == [
        "nvidia :: cuda_version_lower_bound",
        "nvidia :: cuda_version_upper_bound",
        "nvidia :: sm_arch",
        "tpu :: present",
        "x86_64 :: level",
    ]


@pytest.mark.parametrize(
    ("archspec", "levels"),
    [
        ("x86_64", "v1"),
        ("nehalem", "v2 v1"),
        ("haswell", "v3 v2 v1"),
        ("mic_knl", "v3 v2 v1"),
        ("skylake_avx512", "v4 v3 v2 v1"),
        ("zen5", "v4 v3 v2 v1"),
        (None, "v1"),
        ("newer_than_the_database", "v1"),
    ],
)
def test_levels_of_x86_64(archspec: str | None, levels: str) -> None:
    for subdir in ("linux-64", "osx-64", "win-64"):
        assert features(Host(Subdir(subdir), archspec=archspec))["x86_64 :: level"] == tuple(levels.split())


@pytest.mark.parametrize(
    ("subdir", "archspec", "best"),
    [
        ("linux-aarch64", "aarch64", "8a"),
        ("linux-aarch64", "neoverse_n1", "8.2a"),
        ("linux-aarch64", "neoverse_v2", "8.4a"),
        ("linux-aarch64", "armv8.3a", "8.3a"),
        ("linux-aarch64", "cortex_a72", "8a"),
        ("linux-aarch64", None, "8a"),
        ("osx-arm64", "m1", "8.4a"),
        ("osx-arm64", "m4", "8.4a"),
        ("win-arm64", "neoverse_n1", "8a"),
    ],
)
def test_versions_of_aarch64(subdir: str, archspec: str | None, best: str) -> None:
    values = features(Host(Subdir(subdir), archspec=archspec))["aarch64 :: version"]
    assert values[0] == best
    assert values[-1] == "8a"


@pytest.mark.parametrize("subdir", ["linux-ppc64le", "linux-32", "linux-s390x", "win-32", "emscripten-wasm32"])
def test_other_machines_have_no_processor_properties(subdir: str) -> None:
    assert list(features(baseline(Subdir(subdir)))) == ["tpu :: present"]
