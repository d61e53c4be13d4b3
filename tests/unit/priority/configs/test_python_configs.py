"""What the files of uv, pip, poetry, pdm and hatch say, in one form."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bridge.errors import Code, InvalidInput
from bridge.priority.configs.config import ClientConfig, Place
from bridge.priority.configs.read import read_configs, read_configurations
from bridge.priority.policy import Semantics
from bridge.priority.report import Client


def only(project: Path, client: Client) -> ClientConfig:
    (found,) = (config for config in read_configs(project) if config.client is client)
    return found


def pyproject(project: Path, text: str, client: Client) -> ClientConfig:
    (project / "pyproject.toml").write_text('[project]\nname = "p"\ndependencies = ["acme-core>=2"]\n' + text)
    return only(project, client)


UV = """\
[dependency-groups]
bridge-pins = ["Acme.Util"]
[tool.uv]
constraint-dependencies = ["acme-core<9"]
override-dependencies = ["acme-core"]
allow-insecure-host = ["i.example"]
[tool.uv.sources]
acme-core = { index = "internal" }
acme_util = { index = "internal" }
[[tool.uv.index]]
name = "pypi"
url = "https://pypi.example/simple"
default = true
exclude-newer = "P7D"
[[tool.uv.index]]
name = "internal"
url = "https://user:hunter2@i.example/simple/"
explicit = true
"""


def test_the_default_index_of_uv_is_its_last(tmp_path: Path) -> None:
    found = pyproject(tmp_path, UV, Client.UV)
    internal, pypi = found.sources
    assert (internal.name, internal.url, internal.explicit) == ("internal", "https://i.example/simple", True)
    assert (internal.secret, internal.verified, internal.aged) == (True, False, None)
    assert (pypi.name, pypi.aged, pypi.place) == ("pypi", True, Place("pyproject.toml", 15))
    assert found.semantics is Semantics.STRICT


def test_pins_of_uv_reach_requirements_and_overrides_and_no_constraints(tmp_path: Path) -> None:
    found = pyproject(tmp_path, UV, Client.UV)
    assert {(one.name, one.constraint): one.source for one in found.requirements} == {
        ("acme-core", False): "internal",
        ("acme-util", False): "internal",
        ("acme-core", True): None,
    }


def test_uv_adds_pypi_unless_an_index_is_the_default(tmp_path: Path) -> None:
    text = '[[tool.uv.index]]\nurl = "https://a.example"\n[tool.uv]\nindex-strategy = "unsafe-best-match"\n'
    found = pyproject(tmp_path, text, Client.UV)
    assert [(source.name, source.implicit) for source in found.sources] == [
        ("https://a.example", False),
        ("pypi", True),
    ]
    assert found.semantics is Semantics.BEST_MATCH


def test_uv_toml_replaces_the_table(tmp_path: Path) -> None:
    (tmp_path / "uv.toml").write_text('index-url = "https://b.example"\n')
    found = pyproject(tmp_path, '[tool.uv]\nindex-url = "https://a.example"\n', Client.UV)
    assert [source.url for source in found.sources] == ["https://b.example"]


def test_pip_takes_the_last_index_and_all_extra_ones(tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text(
        "[global]\nindex-url = https://a.example/simple\nextra-index-url =\n    https://b.example\n    https://c.example\n"
        "trusted-host = b.example\nconstraint = bridge-constraints.txt\n"
    )
    (tmp_path / "bridge-constraints.txt").write_text("acme-core @ https://i.example/a.whl#sha256=00\n")
    (tmp_path / "requirements.txt").write_text(
        "-i https://x.example \\\n  --extra-index-url=https://d.example\n"
        "-i=https://y.example # why\nnumpy>1 --hash=sha256:0\n"
    )
    found = only(tmp_path, Client.PIP)
    assert [source.url for source in found.sources] == [
        "https://y.example",
        "https://b.example",
        "https://c.example",
        "https://d.example",
    ]
    assert [source.place.line for source in found.sources] == [3, 4, 5, 1]
    assert found.semantics is Semantics.BEST_MATCH
    assert [(one.value, one.place.line) for one in found.setting("ignored-index-url")] == [("https://x.example", 1)]
    numpy, core = found.requirements
    assert (numpy.hashed, numpy.place) == (True, Place("requirements.txt", 4))
    assert (core.constraint, core.url, core.hashed) == (True, "https://i.example/a.whl", True)


def test_pip_without_an_index(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("--no-index\n--find-links https://l.example\nnumpy\n")
    (source,) = only(tmp_path, Client.PIP).sources
    assert (source.url, source.flat) == ("https://l.example", True)


def test_files_outside_of_the_project_are_not_read(tmp_path: Path) -> None:
    project = tmp_path / "p"
    project.mkdir()
    (tmp_path / "outside.txt").write_text("secret\n")
    (project / "requirements.txt").write_text(f"-r ../outside.txt\n-r {tmp_path}/outside.txt\n-r requirements.txt\n")
    assert only(project, Client.PIP).requirements == ()


@pytest.mark.parametrize(
    ("sources", "semantics", "names"),
    [
        ([("a", "primary"), ("b", "primary")], Semantics.BEST_MATCH, ["a", "b"]),
        ([("b", "supplemental"), ("a", "primary")], Semantics.FIRST_MATCH, ["a", "b"]),
        ([("b", "supplemental")], Semantics.FIRST_MATCH, ["pypi", "b"]),
        ([("b", "explicit")], Semantics.FIRST_MATCH, ["pypi", "b"]),
        ([("a", ""), ("b", "secondary")], Semantics.FIRST_MATCH, ["a", "b"]),
    ],
)
def test_poetry(tmp_path: Path, sources: list[tuple[str, str]], semantics: Semantics, names: list[str]) -> None:
    text = '[tool.poetry.dependencies]\npython = ">=3.11"\nacme-core = { version = "*", source = "b" }\n'
    for name, priority in sources:
        text += f'[[tool.poetry.source]]\nname = "{name}"\nurl = "https://{name}.example/"\npriority = "{priority}"\n'
    found = pyproject(tmp_path, text.replace('priority = ""\n', ""), Client.POETRY)
    assert ([source.name for source in found.sources], found.semantics) == (names, semantics)
    assert [one.source for one in found.requirements] == ["b", "b"]


PDM = """\
[[tool.pdm.source]]
name = "internal"
url = "https://i.example/simple"
verify_ssl = false
include_packages = ["acme-*"]
exclude_packages = ["*"]
"""


def test_pdm(tmp_path: Path) -> None:
    found = pyproject(tmp_path, PDM, Client.PDM)
    pypi, internal = found.sources
    assert (pypi.name, pypi.implicit, found.semantics) == ("pypi", True, Semantics.BEST_MATCH)
    assert (internal.offers("acme-core"), internal.offers("numpy"), internal.verified) == (True, False, False)


def test_pdm_with_a_source_of_the_name_pypi_and_an_order(tmp_path: Path) -> None:
    text = PDM + '[[tool.pdm.source]]\nname = "pypi"\nurl = "https://p.example"\n'
    found = pyproject(tmp_path, text + "[tool.pdm.resolution]\nrespect-source-order = true\n", Client.PDM)
    assert [source.name for source in found.sources] == ["internal", "pypi"]
    assert found.semantics is Semantics.FIRST_MATCH


HATCH = """\
[tool.hatch.envs.default]
dependencies = ["pytest"]
env-vars = { PIP_INDEX_URL = "https://a.example", PIP_EXTRA_INDEX_URL = "https://b.example https://c.example" }
"""


def test_hatch_with_pip(tmp_path: Path) -> None:
    found = pyproject(tmp_path, HATCH, Client.HATCH)
    assert found.program is Client.PIP
    assert [source.url for source in found.sources] == ["https://a.example", "https://b.example", "https://c.example"]
    assert [one.name for one in found.requirements] == ["pytest", "acme-core"]


def test_hatch_with_uv(tmp_path: Path) -> None:
    text = '[tool.hatch.envs.default]\ninstaller = "uv"\nenv-vars.UV_INDEX = "internal=https://i.example/s?x=1"\n'
    found = pyproject(tmp_path, text, Client.HATCH)
    assert found.program is Client.UV_PIP
    assert [(one.name, one.url) for one in found.sources] == [("internal", "https://i.example/s"), ("pypi", "")]


def test_hatch_with_a_file_for_uv(tmp_path: Path) -> None:
    (tmp_path / "hatch-uv.toml").write_text('[[index]]\nname = "o"\nurl = "https://o.example"\ndefault = true\n')
    text = '[tool.hatch.envs.default]\ninstaller = "uv"\nenv-vars.UV_CONFIG_FILE = "{root}/hatch-uv.toml"\n'
    assert [one.name for one in pyproject(tmp_path, text, Client.HATCH).sources] == ["o"]


def test_secrets_are_told_by_place_and_never_shown(tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text(
        "[global]\nindex-url = https://u:hunter2@a.example\nextra-index-url = https://${USER}:${PASS}@b.example\n"
    )
    (tmp_path / "uv.toml").write_text('token = "hunter2"\nkeyring-provider = "subprocess"\n')
    (tmp_path / ".netrc").write_text("machine h login u password hunter2\n")
    found = read_configurations(tmp_path)
    assert [(str(one.place), one.key) for one in found.secrets] == [
        (".netrc:1", "password"),
        ("pip.conf:2", "address"),
        ("uv.toml:1", "token"),
    ]
    assert "hunter2" not in repr(found)


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        (".condarc", "channels: [a", Code.BAD_METADATA),
        (".condarc", "[" * 100, Code.LIMIT),
        (".condarc", "[" * 100_000, Code.LIMIT),
        (".condarc", "a: &a [" + "x," * 50 + "]\n" + "".join(
            f"{two}: &{two} [" + f"*{one}," * 50 + "]\n" for one, two in zip("abcdef", "bcdefg", strict=True)
        ), Code.LIMIT),
        (".condarc", "a: &a [*a]\n", Code.BAD_METADATA),
        ("pyproject.toml", "[tool", Code.BAD_METADATA),
        ("uv.toml", "a = " + "[" * 5000, Code.LIMIT),
        ("pip.conf", "index-url = x\n", Code.BAD_METADATA),
        ("requirements.txt", "\udcff", Code.BAD_METADATA),
        ("environment.yml", "x" * (5 << 20), Code.LIMIT),
    ],
)  # fmt: skip
def test_files_that_cannot_be_read_are_told_and_stop_nothing(tmp_path: Path, name: str, text: str, code: Code) -> None:
    (tmp_path / "pixi.toml").write_text('[workspace]\nchannels = ["a"]\n')
    (tmp_path / name).write_bytes(text.encode("utf-8", "surrogateescape"))
    found = read_configurations(tmp_path)
    assert code in [problem.code for problem in found.problems]
    assert Client.PIXI in [config.client for config in found.configs]
    with pytest.raises(InvalidInput):
        read_configs(tmp_path)


@pytest.mark.parametrize("text", ["null", "[]", "1", "channels: 3", "channels: {a: b}", "{1: [2]}", "channels: [[a]]"])
def test_values_of_another_kind_are_passed_over(tmp_path: Path, text: str) -> None:
    for name in (".condarc", "environment.yml", ".mambarc"):
        (tmp_path / name).write_text(text)
    for config in read_configs(tmp_path):
        assert {source.name for source in config.sources} <= {"defaults", "3"}


def test_pipes_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".condarc")
    os.mkfifo(tmp_path / "requirements.txt")
    assert read_configurations(tmp_path).problems == ()
