"""Requirements of a wheel on the packages that it becomes, with conditions and without."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.tags import parse_tag
from packaging.utils import canonicalize_name

from bridge.errors import Code, InvalidInput, Unrepresentable
from bridge.mapping.own_extras import expanded
from bridge.mapping.pypi_names import PypiNames
from bridge.mapping.tables import load_tables
from bridge.mapping.target_merge import joined_versions
from bridge.mapping.target_requirements import MOST_PACKAGES, TargetRequirements, target_requirements
from bridge.mapping.wheel_targets import Natives, wheel_targets

if TYPE_CHECKING:
    from pathlib import Path

OVERLAY = "same: [numpy, colorama, tomli, idna, cffi, triton]\npython: {ruamel.yaml: ruamel-yaml, torch: pytorch}\n"
PURE = "py3-none-any"


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> PypiNames:
    path: Path = tmp_path_factory.mktemp("overlay") / "names.yaml"
    path.write_text(OVERLAY)
    return PypiNames(load_tables([path]))


def translate(
    names: PypiNames,
    *requires: str,
    tag: str = PURE,
    python: str = ">=3.9",
    extras: str = "",
    conditional: bool = False,
    project: str | None = None,
) -> tuple[TargetRequirements, ...]:
    (target,) = wheel_targets(
        parse_tag(tag), SpecifierSet(python), Natives(), has_programs=False, subject="w.whl"
    ).targets
    return target_requirements(
        target,
        [Requirement(text) for text in requires],
        names,
        extras=[canonicalize_name(extra) for extra in extras.split()],
        conditional=conditional,
        subject="w.whl",
        project=None if project is None else canonicalize_name(project),
    )


def said(items: tuple[TargetRequirements, ...]) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(item.target.subdir, item.target.split, item.specs) for item in items]


def codes(items: tuple[TargetRequirements, ...]) -> set[Code]:
    return {loss.code for item in items for loss in item.losses}


def test_requirements_without_markers_are_one_package(names: PypiNames) -> None:
    items = translate(names, "tomli", "numpy>=1.20,<3", "idna")
    assert said(items) == [("noarch", "", ("python >=3.9", "idna", "numpy >=1.20,<3dev0", "tomli"))]
    assert codes(items) == set()


def test_systems_are_split_by_virtual_packages(names: PypiNames) -> None:
    assert said(translate(names, 'colorama; sys_platform == "win32"')) == [
        ("noarch", "unix", ("python >=3.9", "__unix")),
        ("noarch", "win", ("python >=3.9", "__win", "colorama")),
    ]
    assert said(translate(names, 'colorama; sys_platform != "darwin"')) == [
        ("noarch", "linux", ("python >=3.9", "__linux", "colorama")),
        ("noarch", "osx", ("python >=3.9", "__osx")),
        ("noarch", "win", ("python >=3.9", "__win", "colorama")),
    ]


def test_pythons_are_split_by_ranges(names: PypiNames) -> None:
    assert said(translate(names, 'tomli; python_version < "3.11"', python=">=3.9,<4")) == [
        ("noarch", "py311", ("python >=3.11dev0,<4dev0",)),
        ("noarch", "py39", ("python >=3.9,<3.11dev0", "tomli")),
    ]
    assert said(translate(names, 'tomli; python_full_version < "3.11.4"')) == [
        ("noarch", "py311", ("python >=3.11.4dev0",)),
        ("noarch", "py39", ("python >=3.9,<3.11.4dev0", "tomli")),
    ]
    three = translate(names, 'tomli; python_version == "3.11"')
    assert [item.target.split for item in three] == ["py311", "py312", "py39"]


def test_parts_of_one_minor_version_have_names_of_their_own(names: PypiNames) -> None:
    marker = 'python_full_version >= "3.11.2" and python_full_version < "3.11.5"'
    items = translate(names, f"tomli; {marker}", tag="cp311-cp311-win_amd64")
    assert [(item.target.split, item.target.depends[0]) for item in items] == [
        ("py311a", "python >=3.11dev0,<3.11.2"),
        ("py311b", "python >=3.11.2,<3.11.5dev0"),
        ("py311c", "python >=3.11.5dev0,<3.12dev0"),
    ]


def test_both_at_once(names: PypiNames) -> None:
    items = translate(names, 'colorama; os_name == "nt"', 'tomli; python_version < "3.11"')
    assert [item.target.split for item in items] == ["unix_py311", "unix_py39", "win_py311", "win_py39"]
    # Systems differ only before 3.10, so that newer Pythons need no split.
    items = translate(names, 'colorama; os_name == "nt" and python_version < "3.10"', 'tomli; python_version < "3.10"')
    assert [item.target.split for item in items] == ["py310", "unix_py39", "win_py39"]


def test_a_bound_package_is_split_only_where_it_has_to_be(names: PypiNames) -> None:
    requires = ('colorama; sys_platform == "win32"', 'tomli; python_version < "3.11"')
    (item,) = translate(names, *requires, tag="cp312-cp312-win_amd64")
    assert item.specs == ("python >=3.12,<3.13.0a0", "python_abi 3.12.* *_cp312", "colorama")
    stable = translate(names, *requires, tag="cp39-abi3-manylinux_2_17_x86_64")
    assert [(item.target.subdir, item.target.split) for item in stable] == [("linux-64", "py311"), ("linux-64", "py39")]


def test_machines_are_split_by_subdir_on_the_systems_that_need_it(names: PypiNames) -> None:
    marker = 'platform_system == "Linux" and platform_machine == "x86_64"'
    for conditional in (False, True):
        items = translate(names, f"triton; {marker}", conditional=conditional)
        assert said(items) == [
            ("linux-64", "", ("python >=3.9", "triton")),
            ("linux-aarch64", "", ("python >=3.9",)),
            ("noarch", "osx", ("python >=3.9", "__osx")),
            ("noarch", "win", ("python >=3.9", "__win")),
        ]
        assert all(item.target.linked for item in items)
        assert codes(items) == {Code.UNSERVED}
    everywhere = translate(names, 'triton; platform_machine == "x86_64" or platform_machine == "AMD64"')
    assert [item.target.subdir for item in everywhere] == [
        "linux-64", "linux-aarch64", "osx-64", "osx-arm64", "win-64", "win-arm64",
    ]  # fmt: skip


def test_equal_requirements_are_not_split(names: PypiNames) -> None:
    alike = ('numpy>=1.20; python_version < "3.11"', 'numpy>=1.20; python_version >= "3.11"')
    items = translate(names, *alike)
    assert said(items) == [("noarch", "", ("python >=3.9", "numpy >=1.20"))]
    assert codes(items) == set()
    implied = ("numpy>=1.22", 'numpy>=1.20; python_version < "3.11"')
    assert said(translate(names, *implied)) == [("noarch", "", ("python >=3.9", "numpy >=1.22"))]


def test_unmapped_names_are_recorded_and_split_nothing(names: PypiNames) -> None:
    items = translate(names, 'unheard-of; python_version < "3.11"', 'unheard-of; os_name == "nt"')
    assert said(items) == [("noarch", "", ("python >=3.9",))]
    assert codes(items) == {Code.UNMAPPED_NAME}


def test_requirements_of_one_package_are_merged(names: PypiNames) -> None:
    assert said(translate(names, "numpy>=1.20", "NumPy<3", "numpy>=1.20", "numpy!=2.1")) == [
        ("noarch", "", ("python >=3.9", "numpy >=1.20,<3dev0,!=2.1"))
    ]
    assert said(translate(names, "torch>=2", "torch>=1"))[0][2] == ("python >=3.9", "pytorch >=2")


@pytest.mark.parametrize(
    ("specs", "joined"),
    [
        ([], ""),
        (["", ">=1"], ">=1"),
        ([">=1", ">1"], ">1"),
        (["<2dev0", "<=2"], "<2dev0"),
        ([">=1.4,1.*", "!=1.5"], ">=1.4,1.*,!=1.5"),
        (["==1.2", "==1.2"], "==1.2"),
        ([">=1.10", ">=1.9"], ">=1.10"),
    ],
)
def test_joined_versions_keep_the_strictest_bounds(specs: list[str], joined: str) -> None:
    assert joined_versions(specs) == joined


def test_extras_are_left_out_of_version_1(names: PypiNames) -> None:
    items = translate(names, 'tomli; extra == "t"', 'idna; extra == "t"', "numpy[all]", extras="t docs")
    assert said(items) == [("noarch", "", ("python >=3.9", "numpy"))]
    losses = [(loss.code, loss.detail) for loss in items[0].losses]
    assert losses == [
        (Code.EXTRA, "the extra t was left out: 2 of the requirements depend on it"),
        (Code.QUALIFIER, "numpy: the extras all were dropped"),
    ]


def test_extras_are_groups_of_version_3(names: PypiNames) -> None:
    (item,) = translate(
        names,
        'tomli; extra == "T.x" and python_version < "3.11"',
        "idna",
        'idna; extra == "t-x"',
        'numpy[all]>=1; sys_platform == "win32"',
        extras="t-x",
        conditional=True,
    )
    assert item.uses_v3
    assert item.specs == ("python >=3.9", "idna", 'numpy[version=">=1",extras=[all],when="__win"]')
    assert item.extra_specs == {"t-x": ['tomli[when="python<3.11dev0"]']}
    assert item.losses == ()


def test_version_3_is_used_only_where_it_is_needed(names: PypiNames) -> None:
    (item,) = translate(names, "idna", conditional=True)
    assert not item.uses_v3


def test_files_by_address_are_refused_or_leave_with_their_extra(names: PypiNames) -> None:
    with pytest.raises(Unrepresentable, match="address") as refusal:
        translate(names, "idna @ https://example.org/idna.whl")
    assert refusal.value.code is Code.NAME_REFUSED
    with pytest.raises(Unrepresentable, match="address"):
        translate(names, 'idna @ https://example.org/idna.whl ; os_name == "nt"')
    never = 'idna @ https://example.org/idna.whl ; python_version < "3"'
    assert said(translate(names, never)) == [("noarch", "", ("python >=3.9",))]
    for conditional in (False, True):
        (item,) = translate(
            names,
            'idna @ https://example.org/idna.whl ; extra == "u"',
            'tomli; extra == "u"',
            extras="u",
            conditional=conditional,
        )
        assert (item.specs, item.extra_depends, codes((item,))) == (("python >=3.9",), {}, {Code.EXTRA})


def test_extras_that_a_project_asks_of_itself_are_resolved(names: PypiNames) -> None:
    (item,) = translate(
        names,
        'idna; extra == "a"',
        'tomli; extra == "b" and python_version < "3.11"',
        'me[a,b]; extra == "all"',
        'Me[all]; extra == "dev" and os_name == "nt"',
        'me[dev]; extra == "all"',
        extras="a b all dev",
        conditional=True,
        project="me",
    )
    assert item.extra_specs == {
        "a": ["idna"],
        "all": ["idna", 'tomli[when="python<3.11dev0"]', 'tomli[when="python<3.11dev0 and __win"]'],
        "b": ['tomli[when="python<3.11dev0"]'],
        "dev": ['idna[when="__win"]', 'tomli[when="python<3.11dev0 and __win"]'],
    }
    assert item.losses == ()


def test_an_extra_that_is_always_asked_for_is_required(names: PypiNames) -> None:
    items = translate(names, 'idna; extra == "a"', "me[a]", extras="a", project="me")
    assert said(items) == [("noarch", "", ("python >=3.9", "idna"))]


def test_extras_that_multiply_without_end_are_refused() -> None:
    requires = [
        Requirement(f'me[e{one}]; extra == "e{other}" and python_version != "3.{one}{other}"')
        for one in range(9)
        for other in range(9)
    ]
    with pytest.raises(InvalidInput, match="extras ask"):
        expanded(requires, canonicalize_name("me"), subject="w.whl")


def test_what_depends_on_the_implementation_is_recorded_for_loose_wheels(names: PypiNames) -> None:
    marker = 'platform_python_implementation != "PyPy"'
    items = translate(names, f"cffi; {marker}")
    assert said(items) == [("noarch", "", ("python >=3.9", "cffi"))]
    assert codes(items) == {Code.IMPLEMENTATION}
    (pypy,) = translate(names, f"cffi; {marker}", tag="pp310-pypy310_pp73-win_amd64")
    assert (pypy.depends, pypy.losses) == ((), ())
    (bound,) = translate(names, f"cffi; {marker}", tag="cp312-cp312-win_amd64")
    assert (len(bound.depends), bound.losses) == (1, ())


def test_what_cannot_be_known_is_taken_to_hold_and_recorded(names: PypiNames) -> None:
    items = translate(names, 'cffi; platform_release >= "5"')
    assert said(items) == [("noarch", "", ("python >=3.9", "cffi"))]
    assert codes(items) == {Code.CONDITION}


def test_too_many_packages_are_refused(names: PypiNames) -> None:
    requires = [
        f'numpy>=1.{patch}; python_full_version >= "3.11.{patch}" and python_full_version < "3.11.{patch + 1}"'
        for patch in range(MOST_PACKAGES + 1)
    ]
    with pytest.raises(Unrepresentable, match="packages") as refusal:
        translate(names, *requires)
    assert refusal.value.code is Code.TOO_MANY_PACKAGES
    assert len(translate(names, *requires, conditional=True)) == 1


def test_the_order_of_requirements_does_not_matter(names: PypiNames) -> None:
    requires = ['colorama; os_name == "nt"', 'tomli; python_version < "3.11"', "idna<4", "idna>=2", "numpy"]
    assert said(translate(names, *requires)) == said(translate(names, *reversed(requires)))
