"""The policy for uv's projects and for `uv pip`."""

from __future__ import annotations

import tomllib
from datetime import timedelta

import pytest
from packaging.utils import canonicalize_name

from bridge.errors import InvalidInput
from bridge.priority.compile_uv import compile_uv, compile_uv_pip
from bridge.priority.context import CompileContext, OverlayUrls
from bridge.priority.report import Rule, Verdict
from bridge.priority.uv_indexes import duration
from tests.support.python_policies import CLAIM, CURATED, SOURCES, policy_of, resolved, text_of, verdicts

HIDDEN = """
[[claims]]
packages = ["acme-native"]
from = ["channel"]
[sources.channel]
conda = "https://conda.example/acme"
trust = "first-party"
"""


def project(policy: object, **context: object) -> dict[str, object]:
    compiled = compile_uv(policy, CompileContext(**context))  # type: ignore[arg-type]
    return tomllib.loads(text_of(compiled, "pyproject.toml"))


def test_a_claimed_name_is_pinned_and_required_by_a_group() -> None:
    document = project(policy_of())
    assert document["dependency-groups"] == {"bridge-pins": ["acme-core"]}
    assert document["tool"] == {
        "uv": {
            "index-strategy": "first-index",
            "sources": {"acme-core": {"index": "internal"}},
            "index": [
                {"name": "internal", "url": "https://index.example/internal/", "explicit": True},
                {"name": "world", "url": "https://index.example/world/", "default": True},
            ],
        }
    }
    compiled = compile_uv(policy_of(), CompileContext())
    assert compiled.worst() is Verdict.EXACT


def test_what_nothing_requires_now_is_kept_out_until_the_next_time() -> None:
    document = project(policy_of(), projects=(canonicalize_name("numpy"),))
    assert document["tool"]["uv"]["constraint-dependencies"] == ["acme-core<0"]
    assert "dependency-groups" not in document


def test_a_name_that_no_index_may_provide_is_kept_out() -> None:
    policy = policy_of(SOURCES + HIDDEN, order=("channel", "internal", "world"))
    assert project(policy)["tool"]["uv"]["constraint-dependencies"] == ["acme-native<0"]


@pytest.mark.parametrize(
    ("default", "strategy"),
    [("strict", "first-index"), ("first-match", "unsafe-first-match"), ("best-match", "unsafe-best-match")],
)
def test_all_semantics_have_their_strategy(default: str, strategy: str) -> None:
    assert project(policy_of(default=default))["tool"]["uv"]["index-strategy"] == strategy


def test_patterns_need_the_names() -> None:
    policy = policy_of(SOURCES + CLAIM.replace("acme-core", "acme-*"))
    unknown = compile_uv(policy, CompileContext())
    assert verdicts(unknown, Rule.CLAIM_TRANSITIVE) == {"acme-*": (Verdict.WEAKER, "CB433")}
    assert all(entry.first_party for entry in unknown.report if entry.rule is Rule.CLAIM_DIRECT)
    names = (canonicalize_name("acme-b"), canonicalize_name("acme-a"), canonicalize_name("other"))
    known = compile_uv(policy, CompileContext(projects=names))
    assert verdicts(known, Rule.CLAIM_TRANSITIVE) == {"acme-*": (Verdict.EXACT, None)}
    assert tomllib.loads(text_of(known, "pyproject.toml"))["dependency-groups"]["bridge-pins"] == ["acme-a", "acme-b"]


def test_the_condition_of_a_claim_is_written() -> None:
    document = project(policy_of(SOURCES + CLAIM + "when = \"sys_platform == 'linux'\"\n"))
    assert document["tool"]["uv"]["sources"]["acme-core"] == [
        {"index": "internal", "marker": 'sys_platform == "linux"'}
    ]
    assert document["dependency-groups"]["bridge-pins"] == ['acme-core ; sys_platform == "linux"']


def test_only_claimed_sources_do_not_let_pypi_in() -> None:
    rest = SOURCES.replace('trust = "public"', 'trust = "public"\nrole = "claimed-only"')
    index = project(policy_of(rest))["tool"]["uv"]["index"][-1]
    assert index["explicit"]
    assert index["default"]
    assert project(policy_of('[sources.c]\nconda = "https://c.example/c"\ntrust = "public"\n', order=("c",)))["tool"][
        "uv"
    ]["no-index"]


def test_an_overlay_is_the_only_index() -> None:
    compiled = compile_uv(policy_of(), CompileContext(overlays=OverlayUrls(pypi="https://o.example/simple/")))
    document = tomllib.loads(text_of(compiled, "pyproject.toml"))
    assert document["tool"]["uv"]["index"] == [
        {"name": "bridge-overlay", "url": "https://o.example/simple/", "default": True}
    ]
    assert document.keys() == {"tool"}
    assert compiled.worst() is Verdict.EXACT


def test_an_overlay_index_cannot_pass_over_a_source_for_its_versions() -> None:
    both = policy_of(SOURCES + CURATED, order=("internal", "curated", "world"), default="first-match")
    overlays = CompileContext(overlays=OverlayUrls(pypi="https://o.example/simple/"))
    assert verdicts(compile_uv(both, overlays), Rule.ORDER) == {"policy": (Verdict.STRICTER, "CB430")}
    one = policy_of(default="first-match")
    assert verdicts(compile_uv(one, overlays), Rule.ORDER) == {"policy": (Verdict.EXACT, None)}


def test_404_of_a_whole_index_is_reported_only_where_there_is_a_next_one() -> None:
    both = policy_of(SOURCES + CURATED, order=("internal", "curated", "world"))
    assert verdicts(compile_uv(both, CompileContext()), Rule.UNREACHABLE) == {"policy": (Verdict.WEAKER, "CB432")}
    assert verdicts(compile_uv(policy_of(), CompileContext()), Rule.UNREACHABLE) == {"policy": (Verdict.EXACT, None)}
    warns = policy_of(on_unreachable="warn")
    assert verdicts(compile_uv(warns, CompileContext()), Rule.UNREACHABLE) == {"policy": (Verdict.STRICTER, "CB432")}


def test_uv_pip_gets_addresses_or_keeps_names_out() -> None:
    without = compile_uv_pip(policy_of(), CompileContext())
    assert tomllib.loads(text_of(without, "uv-pip.toml"))["constraint-dependencies"] == ["acme-core<0"]
    assert verdicts(without, Rule.CLAIM_DIRECT) == {"acme-core": (Verdict.STRICTER, "CB434")}
    given = compile_uv_pip(policy_of(), CompileContext(resolution=resolved("acme-core", "internal")))
    line = f"acme-core @ https://f.example/acme_core-1.0-py3-none-any.whl#sha256={1:064x}"
    assert tomllib.loads(text_of(given, "uv-pip.toml"))["constraint-dependencies"] == [line]
    assert given.worst() is Verdict.EXACT
    assert "internal" not in text_of(given, "uv-pip.toml")


def test_credentials_are_only_referred_to() -> None:
    policy = policy_of(SOURCES.replace('"claimed-only"', '"claimed-only"\ncredentials = "env:ACME_TOKEN"') + CLAIM)
    compiled = compile_uv(policy, CompileContext())
    assert verdicts(compiled, Rule.CREDENTIALS) == {"internal": (Verdict.IMPOSSIBLE, "CB437")}
    assert 'authenticate = "always"' in text_of(compiled, "pyproject.toml")
    (entry,) = (entry for entry in compiled.report if entry.rule is Rule.CREDENTIALS)
    assert "UV_INDEX_INTERNAL_PASSWORD" in entry.advice


@pytest.mark.parametrize(
    ("age", "text"),
    [
        (timedelta(days=7), "P7D"),
        (timedelta(hours=36), "PT36H"),
        (timedelta(minutes=90), "PT5400S"),
        (timedelta(microseconds=1), "PT1S"),
    ],
)
def test_ages_are_never_shortened(age: timedelta, text: str) -> None:
    assert duration(age) == text


@pytest.mark.parametrize(
    ("name", "source", "base", "reason"),
    [
        ("acme-core", "world", "https://f.example", "claim"),
        ("other", "internal", "https://f.example", "claimed names only"),
        ("acme-core", "nowhere", "https://f.example", "no index"),
        ("acme-core", "internal", "https://user:hunter2@f.example", "credentials"),
        ("acme-core", "internal", "https://f.example/${HOME}", "plain"),
        ("acme-core", "internal", "https://f.example/\n--index-url x", "plain"),
        ("acme-core", "internal", "ftp://f.example", "plain"),
        ("acme-core", "internal", "http://[f.example", "plain"),
    ],
)
def test_a_resolution_that_breaks_the_policy_is_refused(name: str, source: str, base: str, reason: str) -> None:
    context = CompileContext(resolution=resolved(name, source, base=base))
    with pytest.raises(InvalidInput, match=reason) as refused:
        compile_uv_pip(policy_of(), context)
    assert refused.value.code.number == "CB436"
    assert "hunter2" not in str(refused.value)
