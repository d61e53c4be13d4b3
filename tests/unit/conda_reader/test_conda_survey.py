"""The survey of a payload: hashes, natures, links, placeholders and the contents that planning needs."""

from __future__ import annotations

import hashlib
import threading
from typing import TYPE_CHECKING

import pytest

from bridge.errors import InvalidInput
from bridge.formats.conda.artifact import open_artifact
from bridge.formats.conda.survey import SPOOL_FLOOR, survey
from bridge.model.payload import Nature
from tests.support.conda_archives import Directory, File, HardLink, Link, Package, TarEntry, make_conda

if TYPE_CHECKING:
    from pathlib import Path

PLACEHOLDER = "/opt/anaconda1anaconda2anaconda3"


@pytest.mark.parametrize("archive", [".conda", ".tar.bz2"])
def test_every_member_is_recorded_in_archive_order(tmp_path: Path, archive: str) -> None:
    files = {
        "lib/z": b"last letter first",
        "lib/a": HardLink("lib/z"),
        "lib/l": Link("a"),
        "lib/empty": Directory(),
        "share": Directory(),
        "share/x": b"",
    }
    with open_artifact(make_conda(tmp_path, files=files, format=archive)) as artifact:
        result = survey(artifact)
    assert result.order == ("lib/z", "lib/a", "share/x")
    assert result.symlinks == {"lib/l": "a"}
    assert result.empty_directories == ("lib/empty",)
    digest = hashlib.sha256(b"last letter first").digest()
    assert result.files["lib/z"].sha256 == result.files["lib/a"].sha256 == digest


def test_contents_are_kept_only_where_planning_needs_them(tmp_path: Path) -> None:
    text = f"prefix={PLACEHOLDER}\n".encode()
    kept = {
        "lib/python3.12/site-packages/x-1.dist-info/METADATA": b"Name: x\n",
        "site-packages/y.egg-info/PKG-INFO": b"Name: y\n",
        "site-packages/z.egg-info": b"Name: z\n",
        "bin/script": b"#!/bin/sh\n",
        "Scripts/script": b"#!python\n",
        "python-scripts/script": b"#!python\n",
        "condabin/script": b"#!/bin/sh\n",
        "lib/pkgconfig/x.pc": File(text, placeholder=PLACEHOLDER),
    }
    dropped = {
        "lib/python3.12/site-packages/x-1.dist-info/RECORD": b"",
        "lib/python3.12/site-packages/x/__init__.py": b"",
        "share/script": b"#!/bin/sh\n",
        "bin/long": b"#!/bin/sh\n" + bytes(1 << 20),
        "bin/data": b"no script",
    }
    with open_artifact(make_conda(tmp_path, files=kept | dropped)) as artifact:
        result = survey(artifact)
    assert {path for path, facts in result.files.items() if facts.content is not None} == set(kept)
    assert result.files["lib/pkgconfig/x.pc"].content == text
    assert result.files["share/script"].nature is Nature.SCRIPT
    assert result.files["bin/data"].nature is Nature.OTHER


@pytest.mark.parametrize("size", [100, SPOOL_FLOOR + 1000])
def test_binary_placeholders_are_found_in_memory_and_in_spooled_files(tmp_path: Path, size: int) -> None:
    data = bytes(50) + PLACEHOLDER.encode() + b"/share\0" + bytes(size)
    files = {"bin/x": File(data, placeholder=PLACEHOLDER, file_mode="binary")}
    threads = threading.active_count()
    with open_artifact(make_conda(tmp_path, files=files)) as artifact:
        facts = survey(artifact).files["bin/x"]
    assert [(found.offset, found.text) for found in facts.occurrences] == [(50, f"{PLACEHOLDER}/share".encode())]
    assert facts.content is None
    assert facts.sha256 == hashlib.sha256(data).digest()
    assert threading.active_count() == threads


def test_damaged_binary_is_named(tmp_path: Path) -> None:
    path = make_conda(tmp_path, files={"lib/x.so": b"\x7fELF\x02\x01\x01"})
    with open_artifact(path) as artifact, pytest.raises(InvalidInput) as caught:
        survey(artifact)
    assert (caught.value.subject, caught.value.field) == ("demo-1.0-0.conda", "lib/x.so")


def test_licences_of_the_payload_archive_are_kept(tmp_path: Path) -> None:
    package = Package(more_payload=[TarEntry("info/licenses/LICENSE", b"MIT")])
    with open_artifact(package.write(tmp_path)) as artifact:
        assert survey(artifact).info_files == {"info/licenses/LICENSE": b"MIT"}


def test_listed_directory_is_satisfied_by_what_it_holds(tmp_path: Path) -> None:
    paths = [{"_path": "lib", "path_type": "directory"}, {"_path": "lib/a", "path_type": "hardlink"}]
    with open_artifact(make_conda(tmp_path, files={"lib/a": b""}, paths=paths)) as artifact:
        assert survey(artifact).order == ("lib/a",)


def test_size_of_a_link_is_not_compared(tmp_path: Path) -> None:
    digest = hashlib.sha256(b"alpha").hexdigest()
    paths = [
        {"_path": "lib/a", "path_type": "hardlink", "sha256": digest, "size_in_bytes": 5},
        {"_path": "lib/l", "path_type": "softlink", "sha256": digest, "size_in_bytes": 1},
    ]
    files = {"lib/a": b"alpha", "lib/l": Link("a")}
    with open_artifact(make_conda(tmp_path, files=files, paths=paths)) as artifact:
        assert survey(artifact).symlinks == {"lib/l": "a"}
