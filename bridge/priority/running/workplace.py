"""A place for one run: copies of a project's configuration files, an empty home, and a clean environment."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from bridge.errors import Code, InvalidInput, plain
from bridge.formats.conda.redaction import redact
from bridge.priority.configs.tree import read_text

#: the files that clients read as configuration; lock files are not among them, as they would decide again.
_FILES: Final = (
    "pyproject.toml", "uv.toml", "uv-pip.toml", "pip.conf", "pip.ini", "poetry.toml", "pdm.toml", "pixi.toml",
    "bridge-constraints.txt", ".pixi/config.toml", "rattler-config.toml",
)  # fmt: skip
_TEXTS: Final = ("", "requirements")
_MOST_TEXTS: Final = 200
#: of the environment, what programs need to start at all, and certificates, without which no source answers.
_KEPT: Final = (
    "PATH", "SYSTEMROOT", "TEMP", "TMP", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "HTTPS_PROXY",
    "HTTP_PROXY", "NO_PROXY",
)  # fmt: skip
#: of what a program prints, in bytes.
_LARGEST_OUTPUT: Final = 64 << 20
_LONGEST_MESSAGE: Final = 2000
_ADDRESS: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://[^\s'\"<>`]+")
#: shorter values are words that stand in messages for other reasons.
_SHORTEST_SECRET: Final = 4


@dataclass(frozen=True, slots=True)
class Done:
    """A program that has ended."""

    status: int
    output: str
    errors: str


@dataclass(frozen=True, slots=True)
class Workplace:
    """Where one client runs."""

    #: the copy of the project.
    project: Path
    home: Path
    #: in seconds, for each program.
    timeout_s: float
    #: further variables, whose values are kept out of messages.
    variables: Mapping[str, str] = field(default_factory=dict)

    def run(self, command: Sequence[str | Path], *, text: str = "", **variables: str) -> Done:
        """Run a program in the copy, and end everything that it started if it takes too long.

        Args:
            command: the program and its arguments.
            text: what it reads.
            variables: further ones of the environment.

        Raises:
            InvalidInput: CB471, the program cannot be started.
        """
        words = [str(word) for word in command]
        environment = {**self._environment(), **variables, **self.variables}
        with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
            source.write(text.encode())
            source.seek(0)
            try:
                process = subprocess.Popen(
                    words,
                    cwd=self.project,
                    env=environment,
                    stdin=source,
                    stdout=out,
                    stderr=errors,
                    start_new_session=True,
                )
            except OSError as error:
                name = Path(words[0]).name
                message = f"cannot be started: {error.strerror}"
                raise InvalidInput(Code.CLIENT_RUN, message, subject=name) from error
            late = ""
            try:
                process.wait(self.timeout_s)
            except subprocess.TimeoutExpired:
                late = f"\nwas stopped after {self.timeout_s:g} seconds"
            finally:
                _end(process)
            return Done(process.returncode, _read(out), _read(errors) + late)

    def message(self, done: Done) -> str:
        """What a program says about its failure, fit to be shown: without secrets and control characters, not long."""
        text = done.errors.strip() or done.output.strip() or f"ended with status {done.status} and no message"
        for value in sorted(self.variables.values(), key=len, reverse=True):
            if len(value) >= _SHORTEST_SECRET:
                text = text.replace(value, "***")
        text = _ADDRESS.sub(lambda match: redact(match[0], mark="/t/***"), text)
        lines = [plain(line).rstrip() for line in text.replace(str(self.home), "~").splitlines()]
        return "\n".join(line for line in lines if line.strip())[-_LONGEST_MESSAGE:]

    def _environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        home = self.home
        return {
            **kept,
            "HOME": str(home),
            "USERPROFILE": str(home),
            "APPDATA": str(home / "config"),
            "LOCALAPPDATA": str(home / "data"),
            "XDG_CONFIG_HOME": str(home / "config"),
            "XDG_CONFIG_DIRS": str(home / "etc"),
            "XDG_CACHE_HOME": str(home / "cache"),
            "XDG_DATA_HOME": str(home / "data"),
            "LC_ALL": "C.UTF-8",
            "NO_COLOR": "1",
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        }


def workplace(project: Path, home: Path, *, timeout_s: float, variables: Mapping[str, str] | None = None) -> Workplace:
    """Copy the configuration files of a project into `home/project`.

    Args:
        project: its directory, which is only read.
        home: a directory for everything that the client writes; it may hold its caches from an earlier run.
        timeout_s: in seconds, for each program.
        variables: further variables, such as credentials.

    Raises:
        InvalidInput: a file cannot be read (CB101, CB109, CB111).
    """
    place = home / "project"
    # what an earlier run left there, a list of requirements for example, is not of this project
    if place.exists():
        shutil.rmtree(place)
    for name in _names(project):
        text = read_text(project / name, name)
        if text is None:
            continue
        target = place / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    place.mkdir(parents=True, exist_ok=True)
    return Workplace(place, home, timeout_s, variables or {})


def _names(project: Path) -> Iterator[str]:
    yield from _FILES
    for folder in _TEXTS:
        try:
            found = sorted(path.name for path in (project / folder).iterdir() if path.suffix in (".txt", ".in"))
        except OSError:
            continue
        names = (f"{folder}/{name}" if folder else name for name in found[:_MOST_TEXTS])
        yield from (name for name in names if name not in _FILES)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a program and what it started."""
    if process.poll() is None:
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _read(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read(_LARGEST_OUTPUT).decode("utf-8", errors="replace")
