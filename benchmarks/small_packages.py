"""How many small packages a second become wheels, and conda packages again, with one process and with two.

One command: `python benchmarks/small_packages.py [--packages N] [--rounds N]`. See README.md beside this file.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import zstandard

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT: Final = Path(__file__).resolve().parent.parent
#: written to learn what can be reached: everything in memory, no checks. Where it lies, it runs as well.
PROTOTYPE: Final = ROOT.parent / "shared" / "prototypes" / "proto_many.py"
#: bytes of a module that may go into a package.
_MODULE_SIZES: Final = range(500, 30_000)
#: modules of a package: with those sizes, 160 KB in all.
_MODULES: Final = (3, 35)
_BUILD: Final = "pyhd8ed1ab_0"
_LEVEL: Final = 12
#: the prototype's own report; it calls the directory of its packages and its variant by one name.
_RATE: Final = re.compile(r"([0-9.]+) pkg/s")
_VARIANT: Final = "fast"

#: one run, timed without the start of the process; the start of its workers counts.
_OURS: Final = """
import json, resource, sys, time
import bridge
from bridge.model.plan import Layout
if __name__ == "__main__":
    source, out, jobs = sys.argv[1:]
    convert = bridge.convert
    start, before = time.perf_counter(), sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    report = convert([source], out, jobs=int(jobs), layout=Layout.VENDORED)
    wall, cpu = time.perf_counter() - start, sum(resource.getrusage(resource.RUSAGE_SELF)[:2]) - before
    failures = [outcome.message for outcome in report.outcomes if not outcome.outputs]
    print(json.dumps({"rate": len(report.outcomes) / wall, "cpu": cpu / len(report.outcomes), "failures": failures}))
"""


@dataclass
class Series:
    """Runs of one contender.

    Args:
        label: shown in the table.
        processes: that it works with.
        source: directory of its inputs; None for the prototype.
        out: directory for its outputs.
    """

    label: str
    processes: int
    source: Path | None
    out: Path
    #: packages a second, by the clock.
    rates: list[float] = field(default_factory=list)
    #: CPU seconds of a package; of one process only, for the parent of several does not learn what they used.
    cpu: list[float] = field(default_factory=list)

    def run(self) -> None:
        """One run, in a process of its own."""
        if self.source is None:
            mode = "serial" if self.processes == 1 else "procs"
            found = _RATE.search(_output([str(PROTOTYPE), mode, _VARIANT], self.out))
            self.rates.append(float(found[1]) if found is not None else 0.0)
            return
        shutil.rmtree(self.out, ignore_errors=True)
        result = json.loads(_output(["-c", _OURS, str(self.source), str(self.out), str(self.processes)], ROOT))
        if result["failures"]:
            raise SystemExit(f"{self.label}: {result['failures'][0]}")
        self.rates.append(result["rate"])
        if self.processes == 1:
            self.cpu.append(result["cpu"])


def main() -> None:
    """Generate, run all contenders in turn, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packages", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        directory = Path(work)
        source = directory / _VARIANT / "in"
        source.parent.mkdir()
        (source.parent / "out").mkdir()
        size = generate(source, options.packages) / options.packages
        print(f"{options.packages} packages of {size / 1e3:.0f} KB of payload, medians of {options.rounds} runs\n")
        wheels, condas = directory / "wheels", directory / "condas"
        prototype = [Series("prototype", jobs, None, directory) for jobs in (1, 2) if PROTOTYPE.exists()]
        there = [Series("conda to wheel", jobs, source, wheels) for jobs in (1, 2)]
        back = [Series("wheel to conda", jobs, wheels, condas) for jobs in (1, 2)]
        again = [Series("and back to the wheel", jobs, condas, directory / "again") for jobs in (1, 2)]
        contenders = [*prototype, *there, *back, *again]
        for _ in range(options.rounds):
            for series in contenders:
                series.run()
        _report(contenders, prototype, size)


def _output(arguments: Sequence[str], directory: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=directory, env=environment, stdout=subprocess.PIPE, check=True, text=True).stdout


def _report(contenders: Sequence[Series], prototype: Sequence[Series], size: float) -> None:
    """Ratios are medians of the ratios within a round, so that what else the machine does counts for both."""
    print("| | processes | packages/s | MB/s | CPU ms | of the prototype | times one process |")
    print("|---|---|---|---|---|---|---|")
    for number, series in enumerate(contenders):
        rate = statistics.median(series.rates)
        cpu = f"{statistics.median(series.cpu) * 1e3:.2f}" if series.cpu else ""
        peer = prototype[series.processes - 1] if prototype and series.source is not None else None
        reached = f"{_ratio(series, peer):.2f}" if peer is not None else ""
        gain = f"{_ratio(series, contenders[number - 1]):.2f}" if series.processes > 1 else ""
        row = (series.label, series.processes, f"{rate:.0f}", f"{rate * size / 1e6:.1f}", cpu, reached, gain)
        print(f"| {' | '.join(map(str, row))} |")


def _ratio(one: Series, other: Series) -> float:
    return statistics.median(mine / its for mine, its in zip(one.rates, other.rates, strict=True))


def generate(directory: Path, count: int) -> int:
    """Make small noarch packages of modules of the standard library.

    Args:
        directory: made.
        count: of packages; each has the same content in every run of the same Python.

    Returns:
        Bytes of payload in all.
    """
    directory.mkdir()
    library = Path(sysconfig.get_path("stdlib"))
    found = sorted(path for path in library.glob("*/*.py") if path.parent.name != "site-packages")
    modules = [path.read_bytes() for path in found if path.stat().st_size in _MODULE_SIZES]
    source = random.Random(1)
    total = 0
    for number in range(count):
        name = f"pkg{number:04d}"
        chosen = source.sample(modules, source.randint(*_MODULES))
        files = {f"site-packages/{name}/m{place}.py": data for place, data in enumerate(chosen)}
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode()
        files[f"site-packages/{name}-1.0.dist-info/METADATA"] = metadata
        files[f"site-packages/{name}-1.0.dist-info/WHEEL"] = b"Wheel-Version: 1.0\n"
        files[f"site-packages/{name}-1.0.dist-info/RECORD"] = b""
        total += sum(map(len, files.values()))
        _package(directory, name, files)
    return total


def _package(directory: Path, name: str, files: Mapping[str, bytes]) -> None:
    stem = f"{name}-1.0-{_BUILD}"
    index = {"name": name, "version": "1.0", "build": _BUILD, "build_number": 0, "subdir": "noarch"}
    paths = [
        {"_path": path, "path_type": "hardlink", "sha256": hashlib.sha256(data).hexdigest(), "size_in_bytes": len(data)}
        for path, data in files.items()
    ]
    documents: dict[str, object] = {
        "index.json": {**index, "noarch": "python", "depends": ["python >=3.9"]},
        "paths.json": {"paths": paths, "paths_version": 1},
        "about.json": {},
        "link.json": {"noarch": {"type": "python"}, "package_metadata_version": 1},
    }
    info = {f"info/{name}": json.dumps(document).encode() for name, document in documents.items()}
    with zipfile.ZipFile(directory / f"{stem}.conda", "w") as archive:
        archive.writestr("metadata.json", '{"conda_pkg_format_version": 2}')
        archive.writestr(f"pkg-{stem}.tar.zst", _tar(files))
        archive.writestr(f"info-{stem}.tar.zst", _tar(info))


def _tar(files: Mapping[str, bytes]) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return zstandard.ZstdCompressor(level=_LEVEL).compress(raw.getvalue())


if __name__ == "__main__":
    main()
