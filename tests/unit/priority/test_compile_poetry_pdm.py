"""The policy for poetry and pdm, and the globs that pdm gets."""

from __future__ import annotations

import fnmatch
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.priority.compile_pdm import compile_pdm
from bridge.priority.compile_poetry import compile_poetry
from bridge.priority.context import CompileContext, OverlayUrls
from bridge.priority.globs import globs_of
from bridge.priority.policy import NamePattern
from bridge.priority.report import Rule, Verdict
from tests.support.python_policies import CLAIM, CURATED, SOURCES, policy_of, text_of, verdicts

BOTH = ("internal", "curated", "world")
NAMES = st.text("ab-", min_size=1, max_size=6)


def poetry(policy: object, **context: object) -> dict[str, object]:
    compiled = compile_poetry(policy, CompileContext(**context))  # type: ignore[arg-type]
    return tomllib.loads(text_of(compiled, "pyproject.toml"))["tool"]["poetry"]


def pdm(policy: object, **context: object) -> dict[str, object]:
    compiled = compile_pdm(policy, CompileContext(**context))  # type: ignore[arg-type]
    return tomllib.loads(text_of(compiled, "pyproject.toml"))["tool"]["pdm"]


def test_poetry_pins_claimed_names_in_a_group_that_nobody_installs() -> None:
    document = poetry(policy_of())
    assert document["group"]["bridge-pins"] == {
        "optional": True,
        "dependencies": {"acme-core": {"version": "*", "source": "internal"}},
    }
    assert [(source["name"], source["priority"]) for source in document["source"]] == [
        ("internal", "explicit"),
        ("world", "primary"),
    ]
    assert compile_poetry(policy_of(), CompileContext()).worst() is Verdict.EXACT


def test_poetry_keeps_the_name_pypi_for_itself() -> None:
    rest = SOURCES.replace("sources.world", "sources.pypi") + CURATED.replace("sources.curated", "sources.pypi-index")
    names = [source["name"] for source in poetry(policy_of(rest, order=("internal", "pypi", "pypi-index")))["source"]]
    assert names == ["internal", "pypi-index-x", "pypi-index"]


@pytest.mark.parametrize(
    ("default", "verdict", "priority"),
    [
        ("strict", Verdict.WEAKER, "supplemental"),
        ("first-match", Verdict.EXACT, "supplemental"),
        ("best-match", Verdict.EXACT, "primary"),
    ],
)
def test_poetry_with_several_sources(default: str, verdict: Verdict, priority: str) -> None:
    policy = policy_of(SOURCES + CURATED, order=BOTH, default=default)
    compiled = compile_poetry(policy, CompileContext())
    assert verdicts(compiled, Rule.ORDER)["policy"][0] is verdict
    assert poetry(policy)["source"][-1]["priority"] == priority


def test_poetry_says_what_it_cannot_pin() -> None:
    compiled = compile_poetry(policy_of(), CompileContext(projects=()))
    assert verdicts(compiled, Rule.CLAIM_TRANSITIVE) == {"acme-core": (Verdict.WEAKER, "CB433")}


def test_pdm_says_claims_by_globs() -> None:
    policy = policy_of(SOURCES + CLAIM.replace("acme-core", "acme-*"))
    assert pdm(policy)["source"] == [
        {
            "name": "internal",
            "url": "https://index.example/internal/",
            "include_packages": ["acme-*"],
            "exclude_packages": ["*"],
        },
        {"name": "world", "url": "https://index.example/world/", "exclude_packages": ["acme-*"]},
        {"name": "pypi", "exclude_packages": ["*"]},
    ]
    assert compile_pdm(policy, CompileContext()).worst() is Verdict.EXACT


def test_pdm_leaves_a_more_specific_claim_alone() -> None:
    rest = SOURCES + CLAIM.replace("acme-core", "a-*") + '[[claims]]\npackages = ["a-b"]\nfrom = ["world"]\n'
    internal, world, _ = pdm(policy_of(rest))["source"]
    for name, owner in (("a-b", world), ("a-bc", internal), ("a-c", internal), ("a-", internal)):
        including = [
            source
            for source in (internal, world)
            if any(fnmatch.fnmatchcase(name, glob) for glob in source["include_packages"])
        ]
        assert including == [owner], name


@pytest.mark.parametrize("default", ["strict", "first-match", "best-match"])
def test_pdm_with_several_sources(default: str) -> None:
    policy = policy_of(SOURCES + CURATED, order=BOTH, default=default)
    expected = (Verdict.WEAKER, "CB431") if default == "strict" else (Verdict.EXACT, None)
    assert verdicts(compile_pdm(policy, CompileContext()), Rule.ORDER) == {"policy": expected}
    assert pdm(policy).get("resolution", {}) == ({} if default == "best-match" else {"respect-source-order": True})


@pytest.mark.parametrize("compiler", [compile_pdm, compile_poetry])
def test_an_overlay_is_the_only_source(compiler: object) -> None:
    context = CompileContext(overlays=OverlayUrls(pypi="https://o.example/simple/"))
    compiled = compiler(policy_of(SOURCES + CURATED + CLAIM, order=BOTH), context)  # type: ignore[operator]
    assert compiled.worst() is Verdict.EXACT
    assert "index.example" not in "".join(file.text for file in compiled.files)


@given(NAMES, st.lists(st.tuples(NAMES, st.booleans()), max_size=4), NAMES)
def test_globs_match_what_is_meant_and_no_more(stem: str, taken: list[tuple[str, bool]], rest: str) -> None:
    pattern = NamePattern(stem, wildcard=True)
    holes = [NamePattern(stem + text, wildcard) for text, wildcard in taken]
    globs = globs_of(pattern, holes)
    for name in {rest, stem, stem + rest, *(stem + text + tail for text, _ in taken for tail in ("", rest))}:
        meant = pattern.matches(name) and not any(hole.matches(name) for hole in holes)
        assert any(fnmatch.fnmatchcase(name, glob) for glob in globs) is meant, (name, globs)
