"""The policy for pip, and constraints."""

from __future__ import annotations

import configparser

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bridge.priority.compile_pip import compile_pip
from bridge.priority.context import CompileContext, OverlayUrls
from bridge.priority.report import Compiled, Rule, Verdict
from tests.support.python_policies import CLAIM, CURATED, SOURCES, policy_of, resolved, text_of, verdicts

BOTH = ("internal", "curated", "world")


def settings(compiled: Compiled) -> dict[str, str]:
    parser = configparser.RawConfigParser()
    parser.read_string(text_of(compiled, "pip.conf"))
    assert parser.sections() == ["global"]
    return dict(parser["global"])


def lines(compiled: Compiled) -> list[str]:
    text = text_of(compiled, "bridge-constraints.txt")
    found = [line for line in text.splitlines() if not line.startswith("#")]
    assert all(Requirement(line) for line in found)
    return found


def test_one_source_suffices_for_what_nobody_claims() -> None:
    compiled = compile_pip(policy_of(SOURCES), CompileContext())
    assert settings(compiled) == {"index-url": "https://index.example/world/"}
    assert compiled.worst() is Verdict.EXACT


def test_a_claimed_name_comes_by_address_and_hash() -> None:
    compiled = compile_pip(policy_of(), CompileContext(resolution=resolved("acme-core", "internal")))
    assert settings(compiled) == {
        "index-url": "https://index.example/world/",
        "constraint": "bridge-constraints.txt",
        "build-constraint": "bridge-constraints.txt",
    }
    assert lines(compiled) == [f"acme-core @ https://f.example/acme_core-1.0-py3-none-any.whl#sha256={1:064x}"]
    assert compiled.worst() is Verdict.EXACT


@pytest.mark.parametrize("filenames", [(), ("acme_core-1.0-cp311-cp311-win_amd64.whl", "acme_core-1.0.tar.gz")])
def test_without_one_file_that_will_do_the_name_is_kept_out(filenames: tuple[str, ...]) -> None:
    resolution = resolved("acme-core", "internal", *filenames) if filenames else None
    compiled = compile_pip(policy_of(), CompileContext(resolution=resolution))
    assert lines(compiled) == ["acme-core<0"]
    assert verdicts(compiled, Rule.CLAIM_TRANSITIVE) == {"acme-core": (Verdict.STRICTER, "CB434")}


def test_a_wheel_for_everybody_is_taken_before_others() -> None:
    names = ("acme_core-1.0.tar.gz", "acme_core-1.0-py3-none-any.whl")
    compiled = compile_pip(policy_of(), CompileContext(resolution=resolved("acme-core", "internal", *names)))
    assert names[1] in lines(compiled)[0]


def test_several_sources_are_never_given_to_pip_together() -> None:
    policy = policy_of(SOURCES + CURATED + CLAIM, order=BOTH)
    compiled = compile_pip(policy, CompileContext())
    assert "extra-index-url" not in settings(compiled)
    assert settings(compiled)["index-url"] == "https://index.example/curated/"
    assert verdicts(compiled, Rule.ORDER) == {"policy": (Verdict.STRICTER, "CB430")}
    whole = compile_pip(policy, CompileContext(resolution=resolved("numpy", "world")))
    assert verdicts(whole, Rule.ORDER) == {"policy": (Verdict.EXACT, None)}
    assert any(line.startswith("numpy @ ") for line in lines(whole))


def test_without_claims_best_match_is_what_pip_does() -> None:
    policy = policy_of(SOURCES.replace('role = "claimed-only"\n', ""), default="best-match")
    compiled = compile_pip(policy, CompileContext())
    assert settings(compiled)["extra-index-url"].split() == ["https://index.example/world/"]
    assert verdicts(compiled, Rule.ORDER) == {"policy": (Verdict.EXACT, None)}
    claimed = policy_of(SOURCES.replace('role = "claimed-only"\n', "") + CLAIM, default="best-match")
    assert "extra-index-url" not in settings(compile_pip(claimed, CompileContext()))


def test_a_claim_of_the_only_index_needs_nothing() -> None:
    policy = policy_of(SOURCES + CLAIM.replace("internal", "world").replace("acme-core", "acme-*"))
    compiled = compile_pip(policy, CompileContext())
    assert verdicts(compiled, Rule.CLAIM_DIRECT) == {"acme-*": (Verdict.EXACT, None)}
    assert len(compiled.files) == 1


@pytest.mark.parametrize(("age", "days", "verdict"), [("7d", "P7D", Verdict.EXACT), ("36h", "P2D", Verdict.STRICTER)])
def test_ages_are_whole_days(age: str, days: str, verdict: Verdict) -> None:
    policy = policy_of(SOURCES + f'min-age = "{age}"\n')
    compiled = compile_pip(policy, CompileContext())
    assert settings(compiled)["uploaded-prior-to"] == days
    assert verdicts(compiled, Rule.MIN_AGE)["world"][0] is verdict


def test_an_overlay_is_the_only_index() -> None:
    context = CompileContext(overlays=OverlayUrls(pypi="https://o.example/simple/"))
    policy = policy_of(SOURCES + CURATED + CLAIM.replace("core", "*"), order=BOTH)
    compiled = compile_pip(policy, context)
    assert settings(compiled) == {"index-url": "https://o.example/simple/"}
    assert compiled.worst() is Verdict.EXACT


def test_the_condition_of_a_claim_reaches_the_constraints() -> None:
    policy = policy_of(SOURCES + CLAIM + "when = \"sys_platform == 'linux'\"\n")
    assert lines(compile_pip(policy, CompileContext())) == ['acme-core<0 ; sys_platform == "linux"']
    given = compile_pip(policy, CompileContext(resolution=resolved("acme-core", "internal")))
    assert str(Requirement(lines(given)[0]).marker) == 'sys_platform == "linux"'


def test_the_same_bytes_whatever_the_order_of_the_names() -> None:
    policy = policy_of(SOURCES + CLAIM.replace("core", "*"))
    names = [canonicalize_name(f"acme-{letter}") for letter in "cab"]
    contexts = (CompileContext(projects=tuple(names)), CompileContext(projects=tuple(sorted(names))))
    one, other = (compile_pip(policy, context) for context in contexts)
    assert one == other
