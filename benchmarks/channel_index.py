"""How fast a directory of small packages becomes a channel, against rattler's index.

One command: `python benchmarks/channel_index.py [--packages N]`. See README.md beside this file.
"""

from __future__ import annotations

import argparse
import io
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from bridge.formats.conda.identifiers import parse_filename
from bridge.formats.conda.writer import CondaWriter

ROOT: Final = Path(__file__).resolve().parent.parent
OURS: Final = """
import sys, time
from pathlib import Path
from bridge.channel.conda_index import write_conda_index
from bridge.mapping.tables import load_tables
tables = load_tables()
start = time.perf_counter()
report = write_conda_index(Path(sys.argv[1]), (), tables, jobs=int(sys.argv[2]))
print(time.perf_counter() - start)
assert report is not None and not report.rejected
"""
RATTLER: Final = """
import asyncio, sys, time
from rattler.index import index_fs
start = time.perf_counter()
asyncio.run(index_fs(sys.argv[1]))
print(time.perf_counter() - start)
time.sleep(0.1)  # its threads must not end with the interpreter
"""
FILES: Final = 15


def make(path: Path, number: int, count: int, noise: bytes) -> None:
    """A package of Python modules, as most are."""
    identity, archive = parse_filename(path.name)
    index = {
        "name": identity.name,
        "version": identity.version,
        "build": identity.build,
        "build_number": 0,
        "depends": ["python >=3.8", f"package{(number + 1) % count} >=1"],
        "noarch": "python",
        "subdir": "noarch",
    }
    with CondaWriter(path, identity, format=archive) as writer:
        for file in range(FILES):
            data = noise[file * 97 : file * 97 + 8000 + number % 1000]
            writer.add(f"site-packages/{identity.name}/module{file}.py", io.BytesIO(data), len(data))
        writer.finish(index, {})


def timed(program: str, channel: Path, *arguments: str) -> float:
    """Seconds that the program says it took, without its start."""
    command = [sys.executable, "-c", program, str(channel), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return float(subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout)


def fresh(channel: Path) -> None:
    """Leave only the packages."""
    for path in sorted(channel.rglob("*"), reverse=True):
        if path.is_file() and path.suffix != ".conda":
            path.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    noise = random.Random(0).randbytes(16000)
    times: dict[str, list[float]] = {"ours, first": [], "ours, again": [], "rattler, first": [], "rattler, again": []}
    with tempfile.TemporaryDirectory() as directory:
        channel = Path(directory)
        (channel / "noarch").mkdir()
        start = time.perf_counter()
        for number in range(options.packages):
            make(channel / "noarch" / f"package{number}-1.0-py_0.conda", number, options.packages, noise)
        print(f"{options.packages} packages made in {time.perf_counter() - start:.1f} s")
        for _ in range(options.rounds):
            for name, program, arguments in (("ours", OURS, (str(options.jobs),)), ("rattler", RATTLER, ())):
                fresh(channel)
                for run in ("first", "again"):
                    times[f"{name}, {run}"].append(timed(program, channel, *arguments))
    print("| index | seconds | packages/s |\n|---|---|---|")
    for name, seconds in times.items():
        median = statistics.median(seconds)
        print(f"| {name} | {median:.2f} | {options.packages / median:,.0f} |")


if __name__ == "__main__":
    main()
