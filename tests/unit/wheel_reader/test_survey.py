"""`survey_wheel`: what files are is told by their bytes, and only what planning needs is kept."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path

import pytest

from bridge.errors import Code, InvalidInput
from bridge.formats.wheel import survey as survey_module
from bridge.formats.wheel.reader import open_wheel
from bridge.formats.wheel.survey import survey_wheel
from bridge.limits import Limits
from bridge.model.payload import Nature
from tests.support.hostile_samples import DATA, DIST_INFO, METADATA, Sample

GOLDEN = Path(__file__).parents[4] / "shared" / "facts" / "golden"


def elf() -> bytes:
    """The header of a 64-bit x86-64 shared object without segments."""
    ident = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    return ident + struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 0, 0, 0, 64, 56, 0, 64, 0, 0)


SAMPLE = Sample(
    payload={
        "demo/__init__.py": b"#!/usr/bin/env python\n",
        "demo/data.txt": elf() + bytes(4000),
        "demo/short": b"x",
        "demo/empty": b"",
        f"{DATA}/scripts/run": b"#!python\nprint()\n",
        f"{DATA}/scripts/table": b"no script\n",
        f"{DATA}/data/bin/go": b"#!/bin/sh\n",
        f"{DATA}/data/share/go": b"#!/bin/sh\n",
    },
    info={"licenses/LICENSE": b"free"},
    directories=("demo/hollow",),
)


@pytest.mark.parametrize("floor", [1 << 23, 100])
def test_every_file_is_looked_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, floor: int) -> None:
    monkeypatch.setattr(survey_module, "_SPOOL_FLOOR", floor)
    with open_wheel(SAMPLE.write(tmp_path)) as wheel:
        result = survey_wheel(wheel).survey
    members = SAMPLE.members()
    assert result.order == tuple(result.files) == tuple(members)
    assert {path: facts.sha256 for path, facts in result.files.items()} == {
        path: hashlib.sha256(data).digest() for path, data in members.items()
    }
    natures = {path: facts.nature for path, facts in result.files.items() if facts.nature is not Nature.OTHER}
    assert natures == {
        "demo/__init__.py": Nature.SCRIPT,
        "demo/data.txt": Nature.ELF,
        f"{DATA}/scripts/run": Nature.SCRIPT,
        f"{DATA}/data/bin/go": Nature.SCRIPT,
        f"{DATA}/data/share/go": Nature.SCRIPT,
    }
    facts = result.files["demo/data.txt"].elf
    assert facts is not None
    assert (facts.machine, facts.bits) == (62, 64)
    assert result.symlinks == {}
    assert result.empty_directories == ("demo/hollow",)


def test_content_is_kept_where_planning_needs_it(tmp_path: Path) -> None:
    with open_wheel(SAMPLE.write(tmp_path)) as wheel:
        files = survey_wheel(wheel).survey.files
    kept = {path: facts.content for path, facts in files.items() if facts.content is not None}
    members = SAMPLE.members()
    wanted = (
        f"{DATA}/scripts/run",
        f"{DATA}/data/bin/go",
        f"{DIST_INFO}/METADATA",
        f"{DIST_INFO}/WHEEL",
        f"{DIST_INFO}/licenses/LICENSE",
        f"{DIST_INFO}/RECORD",
    )
    assert kept == {path: members[path] for path in wanted}


def test_what_is_kept_is_bounded(tmp_path: Path) -> None:
    sample = Sample(info={f"licenses/{number}": bytes(3000) for number in range(3)})
    for limits in (Limits(metadata_size=2000), Limits(info_size=5000)):
        with open_wheel(sample.write(tmp_path), limits=limits) as wheel, pytest.raises(InvalidInput) as caught:
            survey_wheel(wheel)
        assert caught.value.code is Code.LIMIT


def test_a_damaged_binary_names_the_member(tmp_path: Path) -> None:
    sample = Sample(payload={"demo/x.so": b"\x7fELF" + b"\xff" * 200})
    with open_wheel(sample.write(tmp_path)) as wheel, pytest.raises(InvalidInput) as caught:
        survey_wheel(wheel)
    assert (caught.value.code, caught.value.field) == (Code.BAD_BINARY, "demo/x.so")


def test_the_same_wheel_gives_the_same_facts(tmp_path: Path) -> None:
    path = SAMPLE.write(tmp_path)
    with open_wheel(path) as one, open_wheel(path) as other:
        assert survey_wheel(one) == survey_wheel(other)
        assert survey_wheel(one) == survey_wheel(one)


def test_metadata_are_the_bytes_of_the_wheel(tmp_path: Path) -> None:
    with open_wheel(SAMPLE.write(tmp_path)) as wheel:
        assert survey_wheel(wheel).survey.files[f"{DIST_INFO}/METADATA"].content == METADATA


@pytest.mark.skipif(not GOLDEN.is_dir(), reason="the golden files are not beside the checkout")
def test_foreign_variant_wheels_are_read() -> None:
    for path in sorted(GOLDEN.glob("*.whl")):
        with open_wheel(path) as wheel:
            assert survey_wheel(wheel).survey.files
            assert wheel.metadata().label == wheel.filename.variant
