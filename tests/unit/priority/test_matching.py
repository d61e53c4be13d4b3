"""Version parts as clients write them; the answers are those of poetry-core's own parser of constraints."""

from __future__ import annotations

import pytest

from bridge.priority.matching import specifiers_of

VERSIONS = ("0.0.0", "0.0.3", "0.0.4", "0.2.3", "0.3", "1.2", "1.2.3", "1.2.4", "1.3", "1.9", "2.0", "99")


@pytest.mark.parametrize(
    ("written", "allowed"),
    [
        ("^1.2.3", ("1.2.3", "1.2.4", "1.3", "1.9")),
        ("^0.2.3", ("0.2.3",)),
        ("^0.0.3", ("0.0.3",)),
        ("^0.0", ("0.0.0", "0.0.3", "0.0.4")),
        ("^0", ("0.0.0", "0.0.3", "0.0.4", "0.2.3", "0.3")),
        ("~1.2.3", ("1.2.3", "1.2.4")),
        ("~1.2", ("1.2", "1.2.3", "1.2.4")),
        ("~1", ("1.2", "1.2.3", "1.2.4", "1.3", "1.9")),
        ("~=1.2.3", ("1.2.3", "1.2.4")),
        ("^1.2,!=1.3", ("1.2", "1.2.3", "1.2.4", "1.9")),
        ("1.2", ("1.2",)),
        ("*", VERSIONS),
    ],
)
def test_what_a_version_part_lets_through(written: str, allowed: tuple[str, ...]) -> None:
    assert tuple(version for version in VERSIONS if specifiers_of((written,)).contains(version)) == allowed


def test_all_parts_hold_together_and_what_is_none_limits_nothing() -> None:
    assert str(specifiers_of((">=1", "<2"))) == str(specifiers_of((">=1,<2",)))
    assert str(specifiers_of(("^1 || ^3",))) == ""
