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
from tests.support.hostile_samples import DATA, DIST_INFO, METADATA, Sample, recorded

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


BROKEN = elf()[:32] + struct.pack("<Q", 64) + elf()[40:54] + struct.pack("<HHHHH", 1, 9, 64, 0, 0)
THIN = struct.pack("<7I4x", 0xFEEDFACF, 0x0100000C, 0, 6, 1, 24, 0) + struct.pack("<6I", 0x32, 24, 1, 13 << 16, 0, 0)
PROGRAM = b"MZ" + bytes(58) + struct.pack("<I", 200) + bytes(136) + b"PE\0\0" + struct.pack("<H18x", 0x8664)
GLANCED = Sample(
    payload={
        "demo/lib.so": elf() + bytes(4000),
        "demo/broken.so": BROKEN + bytes(4000),
        "demo/lib.dylib": THIN + bytes(4000),
        "demo/run.exe": PROGRAM + bytes(4000),
        "demo/text": b"x" * 4000,
    }
)


@pytest.mark.parametrize("quick", [True, False])
def test_a_glance_finds_what_binaries_are_for(tmp_path: Path, quick: bool) -> None:
    with open_wheel(GLANCED.write(tmp_path)) as wheel:
        files = survey_wheel(wheel, essential=(), quick=quick).survey.files
    for path, data in GLANCED.members().items():
        assert files[path].sha256 == hashlib.sha256(data).digest()
    machines = {path: facts.elf.machine for path, facts in files.items() if facts.elf is not None}
    assert machines == {"demo/lib.so": 62, "demo/broken.so": 62}
    macho, pe = files["demo/lib.dylib"].macho, files["demo/run.exe"].pe
    assert macho is not None
    assert (macho.architectures, macho.minimum_os) == (("arm64",), (13, 0))
    assert pe is not None
    assert (pe.machine, pe.dll) == (0x8664, False)


@pytest.mark.parametrize("quick", [True, False])
def test_essential_binaries_are_looked_into(tmp_path: Path, quick: bool) -> None:
    with open_wheel(GLANCED.write(tmp_path)) as wheel, pytest.raises(InvalidInput) as caught:
        survey_wheel(wheel, essential=("demo/broken.so",), quick=quick)
    assert (caught.value.code, caught.value.field) == (Code.BAD_BINARY, "demo/broken.so")


def test_a_glance_leaves_the_content_to_the_pass_that_follows(tmp_path: Path) -> None:
    path = SAMPLE.write(tmp_path)
    data = bytearray(path.read_bytes())
    with open_wheel(path) as wheel:
        end = wheel._archive.members["demo/data.txt"].end
    data[end - 1] ^= 0xFF
    path.write_bytes(data)
    with open_wheel(path) as wheel:
        survey_wheel(wheel, essential=(), quick=True)
        with pytest.raises(InvalidInput):
            list(wheel.members())


def test_a_digest_that_record_lacks_is_computed(tmp_path: Path) -> None:
    content = b"x" * 4000
    sample = Sample(
        payload={"demo/__init__.py": content},
        record=lambda rows: [[rows[0][0], *recorded(content, "sha512")], *rows[1:]],
    )
    with open_wheel(sample.write(tmp_path)) as wheel:
        facts = survey_wheel(wheel, essential=(), quick=True).survey.files["demo/__init__.py"]
    assert facts.sha256 == hashlib.sha256(content).digest()


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
