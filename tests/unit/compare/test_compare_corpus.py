"""Real packages: packed again, and converted to wheels."""

from __future__ import annotations

from pathlib import Path

import conda_package_handling.api
import pytest

import bridge
from bridge.model.plan import Layout

CORPUS = Path(__file__).parents[4] / "shared" / "corpus" / "conda" / "miniforge-linux-64-py312"
NOARCH = ("boltons-24.0.0", "certifi-2024.12.14", "requests-2.32.3", "tqdm-4.67.1", "urllib3-2.3.0")

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not beside the checkout"),
]


def package(stem: str) -> Path:
    (path,) = CORPUS.rglob(f"{stem}-*")
    return path


@pytest.mark.parametrize(
    "stem", ["menuinst-2.2.0", "requests-2.32.3", "pybind11-abi-4", "cffi-1.17.1", "yaml-cpp-0.8.0"]
)
def test_transmuted_packages_are_equal(tmp_path: Path, stem: str) -> None:
    original = package(stem)
    suffix = ".conda" if original.name.endswith(".tar.bz2") else ".tar.bz2"
    conda_package_handling.api.transmute(str(original), suffix, out_folder=str(tmp_path))
    (other,) = tmp_path.iterdir()
    found = bridge.diff(original, other)
    assert found.equal
    assert [each.where for each in found.differences] == ["archive format"]


@pytest.mark.parametrize("layout", [Layout.PREFIX, Layout.VENDORED])
@pytest.mark.parametrize("stem", NOARCH)
def test_only_recorded_losses_of_a_conversion_matter(tmp_path: Path, stem: str, layout: Layout) -> None:
    report = bridge.convert([package(stem)], tmp_path, layout=layout, channels=[CORPUS], jobs=1)
    (output,) = report.outcomes[0].outputs
    losses = {loss.code.number for loss in report.outcomes[0].losses if not loss.code.harmless}
    found = bridge.diff(package(stem), output.path)
    matters = [each for each in found.differences if each.matters]
    assert all("(recorded: CB" in each.where for each in matters)
    assert bool(matters) == bool(losses)


def test_builds_of_one_release_differ(tmp_path: Path) -> None:
    found = bridge.diff(package("cffi-1.17.1"), package("zstandard-0.23.0"))
    assert {"index.json: name", "index.json: version", "index.json: depends: zstd"} <= {
        each.where for each in found.differences if each.matters
    }
