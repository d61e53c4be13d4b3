"""Fresh environments, and what installers put into them from one index and from nowhere else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

#: variables with these prefixes configure installers and interpreters; the demo wants none of that.
_CONFIGURATION: Final = ("PIP_", "UV_", "CONDA_", "PYTHON", "VIRTUAL_ENV")
#: makes uv see a driver of this version, whatever the machine has.
_FORCED_DRIVER: Final = "NV_VARIANT_PROVIDER_FORCE_CUDA_DRIVER_VERSION"
_UV: Final = "uv.exe" if os.name == "nt" else "uv"
_PROVENANCE: Final = "*.dist-info/conda/provenance.json"


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment."""

    root: Path

    @classmethod
    def create(cls, root: Path, *, with_pip: bool) -> Environment:
        """Make a fresh one.

        Raises:
            click.ClickException: this Python cannot; some systems leave pip out of it.
        """
        try:
            venv.create(root, with_pip=with_pip, symlinks=os.name != "nt")
        except (OSError, subprocess.CalledProcessError) as error:
            raise click.ClickException(f"no virtual environment can be made: {error}") from error
        return cls(root)

    def program(self, name: str) -> str:
        """The path of a program in it."""
        return str(self.root / ("Scripts" if os.name == "nt" else "bin") / name)

    def run(self, *arguments: str) -> str:
        """What one of its programs prints, without the end of the line.

        Raises:
            click.ClickException: it fails.
        """
        return _run([self.program(arguments[0]), *arguments[1:]], {}).strip()

    def source_of(self, project: str) -> str:
        """The file name of the conda package that an installed project was made from.

        Raises:
            click.ClickException: it is not installed, or does not say so.
        """
        for path in sorted(self.root.rglob(_PROVENANCE)):
            if path.parts[-3].startswith(f"{project.replace('-', '_')}-"):
                return str(json.loads(path.read_text(encoding="utf-8"))["source"]["filename"])
        raise click.ClickException(f"{project} does not say which conda package it was made from")


def install_with_uv(environment: Environment, index: Path, project: str, *, driver: str, cache: Path) -> None:
    """Install with uv, which chooses among variants.

    Args:
        environment: to install into.
        index: the `simple/` directory of an index.
        project: what to install.
        driver: the version of CUDA that uv is told the machine's driver supports.
        cache: a directory of its own, so that nothing that was cached before counts.

    Raises:
        click.ClickException: uv is not here, or fails.
    """
    command = [_uv(), "pip", "install", "--quiet", "--preview-features", "wheel-variants"]
    command += ["--python", environment.program("python"), "--default-index", index.resolve().as_uri(), project]
    _run(command, {"UV_NO_CONFIG": "1", "UV_CACHE_DIR": str(cache), _FORCED_DRIVER: driver})


def install_with_pip(environment: Environment, index: Path, *projects: str) -> None:
    """Install with the environment's pip, which knows nothing of variants.

    Raises:
        click.ClickException: pip fails.
    """
    command = [environment.program("python"), "-m", "pip", "--isolated", "--disable-pip-version-check", "install"]
    command += ["--quiet", "--no-cache-dir", "--index-url", index.resolve().as_uri(), *projects]
    _run(command, {"PIP_CONFIG_FILE": os.devnull})


def _uv() -> str:
    beside = Path(sys.executable).with_name(_UV)
    found = str(beside) if beside.is_file() else shutil.which("uv")
    if found is None:
        raise click.ClickException("the demo installs with uv: pip install 'conda-wheel-bridge[demo]'")
    return found


def _run(command: Sequence[str], more: Mapping[str, str]) -> str:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(_CONFIGURATION)}
    done = subprocess.run(
        command, env={**kept, **more}, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise click.ClickException(f"{' '.join(command)} failed:\n{done.stderr.strip() or done.stdout.strip()}")
    return done.stdout
