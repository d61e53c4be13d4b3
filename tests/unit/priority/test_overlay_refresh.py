"""Refreshing overlays: what is fetched and written again, what changed at the sources, and what if they fail."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bridge.errors import BridgeError, Code, InvalidInput, Unsupported
from bridge.priority.manifest import verify_overlays
from bridge.priority.overlay import build_overlays
from bridge.priority.overlay_report import OverlayReport
from tests.support.overlay_sources import Site, add_conda, add_wheel, policy, serving, write_index

NOW = datetime(2026, 11, 1, tzinfo=UTC)
CANARY = "s3cr3t-c4n4ry"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    for source in ("internal", "public"):
        add_conda(tmp_path / source, f"{source}-pkg", "1.0")
        add_wheel(tmp_path / source, f"{source}-pkg", "1.0")
        write_index(tmp_path / source)
    with serving(tmp_path) as served:
        yield served


def built(site: Site, now: datetime = NOW, **options: Any) -> OverlayReport:
    words = {key: options.pop(key) for key in ("more", "head", "internal") if key in options}
    return build_overlays(policy(site.address, **words), site.root / "overlay", now=now, **options)


def state(site: Site) -> dict[str, bytes]:
    root = site.root / "overlay"
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def test_the_same_sources_give_the_same_bytes_anywhere(site: Site) -> None:
    built(site)
    first = state(site)
    shutil.rmtree(site.root / "overlay")
    shutil.rmtree(site.root / ".overlay-origins")
    built(site, jobs=1)
    assert state(site) == first
    assert not [path for path in site.root.iterdir() if path.name.startswith(".overlay") and "origins" not in path.name]


def test_what_has_not_changed_is_neither_sent_nor_written_again(site: Site) -> None:
    built(site)
    before = {path: path.stat().st_mtime_ns for path in (site.root / "overlay").rglob("*")}
    site.asked.clear()
    report = built(site, now=NOW + timedelta(days=1))
    assert report.written == report.removed == ()
    assert site.counted(200) == 0
    assert {path: path.stat().st_mtime_ns for path in (site.root / "overlay").rglob("*")} == before


def test_only_the_project_that_changed_is_written(site: Site) -> None:
    built(site)
    add_wheel(site.root / "public", "public-pkg", "1.1")
    write_index(site.root / "public")
    report = built(site)
    pages = [path for path in map(str, report.written) if path.startswith("pypi")]
    assert pages == ["pypi/simple/public-pkg/index.html", "pypi/simple/public-pkg/index.json"]
    assert verify_overlays(site.root / "overlay") == ()


def replace_files(site: Site) -> None:
    path = site.root / "public/files/public_pkg-1.0-py3-none-any.whl"
    path.write_bytes(path.read_bytes() + b"x")
    write_index(site.root / "public")
    add_conda(site.root / "public", "public-pkg", "1.0", size=5)
    channel = site.root / "public/conda/noarch/repodata.json"
    document = json.loads(channel.read_text())
    document["packages.conda"]["public-pkg-1.0-0.conda"]["sha256"] = "1" * 64
    channel.write_text(json.dumps(document))


def test_a_file_of_the_same_name_with_other_bytes_is_withheld_until_it_is_accepted(site: Site) -> None:
    built(site)
    replace_files(site)
    for _ in range(2):  # it does not become true by being said twice
        report = built(site)
        assert not report.clean
        changed = {f.subject for f in report.findings if f.code is Code.OVERLAY_CHANGED}
        assert changed == {"public_pkg-1.0-py3-none-any.whl", "noarch/public-pkg-1.0-0.conda"}
    assert json.loads(state(site)["pypi/simple/public-pkg/index.json"])["files"] == []
    assert json.loads(state(site)["conda/public/noarch/repodata.json"])["packages.conda"] == {}
    new = json.loads((site.root / "public/simple/public-pkg/index.json").read_text())["files"][0]["hashes"]["sha256"]
    report = built(site, accepted=frozenset({new, "1" * 64}))
    assert report.clean
    assert len(json.loads(state(site)["pypi/simple/public-pkg/index.json"])["files"]) == 1
    assert list(json.loads(state(site)["conda/public/noarch/repodata.json"])["packages.conda"])


def test_a_file_that_is_gone_is_told_once_and_remembered(site: Site) -> None:
    built(site)
    shutil.rmtree(site.root / "public/simple/public-pkg")
    report = built(site)
    assert [f.subject for f in report.findings if f.code is Code.OVERLAY_GONE] == [
        "public-pkg: public_pkg-1.0-py3-none-any.whl"
    ]
    assert [str(path) for path in report.removed if str(path).startswith("pypi")] == [
        "pypi/simple/public-pkg/index.html",
        "pypi/simple/public-pkg/index.json",
    ]
    assert built(site).findings == ()
    replace_files(site)
    assert Code.OVERLAY_CHANGED in {f.code for f in built(site).findings}


def test_a_file_that_comes_of_age_is_offered_though_nothing_else_changed(site: Site) -> None:
    times = {"internal_pkg-1.0-py3-none-any.whl": {"upload-time": "2026-10-30T00:00:00Z"}}
    write_index(site.root / "internal", **times)
    built(site, internal='min-age = "7d"')
    assert json.loads(state(site)["pypi/simple/internal-pkg/index.json"])["files"] == []
    built(site, now=datetime(2026, 11, 6, 1, tzinfo=UTC), internal='min-age = "7d"')
    assert len(json.loads(state(site)["pypi/simple/internal-pkg/index.json"])["files"]) == 1


@pytest.mark.parametrize("source", ["internal", "public"])
def test_nothing_changes_where_a_source_does_not_answer(site: Site, source: str) -> None:
    built(site)
    before = state(site)
    add_wheel(site.root / "internal", "internal-pkg", "2.0")
    write_index(site.root / "internal")
    site.down.add(source)
    with pytest.raises(InvalidInput) as caught:
        built(site)
    assert caught.value.code is Code.OVERLAY_SOURCE
    assert state(site) == before


def test_with_a_warning_what_a_source_said_last_counts(site: Site) -> None:
    head = 'on-unreachable = "warn"'
    built(site, head=head)
    before = state(site)
    site.down.add("internal")
    report = built(site, head=head)
    assert not report.clean
    assert {f.code for f in report.findings} == {Code.OVERLAY_SOURCE}
    assert state(site) == before


def test_a_source_that_never_answered_leaves_what_it_would_decide_about_open(site: Site) -> None:
    site.down.add("internal")
    report = built(site, head='on-unreachable = "warn"')
    assert not report.clean
    assert json.loads(state(site)["conda/public/noarch/repodata.json"])["packages.conda"] == {}
    assert "pypi/simple/public-pkg/index.json" not in state(site)


def test_offline_the_overlays_are_made_of_what_was_said_last(site: Site) -> None:
    built(site)
    before = state(site)
    site.asked.clear()
    shutil.rmtree(site.root / "overlay")
    built(site, offline=True)
    assert state(site) == before
    assert site.asked == []


@pytest.mark.parametrize(
    ("secret", "header"),
    [(f"me:{CANARY}", "Basic bWU6czNjcjN0LWM0bjRyeQ=="), (CANARY, f"Bearer {CANARY}")],
)
def test_credentials_reach_their_source_and_nothing_else(site: Site, secret: str, header: str) -> None:
    site.wanted["internal"] = header
    built(site, internal='credentials = "env:ACME"', credentials={"ACME": secret})
    for path in site.root.rglob("*"):
        if path.is_file() and "internal" not in path.parts:
            assert CANARY.encode() not in path.read_bytes()
            assert header.encode() not in path.read_bytes()
    site.wanted["internal"] = "another"
    with pytest.raises(BridgeError) as caught:
        built(site, internal='credentials = "env:ACME"', credentials={"ACME": secret})
    assert CANARY not in f"{caught.value} {caught.value!r}"


def test_credentials_that_are_missing_are_an_error(site: Site) -> None:
    with pytest.raises(InvalidInput) as caught:
        built(site, internal='credentials = "env:ACME"', credentials={})
    assert "ACME is not set" in str(caught.value)


def test_credentials_come_from_netrc(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "netrc"
    path.write_text(f"machine 127.0.0.1 login me password {CANARY}\n")
    path.chmod(0o600)
    site.wanted["internal"] = "Basic bWU6czNjcjN0LWM0bjRyeQ=="
    built(site, internal='credentials = "netrc"', credentials={"NETRC": str(path)})


def test_credentials_come_from_a_keyring(site: Site, tmp_path: Path) -> None:
    program = tmp_path / "bin" / "keyring"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho \'{{"username": "me", "password": "{CANARY}"}}\'\n')
    program.chmod(0o755)
    site.wanted["internal"] = "Basic bWU6czNjcjN0LWM0bjRyeQ=="
    built(site, internal='credentials = "keyring"', credentials={"PATH": f"{program.parent}:{os.environ['PATH']}"})


def test_a_source_that_redirects_to_another_host_does_not_get_away_with_it(site: Site) -> None:
    other = site.address.replace("127.0.0.1", "localhost")
    site.redirects["/internal/simple/"] = f"{other}/public/simple/"
    site.redirects["/internal/simple/internal-pkg/"] = f"{other}/public/simple/public-pkg/"
    with pytest.raises(InvalidInput) as caught:
        built(site, names=["internal-pkg"])
    assert caught.value.code is Code.OVERLAY_SOURCE


def test_a_file_that_was_edited_is_found_and_made_again(site: Site) -> None:
    built(site)
    before = state(site)
    edited = site.root / "overlay/pypi/simple/public-pkg/index.html"
    edited.write_text("<a href='http://evil.example/x'>")
    (site.root / "overlay/extra").write_text("")
    assert [f.subject for f in verify_overlays(site.root / "overlay")] == [
        "pypi/simple/public-pkg/index.html",
        "extra",
    ]
    (site.root / "overlay/extra").unlink()
    built(site)
    assert state(site) == before


def test_a_directory_of_something_else_is_left_alone(site: Site) -> None:
    (site.root / "overlay").mkdir()
    (site.root / "overlay/thesis.txt").write_text("mine")
    with pytest.raises(Unsupported) as caught:
        built(site)
    assert caught.value.code is Code.OVERLAY_INTEGRITY
    assert list(state(site)) == ["thesis.txt"]


@pytest.mark.parametrize(
    "data", [b"{", b"{}", b'{"schema": 1}', b'{"schema": "conda-bridge/overlay-manifest/1", "files": []}']
)
def test_a_malformed_manifest_stops_everything(site: Site, data: bytes) -> None:
    built(site)
    (site.root / "overlay/manifest.json").write_bytes(data)
    with pytest.raises(InvalidInput) as caught:
        built(site)
    assert caught.value.code is Code.OVERLAY_INTEGRITY


def test_two_runs_do_not_mix(site: Site) -> None:
    (site.root / ".overlay.publishing").touch()
    with pytest.raises(Unsupported) as caught:
        built(site)
    assert caught.value.code is Code.OVERLAY_INTEGRITY


@pytest.fixture
def key(tmp_path: Path) -> Path:
    if shutil.which("ssh-keygen") is None:
        pytest.skip("ssh-keygen is not here")
    path = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "me", "-f", path], check=True)
    (tmp_path / "signers").write_text(f"me {path.with_suffix('.pub').read_text()}")
    return path


def test_a_program_signs_and_verifies_the_manifest(site: Site, key: Path) -> None:
    signing = ["ssh-keygen", "-q", "-Y", "sign", "-f", str(key), "-n", "overlay", "{}"]
    signers = key.with_name("signers")
    verifying = [
        "ssh-keygen", "-Y", "verify", "-f", str(signers), "-I", "me", "-n", "overlay", "-s", "{}.sig"
    ]  # fmt: skip
    built(site, sign_command=signing)
    assert verify_overlays(site.root / "overlay", verify_command=verifying) == ()
    add_wheel(site.root / "public", "public-pkg", "1.1")
    write_index(site.root / "public")
    built(site, sign_command=signing)
    assert verify_overlays(site.root / "overlay", verify_command=verifying) == ()
    manifest = site.root / "overlay/manifest.json"
    manifest.write_bytes(manifest.read_bytes().replace(b'"size"', b'"size" ', 1))
    found = verify_overlays(site.root / "overlay", verify_command=verifying)
    assert [f.detail for f in found] == ["the signature is refused"]


def test_an_overlay_that_could_not_be_signed_is_not_published(site: Site) -> None:
    with pytest.raises(InvalidInput):
        built(site, sign_command=["false"])
    with pytest.raises(InvalidInput):
        built(site, sign_command=["true"])
    assert state(site) == {}
