"""The order of variants on a machine, against the reference library and against what clients were measured to do."""

from __future__ import annotations

import pytest

from bridge.mapping.hosts import supported_features
from bridge.model.conda import Subdir
from bridge.model.host import Host, Release
from bridge.model.variant import PluginProvider, Property, StaticProvider, VariantMetadata
from bridge.translate.families.order import supported, variant_order

CU = Property("nvidia", "cuda_version_lower_bound", "12.0")
CU4 = Property("nvidia", "cuda_version_lower_bound", "12.4")
V3, V4 = Property("x86_64", "level", "v3"), Property("x86_64", "level", "v4")
VARIANTS = {
    "null": frozenset[Property](),
    "cu": frozenset({CU}),
    "cu4": frozenset({CU4}),
    "cu_v3": frozenset({CU, V3}),
    "cu4_v4": frozenset({CU4, V4}),
    "v3": frozenset({V3}),
    "v4": frozenset({V4}),
}
HOST = Host(Subdir("linux-64"), cuda=Release(12, 8), archspec="x86_64_v4")


@pytest.mark.parametrize(
    ("namespaces", "expected"),
    [
        (("nvidia", "x86_64"), "cu4_v4 cu4 cu_v3 cu v4 v3 null"),
        (("x86_64", "nvidia"), "cu4_v4 v4 cu_v3 v3 cu4 cu null"),
    ],
)
def test_the_order_that_was_measured_with_uv(namespaces: tuple[str, ...], expected: str) -> None:
    metadata = VariantMetadata(namespaces, dict.fromkeys(namespaces, PluginProvider("x")), VARIANTS)
    assert variant_order(VARIANTS, supported(metadata, supported_features(HOST))) == tuple(expected.split())


def test_a_variant_needs_one_supported_value_of_every_feature() -> None:
    metadata = VariantMetadata(("a",), {"a": StaticProvider({"f": ("1", "2"), "g": ("x",)})})
    variants = {
        "any_of": frozenset({Property("a", "f", "2"), Property("a", "f", "9")}),
        "other": frozenset({Property("a", "f", "1"), Property("a", "g", "9")}),
        "unknown": frozenset({Property("b", "f", "1")}),
    }
    assert variant_order(variants, supported(metadata, ())) == ("any_of",)


def test_equal_variants_are_ordered_by_label() -> None:
    metadata = VariantMetadata(("a",), {"a": StaticProvider({"f": ("1",)})})
    same = frozenset({Property("a", "f", "1")})
    assert variant_order({"b": same, "a": same}, supported(metadata, ())) == ("a", "b")
