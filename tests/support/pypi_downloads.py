"""Wheels from an index, held against the hashes of a list, and kept for the next run."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MANYLINUX = ("2_28", "2_27", "2_26", "2_24", "2_17", "2014", "2_12", "2010", "2_5", "1")
#: the first that is part of a file name decides; what has none is for any platform.
_PLATFORMS = {
    "-win_amd64": ("win_amd64",),
    "macosx": ("macosx_11_0_arm64",),
    "": tuple(f"manylinux{'_' if '_' in version else ''}{version}_x86_64" for version in _MANYLINUX),
}
_PYTHON = ("--implementation", "cp", "--python-version", "3.12", "--abi", "cp312", "--abi", "abi3", "--abi", "none")


class NotReachable(Exception):
    """The index cannot be reached, or does not have the files any more."""


def cache_directory() -> Path:
    """Where downloads are kept: `CONDA_BRIDGE_WHEELS`, or a directory in the user's cache."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("CONDA_BRIDGE_WHEELS") or base / "conda-wheel-bridge" / "wheels")


def download(wheels: Sequence[Mapping[str, str]], directory: Path) -> list[Path]:
    """The files of a list (`requirement`, `filename`, `sha256`), in its order; only what is missing is fetched.

    Raises:
        NotReachable: pip could not download one of them; the message is pip's.
    """
    directory.mkdir(parents=True, exist_ok=True)
    paths = [directory / wheel["filename"] for wheel in wheels]
    missing = [wheel for wheel, path in zip(wheels, paths, strict=True) if not _is_there(path, wheel["sha256"])]
    for mark, platforms in _PLATFORMS.items():
        group = [wheel for wheel in missing if mark in wheel["filename"]]
        missing = [wheel for wheel in missing if wheel not in group]
        if group:
            _fetch(group, platforms, directory)
    return paths


def _fetch(wheels: Sequence[Mapping[str, str]], platforms: Sequence[str], directory: Path) -> None:
    with tempfile.TemporaryDirectory(dir=directory) as scratch:
        requirements = Path(scratch, "requirements.txt")
        lines = [f"{wheel['requirement']} --hash=sha256:{wheel['sha256']}\n" for wheel in wheels]
        requirements.write_text("".join(lines))
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += ["--only-binary", ":all:", "--retries", "1", "--timeout", "20", "--require-hashes", *_PYTHON]
        command += [part for platform in platforms for part in ("--platform", platform)]
        command += ["-d", scratch, "-r", str(requirements)]
        environment = {**os.environ, "PIP_NO_INPUT": "1"}
        result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            raise NotReachable("".join(result.stderr.strip().splitlines()[-1:]))
        for wheel in wheels:
            Path(scratch, wheel["filename"]).replace(directory / wheel["filename"])


def _is_there(path: Path, sha256: str) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256
