"""A wheel becomes a variant without recompression, and plain again to the last byte."""

from __future__ import annotations

import hashlib
import zipfile
from typing import TYPE_CHECKING

import foreign_wheels
import pytest
from foreign_wheels import DIST_INFO, FILES, MEMBER, METADATA, NAME, ODDITIES, RECORD

from bridge.errors import BridgeError, Code
from bridge.formats.wheel import zip_splice
from bridge.formats.wheel.archive import WheelArchive
from bridge.formats.wheel.edit import rewrite_wheel
from bridge.formats.wheel.record import RecordEntry, parse_record
from bridge.formats.wheel.variant_check import check_wheel
from bridge.formats.wheel.variant_edit import make_variant, relabel, undo_variant
from bridge.formats.wheel.variant_json import for_label, write_variant_json
from bridge.model.variant import VariantMetadata

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return foreign_wheels.write(tmp_path / NAME)


def fresh(path: Path, name: str) -> Path:
    directory = path / name
    directory.mkdir()
    return directory


@pytest.mark.parametrize("oddity", ODDITIES)
@pytest.mark.parametrize("label", METADATA.variants)
def test_making_a_variant_and_undoing_it_gives_the_same_file(tmp_path: Path, oddity: str, label: str) -> None:
    source = ODDITIES[oddity](tmp_path / NAME)
    variant, digest = make_variant(source, fresh(tmp_path, "made"), label, METADATA)
    assert variant.name == f"odd-1.0-py3-none-any-{label}.whl"
    assert digest.sha256 == hashlib.sha256(variant.read_bytes()).hexdigest()
    assert check_wheel(variant) == ()
    with zipfile.ZipFile(source) as before, zipfile.ZipFile(variant) as after:
        assert after.testzip() is None
        kept = [info.filename for info in after.infolist() if info.filename != MEMBER]
        assert kept == [info.filename for info in before.infolist()]
        assert all(after.read(name) == before.read(name) for name in kept if name != RECORD)
        assert after.read(MEMBER) == write_variant_json(for_label(METADATA, label))
        entries = parse_record(after.read(RECORD), variant.name)
        assert set(entries) == {
            *parse_record(before.read(RECORD), source.name),
            RecordEntry.of(MEMBER, after.read(MEMBER)),
        }
        assert after.read(RECORD).endswith(before.read(RECORD))
    plain, digest = undo_variant(variant, fresh(tmp_path, "plain"))
    assert plain.name == source.name
    assert plain.read_bytes() == source.read_bytes()
    assert digest.sha256 == hashlib.sha256(source.read_bytes()).hexdigest()


@pytest.mark.parametrize("oddity", ["plain", "stored", "RECORD first", "zip64 end", "directory in another order"])
def test_a_relabelled_wheel_is_what_making_it_at_once_gives(tmp_path: Path, oddity: str) -> None:
    source = ODDITIES[oddity](tmp_path / NAME)
    first, _ = make_variant(source, tmp_path, "mkl", METADATA)
    wanted, _ = make_variant(source, tmp_path, "a_long_label.1", METADATA)
    relabelled, _ = relabel(first, fresh(tmp_path, "out"), "a_long_label.1", METADATA)
    assert relabelled.name == wanted.name
    assert relabelled.read_bytes() == wanted.read_bytes()
    assert undo_variant(relabelled, fresh(tmp_path, "plain"))[0].read_bytes() == source.read_bytes()


def test_a_new_label_alone_keeps_the_properties(tmp_path: Path, source: Path) -> None:
    first, _ = make_variant(source, tmp_path, "mkl", METADATA)
    second, _ = relabel(first, tmp_path, "renamed")
    with zipfile.ZipFile(second) as archive:
        own = VariantMetadata(METADATA.namespaces, METADATA.providers, {"renamed": METADATA.variants["mkl"]})
        assert archive.read(MEMBER) == write_variant_json(own)


def test_the_members_do_not_move_behind_record(tmp_path: Path, source: Path) -> None:
    variant, _ = make_variant(source, tmp_path, "mkl", METADATA)
    with WheelArchive(variant) as archive:
        assert list(archive.members)[-2:] == [MEMBER, RECORD]


def test_the_same_input_gives_the_same_bytes(tmp_path: Path, source: Path) -> None:
    one, _ = make_variant(source, fresh(tmp_path, "one"), "mkl", METADATA)
    other, _ = make_variant(source, fresh(tmp_path, "other"), "mkl", METADATA)
    assert one.read_bytes() == other.read_bytes()


def test_a_file_name_is_kept_as_it_was_spelled(tmp_path: Path) -> None:
    spelled = "odd-1.0-2b-py3.py2-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"
    variant, _ = make_variant(foreign_wheels.write(tmp_path / spelled), tmp_path, "mkl", METADATA)
    assert variant.name == spelled.replace(".whl", "-mkl.whl")
    assert undo_variant(variant, fresh(tmp_path, "plain"))[0].name == spelled


def test_a_variant_of_another_tool_becomes_plain_too(tmp_path: Path) -> None:
    own = write_variant_json(for_label(METADATA, "mkl"))
    source = foreign_wheels.write(tmp_path / "odd-1.0-py3-none-any-mkl.whl", files={**FILES, MEMBER: own})
    plain, _ = undo_variant(source, tmp_path)
    assert plain.name == NAME
    assert check_wheel(plain) == ()
    with zipfile.ZipFile(plain) as archive:
        assert {name: archive.read(name) for name in FILES} == FILES
        assert MEMBER not in archive.namelist()
    relabelled, _ = relabel(source, tmp_path, "renamed")
    assert check_wheel(relabelled) == ()


def test_a_variant_that_was_edited_since_becomes_plain_with_the_edit(tmp_path: Path, source: Path) -> None:
    variant, _ = make_variant(source, tmp_path, "mkl", METADATA)
    metadata = FILES[f"{DIST_INFO}/METADATA"] + b"Summary: edited\n"
    rewrite_wheel(variant, variant, replace={f"{DIST_INFO}/METADATA": metadata})
    plain, _ = undo_variant(variant, fresh(tmp_path, "plain"))
    assert check_wheel(plain) == ()
    with zipfile.ZipFile(plain) as archive:
        assert archive.read(f"{DIST_INFO}/METADATA") == metadata


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (foreign_wheels.streamed, Code.ZIP_STRUCTURE),
        (foreign_wheels.signed, Code.RECORD),
        (lambda path: foreign_wheels.write(path, content=foreign_wheels.record({})), Code.RECORD),
        (lambda path: foreign_wheels.write(path, files={**FILES, MEMBER: b"{}"}), Code.VARIANT_LABEL),
    ],
)
def test_wheels_that_cannot_be_made_variants_are_refused_and_nothing_is_written(
    tmp_path: Path, make: object, code: Code
) -> None:
    source = make(tmp_path / NAME)  # type: ignore[operator]
    out = fresh(tmp_path, "out")
    with pytest.raises(BridgeError) as caught:
        make_variant(source, out, "mkl", METADATA)
    assert caught.value.code is code
    assert list(out.iterdir()) == []


@pytest.mark.parametrize(("label", "code"), [("blis", Code.VARIANT_LABEL), ("MKL", Code.WHEEL_FILENAME)])
def test_the_label_must_be_one_of_the_release(tmp_path: Path, source: Path, label: str, code: Code) -> None:
    with pytest.raises(BridgeError) as caught:
        make_variant(source, tmp_path, label, METADATA)
    assert caught.value.code is code


def test_plain_and_variant_are_not_confused(tmp_path: Path, source: Path) -> None:
    with pytest.raises(BridgeError) as caught:
        undo_variant(source, tmp_path)
    assert caught.value.code is Code.VARIANT_LABEL
    variant, _ = make_variant(source, tmp_path, "mkl", METADATA)
    with pytest.raises(BridgeError) as caught:
        make_variant(variant, tmp_path, "mkl", METADATA)
    assert caught.value.code is Code.VARIANT_LABEL
    misnamed = source.rename(tmp_path / "odd-1.0-py3-none-any-openblas.whl")
    with pytest.raises(BridgeError) as caught:
        undo_variant(misnamed, tmp_path)
    assert caught.value.code is Code.VARIANT_LABEL


@pytest.mark.parametrize("bound", ["MAX16", "MAX32"])
def test_an_archive_at_the_edge_of_zip64_is_refused(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    with WheelArchive(source) as archive:
        edge = len(archive.members) + 1 if bound == "MAX16" else archive.members[RECORD].entry.offset + 50
    monkeypatch.setattr(zip_splice, bound, edge)
    with pytest.raises(BridgeError) as caught:
        make_variant(source, tmp_path, "mkl", METADATA)
    assert caught.value.code is Code.ZIP64_EDGE
