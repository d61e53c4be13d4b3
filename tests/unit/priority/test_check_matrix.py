"""The answers by rule are those of the real clients, as they were measured (docs/priority-matrix.md).

Sources: `internal` above `public`, each name with a higher version in `public`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bridge.priority.catalogue import Listing
from bridge.priority.check import check
from bridge.priority.checked import Answer
from bridge.priority.policy import Ecosystem
from bridge.priority.report import Client
from tests.support.catalogues import (
    CONDA_INTERNAL,
    CONDA_PUBLIC,
    INTERNAL,
    PUBLIC,
    confused,
    listing,
    sources,
    write_files,
)

#: what a project requires -> the files of a client that has this requirement.
Config = Callable[[str], dict[str, str]]

INT = ("internal", "1.0")
NEW = ("public", "2.0")
SPOOFED = ("public", "99")
UNSAT = None

#: the requirement, and the name that is asked about.
COLUMNS = {
    "shared": ("shared", "shared"),
    "shared>=2": ("shared>=2", "shared"),
    "acme-core": ("acme-core", "acme-core"),
    "acme-core>=2": ("acme-core>=2", "acme-core"),
    "onlypub->acme-core": ("onlypub", "acme-core"),
}
STRICT = (INT, UNSAT, INT, UNSAT, INT)
FIRST_MATCH = (INT, NEW, INT, SPOOFED, INT)
BEST = (NEW, NEW, SPOOFED, SPOOFED, SPOOFED)
#: rattler with the gateway: strict priority is void for a bounded requirement of the project.
LEAKY = FIRST_MATCH


def condarc(priority: str, rest: str = "", name: str = ".condarc") -> Config:
    settings = f"channels: [{CONDA_INTERNAL}, {CONDA_PUBLIC}]\nchannel_priority: {priority}\n{rest}"
    return lambda text: {name: settings, "environment.yml": f'dependencies: ["{text}"]\n'}


def pixi(priority: str) -> Config:
    head = f'[workspace]\nchannels = ["{CONDA_INTERNAL}", "{CONDA_PUBLIC}"]\nchannel-priority = "{priority}"\n'

    def files(text: str) -> dict[str, str]:
        name, bound, version = text.partition(">=")
        return {"pixi.toml": f'{head}[dependencies]\n{name} = "{bound}{version or "*"}"\n'}

    return files


def pyproject(rest: str) -> Config:
    return lambda text: {
        "pyproject.toml": f'[project]\nname = "p"\nversion = "0"\ndependencies = ["{text}"]\n{rest}',
    }


def indexes(table: str, first: str, second: str) -> str:
    named = (("internal", INTERNAL, first), ("pypi", PUBLIC, second))
    return "".join(f'[[{table}]]\nname = "{name}"\nurl = "{url}"\n{rest}\n' for name, url, rest in named)


def uv(strategy: str) -> Config:
    return pyproject(indexes("tool.uv.index", "", "default = true") + f'[tool.uv]\nindex-strategy = "{strategy}"\n')


def hatch(installer: str) -> Config:
    variables = (
        f'PIP_INDEX_URL = "{INTERNAL}"\nPIP_EXTRA_INDEX_URL = "{PUBLIC}"\n'
        if installer == "pip"
        else f'UV_INDEX = "internal={INTERNAL}"\nUV_DEFAULT_INDEX = "{PUBLIC}"\n'
    )
    return pyproject(
        f'[tool.hatch.envs.default]\ninstaller = "{installer}"\n[tool.hatch.envs.default.env-vars]\n{variables}'
    )


def pip(text: str) -> dict[str, str]:
    return {
        "pip.conf": f"[global]\nindex-url = {INTERNAL}\nextra-index-url = {PUBLIC}\n",
        "requirements.txt": f"{text}\n",
    }


POETRY_SUPPLEMENTAL = pyproject(indexes("tool.poetry.source", "", 'priority = "supplemental"'))
PDM_ORDER = "[tool.pdm.resolution]\nrespect-source-order = true\n"
PDM_GLOBS = pyproject(
    indexes(
        "tool.pdm.source", 'include_packages = ["acme-*"]\nexclude_packages = ["*"]', 'exclude_packages = ["acme-*"]'
    )
)

MATRIX: list[tuple[str, Client, Config, tuple[tuple[str, str] | None, ...]]] = [
    ("conda strict", Client.CONDA, condarc("strict"), STRICT),
    ("conda with rattler, strict", Client.CONDA, condarc("strict", "solver: rattler\n"), STRICT),
    ("conda flexible", Client.CONDA, condarc("flexible"), FIRST_MATCH),
    ("conda with rattler, flexible", Client.CONDA, condarc("flexible", "solver: rattler\n"), BEST),
    ("conda disabled", Client.CONDA, condarc("disabled"), BEST),
    ("mamba strict", Client.MAMBA, condarc("strict", name=".mambarc"), STRICT),
    ("mamba flexible", Client.MAMBA, condarc("flexible", name=".mambarc"), FIRST_MATCH),
    ("mamba disabled", Client.MAMBA, condarc("disabled", name=".mambarc"), BEST),
    ("pixi strict", Client.PIXI, pixi("strict"), LEAKY),
    ("pixi flexible", Client.PIXI, pixi("flexible"), FIRST_MATCH),
    ("pixi disabled", Client.PIXI, pixi("disabled"), BEST),
    ("uv first-index", Client.UV, uv("first-index"), STRICT),
    ("uv unsafe-first-match", Client.UV, uv("unsafe-first-match"), FIRST_MATCH),
    ("uv unsafe-best-match", Client.UV, uv("unsafe-best-match"), BEST),
    ("pip", Client.PIP, pip, BEST),
    ("poetry, two primary", Client.POETRY, pyproject(indexes("tool.poetry.source", "", "")), BEST),
    ("poetry supplemental", Client.POETRY, POETRY_SUPPLEMENTAL, FIRST_MATCH),
    ("pdm", Client.PDM, pyproject(indexes("tool.pdm.source", "", "")), BEST),
    ("pdm in order", Client.PDM, pyproject(indexes("tool.pdm.source", "", "") + PDM_ORDER), FIRST_MATCH),
    ("pdm with globs", Client.PDM, PDM_GLOBS, (NEW, NEW, INT, UNSAT, INT)),
    ("hatch with pip", Client.HATCH, hatch("pip"), BEST),
    ("hatch with uv", Client.HATCH, hatch("uv"), STRICT),
]
CELLS = [
    pytest.param(client, config, *COLUMNS[column], cell, id=f"{row}: {column}")
    for row, client, config, cells in MATRIX
    for column, cell in zip(COLUMNS, cells, strict=True)
]


def answer(project: Path, files: dict[str, str], client: Client, name: str) -> Answer:
    write_files(project, files)
    report = check(project, sources(""), confused())
    (found,) = (one for row in report.names if row.name == name for one in row.answers if one.client is client)
    return found


def cell(found: Answer) -> tuple[str | None, str] | None:
    return (found.origin.source, found.version) if found.origin is not None else None


@pytest.mark.parametrize(("client", "config", "required", "name", "expected"), CELLS)
def test_a_client_is_said_to_take_what_it_takes(
    tmp_path: Path, client: Client, config: Config, required: str, name: str, expected: tuple[str, str] | None
) -> None:
    found = answer(tmp_path, config(required), client, name)
    assert cell(found) == expected
    assert found.why.fails is (expected is None)
    assert found.required
    assert not found.unseen


@pytest.mark.parametrize(
    ("client", "files", "expected"),
    [
        (Client.CONDA, condarc("strict")(f"{CONDA_PUBLIC}::shared"), UNSAT),
        (Client.MAMBA, condarc("strict", name=".mambarc")(f"{CONDA_PUBLIC}::shared"), UNSAT),
        (Client.CONDA, condarc("strict", "solver: rattler\n")(f"{CONDA_PUBLIC}::shared"), NEW),
        (Client.CONDA, condarc("flexible")(f"{CONDA_PUBLIC}::shared"), NEW),
        (Client.CONDA, condarc("disabled")(f"{CONDA_PUBLIC}::shared"), NEW),
        (
            Client.PIXI,
            {"pixi.toml": pixi("strict")("shared")["pixi.toml"].replace('"*"', f'{{ channel = "{CONDA_PUBLIC}" }}')},
            NEW,
        ),
        (
            Client.UV,
            uv("first-index")("shared")["pyproject.toml"] + '[tool.uv.sources]\nshared = { index = "pypi" }\n',
            NEW,
        ),
        (
            Client.POETRY,
            POETRY_SUPPLEMENTAL("shared")["pyproject.toml"]
            + '[tool.poetry.dependencies]\nshared = { version = "*", source = "pypi" }\n',
            NEW,
        ),
    ],
)
def test_a_pin_to_the_lower_source_does_what_it_does(
    tmp_path: Path, client: Client, files: dict[str, str] | str, expected: tuple[str, str] | None
) -> None:
    written = {"pyproject.toml": files} if isinstance(files, str) else files
    assert cell(answer(tmp_path, written, client, "shared")) == expected


@pytest.mark.parametrize(
    ("pin", "name", "expected"),
    [("", "acme-core", SPOOFED), ('acme-core = { version = "*", source = "internal" }\n', "acme-core", INT)],
)
def test_an_explicit_source_of_poetry_covers_what_a_pin_names(
    tmp_path: Path, pin: str, name: str, expected: tuple[str, str]
) -> None:
    table = indexes("tool.poetry.source", 'priority = "explicit"', "")
    group = f"[tool.poetry.group.pins]\noptional = true\n[tool.poetry.group.pins.dependencies]\n{pin}" if pin else ""
    files = pyproject(table + group)("onlypub")
    assert cell(answer(tmp_path, files, Client.POETRY, name)) == expected


OVERLAY = "https://overlays.example/pypi/simple"
OVERLAY_CONDA = "https://overlays.example/conda"


@pytest.mark.parametrize(
    ("client", "config"),
    [
        (Client.UV, pyproject(f'[[tool.uv.index]]\nname = "bridge"\nurl = "{OVERLAY}"\ndefault = true\n')),
        (Client.POETRY, pyproject(f'[[tool.poetry.source]]\nname = "bridge"\nurl = "{OVERLAY}"\n')),
        (Client.PDM, pyproject(f'[[tool.pdm.source]]\nname = "pypi"\nurl = "{OVERLAY}"\n')),
        (Client.PIP, lambda text: {"pip.conf": f"[global]\nindex-url = {OVERLAY}\n", "requirements.txt": text}),
        (
            Client.CONDA,
            lambda text: {
                ".condarc": f"channels: [{OVERLAY_CONDA}/internal, {OVERLAY_CONDA}/public]\n",
                "environment.yml": f'dependencies: ["{text}"]\n',
            },
        ),
    ],
)
def test_every_client_of_overlays_does_what_the_policy_says(tmp_path: Path, client: Client, config: Config) -> None:
    mine, shared, onlypub = {"acme-core": ["1.0"]}, {"shared": ["1.0"]}, {"onlypub": ["1.0;acme-core"]}
    merged = {
        **listing(OVERLAY, {**mine, **shared}, files=INTERNAL).projects,
        **listing(OVERLAY, onlypub, files=PUBLIC).projects,
    }
    overlays = confused(
        listing(f"{OVERLAY_CONDA}/internal", {**mine, **shared}, Ecosystem.CONDA, files=CONDA_INTERNAL),
        listing(f"{OVERLAY_CONDA}/public", onlypub, Ecosystem.CONDA, files=CONDA_PUBLIC),
        Listing(OVERLAY, Ecosystem.PYPI, merged),
    )
    for place, (required, name) in enumerate(COLUMNS.values()):
        project = write_files(tmp_path / str(place), config(required))
        (row,) = (one for one in check(project, sources(), overlays).names if one.name == name)
        (found,) = (one for one in row.answers if one.client is client)
        assert cell(found) == STRICT[place]
        assert not row.wrong
