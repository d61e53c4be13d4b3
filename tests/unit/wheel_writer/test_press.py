"""Compressing ahead of the plan gives the bytes that compressing after it gives."""

from __future__ import annotations

import hashlib
import io
import random
import tempfile
import zipfile
from pathlib import Path

import pytest

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
    with tempfile.TemporaryFile() as file, PayloadPress(file, compression=compression, threads=threads) as press:
        for name, data in contents().items():
            reader = press.tee(name, Source(data, piece))
            while reader.read1(MIB):
                pass
        found = press.finish()
        with WheelWriter(path, compression=compression, threads=threads) as writer:
            for name, data in contents().items():
                if name in found:
                    digest = hashlib.sha256(data).digest()
                    writer.add_pressed(name, found[name], press.file, sha256=digest)
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


def test_a_file_that_is_not_read_to_its_end_is_not_there() -> None:
    with tempfile.TemporaryFile() as file, PayloadPress(file, compression=Compression.FAST, threads=1) as press:
        press.tee("half", Source(b"x" * 1000, 10)).read1(10)
        assert press.finish() == {}
