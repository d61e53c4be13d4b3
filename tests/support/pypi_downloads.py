"""Wheels from an index, held against the hashes of a list, and kept for the next run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks.wheels import Wheel, fetch

if TYPE_CHECKING:
    from collections.abc import Sequence


def cache_directory() -> Path:
    """Where downloads are kept: `CONDA_BRIDGE_WHEELS`, or a directory in the user's cache."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("CONDA_BRIDGE_WHEELS") or base / "conda-wheel-bridge" / "wheels")


def downloaded(wheels: Sequence[Wheel]) -> list[Path]:
    """The files of a list, in its order; only what is missing is fetched. Skips the test where one cannot be had."""
    directory = cache_directory()
    if absent := fetch(wheels, directory):
        pytest.skip(f"{len(absent)} wheels cannot be downloaded, {absent[0].filename} for one")
    return [directory / wheel.filename for wheel in wheels]
