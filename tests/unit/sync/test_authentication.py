"""Credentials come from where the user keeps them, and go nowhere else."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path

import pytest

from bridge.errors import InvalidInput
from bridge.sync.authentication import authorized
from tests.support.overlay_sources import serving
from tests.support.sync_samples import add_wheel, run

STORE = {
    "conda.example.org": {"BasicHTTP": {"username": "me", "password": "p@ss/word"}},
    "*.example.com": {"CondaToken": "to-ken"},
    "bearer.example.net": {"BearerToken": "nobody"},
    "odd.example.net": [1, 2],
}


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    store, netrc = tmp_path / "credentials.json", tmp_path / "netrc"
    store.write_text(json.dumps(STORE))
    netrc.write_text(
        "machine pypi.example.org login robot password se:cret\nmachine odd.example.net login a password b\n"
    )
    netrc.chmod(0o600)
    return {"RATTLER_AUTH_FILE": str(store), "NETRC": str(netrc), "HOME": str(tmp_path)}


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://conda.example.org/c", "https://me:p%40ss%2Fword@conda.example.org/c"),
        ("https://a.b.example.com/c", "https://a.b.example.com/t/to-ken/c"),
        ("https://pypi.example.org:8443/simple", "https://robot:se%3Acret@pypi.example.org:8443/simple"),
        ("https://odd.example.net/c", "https://a:b@odd.example.net/c"),
        ("https://other.example.org/c", "https://other.example.org/c"),
        ("https://bearer.example.net/c", "https://bearer.example.net/c"),
        # Its own are not replaced, and none are sent where anybody can read them.
        ("https://you:own@conda.example.org/c", "https://you:own@conda.example.org/c"),
        ("https://a.example.com/t/own/c", "https://a.example.com/t/own/c"),
        ("http://conda.example.org/c", "http://conda.example.org/c"),
        ("file:///srv/c", "file:///srv/c"),
        ("some/directory", "some/directory"),
    ],
)
def test_an_address_gets_what_is_kept_for_its_host(environment: dict[str, str], address: str, expected: str) -> None:
    assert authorized(address, environment=environment) == expected


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"[" * 5000, b"\xff\xfe"])
def test_a_store_that_cannot_be_read_has_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "store").write_bytes(content)
    environment = {"RATTLER_AUTH_FILE": str(tmp_path / "store"), "HOME": str(tmp_path)}
    assert authorized("https://conda.example.org/c", environment=environment) == "https://conda.example.org/c"


def test_a_source_that_wants_a_password_gets_it_and_nobody_else_learns_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_wheel(tmp_path / "site", "alpha", "1.0")
    store = tmp_path / "store.json"
    monkeypatch.setenv("RATTLER_AUTH_FILE", str(store))
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    with serving(tmp_path / "site") as site:
        site.wanted["simple"] = f"Basic {b64encode(b'me:secret-word').decode()}"
        with pytest.raises(InvalidInput):
            run(f"{site.address}/simple", tmp_path / "out")
        store.write_text(json.dumps({"127.0.0.1": {"BasicHTTP": {"username": "me", "password": "secret-word"}}}))
        report = run(f"{site.address}/simple", tmp_path / "out")
        assert report.summary["converted"] == 1
    assert "secret-word" not in json.dumps(report.to_json())
    for path in (tmp_path / "out").rglob("*"):
        assert not path.is_file() or b"secret-word" not in path.read_bytes()
