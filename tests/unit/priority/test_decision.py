"""What the policy says about one name: claims, order, outages, and names in both ecosystems."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from packaging.utils import canonicalize_name

from bridge.mapping.tables import load_tables
from bridge.model.conda import CondaName
from bridge.priority.decision import (
    ABSENT,
    KNOWN,
    UNREACHABLE,
    Availability,
    Decision,
    Outcome,
    Presence,
    Reason,
    Refusal,
    decide,
)
from bridge.priority.identity import IdentitySource, identities
from bridge.priority.policy import Ecosystem, Policy, Source, Unreachable
from bridge.priority.policy_file import parse_policy

HEAD = """\
schema = "bridge-policy/1"
default = "{default}"
on-unreachable = "{unreachable}"
order = ["internal", "special", "public"]
[sources.internal]
conda = "https://internal.example/conda"
pypi = "https://internal.example/simple"
trust = "first-party"
[sources.special]
pypi = "https://special.example/simple"
trust = "curated"
role = "claimed-only"
[sources.public]
conda = "https://public.example/conda"
pypi = "https://public.example/simple"
trust = "public"
[sources.copy]
pypi = "https://copy.example/simple"
trust = "public"
role = "mirror-of:public"
"""
LINUX = {"sys_platform": "linux"}


def policy(rest: str = "", default: str = "strict", unreachable: str = "error") -> Policy:
    return parse_policy(HEAD.format(default=default, unreachable=unreachable) + rest, "bridge-policy.toml")


def claim(packages: str, sources: str, when: str = "") -> str:
    condition = f'when = "{when}"\n' if when else ""
    return f"[[claims]]\npackages = {packages.split()}\nfrom = {sources.split()}\n{condition}"


def having(answers: Mapping[str, Availability]) -> Callable[[Source], Availability]:
    return lambda source: answers.get(source.name, ABSENT)


def versions(*found: int) -> Availability:
    return Availability(Presence.KNOWN, found)


def pypi(policy: Policy, name: str, answers: Mapping[str, Availability]) -> Decision:
    return decide(policy, CondaName(name), Ecosystem.PYPI, having(answers))


def test_strict_takes_the_first_source_that_knows_the_name_whatever_its_versions() -> None:
    found = pypi(policy(), "shared", {"internal": versions(1), "public": versions(1, 9)})
    assert (found.outcome, found.source, found.version, found.rule) == (Outcome.PROVIDED, "internal", 1, "order")
    assert found.refused == (
        Refusal(policy().order[1], Reason.CLAIMED_ONLY),
        Refusal(policy().order[2], Reason.LOWER),
    )
    bounded = pypi(policy(), "shared", {"internal": versions(), "public": versions(9)})
    assert (bounded.outcome, bounded.source) == (Outcome.UNSATISFIABLE, "internal")


def test_first_match_goes_on_to_the_first_source_with_a_version_that_will_do() -> None:
    found = pypi(policy(default="first-match"), "shared", {"internal": versions(), "public": versions(9)})
    assert (found.outcome, found.source) == (Outcome.PROVIDED, "public")
    none = pypi(policy(default="first-match"), "shared", {"internal": versions(), "public": versions()})
    assert (none.outcome, none.source) == (Outcome.UNSATISFIABLE, None)


def test_best_match_takes_the_best_version_and_of_equal_ones_the_first() -> None:
    best = policy(default="best-match")
    assert pypi(best, "shared", {"internal": versions(1, 3), "public": versions(9)}).source == "public"
    assert pypi(best, "shared", {"internal": versions(9), "public": versions(2, 9)}).source == "internal"
    assert pypi(best, "shared", {"internal": KNOWN, "public": KNOWN}).source == "internal"


def test_a_name_that_nobody_knows_is_absent() -> None:
    found = pypi(policy(), "nothing", {})
    assert (found.outcome, found.source) == (Outcome.ABSENT, None)


@pytest.mark.parametrize("default", ["strict", "first-match", "best-match"])
@pytest.mark.parametrize("unreachable", ["error", "warn"])
def test_a_source_that_is_down_is_not_one_without_the_name(default: str, unreachable: str) -> None:
    answers = {"internal": UNREACHABLE, "public": versions(9)}
    found = pypi(policy(default=default, unreachable=unreachable), "shared", answers)
    assert (found.outcome, found.source, found.version) == (Outcome.UNREACHABLE, "internal", None)
    assert found.severity is Unreachable(unreachable)


def test_a_source_below_the_one_that_decides_may_be_down() -> None:
    assert pypi(policy(), "shared", {"internal": KNOWN, "public": UNREACHABLE}).outcome is Outcome.PROVIDED
    best = pypi(policy(default="best-match"), "shared", {"internal": versions(1), "public": UNREACHABLE})
    assert (best.outcome, best.source) == (Outcome.UNREACHABLE, "public")


def test_a_mirror_stands_for_its_source_but_cannot_say_that_a_name_is_absent() -> None:
    found = pypi(policy(), "shared", {"public": UNREACHABLE, "copy": versions(2)})
    assert (found.outcome, found.source, found.via, found.version) == (Outcome.PROVIDED, "public", "copy", 2)
    assert pypi(policy(), "shared", {"public": UNREACHABLE}).outcome is Outcome.UNREACHABLE
    assert pypi(policy(), "shared", {"public": ABSENT, "copy": KNOWN}).outcome is Outcome.ABSENT


@pytest.mark.parametrize(
    "answer", [ABSENT, UNREACHABLE, Availability(Presence.KNOWN, ())], ids=lambda a: a.presence.value
)
@pytest.mark.parametrize("default", ["strict", "first-match", "best-match"])
def test_a_claimed_name_never_comes_from_another_source(answer: Availability, default: str) -> None:
    claimed = policy(claim("acme-*", "internal"), default)
    found = pypi(claimed, "acme-core", {"internal": answer, "special": versions(99), "public": versions(99)})
    assert found.outcome is not Outcome.PROVIDED
    assert found.allowed == ("internal",)
    assert Refusal(claimed.order[2], Reason.NOT_CLAIMED) in found.refused


def test_the_longest_literal_part_wins_and_the_exact_name_over_all() -> None:
    rules = claim("*", "public") + claim("acme-*", "internal") + claim("acme-x*", "special") + claim("acme-x", "public")
    answers = {"internal": KNOWN, "special": KNOWN, "public": KNOWN}
    for name, source in (("other", "public"), ("acme-y", "internal"), ("Acme_XY", "special"), ("acme.x", "public")):
        assert pypi(policy(rules), name, answers).source == source


def test_a_claim_may_name_several_sources_and_their_order_counts() -> None:
    claimed = policy(claim("acme-*", "public internal"))
    assert pypi(claimed, "acme-x", {"internal": KNOWN, "public": KNOWN}).source == "public"
    assert pypi(claimed, "acme-x", {"internal": KNOWN}).source == "internal"


def test_a_claim_by_sources_without_the_face_leaves_nobody() -> None:
    found = decide(policy(claim("torch", "special")), CondaName("torch"), Ecosystem.CONDA, lambda source: KNOWN)
    assert (found.outcome, found.allowed) == (Outcome.ABSENT, ())
    assert Refusal(policy().order[1], Reason.NO_FACE) in found.refused


def test_a_conditional_claim_gives_an_answer_for_each_environment() -> None:
    rules = claim("torch", "special", "sys_platform == 'linux'") + claim("tor*", "internal", "sys_platform == 'win32'")
    answers = having(dict.fromkeys(("internal", "special", "public"), KNOWN))
    found = decide(policy(rules), CondaName("torch"), Ecosystem.PYPI, answers)
    told = [(answer.source, None if answer.when is None else str(answer.when)) for answer in found.answers]
    assert told == [
        ("special", 'sys_platform == "linux"'),
        ("internal", 'sys_platform == "win32"'),
        # `internal` is the first in the order too.
        ("internal", None),
    ]
    here = decide(policy(rules), CondaName("torch"), Ecosystem.PYPI, answers, environment=LINUX)
    assert (here.source, here.when, here.otherwise) == ("special", None, None)
    there = decide(policy(rules), CondaName("torch"), Ecosystem.PYPI, answers, environment={"sys_platform": "darwin"})
    assert (there.source, there.claims) == ("internal", ())


def test_claims_hold_under_the_name_in_the_other_ecosystem() -> None:
    rules = claim("torch", "internal") + '[names]\npytorch = "torch"\n'
    found = decide(policy(rules), CondaName("pytorch"), Ecosystem.CONDA, having({"public": KNOWN}))
    assert (found.outcome, found.allowed, found.claims[0].own) == (Outcome.ABSENT, ("internal",), False)
    back = claim("pytorch", "special") + '[names]\npytorch = "torch"\n'
    assert pypi(policy(back), "torch", {"internal": KNOWN, "public": KNOWN}).allowed == ("special",)


def test_of_claims_under_two_names_the_exact_and_the_own_one_win() -> None:
    names = '[names]\npytorch = "torch"\nacme-foo = "foo"\n'
    both = policy(claim("torch", "special") + claim("pytorch", "public") + names)
    assert pypi(both, "torch", {}).allowed == ("special",)
    assert decide(both, CondaName("pytorch"), Ecosystem.CONDA, having({})).allowed == ("public",)
    # A glob over everything does not take a package away from those who claim its other name.
    wide = policy(claim("*", "public") + claim("acme-*", "internal") + names)
    assert pypi(wide, "foo", {"public": KNOWN}).allowed == ("internal",)


def test_claims_that_contradict_each_other_leave_nobody() -> None:
    names = '[names]\npy-opencv = ["opencv-python", "opencv-python-headless"]\n'
    rules = claim("opencv-python", "internal") + claim("opencv-python-headless", "public") + names
    found = decide(policy(rules), CondaName("py-opencv"), Ecosystem.CONDA, lambda source: KNOWN)
    assert (found.outcome, found.source, len(found.claims)) == (Outcome.CONTRADICTED, None, 2)
    same = claim("opencv-python", "public") + claim("opencv-python-headless", "public") + names
    assert decide(policy(same), CondaName("py-opencv"), Ecosystem.CONDA, lambda source: KNOWN).source == "public"


def test_the_tables_know_names_too_and_the_policy_wins() -> None:
    tables = load_tables()
    plain = identities(policy(), tables)
    assert plain.pypi_names(CondaName("pytorch")) == ("torch",)
    assert plain.conda_names(canonicalize_name("torch")) == ("pytorch",)
    assert plain.of_conda(CondaName("pytorch")).source is IdentitySource.TABLE
    assert plain.pypi_names(CondaName("python")) == ()
    assert plain.pypi_names(CondaName("openssl")) == ()
    assert plain.pypi_names(CondaName("nobody-knows-this")) is None
    said = identities(policy('[names]\nmy-torch = "torch"\nacme-native = false\n'), tables)
    assert said.conda_names(canonicalize_name("torch")) == ("my-torch",)
    assert said.pypi_names(CondaName("pytorch")) is None
    assert said.of_conda(CondaName("acme-native")).names == ()
    assert said.strangers == {"acme-native", "my-torch"}
    rules = policy(claim("torch", "internal"))
    answer = decide(rules, CondaName("pytorch"), Ecosystem.CONDA, having({"public": KNOWN}), names=plain)
    assert (answer.outcome, answer.allowed) == (Outcome.ABSENT, ("internal",))
