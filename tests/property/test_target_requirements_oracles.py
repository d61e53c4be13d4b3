"""Requirements of wheels as packages against two oracles: packaging on one side, py-rattler on the other."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.tags import parse_tag
from packaging.utils import canonicalize_name
from packaging.version import Version
from rattler import MatchSpec, VersionSpec
from rattler import Version as CondaVersion

from bridge.errors import Code, Unrepresentable
from bridge.mapping.pypi_names import PypiNames
from bridge.mapping.tables import load_tables
from bridge.mapping.target_merge import joined_versions
from bridge.mapping.target_requirements import TargetRequirements, target_requirements
from bridge.mapping.wheel_targets import Natives, wheel_targets
from tests.support.marker_grid import GRID, PLATFORMS, Environment, Wheel, disagreements, installable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PROJECTS = ["left", "right", "middle", "outer"]
EXTRAS = ["fast", "test"]
MINORS = st.sampled_from(["3", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14", "4"])
ORDERED = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
SPECIFIERS = st.sampled_from(["", ">=1", "<3", ">=1.2,<2", "~=1.4.2", "!=1.5", "==2.*", ">=2,!=2.1.*", "<=1.9", ">1.0"])
REQUIRES_PYTHON = st.sampled_from(["", ">=3.9", ">=3.8,<4", ">=3.10,!=3.12.*", ">=3.9,<3.13", ">=2.7,!=3.0.*,!=3.1.*"])
PURE = ["py3-none-any", "py2.py3-none-any", "py310-none-any"]
#: a Python that is no final release, for which markers of whole versions differ.
CANDIDATES = [Environment(subdir, f"3.{minor}.0rc1") for subdir in ("linux-64", "win-64") for minor in range(9, 15)]
BOUND = [
    "cp312-cp312-manylinux_2_17_x86_64",
    "cp310-abi3-win_amd64",
    "py3-none-macosx_11_0_universal2",
    "cp311-none-any",
]


@st.composite
def comparisons(draw: st.DrawFn) -> str:
    equal = draw(st.sampled_from(["==", "!="]))
    match draw(st.integers(0, 9)):
        case 0 | 1 | 2:
            return f'python_version {draw(ORDERED)} "{draw(MINORS)}"'
        case 3:
            listed = " ".join(draw(st.lists(MINORS, min_size=1, max_size=3)))
            return f'python_version {draw(st.sampled_from(["in", "not in"]))} "{listed}"'
        case 4:
            operator = draw(st.sampled_from(["<", "<=", ">", ">="]))
            patch = draw(st.sampled_from(["0", "3", "0rc2", "0a6"]))
            return f'python_full_version {operator} "3.{draw(st.integers(9, 13))}.{patch}"'
        case 5:
            return f'sys_platform {equal} "{draw(st.sampled_from(["linux", "win32", "darwin", "cygwin"]))}"'
        case 6:
            return f'os_name {equal} "{draw(st.sampled_from(["nt", "posix"]))}"'
        case 7:
            return f'platform_system {equal} "{draw(st.sampled_from(["Linux", "Darwin", "Windows"]))}"'
        case 8:
            return f'platform_machine {equal} "{draw(st.sampled_from(["x86_64", "arm64", "AMD64", "aarch64"]))}"'
        case _:
            return f'extra == "{draw(st.sampled_from(EXTRAS))}"'


MARKERS = st.recursive(
    comparisons(),
    lambda inner: st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(
        lambda parts: f"({parts[0]}) {parts[1]} ({parts[2]})"
    ),
    max_leaves=4,
)


@st.composite
def requirements(draw: st.DrawFn) -> Requirement:
    marker = draw(st.one_of(st.none(), MARKERS))
    name = draw(st.sampled_from([*PROJECTS, "unheard-of"]))
    return Requirement(f"{name}{draw(SPECIFIERS)}{f'; {marker}' if marker else ''}")


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> PypiNames:
    path: Path = tmp_path_factory.mktemp("overlay") / "names.yaml"
    path.write_text("python: {left: left, right: right-py, middle: middle, outer: outer}\n")
    return PypiNames(load_tables([path]))


def index_json(item: TargetRequirements) -> dict[str, Any]:
    return {
        "build": f"{item.target.label}_{item.target.split}",
        "subdir": item.target.subdir,
        "depends": list(item.specs),
        "extra_depends": item.extra_specs,
        "schema_version": 3 if item.uses_v3 else 1,
    }


def converted(
    names: PypiNames, tag: str, requires: Sequence[Requirement], requires_python: str, *, conditional: bool
) -> list[TargetRequirements]:
    answer = wheel_targets(
        parse_tag(tag), SpecifierSet(requires_python), Natives(), has_programs=False, subject="w.whl"
    )
    return [
        item
        for target in answer.targets
        for item in target_requirements(
            target,
            requires,
            names,
            extras=[canonicalize_name(extra) for extra in EXTRAS],
            conditional=conditional,
            subject="w.whl",
            project=canonicalize_name("self"),
        )
    ]


def check(names: PypiNames, tag: str, requires: Sequence[Requirement], python: str, *, conditional: bool) -> None:
    items = converted(names, tag, requires, python, conditional=conditional)
    inexact = {Code.CONDITION} & {loss.code for item in items for loss in item.losses}
    assert not inexact
    wheel = Wheel(
        requires, SpecifierSet(python), lambda project: names.lookup(project).conda, extras=EXTRAS, project="self"
    )
    whole = tag.startswith(("py3-none-any", "py2.py3-none-any"))
    # What is bound to one Python is not for its pre-releases, as everywhere in conda.
    grid = (*GRID, *CANDIDATES) if whole else GRID
    assert disagreements(wheel, map(index_json, items), grid, whole=whole) == []
    files = [(item.target.subdir, item.target.label, item.target.split) for item in items]
    assert len(set(files)) == len(files)
    for item in items:
        for spec in itertools.chain(item.specs, *item.extra_specs.values()):
            MatchSpec(spec, strict=True)
        if not conditional:
            assert not item.uses_v3
            assert not any("[" in spec or "|" in spec for spec in item.specs)


def pythons_of(tag: str) -> range:
    """The minor versions of Python 3 that a tag is for."""
    minor = int(tag.partition("-")[0].rpartition(".")[2][3:] or 0)
    return range(minor, minor + 1) if "-abi3-" not in tag and tag.startswith("cp") else range(minor, 20)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=120)
@given(st.sampled_from([*PURE, *BOUND]), st.lists(requirements(), max_size=5), REQUIRES_PYTHON, st.booleans())
def test_what_is_required_is_what_packaging_says(
    names: PypiNames, tag: str, requires: list[Requirement], python: str, conditional: bool
) -> None:
    if not any(SpecifierSet(python).contains(f"3.{minor}.1") for minor in pythons_of(tag)):
        with pytest.raises(Unrepresentable, match="CB327"):
            converted(names, tag, requires, python, conditional=conditional)
        return
    check(names, tag, requires, python, conditional=conditional)


@pytest.mark.parametrize("conditional", [False, True])
@pytest.mark.parametrize("tag", PURE)
def test_extras_that_a_project_asks_of_itself(names: PypiNames, tag: str, conditional: bool) -> None:
    requires = [
        Requirement('self[fast]; extra == "test" and python_version < "3.12"'),
        Requirement('left>=1; extra == "fast" and sys_platform != "win32"'),
        Requirement('right; extra == "fast" or python_version < "3.10"'),
        Requirement('self[test]; extra == "fast" and platform_machine == "arm64"'),
        Requirement('outer; extra == "test"'),
    ]
    check(names, tag, requires, ">=3.9", conditional=conditional)


CLAUSES = st.lists(
    st.sampled_from([">=1", ">1.2", "<3", "<=2.5", "<2dev0", "!=1.5", "1.*", "!=2.1.*", "==2", ">=1.4,1.*", ">2,<4"]),
    max_size=4,
)


@given(CLAUSES, st.lists(st.integers(0, 5), min_size=1, max_size=3))
def test_joined_versions_accept_what_all_accept(specs: list[str], release: list[int]) -> None:
    version = CondaVersion(str(Version(".".join(map(str, release)))))
    joined = VersionSpec(joined_versions(specs) or "*", strict=True)
    assert joined.matches(version) == all(VersionSpec(spec, strict=True).matches(version) for spec in specs)


def test_the_grid_sees_a_package_that_is_wrong() -> None:
    """The oracle itself: each kind of mistake is told."""
    wheel = Wheel([Requirement('left>=1; sys_platform == "win32"')], SpecifierSet(">=3.9"), lambda project: project)
    right = {"build": "w", "subdir": "noarch", "depends": ["python >=3.9", "__win", "left >=1"]}
    unix = {"build": "u", "subdir": "noarch", "depends": ["python >=3.9", "__unix"]}
    assert disagreements(wheel, [right, unix]) == []
    assert len(disagreements(wheel, [right])) == len(GRID) * 4 // 6
    for mistake, said in [
        ([{**right, "depends": ["python >=3.9", "__win"]}, unix], "left is not required"),
        ([right, {**unix, "depends": [*unix["depends"], "left >=1"]}], "left is required"),
        ([right, {**unix, "depends": ["python >=3.9"]}], "several packages"),
        ([right, {**unix, "depends": ["python >=3.10", "__unix"]}], "no package"),
        ([{**right, "depends": ["python >=3.9", "__win", "left >=1.1"]}, unix], "left 1: >=1 is not left >=1.1"),
    ]:
        assert any(said in problem for problem in disagreements(wheel, mistake)), said


def test_a_package_for_one_platform_is_installable_only_there() -> None:
    package = {"build": "b", "subdir": "linux-64", "depends": ["python >=3.12,<3.13.0a0", "python_abi 3.12.* *_cp312"]}
    here = {(one.subdir, one.minor) for one in GRID if installable(package, one)}
    assert here == {("linux-64", "3.12")}
    assert {one.subdir for one in GRID} == set(PLATFORMS)
