"""The policy for pixi and rattler: what the files say, and that the real readers find nothing unknown in them."""

from __future__ import annotations

import json
import tomllib
from importlib.resources import files
from pathlib import PurePosixPath
from typing import Any

import jsonschema
import pytest
from packaging.markers import Marker
from packaging.utils import NormalizedName
from rattler.config import Config

from bridge.errors import Code, InvalidInput
from bridge.model.conda import CondaName
from bridge.priority.compile_pixi import compile_pixi
from bridge.priority.compile_rattler import compile_rattler
from bridge.priority.context import CompileContext
from bridge.priority.pixi_manifest import holds_on, platform_entry
from bridge.priority.report import Compiled, Rule, RuleReport, Verdict
from tests.support.channel_policies import OVERLAYS, policy

#: pixi's own, as it publishes it for editors.
SCHEMA = json.loads((files("validate_pyproject_schema_store") / "resources" / "pixi.schema.json").read_text("utf-8"))
GRAPH = CompileContext(
    projects=(NormalizedName("acme-core"), NormalizedName("torch"), NormalizedName("numpy")),
    packages=(CondaName("acme-core"), CondaName("numpy")),
    subdirs=("linux-64", "osx-arm64"),
)
#: of the schema, as far as they are written.
TOP = {"workspace", "dependencies", "target", "pypi-dependencies", "pypi-exclude-newer"}
WORKSPACE = {"channels", "channel-priority", "exclude-newer", "platforms", "conda-pypi-map", "pypi-options"}


def manifest(compiled: Compiled) -> dict[str, Any]:
    (file,) = [file for file in compiled.files if file.path.name in ("pixi.toml", "pyproject.toml")]
    said = tomllib.loads(file.text)
    said = said["tool"]["pixi"] if file.path.name == "pyproject.toml" else said
    assert said.keys() <= TOP
    assert said["workspace"].keys() <= WORKSPACE
    jsonschema.validate(said, SCHEMA)
    return said


def config(compiled: Compiled) -> Config:
    (file,) = [file for file in compiled.files if file.path.name.endswith("config.toml")]
    read, unused = Config.from_toml_with_unused_keys(file.text)
    assert unused == []
    return read


def row(compiled: Compiled, rule: Rule, subject: str, number: int = 0) -> RuleReport:
    return [entry for entry in compiled.report if (entry.rule, entry.subject) == (rule, subject)][number]


def test_manifest() -> None:
    names = {"acme-native": False, "py-opencv": ["opencv-python", "opencv-python-headless"], "pytorch": "torch"}
    assert manifest(compile_pixi(policy(), GRAPH)) == {
        "workspace": {
            "channels": [
                {"channel": "https://conda.example/acme", "priority": 2, "exclude-newer": "0d"},
                {"channel": "https://conda.example/forge", "priority": 1, "exclude-newer": "7d"},
            ],
            "channel-priority": "strict",
            "exclude-newer": "36h",
            "platforms": [{"platform": "linux-64", "cuda": "12.8", "glibc": "2.28"}, {"platform": "osx-arm64"}],
            "conda-pypi-map": {
                "https://conda.example/acme": {
                    "mapping-mode": "replace",
                    "mapping": names,
                    "same-name-heuristic": False,
                },
                "https://conda.example/forge": {"mapping-mode": "overlay", "mapping": names},
            },
            "pypi-options": {"index-url": "https://pypi.example/simple/", "index-strategy": "first-index"},
        },
        "dependencies": {"acme-core": {"version": "*", "channel": "https://conda.example/acme"}},
        "pypi-dependencies": {
            "acme-core": {"version": "*", "index": "https://pypi.example/acme/simple/"},
            "torch": {"version": "*", "index": "https://wheels.example/cu130/"},
        },
        "pypi-exclude-newer": {"acme-core": "0d", "torch": "0d"},
    }


def test_overlays_replace_everything() -> None:
    compiled = compile_pixi(policy(), CompileContext(overlays=OVERLAYS, packages=GRAPH.packages))
    said = manifest(compiled)
    assert [entry["channel"] for entry in said["workspace"]["channels"]] == list(OVERLAYS.conda.values())
    assert said["workspace"]["pypi-options"]["index-url"] == OVERLAYS.pypi
    assert said.keys() == {"workspace"}
    wanted = (Rule.ORDER, Rule.CLAIM_DIRECT, Rule.CLAIM_TRANSITIVE, Rule.CLOSED, Rule.MIN_AGE, Rule.VARIANT)
    for entry in compiled.report:
        if entry.rule in wanted and entry.subject != "order":
            assert entry.verdict is Verdict.EXACT, entry


def test_without_overlays_the_leaks_are_reported() -> None:
    compiled = compile_pixi(policy(), GRAPH)
    assert row(compiled, Rule.ORDER, "policy").code is Code.BOUNDED_ROOT
    assert row(compiled, Rule.ORDER, "internal").code is Code.CLAIMED_ONLY
    assert row(compiled, Rule.CLOSED, "policy").code is Code.CHANNEL_RELATIONS
    assert row(compiled, Rule.CLAIM_TRANSITIVE, "acme-*").verdict is Verdict.EXACT
    flexible = compile_pixi(policy(('"strict"', '"first-match"')), GRAPH)
    assert row(flexible, Rule.ORDER, "policy").verdict is Verdict.EXACT


def test_claims_are_weaker_where_the_graph_is_not_known() -> None:
    compiled = compile_pixi(policy(), CompileContext())
    assert manifest(compiled).keys() == {"workspace"}
    for number in (0, 1):
        entry = row(compiled, Rule.CLAIM_DIRECT, "acme-*", number)
        assert (entry.verdict, entry.code, entry.first_party) == (Verdict.WEAKER, Code.CLAIM_NAMES, True)


def test_conditions_become_targets() -> None:
    conditional = policy(('from = ["internal"]', 'from = ["internal"]\nwhen = "sys_platform == \'linux\'"'))
    compiled = compile_pixi(conditional, GRAPH)
    assert manifest(compiled)["target"] == {
        "linux-64": {"dependencies": {"acme-core": {"version": "*", "channel": "https://conda.example/acme"}}}
    }
    assert row(compiled, Rule.CLAIM_DIRECT, "acme-*").verdict is Verdict.EXACT
    nowhere = compile_pixi(conditional, CompileContext(packages=GRAPH.packages))
    assert row(nowhere, Rule.CLAIM_DIRECT, "acme-*").verdict is Verdict.STRICTER


@pytest.mark.parametrize(
    ("marker", "subdir", "holds"),
    [
        ("sys_platform == 'linux'", "linux-aarch64", True),
        ("os_name == 'nt' and platform_machine == 'AMD64'", "win-64", True),
        ("platform_machine == 'arm64'", "osx-arm64", True),
        ("sys_platform == 'darwin'", "win-64", False),
        ("python_version < '3'", "linux-64", None),
        ("platform_release == '1'", "linux-64", None),
        ("sys_platform == 'linux'", "emscripten-wasm32", None),
    ],
)
def test_conditions_on_platforms(marker: str, subdir: str, holds: bool | None) -> None:
    assert holds_on(Marker(marker), subdir) is holds


def test_platforms_get_what_they_can_have() -> None:
    system = {"cuda": "12.8", "cuda_arch": "9.0", "glibc": "2.28", "osx": "14.0", "archspec": "x86_64_v3", "win": ""}
    cuda = {"driver": "12.8", "arch": "9.0"}
    assert platform_entry("linux-64", system) == {
        "platform": "linux-64",
        "archspec": "x86_64_v3",
        "cuda": cuda,
        "glibc": "2.28",
    }
    assert platform_entry("osx-arm64", system) == {"platform": "osx-arm64", "macos": "14.0"}
    assert platform_entry("win-64", system) == {"platform": "win-64", "archspec": "x86_64_v3", "cuda": cuda}


def existing(text: str, name: str = "pixi.toml") -> CompileContext:
    return CompileContext(
        projects=GRAPH.projects, packages=GRAPH.packages, existing={PurePosixPath(name): text.encode()}
    )


def test_a_requirement_with_its_channel_is_left_where_it_is() -> None:
    text = '[dependencies]\nacme-core = { version = ">=1", channel = "https://conda.example/acme" }\n'
    assert "dependencies" not in manifest(compile_pixi(policy(), existing(text)))


@pytest.mark.parametrize(
    ("text", "line", "wanted"),
    [
        ('[dependencies]\n\nacme-core = ">=1"\n', 3, 'acme-core = { version = ">=1", channel = '),
        ('[feature.x.dependencies]\nAcme_Core = { build = "b*" }\n', 2, 'Acme_Core = { build = "b*", channel = '),
        ('[target.linux.dependencies.acme-core]\nversion = "1"\n', 1, 'acme-core = { version = "1", channel = '),
        ('[pypi-dependencies]\ntorch = "*"\n', 2, 'torch = { version = "*", index = "https://wheels.example/cu130/" }'),
    ],
)
def test_a_requirement_without_is_refused_with_what_to_write(text: str, line: int, wanted: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        compile_pixi(policy(), existing(text))
    assert caught.value.code is Code.BLOCK_CONFLICT
    assert f"pixi.toml: line {line}: " in str(caught.value)
    assert wanted in str(caught.value)


def test_a_pyproject_with_pixi_in_it_is_the_manifest() -> None:
    compiled = compile_pixi(policy(), existing("[tool.pixi.workspace]\n", "pyproject.toml"))
    assert compiled.files[0].path == PurePosixPath("pyproject.toml")
    assert "dependencies" in manifest(compiled)


def test_config_is_read_by_rattler() -> None:
    read = config(compile_pixi(policy(), GRAPH))
    assert read.default_channels == ["https://conda.example/acme", "https://conda.example/forge"]
    assert read.mirrors == {
        "https://conda.example/acme/": ["https://conda.example/acme/", "https://mirror.example/acme/"],
        "https://pypi.example/acme/simple/": [
            "https://pypi.example/acme/simple/",
            "https://mirror.example/acme/simple/",
        ],
    }
    rattler = compile_rattler(policy(), GRAPH)
    assert config(rattler).default_channels == read.default_channels
    claim = row(rattler, Rule.CLAIM_DIRECT, "acme-*")
    assert (claim.verdict, claim.code) == (Verdict.WEAKER, Code.BOUNDED_ROOT)


def test_hostile_names_stay_inside_of_strings() -> None:
    hostile = policy(('pytorch = "torch"', '"a.b" = "torch"'))
    said = manifest(compile_pixi(hostile, GRAPH))
    assert "a.b" in said["workspace"]["conda-pypi-map"]["https://conda.example/forge"]["mapping"]
