"""The table of known providers says what clients know, and nothing that they could not read."""

from __future__ import annotations

import pytest
from packaging.requirements import Requirement

from bridge.formats.wheel.variant_rules import validate
from bridge.mapping.providers import known_provider, namespace_order, ordered_namespaces, provider_for
from bridge.model.variant import PluginProvider, Property, StaticProvider, VariantMetadata

#: namespace -> requirement name, a version that the specifier must contain, and plugin-api (uv 0.13.8).
UV = {
    "nvidia": ("nvidia-variant-provider", "0.0.1", "nvidia_variant_provider.plugin:NvidiaVariantPlugin"),
    "x86_64": ("x86-64-variant-provider", "0.2.1", None),
    "aarch64": ("aarch64-variant-provider", "0.2.0", None),
    "tpu": ("tpu-variant-provider", "0.1.0", "tpu_variant_provider.plugin:TpuVariantPlugin"),
}


@pytest.mark.parametrize("namespace", UV)
def test_providers_are_spelled_as_uv_knows_them(namespace: str) -> None:
    name, version, plugin_api = UV[namespace]
    provider = known_provider(namespace)
    assert isinstance(provider, PluginProvider)
    requirement = Requirement(provider.requires)
    assert (requirement.name, provider.plugin_api) == (name, plugin_api)
    assert requirement.specifier.contains(version)


@pytest.mark.parametrize("namespace", namespace_order())
def test_every_known_provider_can_be_written(namespace: str) -> None:
    provider = known_provider(namespace)
    assert provider is not None
    each = Property(namespace, "feature", "value")
    if isinstance(provider, StaticProvider):
        feature, values = next(iter(provider.features.items()))
        each = Property(namespace, feature, values[-1])
    assert validate(VariantMetadata((namespace,), {namespace: provider}, {"x": frozenset({each})})) == ()


def test_unknown_namespaces_have_no_provider() -> None:
    assert known_provider("unknown") is None
    assert provider_for("unknown", [Property("unknown", "a", "b")]) is None


def test_a_static_provider_is_cut_down_to_what_occurs_in_its_own_order() -> None:
    properties = [Property("blas_lapack", "library", value) for value in ("mkl", "openblas")]
    properties.append(Property("priority", "order", "10"))
    assert provider_for("blas_lapack", properties) == StaticProvider({"library": ("openblas", "mkl")})
    assert provider_for("priority", properties) == StaticProvider({"order": ("10",)})
    assert provider_for("nvidia", properties) == known_provider("nvidia")
    assert provider_for("mpi", [Property("mpi", "provider", "unheard_of")]) is None


def test_namespaces_are_ordered_as_in_the_table_and_unknown_ones_by_name() -> None:
    assert ordered_namespaces(["zz", "priority", "x86_64", "aa", "nvidia", "nvidia"]) == (
        "nvidia",
        "x86_64",
        "priority",
        "aa",
        "zz",
    )
    assert namespace_order()[0] == "nvidia"
    assert namespace_order()[-1] == "priority"
