"""What is compiled from a policy is what the real programs read, and what they then do."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from bridge.priority.compile import compile_policy
from bridge.priority.context import CompileContext, OverlayUrls, Resolution, ResolvedFile, ResolvedPackage
from bridge.priority.policy import SourceName
from bridge.priority.policy_file import parse_policy
from bridge.priority.report import Client
from tests.support.client_venvs import client, isolated
from tests.support.loopback_index import add_wheel, digest, served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.e2e

PROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "demo"
version = "1"
requires-python = ">=3.11"
dependencies = ["onlypub"]
"""

POLICY = """\
schema = "bridge-policy/1"
default = "strict"
on-unreachable = "error"
order = ["internal", "gpu", "curated", "pypi"]
[sources.internal]
pypi = "BASE/internal/"
trust = "first-party"
role = "claimed-only"
credentials = "keyring"
[sources.gpu]
pypi = "BASE/gpu/"
trust = "curated"
role = "claimed-only"
[sources.curated]
pypi = "BASE/curated/"
trust = "curated"
[sources.pypi]
pypi = "BASE/public/"
trust = "public"
AGE
[[claims]]
packages = ["acme-core", "acme-two"]
from = ["internal"]
[[claims]]
packages = ["torch"]
from = ["gpu"]
when = "sys_platform == 'linux'"
"""

#: one index for what nobody claims, so that pip can be used at all; no ages, as the pages here have no times.
PLAIN = POLICY.replace('order = ["internal", "gpu", "curated", "pypi"]', 'order = ["internal", "gpu", "pypi"]')
PLAIN = (
    re.sub(r"\[sources\.curated\]\n.*\n.*\n", "", PLAIN).replace("AGE\n", "").replace('credentials = "keyring"\n', "")
)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    root = tmp_path_factory.mktemp("indexes")
    for index, version in (("internal", "1.0"), ("public", "99.0")):
        for name in ("acme-core", "acme-two"):
            add_wheel(root, index, name, version)
    add_wheel(root, "public", "onlypub", "1.0", ["acme-core"])
    add_wheel(root, "gpu", "torch", "2.0")
    add_wheel(root, "public", "torch", "99.0")
    with served(root) as address:
        _ROOTS[address] = root
        yield address


_ROOTS: dict[str, Path] = {}


def compiled(project: Path, text: str, *clients: Client, **context: Any) -> dict[str, Any]:
    """Compile into a new project, and read the TOML of its `pyproject.toml`."""
    project.mkdir(exist_ok=True)
    project.joinpath("pyproject.toml").write_text(PROJECT)
    compile_policy(
        parse_policy(text, "bridge-policy.toml"), project, clients=clients, context=CompileContext(**context)
    )
    return tomllib.loads(project.joinpath("pyproject.toml").read_text())


def run(name: str, *arguments: str, at: Path, fails: bool = False, **environment: str) -> str:
    """What a program prints."""
    command = [str(client(name)), *arguments]
    home = isolated(at.parent / "home", **environment)
    done = subprocess.run(command, cwd=at, env=home, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode != 0) is fails, done.stdout + done.stderr
    return done.stdout + done.stderr


def read_by_uv(dump: str) -> list[dict[str, str]]:
    """The indexes in a dump of uv's settings."""
    found = []
    for block in dump.split("Index {\n")[1:]:
        one = {key: match.group(1) for key, pattern in _FIELDS.items() if (match := re.search(pattern, block))}
        found.append(one)
    return found


_FIELDS = {
    "name": r'IndexName\(\s*"([^"]*)"',
    "url": r'given: Some\(\s*"([^"]*)"',
    "explicit": r"\n\s*explicit: (\w+)",
    "default": r"\n\s*default: (\w+)",
    "authenticate": r"\n\s*authenticate: (\w+)",
    "age": r"ExcludeNewerSpan\(\s*(\w+)",
}


def meant_for_uv(index: dict[str, Any]) -> dict[str, str]:
    age = {"P7D": "7d", "PT36H": "36h"}.get(index.get("exclude-newer", ""))
    said = {
        "name": index["name"],
        "url": index["url"],
        "explicit": str(index.get("explicit", False)).lower(),
        "default": str(index.get("default", False)).lower(),
        "authenticate": str(index.get("authenticate", "auto")).title(),
    }
    return said if age is None else {**said, "age": age}


@pytest.mark.parametrize("age", ["7d", "36h"])
def test_uv_reads_what_was_meant(tmp_path: Path, age: str) -> None:
    text = POLICY.replace("BASE", "https://index.example").replace("AGE", f'min-age = "{age}"')
    document = compiled(tmp_path / "p", text, Client.UV, Client.UV_PIP)
    settings = document["tool"]["uv"]
    assert settings.keys() == {"index-strategy", "keyring-provider", "sources", "index"}
    dump = run("uv", "lock", "--show-settings", at=tmp_path / "p", SSL_CERT_FILE="/dev/null")
    assert read_by_uv(dump) == [meant_for_uv(index) for index in settings["index"]]
    assert "index_strategy: FirstIndex" in dump
    assert "keyring_provider: Subprocess" in dump
    separate = tomllib.loads((tmp_path / "p" / "uv-pip.toml").read_text())
    arguments = ("--config-file", "uv-pip.toml", "pip", "compile", "--show-settings", "pyproject.toml")
    dump = run("uv", *arguments, at=tmp_path / "p", SSL_CERT_FILE="/dev/null")
    assert read_by_uv(dump) == [meant_for_uv(index) for index in separate["index"]]
    for line in separate["constraint-dependencies"]:
        assert f'"{line.split("<")[0]}"' in dump


def test_uv_takes_claimed_packages_from_their_index_in_a_project(tmp_path: Path, base: str) -> None:
    compiled(tmp_path / "p", PLAIN.replace("BASE", base), Client.UV)
    run("uv", "lock", at=tmp_path / "p")
    lock = tomllib.loads((tmp_path / "p" / "uv.lock").read_text())
    found = {(package["name"], package["version"]) for package in lock["package"]}
    assert {("acme-core", "1.0"), ("onlypub", "1.0"), ("torch", "2.0")} <= found
    assert ("acme-core", "99.0") not in found


def test_uv_stops_where_a_claimed_name_turns_up_that_was_not_in_the_graph(tmp_path: Path, base: str) -> None:
    compiled(tmp_path / "p", PLAIN.replace("BASE", base), Client.UV, projects=(canonicalize_name("onlypub"),))
    assert "acme-core" in run("uv", "lock", at=tmp_path / "p", fails=True)


@pytest.mark.parametrize("program", ["uv", "pip"])
def test_constraints_reach_requirements_of_requirements(tmp_path: Path, base: str, program: str) -> None:
    text = PLAIN.replace("BASE", base)
    compiled(tmp_path / "p", text, Client.UV_PIP, Client.PIP, resolution=resolution(base))
    assert "acme-core==1.0" in installed(program, tmp_path)
    # without a resolution the name is kept out, which stops the client
    compiled(tmp_path / "q", text, Client.UV_PIP, Client.PIP)
    assert "acme" in installed(program, tmp_path, project="q", fails=True)


def test_pip_takes_pinned_files_with_an_age_for_the_index(tmp_path: Path, base: str) -> None:
    """An age does not concern files that come by address; the index here tells no times, so nothing else is taken."""
    text = PLAIN.replace("BASE", base).replace('trust = "public"', 'trust = "public"\nmin-age = "7d"')
    compiled(tmp_path / "p", text, Client.PIP, resolution=resolution(base))
    assert "acme-core==1.0" in installed("pip", tmp_path, wanted="acme-core")
    assert "upload-time" in installed("pip", tmp_path, fails=True)


def installed(program: str, at: Path, *, wanted: str = "onlypub", project: str = "p", fails: bool = False) -> str:
    """Install into a directory, and say what is there (or what went wrong)."""
    target = at / f"target-{program}-{project}-{fails}"
    if program == "uv":
        command = ["pip", "install", "--config-file", "uv-pip.toml", "--target", str(target), wanted]
        said = run("uv", *command, at=at / project, fails=fails)
    else:
        command = ["install", "--target", str(target), wanted]
        said = run("pip", *command, at=at / project, fails=fails, PIP_CONFIG_FILE="pip.conf")
    found = sorted(path.name.removesuffix(".dist-info") for path in target.glob("*.dist-info"))
    return said if fails else " ".join(name.replace("_", "-").replace("-1.0", "==1.0") for name in found)


def resolution(base: str) -> Resolution:
    """What a resolver takes under the policy."""
    packages = []
    for index, source, name in (("internal", "internal", "acme-core"), ("public", "pypi", "onlypub")):
        filename = f"{name.replace('-', '_')}-1.0-py3-none-any.whl"
        path = _ROOTS[base] / index / name / filename
        file = ResolvedFile(filename, f"{base}/{index}/{name}/{filename}", digest(path), path.stat().st_size)
        packages.append(
            ResolvedPackage(canonicalize_name(name), Version("1.0"), SourceName(source), f"{base}/{index}/", (file,))
        )
    return Resolution(tuple(packages))


def test_pip_reads_what_was_meant(tmp_path: Path, base: str) -> None:
    text = POLICY.replace("BASE", base).replace("AGE", 'min-age = "7d"')
    compiled(tmp_path / "p", text, Client.PIP)
    said = run("pip", "config", "list", at=tmp_path / "p", PIP_CONFIG_FILE="pip.conf")
    settings = dict(re.findall(r"^global\.([a-z-]+)='(.*)'$", said, re.MULTILINE))
    written = (tmp_path / "p" / "pip.conf").read_text()
    # there may be a configuration of the machine beside ours
    assert {name: value for name, value in settings.items() if f"{name} = " in written} == {
        "index-url": f"{base}/curated/",
        "constraint": "bridge-constraints.txt",
        "build-constraint": "bridge-constraints.txt",
        "keyring-provider": "subprocess",
    }
    text = text.replace(
        'order = ["internal", "gpu", "curated", "pypi"]', 'order = ["internal", "gpu", "pypi", "curated"]'
    )
    compiled(tmp_path / "q", text, Client.PIP)
    said = run("pip", "config", "list", at=tmp_path / "q", PIP_CONFIG_FILE="pip.conf")
    assert "global.uploaded-prior-to='P7D'" in said
    options = run("pip", "install", "--help", at=tmp_path / "p")
    for name in re.findall(r"^([a-z-]+) = ", (tmp_path / "q" / "pip.conf").read_text(), re.MULTILINE):
        assert f"--{name}" in options


@pytest.mark.parametrize("program", ["uv", "pip"])
def test_a_lock_file_is_installed_as_it_is(tmp_path: Path, base: str, program: str) -> None:
    text = PLAIN.replace("BASE", base)
    compiled(tmp_path / "p", text, Client.PYLOCK, resolution=resolution(base))
    target = tmp_path / "target"
    if program == "uv":
        run("uv", "pip", "install", "--target", str(target), "-r", "pylock.toml", at=tmp_path / "p")
    else:
        run("pip", "install", "--target", str(target), "-r", "pylock.toml", at=tmp_path / "p")
    assert "INDEX = 'internal'" in (target / "acme_core.py").read_text()
    lock = (tmp_path / "p" / "pylock.toml").read_text()
    (tmp_path / "p" / "pylock.toml").write_text(re.sub(r'sha256 = "[0-9a-f]{8}', 'sha256 = "00000000', lock))
    arguments = ("install", "--target", str(tmp_path / "other"), "--no-cache", "-r", "pylock.toml")
    arguments = ("pip", *arguments) if program == "uv" else arguments
    assert "hash" in run(program, *arguments, at=tmp_path / "p", fails=True).lower()


def test_poetry_reads_what_was_meant(tmp_path: Path) -> None:
    text = POLICY.replace("BASE", "https://index.example").replace("AGE", 'min-age = "7d"')
    compiled(tmp_path / "p", text, Client.POETRY)
    assert "All set!" in run("poetry", "check", at=tmp_path / "p")
    said = run("poetry", "source", "show", at=tmp_path / "p")
    rows = re.findall(r"name\s+: (\S+)\s+url\s+: (\S+)\s+priority\s+: (\S+)", said)
    assert rows == [
        ("internal", "https://index.example/internal/", "explicit"),
        ("gpu", "https://index.example/gpu/", "explicit"),
        ("curated", "https://index.example/curated/", "primary"),
        ("pypi-index", "https://index.example/public/", "supplemental"),
    ]
    said = run("poetry", "config", "--list", at=tmp_path / "p")
    assert "solver.min-release-age = 7" in said
    assert 'solver.min-release-age-exclude-source = "[internal, gpu, curated]"' in said


def test_poetry_takes_claimed_packages_from_their_source(tmp_path: Path, base: str) -> None:
    compiled(tmp_path / "p", PLAIN.replace("BASE", base), Client.POETRY)
    run("poetry", "lock", at=tmp_path / "p")
    assert locked(tmp_path / "p" / "poetry.lock")["acme-core"] == "1.0"


def locked(path: Path) -> dict[str, str]:
    return {package["name"]: package["version"] for package in tomllib.loads(path.read_text())["package"]}


PDM_SOURCES = """
import json
from pdm.core import Core
project = Core().create_project(".")
keys = ("name", "url", "include_packages", "exclude_packages")
print(json.dumps([{key: getattr(source, key) for key in keys} for source in project.sources]))
"""


def test_pdm_reads_what_was_meant(tmp_path: Path) -> None:
    text = POLICY.replace("BASE", "https://index.example").replace("AGE", 'min-age = "36h"')
    document = compiled(tmp_path / "p", text, Client.PDM)
    python = client("pdm").with_name("python")
    # sources that the user has for all projects must not come in
    home = isolated(tmp_path / "home")
    config = tmp_path / "home" / "config" / "pdm" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text('[pypi.extra]\nurl = "https://extra.example/simple"\n')
    command = [str(python), "-c", PDM_SOURCES]
    done = subprocess.run(command, cwd=tmp_path / "p", env=home, capture_output=True, text=True, check=True, timeout=60)
    empty: dict[str, list[str]] = {"include_packages": [], "exclude_packages": []}
    assert json.loads(done.stdout) == [{**empty, **source} for source in document["tool"]["pdm"]["source"]]
    assert document["tool"]["pdm"]["resolution"] == {
        "respect-source-order": True,
        "exclude-newer": "36h",
        "exclude-newer-override": {"acme-core": False, "acme-two": False, "torch": False},
    }


@pytest.mark.parametrize("name", ["pypi", "world"])
def test_pdm_takes_claimed_packages_from_their_source(tmp_path: Path, base: str, name: str) -> None:
    text = PLAIN.replace("BASE", base).replace('"pypi"]', f'"{name}"]').replace("sources.pypi", f"sources.{name}")
    compiled(tmp_path / "p", text, Client.PDM)
    run("pdm", "lock", at=tmp_path / "p", PDM_IGNORE_SAVED_PYTHON="1")
    assert locked(tmp_path / "p" / "pdm.lock") == {"acme-core": "1.0", "onlypub": "1.0"}


def test_hatch_reads_what_was_meant(tmp_path: Path) -> None:
    text = PLAIN.replace("BASE", "https://index.example")
    compiled(tmp_path / "p", text, Client.HATCH)
    said = json.loads(run("hatch", "env", "show", "--json", "-i", at=tmp_path / "p"))
    assert "hatch-test" in {name.partition(".")[0] for name in said}
    for name, environment in said.items():
        if name != "hatch-uv":
            assert environment["installer"] == "uv", name
            assert environment["env-vars"]["UV_CONFIG_FILE"].endswith("/p/hatch-uv.toml"), name
    assert (tmp_path / "p" / "hatch-uv.toml").is_file()


@pytest.mark.parametrize("program", ["uv", "poetry", "pdm"])
def test_with_an_overlay_there_is_one_index(tmp_path: Path, base: str, program: str) -> None:
    """The internal index stands for an overlay here, so that what only the public one has is not found."""
    overlays = OverlayUrls(pypi=f"{base}/internal/")
    compiled(tmp_path / "p", PLAIN.replace("BASE", base), Client(program), overlays=overlays)
    assert "onlypub" in run(program, "lock", at=tmp_path / "p", fails=True, PDM_IGNORE_SAVED_PYTHON="1")
    pyproject = tmp_path / "p" / "pyproject.toml"
    pyproject.write_text(pyproject.read_text().replace('"onlypub"', '"acme-core"'))
    run(program, "lock", at=tmp_path / "p", PDM_IGNORE_SAVED_PYTHON="1")
    assert locked(tmp_path / "p" / f"{program}.lock")["acme-core"] == "1.0"
