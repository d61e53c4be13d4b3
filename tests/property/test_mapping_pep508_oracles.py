"""Requirements of wheels against the two oracles: packaging on one side, py-rattler on the other."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st
from packaging.markers import Marker
from packaging.specifiers import SpecifierSet
from packaging.version import Version
from rattler import Version as RattlerVersion
from rattler import VersionSpec

from bridge.mapping.marker_targets import Target
from bridge.mapping.markers import evaluate, to_when
from bridge.mapping.pep508 import to_conda_spec
from bridge.mapping.versions import to_conda
from bridge.model.conda import Subdir
from tests.support.when_conditions import holds

NUMBERS = st.integers(0, 3)
RELEASES = st.lists(NUMBERS, min_size=1, max_size=3).map(lambda parts: ".".join(map(str, parts)))
#: conda keeps 1a1 and 1.0a1 apart, so that pre- and post-releases have one length.
FULL = st.tuples(NUMBERS, NUMBERS, NUMBERS).map(lambda parts: ".".join(map(str, parts)))
PRE = st.tuples(FULL, st.sampled_from(["a0", "a1", "b1", "rc1", ".dev0", ".dev1"])).map("".join)
POST = st.tuples(FULL, st.sampled_from([".post0", ".post1"])).map("".join)
VERSIONS = st.one_of(RELEASES, FULL, PRE, POST)


@st.composite
def specifiers(draw: st.DrawFn) -> str:
    operator = draw(st.sampled_from(["==", "!=", ">=", "<=", ">", "<", "~=", "==*", "!=*"]))
    match operator:
        case "==*" | "!=*":
            return f"{operator[:2]}{draw(RELEASES)}.*"
        case "~=":
            return f"~={draw(NUMBERS)}.{draw(RELEASES)}"
        case _:
            return f"{operator}{draw(VERSIONS)}"


def differs_by_design(clause: str, version: Version) -> bool:
    """What conda has no words for: the post-releases of `>V`, and `<V.post1` without the pre-releases of V."""
    bound = Version(clause.lstrip("<>=!~").removesuffix(".*"))
    same = bound.base_version == version.base_version or Version(bound.base_version) == Version(version.base_version)
    if clause[0] == ">" and clause[1] != "=":
        return same and version.is_postrelease
    return clause[0] == "<" and clause[1] != "=" and same and bound.is_postrelease and version.is_prerelease


@given(st.lists(specifiers(), max_size=3), st.lists(VERSIONS.map(Version), min_size=1, max_size=40))
def test_conda_accepts_what_the_specifiers_accept(clauses: list[str], versions: list[Version]) -> None:
    wanted = SpecifierSet(",".join(clauses))
    answer = to_conda_spec(wanted)
    assert answer.losses == ()
    assert "|" not in answer.spec
    assert "[" not in answer.spec
    spec = VersionSpec(answer.spec or "*", strict=True)
    for version in versions:
        if any(differs_by_design(clause, version) for clause in clauses):
            continue
        accepted = spec.matches(RattlerVersion(to_conda(version)))
        assert accepted == wanted.contains(version, prereleases=True), (answer.spec, str(version))


PYTHONS = [f"3.{minor}.{patch}" for minor in range(9, 15) for patch in (0, 2)] + ["3.12.0rc1"]
PLATFORMS = {
    "linux-64": ("linux", "posix", "Linux", "x86_64", {"__linux", "__unix"}),
    "osx-64": ("darwin", "posix", "Darwin", "x86_64", {"__osx", "__unix"}),
    "osx-arm64": ("darwin", "posix", "Darwin", "arm64", {"__osx", "__unix"}),
    "win-64": ("win32", "nt", "Windows", "AMD64", {"__win"}),
}
MINORS = st.sampled_from(["3", "3.1", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14", "4"])
ORDERED = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])


@st.composite
def comparisons(draw: st.DrawFn) -> str:
    equal = draw(st.sampled_from(["==", "!="]))
    match draw(st.integers(0, 7)):
        case 0 | 1:
            return f'python_version {draw(ORDERED)} "{draw(MINORS)}"'
        case 2:
            listed = " ".join(draw(st.lists(MINORS, min_size=1, max_size=3)))
            return f'python_version {draw(st.sampled_from(["in", "not in"]))} "{listed}"'
        case 3:
            patch = draw(st.sampled_from([".0", ".2", ".0rc1", ".*"]))
            operator = equal if patch == ".*" else draw(st.sampled_from(["<", "<=", ">", ">="]))
            return f'python_full_version {operator} "3.{draw(st.integers(9, 13))}{patch}"'
        case 4:
            return f'sys_platform {equal} "{draw(st.sampled_from(["linux", "win32", "darwin", "cygwin"]))}"'
        case 5:
            return f'os_name {equal} "{draw(st.sampled_from(["nt", "posix"]))}"'
        case 6:
            return f'platform_system {equal} "{draw(st.sampled_from(["Linux", "Darwin", "Windows"]))}"'
        case _:
            return f'platform_machine {equal} "{draw(st.sampled_from(["x86_64", "arm64", "AMD64"]))}"'


MARKERS = st.recursive(
    comparisons(),
    lambda inner: st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(
        lambda parts: f"({parts[0]}) {parts[1]} ({parts[2]})"
    ),
    max_leaves=6,
)


def environment(platform: str, python: str) -> dict[str, str]:
    sys_platform, os_name, system, machine, _ = PLATFORMS[platform]
    return {
        "implementation_name": "cpython",
        "implementation_version": python,
        "os_name": os_name,
        "platform_machine": machine,
        "platform_release": "",
        "platform_system": system,
        "platform_version": "",
        "python_full_version": python,
        "platform_python_implementation": "CPython",
        "python_version": ".".join(map(str, Version(python).release[:2])),
        "sys_platform": sys_platform,
    }


@given(MARKERS, st.sampled_from(["", ">=3.9", ">=3.10,!=3.12.*", "==3.11.*"]))
def test_a_translated_condition_holds_where_packaging_says(text: str, requires_python: str) -> None:
    marker = Marker(text)
    supported = SpecifierSet(requires_python)
    noarch = evaluate(marker, Target(Subdir("noarch"), supported))
    for platform in PLATFORMS:
        condition = evaluate(marker, Target(Subdir(platform), supported))
        for chosen in [condition] if noarch.needs_machine else [condition, noarch]:
            answer = None if chosen.never else to_when(chosen)
            for python in PYTHONS:
                if not supported.contains(python, prereleases=True):
                    continue
                wanted = marker.evaluate(environment(platform, python))
                offered = answer is not None and holds(answer.when, to_conda(Version(python)), PLATFORMS[platform][4])
                # A set of single patch releases may be widened, and says so.
                assert offered == wanted or (offered and answer is not None and not answer.exact), (platform, python)


@given(MARKERS)
def test_a_noarch_condition_is_never_narrower_than_any_platforms(text: str) -> None:
    condition = evaluate(Marker(text), Target(Subdir("noarch")))
    answer = None if condition.never else to_when(condition)
    for platform, python in itertools.product(PLATFORMS, PYTHONS):
        if Marker(text).evaluate(environment(platform, python)):
            assert answer is not None
            assert holds(answer.when, to_conda(Version(python)), PLATFORMS[platform][4])
