"""Converting on a Dask cluster: the same bytes as without, also where workers die."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from distributed import LocalCluster

from bridge.errors import BridgeError
from bridge.sync.dask_engine import Dask
from bridge.sync.task import Done, Task, Work
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


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    scratch = tmp_path_factory.mktemp("dask")
    with LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, local_directory=scratch, silence_logs="ERROR"
    ) as made:
        yield made


def test_a_cluster_makes_the_same_bytes(
    channel: SampleChannel, expected: dict[str, str], cluster: LocalCluster, tmp_path: Path
) -> None:
    report = run(channel.root, tmp_path / "out", engine=Dask(2, cluster.scheduler_address))
    assert report.summary["converted"] == 25
    assert tree(tmp_path / "out") == expected


@dataclass(frozen=True, slots=True)
class Killing:
    """An engine that kills a worker when the first result is there, and others are being made."""

    engine: Dask
    victim: int

    def run(self, work: Work, tasks: Sequence[Task]) -> Generator[Done, None, None]:
        for number, done in enumerate(self.engine.run(work, tasks)):
            if number == 0:
                os.kill(self.victim, signal.SIGKILL)
            yield done


def test_a_worker_that_dies_loses_nothing(
    channel: SampleChannel, expected: dict[str, str], cluster: LocalCluster, tmp_path: Path
) -> None:
    pid = next(iter(cluster.workers.values())).pid
    assert pid is not None
    report = run(channel.root, tmp_path / "out", engine=Killing(Dask(2, cluster.scheduler_address), pid))
    assert report.summary["converted"] == 25
    assert tree(tmp_path / "out") == expected
    assert next(iter(cluster.workers.values())).pid != pid


def test_a_scheduler_that_does_not_answer_is_an_error(
    channel: SampleChannel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.sync.dask_engine._PATIENCE", 1)
    with pytest.raises(BridgeError, match="does not answer"):
        run(channel.root, tmp_path / "out", engine=Dask(2, "tcp://127.0.0.1:9"))
    assert not (tmp_path / "out" / "simple").exists()
