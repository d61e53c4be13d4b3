"""A small channel, its planned index, and a lazy index over it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.sync.lazy.index import LazyIndex
from bridge.sync.lazy.planning import plan_index
from tests.support.sync_samples import SampleChannel


@pytest.fixture
def channel(tmp_path: Path) -> SampleChannel:
    """Two packages for Python 3.12 on linux-64, and two for any."""
    made = SampleChannel(tmp_path / "channel")
    made.python("alpha", "1.0", "beta >=1,<2.0a0", "gamma")
    made.python("beta", "1.0", "gamma >=2")
    made.noarch("gamma", "2.0")
    made.noarch("delta", "1.0")
    return made


@pytest.fixture
def planned(channel: SampleChannel, tmp_path: Path) -> Path:
    """The planned index of the channel."""
    return plan_index(channel.root, tmp_path / "planned").directory


@pytest.fixture
def index(planned: Path, tmp_path: Path) -> Iterator[LazyIndex]:
    """The application."""
    with LazyIndex(planned, tmp_path / "cache") as made:
        yield made
