"""Kill `sync` at random moments, go on, and compare the tree with that of a run that nobody disturbed.

One command: `python benchmarks/sync_faults.py [--source DIR] [--kills N] [--seed N]`. Beside the kills it measures what
a second run costs, and a run after one mapping changed. See README.md beside this file.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
CORPUS: Final = ROOT.parent / "shared" / "corpus" / "conda" / "miniforge-linux-64-py312"
#: an overlay that touches one name, which few packages of the corpus require.
OVERLAY: Final = "python:\n  pycparser: pycparser-of-ours\n"


def main() -> None:
    """Run, kill, go on, compare; exit 1 where a tree differs or a page is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", type=Path, default=CORPUS)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=20250131)
    options = parser.parse_args()
    moments = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as work:
        directory = Path(work)
        undisturbed = directory / "undisturbed"
        first = sync(options.source, undisturbed)
        expected = tree(undisturbed)
        again = sync(options.source, undisturbed)
        overlay = directory / "names.yaml"
        overlay.write_text(OVERLAY)
        mapped = sync(options.source, undisturbed, "--overlay", str(overlay))
        start = started()
        print(f"starting the program takes {start:.2f} s\n")
        print("| run | seconds | of the first | without the start | units attempted |")
        print("|---|---|---|---|---|")
        for label, (seconds, document) in (("first", first), ("again", again), ("one mapping changed", mapped)):
            units = ", ".join(each["unit"] for each in document["attempted"]) if label != "first" else "all"
            ratios = f"{seconds / first[0] * 100:.1f} % | {max(0, seconds - start) / (first[0] - start) * 100:.1f} %"
            print(f"| {label} | {seconds:.2f} | {ratios} | {units or 'none'} |")
        wrong = 0
        for number in range(options.kills):
            out = directory / "killed"
            shutil.rmtree(out, ignore_errors=True)
            moment = moments.uniform(0.02, 1.0) * first[0]
            killed = kill(options.source, out, moment)
            pages = check(out)
            _, document = sync(options.source, out)
            same = tree(out) == expected
            wrong += not same
            done = document["units"]["unchanged"]
            state = "killed" if killed else "had ended"
            print(f"{number + 1}: {state} after {moment:.2f} s; {pages} files listed then; "
                  f"{done} units were kept; the tree is {'the same' if same else 'ANOTHER'}")  # fmt: skip
    sys.exit(1 if wrong else 0)


def sync(source: Path, out: Path, *arguments: str) -> tuple[float, dict[str, list[dict[str, str]]]]:
    """One run: seconds, start of the interpreter included, and its document."""
    start = time.perf_counter()
    done = subprocess.run([*command(source, out), "--json", *arguments], cwd=ROOT, capture_output=True, check=False)
    seconds = time.perf_counter() - start
    return seconds, json.loads(done.stdout)


def started() -> float:
    """Seconds until the command has loaded what it needs to look at a source."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import bridge.cli.sync"], cwd=ROOT, check=True)
    return time.perf_counter() - start


def kill(source: Path, out: Path, moment: float) -> bool:
    """Start a run and kill it with all its workers; False where it had ended before."""
    process = subprocess.Popen(
        command(source, out), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        process.wait(moment)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return True
    return False


def command(source: Path, out: Path) -> list[str]:
    return [sys.executable, "-m", "bridge", "sync", str(source), str(out), "--jobs", "2"]


def tree(out: Path) -> dict[str, str]:
    """What is published: path -> sha256."""
    return {
        path.relative_to(out).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(out.rglob("*"))
        if path.is_file() and ".conda-bridge" not in path.relative_to(out).parts
    }


def check(out: Path) -> int:
    """Every page lists only what is there, with its hash; returns how many files are listed."""
    count = 0
    for page in (out / "simple").glob("*/index.json"):
        for file in json.loads(page.read_bytes())["files"]:
            data = (page.parent / file["url"]).resolve().read_bytes()
            if hashlib.sha256(data).hexdigest() != file["hashes"]["sha256"]:
                raise SystemExit(f"{page}: {file['filename']} is not what the page says")
            count += 1
    return count


if __name__ == "__main__":
    main()
