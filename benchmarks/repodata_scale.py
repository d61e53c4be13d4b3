"""Planning an index from the repodata of a large channel: time against orjson's parsing of the same files, and memory.

    python benchmarks/repodata_scale.py --shapes DIR                                # measure 600,000 records
    python benchmarks/repodata_scale.py --shapes DIR --picture docs/repodata-scale.svg    # and how it grows
    python benchmarks/repodata_scale.py --shapes DIR --only-generate CHANNEL

`DIR` has real repodata (`*.json` or `*.json.zst`, anywhere below). The generated channel is made of copies of its
packages: each copy has names of its own and later versions, requires the packages of the same copy, and shares with
all others what very many packages require (`python`, `libgcc`, ...). Forms of specs, build strings and numbers of
requirements are therefore the real ones. Nothing is random, so the same arguments give the same bytes.

Needs orjson, and `/proc` for the memory.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zstandard

RECORDS = 600_000
PROJECTS = 40_000
#: a name that so many records require is shared by all copies, as `python` is.
SHARED = 40
SUBDIRS = ("linux-64", "noarch")
#: of a version or a bound: the first number is raised from generation to generation.
_NUMBER = re.compile(r"(?<![\w.])(\d{1,3})(?=\.\d)")


@dataclass(frozen=True)
class Shapes:
    """What the generated channel is copied from."""

    #: (file extension, record), by package name.
    packages: Mapping[str, Sequence[tuple[str, Mapping[str, Any]]]]
    #: names that stay as they are.
    shared: frozenset[str]


def read_shapes(directory: Path) -> Shapes:
    """All records of the two platforms below a directory."""
    packages: dict[str, dict[str, tuple[str, Mapping[str, Any]]]] = defaultdict(dict)
    required: Counter[str] = Counter()
    for path in sorted((*directory.rglob("*.json"), *directory.rglob("*.json.zst"))):
        data = path.read_bytes()
        if path.suffix == ".zst":
            data = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data), read_across_frames=True).read()
        document = json.loads(data)
        for section, extension in (("packages", ".tar.bz2"), ("packages.conda", ".conda")):
            for key, record in document.get(section, {}).items():
                if (
                    record["subdir"] in SUBDIRS
                    and key == f"{record['name']}-{record['version']}-{record['build']}{extension}"
                ):
                    packages[record["name"]].setdefault(key, (extension, record))
                    required.update({spec.split()[0] for spec in record.get("depends", ())})
    shared = frozenset(name for name, count in required.items() if count >= SHARED or name.startswith("_"))
    return Shapes({name: list(packages[name].values()) for name in sorted(packages)}, shared)


def generate(shapes: Shapes, channel: Path, records: int, projects: int) -> None:
    """Write the two `repodata.json` of a channel with so many records of so many names."""
    names = [(copy, name) for copy in range(projects // len(shapes.packages) + 1) for name in shapes.packages]
    names = names[:projects]
    each = dict.fromkeys(names, 0)
    sections: dict[tuple[str, str], list[str]] = defaultdict(list)
    seen: set[str] = set()
    made = generation = 0
    while made < records:
        for copy, name in names:
            for extension, record in shapes.packages[name]:
                if made == records:
                    break
                fresh = _copied(record, copy, generation, shapes.shared)
                key = f"{fresh['name']}-{fresh['version']}-{fresh['build']}{extension}"
                if key in seen:
                    continue
                seen.add(key)
                sections[fresh["subdir"], extension].append(
                    f"{json.dumps(key)}:{json.dumps(fresh, separators=(',', ':'))}"
                )
                each[copy, name] += 1
                made += 1
        generation += 1
    if not all(each.values()):
        raise SystemExit("more projects than records allow")
    for subdir in SUBDIRS:
        path = channel / subdir / "repodata.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w") as file:
            file.write(f'{{"info":{{"subdir":"{subdir}"}},"packages":{{')
            file.write(",".join(sections[subdir, ".tar.bz2"]))
            file.write('},"packages.conda":{')
            file.write(",".join(sections[subdir, ".conda"]))
            file.write('},"removed":[],"repodata_version":1}')


def _copied(record: Mapping[str, Any], copy: int, generation: int, shared: frozenset[str]) -> dict[str, Any]:
    name = _renamed(record["name"], copy, frozenset())
    version = _later(record["version"], generation)
    seed = hashlib.sha256(f"{name} {version} {record['build']}".encode()).hexdigest()
    build = re.sub(r"h[0-9a-f]{7}", f"h{seed[:7]}", record["build"])
    fresh = {
        **record,
        "name": name,
        "version": version,
        "build": build,
        "sha256": seed,
        "md5": seed[:32],
        "depends": [_depended(spec, copy, generation, shared) for spec in record["depends"]],
    }
    if "constrains" in record:
        fresh["constrains"] = [_depended(spec, copy, generation, shared) for spec in record["constrains"]]
    return fresh


def _renamed(name: str, copy: int, shared: frozenset[str]) -> str:
    return name if copy == 0 or name in shared or len(name) > 56 else f"{name}-c{copy}"


def _depended(spec: str, copy: int, generation: int, shared: frozenset[str]) -> str:
    """The spec of a copy: about the package of the copy, and about its versions."""
    name, blank, rest = spec.partition(" ")
    if name in shared or name.startswith("__"):
        return spec
    return f"{_renamed(name, copy, shared)}{blank}{_later(rest, generation)}"


def _later(text: str, generation: int) -> str:
    """Versions of a later generation: all first numbers are higher by the same."""
    return _NUMBER.sub(lambda match: str(int(match[1]) + generation), text) if generation else text


PARSE = """
import gc, sys, time, orjson
gc.disable()
contents = [open(path, "rb").read() for path in sys.argv[1:]]
begun = time.perf_counter()
documents = [orjson.loads(content) for content in contents]
print(time.perf_counter() - begun)
sys.stdout.flush()
__import__("os")._exit(0)  # without taking millions of objects apart
"""
PLAN = """
import sys, time
from pathlib import Path
from bridge.sync.lazy.planning import plan_index
if __name__ == "__main__":
    begun = time.perf_counter()
    report = plan_index(sys.argv[1], Path(sys.argv[2]), subdirs=["linux-64"], jobs=int(sys.argv[3]))
    print(time.perf_counter() - begun, report.projects, report.files, report.families, sum(report.records.values()))
"""


@dataclass(frozen=True)
class Measured:
    """One size; medians."""

    records: int
    #: of the input, in bytes.
    size: int
    #: seconds of orjson, and of planning by number of processes.
    parsing: float
    planning: Mapping[int, float]
    #: processor seconds of planning, by number of processes.
    working: Mapping[int, float]
    #: most memory of all processes together, in MiB (proportional set size: shared pages count once).
    memory: Mapping[int, float]
    #: what planning said about its result.
    result: Sequence[int]

    def ratio(self, jobs: int) -> float:
        """Planning in units of parsing."""
        return self.planning[jobs] / self.parsing


def measure(channel: Path, records: int, rounds: int, scratch: Path) -> Measured:
    """Run both in turns, each in processes of its own."""
    files = [str(channel / subdir / "repodata.json") for subdir in SUBDIRS]
    parsing: list[float] = []
    planning: dict[int, list[float]] = {1: [], 2: []}
    working: dict[int, list[float]] = {1: [], 2: []}
    memory: dict[int, float] = {}
    result: list[int] = []
    program = scratch / "plan.py"
    program.write_text(PLAN)
    for _ in range(rounds):
        for jobs in planning:
            parsing.append(float(_run([sys.executable, "-c", PARSE, *files])[0]))
            out = scratch / f"planned-{jobs}"
            printed, _, busy = _run([sys.executable, str(program), str(channel), str(out), str(jobs)])
            seconds, *numbers = printed.split()
            planning[jobs].append(float(seconds))
            working[jobs].append(busy)
            result = [int(number) for number in numbers]
            shutil.rmtree(out)
    for jobs in planning:
        # By itself: whoever looks at the memory of a process holds it up.
        out = scratch / f"planned-{jobs}"
        command = [sys.executable, str(program), str(channel), str(out), str(jobs)]
        _, memory[jobs], _ = _run(command, look=True)
        shutil.rmtree(out)
    size = sum(Path(file).stat().st_size for file in files)
    return Measured(records, size, statistics.median(parsing), _medians(planning), _medians(working), memory, result)


def _medians(seconds: Mapping[int, Sequence[float]]) -> dict[int, float]:
    return {jobs: statistics.median(each) for jobs, each in seconds.items()}


def _run(command: Sequence[str], *, look: bool = False) -> tuple[str, float, float]:
    """What a program prints, the most memory that it and its children have at a time, and their processor seconds."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    most = 0.0
    busy: dict[int, float] = {}
    while process.poll() is None:
        family = _family(process.pid)
        most = max(most, sum(map(_memory, family))) if look else most
        busy.update((pid, seconds) for pid in family if (seconds := _busy(pid)))
        time.sleep(0.05)
    if process.returncode:
        raise SystemExit(process.returncode)
    assert process.stdout is not None
    return process.stdout.read(), most, sum(busy.values())


def _family(root: int) -> set[int]:
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
    found = {root}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def _memory(pid: int) -> float:
    with contextlib.suppress(OSError, StopIteration):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("Pss:")).split()[1]) / 1024
    return 0.0


def _busy(pid: int) -> float:
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def picture(measured: Sequence[Measured]) -> str:
    """Time and memory over the number of records, as SVG."""
    times = [
        ("planning, 2 processes", "#c2410c", [(m.records, m.planning[2]) for m in measured]),
        ("planning, 1 process", "#1d4ed8", [(m.records, m.planning[1]) for m in measured]),
        ("6 x orjson", "#666666", [(m.records, 6 * m.parsing) for m in measured]),
    ]
    memory = [
        ("2 processes", "#c2410c", [(m.records, m.memory[2]) for m in measured]),
        ("1 process", "#1d4ed8", [(m.records, m.memory[1]) for m in measured]),
    ]
    panels = _panel(0, "seconds", times) + _panel(420, "MiB", memory)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="840" height="320" font-family="sans-serif" font-size="12">\n'
        '<rect width="840" height="320" fill="#ffffff"/>\n' + "\n".join(panels) + "\n</svg>\n"
    )


def _panel(left: int, unit: str, curves: Sequence[tuple[str, str, Sequence[tuple[float, float]]]]) -> list[str]:
    width, height, top, side = 330, 220, 40, left + 60
    most_x = max(x for _, _, points in curves for x, _ in points)
    most_y = 1.05 * max(y for _, _, points in curves for _, y in points)

    def place(x: float, y: float) -> str:
        return f"{side + width * x / most_x:.1f},{top + height - height * y / most_y:.1f}"

    lines = [f'<path d="M{side},{top} v{height} h{width}" fill="none" stroke="#444"/>']
    for part in range(5):
        x, y = most_x * part / 4, most_y * part / 4
        at_x, _ = place(x, 0).split(",")
        _, at_y = place(0, y).split(",")
        lines.append(f'<text x="{at_x}" y="{top + height + 18}" text-anchor="middle">{x / 1000:.0f},000</text>')
        lines.append(f'<text x="{side - 6}" y="{at_y}" text-anchor="end">{y:.3g}</text>')
    lines.append(f'<text x="{side + width / 2}" y="{top + height + 40}" text-anchor="middle">records</text>')
    lines.append(f'<text x="{side}" y="{top - 22}">{unit}</text>')
    for number, (name, colour, points) in enumerate(curves):
        line = " ".join(place(x, y) for x, y in points)
        lines.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for x, y in points:
            at_x, at_y = place(x, y).split(",")
            lines.append(f'<circle cx="{at_x}" cy="{at_y}" r="3" fill="{colour}"/>')
        lines.append(f'<text x="{side + 12}" y="{top + 4 + 16 * number}" fill="{colour}">{name}</text>')
    return lines


def main() -> None:
    """Measure what the options ask for, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", type=Path, required=True, help="directory of real repodata")
    parser.add_argument("--records", type=int, default=RECORDS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--picture", type=Path, help="also measure smaller channels, and draw all")
    parser.add_argument("--only-generate", type=Path, metavar="CHANNEL")
    parser.add_argument("--scratch", type=Path, help="where to work; the system's temporary directory if left out")
    options = parser.parse_args()
    shapes = read_shapes(options.shapes)
    if options.only_generate is not None:
        generate(shapes, options.only_generate, options.records, options.records * PROJECTS // RECORDS)
        return
    sizes = [options.records // 10, options.records * 3 // 10, options.records]
    measured: list[Measured] = []
    print("| records | MB | orjson | 1 process (CPU) | 2 processes (CPU) | ratio, 1 | ratio, 2 | MiB, 1 | MiB, 2 |")
    print("|" + "---|" * 9)
    with tempfile.TemporaryDirectory(dir=options.scratch) as scratch:
        for size in sizes if options.picture is not None else sizes[-1:]:
            channel = Path(scratch) / "channel"
            generate(shapes, channel, size, size * PROJECTS // RECORDS)
            each = measure(channel, size, options.rounds, Path(scratch))
            measured.append(each)
            print(
                f"| {size:,} | {each.size / 1e6:.0f} | {each.parsing:.2f} s "
                f"| {each.planning[1]:.1f} s ({each.working[1]:.1f}) "
                f"| {each.planning[2]:.1f} s ({each.working[2]:.1f}) | {each.ratio(1):.1f} | {each.ratio(2):.1f} "
                f"| {each.memory[1]:.0f} | {each.memory[2]:.0f} |",
                flush=True,
            )
            shutil.rmtree(channel)
    projects, files, families, records = measured[-1].result
    print(
        f"\n{records:,} records became {projects:,} pages with {files:,} wheels; {families:,} releases have variants."
    )
    if options.picture is not None:
        options.picture.write_text(picture(measured))


if __name__ == "__main__":
    main()
