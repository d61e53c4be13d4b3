"""Wheels that unpack to far more than they are: refused, or read within little memory, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.hostile_samples import METADATA, WHEEL, Sample

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="limits of processes are those of POSIX")

ROOT = Path(__file__).parents[3]
#: more than the interpreter and its libraries take; far less than any of the bombs.
MARGIN = 160 << 20

PROGRAM = """
import resource, sys
from pathlib import Path
from bridge.errors import BridgeError
from bridge.formats.wheel.reader import open_wheel
from bridge.formats.wheel.survey import survey_wheel
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + int(sys.argv[2]),) * 2)
resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
try:
    with open_wheel(Path(sys.argv[1])) as wheel:
        survey_wheel(wheel)
except BridgeError as error:
    print(error.code.number)
else:
    print("read")
"""


def zeros() -> Sample:
    return Sample(payload={"demo/zeros": bytes(200 << 20)})


def metadata() -> Sample:
    return Sample(metadata=METADATA + b"\n" + bytes(60 << 20))


def record() -> Sample:
    return Sample(record=lambda rows: [*rows, *[["demo/a" * 300, "sha256=" + "A" * 43, "1"]] * 20_000])


def record_of_empty_lines() -> Sample:
    return Sample(
        payload={f"demo/{number}": b"" for number in range(2000)}, record=lambda rows: [*rows, *[[]] * 200_000]
    )


def record_of_commas() -> Sample:
    return Sample(record=lambda rows: [*rows, [""] * 5_000_000])


def deep_names() -> Sample:
    """Directories that exist only as parents of one file each: names of names."""
    return Sample(payload={f"{number}/" + "a/" * 1000 + "f": b"" for number in range(300)}, record=None)


def longest_name() -> Sample:
    return Sample(payload={"a/" * 32_000 + "a": b""}, record=None)


def many_members() -> Sample:
    return Sample(payload={f"demo/{number}": b"" for number in range(20_000)})


def many_headers() -> Sample:
    return Sample(metadata=METADATA + b"Classifier: x\n" * 1_000_000)


def most_headers() -> Sample:
    return Sample(metadata=METADATA + b"a: b\n" * 800_000)


def tags() -> Sample:
    line = b"Tag: " + b"-".join([b".".join(b"py%d" % number for number in range(16))] * 3) + b"\n"
    return Sample(wheel=WHEEL + line * 500)


def most_tags() -> Sample:
    lines = (b"-".join([b".".join(b"py%d" % number for number in range(16))] * 2) + b"-p%d" % n for n in range(25))
    return Sample(wheel=WHEEL + b"".join(b"Tag: " + line + b"\n" for line in lines))


def entry_points() -> Sample:
    return Sample(entry_points=b"[console_scripts]\n" + b"".join(b"%d = x)\n" % n for n in range(24_000)))


def large_but_sound() -> Sample:
    """Below the bound of the ratio, and larger than the memory that there is."""
    block = bytes(range(256)) * 4096
    return Sample(payload={"demo/large": block * 250}, method=zipfile.ZIP_STORED)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
@pytest.mark.parametrize(
    ("bomb", "verdict"),
    [
        (zeros, "CB109"),
        (metadata, "CB109"),
        (record, "CB109"),
        (deep_names, "CB109"),
        (longest_name, "CB109"),
        (many_members, "read"),
        (record_of_empty_lines, "CB109"),
        (record_of_commas, "CB109"),
        (many_headers, "CB109"),
        (most_headers, "read"),
        (tags, "CB109"),
        (most_tags, "CB112"),
        (entry_points, "read"),
        (large_but_sound, "read"),
    ],
)
def test_time_and_memory_are_bounded(tmp_path: Path, bomb: Callable[[], Sample], verdict: str) -> None:
    path = bomb().write(tmp_path)
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(path), str(MARGIN)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (result.stdout.strip(), result.stderr, result.returncode) == (verdict, "", 0)
