"""RECORD in a few numbers."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import Code, InvalidInput
from bridge.formats.wheel.record import RecordEntry, format_record
from bridge.formats.wheel.record_style import describe_record, rebuild_record

OWN = "demo-1.dist-info/RECORD"
NAMES = st.text(st.sampled_from('abAB/,"é 1.-_'), min_size=1, max_size=12)
Files = dict[str, tuple[bytes, int] | None]


def files_of(*names: str) -> Files:
    contents: Files = {name: (hashlib.sha256(name.encode()).digest(), len(name)) for name in names}
    return {**contents, OWN: None}


def record_of(files: Files, order: list[str]) -> bytes:
    entries = []
    for name in order:
        described = files[name]
        entries.append(RecordEntry(name) if described is None else RecordEntry(name, *described))
    return format_record(entries)


@given(st.sets(NAMES, max_size=12), st.randoms(use_true_random=False), st.booleans(), st.booleans())
def test_any_order_and_line_end_comes_back(names: set[str], random: Any, crlf: bool, last: bool) -> None:
    files = files_of(*names)
    order = list(files)
    random.shuffle(order)
    data = record_of(files, order)
    data = data.replace(b"\n", b"\r\n") if crlf else data
    data = data if last else data.rstrip(b"\r\n")
    assert rebuild_record(describe_record(data, files), files, subject="x") == data


@given(st.binary(max_size=200))
def test_any_text_comes_back(data: bytes) -> None:
    text = data.decode("latin-1").encode()
    files = files_of("a", "b")
    assert rebuild_record(describe_record(text, files), files, subject="x") == text


def test_the_usual_orders_take_no_room() -> None:
    names = [f"zoo/{part}/{number}.py" for part in "abc" for number in range(300)]
    files = files_of(*names, "zoo/z.py", "demo-1.dist-info/METADATA")
    walked = ["zoo/z.py", *sorted(names), "demo-1.dist-info/METADATA", OWN]
    document = describe_record(record_of(files, walked), files)
    assert document["order"] == "walk"
    assert len(document["runs"]) <= 6
    assert len(str(document)) < 120


def test_a_shuffled_record_is_its_own_description() -> None:
    names = [f"{number * 7919 % 101:03}" for number in range(101)]
    files = files_of(*names)
    document = describe_record(record_of(files, [*names, OWN]), files)
    assert rebuild_record(document, files, subject="x") == record_of(files, [*names, OWN])


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"text": 1},
        {"text": "\ud800"},
        {"order": ["name"], "end": "\n"},
        {"order": "name", "end": ""},
        {"order": "name", "end": "\n", "runs": "0"},
        {"order": "name", "end": "\n", "runs": [0]},
        {"order": "name", "end": "\n", "runs": [0, 4]},
        {"order": "name", "end": "\n", "runs": [-1, 1]},
        {"order": "name", "end": "\n", "runs": [True, True]},
        {"order": "name", "end": "\n", "runs": [0, 3] * 1000},
    ],
)
def test_a_malformed_description_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as caught:
        rebuild_record(document, files_of("a", "b"), subject="x")
    assert caught.value.code is Code.BAD_METADATA
