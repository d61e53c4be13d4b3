"""Wheels and variants files that are published together are held against each other."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import replace
from pathlib import Path

import foreign_wheels
import pytest
from foreign_wheels import DIST_INFO, FILES, MEMBER, METADATA, NAME

from bridge.errors import Code
from bridge.formats.wheel.record import RecordEntry, format_record
from bridge.formats.wheel.variant_check import check_files, check_wheel
from bridge.formats.wheel.variant_edit import make_variant, relabel
from bridge.formats.wheel.variant_json import for_label, write_variant_json
from bridge.model.variant import StaticProvider, VariantMetadata
from tests.support.variant_cases import SOUND, encoded

INDEX = "odd-1.0-variants.json"
GOLDEN = Path(__file__).parents[3].parent / "shared" / "facts" / "golden"


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """A directory with a plain wheel, every variant, and the variants file."""
    source = foreign_wheels.write(tmp_path / NAME)
    for label in METADATA.variants:
        make_variant(source, tmp_path, label, METADATA)
    (tmp_path / INDEX).write_bytes(write_variant_json(METADATA))
    return tmp_path


def codes(directory: Path) -> list[tuple[Code, bool]]:
    return [(problem.code, problem.fatal) for problem in check_files(directory.iterdir())]


def variant_wheel(directory: Path, label: str, own: bytes | None, **files: bytes) -> Path:
    """A variant wheel with any content of `variant.json`, made as another tool would."""
    members = {**FILES, **({} if own is None else {MEMBER: own})}
    members.update((f"{DIST_INFO}/{name}", data) for name, data in files.items())
    return foreign_wheels.write(directory / f"odd-1.0-py3-none-any-{label}.whl", files=members)


def own_json(label: str, metadata: VariantMetadata = METADATA) -> bytes:
    return write_variant_json(for_label(metadata, label))


def test_a_complete_release_has_no_problems(release: Path) -> None:
    assert check_files(release.iterdir()) == ()


@pytest.mark.skipif(not GOLDEN.is_dir(), reason="the golden files are not beside the checkout")
def test_the_golden_release_has_no_problems() -> None:
    assert check_files(GOLDEN.iterdir()) == ()


def test_without_a_variants_file_clients_ignore_the_variants(release: Path) -> None:
    (release / INDEX).unlink()
    assert codes(release) == [(Code.VARIANT_RELEASE, True)]


def test_without_a_variants_file_the_wheels_must_agree_among_themselves(release: Path) -> None:
    (release / INDEX).unlink()
    other = replace(METADATA, providers={"blas": StaticProvider({"library": ("openblas", "mkl")})})
    relabel(release / "odd-1.0-py3-none-any-mkl.whl", release, "mkl", other)
    assert codes(release) == [(Code.VARIANT_RELEASE, True)] * 2


def test_a_broken_variants_file_is_reported_once(release: Path) -> None:
    (release / INDEX).write_bytes(b"{")
    assert codes(release) == [(Code.VARIANT_SCHEMA, True)]


def test_a_variants_file_with_a_dash_in_the_name_is_not_found_by_clients(tmp_path: Path) -> None:
    (tmp_path / "foo-bar-1.0-variants.json").write_bytes(write_variant_json(METADATA))
    assert codes(tmp_path) == [(Code.WHEEL_FILENAME, True)]


def test_every_label_must_be_listed_and_should_exist(release: Path) -> None:
    (release / INDEX).write_bytes(write_variant_json(for_label(METADATA, "mkl")))
    assert codes(release) == [(Code.VARIANT_LABEL, True)] * 2
    (release / INDEX).write_bytes(write_variant_json(METADATA))
    (release / "odd-1.0-py3-none-any-null.whl").unlink()
    assert codes(release) == [(Code.VARIANT_LABEL, False)]


@pytest.mark.parametrize(
    "own",
    [
        replace(METADATA, variants={"mkl": METADATA.variants["a_long_label.1"]}),
        replace(METADATA, providers={"blas": StaticProvider({"library": ("mkl",)})}),
        VariantMetadata(("cpu", "blas"), {**METADATA.providers, "cpu": StaticProvider({})}, METADATA.variants),
    ],
)
def test_a_wheels_copy_must_agree_with_the_variants_file(release: Path, own: VariantMetadata) -> None:
    variant_wheel(release, "mkl", own_json("mkl", own))
    assert (Code.VARIANT_RELEASE, True) in codes(release)


def test_a_release_should_have_a_wheel_without_label(release: Path) -> None:
    (release / NAME).unlink()
    assert codes(release) == [(Code.VARIANT_FALLBACK, False)]


def test_requires_python_must_be_the_same(release: Path) -> None:
    metadata = FILES[f"{DIST_INFO}/METADATA"] + b"Requires-Python: >=3.12\n"
    variant_wheel(release, "mkl", own_json("mkl"), METADATA=metadata)
    found = check_files(release.iterdir())
    assert {problem.code for problem in found} == {Code.VARIANT_RELEASE}
    assert any(">=3.12" in problem.message for problem in found)


def test_a_namespace_that_nothing_uses_is_reported(release: Path) -> None:
    more = VariantMetadata(
        ("blas", "cpu"), {**METADATA.providers, "cpu": StaticProvider({"level": ("v1",)})}, METADATA.variants
    )
    (release / INDEX).write_bytes(write_variant_json(more))
    assert codes(release) == [(Code.VARIANT_NAMESPACES, False)]


def test_label_and_metadata_go_together(tmp_path: Path) -> None:
    for path in (
        variant_wheel(tmp_path, "mkl", None),
        variant_wheel(tmp_path, "openblas", own_json("mkl")),
        variant_wheel(tmp_path, "two", write_variant_json(METADATA)),
        foreign_wheels.write(tmp_path / NAME, files={**FILES, MEMBER: own_json("mkl")}),
    ):
        assert [problem.code for problem in check_wheel(path)] == [Code.VARIANT_LABEL], path.name


def test_repeated_names_in_a_wheels_copy_are_refused(tmp_path: Path) -> None:
    own = own_json("mkl").replace(b'"variants"', b'"variants": {"null": {}}, "variants"')
    (problem,) = check_wheel(variant_wheel(tmp_path, "mkl", own))
    assert problem.code is Code.VARIANT_SCHEMA


def test_names_and_tags_inside_must_be_those_of_the_file_name(tmp_path: Path) -> None:
    metadata = FILES[f"{DIST_INFO}/METADATA"].replace(b"odd", b"other")
    wheel = FILES[f"{DIST_INFO}/WHEEL"].replace(b"py3-none", b"py2-none")
    found = check_wheel(variant_wheel(tmp_path, "mkl", own_json("mkl"), METADATA=metadata, WHEEL=wheel))
    assert [(problem.code, problem.field) for problem in found] == [
        (Code.IDENTITY, "METADATA"),
        (Code.IDENTITY, "WHEEL"),
    ]


@pytest.mark.parametrize("line", [b"Requires-Dist: a; variant_label == 'mkl'\n", b"Requires-Python: 3.x\n"])
def test_what_clients_cannot_read_in_the_metadata_is_reported(tmp_path: Path, line: bytes) -> None:
    metadata = FILES[f"{DIST_INFO}/METADATA"] + line
    (problem,) = check_wheel(variant_wheel(tmp_path, "mkl", own_json("mkl"), METADATA=metadata))
    assert problem.code is Code.BAD_DIST_INFO


def test_the_hash_in_record_must_be_that_of_the_metadata(tmp_path: Path) -> None:
    content = foreign_wheels.record({**FILES, MEMBER: b"{}"})
    path = tmp_path / "odd-1.0-py3-none-any-mkl.whl"
    foreign_wheels.write(path, files={**FILES, MEMBER: own_json("mkl")}, content=content)
    (problem,) = check_wheel(path)
    assert problem.code is Code.RECORD


def test_a_hash_in_record_may_be_a_longer_one(tmp_path: Path) -> None:
    own = own_json("mkl")
    entry = RecordEntry(MEMBER, hashlib.sha512(own).digest(), len(own), "sha512")
    path = tmp_path / "odd-1.0-py3-none-any-mkl.whl"
    content = format_record([entry]) + foreign_wheels.record()
    foreign_wheels.write(path, files={**FILES, MEMBER: own}, content=content)
    assert check_wheel(path) == ()


def test_what_is_no_wheel_is_one_problem(tmp_path: Path) -> None:
    for name, code in (("x.whl", Code.WHEEL_FILENAME), (NAME, Code.UNREADABLE)):
        (tmp_path / name).write_bytes(b"nothing")
        (problem,) = check_wheel(tmp_path / name)
        assert problem.code is code
        assert problem.fatal


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("schema 825 without providers", (Code.VARIANT_NAMESPACES, False)),
        ("schema unknown", (Code.VARIANT_SCHEMA, False)),
        ("builtin", (Code.VARIANT_NAMESPACES, True)),
    ],
)
def test_foreign_variants_files_are_reported_as_clients_see_them(
    tmp_path: Path, name: str, expected: tuple[Code, bool]
) -> None:
    (tmp_path / INDEX).write_bytes(encoded(SOUND[name]))
    assert expected in codes(tmp_path)


def test_wheels_that_are_no_variants_need_nothing(tmp_path: Path) -> None:
    path = foreign_wheels.write(tmp_path / NAME)
    with zipfile.ZipFile(path) as archive:
        assert MEMBER not in archive.namelist()
    assert check_files([path]) == ()
