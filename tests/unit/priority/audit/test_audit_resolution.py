"""DC01, DC03, DC04 and DC06 to DC10: which source a client takes a package from, and which it could."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from packaging.markers import default_environment

from bridge.priority.audit.audit import audit
from bridge.priority.audit.finding import Rule, Severity
from bridge.priority.policy_file import parse_policy
from tests.support.audit_projects import (
    CLAIM,
    CONDA_INTERNAL,
    CONDA_PUBLIC,
    INTERNAL,
    PUBLIC,
    SOURCES,
    audited,
    catalogue,
    failing,
    of_rule,
    policy,
    pyproject,
    write,
)

PIP = {"pip.conf": f"[global]\nindex-url = {INTERNAL}\nextra-index-url = {PUBLIC}\n", "requirements.txt": "acme-core\n"}
PIP_ONE = {"pip.conf": f"[global]\nindex-url = {INTERNAL}\n", "requirements.txt": "acme-core\n"}


def uv(*requirements: str, strategy: str = "first-index", explicit: bool = False, pins: str = "") -> dict[str, str]:
    return {
        "pyproject.toml": pyproject(
            requirements,
            f'[tool.uv]\nindex-strategy = "{strategy}"\n[tool.uv.sources]\n{pins}\n'
            f'[[tool.uv.index]]\nname = "internal"\nurl = "{INTERNAL}"\nexplicit = {str(explicit).lower()}\n'
            f'[[tool.uv.index]]\nname = "public"\nurl = "{PUBLIC}"\ndefault = true\n',
        )
    }


def poetry(*requirements: str, priority: str = "primary", pins: str = "") -> dict[str, str]:
    return {
        "pyproject.toml": pyproject(
            requirements,
            f'[[tool.poetry.source]]\nname = "internal"\nurl = "{INTERNAL}"\npriority = "primary"\n'
            f'[[tool.poetry.source]]\nname = "public"\nurl = "{PUBLIC}"\npriority = "{priority}"\n'
            f"[tool.poetry.dependencies]\n{pins}\n",
        )
    }


def pdm(*requirements: str, globs: bool = False, ordered: bool = False) -> dict[str, str]:
    own = 'include_packages = ["acme-*"]\nexclude_packages = ["*"]\n' if globs else ""
    return {
        "pyproject.toml": pyproject(
            requirements,
            f"[tool.pdm.resolution]\nrespect-source-order = {str(ordered).lower()}\n"
            f'[[tool.pdm.source]]\nname = "internal"\nurl = "{INTERNAL}"\n{own}'
            f'[[tool.pdm.source]]\nname = "pypi"\nurl = "{PUBLIC}"\n',
        )
    }


def conda(*dependencies: str, mode: str = "strict", more: str = "", first: str = CONDA_INTERNAL) -> dict[str, str]:
    second = CONDA_PUBLIC if first == CONDA_INTERNAL else CONDA_INTERNAL
    listed = "".join(f"- '{text}'\n" for text in dependencies)
    return {
        "environment.yml": f"channels:\n- {first}\n- {second}\n- nodefaults\ndependencies:\n{listed}",
        ".condarc": f"channel_priority: {mode}\n{more}",
    }


def pixi(dependencies: str, more: str = "", mode: str = "strict") -> dict[str, str]:
    return {
        "pixi.toml": f'[workspace]\nchannels = ["{CONDA_INTERNAL}", "{CONDA_PUBLIC}"]\nchannel-priority = "{mode}"\n'
        f"[dependencies]\n{dependencies}\n{more}"
    }


PIN = 'acme-core = { index = "internal" }'

# the measured matrix: what each client does about the company's name and about a shared one
WRONG = [
    ("pip", PIP, Rule.DC04),
    ("uv unsafe", uv("acme-core", strategy="unsafe-best-match"), Rule.DC04),
    ("uv first match", uv("acme-core>=2", strategy="unsafe-first-match"), Rule.DC04),
    ("poetry two primary", poetry("acme-core"), Rule.DC04),
    ("poetry supplemental, bounded", poetry("acme-core>=2", priority="supplemental"), Rule.DC04),
    ("pdm", pdm("acme-core"), Rule.DC04),
    ("pdm in order, bounded", pdm("acme-core>=2", ordered=True), Rule.DC04),
    ("pdm transitive", pdm("onlypub"), Rule.DC04),
    ("uv explicit and transitive", uv("onlypub", explicit=True), Rule.DC03),
    ("poetry explicit and transitive", {
        "pyproject.toml": pyproject(
            ["onlypub"],
            f'[[tool.poetry.source]]\nname = "public"\nurl = "{PUBLIC}"\npriority = "primary"\n'
            f'[[tool.poetry.source]]\nname = "internal"\nurl = "{INTERNAL}"\npriority = "explicit"\n',
        )}, Rule.DC03),
    ("conda disabled", conda("acme-core", mode="disabled"), Rule.DC04),
    ("conda flexible, bounded", conda("acme-core >=2", mode="flexible"), Rule.DC04),
    ("conda flexible with rattler", conda("acme-core", mode="flexible", more="solver: rattler\n"), Rule.DC08),
    ("conda order", conda("acme-core", first=CONDA_PUBLIC), Rule.DC01),
    ("conda pin below", conda(f"{CONDA_INTERNAL}::acme-core", first=CONDA_PUBLIC), Rule.DC09),
    ("conda pinned_packages", conda(
        "acme-core", mode="disabled", more=f"pinned_packages: ['{CONDA_INTERNAL}::acme-core']\n"), Rule.DC10),
    ("pixi bounded", pixi('acme-core = ">=2"'), Rule.DC07),
    ("pixi disabled", pixi('acme-core = "*"', mode="disabled"), Rule.DC04),
    ("pixi constraint", pixi(
        'acme-core = ">=2"', f'[constraints]\nacme-core = {{ version = "*", channel = "{CONDA_INTERNAL}" }}\n'
    ), Rule.DC07),
]  # fmt: skip

RIGHT = [
    ("pip", PIP_ONE),
    ("uv", uv("acme-core", "shared")),
    ("uv pinned", uv("acme-core", explicit=True, pins=PIN)),
    ("uv pinned for what others require", uv("onlypub", "acme-core", explicit=True, pins=PIN)),
    ("poetry supplemental", poetry("acme-core", "shared", priority="supplemental")),
    ("poetry pinned", poetry("acme-core", pins='acme-core = { version = "*", source = "internal" }')),
    ("pdm globs", pdm("onlypub", globs=True)),
    ("pdm in order", pdm("acme-core", ordered=True)),
    ("conda", conda("acme-core", "shared", "onlypub")),
    ("conda flexible", conda("acme-core", mode="flexible")),
    ("conda pin to the first", conda(f"{CONDA_INTERNAL}::acme-core")),
    ("pixi", pixi('acme-core = "*"')),
    ("pixi pinned", pixi(f'acme-core = {{ version = "*", channel = "{CONDA_INTERNAL}" }}', mode="disabled")),
]


@pytest.mark.parametrize(("files", "rule"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_what_resolves_wrongly_is_found(tmp_path: Path, files: dict[str, str], rule: Rule) -> None:
    report = audited(tmp_path, files, policy(), catalogue())
    assert "acme-core" in failing(report).get(rule, []), [str(one) for one in report.findings]


@pytest.mark.parametrize("files", [case[1] for case in RIGHT], ids=[case[0] for case in RIGHT])
def test_what_resolves_right_is_no_finding(tmp_path: Path, files: dict[str, str]) -> None:
    report = audited(tmp_path, files, policy(), catalogue())
    assert failing(report) == {}


def test_a_missing_name_falls_through_to_the_next_source(tmp_path: Path) -> None:
    found = audited(tmp_path, uv("acme-core"), policy(), catalogue(internal={}))
    (finding,) = [one for one in of_rule(found, Rule.DC06) if one.severity is Severity.ERROR]
    assert finding.message == (
        "uv takes acme-core 99 from public (no higher source has the name); the policy gives it to internal"
    )
    assert str(finding.evidence.place) == "pyproject.toml:6"


def test_a_source_that_is_down_stops_uv_and_not_pip(tmp_path: Path) -> None:
    whole = catalogue()
    down = [one for one in whole.listings if one.url == INTERNAL]
    listings = tuple(
        type(one)(one.url, one.ecosystem, one.projects, reachable=one not in down) for one in whole.listings
    )
    sources = type(whole)(listings)
    assert failing(audited(tmp_path / "uv", uv("acme-core"), policy(), sources)) == {}
    found = audited(tmp_path / "pip", PIP, policy(), sources)
    assert "acme-core" in failing(found)[Rule.DC04] + failing(found).get(Rule.DC06, [])
    assert found.problems == (f"{INTERNAL}: does not answer",)


# what could happen, found without asking any source
LATENT = [
    ("pip", PIP, Rule.DC04, Severity.ERROR),
    ("uv", uv("acme-core"), Rule.DC06, Severity.WARNING),
    ("pixi", pixi('acme-core = ">=2"'), Rule.DC07, Severity.WARNING),
    ("rattler", conda("x", mode="flexible", more="solver: rattler\n"), Rule.DC08, Severity.ERROR),
    ("pin", conda(f"{CONDA_PUBLIC}::numpy"), Rule.DC09, Severity.WARNING),
    ("pinned_packages", conda("x", more="pinned_packages: ['a::b']\n"), Rule.DC10, Severity.WARNING),
    ("disallow", conda("x", more="disallow: [b]\n"), Rule.DC10, Severity.WARNING),
    ("constraints", pixi("", '[constraints]\nb = { channel = "x" }\n'), Rule.DC10, Severity.WARNING),
    ("unpinned", uv("other", explicit=True, pins='other = { index = "internal" }'), Rule.DC03, Severity.WARNING),
]


@pytest.mark.parametrize(("files", "rule", "severity"), [case[1:] for case in LATENT], ids=[one[0] for one in LATENT])
def test_weaknesses_are_found_offline(tmp_path: Path, files: dict[str, str], rule: Rule, severity: Severity) -> None:
    report = audited(tmp_path, files, policy())
    assert severity in {finding.severity for finding in of_rule(report, rule)}


SAFE = [
    ("pip", PIP_ONE),
    ("uv pinned", uv("acme-core", explicit=True, pins=PIN)),
    ("pdm globs", pdm("acme-core", globs=True)),
    ("conda", conda("acme-core")),
    ("pixi pinned", pixi(f'acme-core = {{ version = ">=2", channel = "{CONDA_INTERNAL}" }}')),
]


@pytest.mark.parametrize("files", [case[1] for case in SAFE], ids=[case[0] for case in SAFE])
def test_configurations_without_a_weakness_are_quiet_offline(tmp_path: Path, files: dict[str, str]) -> None:
    report = audited(tmp_path, files, policy('[[claims]]\npackages = ["acme-core"]\nfrom = ["internal"]\n'))
    resolution = {Rule.DC03, Rule.DC04, Rule.DC07, Rule.DC08, Rule.DC09, Rule.DC10}
    assert resolution & failing(report).keys() == set()


def test_a_client_that_compares_versions_is_a_finding_without_a_policy(tmp_path: Path) -> None:
    (finding,) = of_rule(audited(tmp_path, PIP), Rule.DC04)
    assert (finding.severity, str(finding.evidence.place)) == (Severity.WARNING, "pip.conf:3")


def test_what_the_policy_asks_for_is_none(tmp_path: Path) -> None:
    text = SOURCES.replace("order =", 'default = "best-match"\norder =')
    found = failing(audited(tmp_path, PIP, parse_policy(text, "p.toml"), catalogue()))
    # whoever may register the company's names is still worth a warning
    assert found.keys() == {Rule.DC02}


def test_names_in_sources_of_different_trust_are_told_with_their_sources(tmp_path: Path) -> None:
    report = audited(tmp_path, {}, policy(""), catalogue())
    messages = [finding.message for finding in of_rule(report, Rule.DC01)]
    assert "the pypi name shared is in internal (first-party), public (public)" in messages
    assert of_rule(audited(tmp_path, {}, policy(""), catalogue(public={"other": ["1"]})), Rule.DC01) == []


@pytest.mark.parametrize(
    ("when", "low", "failed", "noted"),
    [
        ("sys_platform == 'plan9'", True, {Rule.DC01}, []),  # holds here, and the public source stands first
        ("sys_platform != 'plan9'", True, set(), ["elsewhere"]),
        ("sys_platform == 'plan9'", False, set(), []),
    ],
)
def test_a_claim_counts_where_it_holds(
    tmp_path: Path, when: str, low: bool, failed: set[Rule], noted: list[str]
) -> None:
    claimed = policy(f'{CLAIM}when = "{when}"\n')
    if low:
        claimed = replace(claimed, order=tuple(reversed(claimed.order)))
    files = conda("acme-core", first=CONDA_PUBLIC if low else CONDA_INTERNAL)
    machine = {**{key: str(value) for key, value in default_environment().items()}, "sys_platform": "plan9"}
    report = audit(write(tmp_path, files), claimed, catalogue(), environment=machine)
    found = [one for one in report.findings if one.severity.fails and one.evidence.place is not None]
    assert {one.rule for one in found if one.evidence.name == "acme-core"} == failed
    assert [one.subject for one in of_rule(report, Rule.DC01) if one.subject == "elsewhere"] == noted


def test_a_name_that_is_widely_offered_is_only_worth_knowing_where_no_client_takes_it_wrongly(tmp_path: Path) -> None:
    best = parse_policy(SOURCES.replace("order =", 'default = "best-match"\norder ='), "p.toml")
    needing = {**PIP, "requirements.txt": "shared\n"}
    nobody = of_rule(audited(tmp_path, {}, best, catalogue()), Rule.DC01)
    assert {one.severity for one in nobody} == {Severity.WARNING}
    report = audited(tmp_path, needing, best, catalogue())
    assert {one.severity for one in of_rule(report, Rule.DC01)} == {Severity.NOTE}
    wrongly = audited(tmp_path, {**needing, **uv("shared")}, best, catalogue())
    found = [(one.subject, one.severity) for one in of_rule(wrongly, Rule.DC01) if one.evidence.name == "shared"]
    assert ("pypi", Severity.WARNING) in found


def test_a_file_that_the_client_accepts_in_the_place_of_the_right_one_is_an_error(tmp_path: Path) -> None:
    same = catalogue(public={"acme-core": ["1.0"]})
    (finding,) = [
        one for one in of_rule(audited(tmp_path, pdm("acme-core"), policy(), same), Rule.DC04) if one.severity.fails
    ]
    assert finding.message == "pdm accepts the file of acme-core that public has in the place of internal's"
    assert failing(audited(tmp_path, pdm("acme-core", ordered=True), policy(), same)) == {}


IMPLICIT = {"pip.conf": f"[global]\nextra-index-url = {INTERNAL}\n", "requirements.txt": "acme-core\n"}
ONE_UV = f'[[tool.uv.index]]\nname = "internal"\nurl = "{INTERNAL}"\n'


@pytest.mark.parametrize(
    ("files", "found"),
    [
        (IMPLICIT, (Rule.DC04, Severity.ERROR, "pip asks pypi for acme-core as well, which nobody could look at")),
        ({"pyproject.toml": pyproject(["acme-new"], ONE_UV)},
         (Rule.DC06, Severity.WARNING, "uv asks pypi for acme-new as well, which nobody could look at")),
    ],
    ids=["pip", "uv"],
)  # fmt: skip
def test_a_default_index_that_nobody_looked_at_is_asked_for_claimed_names_too(
    tmp_path: Path, files: dict[str, str], found: tuple[Rule, Severity, str]
) -> None:
    report = audited(tmp_path, files, policy(), catalogue())
    rule, severity, message = found
    (finding,) = [one for one in of_rule(report, rule) if one.severity.fails]
    assert (finding.severity, finding.message.partition(";")[0]) == (severity, message)


def test_an_index_that_is_never_asked_for_a_claimed_name_does_not_matter(tmp_path: Path) -> None:
    files = {"pyproject.toml": pyproject(["acme-core", "other"], ONE_UV)}
    assert failing(audited(tmp_path / "uv", files, policy(), catalogue())) == {}
    unclaimed = {**IMPLICIT, "requirements.txt": "other\n"}
    assert failing(audited(tmp_path / "pip", unclaimed, policy(), catalogue())) == {}


def test_a_claimed_name_from_an_address_of_nobodys_is_an_error(tmp_path: Path) -> None:
    def required(address: str) -> dict[str, str]:
        return {"requirements.txt": f"--index-url {INTERNAL}\nacme-core @ {address}\n"}

    bad = required("https://u:hunter2@else.example/acme_core-1.zip")
    report = audited(tmp_path / "bad", bad, policy(), catalogue())
    (finding,) = [one for one in of_rule(report, Rule.DC01) if one.severity.fails]
    assert "hunter2" not in repr(report) + str(report.to_json())
    assert "https://else.example/acme_core-1.zip, where no source of the policy has it" in finding.message
    own = required(f"{INTERNAL}/acme_core-1.zip")
    assert failing(audited(tmp_path / "good", own, policy(), catalogue())) == {}
