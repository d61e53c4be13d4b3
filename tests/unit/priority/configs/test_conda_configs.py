"""What `.condarc`, `environment.yml`, `pixi.toml` and `config.toml` say, in one form."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.priority.configs.config import ClientConfig, Place
from bridge.priority.configs.read import read_configs
from bridge.priority.policy import Ecosystem, Semantics
from bridge.priority.report import Client


def configs(project: Path, **files: str) -> dict[Client, ClientConfig]:
    for name, text in files.items():
        path = project / name.replace("__", "/").replace("_DOT_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return {config.client: config for config in read_configs(project)}


def test_channels_of_an_environment_come_before_those_of_condarc(tmp_path: Path) -> None:
    found = configs(
        tmp_path,
        environment_DOT_yml="channels: [acme]\ndependencies:\n- acme::core >=2\n- numpy\n- pip:\n  - shared>=2\n",
        _DOT_condarc="channels:\n- conda-forge\nchannel_priority: strict\n",
    )[Client.CONDA]
    assert [source.name for source in found.of(Ecosystem.CONDA)] == ["acme", "conda-forge"]
    assert (found.semantics, found.mode) == (Semantics.STRICT, Place(".condarc", 3))
    core, numpy, shared = found.requirements
    assert (core.name, core.version, core.source, core.place) == ("core", ">=2", "acme", Place("environment.yml", 3))
    assert not numpy.bounded
    assert (shared.ecosystem, shared.version) == (Ecosystem.PYPI, ">=2")


def test_names_of_channels_get_the_address_that_the_files_give_them(tmp_path: Path) -> None:
    found = configs(
        tmp_path,
        _DOT_condarc=(
            "channel_alias: https://alias.example/\n"
            "channels: [mine, acme/label/dev, many, https://u:pw@full.example/x/]\n"
            "custom_channels: {acme: 'https://h.example/conda'}\n"
            "custom_multichannels: {many: [one, 'https://two.example/c']}\n"
        ),
    )
    assert [source.url for source in found[Client.CONDA].sources] == [
        "https://alias.example/mine",
        "https://h.example/conda/acme/label/dev",
        "https://alias.example/one",
        "https://two.example/c",
        "https://full.example/x",
    ]
    assert [source.secret for source in found[Client.CONDA].sources] == [False, False, False, False, True]


def test_conda_is_flexible_and_asks_defaults_unless_told_otherwise(tmp_path: Path) -> None:
    found = configs(tmp_path, _DOT_condarc="solver: rattler\n")[Client.CONDA]
    assert found.semantics is Semantics.FIRST_MATCH
    assert [(source.name, source.implicit) for source in found.sources] == [("defaults", True)]


@pytest.mark.parametrize(
    ("line", "name", "version", "channel"),
    [
        ("conda-forge::numpy>=1.2,<3", "numpy", ">=1.2,<3", "conda-forge"),
        ("https://h.example/c::numpy", "numpy", "", "https://h.example/c"),
        ("numpy[version='>=1.2', channel=acme]", "numpy", ">=1.2", "acme"),
        ("numpy 1.2.* py39_0", "numpy", "1.2.* py39_0", None),
        ("acme/linux-64::numpy=1", "numpy", "=1", "acme"),
    ],
)
def test_match_specs(tmp_path: Path, line: str, name: str, version: str, channel: str | None) -> None:
    found = configs(tmp_path, environment_DOT_yml=f'channels: [a]\ndependencies:\n- "{line}"\n')[Client.CONDA]
    (requirement,) = found.requirements
    assert (requirement.name, requirement.version, requirement.source) == (name, version, channel)


PIXI = """\
[workspace]
channels = ["conda-forge", { channel = "https://c.example/acme", priority = 10 }]
channel-priority = "disabled"
exclude-newer = "7d"
[workspace.pypi-options]
index-url = "https://pypi.example/simple"
extra-index-urls = ["https://extra.example/simple"]
index-strategy = "unsafe-best-match"
[dependencies]
acme-core = { version = ">=2", channel = "https://c.example/acme" }
numpy = "*"
[constraints]
zlib = { version = "<2", channel = "x" }
[feature.gpu]
channels = ["nvidia"]
[pypi-dependencies]
torch = { version = "*", index = "https://t:secret@gpu.example/whl" }
"""


def test_pixi(tmp_path: Path) -> None:
    found = configs(tmp_path, pixi_DOT_toml=PIXI)[Client.PIXI]
    conda = found.of(Ecosystem.CONDA)
    assert [source.name for source in conda] == ["https://c.example/acme", "nvidia", "conda-forge"]
    assert all(source.aged for source in conda)
    assert [(source.url, source.explicit) for source in found.of(Ecosystem.PYPI)] == [
        ("https://extra.example/simple", False),
        ("https://pypi.example/simple", False),
        ("https://gpu.example/whl", True),
    ]
    assert found.rule(Ecosystem.CONDA) is found.rule(Ecosystem.PYPI) is Semantics.BEST_MATCH
    core, numpy, zlib, torch = found.requirements
    assert (core.bounded, numpy.bounded, zlib.constraint, torch.secret) == (True, False, True, True)
    assert core.source is not None
    assert found.named(core.source) is conda[0]
    assert core.place == Place("pixi.toml", 10)


def test_a_channel_of_pixi_that_is_named_before_another_of_the_same_priority(tmp_path: Path) -> None:
    found = configs(tmp_path, pyproject_DOT_toml='[tool.pixi.workspace]\nchannels = ["a", "b"]\n')[Client.PIXI]
    assert [source.name for source in found.sources] == ["a", "b"]
    assert found.semantics is Semantics.STRICT


def test_rattler(tmp_path: Path) -> None:
    text = 'default-channels = ["https://c.example/a"]\n[mirrors]\n"https://o.example" = ["https://m.example"]\n'
    found = configs(tmp_path, **{"rattler-config_DOT_toml": text})[Client.RATTLER]
    assert [source.url for source in found.sources] == ["https://c.example/a"]
    assert [(one.key, one.value) for one in found.settings] == [("mirrors.https://o.example", "https://m.example")]


def test_files_of_the_user_count_only_when_asked_for(tmp_path: Path) -> None:
    home, project = tmp_path / "home", tmp_path / "project"
    home.mkdir(), project.mkdir()
    (home / ".condarc").write_text("channels: [a]\n")
    assert read_configs(project) == ()
    (conda, mamba) = read_configs(project, user=home)
    assert (conda.client, mamba.client) == (Client.CONDA, Client.MAMBA)
    assert conda.sources[0].place == Place("~/.condarc", 1)
