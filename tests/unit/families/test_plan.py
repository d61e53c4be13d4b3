"""Builds of a release become variants from which clients take what conda would take."""

from __future__ import annotations

import pytest

from bridge.errors import Code, Unrepresentable
from bridge.model.family import HostRequirement
from bridge.model.variant import StaticProvider
from tests.unit.families.builds import LINUX, build, cuda, plan, properties, release, wheels

GLIBC_228 = HostRequirement(glibc=cuda("2.28"))


def test_builds_that_machines_tell_apart_are_stated_in_the_natural_order() -> None:
    family = plan(
        build("cuda129", HostRequirement(cuda=cuda("12.0")), {"gpu": "cuda12.9"}),
        build("v3", HostRequirement(x86_64_level=3)),
        build("plain"),
    )
    assert family.metadata.namespaces == ("nvidia", "x86_64")
    assert properties(family) == {
        "cu129": ["nvidia :: cuda_version_lower_bound :: 12.0"],
        "null": [],
        "v3": ["x86_64 :: level :: v3"],
    }
    assert wheels(family) == {
        f"{LINUX}-cu129": "cuda129",
        f"{LINUX}-v3": "v3",
        f"{LINUX}-null": "plain",
        LINUX: "plain",
    }
    assert not family.losses


def test_a_preferred_plain_build_goes_before_others_by_priority() -> None:
    family = plan(build("plain"), build("gpu", HostRequirement(cuda=cuda("12.0"))))
    assert family.metadata.namespaces == ("priority", "nvidia")
    assert properties(family)["any"] == ["priority :: order :: 1"]
    assert not family.losses


def test_equal_bounds_are_told_apart_by_a_priority_after_the_natural_order() -> None:
    needs = HostRequirement(cuda=cuda("12.0"))
    family = plan(
        build("cuda129", needs, {"gpu": "cuda12.9"}),
        build("cuda126", needs, {"gpu": "cuda12.6"}),
        build("cpu", None, {"gpu": "cpu"}),
    )
    assert family.metadata.namespaces == ("nvidia", "priority")
    assert family.metadata.providers["priority"] == StaticProvider({"order": ("1", "2")})
    assert set(properties(family)) == {"cu129", "cu126", "null"}
    assert "priority :: order :: 1" in properties(family)["cu129"]


def test_builds_that_state_the_same_leave_one_and_name_the_others() -> None:
    family = plan(build("h1_3"), build("h1_2"), build("h1_1"))
    assert wheels(family) == {LINUX: "h1_3"}
    assert family.shadowed == {"foo-1.0-h1_1.conda": "foo-1.0-h1_3.conda", "foo-1.0-h1_2.conda": "foo-1.0-h1_3.conda"}
    assert not family.metadata.variants


def test_an_older_build_stays_for_systems_that_the_newer_one_excludes() -> None:
    family = plan(build("new", GLIBC_228), build("old"))
    assert wheels(family) == {"cp312-cp312-manylinux_2_28_x86_64": "new", LINUX: "old"}


def test_a_newer_system_alone_makes_no_build_preferred() -> None:
    family = plan(build("old"), build("new", GLIBC_228))
    assert wheels(family) == {LINUX: "old"}
    assert family.shadowed == {"foo-1.0-new.conda": "foo-1.0-old.conda"}


def test_a_choice_is_stated_only_where_builds_differ_by_it() -> None:
    alone = plan(build("a", None, {"blas": "mkl"}))
    both = plan(build("a", None, {"blas": "mkl"}), build("b", None, {"blas": "openblas"}))
    assert not alone.metadata.variants
    assert properties(both) == {
        "mkl": ["blas_lapack :: library :: mkl", "priority :: order :: 1"],
        "openblas": ["blas_lapack :: library :: openblas", "priority :: order :: 2"],
    }


def test_a_wheel_without_a_label_is_the_most_portable_build() -> None:
    family = plan(
        build("cuda13", HostRequirement(cuda=cuda("13.0"))),
        build("v3", HostRequirement(cuda=cuda("12.0"), x86_64_level=3)),
        build("cuda12", HostRequirement(cuda=cuda("12.0"))),
    )
    assert wheels(family)[LINUX] == "cuda12"


def test_content_without_a_driver_but_not_with_an_old_one_takes_three_variants() -> None:
    family = plan(
        build("new", HostRequirement(cuda=cuda("12.8", absent=True))),
        build("old", HostRequirement(cuda=cuda("12.4", absent=True))),
        build("oldest"),
    )
    assert not family.losses
    below = [found for found in properties(family).values() if any("upper_bound :: 12.8" in each for each in found)]
    assert len(below) == 2


def test_the_same_label_means_the_same_for_all_pythons() -> None:
    needs = HostRequirement(cuda=cuda("12.0"))
    family = plan(
        build("cuda_py312", needs),
        build("cpu_py312"),
        build("cuda_py313", needs, tags="cp313-cp313-manylinux_2_17_x86_64"),
        build("cpu_py313", tags="cp313-cp313-manylinux_2_17_x86_64"),
    )
    assert sorted(properties(family)) == ["cu120", "null"]
    assert len(family.members) == 6


def test_pythons_that_disagree_on_the_order_get_variants_of_their_own() -> None:
    mkl, openblas, other = {"blas": "mkl"}, {"blas": "openblas"}, "cp313-cp313-manylinux_2_17_x86_64"
    family = plan(
        build("mkl_312", None, mkl),
        build("openblas_312", None, openblas),
        build("openblas_313", None, openblas, tags=other),
        build("mkl_313", None, mkl, tags=other),
    )
    assert not family.losses
    assert len(family.metadata.variants) == 3
    assert family.metadata.namespaces[0] == "priority"


def test_generic_builds_for_different_pythons_are_told_apart_by_tags() -> None:
    family = plan(
        build("new", tags="py3-none-any"),
        build("old", tags="py3-none-any"),
        python={"new": ">=3.10", "old": ">=3.8"},
    )
    assert wheels(family) == {"py310-none-any": "new", "py38-none-any": "old"}
    assert str(family.requires_python) == ">=3.8"


def test_an_older_universal_build_gives_way_where_a_newer_one_is_taken() -> None:
    family = plan(
        build("newest", tags="py3-none-any"),
        build("newer", tags="py3-none-any"),
        build("universal", tags="py2.py3-none-any"),
        python={"newest": ">=3.9", "newer": ">=3", "universal": ">=2.7"},
    )
    assert wheels(family) == {"py39-none-any": "newest", "py3-none-any": "newer", "py27-none-any": "universal"}
    assert not family.losses


def test_bounded_builds_are_no_obstacle_where_tags_prefer_the_right_one() -> None:
    family = plan(
        build("new", tags="py3-none-any"),
        build("old", tags="py3-none-any"),
        python={"new": ">=3.11", "old": ">=3.10,<3.11"},
    )
    assert wheels(family) == {"py310-none-any": "old", "py311-none-any": "new"}


def test_a_python_that_tags_cannot_exclude_is_refused_and_both_builds_named() -> None:
    with pytest.raises(Unrepresentable) as caught:
        plan(
            build("old", tags="py3-none-any"),
            build("new", tags="py3-none-any"),
            python={"old": ">=3.8,<3.11", "new": ">=3.8"},
        )
    assert caught.value.code is Code.PYTHON_DIFFERS
    assert "foo-1.0-old.conda" in str(caught.value)
    assert "foo-1.0-new.conda" in str(caught.value)


def test_one_requires_python_covers_all_wheels() -> None:
    family = plan(
        build("py311", tags="cp311-cp311-manylinux_2_17_x86_64"),
        build("py313", tags="cp313-cp313-manylinux_2_17_x86_64"),
        python={"py311": ">=3.11,<3.12", "py313": ">=3.13,<3.14"},
    )
    assert str(family.requires_python) == "<3.14,>=3.11"


def test_platforms_do_not_compete() -> None:
    family = plan(
        build("linux", HostRequirement(cuda=cuda("12.0"))),
        build("mac", tags="cp312-cp312-macosx_11_0_arm64"),
        build("win", tags="cp312-cp312-win_amd64"),
    )
    assert wheels(family)["cp312-cp312-macosx_11_0_arm64"] == "mac"
    assert wheels(family)["cp312-cp312-win_amd64"] == "win"
    assert not family.losses


def test_compute_capabilities_are_stated_for_every_later_major() -> None:
    family = plan(build("sm", HostRequirement(cuda=cuda("12.0"), cuda_arch=cuda("8.6", "10.0"))), build("plain"))
    (label,) = set(properties(family)) - {"null"}
    assert "nvidia :: sm_arch :: 86_real" in properties(family)[label]
    assert "nvidia :: sm_arch :: 90_real" in properties(family)[label]
    assert "nvidia :: sm_arch :: 100_real" not in properties(family)[label]


def test_what_no_property_says_is_a_loss_that_names_the_build() -> None:
    family = plan(build("odd", HostRequirement(unsaid=("__linux from 5.4 to 6.0",))), build("b", None, {"blas": "mkl"}))
    assert [(loss.code, loss.subject) for loss in family.losses] == [(Code.VIRTUAL_PACKAGE, "foo-1.0-odd.conda")]


def test_a_release_of_one_plain_build_has_no_variants() -> None:
    family = plan(build("only", tags="py3-none-any"))
    assert wheels(family) == {"py3-none-any": "only"}
    assert not family.metadata.namespaces


def test_planning_twice_gives_the_same() -> None:
    builds = [
        build("a", HostRequirement(cuda=cuda("12.4"), x86_64_level=3), {"blas": "mkl", "gpu": "cuda12.6"}),
        build("b", HostRequirement(cuda=cuda("11.8")), {"blas": "openblas", "gpu": "cuda11.8"}),
        build("c", HostRequirement(x86_64_level=4), {"blas": "openblas", "gpu": "cpu"}),
        build("d", HostRequirement(), {"blas": "mkl", "gpu": "cpu"}),
    ]
    assert plan(*builds) == plan(*builds)
    assert release("1.2") == (1, 2)
