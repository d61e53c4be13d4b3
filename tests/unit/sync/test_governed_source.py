"""`sync` under a policy: only what the policy takes from the source is converted, and stays converted."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bridge.cli import cli, run
from bridge.errors import InvalidInput, Unsupported
from bridge.priority.enforcement import permits_of
from bridge.priority.policy import Ecosystem
from bridge.priority.policy_file import read_policy
from bridge.sync.detect import open_source
from bridge.sync.governed_source import GovernedSource
from tests.support.overlay_sources import add_wheel, write_index
from tests.support.sync_samples import SampleChannel, projects

NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def channels(tmp_path: Path) -> dict[str, SampleChannel]:
    """`internal` has acme-core and shared; `public` has acme-core 99, shared and other."""
    inner, outer = SampleChannel(tmp_path / "internal"), SampleChannel(tmp_path / "public")
    inner.python("acme-core", "1.0")
    inner.python("shared", "1.0")
    outer.python("acme-core", "99")
    outer.python("shared", "2.0")
    outer.python("other", "1.0", "acme-core")
    return {"internal": inner, "public": outer}


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "bridge-policy.toml"
    tables = ['schema = "bridge-policy/1"\norder = ["internal", "public"]\n']
    for name, trust in (("internal", "first-party"), ("public", "public")):
        place = (tmp_path / name).as_uri()
        tables.append(f'[sources.{name}]\nconda = "{place}"\npypi = "{place}/simple"\ntrust = "{trust}"\n')
    tables.append('[[claims]]\npackages = ["acme-*"]\nfrom = ["internal"]\n')
    path.write_text("".join(tables))
    return path


def invoke(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["sync", *map(str, arguments), "--engine", "serial"])


@pytest.mark.usefixtures("channels")
@pytest.mark.parametrize(("source", "expected"), [("internal", ["acme-core", "shared"]), ("public", ["other"])])
def test_what_the_policy_gives_to_others_is_left_out(
    tmp_path: Path, policy: Path, source: str, expected: list[str]
) -> None:
    done = invoke(tmp_path / source, tmp_path / "out", "--policy", policy)
    assert done.exit_code == 0, done.output
    assert projects(tmp_path / "out") == expected
    if source == "public":
        assert "2 files are left out" in done.stderr


def test_what_a_changed_policy_no_longer_permits_is_retired(
    tmp_path: Path, policy: Path, channels: dict[str, SampleChannel]
) -> None:
    out = tmp_path / "out"
    assert invoke(channels["internal"].root, out, "--policy", policy).exit_code == 0
    text = policy.read_text()
    policy.write_text(text.replace('order = ["internal", "public"]', 'order = ["public", "internal"]'))
    assert invoke(channels["internal"].root, out, "--policy", policy, "--delete").exit_code == 0
    assert projects(out) == ["acme-core"], "shared comes from the other source now"


def test_a_project_of_an_index_comes_from_its_owner(tmp_path: Path, policy: Path) -> None:
    for source, name, version in (
        ("internal", "acme-core", "1.0"), ("public", "acme-core", "99"), ("public", "other", "1.0"),
    ):  # fmt: skip
        add_wheel(tmp_path / source, name, version)
        write_index(tmp_path / source)
    permits = permits_of(read_policy(policy), Ecosystem.PYPI, now=NOW)
    for source, expected in (("internal", ["acme-core"]), ("public", ["other"])):
        address = tmp_path / source / "simple"
        governed = GovernedSource(open_source(address), address, permits, print)
        assert [file.wheel.project for file in governed.files(_Nothing()) if file.wheel] == expected


class _Nothing:
    def recall(self, key: str, identity: str) -> None:
        return None

    def remember(self, key: str, identity: str, facts: object) -> None:
        pass


def test_a_source_that_the_policy_does_not_have_is_refused(
    tmp_path: Path, policy: Path, channels: dict[str, SampleChannel]
) -> None:
    other = SampleChannel(tmp_path / "elsewhere")
    other.python("acme-core", "3.0")
    permits = permits_of(read_policy(policy), Ecosystem.CONDA, now=NOW)
    governed = GovernedSource(open_source(other.root), other.root, permits, print)
    with pytest.raises(InvalidInput):
        list(governed.files(_Nothing()))
    assert run(["sync", str(other.root), str(tmp_path / "out"), "--policy", str(policy)]) == 1
    assert not (tmp_path / "out" / "simple").exists()


def test_a_directory_of_files_is_no_source_of_a_policy(tmp_path: Path, policy: Path) -> None:
    add_wheel(tmp_path / "loose", "x", "1.0")
    permits = permits_of(read_policy(policy), Ecosystem.PYPI, now=NOW)
    with pytest.raises(Unsupported):
        GovernedSource(open_source(tmp_path / "loose" / "files"), tmp_path / "loose" / "files", permits, print)


@pytest.mark.usefixtures("channels")
def test_a_dry_run_plans_what_would_be_converted(tmp_path: Path, policy: Path) -> None:
    done = invoke(tmp_path / "public", tmp_path / "out", "--policy", policy, "--dry-run", "--json")
    assert done.exit_code == 0, done.output
    (unit,) = json.loads(done.stdout)["units"]
    assert unit["unit"] == "release other 1.0"
    # its requirement is of the other source, which says that it is a Python project
    assert unit["names"]["acme-core"].startswith("python acme-core")
    assert not (tmp_path / "out").exists()
