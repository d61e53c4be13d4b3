"""Links to libraries of other packages: conda's libblas is nothing else, and numpy needs the names."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

import pytest

from bridge.errors import Code
from bridge.model.plan import Layout
from tests.support.conda_archives import Link, make_conda
from tests.support.sample_packages import channel_of, library, outcome_of

OPENBLAS = library("libopenblas.so.0", "libc.so.6")


def blas_channel(directory: Path) -> tuple[Path, Path]:
    """A channel with `libopenblas` and with `libblas`, which only links to it; and the package `libblas`."""
    openblas = make_conda(
        directory,
        name="libopenblas",
        files={"lib/libopenblasp-r0.3.so": OPENBLAS, "lib/libopenblas.so.0": Link("libopenblasp-r0.3.so")},
    )
    links = {"lib/libblas.so.3": Link("libopenblasp-r0.3.so"), "lib/libblas.so": Link("libopenblasp-r0.3.so")}
    blas = make_conda(directory, name="libblas", files=links, index={"depends": ["libopenblas >=1.0"]})
    channel = channel_of(directory / "channel", openblas, blas)
    return channel, channel / "linux-64" / blas.name


@pytest.mark.parametrize(
    ("layout", "member"),
    [
        (Layout.PREFIX, "conda_native_libblas-1.0.data/data/lib/libblas.so.3"),
        (Layout.SHARED, "_/lib/libblas.so.3"),
    ],
)
def test_the_library_comes_along_under_the_name_that_others_need(layout: Layout, member: str, tmp_path: Path) -> None:
    channel, package = blas_channel(tmp_path)
    outcome = outcome_of(package, tmp_path / "out", layout, channels=[channel])
    with zipfile.ZipFile(outcome.outputs[0].path) as wheel:
        assert wheel.read(member) == OPENBLAS
        provenance = json.loads(wheel.read("conda_native_libblas-1.0.dist-info/conda/provenance.json"))
    digest = hashlib.sha256(OPENBLAS).hexdigest()
    assert provenance["vendored"][member] == {"provider": "libopenblas-1.0-0.conda", "sha256": digest}
    assert "libblas.so.3" in json.dumps(provenance["restore"]["symlinks"])
    losses = {(loss.code, loss.subject) for loss in outcome.losses}
    assert (Code.SYMLINK, "lib/libblas.so.3") in losses
    assert (Code.FOREIGN_LINK, "lib/libblas.so.3") not in losses
    # Only programs that are linked anew ask for the name without a number.
    assert (Code.FOREIGN_LINK, "lib/libblas.so") in losses


def test_without_the_channel_the_link_is_a_loss(tmp_path: Path) -> None:
    _, package = blas_channel(tmp_path)
    outcome = outcome_of(package, tmp_path / "out", Layout.PREFIX)
    assert {loss.subject for loss in outcome.losses if loss.code is Code.FOREIGN_LINK} == {
        "lib/libblas.so",
        "lib/libblas.so.3",
    }
