"""Every malformed wheel is refused with the code of the rule that it breaks, and leaves nothing open or behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bridge.errors import Code, InvalidInput
from bridge.formats.wheel.reader import open_wheel
from bridge.formats.wheel.survey import survey_wheel
from tests.support.hostile_samples import DIST_INFO, FILENAME, Sample
from tests.support.malformed_wheels import INIT, MALFORMED

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("case", MALFORMED)
def test_a_malformed_wheel_is_refused_with_its_code(tmp_path: Path, case: str) -> None:
    sample, mutate, code = MALFORMED[case]
    path = sample.write(tmp_path)
    path.write_bytes(mutate(path.read_bytes()))
    with pytest.raises(InvalidInput) as caught, open_wheel(path) as wheel:
        survey_wheel(wheel)
    assert caught.value.code is code, str(caught.value)
    assert caught.value.subject == path.name
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_there_are_enough_cases() -> None:
    assert len(MALFORMED) > 100


def test_no_prefix_of_a_wheel_is_accepted(tmp_path: Path) -> None:
    path = Sample().write(tmp_path)
    whole = path.read_bytes()
    for length in range(0, len(whole), 11):
        path.write_bytes(whole[:length])
        with pytest.raises(InvalidInput):
            open_wheel(path)


def test_no_flipped_byte_changes_content_unseen(tmp_path: Path) -> None:
    """Either the reader objects, or every member and the directory's meaning are as they were."""
    path = Sample(payload={INIT: b"import this\n" * 9, "demo/b.py": b"b"}).write(tmp_path)
    whole = path.read_bytes()
    with open_wheel(path) as wheel:
        expected = {member.path: reader.read() for member, reader in wheel.members()}
    for position in range(len(whole)):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0x15]) + whole[position + 1 :])
        try:
            with open_wheel(path) as wheel:
                found = {member.path: reader.read() for member, reader in wheel.members()}
        except InvalidInput:
            continue
        found.pop(f"{DIST_INFO}/RECORD")
        assert found == {name: data for name, data in expected.items() if name != f"{DIST_INFO}/RECORD"}, position


def test_a_missing_file_is_an_input_that_failed(tmp_path: Path) -> None:
    for path in (tmp_path / FILENAME, tmp_path):
        with pytest.raises(InvalidInput) as caught:
            open_wheel(path)
        assert caught.value.code is Code.SOURCE
