"""What one record is expected to become, held against the code that conversions use."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from packaging.tags import Tag

from bridge.errors import BridgeError
from bridge.mapping.axes import choices_of, load_axes
from bridge.mapping.names import RESERVED_PREFIX, Evidence, NameMapper
from bridge.mapping.requirements import merge_requirements, to_requirement
from bridge.mapping.tables import load_tables
from bridge.model.conda import CondaName
from bridge.sync.lazy.forecast import Forecaster
from bridge.sync.lazy.record import Entry
from bridge.sync.lazy.substitute import covers

REPODATA = Path(__file__).parents[5] / "shared" / "corpus" / "repodata"
#: names of every kind that becomes a requirement or not: in the tables, native, unknown, and one like a version.
NAMES = ("numpy", "pytorch", "pytorch-cpu", "zlib", "libblas", "nobody-knows", "libgcc", "cuda-version", "7zip")
ENDINGS = (
    *("*", "1.2", "==1.2", "=1.2", "1.2.*", ">=1.2", ">=1.2,<2.0a0", "!=1.5", "~=1.2", ">1,<2|>3", "1.2|1.3.*"),
    *("* *_openblas", "3.9.0 *_mkl", "1.2 py312_0", ">=1.2 *cuda*", "* 0", "1.2=py_0", "<0a0", ">=2023c"),
)


def entry(name: str, *depends: str, **fields: Any) -> Entry:
    """An unread record."""
    stated = {"name": name, "version": "1.0", "build": "0", "build_number": 0, "subdir": "linux-64", "depends": depends}
    return Entry("linux-64", f"{name}-1.0-0.conda", msgspec.Raw(json.dumps({**stated, **fields}).encode()))


def forecaster(python: Mapping[str, bool] | None = None) -> Forecaster:
    """One that knows nothing yet."""
    return Forecaster(load_tables(), load_axes(), python or {}, RESERVED_PREFIX)


def translated(depends: tuple[str, ...], mapper: NameMapper) -> list[str]:
    """What conversion makes of requirements."""
    answers = [to_requirement(text, mapper, subject="x") for text in depends]
    return [str(each) for each in merge_requirements(answer.requirement for answer in answers if answer.requirement)]


@given(st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(ENDINGS)), max_size=6))
def test_requirements_are_those_of_conversion_whatever_was_seen_before(depends: list[tuple[str, str]]) -> None:
    texts = tuple(f"{name} {ending}" for name, ending in depends)
    found = seen().forecast(entry("some", *texts))
    assert list(found.requires) == translated(texts, NameMapper(load_tables()))


@cache
def seen() -> Forecaster:
    """One that has translated each ending behind another name."""
    known = forecaster()
    for at, ending in enumerate(ENDINGS):
        known.forecast(entry("other", f"seen{at} {ending}"))
    return known


@pytest.mark.skipif(not REPODATA.is_dir(), reason="needs the corpus beside the checkout")
@pytest.mark.parametrize("subdir", ["linux-64", "noarch", "win-64"])
def test_every_real_record_requires_what_conversion_says(subdir: str) -> None:
    data = (REPODATA / f"conda-forge-{subdir}.json.zst").read_bytes()
    document = json.load(zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data), read_across_frames=True))
    records = {**document["packages"], **document["packages.conda"]}
    known, axes = forecaster(), load_axes()
    mapper = NameMapper(load_tables(), Evidence(), RESERVED_PREFIX)
    count = 0
    for key, record in records.items():
        made = Entry(subdir, key, msgspec.Raw(json.dumps(record).encode()))
        try:
            found = known.forecast(made)
        except BridgeError:
            continue
        assert list(found.requires) == translated(tuple(record["depends"]), mapper), key
        assert known.choices(found) == choices_of(found.record.index(), axes), key
        count += 1
    assert count > len(records) * 0.9


@pytest.mark.parametrize(
    ("depends", "fields", "compressed"),
    [
        (("python >=3.12,<3.13.0a0", "python_abi 3.12.* *_cp312"), {}, "cp312-cp312-manylinux_2_17_x86_64"),
        (("python >=3.9",), {"noarch": "python"}, "py3-none-manylinux_2_5_x86_64"),
        (("python >=3.9",), {}, "py3-none-manylinux_2_5_x86_64"),
        (("python >=3.9", "_python_abi3_support 1.*", "cpython >=3.9"), {}, "cp39-abi3-manylinux_2_17_x86_64"),
        (("__glibc >=2.28,<3.0.a0",), {}, "py3-none-manylinux_2_28_x86_64"),
    ],
)
def test_tags_follow_from_requirements(depends: tuple[str, ...], fields: Mapping[str, Any], compressed: str) -> None:
    made = forecaster({"demo": True}) if any("python" in text for text in depends) else forecaster()
    assert made.forecast(entry("demo", *depends, **fields)).wheel.compressed == compressed


def test_what_two_packages_of_one_project_require_is_put_together() -> None:
    found = forecaster().forecast(entry("demo", "pytorch >=2.1", "pytorch-cpu <2.5", "pytorch >=2.3"))
    (torch,) = (text for text in found.requires if text.startswith("torch"))
    mapper = NameMapper(load_tables())
    assert torch in translated(("pytorch >=2.1", "pytorch-cpu <2.5", "pytorch >=2.3"), mapper)


def test_names_that_nobody_knows_are_remembered() -> None:
    known = forecaster({"known": True})
    known.forecast(entry("demo", "known >=1", "unknown >=1", "numpy"))
    assert known.missing == {CondaName("unknown")}


@pytest.mark.parametrize(
    ("real", "planned", "expected"),
    [
        ("cp312-cp312-manylinux_2_5_x86_64", "cp312-cp312-manylinux_2_17_x86_64", True),
        ("cp312-cp312-manylinux_2_28_x86_64", "cp312-cp312-manylinux_2_17_x86_64", False),
        ("py3-none-any", "cp312-cp312-manylinux_2_17_x86_64", True),
        ("py3-none-manylinux_2_17_x86_64", "cp312-cp312-manylinux_2_17_x86_64", True),
        ("cp312-cp312-manylinux_2_17_x86_64", "py3-none-manylinux_2_17_x86_64", False),
        ("cp39-abi3-manylinux_2_17_x86_64", "cp312-cp312-manylinux_2_17_x86_64", True),
        ("cp313-cp313-manylinux_2_17_x86_64", "cp312-cp312-manylinux_2_17_x86_64", False),
        ("cp312-cp312-manylinux_2_17_aarch64", "cp312-cp312-manylinux_2_17_x86_64", False),
        ("cp312-cp312-macosx_10_9_x86_64", "cp312-cp312-macosx_11_0_x86_64", True),
        ("cp312-cp312-macosx_11_0_x86_64", "cp312-cp312-macosx_10_9_x86_64", False),
        ("cp312-cp312-win_amd64", "cp312-cp312-win_amd64", True),
        ("py3-none-any", "py3-none-any", True),
        ("py3-none-win_amd64", "py3-none-any", False),
    ],
)
def test_a_wheel_stands_for_another_where_it_fits_all_of_its_machines(real: str, planned: str, expected: bool) -> None:
    tags = [frozenset({Tag(*text.split("-"))}) for text in (real, planned)]
    assert covers(*tags) is expected
