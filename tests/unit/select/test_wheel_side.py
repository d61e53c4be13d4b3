"""Choosing a wheel as a variant-aware client does."""

from __future__ import annotations

import pytest
from packaging.specifiers import SpecifierSet
from packaging.tags import Tag
from packaging.version import Version

from bridge.formats.wheel.filename import parse_wheel_filename
from bridge.mapping.providers import known_provider
from bridge.model.conda import Subdir
from bridge.model.host import Host, Release
from bridge.model.variant import PluginProvider, Property, StaticProvider, VariantMetadata
from bridge.select.wheel_side import (
    RankedRelease,
    WheelMachine,
    WheelOffer,
    WheelRelease,
    admits,
    choose_release,
    is_honoured,
    ranked,
    usable_labels,
    wheel_machine,
)

PROVIDERS = {
    "nvidia": known_provider("nvidia"),
    "x86_64": known_provider("x86_64"),
    "blas_lapack": StaticProvider({"library": ("openblas", "mkl")}),
}
VARIANTS = {
    "cu129_openblas": {"blas_lapack :: library :: openblas", "nvidia :: cuda_version_lower_bound :: 12.0"},
    "mkl": {"blas_lapack :: library :: mkl"},
    "null": set(),
    "openblas": {"blas_lapack :: library :: openblas"},
    "v3_openblas": {"blas_lapack :: library :: openblas", "x86_64 :: level :: v3"},
}


def metadata(*namespaces: str, variants: dict[str, set[str]] = VARIANTS) -> VariantMetadata:
    names = namespaces or ("nvidia", "x86_64", "blas_lapack")
    parsed = {label: frozenset(map(Property.parse, texts)) for label, texts in variants.items()}
    return VariantMetadata(names, {name: PROVIDERS[name] for name in names}, parsed)


def offer(filename: str, **more: object) -> WheelOffer:
    name = parse_wheel_filename(filename)
    return WheelOffer(filename, name.tags, name.variant, name.build, **more)


def machine(subdir: str = "linux-64", **offered: object) -> WheelMachine:
    if subdir.startswith("linux"):
        offered.setdefault("glibc", Release(2, 39))
    host = Host(Subdir(subdir), **offered)
    return wheel_machine(host, (3, 12))


RELEASE = WheelRelease(
    Version("1.0"),
    tuple(offer(f"foo-1.0-py3-none-any{label}.whl") for label in (*(f"-{label}" for label in VARIANTS), "")),
    metadata(),
)


@pytest.mark.parametrize(
    ("offered", "label"),
    [
        ({"archspec": "zen4"}, "v3_openblas"),
        ({"archspec": "x86_64_v3", "cuda": Release(12, 8)}, "cu129_openblas"),
        ({"archspec": "x86_64_v3", "cuda": Release(13, 0)}, "cu129_openblas"),
        ({"archspec": "x86_64_v3", "cuda": Release(11, 8)}, "v3_openblas"),
        ({"archspec": "x86_64_v2"}, "openblas"),
        ({"subdir": "linux-aarch64"}, "openblas"),
    ],
)
def test_the_selections_that_were_measured_with_uv(offered: dict[str, object], label: str) -> None:
    assert ranked(RELEASE, machine(**offered))[0].label == label


def test_null_comes_after_every_other_variant_and_before_the_plain_wheel() -> None:
    labels = [each.label for each in ranked(RELEASE, machine(archspec="x86_64"))]
    assert labels == ["openblas", "mkl", "null", None]


def test_the_order_of_namespaces_decides() -> None:
    features = machine(archspec="x86_64_v4", cuda=Release(12, 8)).features
    variants = {
        "v4": {"x86_64 :: level :: v4"},
        "v3": {"x86_64 :: level :: v3"},
        "cu": {"nvidia :: cuda_version_lower_bound :: 12.0"},
        "cu_v3": {"nvidia :: cuda_version_lower_bound :: 12.0", "x86_64 :: level :: v3"},
        "cu4": {"nvidia :: cuda_version_lower_bound :: 12.4"},
        "cu4_v4": {"nvidia :: cuda_version_lower_bound :: 12.4", "x86_64 :: level :: v4"},
        "null": set(),
    }
    assert usable_labels(metadata("nvidia", "x86_64", variants=variants), features) == (
        "cu4_v4", "cu4", "cu_v3", "cu", "v4", "v3", "null",
    )  # fmt: skip
    assert usable_labels(metadata("x86_64", "nvidia", variants=variants), features) == (
        "cu4_v4", "v4", "cu_v3", "v3", "cu4", "cu", "null",
    )  # fmt: skip


def test_one_supported_value_of_several_is_enough_and_the_best_one_counts() -> None:
    variants = {
        "both": {"nvidia :: sm_arch :: 80_real", "nvidia :: sm_arch :: 90_real"},
        "old": {"nvidia :: sm_arch :: 80_real"},
        "bare": {"nvidia :: sm_arch :: 70_real"},
    }
    features = machine(cuda=Release(12, 4), cuda_arch=Release(8, 6)).features
    assert usable_labels(metadata("nvidia", variants=variants), features) == ("both", "old")


def test_a_label_without_properties_is_usable_and_last() -> None:
    variants = {"odd": set(), "null": set(), "mkl": {"blas_lapack :: library :: mkl"}}
    assert usable_labels(metadata("blas_lapack", variants=variants), ()) == ("mkl", "null", "odd")


def test_tags_filter_before_variants_are_compared() -> None:
    release = WheelRelease(
        Version("1.0"),
        (
            offer("foo-1.0-cp312-cp312-win_amd64-mkl.whl"),
            offer("foo-1.0-py3-none-any-openblas.whl"),
            offer("foo-1.0-cp312-cp312-manylinux_2_28_x86_64.whl"),
        ),
        metadata(),
    )
    assert [each.label for each in ranked(release, machine())] == ["openblas", None]


def test_inside_a_label_the_better_tag_and_then_the_higher_build_tag_win() -> None:
    names = [
        "foo-1.0-py3-none-any-mkl.whl",
        "foo-1.0-1-cp312-cp312-manylinux_2_17_x86_64-mkl.whl",
        "foo-1.0-2-cp312-cp312-manylinux_2_17_x86_64-mkl.whl",
        "foo-1.0-cp312-cp312-manylinux_2_28_x86_64-mkl.whl",
    ]
    release = WheelRelease(Version("1.0"), tuple(map(offer, names)), metadata())
    assert [each.filename for each in ranked(release, machine())] == [names[3], names[2], names[1], names[0]]


def test_a_build_tag_never_makes_a_less_preferred_variant_win() -> None:
    names = ["foo-1.0-9-py3-none-any-mkl.whl", "foo-1.0-1-py3-none-any-openblas.whl"]
    assert ranked(WheelRelease(Version("1.0"), tuple(map(offer, names)), metadata()), machine())[0].label == "openblas"


def test_without_metadata_only_the_plain_wheel_is_usable() -> None:
    release = WheelRelease(Version("1.0"), RELEASE.offers)
    assert [each.label for each in ranked(release, machine())] == [None]


def test_a_label_that_the_metadata_lack_is_unusable() -> None:
    release = WheelRelease(Version("1.0"), (offer("foo-1.0-py3-none-any-other.whl"),), metadata())
    assert ranked(release, machine()) == ()


@pytest.mark.parametrize(
    ("requires", "plugin_api", "honoured"),
    [
        ("nvidia-variant-provider>=0.0.1,<1.0", "nvidia_variant_provider.plugin:NvidiaVariantPlugin", True),
        ("NVIDIA_variant.provider", "nvidia_variant_provider.plugin:NvidiaVariantPlugin", True),
        ("nvidia-variant-provider>=0.0.2,<1.0.0", "nvidia_variant_provider.plugin:NvidiaVariantPlugin", False),
        ("nvidia-variant-provider>=0.0.1", None, False),
        ("another-provider>=0.0.1", "nvidia_variant_provider.plugin:NvidiaVariantPlugin", False),
    ],
)
def test_a_plugin_counts_only_as_clients_spell_it(requires: str, plugin_api: str | None, honoured: bool) -> None:
    assert is_honoured("nvidia", PluginProvider(requires, plugin_api)) is honoured


def test_a_namespace_that_nobody_knows_supports_nothing() -> None:
    providers = {"frob": PluginProvider("frob-variant-provider>=1")}
    variants = {"x": frozenset({Property("frob", "size", "9")}), "null": frozenset()}
    assert usable_labels(VariantMetadata(("frob",), providers, variants), machine().features) == ("null",)


def test_the_newest_release_with_a_usable_wheel_wins_and_pre_releases_come_last() -> None:
    releases = [
        RELEASE,
        WheelRelease(Version("2.0"), (offer("foo-2.0-cp312-cp312-win_amd64.whl"),)),
        WheelRelease(Version("3.0rc1"), (offer("foo-3.0rc1-py3-none-any.whl"),)),
    ]
    found = choose_release(map(RankedRelease, releases), machine())
    assert found is not None
    assert found[0].version == Version("1.0")
    found = choose_release(map(RankedRelease, releases[1:]), machine())
    assert found is not None
    assert found[0].version == Version("3.0rc1")
    assert choose_release(map(RankedRelease, releases[1:2]), machine()) is None


def test_requires_python_is_about_any_patch_release() -> None:
    assert admits(SpecifierSet(">=3.12.4"), (3, 12))
    assert not admits(SpecifierSet(">=3.13"), (3, 12))
    assert admits(None, (3, 12))
    release = WheelRelease(Version("1.0"), RELEASE.offers, metadata(), SpecifierSet("<3.12"))
    assert ranked(release, machine()) == ()


def test_pure_wheels_and_universal_tags_are_offered_everywhere() -> None:
    tag = Tag("py3", "none", "any")
    release = WheelRelease(Version("1.0"), (WheelOffer("foo-1.0-py3-none-any.whl", frozenset({tag})),))
    for subdir in ("linux-64", "linux-aarch64", "win-64"):
        assert ranked(release, machine(subdir))
