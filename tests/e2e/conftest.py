"""Real installers, a real interpreter and the corpus of real packages; each is skipped where it is missing."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bridge.channel.convert import Report, convert
from bridge.channel.simple import write_index
from bridge.model.plan import Layout

ROOT = Path(__file__).parents[2]
CORPUS = ROOT.parent / "shared" / "corpus"
SET = CORPUS / "conda" / "miniforge-linux-64-py312"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("e2e")


@pytest.fixture(scope="session")
def miniforge() -> Path:
    """The 83 real packages of a Miniforge base environment, a channel as it lies."""
    if not SET.is_dir():
        pytest.skip("the corpus is not beside the checkout")
    if sys.platform != "linux" or os.uname().machine != "x86_64":
        pytest.skip("the packages are for linux-64")
    return SET


@pytest.fixture(scope="session")
def python312() -> Path:
    """A CPython 3.12 interpreter."""
    candidates = [*sorted(Path.home().glob(".pyenv/versions/3.12.*/bin/python"))]
    if (found := shutil.which("python3.12")) is not None:
        candidates.append(Path(found))
    for candidate in candidates:
        check = "import sys, venv; assert sys.version_info[:2] == (3, 12)"
        if subprocess.run([candidate, "-c", check], capture_output=True, check=False).returncode == 0:
            return candidate
    pytest.skip("CPython 3.12 is not here")


@pytest.fixture(scope="session")
def uv() -> str:
    """The uv program."""
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.is_file() else shutil.which("uv")
    if found is None:
        pytest.skip("uv is not here")
    return found


@pytest.fixture(scope="session")
def environment() -> Mapping[str, str]:
    """The environment of installers: nothing configured, nothing cached."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "UV_", "CONDA_", "PYTHON"))}
    return {**kept, "PIP_CONFIG_FILE": os.devnull, "UV_NO_CONFIG": "1", "PIP_NO_CACHE_DIR": "1", "UV_NO_CACHE": "1"}


Run = Callable[..., str]


@pytest.fixture(scope="session")
def run(environment: Mapping[str, str]) -> Run:
    """Run a program and return its standard output; its failure is the test's."""

    def call(*arguments: object, **more: str) -> str:
        result = subprocess.run(
            [str(argument) for argument in arguments],
            env={**environment, **more},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, f"{arguments}\n{result.stdout}\n{result.stderr}"
        return result.stdout

    return call


@pytest.fixture(scope="session")
def converted(miniforge: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Layout], tuple[Path, Report]]:
    """The whole set in one layout, indexed; each layout is made once."""

    @functools.cache
    def make(layout: Layout) -> tuple[Path, Report]:
        directory = tmp_path_factory.mktemp(f"wheels-{layout.value}")
        report = convert([miniforge], directory, layout=layout, channels=[miniforge], jobs=2)
        assert not write_index(directory).rejected
        return directory, report

    return make


@contextlib.contextmanager
def served(directory: Path) -> Iterator[str]:
    """The address of a directory's `simple/` over HTTP on loopback."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def end_headers(self) -> None:
            # uv keeps pages that do not say how long they are good for.
            self.send_header("Cache-Control", "no-cache")
            super().end_headers()

    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(directory))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/simple/"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def new_venv(python312: Path, run: Run, tmp_path: Path) -> Callable[[str], Path]:
    """Make a fresh virtual environment; returns its interpreter."""

    def make(name: str) -> Path:
        run(python312, "-m", "venv", tmp_path / name)
        return tmp_path / name / "bin" / "python"

    return make


def pip_install(python: Path, index: str, *arguments: object) -> list[object]:
    """The command that installs from `index` and from nowhere else with pip."""
    return [
        python, "-m", "pip", "--isolated", "--disable-pip-version-check", "install", "--quiet",
        "--index-url", index, *arguments,
    ]  # fmt: skip


def uv_install(uv: str, python: Path, index: str, *arguments: object) -> list[object]:
    """The command that installs from `index` and from nowhere else with uv."""
    return [uv, "pip", "install", "--quiet", "--python", python, "--default-index", index, *arguments]
