"""Single versions: conda's spelling to PEP 440 and back."""

from __future__ import annotations

import pytest
from packaging.version import Version

from bridge.errors import Code, InvalidInput
from bridge.mapping.versions import VersionRule, to_conda, to_pep440
from bridge.model.conda import CondaVersion


@pytest.mark.parametrize(
    ("conda", "pep440", "rule"),
    [
        ("1.2.3", "1.2.3", VersionRule.DIRECT),
        ("1!2.0", "1!2.0", VersionRule.DIRECT),
        ("2.0.0+cu118", "2.0.0+cu118", VersionRule.DIRECT),
        ("2024.01.05", "2024.1.5", VersionRule.NORMALIZED),
        ("1.0.rc1", "1.0rc1", VersionRule.NORMALIZED),
        ("v1.0", "1.0", VersionRule.NORMALIZED),
        ("1.0_1", "1.0.1", VersionRule.UNDERSCORE),
        ("1.0.1_", "1.0.1", VersionRule.UNDERSCORE),
        ("1.1.1w", "1.1.1.post23", VersionRule.LETTER),
        ("9e", "9.post5", VersionRule.LETTER),
        ("2.0.0b", "2.0.0.post2", VersionRule.LETTER),
        ("2023c", "2023.3", VersionRule.YEAR_LETTER),
        ("2025a", "2025.1", VersionRule.YEAR_LETTER),
        ("r2020b", "0+conda.r2020b", VersionRule.OPAQUE),
        ("3.0.0.git123", "0+conda.3.0.0.git123", VersionRule.OPAQUE),
        ("4.5.final", "0+conda.4.5.final", VersionRule.OPAQUE),
    ],
)
def test_each_rule_gives_the_version_that_the_package_meant(conda: str, pep440: str, rule: VersionRule) -> None:
    answer = to_pep440(CondaVersion(conda))
    assert (str(answer.version), answer.rule) == (pep440, rule)
    assert answer.exact is (rule is VersionRule.DIRECT)


def test_letters_keep_the_order_of_their_releases() -> None:
    spelled = ["1.1.1", "1.1.1a", "1.1.1k", "1.1.1w", "1.1.2"]
    versions = [to_pep440(CondaVersion(one)).version for one in spelled]
    assert versions == sorted(versions)


@pytest.mark.parametrize("hopeless", ["", "___", "...", "+", "\u0663", "1" * 5000])
def test_what_cannot_be_a_version_is_refused(hopeless: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        to_pep440(CondaVersion(hopeless), subject="x-1-0.conda")
    assert caught.value.code is Code.BAD_IDENTIFIER
    assert caught.value.subject == "x-1-0.conda"
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("pep440", "conda"),
    [
        ("1.0", "1.0"),
        ("1.0.dev1", "1.0dev1"),
        ("1.0a1.dev2", "1.0a1.dev2"),
        ("1.0.post1.dev3", "1.0.post1.dev3"),
        ("1!1.0rc2", "1!1.0rc2"),
        ("2.0+cu118", "2.0"),
    ],
)
def test_the_way_back_attaches_development_releases_and_leaves_the_local_label_out(pep440: str, conda: str) -> None:
    assert to_conda(Version(pep440)) == conda
