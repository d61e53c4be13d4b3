"""The parts of a package file: tar headers, the outer ZIP and zstd frames, held against other readers."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest
import zstandard
from package_samples import mixed

from bridge.formats.conda.bytestream import SharedFile
from bridge.formats.conda.container import check_layout, read_container
from bridge.formats.conda.outer_zip import OuterZip
from bridge.formats.conda.tar_output import LARGEST_NUMBER, TAR_END, file_header, link_header, padding
from bridge.formats.conda.zstd_output import ZstdOutput, compress

if TYPE_CHECKING:
    from pathlib import Path

#: names at the borders of what ustar can split.
NAMES = [
    "a" * 100,
    "a" * 101,
    "p" * 155 + "/" + "n" * 100,
    "p" * 156 + "/" + "n" * 100,
    "p" * 155 + "/" + "n" * 101,
    "p/" * 77 + "q/" + "n" * 99,
    "d/" + "é" * 60,
]


def first(data: bytes) -> tarfile.TarInfo:
    with tarfile.open(fileobj=io.BytesIO(data + TAR_END)) as archive:
        found = archive.next()
    assert found is not None
    return found


@pytest.mark.parametrize("name", NAMES, ids=len)
def test_names_read_back(name: str) -> None:
    assert first(file_header(name, 0, 0o640, 5)).name == name
    link = first(link_header("a", name, 5))
    assert (link.name, link.linkname, link.issym()) == ("a", name, True)


@pytest.mark.parametrize("name", NAMES[:1] + NAMES[2:3])
def test_ustar_is_enough_for_names_that_it_can_split(name: str) -> None:
    assert len(file_header(name, 0, 0o644, 0)) == 512


@pytest.mark.parametrize("size", [LARGEST_NUMBER, LARGEST_NUMBER + 1, 1 << 40])
def test_sizes_beyond_8_gib_read_back(size: int) -> None:
    header = file_header("a", size, 0o644, 0)
    assert first(header).size == size
    assert (len(header) == 512) is (size <= LARGEST_NUMBER)


@pytest.mark.parametrize("length", [*range(85, 105), *range(980, 1000), 9985, 9990, 9995])
def test_lengths_of_pax_records_count_themselves(length: int) -> None:
    name = "ü" + "n" * length
    assert first(file_header(name, 0, 0o644, 0)).name == name


def test_padding_ends_at_a_record() -> None:
    assert [len(padding(size)) for size in (0, 1, 511, 512, 513)] == [0, 511, 1, 0, 511]


@pytest.mark.parametrize("largest", [0, 60, 200, 0xFFFFFFFE])
def test_outer_zip_reads_back_with_zip64_and_without(tmp_path: Path, largest: int) -> None:
    path = tmp_path / "x.conda"
    with path.open("x+b") as file:
        outer = OuterZip(file, largest=largest)
        outer.store("metadata.json", b"{}")
        outer.begin("pkg-x.tar.zst")
        for piece in (b"one", b"", b"two" * 50):
            outer.append(piece)
        outer.end()
        outer.store("info-x.tar.zst", b"three")
        outer.finish()
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.read("pkg-x.tar.zst") == b"one" + b"two" * 50
        assert archive.read("info-x.tar.zst") == b"three"
    source = SharedFile(path, subject="x.conda")
    container = read_container(source, "x", subject="x.conda")
    check_layout(source, container, subject="x.conda")
    assert container.payload.size == 153
    source.close()


@pytest.mark.skipif(not hasattr(os, "SEEK_DATA"), reason="needs a file system with holes")
def test_outer_zip_beyond_4_gib(tmp_path: Path) -> None:
    class Holes(io.FileIO):
        """Skips over long writes, which leaves a hole in the file."""

        def write(self, data: bytes, /) -> int:  # type: ignore[override]
            if len(data) < 1 << 20:
                return super().write(data) or 0
            return self.seek(len(data), io.SEEK_CUR) and len(data)

    path = tmp_path / "x.conda"
    zeros = bytes(64 << 20)
    with Holes(path, "x+") as file:
        outer = OuterZip(file)  # type: ignore[arg-type]
        outer.store("metadata.json", b"{}")
        outer.begin("pkg-x.tar.zst")
        for _ in range(65):
            outer.append(zeros)
        outer.end()
        outer.store("info-x.tar.zst", b"three")
        outer.finish()
    with zipfile.ZipFile(path) as archive:
        assert archive.getinfo("pkg-x.tar.zst").file_size == 65 << 26
        assert archive.read("info-x.tar.zst") == b"three"
    source = SharedFile(path, subject="x.conda")
    container = read_container(source, "x", subject="x.conda")
    check_layout(source, container, subject="x.conda")
    assert container.payload.size == 65 << 26
    source.close()


def test_only_a_member_that_was_begun_can_grow() -> None:
    outer = OuterZip(io.BytesIO())  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="begun"):
        outer.append(b"x")


@pytest.mark.parametrize("size", [0, 1, 8 << 20, (8 << 20) + 1, 20_000_000])
def test_frames_do_not_depend_on_threads_or_pieces(size: int) -> None:
    data = mixed(size)
    frames = set()
    for threads, step in ((1, 1 << 20), (2, 1 << 20), (3, 700_001)):
        out = bytearray()
        frame = ZstdOutput(out.extend, level=2, threads=threads)
        for start in range(0, size, step):
            frame.write(data[start : start + step])
        frame.finish()
        frames.add(bytes(out))
    assert len(frames) == 1
    (packed,) = frames
    assert zstandard.ZstdDecompressor().decompressobj().decompress(packed) == data
    if 0 < size <= 8 << 20:
        assert packed == compress(data, level=2, threads=1)
