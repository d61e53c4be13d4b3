"""DC01, DC02, DC11, DC12, DC17 to DC20, DC25 and DC26: what is wrong with sources; each with and without a finding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from bridge.priority.audit.finding import Finding, Rule, Severity
from bridge.priority.audit.source_rules import source_findings
from bridge.priority.catalogue import Catalogue, CataloguedFile, CataloguedProject, Inside, Listing
from bridge.priority.identity import identities
from bridge.priority.policy import Ecosystem, Policy
from bridge.priority.policy_file import parse_policy
from tests.support.audit_projects import (
    CLAIM,
    CONDA_INTERNAL,
    CONDA_PUBLIC,
    INTERNAL,
    PUBLIC,
    SOURCES,
    listing,
    policy,
)

MIRROR = "https://mirror.example/simple"
MIRRORED = f'[sources.copy]\npypi = "{MIRROR}"\ntrust = "public"\nrole = "mirror-of:public"\n'
BEST = SOURCES.replace("order =", 'default = "best-match"\norder =')
CLAIMED_ONLY = SOURCES.replace('"first-party"', '"first-party"\nrole = "claimed-only"')
ELSEWHERE = '[[claims]]\npackages = ["acme-core"]\nfrom = ["third"]\n'
THIRD = "https://third.example/simple"
THREE = SOURCES.replace('"public"]', '"public", "third"]') + f'[sources.third]\npypi = "{THIRD}"\ntrust = "curated"\n'


def found(rule: Rule, *listings: Listing, of: Policy | None = None) -> list[Finding]:
    chosen = policy("") if of is None else of
    findings = source_findings(chosen, Catalogue(listings), identities(chosen))
    return [finding for finding in findings if finding.rule is rule]


def severities(rule: Rule, *listings: Listing, of: Policy | None = None) -> list[Severity]:
    return [finding.severity for finding in found(rule, *listings, of=of)]


def wheel(name: str, **more: object) -> CataloguedFile:
    return replace(CataloguedFile(f"{name}-1.0-py3-none-any.whl", "1.0", "a" * 64), **more)  # type: ignore[arg-type]


def index(url: str, files: Mapping[str, CataloguedFile], status: str = "") -> Listing:
    projects = {name: CataloguedProject(name, (file,), status) for name, file in files.items()}
    return Listing(url, Ecosystem.PYPI, projects)


@pytest.mark.parametrize(
    ("text", "severity"),
    [(SOURCES, Severity.NOTE), (BEST, Severity.WARNING), (BEST + CLAIM, Severity.NOTE),
     (SOURCES.replace('["internal", "public"]', '["public", "internal"]'), Severity.WARNING),
     (CLAIMED_ONLY, Severity.WARNING), (CLAIMED_ONLY + CLAIM, Severity.NOTE),
     (BEST + CLAIM.replace("from", "when = \"sys_platform == 'linux'\"\nfrom"), Severity.WARNING)],
    ids=["the trusted one decides", "versions decide", "claimed", "the other one decides", "the trusted one is passed",
         "and now it is not", "claimed here and there only"],
)  # fmt: skip
def test_a_name_in_sources_of_different_trust(text: str, severity: Severity) -> None:
    both = [listing(url, {"acme-core": ["1"]}) for url in (INTERNAL, PUBLIC)]
    of = parse_policy(text, "bridge-policy.toml")
    assert severities(Rule.DC01, *both, of=of) == [severity]
    assert found(Rule.DC01, both[0], listing(PUBLIC, {"other": ["1"]}), of=of) == []


def test_a_claim_settles_nothing_while_its_owner_does_not_have_the_name() -> None:
    of = parse_policy(THREE + ELSEWHERE, "bridge-policy.toml")
    both = [listing(url, {"acme-core": ["1"]}) for url in (INTERNAL, PUBLIC)]
    assert severities(Rule.DC01, *both, listing(THIRD, {"other": ["1"]}), of=of) == [Severity.WARNING]
    assert severities(Rule.DC01, *both, listing(THIRD, {"acme-core": ["1"]}), of=of) == [Severity.NOTE]
    assert severities(Rule.DC01, *both, Listing(THIRD, Ecosystem.PYPI, reachable=False), of=of) == [Severity.NOTE]


@pytest.mark.parametrize(
    ("text", "severity"), [(SOURCES, Severity.NOTE), (BEST, Severity.WARNING), (CLAIMED_ONLY, Severity.WARNING)]
)
def test_a_first_party_name_that_anybody_can_register(text: str, severity: Severity) -> None:
    of = parse_policy(text, "bridge-policy.toml")
    inner = listing(INTERNAL, {"acme-core": ["1"]})
    (finding,) = found(Rule.DC02, inner, listing(PUBLIC, {"other": ["1"]}), of=of)
    assert (finding.severity, finding.evidence.name) == (severity, "acme-core")
    assert found(Rule.DC02, inner, listing(PUBLIC, {"acme-core": ["1"]}), of=of) == []
    down = Listing(PUBLIC, Ecosystem.PYPI, reachable=False)
    assert found(Rule.DC02, inner, down, of=of) == [], "a source that does not answer may have the name"
    garbled = Listing(PUBLIC, Ecosystem.PYPI, unread=frozenset({"acme-core"}))
    assert found(Rule.DC02, inner, garbled, of=of) == []


def test_a_channel_that_brings_in_another_one() -> None:
    related = listing(CONDA_PUBLIC, {}, Ecosystem.CONDA, relations=("https://public.example/anyone",))
    assert severities(Rule.DC11, related) == [Severity.WARNING]
    listed = listing(CONDA_PUBLIC, {}, Ecosystem.CONDA, relations=(CONDA_INTERNAL,))
    assert severities(Rule.DC11, listed) == [Severity.NOTE]
    assert found(Rule.DC11, listing(CONDA_PUBLIC, {}, Ecosystem.CONDA)) == []


@pytest.mark.parametrize("base", ["https://other.example/x", "file:///srv/x", "http://public.example/conda/noarch/"])
def test_packages_that_lie_on_another_host_or_by_another_scheme(base: str) -> None:
    assert severities(Rule.DC12, listing(CONDA_PUBLIC, {}, Ecosystem.CONDA, bases=(base,))) == [Severity.WARNING]
    inside = listing(CONDA_PUBLIC, {}, Ecosystem.CONDA, bases=("https://public.example/files/",))
    assert severities(Rule.DC12, inside) == [Severity.NOTE]


@pytest.mark.parametrize(
    ("url", "sha256", "count"),
    [("https://files.example/x.whl", "a" * 64, 0), ("https://files.example/x.whl", None, 1),
     ("http://files.example/x.whl", "a" * 64, 1), ("file:///x.whl", "a" * 64, 1),
     ("https://public.example/x.whl", None, 0)],
)  # fmt: skip
def test_index_files_may_lie_elsewhere_where_a_hash_binds_them(url: str, sha256: str | None, count: int) -> None:
    assert len(found(Rule.DC12, index(PUBLIC, {"x": wheel("x", url=url, sha256=sha256)}))) == count


def test_one_file_name_and_two_contents() -> None:
    one, other = wheel("acme_core"), wheel("acme_core", sha256="b" * 64)
    both = index(INTERNAL, {"acme-core": one}), index(PUBLIC, {"acme-core": other})
    assert severities(Rule.DC17, *both) == [Severity.WARNING]
    assert severities(Rule.DC17, *both, of=policy(CLAIM)) == [Severity.NOTE]
    assert found(Rule.DC17, index(INTERNAL, {"acme-core": one}), index(PUBLIC, {"acme-core": one})) == []


def test_every_source_is_compared_with_the_first_that_has_the_file() -> None:
    one, between, other = wheel("x"), wheel("x_y"), wheel("x", sha256="b" * 64)
    of = parse_policy(THREE, "bridge-policy.toml")
    three = index(INTERNAL, {"x": one}), index(PUBLIC, {"x": between}), index(THIRD, {"x": other})
    assert [finding.evidence.source for finding in found(Rule.DC17, *three, of=of)] == ["third"]


def test_a_file_that_a_source_lists_twice_is_not_hidden_behind_the_right_one() -> None:
    one, other = wheel("x"), wheel("x", sha256="b" * 64)
    both = Listing(PUBLIC, Ecosystem.PYPI, {"x": CataloguedProject("x", (other, one))})
    assert severities(Rule.DC17, index(INTERNAL, {"x": one}), both) == [Severity.WARNING]


@pytest.mark.parametrize(
    ("ecosystem", "inside", "expected"),
    [(Ecosystem.PYPI, Inside("a" * 64, "said"), []), (Ecosystem.PYPI, Inside("a" * 64), []),
     (Ecosystem.PYPI, Inside("a" * 64, "else"), [Severity.ERROR]),
     (Ecosystem.CONDA, Inside("a" * 64, "else"), [Severity.NOTE]),
     (Ecosystem.CONDA, Inside("a" * 64, "else", ("evil",)), [Severity.WARNING]),
     (Ecosystem.CONDA, Inside("b" * 64, "said"), [Severity.ERROR])],
    ids=["the same", "not known", "METADATA", "a repaired record", "a record that adds a package", "another file"],
)  # fmt: skip
def test_what_is_said_about_a_file_and_what_it_says(
    ecosystem: Ecosystem, inside: Inside, expected: list[Severity]
) -> None:
    file = wheel("x", stated="said", inside=inside)
    file = replace(file, filename="x-1.0-0.conda") if ecosystem is Ecosystem.CONDA else file
    projects = {"x": CataloguedProject("x", (file,))}
    url = PUBLIC if ecosystem is Ecosystem.PYPI else CONDA_PUBLIC
    assert severities(Rule.DC18, Listing(url, ecosystem, projects)) == expected


def test_one_file_and_two_descriptions() -> None:
    one, other = wheel("x", stated="1"), wheel("x", stated="2")
    assert severities(Rule.DC18, index(INTERNAL, {"x": one}), index(PUBLIC, {"x": other})) == [Severity.WARNING]
    assert found(Rule.DC18, index(INTERNAL, {"x": one}), index(PUBLIC, {"x": one})) == []
    assert found(Rule.DC18, index(INTERNAL, {"x": one}), index(PUBLIC, {"x": replace(one, stated=None)})) == []


def test_one_label_and_two_meanings() -> None:
    one = wheel("x", label="cu12", properties=("nvidia :: cuda_version_lower_bound :: 12.0",))
    other = replace(one, properties=("nvidia :: cuda_version_lower_bound :: 12.8",))
    (finding,) = found(Rule.DC19, index(INTERNAL, {"x": one}), index(PUBLIC, {"x": other}))
    assert finding.severity is Severity.WARNING
    assert "12.0 in internal" in finding.message
    assert found(Rule.DC19, index(INTERNAL, {"x": one}), index(PUBLIC, {"x": one})) == []


def test_a_plain_wheel_that_hides_the_variants_of_a_lower_source() -> None:
    plain, variant = wheel("x"), wheel("x", label="cu12")
    (finding,) = found(Rule.DC20, index(INTERNAL, {"x": plain}), index(PUBLIC, {"x": variant}))
    assert (finding.severity, finding.evidence.source) == (Severity.WARNING, "internal")
    claimed = policy('[[claims]]\npackages = ["x"]\nfrom = ["public"]\n')
    hidden = index(INTERNAL, {"x": plain}), index(PUBLIC, {"x": variant})
    assert severities(Rule.DC20, *hidden, of=claimed) == [Severity.NOTE]
    assert found(Rule.DC20, index(INTERNAL, {"x": variant}), index(PUBLIC, {"x": variant})) == []


@pytest.mark.parametrize(
    ("copy", "expected"),
    [({"x": ["1"]}, []), ({}, [Severity.WARNING]), ({"x": ["1", "2"]}, [Severity.ERROR]),
     ({"x": ["1"], "y": ["1"]}, [Severity.ERROR])],
    ids=["equal", "behind", "more versions", "more projects"],
)  # fmt: skip
def test_a_mirror_may_lag_but_have_nothing_of_its_own(copy: dict[str, list[str]], expected: list[Severity]) -> None:
    of = policy(MIRRORED)
    original, mirror = listing(PUBLIC, {"x": ["1"]}), listing(PUBLIC, copy)
    assert severities(Rule.DC25, original, replace(mirror, url=MIRROR), of=of) == expected


def test_a_mirror_with_another_file_is_no_mirror() -> None:
    one, other = wheel("x"), wheel("x", sha256="b" * 64)
    (finding,) = found(Rule.DC25, index(PUBLIC, {"x": one}), index(MIRROR, {"x": other}), of=policy(MIRRORED))
    assert finding.severity is Severity.ERROR
    assert one.filename in finding.message


@pytest.mark.parametrize(
    ("status", "expected"),
    [("quarantined", [Severity.ERROR]), ("archived", [Severity.WARNING]), ("deprecated", [Severity.NOTE]),
     ("active", []), ("", []), ("<script>", [])],
)  # fmt: skip
def test_the_status_of_a_project(status: str, expected: list[Severity]) -> None:
    assert severities(Rule.DC26, index(PUBLIC, {"x": wheel("x")}, status)) == expected


def test_the_status_of_a_project_that_is_taken_from_elsewhere() -> None:
    both = index(INTERNAL, {"x": wheel("x")}), index(PUBLIC, {"x": wheel("x")}, "quarantined")
    assert severities(Rule.DC26, *both) == [Severity.NOTE]


def test_without_a_policy_sources_are_still_compared() -> None:
    one, other = wheel("x"), wheel("x", sha256="b" * 64)
    both = Catalogue((index(INTERNAL, {"x": one}), index(PUBLIC, {"x": other})))
    rules = {finding.rule for finding in source_findings(None, both, identities(policy("")))}
    assert rules == {Rule.DC17}
