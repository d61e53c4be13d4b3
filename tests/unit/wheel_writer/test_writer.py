"""`WheelWriter`: what it writes, held against zipfile; what it refuses; what it leaves behind."""

from __future__ import annotations

import hashlib
import io
import stat
import zipfile
import zlib
from typing import TYPE_CHECKING

import pytest
from wheel_samples import DIST_INFO, noise, prose

from bridge.errors import Code, InvalidInput, Unrepresentable
from bridge.formats.wheel.archive import WheelArchive
from bridge.formats.wheel.compression import CHUNK, LARGE_FILE, Compression
from bridge.formats.wheel.record import parse_record
from bridge.formats.wheel.writer import WheelDigest, WheelWriter
from bridge.formats.wheel.zip_format import Thresholds

if TYPE_CHECKING:
    from pathlib import Path

PAYLOAD = {
    "demo/empty.py": b"",
    "demo/tiny.py": b"x",
    "demo/module.py": b"def f():\n    return 1\n" * 500,
    "demo/noise.bin": noise(5000),
    "demo/exactly.bin": prose(LARGE_FILE),
    "demo/large.bin": prose(LARGE_FILE + 2 * CHUNK + 12345, 1),
    "demo/large-noise.bin": noise(LARGE_FILE + 100),
    "demo/ünïcode.txt": b"name outside ASCII",
    "demo/last.py": b"y = 2\n" * 100,
}


class Trickle(io.BytesIO):
    """A stream that gives less than it is asked for."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(size or 0, 70_001))


def write(path: Path, compression: Compression = Compression.BALANCED, threads: int = 1) -> WheelDigest:
    with WheelWriter(path, compression=compression, threads=threads) as writer:
        for name, data in PAYLOAD.items():
            writer.add(name, Trickle(data), len(data), executable=name.endswith("large.bin"))
        return writer.finish(DIST_INFO)


@pytest.mark.parametrize("compression", Compression)
def test_zipfile_reads_every_member_back(tmp_path: Path, compression: Compression) -> None:
    digest = write(tmp_path / "a.whl", compression, threads=2)
    data = (tmp_path / "a.whl").read_bytes()
    assert digest == WheelDigest(hashlib.sha256(data).hexdigest(), len(data))
    with zipfile.ZipFile(tmp_path / "a.whl") as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [*PAYLOAD, f"{DIST_INFO}/RECORD"]
        for name, content in PAYLOAD.items():
            assert archive.read(name) == content
    with WheelArchive(tmp_path / "a.whl") as strict:
        assert list(strict.members) == archive.namelist()


@pytest.mark.parametrize("compression", Compression)
def test_bytes_do_not_depend_on_threads(tmp_path: Path, compression: Compression) -> None:
    digests = {write(tmp_path / f"{threads}.whl", compression, threads) for threads in (1, 2, 4)}
    assert len(digests) == 1


def test_headers_are_plain_and_fixed(tmp_path: Path) -> None:
    write(tmp_path / "a.whl")
    with zipfile.ZipFile(tmp_path / "a.whl") as archive:
        assert archive.comment == b""
        for info in archive.infolist():
            assert info.date_time == (1980, 1, 1, 0, 0, 0)
            assert info.extra == b""
            assert info.comment == b""
            assert info.flag_bits == (0 if info.filename.isascii() else 0x800)
            mode = 0o755 if info.filename.endswith("large.bin") else 0o644
            assert info.external_attr == (stat.S_IFREG | mode) << 16


def test_what_deflate_does_not_shrink_is_stored(tmp_path: Path) -> None:
    write(tmp_path / "a.whl")
    with zipfile.ZipFile(tmp_path / "a.whl") as archive:
        stored = {info.filename for info in archive.infolist() if info.compress_type == zipfile.ZIP_STORED}
        assert stored == {"demo/empty.py", "demo/tiny.py", "demo/noise.bin", "demo/large-noise.bin"} | {
            name for name in stored if name.endswith("ünïcode.txt")
        }
        assert all(info.compress_size <= info.file_size for info in archive.infolist())


@pytest.mark.parametrize("compression", [Compression.BALANCED, Compression.SMALL])
def test_chunks_find_matches_in_the_chunk_before(tmp_path: Path, compression: Compression) -> None:
    block = noise(20_000)
    data = (block * 600)[: LARGE_FILE + CHUNK]
    with WheelWriter(tmp_path / "a.whl", compression=compression) as writer:
        writer.add_bytes("a", data)
        packed = writer.finish(DIST_INFO).size
    in_one_piece = len(zlib.compress(data, 6))
    assert packed < in_one_piece + 2 * len(block)


def test_record_lists_everything_and_itself_last(tmp_path: Path) -> None:
    write(tmp_path / "a.whl", threads=2)
    with zipfile.ZipFile(tmp_path / "a.whl") as archive:
        entries = parse_record(archive.read(f"{DIST_INFO}/RECORD"), "a.whl")
    assert [entry.path for entry in entries] == [*PAYLOAD, f"{DIST_INFO}/RECORD"]
    assert (entries[-1].digest, entries[-1].size) == (None, None)
    for entry in entries[:-1]:
        assert entry.digest == hashlib.sha256(PAYLOAD[entry.path]).digest()
        assert entry.size == len(PAYLOAD[entry.path])


@pytest.mark.parametrize("data", [b"", b"z" * 1000, prose(LARGE_FILE + 1), noise(LARGE_FILE + 1)])
def test_one_content_under_several_names(tmp_path: Path, data: bytes) -> None:
    with WheelWriter(tmp_path / "a.whl", threads=2) as writer:
        writer.add("one", io.BytesIO(data), len(data), also=("two", "three"), executable=True)
        writer.add_bytes("four", b"4" * 500)
        writer.finish(DIST_INFO)
    with zipfile.ZipFile(tmp_path / "a.whl") as archive:
        assert archive.namelist() == ["one", "two", "three", "four", f"{DIST_INFO}/RECORD"]
        assert all(archive.read(name) == data for name in ("one", "two", "three"))
        assert archive.read(f"{DIST_INFO}/RECORD").count(b"\n") == 5
        assert archive.getinfo("three").external_attr >> 16 & 0o111
    with WheelArchive(tmp_path / "a.whl"):
        pass


def test_zip64_is_used_exactly_where_a_value_does_not_fit(tmp_path: Path) -> None:
    payload = {"small": b"a" * 100, "large": prose(LARGE_FILE + 5), "after": b"b" * 50, "wide": b"c" * 2000}
    path = tmp_path / "a.whl"
    with WheelWriter(path, threads=2, thresholds=Thresholds(size=1000, count=3)) as writer:
        for name, data in payload.items():
            writer.add(name, io.BytesIO(data), len(data), also=(f"{name}-again",))
        writer.finish(DIST_INFO)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in payload} == payload
        assert archive.getinfo("small").extract_version == 20
        assert archive.getinfo("large").extract_version == 45
        assert archive.getinfo("after").header_offset > 1000
    with WheelArchive(path) as strict:
        assert strict.read("wide-again") == payload["wide"]
    assert b"PK\x06\x06" in path.read_bytes()[-200:]


def test_count_alone_switches_the_end_record(tmp_path: Path) -> None:
    for count, wide in ((3, False), (4, True)):
        path = tmp_path / f"{count}.whl"
        with WheelWriter(path, thresholds=Thresholds(count=3)) as writer:
            for index in range(count - 1):
                writer.add_bytes(f"m{index}", b"")
            writer.finish(DIST_INFO)
        assert (b"PK\x06\x06" in path.read_bytes()) is wide
        with zipfile.ZipFile(path) as archive:
            assert len(archive.namelist()) == count
        with WheelArchive(path) as strict:
            assert len(strict.members) == count


def test_more_members_than_16_bits_count(tmp_path: Path) -> None:
    with WheelWriter(tmp_path / "a.whl", threads=2) as writer:
        for index in range(0xFFFF):
            writer.add_bytes(f"d/{index}", b"")
        writer.finish(DIST_INFO)
    with zipfile.ZipFile(tmp_path / "a.whl") as archive:
        assert len(archive.namelist()) == 0x10000


def test_no_zip64_without_need(tmp_path: Path) -> None:
    write(tmp_path / "a.whl")
    data = (tmp_path / "a.whl").read_bytes()
    assert data[-22:-18] == b"PK\x05\x06"
    assert data[-42:-38] != b"PK\x06\x07"


@pytest.mark.parametrize(
    "names",
    [
        ("",),
        ("/absolute",),
        ("a/../b",),
        ("./a",),
        ("a//b",),
        ("a/",),
        ("a\\b",),
        ("C:/x",),
        ("x.txt:stream",),
        ("a\nb",),
        ("a\x00b",),
        ("a\x85b",),
        ("lone\udc80",),
        ("x" * 70_000,),
        ("a", "a"),
        ("a/B.py", "a/b.py"),
        ("straße", "STRASSE"),
        ("caf\u00e9", "cafe\u0301"),
        ("a", "a/b"),
        ("a/b/c", "a"),
        ("A/b", "a"),
        (f"{DIST_INFO}/RECORD", f"{DIST_INFO}/RECORD"),
    ],
)
def test_unsafe_and_clashing_names_are_refused(tmp_path: Path, names: tuple[str, ...]) -> None:
    with WheelWriter(tmp_path / "a.whl") as writer:
        for name in names[:-1]:
            writer.add_bytes(name, b"")
        with pytest.raises(Unrepresentable) as caught:
            writer.add_bytes(names[-1], b"")
    assert caught.value.code is Code.COLLISION
    assert list(tmp_path.iterdir()) == []


def test_case_may_differ_below_a_case_sensitive_tree(tmp_path: Path) -> None:
    with WheelWriter(tmp_path / "a.whl", case_sensitive_trees=("x/Terminfo/",)) as writer:
        writer.add_bytes("x/Terminfo/2/2621A", b"")
        writer.add_bytes("x/Terminfo/2/2621a", b"")
        writer.add_bytes("x/A", b"")
        with pytest.raises(Unrepresentable):
            writer.add_bytes("x/a", b"")
        with pytest.raises(Unrepresentable):
            writer.add_bytes("X/terminfo", b"")


def test_a_record_of_the_caller_is_a_collision(tmp_path: Path) -> None:
    with WheelWriter(tmp_path / "a.whl") as writer:
        writer.add_bytes(f"{DIST_INFO}/RECORD", b"")
        with pytest.raises(Unrepresentable):
            writer.finish(DIST_INFO)


@pytest.mark.parametrize("size", [10, LARGE_FILE + 10])
def test_a_stream_that_ends_early_is_invalid(tmp_path: Path, size: int) -> None:
    with WheelWriter(tmp_path / "a.whl", threads=2) as writer, pytest.raises(InvalidInput) as caught:
        writer.add("a", io.BytesIO(b"x" * (size - 1)), size)
    assert caught.value.code is Code.UNREADABLE
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("size", [10, LARGE_FILE + 10])
def test_content_is_held_against_its_digest(tmp_path: Path, size: int, threads: int) -> None:
    data = b"x" * size
    good, bad = hashlib.sha256(data).digest(), hashlib.sha256(b"").digest()

    def convert() -> None:
        with WheelWriter(tmp_path / "a.whl", threads=threads) as writer:
            writer.add("good", io.BytesIO(data), size, sha256=good)
            writer.add("bad", io.BytesIO(data), size, sha256=bad)
            writer.finish(DIST_INFO)

    with pytest.raises(InvalidInput) as caught:
        convert()
    assert caught.value.code is Code.PAYLOAD_MISMATCH
    assert caught.value.field == "bad"
    assert list(tmp_path.iterdir()) == []


def test_leaving_without_finish_leaves_nothing_and_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.whl"
    path.write_bytes(b"old")
    with WheelWriter(path, threads=2) as writer:
        writer.add_bytes("a", b"b" * 100_000)
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("a.whl", b"old")]


def test_finish_replaces_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.whl"
    path.write_bytes(b"old")
    write(path)
    assert zipfile.is_zipfile(path)
    assert [each.name for each in tmp_path.iterdir()] == ["a.whl"]


def test_at_least_one_thread() -> None:
    from pathlib import Path

    with pytest.raises(ValueError, match="one thread"):
        WheelWriter(Path("never-made.whl"), threads=0)
