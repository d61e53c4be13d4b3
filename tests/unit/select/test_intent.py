"""A user's wishes as rules over variant metadata."""

from __future__ import annotations

import pytest

from bridge.errors import Code, InvalidInput
from bridge.formats.wheel.variant_json import parse_variant_json, write_variant_json
from bridge.mapping.providers import known_provider
from bridge.model.host import SupportedFeature
from bridge.model.variant import Property, StaticProvider, VariantMetadata
from bridge.select.intent import NO_INTENT, Intent, Pattern, applied, parse_intent
from bridge.select.wheel_side import usable_labels

ORDERS = tuple(map(str, range(1, 6)))
METADATA = VariantMetadata(
    ("priority", "nvidia", "x86_64", "blas_lapack"),
    {
        "priority": StaticProvider({"order": ORDERS}),
        "nvidia": known_provider("nvidia"),
        "x86_64": known_provider("x86_64"),
        "blas_lapack": StaticProvider({"library": ("openblas", "mkl")}),
    },
    {
        label: frozenset({*map(Property.parse, texts), Property("priority", "order", order)})
        for order, (label, texts) in zip(
            ORDERS,
            {
                "v4": ["x86_64 :: level :: v4"],
                "cu": ["nvidia :: cuda_version_lower_bound :: 12.0"],
                "openblas": ["blas_lapack :: library :: openblas"],
                "v3": ["x86_64 :: level :: v3"],
                "mkl": ["blas_lapack :: library :: mkl"],
            }.items(),
            strict=True,
        )
    }
    | {"null": frozenset()},
)
FEATURES = (
    SupportedFeature("nvidia", "cuda_version_lower_bound", ("12.1", "12.0")),
    SupportedFeature("x86_64", "level", ("v4", "v3", "v2", "v1")),
)


def order(text: str) -> tuple[str, ...]:
    overlay = applied(METADATA, parse_intent(f"[variants]\n{text}".encode(), subject="intent.toml"))
    # What is published must be readable for every client.
    assert parse_variant_json(write_variant_json(overlay), "x") == overlay
    return usable_labels(overlay, FEATURES)


def test_no_wish_changes_nothing() -> None:
    assert applied(METADATA, NO_INTENT) == METADATA
    assert not NO_INTENT
    assert order("") == ("v4", "cu", "openblas", "v3", "mkl", "null")


def test_what_is_preferred_comes_first_and_the_rest_keeps_its_order() -> None:
    assert order('prefer = ["blas_lapack :: library :: mkl"]') == ("mkl", "v4", "cu", "openblas", "v3", "null")
    assert order('prefer = ["x86_64", "blas_lapack :: library"]') == ("v4", "v3", "openblas", "mkl", "cu", "null")


def test_what_is_preferred_but_absent_changes_nothing() -> None:
    assert applied(METADATA, Intent(prefer=(Pattern("mpi"),))) == METADATA


def test_what_is_never_wanted_is_dropped() -> None:
    assert order('never = ["nvidia", "x86_64 :: level :: v4"]') == ("openblas", "v3", "mkl", "null")


def test_namespaces_can_be_put_first() -> None:
    assert order('order = ["nvidia", "x86_64", "mpi"]')[:3] == ("cu", "v4", "v3")
    assert order('order = ["x86_64", "nvidia"]')[:3] == ("v4", "v3", "cu")


def test_rules_combine() -> None:
    text = 'prefer = ["blas_lapack :: library :: mkl"]\nnever = ["nvidia"]\norder = ["x86_64"]'
    assert order(text) == ("mkl", "v4", "v3", "openblas", "null")


@pytest.mark.parametrize(
    "text",
    [
        "prefer = 1",
        "prefer = [1]",
        'prefer = ["a :: b :: c :: d"]',
        'prefer = ["Upper"]',
        'never = [""]',
        'order = ["nvidia :: sm_arch"]',
        'favour = ["mkl"]',
        "[other]",
        "[[variants]]",
        "= broken",
    ],
)
def test_a_malformed_file_is_refused_with_its_name(text: str) -> None:
    head = "" if text.startswith(("[[", "=")) else "[variants]\n"
    with pytest.raises(InvalidInput) as caught:
        parse_intent(f"{head}{text}".encode(), subject="intent.toml")
    assert caught.value.code is Code.BAD_METADATA
    assert caught.value.subject == "intent.toml"


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(InvalidInput):
        parse_intent(b"\xff", subject="intent.toml")
