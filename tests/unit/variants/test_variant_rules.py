"""What clients can read and should not be given, and metadata of one release that must go together."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from bridge.errors import Code, InvalidInput
from bridge.formats.wheel.variant_json import for_label, parse_variant_json
from bridge.formats.wheel.variant_rules import Problem, agree, merge, validate
from bridge.model.variant import (
    InertProvider,
    PluginProvider,
    Property,
    Provider,
    StaticProvider,
    VariantMetadata,
)
from tests.support.variant_cases import SOUND, encoded

MKL = Property("blas", "library", "mkl")
OPENBLAS = Property("blas", "library", "openblas")
LEVEL = Property("cpu", "level", "v3")
BLAS = StaticProvider({"library": ("mkl", "openblas")})
CPU = PluginProvider("cpu-provider>=1,<2")
RELEASE = VariantMetadata(
    ("cpu", "blas"),
    {"cpu": CPU, "blas": BLAS},
    {
        "null": frozenset(),
        "mkl": frozenset({MKL}),
        "v3_mkl": frozenset({MKL, LEVEL}),
    },
)


def with_variants(**variants: frozenset[Property]) -> VariantMetadata:
    return replace(RELEASE, variants=variants)


def with_provider(namespace: str, provider: Provider) -> VariantMetadata:
    return replace(RELEASE, providers={**RELEASE.providers, namespace: provider})


def test_good_metadata_have_no_problems() -> None:
    assert validate(RELEASE) == ()


@pytest.mark.parametrize(
    ("metadata", "code"),
    [
        (replace(RELEASE, namespaces=("cpu",)), Code.VARIANT_NAMESPACES),
        (replace(RELEASE, namespaces=("cpu", "blas", "x")), Code.VARIANT_NAMESPACES),
        (replace(RELEASE, providers={}), Code.VARIANT_NAMESPACES),
        (with_provider("cpu", InertProvider('{"builtin":"x"}')), Code.VARIANT_NAMESPACES),
        (with_variants(null=frozenset({MKL})), Code.VARIANT_PROPERTIES),
        (with_variants(other=frozenset()), Code.VARIANT_PROPERTIES),
        (with_variants(blis=frozenset({Property("blas", "library", "blis")})), Code.VARIANT_PROPERTIES),
        (with_variants(other=frozenset({Property("blas", "threads", "one")})), Code.VARIANT_PROPERTIES),
        (with_variants(a=frozenset({MKL}), b=frozenset({MKL})), Code.VARIANT_LABEL),
        (with_variants(MKL=frozenset({MKL})), Code.VARIANT_LABEL),
        # what variantlib alone refuses
        (with_provider("blas", StaticProvider({"library": ("mkl",), "x": ()})), Code.VARIANT_SCHEMA),
    ],
)
def test_metadata_that_keep_a_client_from_a_variant_are_a_problem(metadata: VariantMetadata, code: Code) -> None:
    found = validate(metadata, "foo-1.0-variants.json")
    assert found[0].code is code, found
    assert found[0].fatal
    assert found[0].subject == "foo-1.0-variants.json"


def test_long_labels_are_only_a_warning() -> None:
    (problem,) = validate(with_variants(a_label_of_seventeen=frozenset({MKL})))
    assert problem.code is Code.VARIANT_LABEL
    assert not problem.fatal
    assert "warning" in str(problem)
    assert problem.to_json()["severity"] == "warning"


def test_the_reference_library_prints_nothing(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    assert validate(with_provider("blas", StaticProvider({"library": ("mkl",), "x": ()})))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["static without values", "label without properties", "builtin", "no variants"])
def test_foreign_metadata_can_be_validated(name: str) -> None:
    for problem in validate(parse_variant_json(encoded(SOUND[name]), "x")):
        assert isinstance(problem, Problem)


def test_wheels_of_a_release_merge_to_its_metadata_in_any_order() -> None:
    parts = [(f"{label}.whl", for_label(RELEASE, label)) for label in RELEASE.variants]
    assert merge(parts) == merge(reversed(parts)) == RELEASE


def test_a_shorter_list_of_namespaces_may_begin_the_longer_one() -> None:
    early = VariantMetadata(("cpu",), {"cpu": CPU}, {"v3": frozenset({LEVEL})})
    for parts in ([("a", early), ("b", RELEASE)], [("b", RELEASE), ("a", early)]):
        merged = merge(parts)
        assert merged.namespaces == ("cpu", "blas")
        assert merged.providers == RELEASE.providers
        assert merged.variants == {**RELEASE.variants, **early.variants}


@pytest.mark.parametrize(
    ("other", "field"),
    [
        (replace(RELEASE, namespaces=("blas", "cpu")), "default-priorities"),
        (
            VariantMetadata(("blas",), {"blas": BLAS}, {"mkl": frozenset({MKL})}),
            "default-priorities",
        ),
        (with_provider("cpu", PluginProvider("cpu-provider>=2,<3")), "providers.cpu"),
        (with_provider("blas", StaticProvider({"library": ("openblas", "mkl")})), "providers.blas"),
        (with_variants(mkl=frozenset({OPENBLAS})), "variants.mkl"),
    ],
)
def test_contradictions_name_both_files(other: VariantMetadata, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        merge([("first.whl", RELEASE), ("second.whl", other)])
    assert caught.value.code is Code.VARIANT_RELEASE
    assert (caught.value.subject, caught.value.field) == ("second.whl", field)
    assert "first.whl" in caught.value.message


def test_the_order_of_static_features_matters() -> None:
    one = with_provider("blas", StaticProvider({"library": ("mkl", "openblas"), "x": ("1",)}))
    other = with_provider("blas", StaticProvider({"x": ("1",), "library": ("mkl", "openblas")}))
    with pytest.raises(InvalidInput):
        merge([("one", one), ("other", other)])


def test_merging_nothing_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="nothing"):
        merge([])


def test_a_wheels_copy_agrees_or_says_what_differs() -> None:
    own = for_label(RELEASE, "mkl")
    assert agree(RELEASE, own, "mkl") is None
    assert agree(RELEASE, replace(own, namespaces=("cpu", "blas", "later")), "mkl") is None
    for changed, word in (
        (replace(own, variants={"mkl": frozenset({OPENBLAS})}), "properties"),
        (replace(own, namespaces=("blas", "cpu")), "ordered"),
        (replace(own, providers={"cpu": CPU, "blas": StaticProvider({"library": ("mkl",)})}), "providers"),
        (replace(own, providers={}), "providers"),
    ):
        assert word in (agree(RELEASE, changed, "mkl") or "")
