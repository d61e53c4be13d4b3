"""How fast a wheel becomes a variant, against variantlib's own command.

One command: `python benchmarks/variants.py [--wheel PATH] [--rounds N]`. See README.md beside this file.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parent.parent
MIB = 1 << 20

#: a wheel of about 35 MB that any machine can download.
DOWNLOAD = ("scipy==1.15.3", "manylinux2014_x86_64", "3.12")
PROPERTY = "blas_lapack :: library :: openblas"
LABEL = "openblas"

#: with the extra that its commands need, in an environment of its own because the extra asks for old versions.
PEER = "variantlib[cli]==0.2.2"
#: where its command reads the providers.
PYPROJECT = """\
[variant.default-priorities]
namespace = ["blas_lapack"]

[variant.providers.blas_lapack]
static-properties = { library = ["openblas", "mkl"] }
"""


def main() -> None:
    """Set up the peer, download or take the wheel, run all in turn, and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wheel", type=Path, help="wheel without a label; downloaded with pip where not given")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        wheel = arguments.wheel or download(directory)
        peer = install_peer(directory / "peer")
        with zipfile.ZipFile(wheel) as archive:
            count = len(archive.infolist())
        print(f"{wheel.name}: {wheel.stat().st_size / MIB:.1f} MiB, {count} members, {arguments.rounds} rounds")
        contenders: dict[str, Callable[[Path], list[str]]] = {
            "ours, make": lambda out: ours("make", wheel, out, "--label", LABEL, "--property", PROPERTY),
            "variantlib, make-variant": lambda out: theirs(peer, wheel, out, directory),
        }
        made = directory / "made"
        timed(ours("make", wheel, made, "--label", LABEL, "--property", PROPERTY))
        variant = next(made.glob("*.whl"))
        contenders["ours, undo"] = lambda out: ours("undo", variant, out)
        times: dict[str, list[float]] = {name: [] for name in contenders}
        for number in range(arguments.rounds):
            for position, (contender, command) in enumerate(contenders.items()):
                out = directory / f"{number}-{position}"
                out.mkdir()
                times[contender].append(timed(command(out)))
                (result,) = out.glob("*.whl")
                if contender == "ours, undo" and sha256(result) != sha256(wheel):
                    sys.exit("undo did not restore the wheel")
                result.unlink()
        starts = {
            "ours, make": ours("make", wheel, directory, "--help"),
            "variantlib, make-variant": [str(peer), "make-variant", "--help"],
        }
        start = {
            contender: statistics.median(timed(command) for _ in range(arguments.rounds))
            for contender, command in starts.items()
        }
    whole = {contender: statistics.median(each) for contender, each in times.items()}
    for contender, median in whole.items():
        of_which = f", of which {start[contender]:.3f} s to start" if contender in start else ""
        print(f"{contender:<26} {median:8.3f} s{of_which}")
    work = {contender: whole[contender] - start[contender] for contender in start}
    for title, seconds in (("whole processes", whole), ("work alone", work)):
        print(f"{title}: {seconds['variantlib, make-variant'] / seconds['ours, make']:.0f} times faster")


def ours(verb: str, wheel: Path, out: Path, *options: str) -> list[str]:
    """Our command."""
    return [sys.executable, "-m", "bridge", "variant", verb, str(wheel), "-o", str(out), *options]


def theirs(program: Path, wheel: Path, out: Path, directory: Path) -> list[str]:
    """variantlib's command, told to query no plugin."""
    project = directory / "pyproject.toml"
    project.write_text(PYPROJECT)
    options = ["--no-isolation", "--skip-plugin-validation", "--variant-label", LABEL, "--pyproject-toml", str(project)]
    command = [str(program), "make-variant", "-f", str(wheel), "-o", str(out)]
    return [*command, *options, "-p", PROPERTY]


def timed(command: list[str]) -> float:
    """Wall-clock seconds from start to exit of a process."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), os.environ.get("PYTHONPATH", "")))}
    start = time.perf_counter()
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - start
    if result.returncode != 0:
        sys.exit(f"{' '.join(command)}\n{result.stderr}")
    return seconds


def download(directory: Path) -> Path:
    """The wheel, from PyPI."""
    requirement, platform, version = DOWNLOAD
    target = ["--only-binary", ":all:", "--platform", platform, "--python-version", version]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", *target, "-d", str(directory)]
    subprocess.run([*command, requirement], check=True)
    return next(directory.glob("*.whl"))


def install_peer(directory: Path) -> Path:
    """variantlib's program, in a new environment with what its commands need."""
    subprocess.run([sys.executable, "-m", "venv", str(directory)], check=True)
    scripts = directory / ("Scripts" if os.name == "nt" else "bin")
    subprocess.run([str(scripts / "python"), "-m", "pip", "install", "--quiet", PEER], check=True)
    return scripts / "variantlib"


def sha256(path: Path) -> str:
    """Digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    main()
