"""What clients would take under a policy: its compiled configuration read back, and answered by rule."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bridge.priority.catalogue import Catalogue
from bridge.priority.client_rules import assumed, client_rules
from bridge.priority.configs.read import read_configs
from bridge.priority.decision import Outcome
from bridge.priority.explain import Explanation, explain
from bridge.priority.explain_report import explanation_json, explanation_text
from bridge.priority.look import provider
from bridge.priority.policy import Ecosystem, Policy
from bridge.priority.policy_file import parse_policy
from bridge.priority.report import Client
from tests.support.catalogues import (
    CLAIM,
    CONDA_INTERNAL,
    CONDA_PUBLIC,
    INTERNAL,
    PUBLIC,
    SOURCES,
    confused,
    listing,
    sources,
    write_files,
)

CONDA = {Client.CONDA, Client.MAMBA, Client.PIXI, Client.RATTLER}
PYPI = {Client.PIXI, Client.UV, Client.UV_PIP, Client.PIP, Client.POETRY, Client.PDM, Client.HATCH}


def explained(policy: Policy, name: str, catalogue: Catalogue) -> Explanation:
    return explain(policy, name, provider(catalogue), clients=client_rules(policy, catalogue))


def with_default(semantics: str) -> Policy:
    head, _, rest = (SOURCES + CLAIM).partition("\n")
    return parse_policy(f'{head}\ndefault = "{semantics}"\n{rest}', "bridge-policy.toml")


@pytest.mark.parametrize("semantics", ["strict", "first-match", "best-match"])
@pytest.mark.parametrize("name", ["acme-core", "acme-absent", "shared", "onlyint", "onlypub", "nobody"])
def test_with_overlays_every_client_takes_what_the_policy_says(semantics: str, name: str) -> None:
    for report in explained(with_default(semantics), name, confused()).names:
        assert report.clients.keys() == (CONDA if report.ecosystem is Ecosystem.CONDA else PYPI)
        provided = report.decision.outcome is Outcome.PROVIDED
        for answers in report.clients.values():
            (overlay,) = (one for one in answers if one.configuration == "overlay")
            assert overlay.sources == ((report.decision.source,) if provided else ())


@pytest.mark.parametrize("name", ["acme-core", "acme-absent"])
def test_a_claimed_name_of_the_graph_never_comes_from_elsewhere(name: str) -> None:
    spoofed = confused()
    for report in explained(sources(), name, spoofed).names:
        assert report.disagreeing == ()
        assert {one.configuration for answers in report.clients.values() for one in answers} == {"native", "overlay"}


def test_a_lower_owner_shows_which_clients_need_overlays() -> None:
    policy = sources(CLAIM.replace('"acme-*"', '"shared"').replace("internal", "public"))
    conda, pypi = explained(policy, "shared", confused()).names
    # conda takes a claimed name only from the highest channel that has it
    assert conda.disagreeing == (Client.CONDA, Client.MAMBA, Client.RATTLER)
    assert Client.UV not in pypi.disagreeing


def test_names_are_those_of_their_ecosystem() -> None:
    versions = {"acme_core": ["1.0"]}
    catalogue = Catalogue(
        (listing(CONDA_INTERNAL, versions, Ecosystem.CONDA), listing(CONDA_PUBLIC, {}, Ecosystem.CONDA))
    )
    conda = explained(sources(), "acme_core", catalogue).names[0]
    assert conda.name == "acme_core"
    assert {one.sources for one in conda.clients[Client.CONDA]} == {("internal",)}


def test_what_stands_in_a_project_is_answered_for(tmp_path: Path) -> None:
    pip = f"[global]\nindex-url = {INTERNAL}\nextra-index-url = {PUBLIC}\n"
    configs = read_configs(write_files(tmp_path, {"pip.conf": pip, "requirements.txt": "acme-core\n"}))
    rules = client_rules(sources(), confused(), configs=configs)
    _, pypi = explain(sources(), "acme-core", provider(confused()), clients=rules).names
    assert [(one.configuration, one.sources) for one in pypi.clients[Client.PIP]] == [
        ("native", ("internal",)),
        ("overlay", ("internal",)),
        ("project", ("public",)),
    ]
    assert pypi.disagreeing == (Client.PIP,)
    lines = explanation_text(explain(sources(), "acme-core", provider(confused()), clients=rules), looked=True)
    assert [line for line in lines.splitlines() if line.startswith("  !")] == [
        "  !  pip     project  public    the best version of all sources"
    ]


def test_a_source_without_an_address_is_mentioned(tmp_path: Path) -> None:
    configs = read_configs(write_files(tmp_path, {"requirements.txt": f"--extra-index-url {INTERNAL}\nacme-core\n"}))
    rules = client_rules(sources(), confused(), configs=configs)
    _, pypi = explain(sources(), "acme-core", provider(confused()), clients=rules).names
    assert pypi.clients[Client.PIP][-1].why.endswith("; asks pypi, at which nobody could look")


def test_without_sources_the_lower_one_is_assumed_to_have_more() -> None:
    catalogue = assumed(sources(), [(Ecosystem.PYPI, "acme-core"), (Ecosystem.CONDA, "acme-core")])
    explanation = explained(sources(), "acme-core", catalogue)
    assert {report.decision.source for report in explanation.names} == {"internal"}
    document = explanation_json(explanation, looked=False)
    assert {offer["presence"] for name in document["names"] for offer in name["offers"]} == {"assumed"}
    assert explanation_text(explanation, looked=False).startswith("no source was asked")


def test_the_document_has_everything_and_is_stable() -> None:
    explanation = explained(sources(), "acme-core", confused())
    document = explanation_json(explanation, looked=True, problems=["https://public.example: is down"])
    assert json.dumps(document) == json.dumps(
        explanation_json(explained(sources(), "acme-core", confused()), looked=True, problems=document["problems"])
    )
    assert document["schema"] == "conda-bridge/priority-explain/1"
    conda, pypi = document["names"]
    assert pypi["offers"] == [
        {"source": "internal", "presence": "known", "versions": ["1.0"]},
        {"source": "public", "presence": "known", "versions": ["99"]},
    ]
    (policy,) = conda["policy"]
    assert (policy["source"], policy["rule"]) == ("internal", "claim on line 11")
    assert policy["refused"] == [{"source": "public", "reason": "a claim gives the name to others"}]
    assert [one["client"] for one in pypi["clients"]] == [client.value for client in Client if client in PYPI]


def test_text_names_the_rule_the_offers_and_the_clients() -> None:
    many = confused()
    versions = [str(number) for number in range(9)]
    catalogue = Catalogue((listing(INTERNAL, {"shared": versions}), *many.listings))
    lines = explanation_text(explained(sources(), "shared", catalogue), looked=True, problems=["a\x1b[31m\nb"])
    assert "shared (pypi): internal, by the policy's order" in lines.splitlines()
    assert "  internal  8, 7, 6, 5, 4 and 4 more" in lines
    assert "\x1b" not in lines
    assert lines.splitlines()[-1] == "could not be read: a\\x1b[31m; b"
