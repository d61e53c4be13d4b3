"""Version specs: every form of conda, and what is recorded where PEP 440 has no words."""

from __future__ import annotations

import pytest
from packaging.specifiers import SpecifierSet

from bridge.errors import Code, InvalidInput
from bridge.mapping.precedence import MAX_DEPTH
from bridge.mapping.version_specs import lower_bound, to_specifiers


@pytest.mark.parametrize(
    ("conda", "pep440"),
    [
        ("", ""),
        ("*", ""),
        ("1.2", "==1.2"),
        ("==1.2", "==1.2"),
        ("=1.2", "==1.2.*"),
        ("1.2.*", "==1.2.*"),
        ("1.2*", "==1.2.*"),
        ("1.*.*", "==1.*"),
        (">=1.2.*", ">=1.2"),
        ("<=1.2.*", "<=1.2"),
        (">1.2.*", ">=1.2"),
        ("!=1.2.*", "!=1.2.*"),
        ("!=1.2", "!=1.2"),
        (">5.4", ">=5.4,!=5.4"),
        ("~=1.2.3", "~=1.2.3"),
        ("~=1", ">=1"),
        (">=1,<2.0a0", ">=1,<2.0"),
        ("<3.0.a0", "<3.0"),
        ("<4.0dev0", "<4.0"),
        ("<4.0.0a0", "<4.0.0"),
        ("<5.0.0a.0", "<5.0.0"),
        ("<1.1.2a", "<1.1.2"),
        ("<2024a", "<2024"),
        (">=3.12.0rc3,<3.13.0a0", ">=3.12.0rc3,<3.13.0"),
        (">=2.7, !=3.0.*, !=3.1.*", ">=2.7,!=3.0.*,!=3.1.*"),
        ("<0a0", "<0"),
        ("99999999", "==99999999"),
        (">=1!2,<1!3", ">=1!2,<1!3"),
        ("2.0.0+cu118", "==2.0.0+cu118"),
    ],
)
def test_forms_with_an_exact_translation(conda: str, pep440: str) -> None:
    answer = to_specifiers(conda)
    assert answer.specifiers == SpecifierSet(pep440)
    assert answer.losses == ()


@pytest.mark.parametrize(
    ("conda", "pep440"),
    [
        ("12.6|12.6.*", "==12.6.*"),
        ("*|1.2", ""),
        ("1.2.*|1.3.*", ">=1.2,<1.4"),
        ("1.2.*|1.4.*", ">=1.2,<1.5,!=1.3.*"),
        ("<2|>2", "!=2"),
        (">=1,<2|>=3,<4", ">=1,<4,!=2.*"),
        ("(<1|>=2),<3", "<3,!=1.*"),
        ("!=3.0|>=1", ""),
        (">=2,<1|==5", "==5"),
        ("(>=1)", ">=1"),
    ],
)
def test_alternatives_that_one_set_of_specifiers_can_say(conda: str, pep440: str) -> None:
    answer = to_specifiers(conda)
    assert answer.specifiers == SpecifierSet(pep440)
    assert answer.losses == ()


@pytest.mark.parametrize(
    ("conda", "pep440"),
    [
        ("2.7.*|>=3.4", ">=2.7,!=3.0.*,!=3.1.*,!=3.2.*,!=3.3.*"),
        ("1.2|1.3", ">=1.2,<=1.3"),
        ("<1.1|>=3,>=3.4", "!=2.*,!=3.0.*,!=3.1.*,!=3.2.*,!=3.3.*"),
        ("1|1000000", ">=1,<=1000000"),
    ],
)
def test_alternatives_that_only_a_hull_can_say_are_recorded(conda: str, pep440: str) -> None:
    answer = to_specifiers(conda)
    assert answer.specifiers == SpecifierSet(pep440)
    assert [code for code, _ in answer.losses] == [Code.HULL]


def test_a_hull_over_versions_that_do_not_exist_is_no_loss() -> None:
    assert to_specifiers("2.7.*|>=3.4", absent=">=2.8,<3").losses == ()
    assert to_specifiers("2.7|>=3.4", absent=">=2.8,<3").losses != ()


@pytest.mark.parametrize(
    ("conda", "pep440", "code"),
    [
        (">=1.1.1w,<1.1.2a", ">=1.1.1.post23,<1.1.2", Code.VERSION_SPELLING),
        (">=2023c", ">=2023.3", Code.VERSION_SPELLING),
        ("r2020b", "==0+conda.r2020b", Code.VERSION_SPELLING),
        (">=r2020b,<9", "<9", Code.VERSION_DROPPED),
        ("1.0.2.r7.gabc.*", "", Code.VERSION_DROPPED),
        (">=r2020b|1.2", "", Code.VERSION_DROPPED),
        (">=1.0+cu1", ">=1.0", Code.HULL),
        ("1.0rc1.*", "==1.0rc1", Code.HULL),
    ],
)
def test_versions_without_an_equal_in_pep_440_are_recorded(conda: str, pep440: str, code: Code) -> None:
    answer = to_specifiers(conda)
    assert answer.specifiers == SpecifierSet(pep440)
    assert code in {code for code, _ in answer.losses}


@pytest.mark.parametrize("sentinel", ["<0a0", "<0.0a0", ">=2,<1"])
def test_what_nothing_satisfies_is_said_to_conflict(sentinel: str) -> None:
    assert to_specifiers(sentinel).specifiers.is_unsatisfiable()


@pytest.mark.parametrize(
    "malformed",
    [
        "===1.0", "1.*.1", "^1\\..*$", ">=", "1,,2", "1|", "(1", "1)", "!=*", "<*", "1 2", "=>1", ",", "@ 1",
        "(" * (MAX_DEPTH + 2) + "1" + ")" * (MAX_DEPTH + 2),
    ],
)  # fmt: skip
def test_what_no_solver_reads_is_refused(malformed: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        to_specifiers(malformed)
    assert caught.value.code is Code.BAD_SPEC


def test_the_lower_bound_is_that_of_the_lowest_alternative() -> None:
    assert str(lower_bound(">=2.17,<3.0.a0")) == "2.17"
    assert str(lower_bound(">=5|3.*")) == "3"
    assert lower_bound("<3") is None
    assert lower_bound(">=2,<1") is None
