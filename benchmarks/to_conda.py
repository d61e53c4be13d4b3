"""How fast wheels become conda packages, against whl2conda, conda-pypi and the machine's limit.

One command: `python benchmarks/to_conda.py [DIR] [--conda-source DIR]`. See README.md beside this file.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

# The corpus' command lies beside this file.
from wheels import Wheel, fetch, read_list

from bridge.formats.conda.zstd_output import ZstdOutput
from bridge.formats.wheel.compression import crc32, inflater
from bridge.limits import MIB

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ROOT = Path(__file__).resolve().parent.parent
#: compiled code of four sizes and many small files; last, a wheel so small that starting Python is most of the time.
WHEELS = (
    "numpy-2.5.5-cp312-cp312-manylinux*x86_64.whl",
    "scipy-*-cp312-cp312-manylinux*x86_64.whl",
    "pandas-*-cp312-cp312-manylinux*x86_64.whl",
    "pyarrow-*-cp312-cp312-manylinux*x86_64.whl",
    "jupyterlab-4*-py3-none-any.whl",
    "cryptography-50*-abi3-manylinux*x86_64.whl",
)
#: for memory, and for the limit: large enough that starting does not count.
LARGE = "torch-*-macosx*.whl"
PEERS = ("whl2conda==26.7.2", "conda-pypi==0.13.0", "frozendict", "boltons", "tqdm")
LEVELS = (1, 3, 9, 19)
#: level -> what the prototype behind the design's figures reached of its machine's limit.
PROTOTYPE = {1: 1.29 / 1.97, 3: 1.48 / 2.13, 9: 4.87 / 6.15}
CORES = 2
#: compressed bytes read at once.
BLOCK = 256 << 10

#: one conversion, timed apart from the start of the process.
_OURS = """
import json, resource, sys, time
import bridge
from bridge.channel.settings import PackageSettings
if __name__ == "__main__":
    wheel, out, level, jobs = sys.argv[1:]
    convert = bridge.convert
    start, before = time.perf_counter(), sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    report = convert([wheel], out, packages=PackageSettings(level=int(level)), jobs=int(jobs))
    wall, cpu = time.perf_counter() - start, sum(resource.getrusage(resource.RUSAGE_SELF)[:2]) - before
    (outcome,) = report.outcomes
    print(json.dumps({"wall": wall, "cpu": cpu, "size": outcome.outputs[0].size}))
"""
_CONDA_PYPI = """
import pathlib, sys, tempfile
from conda_pypi.build import build_conda
wheel, out = map(pathlib.Path, sys.argv[1:])
with tempfile.TemporaryDirectory() as work:
    build_conda(wheel, pathlib.Path(work) / "build", out, sys.executable)
"""


@dataclass(frozen=True)
class Cost:
    """Of one process: seconds by the clock and of CPU, peak memory in MiB, bytes written; then without its start."""

    wall: float
    cpu: float
    peak: float
    size: int
    inner_wall: float = 0.0


def main() -> int:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", nargs="?", type=Path, help="where the wheels are or go to")
    parser.add_argument("--conda-source", type=Path, help="a directory with the package `conda`, which PyPI lacks")
    parser.add_argument("--rounds", type=int, default=3, help="of what takes seconds; slow levels run once")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        scratch = Path(work)
        directory = arguments.directory or scratch / "wheels"
        chosen = [_chosen(pattern) for pattern in (*WHEELS, LARGE)]
        directory.mkdir(exist_ok=True)
        if missing := fetch(chosen, directory):
            print(f"not to be had: {', '.join(wheel.filename for wheel in missing)}", file=sys.stderr)
            return 1
        peers = _peers(scratch / "peers")
        real = [directory / wheel.filename for wheel in chosen[:-1]]
        _against_peers(real, peers, arguments.conda_source, arguments.rounds, scratch)
        _against_limit(directory / chosen[-1].filename, arguments.rounds, scratch)
    return 0


def _chosen(pattern: str) -> Wheel:
    return next(wheel for wheel in read_list() if fnmatch(wheel.filename, pattern))


def _peers(venv: Path) -> Path:
    """The interpreter of an environment that has the peers."""
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    python = venv / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", *PEERS], check=True, stderr=subprocess.DEVNULL)
    return python


def _against_peers(wheels: Sequence[Path], peers: Path, source: Path | None, rounds: int, scratch: Path) -> None:
    print("## Against the peers\n")
    print("Whole processes; ours with two threads. MB are of the package; ratios are of time by the clock.\n")
    print("| wheel | tool | zstd | wall s | CPU s | peak MiB | MB | size, of ours at 19 | times whl2conda |")
    print("|---|---|---|---|---|---|---|---|---|")
    for wheel in wheels:
        rows: dict[tuple[str, int], Cost | None] = {
            ("whl2conda", 19): _run(
                [str(peers), "-m", "whl2conda.cli.main", "convert", str(wheel), "--allow-impure", "--out-dir"],
                scratch,
            )
        }
        environment = {} if source is None else {"PYTHONPATH": str(source)}
        rows["conda-pypi", 19] = (
            None if source is None else _run([str(peers), "-c", _CONDA_PYPI, str(wheel)], scratch, environment)
        )
        for level in LEVELS:
            rows["ours", level] = _ours(wheel, level, 1 if level == 19 else rounds, scratch)
        best, peer = rows["ours", 19], rows["whl2conda", 19]
        for (tool, level), cost in rows.items():
            print(_row(wheel.name.split("-")[0], tool, level, cost, best, peer), flush=True)


def _row(name: str, tool: str, level: int, cost: Cost | None, best: Cost | None, peer: Cost | None) -> str:
    if cost is None or best is None:
        return f"| {name} | {tool} | {level} | not measured | | | | | |"
    ratio = "" if peer is None else f"{peer.wall / cost.wall:.1f}"
    size = f"{cost.size / 1e6:.2f} | {100 * (cost.size / best.size - 1):+.1f} %"
    return f"| {name} | {tool} | {level} | {cost.wall:.2f} | {cost.cpu:.2f} | {cost.peak:.0f} | {size} | {ratio} |"


def _ours(wheel: Path, level: int, rounds: int, scratch: Path) -> Cost:
    costs = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(dir=scratch) as out:
            command = [sys.executable, "-c", _OURS, str(wheel), out, str(level), str(CORES)]
            wall, cpu, peak, printed = _measured(command, {"PYTHONPATH": str(ROOT)})
            inner: dict[str, Any] = json.loads(printed)
            costs.append(Cost(wall, cpu, peak, inner["size"], inner["wall"]))
    return Cost(
        statistics.median(cost.wall for cost in costs),
        statistics.median(cost.cpu for cost in costs),
        max(cost.peak for cost in costs),
        costs[0].size,
        statistics.median(cost.inner_wall for cost in costs),
    )


def _run(command: Sequence[str], scratch: Path, environment: dict[str, str] | None = None) -> Cost | None:
    """A peer, which writes one package into the directory that is its last argument; None where it fails."""
    with tempfile.TemporaryDirectory(dir=scratch) as out:
        try:
            wall, cpu, peak, _ = _measured([*command, out], environment or {})
        except subprocess.CalledProcessError as error:
            print(f"{command[2][:20]}: {error.output}", file=sys.stderr)
            return None
        written = sorted(Path(out).rglob("*.conda"))
        return Cost(wall, cpu, peak, written[0].stat().st_size) if written else None


def _measured(command: Sequence[str], environment: dict[str, str]) -> tuple[float, float, float, str]:
    """Seconds by the clock, of CPU, peak MiB and output of one process.

    Raises:
        CalledProcessError: it failed.
    """
    start = time.perf_counter()
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env={**os.environ, **environment})
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        printed = out.read().decode(errors="replace")
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, list(command), printed[-600:])
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, printed


def _against_limit(wheel: Path, rounds: int, scratch: Path) -> None:
    """What the same bytes cost if nothing but inflating, hashing and compressing them took time."""
    inflated, hashed, payload = _read_costs(wheel)
    print(f"\n## Against the limit\n\n{wheel.name}: {payload / 1e6:.0f} MB of payload. The limit is what inflating")
    print(
        f"({inflated:.2f} s), SHA-256 and CRC-32 ({hashed:.2f} s) and zstd cost, over {CORES} cores. Without the start"
    )
    print("of Python. The last column is what we reach of what the prototype behind the design's figures reached.\n")
    print("| zstd | zstd s | limit s | ours s | MB/s | of the limit | peak MiB | of the prototype |")
    print("|---|---|---|---|---|---|---|---|")
    for level in LEVELS[:-1]:
        compressed = _zstd_cost(wheel, level)
        limit = (inflated + hashed + compressed) / CORES
        # Work that one thread must do ends no sooner for having two.
        limit = max(limit, inflated + hashed)
        cost = _ours(wheel, level, rounds, scratch)
        reached, speed = limit / cost.inner_wall, payload / 1e6 / cost.inner_wall
        print(
            f"| {level} | {compressed:.2f} | {limit:.2f} | {cost.inner_wall:.2f} | {speed:.0f} "
            f"| {100 * reached:.0f} % | {cost.peak:.0f} | {100 * reached / PROTOTYPE[level]:.0f} % |",
            flush=True,
        )


def _read_costs(wheel: Path) -> tuple[float, float, int]:
    """CPU seconds for inflating, and for both checksums, and the size of the payload in bytes."""
    inflated = hashed = 0.0
    payload = 0

    def take(data: bytes, digest: Any, crc: int) -> int:
        nonlocal hashed, payload
        start = time.thread_time()
        digest.update(data)
        crc = crc32(data, crc)
        hashed += time.thread_time() - start
        payload += len(data)
        return crc

    with zipfile.ZipFile(wheel) as archive, wheel.open("rb") as file:
        for info in archive.infolist():
            file.seek(info.header_offset + 26)
            lengths = file.read(4)
            file.seek(int.from_bytes(lengths[:2], "little") + int.from_bytes(lengths[2:], "little"), os.SEEK_CUR)
            digest, crc, left = hashlib.sha256(), 0, info.compress_size
            reader = inflater() if info.compress_type == zipfile.ZIP_DEFLATED else None
            while left:
                packed = file.read(min(left, BLOCK))
                left -= len(packed)
                while packed and reader is not None:
                    start = time.thread_time()
                    data = reader.decompress(packed, MIB)
                    packed = reader.unconsumed_tail
                    inflated += time.thread_time() - start
                    crc = take(data, digest, crc)
                if reader is None:
                    crc = take(packed, digest, crc)
    return inflated, hashed, payload


def _zstd_cost(wheel: Path, level: int) -> float:
    """CPU seconds for compressing the payload as one stream."""
    sink: Callable[[bytes], object] = len
    before = time.process_time()
    reading = 0.0
    output = ZstdOutput(sink, level=level, threads=1)
    with zipfile.ZipFile(wheel) as archive:
        for info in archive.infolist():
            with archive.open(info) as member:
                while True:
                    start = time.thread_time()
                    data = member.read(MIB)
                    reading += time.thread_time() - start
                    if not data:
                        break
                    output.write(data)
    output.finish()
    return time.process_time() - before - reading


if __name__ == "__main__":
    sys.exit(main())
