"""Damaged archives: whatever byte is wrong, the reader accepts or refuses, and never fails in another way."""

from __future__ import annotations

import bz2
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.errors import InvalidInput
from bridge.formats.conda.artifact import open_artifact
from bridge.formats.conda.survey import survey
from tests.support.conda_archives import FORMAT_DOCUMENT, HardLink, Link, Package, ZipMember, zip_bytes, zstd

PACKAGE = Package(
    files={
        "lib/a": b"alpha" * 40,
        "lib/l": Link("a"),
        "lib/h": HardLink("lib/a"),
        "lib/" + "n" * 120: b"",
    }
)
PATCHES = st.lists(st.tuples(st.integers(0, 1 << 20), st.binary(min_size=1, max_size=4)), min_size=1, max_size=4)


def patched(data: bytes, patches: list[tuple[int, bytes]]) -> bytes:
    raw = bytearray(data)
    for place, patch in patches:
        start = place % len(raw)
        raw[start : start + len(patch)] = patch
    return bytes(raw)


def container(payload: bytes, info: bytes) -> bytes:
    return zip_bytes(
        [
            ZipMember("metadata.json", FORMAT_DOCUMENT),
            ZipMember("pkg-demo-1.0-0.tar.zst", payload),
            ZipMember("info-demo-1.0-0.tar.zst", info),
        ]
    )


def with_checksums(tar: bytes) -> bytes:
    """The same with every header's checksum made right again, so that the damage gets past it."""
    raw = bytearray(tar)
    for start in range(0, len(raw) - 511, 512):
        if raw[start + 257 : start + 262] == b"ustar":
            raw[start + 148 : start + 156] = b" " * 8
            raw[start + 148 : start + 156] = b"%06o\x00 " % sum(raw[start : start + 512])
    return bytes(raw)


def check(data: bytes, archive: str) -> None:
    threads = threading.active_count()
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / f"demo-1.0-0{archive}"
        path.write_bytes(data)
        try:
            with open_artifact(path) as artifact:
                survey(artifact)
        except InvalidInput as error:
            assert error.code.number.startswith("CB1")  # noqa: PT017 - either outcome is right
    assert threading.active_count() == threads


@pytest.mark.parametrize("archive", [".conda", ".tar.bz2"])
@settings(max_examples=150, deadline=None)
@given(patches=PATCHES)
def test_damaged_file(archive: str, patches: list[tuple[int, bytes]]) -> None:
    check(patched(PACKAGE.encode(archive), patches), archive)


@settings(max_examples=150, deadline=None)
@given(patches=PATCHES)
def test_damaged_zstd(patches: list[tuple[int, bytes]]) -> None:
    check(container(patched(zstd(PACKAGE.payload_tar()), patches), zstd(PACKAGE.info_tar())), ".conda")


@settings(max_examples=150, deadline=None)
@given(patches=PATCHES)
def test_damaged_payload_tar(patches: list[tuple[int, bytes]]) -> None:
    tar = with_checksums(patched(PACKAGE.payload_tar(), patches))
    check(container(zstd(tar), zstd(PACKAGE.info_tar())), ".conda")


@settings(max_examples=150, deadline=None)
@given(patches=PATCHES)
def test_damaged_whole_tar(patches: list[tuple[int, bytes]]) -> None:
    check(bz2.compress(with_checksums(patched(PACKAGE.whole_tar(), patches))), ".tar.bz2")


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_as_description(data: bytes) -> None:
    for name in ("index.json", "paths.json", "about.json", "link.json", "files", "has_prefix"):
        info: dict[str, bytes | None] = {f"info/{name}": data}
        if name in ("files", "has_prefix"):
            info = {"info/paths.json": None, "info/files": b"lib/a\n", **info}
        check(Package(info=info).encode(), ".conda")
