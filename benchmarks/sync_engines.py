"""`sync` of a channel to an index and back, by one process, by two, and by a Dask cluster of two workers.

One command: `python benchmarks/sync_engines.py [--packages N] [--source DIR] [--rounds N]`. See README.md beside it.
"""

from __future__ import annotations

import argparse
import hashlib
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from distributed import LocalCluster
from small_packages import generate

from bridge.channel.conda_index import write_conda_index
from bridge.mapping.tables import load_tables
from bridge.sync.dask_engine import Dask
from bridge.sync.detect import open_destination, open_source
from bridge.sync.engine import Processes, Serial
from bridge.sync.plan import Wishes
from bridge.sync.sync import sync

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.sync.engine import Engine


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", type=int, default=1000, help="generated ones, where no source is given")
    parser.add_argument("--source", type=Path, help="a channel in a directory")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bridge-engines-") as directory:
        work = Path(directory)
        source = arguments.source or _channel(work / "channel", arguments.packages)
        size = sum(path.stat().st_size for path in source.rglob("*") if path.name.endswith((".conda", ".tar.bz2")))
        print(f"{size / 1e6:.0f} MB of packages; publication is included, the start of the cluster is not")
        with LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            dashboard_address=None,
            local_directory=work / "dask",
            silence_logs="ERROR",
        ) as cluster:
            engines = {
                "1 process": Serial(),
                "2 processes": Processes(2),
                "Dask, 2 workers": Dask(2, cluster.scheduler_address),
            }
            _race("channel -> index", source, work / "there", engines, size, arguments.rounds)
            _race("index -> channel", work / "there" / "first", work / "back", engines, size, arguments.rounds)


def _channel(root: Path, count: int) -> Path:
    root.mkdir()
    generate(root / "noarch", count)
    write_conda_index(root, (), load_tables())
    return root


def _race(title: str, source: Path, work: Path, engines: Mapping[str, Engine], size: int, rounds: int) -> None:
    """All engines in turn, several times; what the others make must equal what the first one makes."""
    taken: dict[str, list[float]] = defaultdict(list)
    trees: dict[str, dict[str, str]] = {}
    count = 0
    for number in range(rounds):
        for name, engine in engines.items():
            kept = number == 0 and name == next(iter(engines))
            out = work / ("first" if kept else f"{number}-{name.partition(',')[0].replace(' ', '-')}")
            begun = time.perf_counter()
            report = sync(open_source(source), open_destination(out), Wishes(), engine)
            taken[name].append(time.perf_counter() - begun)
            count = len(report.attempted)
            trees.setdefault(name, _tree(out))
    first = next(iter(trees.values()))
    print(f"{title}: {count} units")
    for name, seconds in taken.items():
        middle = statistics.median(seconds)
        alike = "same bytes" if trees[name] == first else "OTHER BYTES"
        print(
            f"  {name:<16} {middle:7.2f} s  {count / middle:7.0f} packages/s  {size / middle / 1e6:6.1f} MB/s  {alike}"
        )
    serial, processes, dask = (statistics.median(taken[name]) for name in engines)
    print(
        f"  2 processes: {serial / processes:.2f} times as fast as 1; Dask: {dask / processes:.2f} times as long as 2"
    )
    if any(tree != first for tree in trees.values()):
        sys.exit(1)


def _tree(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file() and ".conda-bridge" not in path.parts
    }


# the workers of a cluster are started anew, and import this module
if __name__ == "__main__":
    main()
