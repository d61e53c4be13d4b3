"""Unmodified uv and pip install from an index whose files are converted while they wait."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bridge.sync.lazy.index import LazyIndex
from bridge.sync.lazy.planning import plan_index
from bridge.sync.lazy.server import make_server
from tests.e2e.conftest import Run, pip_install, uv_install
from tests.support.conda_archives import make_conda
from tests.support.sample_packages import SITE
from tests.support.sync_samples import SampleChannel

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the packages are for linux-64")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Where conversions are kept."""
    return tmp_path / "cache"


@pytest.fixture
def address(tmp_path: Path, cache: Path) -> Iterator[str]:
    """The served index of a small channel, one release of which comes in two variants."""
    channel = SampleChannel(tmp_path / "channel")
    channel.python("alpha", "1.0", "beta >=1,<2.0a0", "gamma")
    channel.python("beta", "1.0", "gamma >=2")
    channel.python("beta", "2.0", "gamma >=3")
    channel.noarch("gamma", "2.0")
    channel.noarch("gamma", "1.0")
    channel.noarch("unwanted", "1.0")
    for mpi in ("openmpi", "mpich"):
        channel._add(_native, mpi, "5.0")
        files = {f"{SITE}/solver_mpi.py": f"MPI = {mpi!r}\n".encode()}
        channel.python("solver", "1.0", mpi, build=f"mpi_{mpi}_py312habcdef0_0", files=files)
    plan_index(channel.root, tmp_path / "planned")
    with LazyIndex(tmp_path / "planned", cache, jobs=2) as index, make_server(index) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/simple/"
        finally:
            server.shutdown()
            thread.join()


def _native(directory: Path, name: str, version: str) -> Path:
    """A package without anything of Python."""
    return make_conda(directory, name=name, version=version, files={f"share/{name}": b"data\n"})


def made(cache: Path) -> set[str]:
    """Projects of the wheels that were converted."""
    return {path.name.partition("-")[0] for path in (cache / "wheels").glob("*/*.whl")}


def versions(run: Run, python: Path) -> dict[str, str]:
    """What is installed."""
    code = "import importlib.metadata as m; print(*(f'{d.name}={d.version}' for d in m.distributions()))"
    return dict(each.split("=") for each in run(python, "-c", code).split())


@pytest.mark.e2e
@pytest.mark.parametrize("client", ["pip", "uv"])
def test_a_client_installs_while_files_are_made(
    client: str, address: str, cache: Path, uv: str, new_venv: Callable[[str], Path], run: Run
) -> None:
    python = new_venv(client)
    run(*(pip_install(python, address, "alpha") if client == "pip" else uv_install(uv, python, address, "alpha")))
    found = versions(run, python)
    assert {name: found.get(name) for name in ("alpha", "beta", "gamma")} == {
        "alpha": "1.0",
        "beta": "1.0",
        "gamma": "2.0",
    }
    assert run(python, "-c", "import alpha, beta, gamma; print(alpha.answer)") == "42\n"
    assert made(cache) == {"alpha", "beta", "gamma"}


@pytest.mark.e2e
def test_hashes_of_what_was_made_hold_for_the_next_client(
    address: str, uv: str, new_venv: Callable[[str], Path], run: Run, tmp_path: Path
) -> None:
    run(*pip_install(new_venv("first"), address, "alpha"))
    (tmp_path / "wanted").write_text("alpha\n")
    options = ("--default-index", address, "--python", new_venv("third"), "--generate-hashes", "--quiet")
    locked = run(uv, "pip", "compile", tmp_path / "wanted", *options)
    assert locked.count("--hash=sha256:") == 3
    (tmp_path / "locked").write_text(locked)
    run(*pip_install(new_venv("second"), address, "--require-hashes", "-r", tmp_path / "locked"))


@pytest.mark.e2e
@pytest.mark.parametrize("variant", ["plain", "preview"])
def test_a_variant_is_made_with_all_of_its_release(
    variant: str, address: str, cache: Path, uv: str, new_venv: Callable[[str], Path], run: Run
) -> None:
    python = new_venv(variant)
    options = ("--preview-features", "wheel-variants") if variant == "preview" else ()
    run(*uv_install(uv, python, address, "solver", *options))
    assert run(python, "-c", "import solver_mpi; print(solver_mpi.MPI)").strip() in {"openmpi", "mpich"}
    labels = {path.name.rpartition("-")[2] for path in (cache / "wheels").glob("*/solver-*.whl")}
    assert labels == {"openmpi.whl", "mpich.whl", "manylinux_2_5_x86_64.whl"}
