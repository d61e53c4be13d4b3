"""Compressing ahead of the plan gives the bytes that compressing after it gives."""

from __future__ import annotations

import hashlib
import io
import random
import zipfile
from pathlib import Path

import pytest

from bridge.formats.scratch import Scratch
from bridge.formats.wheel.compression import Compression
from bridge.formats.wheel.press import PayloadPress
from bridge.formats.wheel.writer import WheelWriter

MIB = 1 << 20


class Source(io.BytesIO):
    """A payload reader that hands out pieces of odd sizes."""

    def __init__(self, data: bytes, piece: int) -> None:
        super().__init__(data)
        self.size = len(data)
        self._piece = piece

    def read1(self, size: int = -1, /) -> bytes:
        return self.read(min(size, self._piece) if size > 0 else self._piece)


def contents() -> dict[str, bytes]:
    noise = random.Random(4).randbytes
    text = b"the same line again and again, %d\n"
    return {
        "empty.txt": b"",
        "small.py": b"print('x')\n" * 40,
        "noise.bin": noise(70_000),
        "edge.bin": (text % 1) * (4 * MIB // len(text % 1)),
        "large.txt": b"".join(text % number for number in range(200_000)),
        "large-noise.bin": noise(5 * MIB),
        "last.py": b"# the end\n",
    }


def directly(path: Path, compression: Compression) -> None:
    with WheelWriter(path, compression=compression) as writer:
        for name, data in contents().items():
            writer.add(name, io.BytesIO(data), len(data))
        writer.finish("x-1.dist-info")


def pressed(path: Path, compression: Compression, threads: int, piece: int) -> set[str]:
    with (
        Scratch(path.parent) as scratch,
        PayloadPress(scratch, compression=compression, threads=threads) as press,
    ):
        for name, data in contents().items():
            reader = press.tee(name, Source(data, piece))
            while reader.read1(MIB):
                pass
        found = press.finish()
        with WheelWriter(path, compression=compression, threads=threads) as writer:
            for name, data in contents().items():
                if name in found:
                    digest = hashlib.sha256(data).digest()
                    writer.add_pressed(name, found[name], press.scratch, sha256=digest)
                else:
                    writer.add(name, io.BytesIO(data), len(data))
            writer.finish("x-1.dist-info")
    return set(found)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("compression", list(Compression), ids=lambda level: level.value)
def test_same_bytes_as_without_the_press(compression: Compression, threads: int, tmp_path: Path) -> None:
    directly(tmp_path / "a.whl", compression)
    found = pressed(tmp_path / "b.whl", compression, threads, piece=300_001)
    assert (tmp_path / "a.whl").read_bytes() == (tmp_path / "b.whl").read_bytes()
    with zipfile.ZipFile(tmp_path / "b.whl") as wheel:
        assert wheel.testzip() is None
        for name, data in contents().items():
            assert wheel.read(name) == data
    assert {"empty.txt", "small.py", "large.txt", "last.py"} <= found


def test_a_large_file_that_deflate_does_not_shrink_is_left_for_the_second_pass(tmp_path: Path) -> None:
    assert "large-noise.bin" not in pressed(tmp_path / "a.whl", Compression.BALANCED, 2, piece=MIB)


def test_how_the_bytes_arrive_does_not_matter(tmp_path: Path) -> None:
    for number, piece in enumerate((1 << 16, 999_999, 8 * MIB)):
        pressed(tmp_path / f"{number}.whl", Compression.FAST, 2, piece)
    first, *others = [(tmp_path / f"{number}.whl").read_bytes() for number in range(3)]
    assert all(other == first for other in others)


def test_a_file_that_is_not_read_to_its_end_is_not_there(tmp_path: Path) -> None:
    with Scratch(tmp_path) as scratch, PayloadPress(scratch, compression=Compression.FAST, threads=1) as press:
        press.tee("half", Source(b"x" * 1000, 10)).read1(10)
        assert press.finish() == {}


def test_few_bytes_need_no_file_and_many_leave_none(tmp_path: Path) -> None:
    with Scratch(tmp_path / "absent") as scratch:
        scratch.append(b"abc")
        scratch.append(bytearray(b"def"))
        assert (scratch.read_at(1, 4), scratch.position) == (b"bcde", 6)
    with Scratch(tmp_path) as scratch:
        for number in range(12):
            scratch.append(bytes([number]) * MIB)
        assert scratch.read_at(MIB - 1, 2) == b"\0\1"
        scratch.append(b"end")
        assert scratch.read_at(12 * MIB, 3) == b"end"
        assert scratch.read_at(3 * MIB, 1) == b"\3"
        assert scratch.file().seek(0, 2) == scratch.position == 12 * MIB + 3
    assert not list(tmp_path.iterdir())
