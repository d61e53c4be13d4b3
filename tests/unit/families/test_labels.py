"""Labels are short, valid and unique."""

from __future__ import annotations

from variantlib.models.variant import VariantDescription, VariantProperty

from bridge.model.variant import Property
from bridge.translate.families.labels import digest, labels

ONE = frozenset({Property("a", "b", "1")})
TWO = frozenset({Property("a", "b", "2")})


def test_parts_are_joined() -> None:
    assert labels([(ONE, ("cu129", "mkl"))]) == ["cu129_mkl"]


def test_no_property_is_null() -> None:
    assert labels([(frozenset(), ("cpu",))]) == ["null"]


def test_a_label_that_is_taken_too_long_or_reserved_becomes_a_digest() -> None:
    found = labels([(ONE, ("mkl",)), (TWO, ("mkl",)), (ONE | TWO, ("cu129", "openblas", "openmpi"))])
    assert found == ["mkl", digest(TWO), digest(ONE | TWO)]
    assert labels([(ONE, ("null",))]) == [digest(ONE)]


def test_the_digest_is_that_of_the_reference_library() -> None:
    described = VariantDescription([VariantProperty(p.namespace, p.feature, p.value) for p in sorted(ONE | TWO)])
    assert digest(ONE | TWO) == described.hexdigest
