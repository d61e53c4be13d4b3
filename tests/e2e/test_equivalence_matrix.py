"""Both ecosystems take the same build: sample families on every machine, and the releases of real channels.

`python benchmarks/equivalence.py` runs the same and writes docs/equivalence.md.
"""

from __future__ import annotations

import pytest

from benchmarks.equivalence import SNAPSHOTS, Findings, matrix, real, report
from bridge.select.selection import Verdict
from tests.e2e.conftest import CORPUS, ROOT
from tests.support.families import FAMILIES, hosts


@pytest.fixture(scope="module")
def samples() -> Findings:
    return matrix()


def test_there_are_machines_enough() -> None:
    machines = dict(hosts())
    assert len(machines) >= 60
    assert {host.subdir for host in machines.values()} >= {"linux-64", "osx-64", "osx-arm64", "win-64"}


def test_every_sample_family_is_the_same_build_on_every_machine(samples: Findings) -> None:
    assert samples.releases.keys() == FAMILIES.keys()
    assert not samples.different
    assert samples.total.cells > 3000


def test_only_machines_that_no_build_is_for_are_left_to_the_fallback(samples: Findings) -> None:
    assert samples.no_build.keys() == {"gpuonly"}
    assert all("cuda" not in machine or "cuda11.8" in machine for machine in samples.no_build["gpuonly"])
    assert samples.groups["gpuonly"].verdicts[Verdict.NO_BUILD] == len(samples.no_build["gpuonly"])


@pytest.mark.parametrize("title", SNAPSHOTS)
def test_releases_of_real_channels_agree(title: str) -> None:
    document = CORPUS / SNAPSHOTS[title]
    if not document.is_file():
        pytest.skip("the corpus is not beside the checkout")
    found = real(document)
    assert found.releases["all"] > 300
    assert found.total.same >= 0.99 * found.total.decided
    for axis in ("cuda", "blas", "gpu"):
        assert found.groups[axis].same == found.groups[axis].decided, found.different


def test_the_page_is_up_to_date_where_it_can_be_told(samples: Findings) -> None:
    page = (ROOT / "docs" / "equivalence.md").read_text()
    for line in report(samples, {}, {}).splitlines():
        assert line in page
