"""Small wheels, made on the spot."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from bridge.formats.wheel.filename import parse_wheel_filename
from bridge.formats.wheel.wheel_file import format_wheel_file
from bridge.formats.wheel.writer import WheelWriter

if TYPE_CHECKING:
    from pathlib import Path

METADATA = b"Metadata-Version: 2.4\nName: demo\nVersion: 1.0\n"
DIST_INFO = "demo-1.0.dist-info"


def noise(size: int, seed: int = 0) -> bytes:
    """Bytes that deflate cannot shrink."""
    return random.Random(seed).randbytes(size)


def prose(size: int, seed: int = 0) -> bytes:
    """Bytes that compress about as well as machine code, with matches across chunk borders."""
    source = random.Random(seed)
    words = [source.randbytes(source.randint(2, 12)) for _ in range(4000)]
    block = b"".join(source.choices(words, k=60_000))
    return (block * (size // len(block) + 1))[:size]


def make_wheel(
    directory: Path, name: str = "demo-1.0-py3-none-any.whl", payload: dict[str, bytes] | None = None
) -> Path:
    """A valid wheel with some payload; returns its path."""
    path = directory / name
    tags = parse_wheel_filename(name).tags
    with WheelWriter(path) as writer:
        for member, data in (payload or {"demo/__init__.py": b"x = 1\n" * 40}).items():
            writer.add_bytes(member, data)
        writer.add_bytes(f"{DIST_INFO}/METADATA", METADATA)
        wheel = format_wheel_file(generator="test", root_is_purelib=True, tags=tags)
        writer.add_bytes(f"{DIST_INFO}/WHEEL", wheel)
        writer.finish(DIST_INFO)
    return path
