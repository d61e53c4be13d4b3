"""Every requirement of the corpus of real repodata, and the name table against a published mapping."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
import zstandard
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bridge.errors import BridgeError, Code
from bridge.mapping.names import NameMapper
from bridge.mapping.platforms import platform_tags
from bridge.mapping.python import python_support
from bridge.mapping.requirements import to_requirement
from bridge.mapping.tables import DependencyKind, load_tables
from bridge.model.conda import CondaName, CondaVersion, IndexJson, Subdir

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[3]
CORPUS = ROOT.parent / "shared" / "corpus"

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not beside the checkout"),
]


def documents() -> Iterator[dict[str, Any]]:
    for path in sorted((CORPUS / "repodata").rglob("*.json*")):
        content = path.read_bytes()
        if path.suffix == ".zst":
            content = zstandard.ZstdDecompressor().decompressobj().decompress(content)
        yield json.loads(content or b"{}")


def records() -> Iterator[dict[str, Any]]:
    for document in documents():
        parts = [
            document.get("packages"),
            document.get("packages.conda"),
            *(document.get("v3") or {}).values(),
        ]
        for part in parts:
            yield from (record for record in (part or {}).values() if isinstance(record, dict))


@cache
def specs() -> tuple[str, ...]:
    found: set[str] = set()
    for record in records():
        found.update(record.get("depends") or ())
        found.update(record.get("constrains") or ())
        for group in (record.get("extra_depends") or {}).values():
            found.update(group)
    return tuple(sorted(found))


def test_every_spec_of_real_channels_becomes_a_requirement_that_packaging_reads() -> None:
    mapper = NameMapper(load_tables())
    assert len(specs()) > 5000
    for spec in specs():
        answer = to_requirement(spec, mapper, subject="x")
        if answer.requirement is None:
            assert not answer.kind.requirable, spec
            continue
        text = str(answer.requirement)
        assert str(Requirement(text)) == text
        if answer.kind is DependencyKind.NATIVE:
            assert answer.requirement.name.startswith("conda-native-")
        lost = {loss.code for loss in answer.losses}
        if "|" in spec or "r2020" in spec:
            continue
        assert Code.HULL not in lost, spec


def test_every_record_of_real_channels_says_its_python_and_platform() -> None:
    seen = set()
    refused = set()
    for record in records():
        depends = tuple(record.get("depends") or ())
        subdir = Subdir(record.get("subdir") or "linux-64")
        if (depends, subdir) in seen:
            continue
        seen.add((depends, subdir))
        index = IndexJson(CondaName("x"), CondaVersion("1"), "0", 0, subdir, depends)
        try:
            python_support(index, depends)
            assert platform_tags(subdir, depends).platforms
        except BridgeError as error:
            refused.add((error.code, subdir))
    assert len(seen) > 1000
    assert refused <= {(Code.PLATFORM, subdir) for subdir in ("linux-fake", "osx-fake", "win-fake")}


@pytest.fixture(scope="module")
def published() -> dict[str, list[str] | None]:
    content = (CORPUS / "mappings" / "parselmouth-conda-forge.json").read_text()
    mapping: dict[str, list[str] | None] = json.loads(content)
    return mapping


def test_the_table_agrees_with_the_published_mapping(published: dict[str, list[str] | None]) -> None:
    disagreements = {
        name: (distribution, names)
        for name, distribution in load_tables().python.items()
        if (names := published.get(name)) and canonicalize_name(distribution) not in map(canonicalize_name, names)
    }
    assert disagreements == {}


def test_native_packages_hold_no_project_of_their_name(published: dict[str, list[str] | None]) -> None:
    # libopencv carries the Python package's metadata, but not the package; mamba's project is another one.
    known = {"libopencv", "mamba"}
    assert {name for name in load_tables().native if published.get(name)} <= known


def test_the_table_agrees_with_the_curated_configuration() -> None:
    curated = yaml.safe_load((CORPUS / "mappings" / "grayskull-config.yaml").read_text())
    table = load_tables().python
    disagreements = {
        entry["conda_forge"]: (project, table[entry["conda_forge"]])
        for project, entry in curated.items()
        if entry.get("conda_forge") in table
        and canonicalize_name(table[entry["conda_forge"]]) != canonicalize_name(project)
    }
    # the configuration has an older project of each.
    assert disagreements.keys() <= {"opencv", "pyqt"}
