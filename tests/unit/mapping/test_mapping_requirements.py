"""Requirements: every dialect of MatchSpec (facts of conda.md 3.4 and 3.6), and conditions."""

from __future__ import annotations

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import Specifier

from bridge.errors import Code, InvalidInput, Unrepresentable
from bridge.mapping.conditions import to_marker
from bridge.mapping.names import DependencyKind, Evidence, NameMapper
from bridge.mapping.requirements import RequirementAnswer, merge_requirements, simplify, to_requirement
from bridge.mapping.tables import load_tables
from bridge.model.conda import CondaName

DARWIN = 'sys_platform == "darwin"'


def translate(spec: str, extra: str | None = None) -> RequirementAnswer:
    mapper = NameMapper(load_tables(), Evidence(channel={CondaName("x"): True, CondaName("cudatoolkit"): False}))
    return to_requirement(spec, mapper, subject="s-1-0.conda", extra=extra)


@pytest.mark.parametrize(
    ("spec", "requirement"),
    [
        ("x", "x"),
        ("x *", "x"),
        ("x * *", "x"),
        ("x 1.2", "x==1.2"),
        ("x ==1.2", "x==1.2"),
        ("x=1.2", "x==1.2.*"),
        ("x =1.2", "x==1.2.*"),
        ("x 1.2.*", "x==1.2.*"),
        ("x 1.2*", "x==1.2.*"),
        ("x >=1,<2.0a0", "x>=1,<2.0"),
        ("x>=1,<2", "x>=1,<2"),
        ("x <3.0.a0", "x<3.0"),
        ("x <4.0.0a0", "x<4.0.0"),
        ("x >=2.7, !=3.0.*, !=3.1.*", "x>=2.7,!=3.0.*,!=3.1.*"),
        ("x   >=1 ,   <2", "x>=1,<2"),
        ("x 12.6|12.6.*", "x==12.6.*"),
        ("x 1.*.*", "x==1.*"),
        ('x[version=">=1,<2"]', "x>=1,<2"),
        ("X >=1", "x>=1"),
        ("x[extras=[b,a]]", "x[a,b]"),
        ('x[when="python>=3.10"]', 'x; python_version >= "3.10"'),
        ('x >=1[when="__win"]', 'x>=1; sys_platform == "win32"'),
        ('x[when="python >= 3"]', 'x; python_version >= "3"'),
        ("cudatoolkit >=11.8,<12", "conda-native-cudatoolkit>=11.8,<12"),
        ("pytorch >=2", "torch>=2"),
    ],
)
def test_specs_with_an_exact_translation(spec: str, requirement: str) -> None:
    answer = translate(spec)
    assert answer.requirement == Requirement(requirement)
    assert answer.losses == ()


@pytest.mark.parametrize(
    ("spec", "requirement", "codes"),
    [
        ("x 1.2 py_0", "x==1.2", [Code.BUILD_STRING]),
        ("x=1.2=py_0", "x==1.2", [Code.BUILD_STRING]),
        ("x * *_mkl", "x", [Code.BUILD_STRING]),
        ("x=*=*cuda*", "x", [Code.BUILD_STRING]),
        ("x * ^(a|b)$", "x", [Code.BUILD_STRING]),
        ('x[build_number=">=1"]', "x", [Code.BUILD_NUMBER]),
        ("conda-forge::x >=1", "x>=1", [Code.QUALIFIER]),
        ("conda-forge/linux-64::x", "x", [Code.QUALIFIER, Code.QUALIFIER]),
        ("x[subdir=linux-64]", "x", [Code.QUALIFIER]),
        ("x[md5=d41d8cd98f00b204e9800998ecf8427e]", "x", [Code.QUALIFIER]),
        ("x[license=MIT]", "x", [Code.QUALIFIER]),
        ("x[track_features=mkl]", "x", [Code.FEATURES]),
        ('x[flags=[cuda,"blas:*"]]', "x", [Code.FEATURES]),
        ("x 2.7.*|>=3.4", "x>=2.7,!=3.0.*,!=3.1.*,!=3.2.*,!=3.3.*", [Code.HULL]),
        ("x >=1.0.2q", "x>=1.0.2.post17", [Code.VERSION_SPELLING]),
        ("x >=r2020b", "x", [Code.VERSION_DROPPED]),
        ('x[when="other>=3"]', "x", [Code.CONDITION]),
        ('x[when="__osx>=11 and python<3.9"]', f'x; {DARWIN} and python_version < "3.9"', [Code.CONDITION]),
        ("never-heard-of-it >=1", "conda-native-never-heard-of-it>=1", [Code.UNMAPPED_NAME]),
    ],
)  # fmt: skip
def test_what_a_requirement_cannot_say_is_recorded(spec: str, requirement: str, codes: list[Code]) -> None:
    answer = translate(spec)
    assert answer.requirement == Requirement(requirement)
    assert [loss.code for loss in answer.losses] == codes
    assert {loss.subject for loss in answer.losses} == {"s-1-0.conda"}


@pytest.mark.parametrize(
    ("spec", "kind", "codes"),
    [
        ("python >=3.9", DependencyKind.INTERPRETER, []),
        ("python_abi 3.12.* *_cp312", DependencyKind.INTERPRETER, []),
        ("__cuda >=12", DependencyKind.VIRTUAL, []),
        ("_openmp_mutex >=4.5", DependencyKind.MUTEX, [Code.NO_REQUIREMENT]),
        ("_openmp_mutex * *_llvm", DependencyKind.MUTEX, [Code.BUILD_STRING]),
        ("libgcc >=13", DependencyKind.RUNTIME, [Code.NO_REQUIREMENT]),
    ],
)
def test_what_is_never_a_requirement(spec: str, kind: DependencyKind, codes: list[Code]) -> None:
    answer = translate(spec)
    assert (answer.requirement, answer.kind) == (None, kind)
    assert [loss.code for loss in answer.losses] == codes


def test_an_unsatisfiable_requirement_stays_one() -> None:
    requirement = translate("x <0.0a0").requirement
    assert requirement is not None
    assert requirement.specifier.is_unsatisfiable()


def test_members_of_an_extra_carry_its_marker() -> None:
    assert translate('x[when="__win or __osx"]', extra="Web_UI").requirement == Requirement(
        'x; (sys_platform == "win32" or sys_platform == "darwin") and extra == "web-ui"'
    )


def test_an_address_never_becomes_a_bare_python_name() -> None:
    with pytest.raises(Unrepresentable) as caught:
        translate("https://user:secret@a.example/linux-64/x-1-0.conda")
    assert caught.value.code is Code.NAME_REFUSED
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("spec", ["", "x ===1", "x >=1,,<2", "*", "x[nonsense=1]", "x @ 1", "x[when=", "bar @ url"])
def test_a_spec_that_no_solver_reads_is_refused(spec: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        translate(spec)
    assert caught.value.code is Code.BAD_SPEC
    assert caught.value.subject == "s-1-0.conda"


def test_several_specs_of_one_name_are_joined_in_order_of_appearance() -> None:
    given = ["libedit>=3.1,<3.2", "b", "libedit>=3.1.20250104", "B[x]<3", 'b; extra == "t"']
    assert [str(one) for one in merge_requirements(map(Requirement, given))] == [
        "libedit<3.2,>=3.1.20250104",
        "b[x]<3",
        'b; extra == "t"',
    ]


def test_joining_does_not_change_what_was_given() -> None:
    first = Requirement("a>=1")
    merge_requirements([first, Requirement("a<2")])
    assert str(first) == "a>=1"


@pytest.mark.parametrize(
    ("condition", "marker", "exact"),
    [
        ("python>=3.10", 'python_version >= "3.10"', True),
        ("python>=3.10.2", 'python_full_version >= "3.10.2"', True),
        ("python=3.10", 'python_version == "3.10"', True),
        ("python=3", 'python_full_version == "3.*"', True),
        ("python>=3,<4", 'python_version >= "3" and python_version < "4"', True),
        ("python==2.7|>=3.4", 'python_full_version == "2.7" or python_version >= "3.4"', True),
        ('python[version=">=3.10"]', 'python_version >= "3.10"', True),
        (
            "python>=3.10 and (__unix or __win)",
            'python_version >= "3.10" and (os_name == "posix" or sys_platform == "win32")',
            True,
        ),
        ("cpython", 'implementation_name == "cpython"', True),
        ("__linux", 'sys_platform == "linux"', True),
        ("__osx>=11", 'sys_platform == "darwin"', False),
        ("foo and __win", 'sys_platform == "win32"', False),
        ("foo or __win", None, False),
        ("python>=r2020b", None, False),
        ("((", None, False),
        ("", None, False),
        ("python and", None, False),
        ("(" * 40 + "__win" + ")" * 40, None, False),
        ("a[b", None, False),
    ],
)
def test_conditions_become_markers_that_hold_at_least_as_often(condition: str, marker: str | None, exact: bool) -> None:
    answer = to_marker(condition)
    assert (answer.marker, answer.exact) == (marker, exact)
    if marker is not None:
        Marker(marker).evaluate()


def test_how_a_version_is_spelled_does_not_depend_on_what_was_asked_before() -> None:
    for upper in ("<3.11", "<3.11.0", "<3.11"):
        assert str(simplify([Specifier(">=3.10"), Specifier(upper)])) == f"{upper},>=3.10"
