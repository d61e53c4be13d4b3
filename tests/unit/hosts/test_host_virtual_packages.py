"""Virtual packages of a described machine are those that rattler reports when told the same."""

from __future__ import annotations

import os

import pytest
import rattler

from bridge.errors import Code, InvalidInput
from bridge.mapping.hosts import baseline, host_of, parse_set, virtual_packages, with_settings
from bridge.model.conda import Subdir
from bridge.model.host import Host, Release, VirtualPackage
from bridge.select.detect import detect_host

HERE = str(rattler.Subdir.current())
X86_LINUX = pytest.mark.skipif(HERE != "linux-64", reason="the values are for linux-64")


@pytest.fixture(autouse=True)
def _no_overrides(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("CONDA_OVERRIDE_")]:
        monkeypatch.delenv(name)


def reported() -> list[tuple[str, rattler.Version, str]]:
    found = rattler.VirtualPackage.detect(overrides=rattler.VirtualPackageOverrides.from_env())
    generic = [package.into_generic() for package in found]
    return [(package.name.normalized, package.version, str(package.build_string)) for package in generic]


def described(host: Host) -> list[tuple[str, rattler.Version, str]]:
    return [(package.name, rattler.Version(package.version), package.build) for package in virtual_packages(host)]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"cuda": "12.8"},
        {"cuda": "12.8", "cuda_arch": "9.0"},
        {"cuda": "12.8", "cuda_arch": ""},
        {"cuda": "12"},
        {"cuda": ""},
        {"cuda": "", "cuda_arch": "9.0"},
        pytest.param({"archspec": "x86_64_v3"}, marks=X86_LINUX),
        pytest.param({"archspec": "haswell", "cuda": "11.8"}, marks=X86_LINUX),
        pytest.param({"archspec": "zen4"}, marks=X86_LINUX),
        pytest.param({"glibc": "2.17"}, marks=X86_LINUX),
        pytest.param({"glibc": ""}, marks=X86_LINUX),
        pytest.param({"glibc": "2.39", "linux": "5.15.90.1", "archspec": "x86_64"}, marks=X86_LINUX),
    ],
    ids=lambda settings: ",".join(f"{name}={value}" for name, value in settings.items()) or "nothing",
)
def test_settings_and_overrides_of_conda_describe_the_same_machine(
    settings: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = detect_host(parse_set(f"{name}={value}") for name, value in settings.items())
    for name, value in settings.items():
        monkeypatch.setenv(f"CONDA_OVERRIDE_{name.upper()}", value)
    assert described(machine) == reported()
    assert described(detect_host()) == reported()


@pytest.mark.parametrize(
    ("subdir", "expected"),
    [
        ("linux-64", "__unix=0=0 __linux=3.10=0 __glibc=2.17=0 __archspec=1=x86_64"),
        ("linux-aarch64", "__unix=0=0 __linux=3.10=0 __glibc=2.17=0 __archspec=1=aarch64"),
        ("linux-ppc64le", "__unix=0=0 __linux=3.10=0 __glibc=2.17=0 __archspec=1=ppc64le"),
        # CEP 30: version 0, and the machine part of the platform, for what the archspec database lacks.
        ("linux-s390x", "__unix=0=0 __linux=3.10=0 __glibc=2.17=0 __archspec=0=s390x"),
        ("osx-64", "__unix=0=0 __osx=10.13=0 __archspec=1=x86_64"),
        ("osx-arm64", "__unix=0=0 __osx=11.0=0 __archspec=1=aarch64"),
        ("win-64", "__win=10.0=0 __archspec=1=x86_64"),
        ("win-arm64", "__win=10.0=0 __archspec=1=aarch64"),
        ("emscripten-wasm32", "__unix=0=0 __archspec=0=wasm32"),
    ],
)
def test_another_platform_starts_from_its_own_baseline(subdir: str, expected: str) -> None:
    packages = virtual_packages(baseline(Subdir(subdir)))
    assert " ".join(f"{package.name}={package.version}={package.build}" for package in packages) == expected


def test_what_belongs_to_another_system_is_left_out() -> None:
    host = Host(Subdir("linux-64"), osx=Release(14, 0), win=Release(10, 0), archspec="haswell")
    assert [package.name for package in virtual_packages(host)] == ["__unix", "__linux", "__archspec"]
    host = Host(Subdir("osx-arm64"), glibc=Release(2, 28), linux="6.1")
    assert [package.name for package in virtual_packages(host)] == ["__unix", "__osx", "__archspec"]


def test_a_gpu_without_a_driver_is_absent() -> None:
    names = [package.name for package in virtual_packages(Host(Subdir("linux-64"), cuda_arch=Release(9, 0)))]
    assert "__cuda_arch" not in names


def test_what_must_be_present_and_is_not_known_has_version_zero() -> None:
    for subdir, name in (("linux-64", "__linux"), ("osx-64", "__osx"), ("win-64", "__win")):
        assert VirtualPackage(name, "0") in virtual_packages(Host(Subdir(subdir)))
        assert VirtualPackage("__archspec", "0", "64") in virtual_packages(Host(Subdir(subdir)))


def test_a_host_is_read_back_from_its_virtual_packages() -> None:
    settings = [["cuda=12.8", "cuda_arch=9.0"], ["osx=14.4", "archspec=m1"], ["win=10"], ["archspec="], ["glibc="]]
    for values in settings:
        host = with_settings(baseline(Subdir("linux-64")), map(parse_set, values))
        assert host_of(host.subdir, virtual_packages(host), subject="test") == host


def test_detection_rounds_down_and_passes_over_what_it_does_not_know() -> None:
    packages = [
        VirtualPackage("__osx", "14.4.1"),
        VirtualPackage("__amdgpu", "0"),
        VirtualPackage("__archspec", "1", "0"),
    ]
    assert host_of(Subdir("osx-arm64"), packages, subject="test") == Host(Subdir("osx-arm64"), osx=Release(14, 4))


@pytest.mark.parametrize(
    "package",
    [
        VirtualPackage("__cuda", "new"),
        VirtualPackage("__cuda", "12.x"),
        VirtualPackage("__cuda", "1234.0"),
        VirtualPackage("__glibc", ""),
        VirtualPackage("__linux", "6"),
        VirtualPackage("__archspec", "1", "../x"),
    ],
    ids=str,
)
def test_a_malformed_virtual_package_is_refused_by_name(package: VirtualPackage) -> None:
    with pytest.raises(InvalidInput) as caught:
        host_of(Subdir("linux-64"), [package], subject="test")
    assert (caught.value.code, caught.value.field) == (Code.HOST, package.name)
