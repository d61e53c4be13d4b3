"""The order of builds is the solver's own: whatever it takes first, without which it takes next, ..."""

from __future__ import annotations

from pathlib import Path

from bridge.channel.preference import Preference
from bridge.channel.universe import Universe, exact_spec
from tests.unit.channel.conftest import record
from tests.unit.families.channels import universe

#: build -> what decides; all of one release.
BUILDS = [
    record("foo", "1.0", "dep >=1", build="newest", build_number=1, timestamp=3),
    record("foo", "1.0", "dep >=1", build="newer", build_number=1, timestamp=2),
    record("foo", "1.0", "dep <2", build="old_dep", build_number=1, timestamp=9),
    record("foo", "1.0", "dep <2", "dep", build="old_dep_twice", build_number=1, timestamp=8),
    record("foo", "1.0", "dep >=1", build="no_number", timestamp=99),
    record("foo", "1.0", "dep >=1", build="features", build_number=7, track_features="slow", timestamp=99),
    record("foo", "1.0", "other", "dep >=1", build="no_number_too", timestamp=98),
]
WORLD = [record("dep", "1.0"), record("dep", "2.0"), record("other", "1.0")]


def by_solver(found: Universe) -> list[str]:
    """Ask for one of all, then for one of the rest, and so on."""
    left = {candidate.index.build: candidate for candidate in found.candidates("foo")}
    order = []
    while left:
        spec = f"foo[build='^({'|'.join(sorted(left))})$']"
        (chosen,) = [each for each in found.solve([spec], ()) if each.index.name == "foo"]
        order.append(chosen.index.build)
        del left[chosen.index.build]
    return order


def test_the_order_is_the_solvers(tmp_path: Path) -> None:
    with universe(tmp_path, *BUILDS, *WORLD) as found:
        ranked = Preference(found).ranked(found.candidates("foo"))
        assert [candidate.index.build for candidate in ranked] == by_solver(found)


def test_each_rule_in_turn(tmp_path: Path) -> None:
    with universe(tmp_path, *BUILDS, *WORLD) as found:
        ranked = Preference(found).ranked(found.candidates("foo"))
    assert [candidate.index.build for candidate in ranked] == [
        "newest",
        "newer",
        "old_dep",
        "old_dep_twice",
        "no_number",
        "no_number_too",
        "features",
    ]


def test_an_exact_spec_is_met_by_one_build(tmp_path: Path) -> None:
    with universe(tmp_path, *BUILDS, *WORLD) as found:
        for candidate in found.candidates("foo"):
            assert found.matching(exact_spec(candidate.index)) == (candidate,)
