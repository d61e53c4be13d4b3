"""From where clients take a package in the less usual cases; what is expected was measured with the real clients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bridge.priority.catalogue import Catalogue, CataloguedFile, CataloguedProject, Listing, Silence
from bridge.priority.configs.read import read_configs
from bridge.priority.policy import Ecosystem
from bridge.priority.taking import Taken, Why, take_all
from tests.support.audit_projects import INTERNAL, PUBLIC, Versions, listing, pyproject, write

#: requirements -> the files of a project that has them.
Files = Callable[..., dict[str, str]]

TWO = f'[[tool.{{0}}]]\nname = "internal"\nurl = "{INTERNAL}"\n[[tool.{{0}}]]\nname = "pypi"\nurl = "{PUBLIC}"\n{{1}}'
UV_BEST = '[tool.uv]\nindex-strategy = "unsafe-best-match"\n' + TWO.format("uv.index", "default = true\n")


def pip(*requirements: str, main: str = INTERNAL, extra: str = PUBLIC) -> dict[str, str]:
    return {
        "pip.conf": f"[global]\nindex-url = {main}\nextra-index-url = {extra}\n",
        "requirements.txt": "".join(f"{text}\n" for text in requirements),
    }


def uv(*requirements: str) -> dict[str, str]:
    return {"pyproject.toml": pyproject(requirements, UV_BEST)}


def poetry(*requirements: str) -> dict[str, str]:
    return {"pyproject.toml": pyproject(requirements, TWO.format("poetry.source", ""))}


def pdm(*requirements: str) -> dict[str, str]:
    return {"pyproject.toml": pyproject(requirements, TWO.format("pdm.source", ""))}


def uv_in_order(*requirements: str) -> dict[str, str]:
    return {"pyproject.toml": pyproject(requirements, UV_BEST.replace("unsafe-best-match", "first-index"))}


#: each takes the best version of both sources.
COMPARING = [("pip", pip), ("uv", uv), ("poetry", poetry)]


def taken(project: Path, files: dict[str, str], *listings: Listing) -> dict[str, Taken]:
    (config,) = read_configs(write(project, files))
    return {one.name: one for one in take_all(config, Ecosystem.PYPI, Catalogue(listings))}


def sources(internal: Versions, public: Versions) -> tuple[Listing, Listing]:
    return listing(INTERNAL, internal), listing(PUBLIC, public)


def origin(one: Taken) -> tuple[str, str]:
    assert one.source is not None
    assert one.file is not None
    return one.source.url, one.file.version


@pytest.mark.parametrize("write_for", [case[1] for case in COMPARING], ids=[case[0] for case in COMPARING])
def test_a_source_with_nothing_but_prereleases_does_not_count_where_another_has_a_final_release(
    tmp_path: Path, write_for: Files
) -> None:
    both = sources({"shared": ["1.0"]}, {"shared": ["2.0rc1"]})
    assert origin(taken(tmp_path / "a", write_for("shared"), *both)["shared"]) == (INTERNAL, "1.0")
    assert origin(taken(tmp_path / "b", write_for("shared>=1.0rc1"), *both)["shared"]) == (PUBLIC, "2.0rc1")
    early = sources({"shared": ["1.0rc1"]}, {"shared": ["2.0rc1"]})
    assert origin(taken(tmp_path / "c", write_for("shared"), *early)["shared"]) == (PUBLIC, "2.0rc1")


def test_of_equal_versions_pip_takes_the_last_index_and_the_others_the_first(tmp_path: Path) -> None:
    both = sources({"shared": ["1.0"]}, {"shared": ["1.0"]})
    assert origin(taken(tmp_path / "a", pip("shared"), *both)["shared"]) == (PUBLIC, "1.0")
    turned = pip("shared", main=PUBLIC, extra=INTERNAL)
    assert origin(taken(tmp_path / "b", turned, *both)["shared"]) == (INTERNAL, "1.0")
    assert origin(taken(tmp_path / "c", uv("shared"), *both)["shared"]) == (INTERNAL, "1.0")
    assert origin(taken(tmp_path / "d", poetry("shared"), *both)["shared"]) == (INTERNAL, "1.0")


def test_a_variant_is_no_wheel_to_clients_that_cannot_read_its_name(tmp_path: Path) -> None:
    internal, public = sources({"shared": ["1.0"]}, {"shared": ["2.0"]})
    (file,) = public.projects["shared"].files
    labelled = replace(public, projects={"shared": CataloguedProject("shared", (replace(file, label="cu12"),))})
    assert origin(taken(tmp_path / "pip", pip("shared"), internal, labelled)["shared"]) == (INTERNAL, "1.0")
    assert origin(taken(tmp_path / "uv", uv("shared"), internal, labelled)["shared"]) == (PUBLIC, "2.0")


@pytest.mark.parametrize("write_for", [case[1] for case in COMPARING], ids=[case[0] for case in COMPARING])
def test_what_an_extra_requires_is_followed_where_the_extra_is_asked_for(tmp_path: Path, write_for: Files) -> None:
    both = sources({"acme-gpu": ["1.0"]}, {"acme-gpu": ["99"]})
    kit = CataloguedFile("kit-1-py3-none-any.whl", "1", requires=("acme-gpu; extra == 'gpu-1'", "plain"))
    mine = replace(both[1], projects={**both[1].projects, "kit": CataloguedProject("kit", (kit,))})
    found = taken(tmp_path / "a", write_for("kit[gpu_1]"), both[0], mine)
    assert origin(found["acme-gpu"]) == (PUBLIC, "99")
    assert set(taken(tmp_path / "b", write_for("kit"), both[0], mine)) == {"kit", "plain"}


def test_extras_reach_through_requirements_and_are_joined(tmp_path: Path) -> None:
    files = {
        "app": CataloguedFile("app-1-py3-none-any.whl", "1", requires=("kit[two]",)),
        "kit": CataloguedFile("kit-1-py3-none-any.whl", "1", requires=("a; extra == 'one'", "b; extra == 'two'")),
    }
    index = Listing(INTERNAL, Ecosystem.PYPI, {name: CataloguedProject(name, (file,)) for name, file in files.items()})
    config = {"pip.conf": f"[global]\nindex-url = {INTERNAL}\n", "requirements.txt": "kit[one]\napp\n"}
    found = taken(tmp_path, config, index)
    assert (sorted(found), found["kit"].extras) == (["a", "app", "b", "kit"], ("one", "two"))
    assert found["a"].why is Why.ABSENT


#: which kinds of failure of the first source a client passes over (measured: nobody listens; 500; 401 and 403).
GOING_ON = [
    ("pip", pip, {Silence.UNREACHED, Silence.REFUSED, Silence.DENIED}),
    ("pdm", pdm, {Silence.REFUSED, Silence.DENIED}),
    ("poetry", poetry, {Silence.DENIED}),
    ("uv, best match", uv, {Silence.DENIED}),
    ("uv, in order", uv_in_order, set()),
]


@pytest.mark.parametrize("silence", list(Silence))
@pytest.mark.parametrize(("write_for", "passed_over"), [one[1:] for one in GOING_ON], ids=[one[0] for one in GOING_ON])
def test_clients_pass_over_a_source_that_fails_in_some_ways(
    tmp_path: Path, write_for: Files, passed_over: set[Silence], silence: Silence
) -> None:
    internal, public = sources({}, {"shared": ["2.0"]})
    failing = replace(internal, reachable=False, silence=silence)
    found = taken(tmp_path, write_for("shared"), failing, public)["shared"]
    assert (found.why is not Why.UNREACHABLE) is (silence in passed_over)


def test_pdm_in_order_passes_over_a_source_that_has_only_prereleases(tmp_path: Path) -> None:
    both = sources({"shared": ["1.0rc1"]}, {"shared": ["2.0"]})
    ordered = pyproject(["shared"], TWO.format("pdm.source", "[tool.pdm.resolution]\nrespect-source-order = true\n"))
    assert origin(taken(tmp_path / "pdm", {"pyproject.toml": ordered}, *both)["shared"]) == (PUBLIC, "2.0")
    lower = TWO.format("poetry.source", 'priority = "supplemental"\n')
    files = {"pyproject.toml": pyproject(["shared"], lower)}
    assert origin(taken(tmp_path / "poetry", files, *both)["shared"]) == (INTERNAL, "1.0rc1")


def test_pdm_accepts_the_files_of_every_source_that_has_the_version(tmp_path: Path) -> None:
    both = sources({"shared": ["1.0"]}, {"shared": ["1.0"]})
    found = taken(tmp_path / "a", pdm("shared"), *both)["shared"]
    assert (origin(found), [one.url for one in found.rivals]) == ((INTERNAL, "1.0"), [PUBLIC])
    copied = replace(both[1], projects=both[0].projects)
    assert taken(tmp_path / "b", pdm("shared"), both[0], copied)["shared"].rivals == ()
    assert taken(tmp_path / "c", poetry("shared"), *both)["shared"].rivals == ()
