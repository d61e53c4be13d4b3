"""Decompression bombs, read in a process with little memory and little time."""

from __future__ import annotations

import bz2
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import zstandard

from tests.support.conda_archives import (
    FORMAT_DOCUMENT,
    Package,
    TarEntry,
    ZipMember,
    tar_bytes,
    zip_bytes,
    zstd,
)

if TYPE_CHECKING:
    from collections.abc import Callable

resource = pytest.importorskip("resource")

ROOT = Path(__file__).parents[3]
MIB = 1 << 20

#: above what the interpreter and its libraries have mapped when reading starts.
MEMORY = 256 * MIB
SECONDS = 20

READER = f"""
import resource, sys
from pathlib import Path
from bridge.errors import InvalidInput
from bridge.formats.conda.artifact import open_artifact
from bridge.formats.conda.survey import survey

mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (mapped + {MEMORY}, mapped + {MEMORY}))
resource.setrlimit(resource.RLIMIT_CPU, ({SECONDS}, {SECONDS}))
try:
    with open_artifact(Path(sys.argv[1])) as artifact:
        for member, reader in artifact.members():
            while reader.read1(1 << 20):
                pass
        survey(artifact)
except InvalidInput as error:
    print(error.code.number)
else:
    print("accepted")
"""


def conda(pkg: bytes | None = None, info: bytes | None = None) -> bytes:
    package = Package()
    return zip_bytes(
        [
            ZipMember("metadata.json", FORMAT_DOCUMENT),
            ZipMember("pkg-demo-1.0-0.tar.zst", zstd(package.payload_tar()) if pkg is None else pkg),
            ZipMember("info-demo-1.0-0.tar.zst", zstd(package.info_tar()) if info is None else info),
        ]
    )


def zeros(size: int, path: str = "lib/zeros", *, window_log: int = 0) -> bytes:
    """A zstd frame of a tar archive with one file of zeros."""
    parameters = zstandard.ZstdCompressionParameters.from_level(3, window_log=window_log)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    parts = [compressor.compress(TarEntry(path, size=size).encode())]
    parts.extend(compressor.compress(bytes(MIB)) for _ in range(size // MIB))
    return b"".join([*parts, compressor.compress(bytes(1024)), compressor.flush()])


def zeros_bz2(size: int) -> bytes:
    compressor = bz2.BZ2Compressor()
    package = Package(more_info=[TarEntry("lib/zeros", size=size)])
    head = package.whole_tar()[:-1024]
    parts = [compressor.compress(head)]
    parts.extend(compressor.compress(bytes(MIB)) for _ in range(size // MIB))
    return b"".join([*parts, compressor.compress(bytes(1024)), compressor.flush()])


def many_members() -> bytes:
    # One million empty members are 500 MiB of headers, and a few MiB packed: the ratio tells.
    header = TarEntry("lib/0000000").encode()
    compressor = zstandard.ZstdCompressor(level=1).compressobj()
    parts = [compressor.compress(header * 1000) for _ in range(1000)]
    return b"".join([*parts, compressor.compress(bytes(1024)), compressor.flush()])


def distinct_members() -> bytes:
    entries = (TarEntry(f"lib/{number:06}", kind=b"5") for number in range(120_000))
    return zstd(tar_bytes(entries) + bytes(32 * MIB))


BOMBS: dict[str, tuple[str, str, Callable[[], bytes]]] = {
    "payload-of-zeros": (".conda", "CB109", lambda: conda(pkg=zeros(300 * MIB))),
    "info-of-zeros": (".conda", "CB109", lambda: conda(info=zeros(300 * MIB, "info/zeros"))),
    "bzip2-of-zeros": (".tar.bz2", "CB109", lambda: zeros_bz2(200 * MIB)),
    "zeros-after-the-end": (
        ".conda",
        "CB109",
        lambda: conda(pkg=zstd(tar_bytes([TarEntry("lib/a", b"x")], bytes(300 * MIB)))),
    ),
    "million-members": (".conda", "CB107", lambda: conda(pkg=many_members())),
    "many-directories": (".conda", "CB109", lambda: conda(pkg=distinct_members())),
    "large-window": (".conda", "CB109", lambda: conda(pkg=zeros(MIB, window_log=30))),
    "large-extended-header": (
        ".conda",
        "CB109",
        lambda: conda(pkg=zstd(tar_bytes([TarEntry("x", bytes(60 * MIB), kind=b"x")]))),
    ),
    "large-index": (
        ".conda",
        "CB109",
        lambda: Package(info={"info/index.json": b"{" + b" " * (65 * MIB) + b"}"}).encode(),
    ),
    "deep-json": (
        ".conda",
        "CB111",
        lambda: Package(info={"info/about.json": b'{"a":' * 4_000_000}).encode(),
    ),
    "large-dist-info": (
        ".conda",
        "CB109",
        lambda: Package(files={"x.dist-info/METADATA": bytes(65 * MIB)}).encode(),
    ),
    "gigantic-claim": (
        ".conda",
        "CB109",
        lambda: conda(pkg=zstd(tar_bytes([TarEntry("lib/a", size=1 << 60, binary_size=True)]))),
    ),
    "many-hard-links": (
        ".conda",
        "CB109",
        lambda: conda(
            pkg=zstd(
                tar_bytes(
                    [
                        TarEntry("lib/a", bytes(30 * MIB)),
                        *(TarEntry(f"lib/{number}", kind=b"1", link="lib/a") for number in range(100)),
                    ]
                )
            )
        ),
    ),
}


@pytest.mark.parametrize("case", BOMBS)
def test_bomb_is_refused_in_bounded_time_and_memory(tmp_path: Path, case: str) -> None:
    if not Path("/proc/self/statm").exists():
        pytest.skip("needs the size of the process")
    archive, code, make = BOMBS[case]
    path = tmp_path / f"demo-1.0-0{archive}"
    path.write_bytes(make())
    result = subprocess.run(
        [sys.executable, "-c", READER, str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stderr == ""
    assert result.stdout.strip() == code
    assert list(tmp_path.iterdir()) == [path]
