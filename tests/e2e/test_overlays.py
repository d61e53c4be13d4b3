"""Overlays on loopback: uv, pip and py-rattler take a claimed package from its owner, however they set priorities."""

from __future__ import annotations

import asyncio
import hashlib
import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.request import urlopen

import pytest
import rattler
from rattler import ChannelPriority

from bridge.priority.manifest import verify_overlays
from bridge.priority.overlay import build_overlays
from tests.support.client_venvs import client, isolated
from tests.support.overlay_sources import Site, add_conda, add_wheel, policy, serving, write_index

NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def overlays(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """`internal` has acme-core 1.0, shared 1.0 and onlyint; `public` has acme-core 99, shared 2.0 and onlypub."""
    root = tmp_path_factory.mktemp("site")
    inner, outer = root / "internal", root / "public"
    for source, name, version, *needs in (
        (inner, "acme-core", "1.0"),
        (inner, "shared", "1.0"),
        (inner, "onlyint", "1.0", "shared>=2"),
        (outer, "acme-core", "99"),
        (outer, "acme-new", "1.0"),
        (outer, "shared", "2.0"),
        (outer, "onlypub", "1.0", "acme-core"),
    ):
        add_wheel(source, name, version, *needs)
        add_conda(source, name, version, *(need.replace(">=", " >=") for need in needs))
    write_index(inner)
    write_index(outer)
    with serving(root) as site:
        report = build_overlays(policy(site.address), root / "overlay", now=NOW)
        assert report.clean
        assert verify_overlays(root / "overlay") == ()
        yield site


CASES = [
    (["acme-core"], {"acme-core": "1.0"}),
    (["acme-core>=2"], None),
    (["acme-new"], None),
    (["onlypub"], {"onlypub": "1.0", "acme-core": "1.0"}),
    (["shared"], {"shared": "1.0"}),
    (["shared>=2"], None),
    (["onlyint"], None),
]
IDS = ["direct", "bounded", "absent-at-its-owner", "transitive", "order", "order-bounded", "order-transitive"]


@pytest.mark.parametrize(("wanted", "expected"), CASES, ids=IDS)
@pytest.mark.parametrize("priority", [ChannelPriority.Strict, ChannelPriority.Flexible, ChannelPriority.Disabled])
def test_rattler_solves_as_the_policy_says_with_every_channel_priority(
    overlays: Site, tmp_path: Path, wanted: list[str], expected: dict[str, str] | None, priority: ChannelPriority
) -> None:
    channels = [rattler.Channel(f"{overlays.address}/overlay/conda/{name}") for name in ("internal", "public")]

    async def run() -> list[rattler.RepoDataRecord]:
        return await rattler.solve(
            channels,
            [rattler.MatchSpec(spec.replace(">=", " >=")) for spec in wanted],
            gateway=rattler.Gateway(cache_dir=tmp_path),
            platforms=["linux-64", "noarch"],
            channel_priority=priority,
        )

    if expected is None:
        with pytest.raises(rattler.exceptions.SolverError):
            asyncio.run(run())
        return
    records = asyncio.run(run())
    assert {record.name.normalized: str(record.version) for record in records} == expected
    for record in records:
        assert record.url.startswith(f"{overlays.address}/{'public' if 'onlypub' in record.url else 'internal'}/conda/")
        with urlopen(record.url) as response:
            assert hashlib.sha256(response.read()).digest() == record.sha256


def test_rattler_solves_from_the_whole_document_alike(overlays: Site) -> None:
    names = {"onlypub": "public", "acme-core": "internal"}
    data = [
        rattler.SparseRepoData(
            rattler.Channel(f"{overlays.address}/overlay/conda/{source}"),
            "noarch",
            overlays.root / "overlay" / "conda" / source / "noarch" / "repodata.json",
        )
        for source in ("internal", "public")
    ]
    records = asyncio.run(rattler.solve_with_sparse_repodata([rattler.MatchSpec("onlypub")], data))
    assert {record.name.normalized: record.url.split("/")[3] for record in records} == names


@pytest.mark.parametrize(("wanted", "expected"), CASES, ids=IDS)
def test_uv_resolves_as_the_policy_says(
    overlays: Site, tmp_path: Path, wanted: list[str], expected: dict[str, str] | None
) -> None:
    done = subprocess.run(
        [
            client("uv"), "pip", "compile", "-", "--no-header", "--no-annotate", "--no-cache",
            "--index-strategy", "unsafe-best-match",
            "--default-index", f"{overlays.address}/overlay/pypi/simple/",
        ],
        input="\n".join(wanted), env=isolated(tmp_path / "home"), capture_output=True, text=True, check=False,
    )  # fmt: skip
    if expected is None:
        assert done.returncode != 0, done.stdout
    else:
        assert done.returncode == 0, done.stderr
        assert dict(line.split("==") for line in done.stdout.split()) == expected


@pytest.mark.parametrize(("wanted", "expected"), CASES, ids=IDS)
def test_pip_downloads_as_the_policy_says(
    overlays: Site, tmp_path: Path, wanted: list[str], expected: dict[str, str] | None
) -> None:
    done = subprocess.run(
        [
            client("pip"), "download", "--quiet", "--no-cache-dir", "--dest", tmp_path / "got",
            "--index-url", f"{overlays.address}/overlay/pypi/simple/", *wanted,
        ],
        env=isolated(tmp_path / "home"), capture_output=True, text=True, check=False,
    )  # fmt: skip
    if expected is None:
        assert done.returncode != 0, done.stdout
        return
    assert done.returncode == 0, done.stderr
    got = {path.name.split("-")[0].replace("_", "-"): path for path in (tmp_path / "got").iterdir()}
    assert {name: path.name.split("-")[1] for name, path in got.items()} == expected
    for name, path in got.items():
        source = "public" if name == "onlypub" else "internal"
        assert path.read_bytes() == (overlays.root / source / "files" / path.name).read_bytes()


def test_a_replaced_file_is_refused(overlays: Site, tmp_path: Path) -> None:
    """The overlay's hash binds what the origin serves."""
    page = json.loads((overlays.root / "overlay/pypi/simple/acme-core/index.json").read_bytes())
    path = overlays.root / "internal" / "files" / page["files"][0]["filename"]
    before = path.read_bytes()
    path.write_bytes(before + b"more")
    try:
        done = subprocess.run(
            [
                client("pip"), "download", "--no-cache-dir", "--dest", tmp_path / "got",
                "--index-url", f"{overlays.address}/overlay/pypi/simple/", "acme-core",
            ],
            env=isolated(tmp_path / "home"), capture_output=True, text=True, check=False,
        )  # fmt: skip
    finally:
        path.write_bytes(before)
    assert done.returncode != 0
    assert "HASHES" in done.stderr.upper()


@pytest.mark.parametrize(("intent", "build"), [("prefer", "mkl"), ("avoid", "openblas"), ("", "openblas")])
def test_rattler_takes_the_build_that_is_preferred_whatever_its_number(tmp_path: Path, intent: str, build: str) -> None:
    root = tmp_path / "site"
    add_conda(root / "public", "num", "1.0", build="mkl", build_number=0)
    add_conda(root / "public", "num", "1.0", build="openblas", build_number=9)
    for source in ("internal", "public"):
        add_conda(root / source, "other", "1.0")
        add_wheel(root / source, "other", "1.0")
        write_index(root / source)
    rule = f"""
[[variants.rules]]
packages = ["num"]
intent = "{intent}"
property = "blas_lapack :: library :: mkl"
"""
    with serving(root) as site:
        build_overlays(policy(site.address, more=rule if intent else ""), root / "overlay", now=NOW)
    data = rattler.SparseRepoData(
        rattler.Channel("https://overlay.example"), "noarch", root / "overlay/conda/public/noarch/repodata.json"
    )
    (record,) = asyncio.run(rattler.solve_with_sparse_repodata([rattler.MatchSpec("num")], [data]))
    assert str(record.build) == build
