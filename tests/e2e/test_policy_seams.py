"""The commands under a policy, and their answers beside those of py-rattler over the same policy's overlays."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
import rattler
from click.testing import CliRunner, Result

from bridge.channel.governed import open_channels
from bridge.channel.solve import resolve, resolve_specs
from bridge.cli import cli
from bridge.errors import BridgeError, Code
from bridge.priority.enforcement import permits_of
from bridge.priority.overlay import build_overlays
from bridge.priority.policy import Ecosystem
from bridge.priority.policy_file import parse_policy, read_policy
from tests.support.overlay_sources import Site, add_conda, add_wheel, serving, write_index

NOW = datetime(2026, 11, 1, tzinfo=UTC)
SUBDIR = "linux-64"
POLICY = """
schema = "bridge-policy/1"
order = ["internal", "public"]
[sources.internal]
conda = "{0}/internal/conda"
pypi = "{0}/internal/simple"
trust = "first-party"
[sources.public]
conda = "{0}/public/conda"
pypi = "{0}/public/simple"
trust = "public"
[[claims]]
packages = ["acme-*"]
from = ["internal"]
[[claims]]
packages = ["theirs"]
from = ["public"]
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Two sources that share names, with a policy file, and its overlays for other clients."""
    root = tmp_path_factory.mktemp("site")
    for source, name, version, *needs in (
        ("internal", "acme-core", "1.0"),
        ("internal", "acme-tool", "1.0", "python"),
        ("internal", "shared", "1.0"),
        ("internal", "theirs", "7.0"),
        ("internal", "inner", "1.0", "shared >=2"),
        ("public", "acme-core", "0.5"),
        ("public", "acme-core", "99"),
        ("public", "acme-tool", "99", "python"),
        ("public", "acme-new", "1.0"),
        ("public", "python", "3.12.0"),
        ("public", "shared", "2.0"),
        ("public", "theirs", "1.0"),
        ("public", "user", "1.0", "acme-core", "shared", "theirs"),
        ("public", "newer", "1.0", "acme-core >=2"),
    ):
        more = {"noarch": "python"} if name == "acme-tool" else {}
        add_conda(root / source, name, version, *needs, **more)
        add_wheel(root / source, name, version)
    write_index(root / "internal")
    write_index(root / "public")
    with serving(root) as served:
        text = POLICY.format(served.address)
        (root / "bridge-policy.toml").write_text(text)
        assert build_overlays(parse_policy(text, "bridge-policy.toml"), root / "overlay", now=NOW).clean
        yield served


def by_rattler(channels: Sequence[str], spec: str, cache: Path) -> dict[str, str] | None:
    """Name and version of what py-rattler installs, python aside; None for nothing."""

    async def run() -> list[rattler.RepoDataRecord]:
        return await rattler.solve(
            [rattler.Channel(each) for each in channels],
            [rattler.MatchSpec(spec)],
            gateway=rattler.Gateway(cache_dir=cache),
            platforms=[SUBDIR, "noarch"],
        )

    try:
        records = asyncio.run(run())
    except rattler.exceptions.SolverError:
        return None
    return {record.name.normalized: str(record.version) for record in records}


@pytest.mark.parametrize(
    "spec",
    [
        *("acme-core", "acme-core <1", "acme-core >=2", "acme-new", "shared", "shared >=2", "theirs", "theirs >=2"),
        *("user", "newer", "inner", "nowhere"),
    ],
)
def test_the_bridge_takes_what_a_client_takes_that_has_nothing_but_the_overlays(
    site: Site, tmp_path: Path, spec: str
) -> None:
    expected = by_rattler([f"{site.address}/overlay/conda/{name}" for name in ("internal", "public")], spec, tmp_path)
    given = permits_of(read_policy(site.root / "bridge-policy.toml"), Ecosystem.CONDA, now=NOW)
    channels = open_channels((), subdirs=[SUBDIR], permits=given)
    try:
        (record,) = resolve_specs(channels, [spec], subdir=SUBDIR)
    except BridgeError:
        assert expected is None
        return
    found = [record, *resolve(channels, record, subdir=SUBDIR)]
    assert expected == {each.index.name: each.index.version for each in found}


def test_a_bound_that_leads_a_client_past_the_owner_leads_the_bridge_nowhere(site: Site, tmp_path: Path) -> None:
    raw = [f"{site.address}/{name}/conda" for name in ("internal", "public")]
    assert by_rattler(raw, "acme-core <1", tmp_path / "cache") == {"acme-core": "0.5"}
    done = run(site, "convert", "acme-core <1", "-o", tmp_path / "out")
    assert done.exit_code == 1
    assert "CB318" in done.stderr
    assert list((tmp_path / "out").iterdir()) == []


def run(site: Site, command: str, *arguments: object) -> Result:
    policy_file = site.root / "bridge-policy.toml"
    return CliRunner().invoke(cli, [command, *map(str, arguments), "--policy", str(policy_file)])


def test_a_conversion_without_channels_takes_those_of_the_policy(site: Site, tmp_path: Path) -> None:
    done = run(site, "convert", "acme-core", "theirs", "-o", tmp_path / "out", "--json", "-j", 1)
    assert done.exit_code == 0, done.output
    sources = [each["outputs"][0]["source"]["filename"] for each in json.loads(done.stdout)["outcomes"]]
    assert sources == ["acme-core-1.0-0.conda", "theirs-1.0-0.conda"]


def test_a_channel_of_no_source_is_refused_before_anything_is_written(site: Site, tmp_path: Path) -> None:
    done = run(site, "convert", "acme-core", "-o", tmp_path / "out", "--channel", "https://me:canary@conda.example/x")
    assert isinstance(done.exception, BridgeError)
    assert done.exception.code is Code.POLICY_SOURCE
    assert "canary" not in str(done.exception)
    assert not (tmp_path / "out").exists()


def test_inspection_obeys_too(site: Site) -> None:
    document = json.loads(run(site, "inspect", "acme-core", "--json").stdout)
    assert (document["version"], document["outcome"]["status"]) == ("1.0", "converted")
    assert json.loads(run(site, "inspect", "acme-core >=2", "--json").stdout)["outcome"]["code"].startswith("CB318")


def test_both_sides_of_a_selection_are_those_of_the_owner(site: Site) -> None:
    document = json.loads(run(site, "select", "acme-tool", "--set", "glibc=2.28", "--json").stdout)
    assert document["conda"] == {"filename": "acme-tool-1.0-0.conda"}
    assert document["wheel"]["filename"] == "acme_tool-1.0-py3-none-any.whl"

    narrowed = [f"--{face}={site.address}/public/{end}" for face, end in (("channel", "conda"), ("index", "simple"))]
    done = run(site, "select", "acme-tool", *narrowed, "--json")
    assert isinstance(done.exception, BridgeError)
    assert done.exception.code is Code.NO_MATCH


def test_a_selection_needs_a_channel_or_a_policy() -> None:
    done = CliRunner().invoke(cli, ["select", "acme-tool"])
    assert done.exit_code == 2
    assert "--channel" in done.output
