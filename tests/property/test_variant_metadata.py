"""Laws of variant metadata: what is written is read back, by us and by the reference library, and nothing crashes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import InvalidInput
from bridge.formats.wheel.variant_json import for_label, parse_variant_json, read_variant_json, write_variant_json
from bridge.formats.wheel.variant_rules import agree, merge, validate
from bridge.model.variant import NULL_LABEL, PluginProvider, Property, Provider, StaticProvider, VariantMetadata

NAMES = st.text("abz_09", min_size=1, max_size=4)
VALUES = st.text("abz_.09", min_size=1, max_size=4)
LABELS = st.text("abz_.09", min_size=1, max_size=16).filter(lambda text: text != NULL_LABEL)


@st.composite
def static_providers(draw: st.DrawFn) -> StaticProvider:
    features = draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
    return StaticProvider(
        {feature: tuple(draw(st.lists(VALUES, min_size=1, max_size=4, unique=True))) for feature in features}
    )


@st.composite
def plugins(draw: st.DrawFn) -> PluginProvider:
    name = draw(st.text("abz", min_size=1, max_size=5))
    specifier = draw(st.sampled_from(["", ">=1", ">=0.0.1,<1.0", "==1.*"]))
    return PluginProvider(name + specifier, draw(st.sampled_from([None, "some.module:Plugin", "module"])))


@st.composite
def releases(draw: st.DrawFn) -> VariantMetadata:
    """Metadata without any problem."""
    namespaces = tuple(draw(st.lists(NAMES, min_size=1, max_size=4, unique=True)))
    providers: dict[str, Provider] = {each: draw(static_providers() | plugins()) for each in namespaces}
    variants: dict[str, frozenset[Property]] = {}
    for label in draw(st.lists(LABELS, max_size=5, unique=True)):
        properties: set[Property] = set()
        for namespace in draw(st.lists(st.sampled_from(namespaces), min_size=1, max_size=3)):
            provider = providers[namespace]
            if isinstance(provider, StaticProvider):
                feature = draw(st.sampled_from(sorted(provider.features)))
                properties.add(Property(namespace, feature, draw(st.sampled_from(provider.features[feature]))))
            else:
                properties.add(Property(namespace, draw(NAMES), draw(VALUES)))
        if properties not in variants.values():
            variants[label] = frozenset(properties)
    if not variants or draw(st.booleans()):
        variants[NULL_LABEL] = frozenset()
    return VariantMetadata(namespaces, providers, variants)


@given(releases())
def test_what_is_written_is_read_back_with_every_order(metadata: VariantMetadata) -> None:
    data = write_variant_json(metadata)
    reading = read_variant_json(data, "x")
    assert reading.metadata == metadata
    assert reading.warnings == ()
    assert write_variant_json(reading.metadata) == data
    for namespace, provider in metadata.providers.items():
        again = reading.metadata.providers[namespace]
        if isinstance(provider, StaticProvider) and isinstance(again, StaticProvider):
            assert list(again.features) == list(provider.features)


@given(releases())
def test_sound_metadata_have_no_problem_and_the_reference_library_reads_them_alike(metadata: VariantMetadata) -> None:
    from variantlib.variants_json import VariantsJson

    assert validate(metadata) == ()
    theirs = VariantsJson(json.loads(write_variant_json(metadata)))
    assert tuple(theirs.namespace_priorities) == metadata.namespaces
    assert {
        label: {str(Property(each.namespace, each.feature, each.value)) for each in variant.properties}
        for label, variant in theirs.variants.items()
    } == {label: set(map(str, properties)) for label, properties in metadata.variants.items()}


@given(releases(), st.randoms(use_true_random=False))
def test_wheels_copies_merge_to_the_release_in_any_order(metadata: VariantMetadata, random: object) -> None:
    parts = [(label, for_label(metadata, label)) for label in metadata.variants]
    random.shuffle(parts)  # type: ignore[attr-defined]
    assert merge(parts) == metadata
    assert all(agree(metadata, part, label) is None for label, part in parts)
    for label, part in parts:
        assert parse_variant_json(write_variant_json(part), "x", label=label) == part


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["", "a", "null", "A"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "null", "-"]), inner),
    max_leaves=6,
)


@given(
    st.fixed_dictionaries(
        {"$schema": st.sampled_from(["x", "https://variants-schema.wheelnext.dev/peps/850/v0.2.0.json"]) | JSON},
        optional={
            "default-priorities": JSON | st.fixed_dictionaries({"namespace": st.lists(NAMES, max_size=2) | JSON}),
            "providers": JSON | st.dictionaries(NAMES, st.dictionaries(st.sampled_from(["requires", "builtin"]), JSON)),
            "variants": JSON,
        },
    )
)
def test_any_document_is_read_or_refused(document: object) -> None:
    try:
        metadata = parse_variant_json(json.dumps(document).encode(), "x")
    except InvalidInput:
        return
    validate(metadata)


@given(st.binary(max_size=80))
def test_any_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidInput):
        parse_variant_json(data, "x")
