"""Reading a remote channel, against a server on the loopback interface."""

from __future__ import annotations

import base64
import json

import pytest
import zstandard

from bridge.channel import transport
from bridge.channel.repodata import open_channel
from bridge.errors import Code, InvalidInput
from bridge.formats.conda import transport as conda_transport

from .conftest import Server, document, record, serving


def test_a_remote_channel_is_read_compressed_where_it_can_be(server: Server) -> None:
    noarch = json.dumps(document(record("a", subdir="noarch"), subdir="noarch")).encode()
    server.answers["/t/canary/c/noarch/repodata.json.zst"] = (200, {}, zstandard.compress(noarch))
    linux = json.dumps(document(record("b"))).encode()
    server.answers["/t/canary/c/linux-64/repodata.json"] = (200, {}, linux)
    channel = open_channel(server.url("/t/canary/c", user="me:canary@"), subdirs=["linux-64", "win-64"])
    assert channel.names == ("a", "b")
    [found] = channel.records("b")
    assert found.address == server.url("/t/canary/c/linux-64/b-1.0-0.conda", user="me:canary@")
    assert found.url == server.url("/c/linux-64/b-1.0-0.conda")
    assert "canary" not in f"{found!r} {channel.url}"
    expected = "Basic " + base64.b64encode(b"me:canary").decode()
    assert {authorization for _, authorization in server.asked} == {expected}


@pytest.mark.parametrize("status", [401, 403, 500])
def test_a_server_that_refuses_is_an_error_without_secrets(server: Server, status: int) -> None:
    server.answers["/t/canary/c/noarch/repodata.json.zst"] = (status, {}, b"canary")
    with pytest.raises(InvalidInput) as caught:
        open_channel(server.url("/t/canary/c", user="canary:canary@"), subdirs=[])
    assert caught.value.code is Code.SOURCE
    assert str(status) in str(caught.value)
    assert "canary" not in str(caught.value)


def test_a_server_that_is_not_there_is_an_error_without_secrets() -> None:
    with serving() as gone:
        address = gone.url("/t/canary/c", user="canary:canary@")
    with pytest.raises(InvalidInput) as caught:
        open_channel(address, subdirs=[])
    assert caught.value.code is Code.SOURCE
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_redirection_on_the_same_host_keeps_the_credentials(server: Server) -> None:
    server.answers["/a"] = (302, {"Location": "/b"}, b"")
    server.answers["/b"] = (200, {}, b"x")
    assert transport.get(server.url("/a", user="me:canary@"), limit=10) == b"x"
    assert [authorization is not None for _, authorization in server.asked] == [True, True]


@pytest.mark.parametrize(
    "target",
    [
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
        "http://169.254.169.254/latest",
        "http://localhost/x",
        "http://a@b/x",
    ],
)
def test_a_redirection_to_another_scheme_or_inside_is_refused(server: Server, target: str) -> None:
    server.answers["/a"] = (302, {"Location": target}, b"")
    with pytest.raises(InvalidInput) as caught:
        transport.get(server.url("/a"), limit=10)
    assert caught.value.code is Code.SOURCE


def test_a_redirection_to_another_host_carries_no_credentials(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    # Every host that a test can reach is an inside one, which the guard would refuse.
    monkeypatch.setattr(conda_transport, "is_inside", lambda _host: False)
    with serving() as other:
        other.answers["/b"] = (200, {}, b"x")
        server.answers["/a"] = (302, {"Location": other.url("/b")}, b"")
        assert transport.get(server.url("/a", user="me:canary@"), limit=10) == b"x"
        assert other.asked == [("/b", None)]


def test_endless_redirections_end(server: Server) -> None:
    server.answers["/a"] = (302, {"Location": "/a"}, b"")
    with pytest.raises(InvalidInput) as caught:
        transport.get(server.url("/a"), limit=10)
    assert caught.value.code is Code.SOURCE
    assert len(server.asked) < 10


def test_a_body_that_is_too_large_is_refused(server: Server) -> None:
    server.answers["/a"] = (200, {}, b"x" * 11)
    with pytest.raises(InvalidInput) as caught:
        transport.get(server.url("/a"), limit=10)
    assert caught.value.code is Code.LIMIT
