"""The corpus of real wheels: `wheels.csv` names them, `fetch` brings them here.

usage: python benchmarks/wheels.py fetch DIR [PATTERN]...  downloads what is missing in DIR, or what the patterns match
       python benchmarks/wheels.py list DIR                writes wheels.csv from the wheels in DIR

Wheels come from the index that pip is configured for, and only with the sha256 that the list has.
"""

from __future__ import annotations

import csv
import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass
from fnmatch import fnmatch
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.tags import Tag
from packaging.utils import parse_wheel_filename

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

LIST = Path(__file__).with_suffix(".csv")
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input")
#: downloads at a time, and files in each.
JOBS, BATCH = 4, 20


@dataclass(frozen=True, slots=True, order=True)
class Wheel:
    """One line of the list; `size` in bytes."""

    filename: str
    name: str
    version: str
    sha256: str
    size: int

    @property
    def tags(self) -> frozenset[Tag]:
        return parse_wheel_filename(self.filename)[3]

    @property
    def python(self) -> str:
        """The last of the Pythons that it is for, as pip knows them: `cp312`, `py3`, `pp311`."""
        return max((tag.interpreter for tag in self.tags), key=lambda name: (name[:2], int(name[2:])))


def read_list(path: Path = LIST) -> list[Wheel]:
    """The wheels of a list, in its order; those of the corpus are sorted by file name."""
    with path.open(newline="") as stream:
        return [Wheel(**{**row, "size": int(row["size"])}) for row in csv.DictReader(stream)]


def write_list(directory: Path) -> None:
    """Make the list from the wheels that lie in a directory."""
    wheels = []
    for path in directory.glob("*.whl"):
        name, version, _, _ = parse_wheel_filename(path.name)
        wheels.append(Wheel(path.name, name, str(version), sha256(path), path.stat().st_size))
    with LIST.open("w", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("filename", "name", "version", "sha256", "size"))
        writer.writerows(map(astuple, sorted(wheels)))


def sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def fetch(wheels: Sequence[Wheel], directory: Path) -> list[Wheel]:
    """Download what is missing or differs; what is there stays.

    Returns:
        the wheels that could not be had.
    """
    directory.mkdir(parents=True, exist_ok=True)

    def missing(some: Iterable[Wheel]) -> list[Wheel]:
        return [wheel for wheel in some if not _present(wheel, directory)]

    def bring(batch: Sequence[Wheel]) -> list[Wheel]:
        _download(batch, directory)
        rest = missing(batch)
        if len(batch) > 1:
            for wheel in rest:
                _download([wheel], directory)
        return missing(rest)

    with ThreadPoolExecutor(JOBS) as pool:
        return list(chain.from_iterable(pool.map(bring, _batches(missing(wheels)))))


def _present(wheel: Wheel, directory: Path) -> bool:
    path = directory / wheel.filename
    return path.is_file() and path.stat().st_size == wheel.size and sha256(path) == wheel.sha256


def _batches(wheels: Iterable[Wheel]) -> Iterator[list[Wheel]]:
    """What pip can be asked for at once: one Python, and each project only once."""
    rounds: dict[tuple[str, int], list[Wheel]] = defaultdict(list)
    seen: dict[tuple[str, str], int] = defaultdict(int)
    for wheel in wheels:
        number = seen[wheel.python, wheel.name]
        seen[wheel.python, wheel.name] += 1
        rounds[wheel.python, number].append(wheel)
    for some in rounds.values():
        yield from (some[start : start + BATCH] for start in range(0, len(some), BATCH))


def _download(wheels: Sequence[Wheel], directory: Path) -> None:
    """Ask pip for wheels by hash, which also tells the files of one release apart."""
    implementation, major, minor = re.fullmatch(r"([a-z]+)(\d)(\d*)", wheels[0].python).groups()  # type: ignore[union-attr]
    tags = frozenset().union(*(wheel.tags for wheel in wheels))
    with tempfile.TemporaryDirectory(dir=directory, prefix=".fetch-") as scratch:
        requirements = Path(scratch, "requirements.txt")
        requirements.write_text("".join(f"{one.name}=={one.version} --hash=sha256:{one.sha256}\n" for one in wheels))
        command = [*PIP, "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--ignore-requires-python"]
        command += ["--implementation", implementation, "--python-version", f"{major}.{minor or 0}"]
        command += [part for abi in sorted({tag.abi for tag in tags}) for part in ("--abi", abi)]
        command += [part for name in sorted({tag.platform for tag in tags}) for part in ("--platform", name)]
        subprocess.run([*command, "-d", scratch, "-r", str(requirements)], capture_output=True, check=False)
        for wheel in wheels:
            if _present(wheel, Path(scratch)):
                shutil.move(Path(scratch, wheel.filename), directory / wheel.filename)


def main(arguments: Sequence[str]) -> int:
    match arguments:
        case ["fetch", directory, *patterns]:
            wheels = [one for one in read_list() if not patterns or any(fnmatch(one.filename, p) for p in patterns)]
            absent = fetch(wheels, Path(directory))
            for wheel in absent:
                print(f"not available: {wheel.filename}", file=sys.stderr)
            size = sum(wheel.size for wheel in wheels)
            print(f"{len(wheels) - len(absent)} of {len(wheels)} wheels, {size / 1e6:.0f} MB in all")
            return 1 if absent else 0
        case ["list", directory]:
            write_list(Path(directory))
            return 0
        case _:
            print(__doc__, file=sys.stderr)
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
