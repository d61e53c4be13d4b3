"""Every real and every malformed package of the corpus: one outcome each, and nothing partial anywhere."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from bridge.channel.convert import convert
from bridge.model.plan import Layout, Status
from tests.e2e.conftest import CORPUS

MALFORMED = ("conda-verify-malformed", "scancode-odd", "unreadable")


@pytest.fixture(scope="module")
def packages() -> list[Path]:
    if not CORPUS.is_dir():
        pytest.skip("the corpus is not beside the checkout")
    found = sorted(path for path in (CORPUS / "conda").rglob("*") if path.name.endswith((".conda", ".tar.bz2")))
    assert len(found) == 680
    return found


def test_every_package_has_one_outcome_and_refused_ones_leave_nothing(packages: list[Path], tmp_path: Path) -> None:
    report = convert(packages, tmp_path, layout=Layout.PREFIX, jobs=2)
    assert [outcome.input for outcome in report.outcomes] == [str(path) for path in packages]
    assert report.summary["internal_error"] == 0
    written = {Path(output.path) for outcome in report.outcomes for output in outcome.outputs}
    # Builds of one release become a family, which has one more file.
    assert {path for path in tmp_path.iterdir() if not path.name.endswith("-variants.json")} == written
    for outcome in report.outcomes:
        assert (outcome.status is Status.CONVERTED) == bool(outcome.outputs)
        assert (outcome.status is Status.CONVERTED) == (outcome.code is None)
        if any(part in MALFORMED for part in Path(outcome.input).parts):
            assert outcome.status is Status.INVALID, outcome
            assert outcome.code is not None
            assert outcome.code.number.startswith("CB1"), outcome


@pytest.mark.parametrize(
    ("name", "platform"),
    [("miniforge-linux-aarch64-py310", "manylinux_2_17_aarch64"), ("miniforge-osx-arm64-py38", "macosx_11_0_arm64")],
)
def test_other_platforms_get_their_tags(name: str, platform: str, packages: list[Path], tmp_path: Path) -> None:
    chosen = [path for path in packages if name in path.parts and path.parent.name != "noarch"]
    report = convert(chosen, tmp_path, layout=Layout.PREFIX)
    tags = {
        output.filename.removesuffix(".whl").split("-")[-1] for outcome in report.outcomes for output in outcome.outputs
    }
    # libmambapy alone needs a newer libstdc++ than manylinux_2_17 promises.
    assert platform in tags
    assert {tag.rsplit("_", 1)[-1] for tag in tags} == {platform.rsplit("_", 1)[-1]}


@pytest.mark.parametrize("layout", list(Layout), ids=lambda layout: layout.value)
def test_same_bytes_with_any_number_of_jobs_in_any_directory(layout: Layout, miniforge: Path, tmp_path: Path) -> None:
    chosen = [path for path in sorted(miniforge.rglob("*")) if path.suffix == ".conda" and path.stat().st_size < 10**6]
    digests = []
    for jobs, directory in ((1, tmp_path / "one"), (2, tmp_path / "elsewhere" / "two")):
        convert(chosen if jobs == 1 else chosen[::-1], directory, layout=layout, channels=[miniforge], jobs=jobs)
        digests.append(
            {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(directory.iterdir())}
        )
    assert digests[0] == digests[1]
    assert len(digests[0]) > 60
