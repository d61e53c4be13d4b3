"""The sample channel, and the wheels that its builds would become, made once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bridge.channel.simple import write_index
from bridge.model.conda import Subdir
from bridge.model.family import Family
from bridge.model.host import Host, Release
from tests.support.families import planned_families, repodata, write_wheels


@pytest.fixture(scope="session")
def channel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return repodata().write(tmp_path_factory.mktemp("channel"))


@pytest.fixture(scope="session")
def families(channel: Path) -> dict[str, Family]:
    return planned_families(channel)


@pytest.fixture(scope="session")
def index(families: dict[str, Family], tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("index")
    for name in ("gpupkg", "cudaind", "gpuonly", "osfloor"):
        (directory / name).mkdir()
        write_wheels(families[name], directory / name)
    assert not write_index(directory).rejected
    return directory


@pytest.fixture
def machine() -> Callable[..., Host]:
    """A Linux machine that offers what it is told."""

    def make(subdir: str = "linux-64", **offered: object) -> Host:
        if subdir.startswith("linux"):
            offered = {"glibc": Release(2, 39), "linux": "6.1", "archspec": "x86_64_v3", **offered}
        return Host(Subdir(subdir), **offered)

    return make
