"""Version algebra against its two oracles: py-rattler on conda's side, packaging on the other."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.version import Version
from rattler import Version as RattlerVersion
from rattler import VersionSpec
from rattler.exceptions import InvalidVersionError

from bridge.errors import Code, InvalidInput
from bridge.mapping.requirements import simplify
from bridge.mapping.version_specs import to_specifiers
from bridge.mapping.versions import to_conda, to_pep440
from bridge.model.conda import CondaVersion

NUMBERS = st.integers(0, 4)
RELEASES = st.lists(NUMBERS, min_size=1, max_size=3).map(lambda parts: ".".join(map(str, parts)))
FULL = st.tuples(NUMBERS, NUMBERS, NUMBERS).map(lambda parts: ".".join(map(str, parts)))
#: what conda and PEP 440 read alike: conda keeps 1.post1 and 1.0.post1 apart, so post releases have one
#: length; pre-releases are outside the comparison.
VERSIONS = st.one_of(RELEASES, FULL.map("{}.post1".format), FULL.map("{}.post2".format))
ENDS = st.sampled_from(["", "a0", ".0a0", ".a0", "dev0"])


@st.composite
def constraints(draw: st.DrawFn) -> str:
    operator = draw(st.sampled_from(["", "==", "=", "!=", ">=", ">", "<=", "<", "~=", "prefix", "no-prefix", ">=glob"]))
    match operator:
        case "prefix":
            return f"{draw(RELEASES)}.*"
        case "no-prefix":
            return f"!={draw(RELEASES)}.*"
        case ">=glob":
            return f">={draw(RELEASES)}.*"
        case "=" | "~=":
            return f"{operator}{draw(RELEASES)}"
        case "<":
            return f"<{draw(RELEASES)}{draw(ENDS)}"
        case _:
            return f"{operator}{draw(VERSIONS)}"


CONJUNCTIONS = st.lists(constraints(), min_size=1, max_size=3).map(",".join)
GROUPS = st.one_of(
    CONJUNCTIONS, st.lists(CONJUNCTIONS, min_size=2, max_size=3).map(lambda parts: f"({'|'.join(parts)})")
)
SPECS = st.lists(
    st.lists(GROUPS, min_size=1, max_size=2).map(",".join), min_size=1, max_size=3
).map("|".join)  # fmt: skip


@given(SPECS, st.lists(VERSIONS, min_size=1, max_size=40))
def test_the_specifiers_accept_what_the_spec_accepts(spec: str, versions: list[str]) -> None:
    oracle = VersionSpec(spec)
    answer = to_specifiers(spec)
    for version in versions:
        wanted = oracle.matches(RattlerVersion(version))
        offered = answer.specifiers.contains(version, prereleases=True)
        if wanted:
            assert offered, (spec, version, str(answer.specifiers))
        elif not answer.losses:
            assert not offered, (spec, version, str(answer.specifiers))


@given(SPECS)
def test_only_a_union_can_lose_anything(spec: str) -> None:
    answer = to_specifiers(spec)
    assert {code for code, _ in answer.losses} <= {Code.HULL}
    if "|" not in spec:
        assert answer.losses == ()
    assert SpecifierSet(str(answer.specifiers)) == answer.specifiers


@given(st.text(alphabet="0123.*=<>!~|,() abcdev_+-w", max_size=30))
def test_any_text_is_either_refused_or_translated(text: str) -> None:
    try:
        answer = to_specifiers(text)
    except InvalidInput:
        return
    assert SpecifierSet(str(answer.specifiers)) == answer.specifiers


@given(CONJUNCTIONS, st.lists(VERSIONS, max_size=20))
def test_simplifying_changes_no_answer(spec: str, versions: list[str]) -> None:
    specifiers = to_specifiers(spec).specifiers
    simpler = simplify(list(specifiers))
    assert len(simpler) <= len(specifiers)
    for version in versions:
        assert simpler.contains(version, prereleases=True) == specifiers.contains(version, prereleases=True)


@st.composite
def public_versions(draw: st.DrawFn) -> Version:
    release = ".".join(str(draw(NUMBERS)) for _ in range(3))
    pre = draw(st.sampled_from(["", "", "a0", "a1", "b1", "rc1"]))
    post = draw(st.sampled_from(["", "", ".post1", ".post2"]))
    # conda has no sane order for a development release of a pre- or post-release.
    dev = draw(st.sampled_from(["", ".dev0", ".dev1"])) if not (pre or post) else ""
    return Version(f"{release}{pre}{post if not pre else ''}{dev}")


@given(public_versions(), public_versions())
def test_the_way_back_keeps_the_order(left: Version, right: Version) -> None:
    conda_left, conda_right = RattlerVersion(to_conda(left)), RattlerVersion(to_conda(right))
    assert (conda_left < conda_right) == (left < right)
    assert (conda_left == conda_right) == (left == right)


@given(public_versions())
def test_there_and_back_is_the_same_version(version: Version) -> None:
    assert to_pep440(to_conda(version)).version == version


@given(st.text(alphabet="0123456789abcw._+!", min_size=1, max_size=20))
def test_every_version_that_conda_reads_has_an_answer(text: str) -> None:
    try:
        RattlerVersion(text)
    except InvalidVersionError:
        return
    answer = to_pep440(CondaVersion(text))
    assert Version(str(answer.version)) == answer.version
    if answer.exact:
        assert str(answer.version) == text
