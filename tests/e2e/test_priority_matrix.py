"""The real clients in every situation of the matrix: they do what the policy says, or the report says that they do not.

The expected answers are the policy's own, computed by `bridge.priority.decision`; some are pinned here by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bridge.priority.policy import Ecosystem
from bridge.priority.report import Client
from tests.support.priority_scenarios import answer
from tests.support.priority_scenarios_list import scenarios
from tests.support.priority_scenarios_page import page, versions
from tests.support.priority_scenarios_run import CLIENTS, Case, run_all
from tests.support.priority_scenarios_site import staged

pytestmark = pytest.mark.e2e

PAGE = Path(__file__).parents[2] / "docs" / "priority-matrix.md"
SCENARIOS = {one.name: one for one in scenarios()}


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Case]]:
    work = tmp_path_factory.mktemp("matrix")
    with staged(work / "site", tuple(SCENARIOS.values())) as stages:
        yield run_all(stages, work / "runs")


def told(cases: list[Case], wrong: Callable[[Case], bool]) -> list[str]:
    """What is not as it should be, readable."""
    return [
        f"{case.client.value}: {case.scenario.name}: the policy {case.expected}, native {case.native}, "
        f"overlay {case.overlay}, by hand ({case.style}) {case.hand.taken}, audit {case.audit} {sorted(case.blamed)}"
        for case in cases
        if wrong(case)
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("order alone, direct", {"acme-core": "internal 1.0"}),
        ("order alone, bounded transitive", None),
        ("claimed by glob, transitive", {"acme-core": "internal 1.0", "app": "public 1.0"}),
        ("name against glob, transitive", {"acme-core": "internal 1.0", "app": "public 1.0"}),
        ("owner refused, claimed", None),
        ("absent at its owner, direct", None),
        ("absent in the first source, order alone", {"acme-new": "public 1.0"}),
        ("yanked at its owner", {"acme-core": "internal 1.0"}),
        ("pre-release at its owner alone", {"acme-core": "internal 1.0rc1"}),
        ("young in a source with a minimum age", {"fresh": "public 1.0"}),
        ("by an extra", {"acme-gpu": "internal 1.0", "kit": "public 1.0"}),
        ("claim that holds here, direct", {"acme-core": "internal 1.0"}),
        ("claim that does not hold here, direct", {"acme-core": "public 99.0"}),
        ("the project that has a channel's name", {"pytorch": "public 99.0"}),
        ("first-match, shared>=2", {"shared": "public 2.0"}),
        ("mirror of an owner that is down", {"acme-core": "mirror 1.0"}),
    ],
)
def test_the_expected_answer_is_the_one_that_a_person_gives(name: str, expected: dict[str, str] | None) -> None:
    found = answer(SCENARIOS[name], Ecosystem.PYPI)
    assert (found if found is None else {key: str(origin) for key, origin in found.items()}) == expected


def test_there_are_situations_for_every_client(cases: list[Case]) -> None:
    assert len(SCENARIOS) >= 48
    for client in CLIENTS:
        assert sum(case.client is client for case in cases) >= 48


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_that_is_configured_as_recommended_does_what_the_policy_says(
    cases: list[Case], client: Client
) -> None:
    """A refusal instead of an answer is only there where the report says that the client is stricter."""
    own = [case for case in cases if case.client is client]
    assert not told(own, lambda case: not case.right(case.recommended) and not case.refuses_as_reported)


def test_no_package_comes_from_a_wrong_source_with_what_is_recommended(cases: list[Case]) -> None:
    assert not told(cases, lambda case: bool(case.wrong(case.recommended)))


def test_what_is_reported_as_kept_is_kept(cases: list[Case]) -> None:
    """And the reports are not cautious for nothing: of the weaker ones, some really take a package from elsewhere."""
    assert not told(cases, lambda case: case.verdict.keeps and bool(case.wrong(case.native)))
    leaky = {case.client for case in cases if case.wrong(case.native)}
    assert {Client.POETRY, Client.PDM, Client.PIXI} <= leaky


def test_overlays_are_never_wrong(cases: list[Case]) -> None:
    assert not told(cases, lambda case: bool(case.wrong(case.overlay)))


@pytest.mark.parametrize("client", CLIENTS)
def test_the_audit_blames_the_name_wherever_something_written_by_hand_resolves_wrongly(
    cases: list[Case], client: Client
) -> None:
    own = [case for case in cases if case.client is client]
    wrong = [case for case in own if case.wrong(case.hand)]
    assert wrong
    assert not told(wrong, lambda case: not case.found)


def test_the_audit_blames_nothing_where_it_resolves_right(cases: list[Case]) -> None:
    right = [case for case in cases if case.right(case.hand)]
    assert right
    assert not told(right, lambda case: bool(case.blamed))


def test_the_page_says_what_the_clients_do(cases: list[Case]) -> None:
    assert PAGE.read_text(encoding="utf-8") == page(cases, versions())
