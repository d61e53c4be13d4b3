"""How fast a large conda package becomes a wheel, against a plain conversion and the machine's limit.

One command: `python benchmarks/throughput.py [--wheel PATH | --size MB]`. See README.md beside this file.
"""

from __future__ import annotations

import argparse
import base64
import csv
import hashlib
import io
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import zstandard
from packaging.tags import parse_tag

from bridge.channel.convert import convert
from bridge.formats.wheel import compression as codec
from bridge.formats.wheel.compression import Compression
from bridge.formats.wheel.edit import retag
from bridge.formats.wheel.filename import parse_wheel_filename
from bridge.model.plan import Layout

if TYPE_CHECKING:
    import resource
    from collections.abc import Callable, Iterator, Mapping

ROOT = Path(__file__).resolve().parent.parent
MIB = 1 << 20

#: a large wheel of compiled code and many small files that any machine can download.
DOWNLOAD = ("tensorflow-cpu==2.21.0", "manylinux_2_27_x86_64", "3.12")

SITE_PACKAGES = "lib/python3.12/site-packages/"
WHEEL_TAG = "cp312-cp312-linux_x86_64"
NEW_TAGS = "cp312-cp312-manylinux_2_28_x86_64"
#: made anew by every conversion.
REGENERATED = ("/RECORD", "/WHEEL", "/INSTALLER", "/direct_url.json")
WHEEL_FILE = f"Wheel-Version: 1.0\nGenerator: benchmark\nRoot-Is-Purelib: false\nTag: {WHEEL_TAG}\n".encode()
ZSTD_LEVEL = 3
#: stands for a wheel that is not there, and the MB of what is made up instead.
SYNTHETIC = Path("synthetic-1.0-py3-none-any.whl")
DEFAULT_SIZE = 512


@dataclass(frozen=True)
class Project:
    """What the package is called on both sides."""

    #: `{distribution}-{version}`.
    stem: str
    name: str
    version: str

    @classmethod
    def of(cls, path: Path) -> Project:
        """From the file name of a wheel or of the package."""
        if path.suffix == ".conda":
            name, version, _ = path.stem.rsplit("-", 2)
            return cls(f"{name.replace('-', '_')}-{version}", name, version)
        filename = parse_wheel_filename(path.name)
        return cls(filename.stem, filename.name, str(filename.version))

    @property
    def conda(self) -> str:
        return f"{self.name}-{self.version}-py312_0"

    @property
    def dist_info(self) -> str:
        return f"{self.stem}.dist-info"

    @property
    def wheel(self) -> str:
        return f"{self.stem}-{WHEEL_TAG}.whl"


# --- what is measured ---


def _convert(conda_path: Path, out_dir: Path, compression: Compression, threads: int) -> Path:
    """The whole conversion in the prefix layout: what `conda-bridge convert` does."""
    report = convert([conda_path], out_dir, layout=Layout.PREFIX, jobs=threads, compression=compression)
    (outcome,) = report.outcomes
    if not outcome.outputs:
        raise RuntimeError(outcome.message)
    return Path(outcome.outputs[0].path)


def _convert_with_stdlib(conda_path: Path, out_dir: Path) -> Path:
    """What a first version would do: tarfile, hashlib and zipfile, one thread, zlib's default level."""
    project = Project.of(conda_path)
    wheel = out_dir / project.wheel
    rows: list[tuple[str, str, int | str]] = []
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:

        def put(name: str, data: bytes, mode: int) -> None:
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = mode << 16
            archive.writestr(info, data)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            rows.append((name, f"sha256={digest}", len(data)))

        for member, stream in _payload(conda_path):
            name = _target(member.name, project)
            if name is not None:
                put(name, stream.read(), member.mode)
        put(f"{project.dist_info}/WHEEL", WHEEL_FILE, 0o644)
        rows.append((f"{project.dist_info}/RECORD", "", ""))
        record = io.StringIO()
        csv.writer(record, lineterminator="\n").writerows(rows)
        archive.writestr(f"{project.dist_info}/RECORD", record.getvalue())
    return wheel


def _retag(wheel: Path, out_dir: Path) -> Path:
    path, _ = retag(wheel, out_dir, parse_tag(NEW_TAGS))
    return path


def _recompress(wheel: Path, out_dir: Path) -> Path:
    """A retag that unpacks and compresses every member again, as most tools do it."""
    out = out_dir / wheel.name.replace(WHEEL_TAG, NEW_TAGS)
    with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for info in source.infolist():
            target.writestr(info.filename, source.read(info))
    return out


def _limit(conda_path: Path, compression: Compression) -> dict[str, float]:
    """CPU seconds of the unavoidable steps over the same bytes, each alone on one core."""
    seconds = dict.fromkeys(("zstd", "sha256", "crc32", "deflate"), 0.0)

    def timed(step: str, work: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        start = time.process_time()
        result = work(*arguments, **options)
        seconds[step] += time.process_time() - start
        return result

    with zipfile.ZipFile(conda_path) as archive, archive.open(_pkg_member(archive)) as raw:
        reader = zstandard.ZstdDecompressor().stream_reader(raw, read_size=MIB // 4)
        while timed("zstd", reader.read, MIB):
            pass
    for member, stream in _payload(conda_path):
        left, dictionary, hasher = member.size, b"", hashlib.sha256()
        large = member.size > codec.LARGE_FILE
        while left:
            data = stream.read(min(left, codec.CHUNK) if large else left)
            left -= len(data)
            timed("sha256", hasher.update, data)
            timed("crc32", codec.crc32, data)
            if large:
                timed("deflate", codec.compress_chunk, data, dictionary, last=not left, compression=compression)
                dictionary = data[-codec.DICTIONARY :]
            else:
                timed("deflate", codec.compress_whole, data, compression)
    return seconds


# --- the package ---


def _pkg_member(archive: zipfile.ZipFile) -> str:
    return next(name for name in archive.namelist() if name.startswith("pkg-"))


def _payload(conda_path: Path) -> Iterator[tuple[tarfile.TarInfo, IO[bytes]]]:
    """Every file of a .conda package's payload, in order, as a stream."""
    with zipfile.ZipFile(conda_path) as archive, archive.open(_pkg_member(archive)) as raw:
        reader = zstandard.ZstdDecompressor().stream_reader(raw, read_size=MIB // 4)
        with reader, tarfile.open(fileobj=reader, mode="r|", bufsize=MIB // 32) as tar:
            for member in tar:
                stream = tar.extractfile(member) if member.isreg() else None
                if stream is not None:
                    yield member, stream
                tar.members.clear()  # type: ignore[attr-defined]  # or it remembers every member


def _target(path: str, project: Project) -> str | None:
    """The wheel's name for a payload file in the prefix layout, None for what is made anew."""
    if not path.startswith(SITE_PACKAGES):
        return f"{project.stem}.data/data/{path}"
    name = path.removeprefix(SITE_PACKAGES)
    return None if name.startswith(project.dist_info) and name.endswith(REGENERATED) else name


class _Hashed:
    """Passes a stream on and hashes it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.sha256 = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self.sha256.update(data)
        return data


def _package(project: Project, files: Iterator[tuple[str, int, IO[bytes]]], directory: Path) -> int:
    """Make a .conda package of files in site-packages; returns the size of its payload in bytes."""
    paths: list[dict[str, object]] = []
    with tempfile.TemporaryFile(dir=directory) as pkg:
        compressor = zstandard.ZstdCompressor(level=ZSTD_LEVEL, threads=-1)
        with compressor.stream_writer(pkg, closefd=False) as out, tarfile.open(fileobj=out, mode="w|") as tar:
            for name, size, stream in files:
                info = tarfile.TarInfo(SITE_PACKAGES + name)
                info.size = size
                hashed = _Hashed(stream)
                tar.addfile(info, hashed)
                path = {"_path": info.name, "path_type": "hardlink", "size_in_bytes": size}
                paths.append({**path, "sha256": hashed.sha256.hexdigest()})
        index = {"name": project.name, "version": project.version, "build": "py312_0", "build_number": 0}
        depends = ["python >=3.12,<3.13.0a0", "python_abi 3.12.* *_cp312"]
        documents = {
            "index.json": {**index, "subdir": "linux-64", "depends": depends},
            "paths.json": {"paths": paths, "paths_version": 1},
            "about.json": {},
        }
        with zipfile.ZipFile(directory / f"{project.conda}.conda", "w") as archive:
            archive.writestr("metadata.json", json.dumps({"conda_pkg_format_version": 2}))
            archive.writestr(f"info-{project.conda}.tar.zst", _info_tar(documents))
            pkg.seek(0)
            with archive.open(f"pkg-{project.conda}.tar.zst", "w", force_zip64=True) as member:
                shutil.copyfileobj(pkg, member, MIB)
    return sum(int(str(path["size_in_bytes"])) for path in paths)


def _info_tar(documents: Mapping[str, object]) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for name, document in documents.items():
            data = json.dumps(document).encode()
            info = tarfile.TarInfo(f"info/{name}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return zstandard.compress(raw.getvalue())


def _files_of_wheel(wheel: Path) -> Iterator[tuple[str, int, IO[bytes]]]:
    with zipfile.ZipFile(wheel) as archive:
        for info in archive.infolist():
            if not info.is_dir():
                with archive.open(info) as stream:
                    yield info.filename, info.file_size, stream


def _synthetic_files(project: Project, megabytes: int) -> Iterator[tuple[str, int, IO[bytes]]]:
    """Content that compresses about as machine code does: two thirds in one large file, the rest small.

    Deflate sees 32 KiB and zstd 3 a few MiB, so neither notices that the content repeats itself.
    """
    source = random.Random(0)
    words = [source.randbytes(source.randint(2, 12)) for _ in range(20_000)]
    weights = [rank**-1.3 for rank in range(1, len(words) + 1)]
    text = b"".join(source.choices(words, weights, k=4_000_000))

    def content(size: int) -> io.BytesIO:
        start = source.randrange(len(text) // 2)
        return io.BytesIO((text[start:] * (size // (len(text) - start) + 1))[:size])

    metadata = f"Metadata-Version: 2.1\nName: {project.name}\nVersion: {project.version}\n".encode()
    yield f"{project.dist_info}/METADATA", len(metadata), io.BytesIO(metadata)
    large = megabytes * 2 // 3 * MIB
    yield f"{project.name}/lib.so", large, content(large)
    left = megabytes * MIB - large
    index = 0
    while left > 0:
        size = min(left, int(source.lognormvariate(9.5, 1.4)))
        yield f"{project.name}/m{index % 50}/f{index}.py", size, content(size)
        left -= size
        index += 1


def _download(directory: Path) -> Path | None:
    """A large wheel, or None where there is no index to take it from."""
    requirement, platform, python = DOWNLOAD
    command = [
        sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:",
        f"--platform={platform}", f"--python-version={python}", f"--dest={directory}", requirement,
    ]  # fmt: skip
    print(f"downloading {requirement} ...", file=sys.stderr)
    if subprocess.run(command, check=False).returncode:
        return None
    return next(directory.glob("*.whl"))


# --- measuring ---


@dataclass
class Series:
    """Runs of one contender: seconds of wall clock and CPU, peak memory, size of what it wrote."""

    label: str
    arguments: tuple[str, ...]
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    peak: int = 0
    size: int = 0

    def run(self) -> None:
        """One run as a process of its own, start-up included."""
        with tempfile.TemporaryDirectory(dir=WORK) as out:
            start = time.perf_counter()
            usage = _process(*self.arguments, out)
            self.wall.append(time.perf_counter() - start)
            self.cpu.append(usage.ru_utime + usage.ru_stime)
            # kilobytes on Linux, bytes on macOS
            self.peak = max(self.peak, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024))
            self.size = sum(path.stat().st_size for path in Path(out).iterdir())

    @property
    def median(self) -> float:
        return statistics.median(self.wall)


#: where packages and results lie while the benchmark runs.
WORK = Path(tempfile.gettempdir())


def _child(kind: str, *arguments: str) -> None:
    """What a measured process does."""
    out = Path(arguments[-1])
    source = Path(arguments[0])
    match kind:
        case "ours":
            _convert(source, out, Compression(arguments[1]), int(arguments[2]))
        case "stdlib":
            _convert_with_stdlib(source, out)
        case "retag":
            _retag(source, out)
        case "recompress":
            _recompress(source, out)
        case "limit":
            (out / "limit.json").write_text(json.dumps(_limit(source, Compression(arguments[1]))))
        case "package":
            project = Project.of(source)
            wanted = int(arguments[1])
            files = _synthetic_files(project, wanted) if source == SYNTHETIC else _files_of_wheel(source)
            payload = _package(project, files, out)
            _convert(out / f"{project.conda}.conda", out, Compression.BALANCED, os.cpu_count() or 1)
            (out / "payload.json").write_text(json.dumps(payload))


def _process(*arguments: str) -> resource.struct_rusage:
    """Run `_child` in a process of its own and say what it used.

    A process's peak memory starts at its parent's, so everything heavy is done in children.
    """
    command = [sys.executable, __file__, "--child", *arguments]
    pid = os.posix_spawn(sys.executable, command, {**os.environ, "PYTHONPATH": str(ROOT)})
    _, status, usage = os.wait4(pid, 0)
    if status:
        raise SystemExit(f"{arguments[0]} failed")
    return usage


def _report(rows: list[Series], baseline: Series, payload: int, limits: dict[str, float]) -> None:
    print(f"\n| {'contender':<22} | wall s |  cpu s |  MB/s | x stdlib | % of limit | peak MiB | out MB |")
    print(f"|{'-' * 24}|-------:|-------:|------:|---------:|-----------:|---------:|-------:|")
    for row in rows:
        limit = limits.get(row.label)
        share = f"{100 * limit / row.median:.0f}" if limit else "-"
        print(
            f"| {row.label:<22} | {row.median:6.2f} | {statistics.median(row.cpu):6.2f} "
            f"| {payload / row.median / 1e6:5.0f} | {baseline.median / row.median:8.1f} | {share:>10} "
            f"| {row.peak / MIB:8.0f} | {row.size / 1e6:6.1f} |"
        )


def main() -> None:
    """Make the package, run every contender `--rounds` times, interleaved, and print medians."""
    global WORK  # noqa: PLW0603 - decided once, from the command line
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wheel", type=Path, help="a large wheel to make the package of")
    parser.add_argument("--size", type=int, help="make a synthetic payload of this many MB instead")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--work", type=Path, default=WORK, help="directory for temporary files")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.work) as work:
        WORK = Path(work)
        wheel = options.wheel
        if wheel is None and options.size is None:
            wheel = _download(WORK)
        wheel = wheel or SYNTHETIC
        _process("package", str(wheel), str(options.size or DEFAULT_SIZE), work)
        payload = json.loads((WORK / "payload.json").read_text())
        (conda,) = WORK.glob("*.conda")
        (plain,) = WORK.glob("*.whl")
        print(
            f"{wheel.name}: {payload / 1e6:.0f} MB, "
            f"{conda.stat().st_size / 1e6:.0f} MB as .conda (zstd {ZSTD_LEVEL}); "
            f"{options.threads} threads, {os.cpu_count()} cores, medians of {options.rounds} runs"
        )
        ours = {
            each: Series(f"ours, {each.value}", ("ours", str(conda), each.value, str(options.threads)))
            for each in (Compression.BALANCED, Compression.FAST)
        }
        stdlib = Series("stdlib", ("stdlib", str(conda)))
        moved = Series("retag, ours", ("retag", str(plain)))
        recompressed = Series("retag, recompressing", ("recompress", str(plain)))
        for _ in range(options.rounds):
            for series in (*ours.values(), stdlib, moved, recompressed):
                series.run()
        limits = {}
        cores = min(options.threads, os.cpu_count() or 1)
        for each, series in ours.items():
            _process("limit", str(conda), each.value, work)
            steps = json.loads((WORK / "limit.json").read_text())
            limits[series.label] = sum(steps.values()) / cores
            detail = ", ".join(f"{step} {seconds:.2f}" for step, seconds in steps.items())
            print(f"limit, {each.value}: {limits[series.label]:.2f} s = ({detail} cpu s) / {cores} cores")
        _report([*ours.values(), stdlib], stdlib, payload, limits)
        _report([moved, recompressed], recompressed, payload, {})


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        _child(*sys.argv[2:])
    else:
        main()
