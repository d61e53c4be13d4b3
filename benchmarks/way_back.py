"""Does what was converted come back: conda packages through wheels, wheels through conda packages.

Run:
    python benchmarks/way_back.py PATH... [--layout prefix] [--layout shared] [--jobs N]

PATH is a conda package, a wheel, or a directory that has some below it. Each is converted, converted back, and held
against the original: a wheel by names and contents of its members and its file name, a package by its name, its
payload (path, SHA-256, mode, links) and everything under `info/`. Nothing of the project reads the two for that. The
exit status is 1 where something did not come back.
"""

from __future__ import annotations

import argparse
import bz2
import hashlib
import io
import sys
import tarfile
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import zstandard

from bridge.channel.convert import convert
from bridge.model.plan import Layout, Outcome, Status

PACKAGES = (".conda", ".tar.bz2")


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one file on one way."""

    #: `same`, `different`, or why there is no result.
    verdict: str
    way: str
    filename: str
    detail: str = ""


def through_wheel(package: Path, layout: Layout) -> list[Answer]:
    """conda -> wheel -> conda."""
    answer = Answer("same", f"conda, {layout.value}", package.name)
    with tempfile.TemporaryDirectory() as place:
        there = _convert(package, Path(place) / "wheel", layout)
        if there.status is not Status.CONVERTED:
            return [replace(answer, verdict=f"no wheel ({there.code})")]
        back = _convert(Path(there.outputs[0].path), Path(place) / "conda")
        if back.status is not Status.CONVERTED:
            return [replace(answer, verdict="refused", detail=back.message or "")]
        result = Path(back.outputs[0].path)
        one, other = package_content(package), package_content(result)
        if _stem(result) != _stem(package) or one != other:
            return [replace(answer, verdict="different", detail=_differing(one, other))]
        return [answer]


def through_package(wheel: Path) -> list[Answer]:
    """wheel -> conda -> wheel, once for each package."""
    answer = Answer("same", "wheel", wheel.name)
    with tempfile.TemporaryDirectory() as place:
        there = _convert(wheel, Path(place) / "conda")
        if there.status is not Status.CONVERTED:
            return [replace(answer, verdict=f"no package ({there.code})")]
        answers = []
        for number, output in enumerate(there.outputs):
            back = _convert(Path(output.path), Path(place) / f"wheel-{number}")
            if back.status is not Status.CONVERTED:
                answers.append(replace(answer, verdict="refused", detail=back.message or ""))
                continue
            result = Path(back.outputs[0].path)
            one, other = wheel_content(wheel), wheel_content(result)
            if result.name != wheel.name or one != other:
                answers.append(replace(answer, verdict="different", detail=_differing(one, other)))
            else:
                answers.append(answer)
        return answers


def wheel_content(wheel: Path) -> dict[str, object]:
    """SHA-256 of every file by its name."""
    with zipfile.ZipFile(wheel) as archive:
        names = (name for name in archive.namelist() if not name.endswith("/"))
        return {name: hashlib.sha256(archive.read(name)).hexdigest() for name in names}


def package_content(package: Path) -> dict[str, object]:
    """What counts of every member, by its name; directories count where they are empty."""
    found: dict[str, object] = {}
    for archive in _tars(package):
        for member in archive:
            name = member.name.removeprefix("./").rstrip("/")
            if member.issym():
                found[name] = member.linkname
            elif not member.isdir():
                file = archive.extractfile(member)
                data = b"" if file is None else file.read()
                # The modes of info/ mean nothing, and a hard link has that of the file.
                mode = archive.getmember(member.linkname).mode if member.islnk() else member.mode
                found[name] = (hashlib.sha256(data).hexdigest(), 0 if name.startswith("info/") else mode & 0o777)
            elif not name.startswith("info"):
                found.setdefault(name, "directory")
    occupied = {str(parent) for name in found for parent in Path(name).parents}
    return {name: value for name, value in found.items() if value != "directory" or name not in occupied}


def _tars(package: Path) -> Iterator[tarfile.TarFile]:
    if package.name.endswith(".tar.bz2"):
        packed = [bz2.decompress(package.read_bytes())]
    else:
        with zipfile.ZipFile(package) as outer:
            inner = [outer.read(name) for name in outer.namelist() if name.endswith(".tar.zst")]
        packed = [zstandard.ZstdDecompressor().decompressobj().decompress(data) for data in inner]
    for data in packed:
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            yield archive


def _convert(path: Path, out: Path, layout: Layout | None = None) -> Outcome:
    (outcome,) = convert([path], out, layout=layout).outcomes
    return outcome


def _stem(package: Path) -> str:
    return package.name.removesuffix(".tar.bz2").removesuffix(".conda")


def _differing(one: dict[str, object], other: dict[str, object]) -> str:
    names = sorted(name for name in {*one, *other} if one.get(name) != other.get(name))
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _inputs(paths: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        found += sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
    return [path for path in found if path.name.endswith((*PACKAGES, ".whl"))]


def _answers(path: Path, layouts: Sequence[Layout]) -> list[Answer]:
    if path.suffix == ".whl":
        return through_package(path)
    return [answer for layout in layouts for answer in through_wheel(path, layout)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--layout", action="append", choices=["prefix", "shared"])
    parser.add_argument("--jobs", type=int, default=1)
    arguments = parser.parse_args()
    layouts = [Layout(name) for name in arguments.layout or ("prefix", "shared")]
    counts: Counter[tuple[str, str]] = Counter()
    with ProcessPoolExecutor(arguments.jobs) as pool:
        for answers in pool.map(partial(_answers, layouts=layouts), _inputs(arguments.paths)):
            for answer in answers:
                counts[answer.way, answer.verdict] += 1
                if answer.verdict in ("different", "refused"):
                    print(f"{answer.way}: {answer.filename}: {answer.verdict}: {answer.detail}")
    for (way, verdict), count in sorted(counts.items()):
        print(f"{way:15} {verdict:25} {count}")
    return int(any(verdict in ("different", "refused") for _, verdict in counts))


if __name__ == "__main__":
    sys.exit(main())
