"""Converting on a Dask cluster: the same bytes as without, also where workers die."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from distributed import LocalCluster

from bridge.errors import BridgeError
from bridge.sync.dask_engine import Dask
from tests.support.sync_samples import SampleChannel, run, tree

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def channel(tmp_path_factory: pytest.TempPathFactory) -> SampleChannel:
    made = SampleChannel(tmp_path_factory.mktemp("source") / "channel")
    for number in range(24):
        made.python(f"pure{number:02}", "1.0", "beta >=1")
    made.python("beta", "1.0")
    return made


@pytest.fixture(scope="module")
def expected(channel: SampleChannel, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    out = tmp_path_factory.mktemp("serial") / "out"
    assert run(channel.root, out).summary["converted"] == 25
    return tree(out)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[LocalCluster]:
    with LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        dashboard_address=None,
        local_directory=tmp_path / "dask",
        silence_logs="ERROR",
    ) as made:
        yield made


def test_a_cluster_makes_the_same_bytes(
    channel: SampleChannel, expected: dict[str, str], cluster: LocalCluster, tmp_path: Path
) -> None:
    report = run(channel.root, tmp_path / "out", engine=Dask(2, cluster.scheduler_address))
    assert report.summary["converted"] == 25
    assert tree(tmp_path / "out") == expected


def test_a_worker_that_dies_loses_nothing(
    channel: SampleChannel, expected: dict[str, str], cluster: LocalCluster, tmp_path: Path
) -> None:
    first = next(iter(cluster.workers.values()))
    killed = threading.Event()

    def kill() -> None:
        # as soon as something has been converted
        work = tmp_path / "out" / ".conda-bridge"
        for _ in range(2000):
            if any(work.rglob("outputs")):
                break
            time.sleep(0.005)
        os.kill(first.pid, signal.SIGKILL)
        killed.set()

    thread = threading.Thread(target=kill)
    thread.start()
    report = run(channel.root, tmp_path / "out", engine=Dask(2, cluster.scheduler_address))
    thread.join()
    assert killed.is_set()
    assert report.summary["converted"] == 25
    assert tree(tmp_path / "out") == expected


def test_a_scheduler_that_does_not_answer_is_an_error(
    channel: SampleChannel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.sync.dask_engine._PATIENCE", 1)
    with pytest.raises(BridgeError, match="does not answer"):
        run(channel.root, tmp_path / "out", engine=Dask(2, "tcp://127.0.0.1:9"))
    assert not (tmp_path / "out" / "simple").exists()
