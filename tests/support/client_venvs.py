"""The real programs, each in a virtual environment of its own, because their dependencies conflict.

They come from PyPI when first asked for and are kept in the user's cache; a test is skipped where they cannot be had.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: program -> what is installed; fixed versions, because what they do was measured with these.
REQUIREMENTS: Final[Mapping[str, tuple[str, ...]]] = {
    "uv": ("uv==0.13.8",),
    "pip": ("pip==26.3",),
    "poetry": ("poetry==2.5.1",),
    # plain pdm comes with a hishel that it cannot use
    "pdm": ("pdm[locked]==2.29.3",),
    "hatch": ("hatch==1.18.2",),
}

#: in seconds, for making one environment.
_PATIENCE: Final = 600


def cache_directory() -> Path:
    """Where the environments are kept: `CONDA_BRIDGE_CLIENTS`, or a directory in the user's cache."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("CONDA_BRIDGE_CLIENTS") or base / "conda-wheel-bridge" / "clients")


@functools.cache
def client(name: str) -> Path:
    """The executable of `uv`, `pip`, `poetry`, `pdm` or `hatch`; skips the test where it cannot be installed."""
    requirements = REQUIREMENTS[name]
    version = requirements[0].partition("==")[2]
    label = f"{name}-{version}-py{sys.version_info.major}{sys.version_info.minor}"
    environment = cache_directory() / label
    scripts = "Scripts" if os.name == "nt" else "bin"
    executable = environment / scripts / (f"{name}.exe" if os.name == "nt" else name)
    if not executable.exists() and (reason := _make(environment, requirements)):
        pytest.skip(f"{name} cannot be installed: {reason}")
    return executable


def isolated(home: Path, **more: str) -> dict[str, str]:
    """An environment for a program that must see nothing of the user's configuration, caches and credentials.

    Args:
        home: an empty directory, or one with the configuration that is to be seen.
        more: further variables.
    """
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "TEMP", "TMP") if name in os.environ}
    home.mkdir(parents=True, exist_ok=True)
    return {
        **kept,
        "HOME": str(home),
        "USERPROFILE": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_CACHE_HOME": str(home / "cache"),
        "XDG_DATA_HOME": str(home / "data"),
        "XDG_CONFIG_DIRS": str(home / "etc"),
        "LC_ALL": "C.UTF-8",
        "NO_COLOR": "1",
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_PYTHON": sys.executable,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PDM_CHECK_UPDATE": "0",
        "POETRY_KEYRING_ENABLED": "false",
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        **more,
    }


def _make(environment: Path, requirements: Sequence[str]) -> str:
    """Make an environment, under another name until it is whole. Gives what went wrong, or nothing."""
    environment.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".making-", dir=environment.parent))
    target = work / "venv"
    uv = [sys.executable, "-m", "uv"]
    try:
        for command in (
            # only a relocatable environment survives being renamed
            [*uv, "venv", "--quiet", "--relocatable", "--python", sys.executable, str(target)],
            [*uv, "pip", "install", "--quiet", "--python", str(target), *requirements],
        ):
            done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=False)
            if done.returncode != 0:
                return (done.stderr.strip() or "no reason given").splitlines()[-1]
        # another process may have been faster, and its environment is as good
        with contextlib.suppress(OSError):
            target.rename(environment)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return ""
