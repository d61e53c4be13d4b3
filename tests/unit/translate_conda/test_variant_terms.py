"""Variant properties in conda's terms, held against rattler's matching and variantlib's idea of what is usable."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import rattler
from packaging.tags import parse_tag

from bridge.channel.engine import virtual_record
from bridge.errors import Code, InvalidInput, Unrepresentable
from bridge.formats.wheel.reader import open_wheel
from bridge.formats.wheel.variant_edit import make_variant
from bridge.mapping.hosts import supported_features, virtual_packages
from bridge.mapping.microarchitectures import names_at_least
from bridge.mapping.nvidia import NEWEST_DRIVER, OLDEST_DRIVER, lower_bounds, upper_bounds
from bridge.mapping.variant_rank import build_offset
from bridge.mapping.variant_terms import UNCHECKED, VariantTerms, variant_terms
from bridge.model.host import Host, Release
from bridge.model.variant import InertProvider, PluginProvider, Provider, StaticProvider, VariantMetadata
from bridge.select.wheel_side import usable_labels
from bridge.translate.to_conda.plan import plan_conda
from bridge.translate.to_conda.variant_order import release_order
from tests.support import converted_wheels
from tests.support.foreign_variants import (
    ARM,
    BLAS,
    LEVEL,
    NVIDIA,
    NVIDIA_BELOW,
    RELEASES,
    SM,
    alone,
    choices,
    cuda_level_blas,
    machines,
    release,
    some_release,
    terms_of,
)

LINUX, ANY = "cp312-cp312-manylinux_2_17_x86_64", "py3-none-any"
FLAG = re.compile(r"[a-z0-9_]+(?::[a-z0-9_]+)?")


def said(
    properties: Iterable[str], tag: str = LINUX, namespaces: str = "", providers: dict[str, Provider] | None = None
) -> VariantTerms:
    properties = list(properties)
    names = namespaces or " ".join(dict.fromkeys(each.partition(" ")[0] for each in properties))
    metadata = release(names, {"label": properties}, providers)
    return variant_terms(metadata, "label", parse_tag(tag), subject="a.whl")


@pytest.mark.parametrize(
    ("properties", "depends"),
    [
        ([NVIDIA + "12.0"], ["__cuda >=12.0"]),
        ([NVIDIA + "12"], ["__cuda >=12.0"]),
        ([NVIDIA + "12.4", NVIDIA + "11.8"], ["__cuda >=11.8"]),
        ([NVIDIA_BELOW + "13"], ["__cuda >=11.0,<13.0"]),
        ([NVIDIA + "12.1", NVIDIA_BELOW + "12.4"], ["__cuda >=12.1,<12.4"]),
        ([SM + "86_real"], ["__cuda >=11.0", "__cuda_arch >=8.6,<9.0"]),
        ([SM + "80_virtual", NVIDIA + "12.0"], ["__cuda >=12.0", "__cuda_arch >=8.0,<9.0"]),
        ([SM + "86_real", SM + "90_real"], ["__cuda >=11.0", "__cuda_arch >=8.6,<10.0"]),
        ([SM + f"{major}0_real" for major in range(9, 16)], ["__cuda >=11.0", "__cuda_arch >=9.0"]),
        ([SM + "75_real", SM + "90_real"], ["__cuda >=11.0", "__cuda_arch 7.5.*|7.6.*|7.7.*|7.8.*|7.9.*|9.*"]),
        ([LEVEL + "v3"], ["_x86_64-microarch-level >=3"]),
        ([LEVEL + "v4", LEVEL + "v2"], ["_x86_64-microarch-level >=2"]),
        ([LEVEL + "v1"], []),
        ([ARM + "8.4a"], None),
        ([BLAS + "mkl"], []),
        ([], []),
    ],
)
def test_properties_that_a_virtual_package_states_become_requirements(
    properties: list[str], depends: list[str] | None
) -> None:
    found = said(properties)
    if depends is None:
        (spec,) = found.depends
        assert re.fullmatch(r"__archspec 1\.\* \^\(.*neoverse_v2.*\)\$", spec)
        assert "neoverse_n1" not in spec
    else:
        assert list(found.depends) == depends
    assert not found.losses
    assert not found.track_features
    for spec in found.depends:
        # Rattler reads alternatives of builds (CEP 29), but not strictly.
        rattler.MatchSpec(spec, strict="^" not in spec)


def test_the_least_processor_is_said_where_the_tags_leave_it_open() -> None:
    assert said([LEVEL + "v1"], ANY).depends == ("_x86_64-microarch-level >=1",)
    assert said([LEVEL + "v1"], "cp312-cp312-macosx_11_0_universal2").depends == ("_x86_64-microarch-level >=1",)
    assert said([LEVEL + "v1"], "cp312-cp312-win_amd64").depends == ()
    assert said([ARM + "8a"], "cp312-cp312-manylinux_2_17_aarch64").depends == ()
    assert "armv8.1a" in said([ARM + "8a"], ANY).depends[0]


def test_level_packages_stand_for_every_processor_that_reaches_the_level() -> None:
    """Why `_x86_64-microarch-level`: its builds list the names, and are brought up to date without this package."""
    names = set(names_at_least(3))
    assert {"haswell", "zen4", "x86_64_v4"} <= names
    assert not names & {"nehalem", "sandybridge", "x86_64_v2"}


NVIDIA_VALUES = (
    *(NVIDIA + value for value in (*lower_bounds(NEWEST_DRIVER)[::7], "12", "11", "16.0", "10.2", "x")),
    *(NVIDIA_BELOW + value for value in (*upper_bounds(OLDEST_DRIVER)[::9], "13", "11", "99")),
    *(SM + value for value in ("50_real", "75_real", "80_real", "80_virtual", "86_real", "86_virtual", "90_real")),
    *(SM + value for value in ("90a_real", "100_real", "103_real", "120_virtual", "121_real", "7_real", "0x50_real")),
)


@pytest.mark.parametrize("seed", range(120))
def test_requirements_hold_exactly_where_clients_can_use_the_variant(seed: int) -> None:
    choose = random.Random(seed)
    properties = choose.sample(NVIDIA_VALUES, choose.randint(1, 5))
    metadata = release("nvidia", {"label": properties})
    try:
        found = variant_terms(metadata, "label", parse_tag(LINUX), subject="a.whl")
    except Unrepresentable:
        assert not any(usable_labels(metadata, supported_features(host)) for host in machines("linux-64"))
        return
    specs = [rattler.MatchSpec(spec) for spec in found.depends]
    for host in machines("linux-64"):
        records = [virtual_record(package) for package in virtual_packages(host)]
        installable = all(any(spec.matches(record) for record in records) for spec in specs)
        if found.track_features:
            assert not usable_labels(metadata, supported_features(host))
        else:
            assert installable == bool(usable_labels(metadata, supported_features(host))), (host, found.depends)


def test_what_nobody_can_check_is_told_and_comes_last() -> None:
    for properties, providers in (
        (["amd :: gfx_arch :: gfx90a"], None),
        (["tpu :: present :: true"], None),
        (["x86_64 :: avx2 :: on", LEVEL + "v3"], None),
        ([LEVEL + "v5"], None),
        ([ARM + "9.0a"], None),
        ([SM + "90a_real"], None),
        (["own :: thing :: x"], {"own": PluginProvider("own-provider>=1")}),
        ([LEVEL + "v3"], {"x86_64": InertProvider('{"builtin":"x"}')}),
        ([BLAS + "atlas"], {"blas_lapack": StaticProvider({"library": ("mkl",)})}),
    ):
        found = said(properties, providers=providers)
        assert found.track_features == (UNCHECKED,)
        assert {loss.code for loss in found.losses} == {Code.VARIANT_CONDITION}
        assert all(loss.subject == "a.whl" for loss in found.losses)


def test_values_that_no_machine_has_leave_the_others_of_their_feature() -> None:
    found = said([LEVEL + "v3", LEVEL + "v9"])
    assert found.depends == ("_x86_64-microarch-level >=3",)
    assert not found.track_features
    (loss,) = found.losses
    assert loss.code is Code.VARIANT_CONDITION
    assert "v9" in loss.detail


def test_metadata_without_providers_mean_the_known_ones() -> None:
    whole = cuda_level_blas("nvidia x86_64 blas_lapack")
    bare = VariantMetadata(whole.namespaces, {}, whole.variants)
    for label, terms in terms_of(whole, "linux-64").items():
        assert terms_of(bare, "linux-64")[label].depends == terms.depends


def test_the_version_of_a_known_plugin_does_not_matter() -> None:
    plugin = PluginProvider(
        "nvidia-variant-provider>=0.0.2,<1.0.0", "nvidia_variant_provider.plugin:NvidiaVariantPlugin"
    )
    assert said([NVIDIA + "12.6"], providers={"nvidia": plugin}).depends == ("__cuda >=12.6",)


@pytest.mark.parametrize(
    "properties",
    [
        [NVIDIA + "13.0", NVIDIA_BELOW + "12.4"],
        [NVIDIA + "12.0", NVIDIA_BELOW + "12.0"],
        [LEVEL + "v2", ARM + "8.2a"],
    ],
)
def test_properties_that_exclude_each_other_are_refused(properties: list[str]) -> None:
    with pytest.raises(Unrepresentable) as caught:
        said(properties)
    assert caught.value.code is Code.VARIANT_IMPOSSIBLE
    assert caught.value.subject == "a.whl"


def test_every_property_is_a_flag() -> None:
    found = said([NVIDIA + "12.4", BLAS + "mkl"])
    assert found.flags == ("blas_lapack_library:mkl", "nvidia_cuda_version_lower_bound:12_4")
    assert all(FLAG.fullmatch(flag) for flag in found.flags)
    assert not found.losses


def test_properties_that_become_one_flag_are_told() -> None:
    providers: dict[str, Provider] = {
        "a": StaticProvider({"b_c": ("1.0", "1_0")}),
        "a_b": StaticProvider({"c": ("1.0",)}),
    }
    found = said(["a :: b_c :: 1.0", "a :: b_c :: 1_0", "a_b :: c :: 1.0"], providers=providers)
    assert found.flags == ("a_b_c:1_0",)
    assert [loss.code for loss in found.losses] == [Code.VARIANT_FLAG] * 2


def test_one_wheel_knows_its_place_whatever_else_the_release_has() -> None:
    whole = cuda_level_blas("nvidia x86_64 blas_lapack")
    for label in whole.variants:
        used = {each.namespace for each in whole.variants[label]}
        for known in range(4):
            # Wheels of a release may list fewer namespaces, but only at the end (PEP 825).
            namespaces = whole.namespaces[:known]
            if used <= set(namespaces):
                providers = {namespace: whole.providers[namespace] for namespace in namespaces}
                part = VariantMetadata(namespaces, providers, {label: whole.variants[label]})
                assert build_offset(part, label) == build_offset(whole, label)


def test_offsets_leave_room_for_build_tags_and_fit_32_bits() -> None:
    for namespaces in ("nvidia x86_64 blas_lapack", "blas_lapack nvidia x86_64", "x86_64 blas_lapack nvidia"):
        whole = cuda_level_blas(namespaces)
        offsets = {label: build_offset(whole, label)[0] for label in whole.variants}
        assert len(set(offsets.values())) == len(offsets)
        assert offsets["null"] == min(offsets.values()) == 100
        assert all(offset % 100 == 0 and offset + 99 < 2**31 for offset in offsets.values())


def test_a_feature_without_a_digit_is_told() -> None:
    namespaces = "nvidia x86_64 aarch64 one two three"
    providers: dict[str, Provider] = {
        name: StaticProvider({"f": tuple(f"{value}" for value in range(20))}) for name in ("one", "two", "three")
    }
    metadata = release(namespaces, {"a": ["three :: f :: 1"], "b": ["three :: f :: 7"], "null": []}, providers)
    found = variant_terms(metadata, "b", parse_tag(LINUX), subject="b.whl")
    assert [loss.code for loss in found.losses] == [Code.VARIANT_ORDER]
    assert found.build_offset > build_offset(metadata, "null")[0]
    # All wheels together can be ranked.
    order = release_order([(label, alone(metadata, label)) for label in metadata.variants])
    assert order.offsets == {"a": 300, "b": 200, "null": 100}
    assert not order.losses


def test_of_equal_variants_the_first_label_wins() -> None:
    variants = {"b": [LEVEL + "v3"], "a": [LEVEL + "v3"], "null": []}
    order = release_order([("x.whl", release("x86_64", variants))])
    assert order.offsets["a"] > order.offsets["b"] > order.offsets["null"]


def test_an_order_that_differs_from_machine_to_machine_is_told() -> None:
    variants = {"a": [SM + "80_real", SM + "121_real"], "b": [SM + "86_real", SM + "120_real"], "null": []}
    metadata = release("nvidia", variants)
    order = release_order([(f"{label}.whl", alone(metadata, label)) for label in variants])
    assert order.offsets == {label: build_offset(metadata, label)[0] for label in variants}
    (loss,) = order.losses
    assert (loss.code, loss.subject) == (Code.VARIANT_ORDER, "a.whl")
    assert "compute capability 12.1" in loss.detail


def test_hostile_values_are_only_unknown() -> None:
    values = [SM + value for value in ("9" * 5000 + "_real", "090_real", "9_real", "1000_real", "90_")]
    assert said(values).track_features == (UNCHECKED,)
    assert release_order([("a.whl", release("nvidia", {"label": values}))]).losses == ()


def test_a_release_that_tells_too_many_machines_apart_is_not_tried() -> None:
    sm = [SM + f"{code}_real" for code in range(50, 160)]
    bounds = [NVIDIA + value for value in lower_bounds(NEWEST_DRIVER)]
    metadata = release("nvidia", {"a": [*sm, *bounds], "null": []})
    order = release_order([(f"{label}.whl", alone(metadata, label)) for label in metadata.variants])
    assert {loss.subject for loss in order.losses} == {"a.whl", "null.whl"}
    assert {loss.code for loss in order.losses} == {Code.VARIANT_ORDER}
    assert order.offsets == {label: build_offset(metadata, label)[0] for label in metadata.variants}


def test_wheels_that_contradict_each_other_have_no_order() -> None:
    one = release("nvidia x86_64", {"a": [LEVEL + "v3"]})
    other = release("x86_64 nvidia", {"b": [LEVEL + "v2"]})
    with pytest.raises(InvalidInput) as caught:
        release_order([("one.whl", one), ("other.whl", other)])
    assert caught.value.code is Code.VARIANT_RELEASE


@pytest.mark.parametrize("title", RELEASES)
def test_the_solver_takes_the_variant_that_clients_take_wheel_by_wheel(title: str) -> None:
    metadata, subdir = RELEASES[title]
    found = list(choices(metadata, subdir))
    assert len(found) == 320
    assert [each for each in found if each[1] != each[2]] == []
    assert len({conda for _, conda, _ in found}) > 1
    order = release_order([(label, alone(metadata, label)) for label in metadata.variants])
    assert order.offsets == {label: terms.build_offset for label, terms in terms_of(metadata, subdir).items()}


@pytest.mark.parametrize("seed", range(12))
def test_the_solver_takes_the_variant_that_clients_take_in_whole_releases(seed: int) -> None:
    metadata = some_release(seed)
    try:
        terms_of(metadata, "linux-64")
    except Unrepresentable:
        pytest.skip("a variant that no machine can use")
    order = release_order([(label, alone(metadata, label)) for label in metadata.variants])
    assert not order.losses
    assert [each for each in choices(metadata, "linux-64", order.offsets) if each[1] != each[2]] == []


def test_the_package_of_a_variant_says_all_of_it(tmp_path: Path) -> None:
    plain = converted_wheels.sample().write(tmp_path)
    metadata = release("x86_64 blas_lapack", {"v3_mkl": [LEVEL + "v3", BLAS + "mkl"]})
    path, _ = make_variant(plain, tmp_path, "v3_mkl", metadata)
    (plan,) = converted_wheels.plans_of(path)
    index = converted_wheels.index_of(plan)
    offset = build_offset(metadata, "v3_mkl")[0]
    assert "_x86_64-microarch-level >=3" in index["depends"]
    assert index["build"] == f"py3_none_any_v3_mkl_{offset}"
    assert index["build_number"] == offset
    assert "flags" not in index
    assert index.get("schema_version", 1) < 3
    (plan,) = converted_wheels.plans_of(path, conditional=True)
    assert converted_wheels.index_of(plan)["flags"] == ["blas_lapack_library:mkl", "x86_64_level:v3"]
    assert converted_wheels.index_of(plan)["schema_version"] == 3
    about = converted_wheels.about_of(plan)["extra"]["conda-wheel-bridge"]
    assert about["variant"] == {
        "label": "v3_mkl",
        "properties": ["blas_lapack :: library :: mkl", "x86_64 :: level :: v3"],
    }
    (plan,) = converted_wheels.plans_of(plain)
    assert converted_wheels.index_of(plan)["build_number"] == 0


def test_the_order_of_a_release_replaces_that_of_the_wheel(tmp_path: Path) -> None:
    metadata = release("x86_64", {"v3": [LEVEL + "v3"]})
    path, _ = make_variant(converted_wheels.sample().write(tmp_path), tmp_path, "v3", metadata)
    with open_wheel(path) as wheel:
        request = replace(converted_wheels.request_of(wheel), variant_offset=300)
        (plan,) = plan_conda(request)
    assert converted_wheels.index_of(plan)["build_number"] == 300


@pytest.mark.parametrize(("build", "added"), [("", 0), ("7", 7), ("20261120", 99)])
def test_a_build_tag_never_decides_between_variants(tmp_path: Path, build: str, added: int) -> None:
    metadata = release("x86_64", {"v3": [LEVEL + "v3"]})
    path, _ = make_variant(converted_wheels.sample(build=build).write(tmp_path), tmp_path, "v3", metadata)
    (plan,) = converted_wheels.plans_of(path)
    assert converted_wheels.index_of(plan)["build_number"] == build_offset(metadata, "v3")[0] + added


def test_numbers_rank_single_values_as_clients_do() -> None:
    """The digits against PEP 825's own order, for pairs of the same shape on a machine that has everything."""
    host = Host(next(machines("linux-64")).subdir, Release(13, 0), Release(8, 9), "zen5")
    pool = [NVIDIA + value for value in ("12", "12.0", "12.4", "11.8", "13", "13.0")]
    pool += [SM + value for value in ("80_real", "80_virtual", "86_real")]
    variants = {f"l{at:02}": [value] for at, value in enumerate(pool)}
    variants |= {f"m{at:02}": [value, LEVEL + "v3"] for at, value in enumerate(pool)}
    metadata = release("nvidia x86_64", variants)
    order = usable_labels(metadata, supported_features(host))
    assert len(order) == len(variants)
    for better, worse in pairwise(order):
        assert build_offset(metadata, better)[0] > build_offset(metadata, worse)[0], (better, worse)
