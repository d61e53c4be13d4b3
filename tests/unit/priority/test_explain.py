"""Everything about one package: its names, who has it, what decides, and what the clients would do."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bridge.errors import Code, InvalidInput
from bridge.priority.decision import ABSENT, Availability, Decision, Outcome, Presence
from bridge.priority.explain import ClientAnswer, NameReport, explain
from bridge.priority.identity import IdentitySource
from bridge.priority.policy import Ecosystem, Source, SourceName
from bridge.priority.policy_file import parse_policy
from bridge.priority.report import Client

POLICY = parse_policy(
    """\
schema = "bridge-policy/1"
order = ["internal", "public"]
[sources.internal]
pypi = "https://internal.example/simple"
trust = "first-party"
[sources.public]
conda = "https://public.example/conda"
pypi = "https://public.example/simple"
trust = "public"
[[claims]]
packages = ["torch"]
from = ["internal"]
[names]
pytorch = "torch"
acme-native = false
""",
    "bridge-policy.toml",
)


def provided(source: Source, ecosystem: Ecosystem, name: str) -> Availability:
    return Availability(Presence.KNOWN, (1, 3, 2)) if source.name == "public" else ABSENT


def uv(_: str, decision: Decision) -> Sequence[ClientAnswer]:
    if decision.ecosystem is not Ecosystem.PYPI:
        return ()
    return (
        ClientAnswer("native", (SourceName("public"),), "the first index does not have the name"),
        ClientAnswer("overlay", (), "the overlay index does not list the name"),
    )


def test_a_package_is_explained_under_its_own_names_only() -> None:
    explanation = explain(POLICY, "torch", provided)
    assert [(report.name, report.ecosystem) for report in explanation.names] == [
        ("pytorch", Ecosystem.CONDA),
        ("torch", Ecosystem.PYPI),
    ]
    assert (explanation.identity, explanation.confidence) == (IdentitySource.POLICY, 1.0)
    conda, pypi = explanation.names
    assert [(offer.source, offer.versions) for offer in conda.offers] == [("public", (3, 2, 1))]
    assert [offer.source for offer in pypi.offers] == ["internal", "public"]
    assert {conda.decision.outcome, pypi.decision.outcome} == {Outcome.ABSENT}
    assert explanation.remarks == (
        "nothing provides pytorch for conda: no source of the claim on line 10 has an address there",
    )


def test_a_name_that_nobody_knows_is_explained_in_both_ecosystems() -> None:
    explanation = explain(POLICY, "Some_Name", provided)
    assert [(report.name, report.decision.source) for report in explanation.names] == [
        ("some_name", "public"),
        ("some-name", "public"),
    ]
    assert explanation.identity is IdentitySource.UNKNOWN
    assert explanation.remarks == ()


def test_a_project_that_only_shares_a_name_is_remarked_on() -> None:
    (remark,) = explain(POLICY, "acme-native", provided).remarks
    assert remark == "the project acme-native of public is not the conda package of that name, as [names] says"
    renamed = explain(POLICY, "pytorch", provided)
    assert [report.name for report in renamed.names] == ["pytorch", "pytorch", "torch"]
    assert "the project pytorch of public is not the conda package of that name, as [names] says" in renamed.remarks


def test_clients_that_would_take_another_source_are_named() -> None:
    conda, pypi = explain(POLICY, "torch", provided, clients={Client.UV: uv}).names
    assert (conda.clients, conda.disagreeing) == ({}, ())
    assert [answer.configuration for answer in pypi.clients[Client.UV]] == ["native", "overlay"]
    assert pypi.disagreeing == (Client.UV,)
    assert isinstance(pypi, NameReport)


@pytest.mark.parametrize("name", ["", "a b", "*", "../x", "acme-*", "ä", "x" * 200, "\x1b[31m"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        explain(POLICY, name, provided)
    assert caught.value.code is Code.POLICY_NAME
