"""What `select` says is what clients do: unmodified uv with variants, and pip and `uv lock` without."""

from __future__ import annotations

import platform
import runpy
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from bridge.channel.simple import write_index
from bridge.formats.wheel.variant_json import write_variant_json
from bridge.model.conda import Subdir
from bridge.model.family import Family
from bridge.model.host import Host, Release
from bridge.select.detect import detect_host
from bridge.select.for_host import write_for_host
from bridge.select.intent import Intent, Pattern, applied
from bridge.select.select import select
from bridge.select.wheel_side import family_release, ranked, wheel_machine
from tests.e2e.conftest import Run, pip_install, served
from tests.support.families import FAMILIES, PYTHON, planned_families, repodata, write_wheels

PREVIEW = ("--preview-features", "wheel-variants")
#: families whose builds are for Linux on x86-64.
PROJECTS = tuple(name for name in FAMILIES if name not in {"osfloor", "armpkg"})

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64", reason="the simulated machines are x86-64 ones"
)


@dataclass(frozen=True)
class Site:
    """A channel without artifacts, and the index of the wheels that its builds would become."""

    channel: Path
    wheels: Path
    address: str
    families: Mapping[str, Family]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    channel = repodata().write(tmp_path_factory.mktemp("channel"))
    wheels = tmp_path_factory.mktemp("wheels")
    families = planned_families(channel)
    for name, family in families.items():
        (wheels / name).mkdir()
        write_wheels(family, wheels / name)
    assert not write_index(wheels).rejected
    with served(wheels) as address:
        yield Site(channel, wheels, address, families)


Install = Callable[..., dict[str, str]]


@pytest.fixture
def install(uv: str, python312: Path, run: Run, tmp_path: Path) -> Install:
    """Install projects with uv; returns the conda artifact behind each."""

    def call(address: str, *projects: str, options: tuple[str, ...] = PREVIEW, **environment: str) -> dict[str, str]:
        target = tmp_path / f"target{len(list(tmp_path.iterdir()))}"
        run(
            uv, "pip", "install", "--quiet", "--python", python312, "--default-index", address, "--target", target,
            *options, *projects, **environment,
        )  # fmt: skip
        return sources(target, projects)

    return call


def sources(target: Path, projects: tuple[str, ...]) -> dict[str, str]:
    return {name: runpy.run_path(str(target / f"{name}.py"))["SOURCE"] for name in projects}


def selected(site: Site, host: Host, projects: tuple[str, ...]) -> dict[str, str]:
    """What `select` says of the wheel side; both sides must agree wherever conda installs anything."""
    found = {}
    for name in projects:
        selection = select(name, [site.channel], site.address, host, PYTHON)
        assert selection.conda is None or selection.agree, selection
        assert selection.wheel is not None
        found[name] = selection.wheel.source
    return found


@pytest.mark.parametrize(
    ("driver", "capability"),
    [
        (None, None),
        ("11.8", None),
        ("11.8", "7.5"),
        ("12.0", None),
        ("12.0", "8.6"),
        ("12.4", "7.5"),
        ("12.4", "8.0"),
        ("12.9", None),
        ("12.9", "9.0"),
        ("13.0", None),
        ("13.0", "9.0"),
        ("13.0", "12.0"),
    ],
)
def test_uv_installs_what_select_says_for_a_gpu(
    site: Site, install: Install, driver: str | None, capability: str | None
) -> None:
    environment = {}
    if driver is not None:
        environment["NV_VARIANT_PROVIDER_FORCE_CUDA_DRIVER_VERSION"] = driver
    if capability is not None:
        environment["NV_VARIANT_PROVIDER_FORCE_SM_ARCH"] = capability
    host = replace(detect_host(), cuda=release(driver), cuda_arch=release(capability))
    assert install(site.address, *PROJECTS, **environment) == selected(site, host, PROJECTS)


@pytest.mark.parametrize(
    ("target", "host", "variables"),
    [
        ("x86_64-manylinux_2_17", Host(Subdir("linux-64"), archspec="x86_64_v2", glibc=Release(2, 17)), {}),
        ("x86_64-manylinux_2_28", Host(Subdir("linux-64"), archspec="x86_64_v2", glibc=Release(2, 28)), {}),
        (
            "x86_64-manylinux_2_35",
            Host(Subdir("linux-64"), cuda=Release(12, 4), archspec="x86_64_v2", glibc=Release(2, 35)),
            {"NV_VARIANT_PROVIDER_FORCE_CUDA_DRIVER_VERSION": "12.4"},
        ),
        ("aarch64-manylinux_2_28", Host(Subdir("linux-aarch64"), archspec="aarch64", glibc=Release(2, 28)), {}),
        (
            "x86_64-apple-darwin",
            Host(Subdir("osx-64"), archspec="x86_64_v2", osx=Release(10, 15)),
            {"MACOSX_DEPLOYMENT_TARGET": "10.15"},
        ),
        (
            "aarch64-apple-darwin",
            Host(Subdir("osx-arm64"), archspec="m1", osx=Release(12, 0)),
            {"MACOSX_DEPLOYMENT_TARGET": "12.0"},
        ),
        (
            "aarch64-apple-darwin",
            Host(Subdir("osx-arm64"), archspec="m1", osx=Release(15, 0)),
            {"MACOSX_DEPLOYMENT_TARGET": "15.0"},
        ),
        ("x86_64-pc-windows-msvc", Host(Subdir("win-64"), archspec="x86_64_v2", win=Release(10, 0)), {}),
        (
            "x86_64-pc-windows-msvc",
            Host(Subdir("win-64"), cuda=Release(12, 9), archspec="x86_64_v2", win=Release(10, 0)),
            {"NV_VARIANT_PROVIDER_FORCE_CUDA_DRIVER_VERSION": "12.9"},
        ),
    ],
)
def test_uv_installs_what_select_says_for_another_platform(
    site: Site, install: Install, target: str, host: Host, variables: dict[str, str]
) -> None:
    options = (*PREVIEW, "--python-platform", target)
    projects = {"linux-64": (*PROJECTS, "osfloor"), "linux-aarch64": ("armpkg",)}.get(host.subdir, ("osfloor",))
    assert install(site.address, *projects, options=options, **variables) == selected(site, host, projects)


def fallbacks(site: Site, host: Host) -> dict[str, str | None]:
    """What clients that know no variants are offered on a machine."""
    found = {}
    for name in PROJECTS:
        usable = ranked(family_release(site.families[name]), wheel_machine(host, PYTHON))
        found[name] = next(offer.source for offer in usable if offer.label is None)
    return found


def test_clients_without_variants_get_the_fallback(
    site: Site, install: Install, uv: str, python312: Path, run: Run, tmp_path: Path
) -> None:
    expected = fallbacks(site, detect_host())
    assert install(site.address, *PROJECTS, options=()) == expected

    run(*pip_install(python312, site.address, "--target", tmp_path / "pip", *PROJECTS))
    assert sources(tmp_path / "pip", PROJECTS) == expected

    project = tmp_path / "project"
    project.mkdir()
    names = ", ".join(f'"{name}"' for name in PROJECTS)
    (project / "pyproject.toml").write_text(
        f'[project]\nname = "p"\nversion = "1"\nrequires-python = "==3.12.*"\ndependencies = [{names}]\n'
    )
    run(uv, "lock", *PREVIEW, "--quiet", "--project", project, "--python", python312, "--default-index", site.address)
    locked = tomllib.loads((project / "uv.lock").read_text())
    wheels = {
        package["name"]: {wheel["url"].rpartition("/")[2] for wheel in package["wheels"]}
        for package in locked["package"]
        if "wheels" in package
    }
    for name in PROJECTS:
        plain = [member for member in site.families[name].members if member.label is None]
        assert wheels[name] == {member.filename for member in plain}


@pytest.mark.parametrize("driver", [None, "11.8", "13.0"])
def test_a_plain_index_for_a_machine_gives_pip_what_select_says(
    site: Site, python312: Path, run: Run, tmp_path: Path, driver: str | None
) -> None:
    host = replace(detect_host(), cuda=release(driver), cuda_arch=None)
    made = write_for_host(site.wheels, host, out=tmp_path / "plain")
    assert not made.index.rejected
    assert all(wheel.filename.count("-") == 4 for wheel in made.wheels)
    with served(tmp_path / "plain") as address:
        run(*pip_install(python312, address, "--target", tmp_path / "pip", *PROJECTS))
    assert sources(tmp_path / "pip", PROJECTS) == selected(site, host, PROJECTS)


def test_uv_honours_a_published_intent(site: Site, install: Install, tmp_path: Path) -> None:
    intent = Intent(prefer=(Pattern.parse("blas_lapack :: library :: openblas"),), never=(Pattern("nvidia"),))
    overlay = tmp_path / "overlay"
    family = site.families["gpupkg"]
    overlay.mkdir()
    write_wheels(family, overlay / "gpupkg")
    metadata = write_variant_json(applied(family.metadata, intent))
    (overlay / "gpupkg" / f"gpupkg-{family.version}-variants.json").write_bytes(metadata)
    assert not write_index(overlay).rejected
    host = replace(detect_host(), cuda=Release(12, 4), cuda_arch=None)
    wanted = select("gpupkg", [site.channel], None, host, PYTHON, intent=intent)
    assert wanted.agree
    assert "cpu_openblas" in str(wanted.conda)
    with served(overlay) as address:
        found = install(address, "gpupkg", NV_VARIANT_PROVIDER_FORCE_CUDA_DRIVER_VERSION="12.4")
    assert found == {"gpupkg": wanted.conda}


def release(text: str | None) -> Release | None:
    if text is None:
        return None
    major, minor = text.split(".")
    return Release(int(major), int(minor))
