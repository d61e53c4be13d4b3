"""JSON is read only where it has one meaning."""

from __future__ import annotations

import pytest

from bridge.formats.strict_json import NotStrict, load_strictly


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b'{"a": 1, "a": 2}', "has 'a' twice in one object"),
        (b"[-Infinity]", "has -Infinity, which is not a JSON number"),
        (b'\xef\xbb\xbf""', "starts with a byte order mark"),
        (b'"\xff"', "is not UTF-8"),
        (b'{"\\udc00": 1}', "holds half of a surrogate pair"),
        (b"1" * 5000, "is not JSON: "),
        (b"{", "is not JSON: "),
        (b"[" * 200_000, "is nested too deeply"),
    ],
)
def test_what_has_no_meaning_or_several_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(NotStrict) as caught:
        load_strictly(data)
    assert str(caught.value).startswith(reason)


def test_depth_is_counted_exactly() -> None:
    load_strictly(b"[" * 65 + b"]" * 65, json_depth=64)
    with pytest.raises(NotStrict, match="nested too deeply"):
        load_strictly(b"[" * 66 + b"]" * 66, json_depth=64)


def test_pairs_of_surrogates_are_characters_however_deep_they_stand() -> None:
    value = load_strictly(b"[" * 900 + b'"\\ud83d\\ude00"' + b"]" * 900)
    while isinstance(value, list):
        (value,) = value
    assert value == "\U0001f600"
