"""Wheels that unpack to far more than they are: refused, or read within little memory, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.wheel_bombs import BOMBS

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


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
@pytest.mark.parametrize("bomb", BOMBS)
def test_time_and_memory_are_bounded(tmp_path: Path, bomb: str) -> None:
    make, code = BOMBS[bomb]
    path = make().write(tmp_path)
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(path), str(MARGIN)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    verdict = "read" if code is None else code.number
    assert (result.stdout.strip(), result.stderr, result.returncode) == (verdict, "", 0)
