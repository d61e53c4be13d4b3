"""Remote packages, against a small server on the loopback that can misbehave."""

from __future__ import annotations

import bz2
import hashlib
import http.server
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from bridge.errors import InvalidInput
from bridge.formats.conda.artifact import open_artifact
from bridge.formats.conda.remote import TAIL, download, open_remote
from bridge.formats.conda.transport import redacted
from bridge.limits import Limits
from tests.support.conda_archives import (
    FORMAT_DOCUMENT,
    Package,
    TarEntry,
    ZipMember,
    make_conda,
    zip_bytes,
    zstd,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass
class Server:
    """Files by path, and what was asked for."""

    files: dict[str, bytes] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    ranges: bool = True
    truncate: int = 0
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    sent: int = 0
    url: str = ""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "*")
    state = Server()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            state.requests.append((self.path, wanted))
            if self.path in state.redirects:
                self.send_response(302)
                self.send_header("Location", state.redirects[self.path])
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            data = state.files.get(self.path)
            if data is None:
                self.send_error(404)
                return
            if wanted and state.ranges:
                first, last = wanted.removeprefix("bytes=").split("-")
                start = int(first) if first else max(0, len(data) - int(last))
                stop = int(last) + 1 if first and last else len(data)
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(data)}")
                data = data[start:stop]
            else:
                self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            for place in range(0, len(data) - state.truncate, 1 << 16):
                try:
                    block = data[place : min(place + (1 << 16), len(data) - state.truncate)]
                    self.wfile.write(block)
                    state.sent += len(block)
                except OSError:
                    return

        def log_message(self, *_: Any) -> None:
            pass

    class Quiet(http.server.ThreadingHTTPServer):
        def handle_error(self, *_: Any) -> None:
            pass

    with Quiet(("127.0.0.1", 0), Handler) as running:
        state.url = f"http://127.0.0.1:{running.server_address[1]}"
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield state
        running.shutdown()
        thread.join()


def incompressible(size: int) -> bytes:
    return b"".join(hashlib.sha256(number.to_bytes(4, "big")).digest() for number in range(size // 32))


def publish(server: Server, path: Path) -> str:
    server.files[f"/ch/linux-64/{path.name}"] = path.read_bytes()
    return f"{server.url}/ch/linux-64/{path.name}"


@pytest.mark.parametrize("archive", [".conda", ".tar.bz2"])
@pytest.mark.parametrize("ranges", [True, False])
def test_remote_metadata_is_that_of_the_file(tmp_path: Path, server: Server, archive: str, ranges: bool) -> None:
    path = make_conda(tmp_path, files={"lib/a": b"1"}, index={"depends": ["python"]}, format=archive)
    server.ranges = ranges
    url = publish(server, path)
    with open_remote(url, subdir="linux-64") as remote, open_artifact(path) as local:
        assert remote.filename == path.name
        assert remote.metadata() == local.metadata()
        assert remote.metadata() is remote.metadata()
    assert len(server.requests) == 1


def test_one_request_for_the_tail_is_enough(tmp_path: Path, server: Server) -> None:
    path = make_conda(tmp_path, files={"lib/a": incompressible(1 << 20)})
    url = publish(server, path)
    assert open_remote(url).metadata().index.name == "demo"
    assert server.requests == [("/ch/linux-64/demo-1.0-0.conda", f"bytes=-{TAIL}")]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (0, 2, 1)])
def test_description_elsewhere_takes_one_more_request(tmp_path: Path, server: Server, order: tuple[int, ...]) -> None:
    package = Package(files={"lib/a": incompressible(1 << 18)}, info={"info/recipe/x": incompressible(1 << 17)})
    members = package.zip_members()
    path = tmp_path / "demo-1.0-0.conda"
    path.write_bytes(zip_bytes([members[number] for number in order]))
    url = publish(server, path)
    with open_artifact(path) as local:
        assert open_remote(url).metadata() == local.metadata()
    assert len(server.requests) == 2


def test_payload_is_never_fetched_with_the_description(tmp_path: Path, server: Server) -> None:
    package = Package(files={"lib/a": incompressible(1 << 20)})
    members = package.zip_members()
    path = tmp_path / "demo-1.0-0.conda"
    path.write_bytes(zip_bytes([members[2], members[1], members[0]]))
    assert open_remote(publish(server, path)).metadata().index.name == "demo"
    assert server.sent < 2 * TAIL


def test_description_that_claims_to_be_huge_is_not_fetched(tmp_path: Path, server: Server) -> None:
    package = Package(files={"lib/a": incompressible(1 << 17)}, info={"info/recipe/x": incompressible(1 << 18)})
    url = publish(server, package.write(tmp_path))
    with pytest.raises(InvalidInput, match="CB109"):
        open_remote(url, limits=Limits(info_size=1 << 17)).metadata()
    assert len(server.requests) == 1


def test_streamed_bomb_is_refused(tmp_path: Path, server: Server) -> None:
    package = Package(more_info=[TarEntry("lib/zeros", bytes(1 << 20))])
    tar = package.more_info[0].encode() + package.info_tar()
    path = tmp_path / "demo-1.0-0.tar.bz2"
    path.write_bytes(bz2.compress(tar))
    with pytest.raises(InvalidInput, match="CB109"):
        open_remote(publish(server, path), limits=Limits(ratio=10, ratio_floor=1 << 16)).metadata()


def test_stream_is_cut_when_the_description_ends(tmp_path: Path, server: Server) -> None:
    path = make_conda(tmp_path, files={"lib/a": incompressible(12 << 20)}, format=".tar.bz2")
    url = publish(server, path)
    assert open_remote(url).metadata().index.name == "demo"
    assert server.sent < path.stat().st_size


@pytest.mark.parametrize("archive", [".conda", ".tar.bz2"])
def test_remote_refuses_what_the_reader_refuses(tmp_path: Path, server: Server, archive: str) -> None:
    path = make_conda(tmp_path, index={"name": "other"}, format=archive)
    with pytest.raises(InvalidInput, match="CB112"):
        open_remote(publish(server, path)).metadata()


def test_remote_refuses_another_subdir(tmp_path: Path, server: Server) -> None:
    url = publish(server, make_conda(tmp_path))
    with pytest.raises(InvalidInput, match="CB112"):
        open_remote(url, subdir="osx-64").metadata()


def test_remote_refuses_a_local_header_that_differs(tmp_path: Path, server: Server) -> None:
    package = Package()
    members = [
        ZipMember("metadata.json", FORMAT_DOCUMENT),
        ZipMember("pkg-demo-1.0-0.tar.zst", zstd(package.payload_tar())),
        ZipMember("info-demo-1.0-0.tar.zst", zstd(package.info_tar()), local_crc=1),
    ]
    path = tmp_path / "demo-1.0-0.conda"
    path.write_bytes(zip_bytes(members))
    with pytest.raises(InvalidInput, match="CB102"):
        open_remote(publish(server, path)).metadata()


def test_download_is_whole_and_verified(tmp_path: Path, server: Server) -> None:
    path = make_conda(tmp_path, files={"lib/a": incompressible(1 << 20)})
    url = publish(server, path)
    target = tmp_path / "target"
    target.mkdir()
    result = download(url, target, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    assert result == target / path.name
    assert result.read_bytes() == path.read_bytes()
    assert list(target.iterdir()) == [result]


@pytest.mark.parametrize(
    ("trouble", "code"),
    [("hash", "CB118"), ("truncated", "CB119"), ("absent", "CB119"), ("large", "CB109"), ("name", "CB115")],
)
def test_failed_download_leaves_nothing(tmp_path: Path, server: Server, trouble: str, code: str) -> None:
    path = make_conda(tmp_path, files={"lib/a": incompressible(1 << 18)})
    url = publish(server, path)
    target = tmp_path / "target"
    target.mkdir()
    if trouble == "truncated":
        server.truncate = 1000
    if trouble == "absent":
        server.files.clear()
    if trouble == "name":
        url = f"{server.url}/..%2f..%2fx.conda"
    with pytest.raises(InvalidInput, match=code):
        download(
            url,
            target,
            sha256="0" * 64 if trouble == "hash" else None,
            limits=Limits(total_size=1000) if trouble == "large" else Limits(),
        )
    assert list(target.iterdir()) == []


def test_redirect_on_the_same_host_is_followed(tmp_path: Path, server: Server) -> None:
    path = make_conda(tmp_path)
    publish(server, path)
    server.redirects["/old/demo-1.0-0.conda"] = "/ch/linux-64/demo-1.0-0.conda"
    assert open_remote(f"{server.url}/old/demo-1.0-0.conda").metadata().index.name == "demo"


@pytest.mark.parametrize(
    "target",
    [
        "http://localhost:1/demo-1.0-0.conda",
        "http://127.0.0.1:1/demo-1.0-0.conda",
        "http://169.254.169.254/demo-1.0-0.conda",
        "file:///etc/passwd",
        "ftp://127.0.0.1/demo-1.0-0.conda",
    ],
)
def test_redirect_elsewhere_is_refused(tmp_path: Path, server: Server, target: str) -> None:
    server.redirects["/demo-1.0-0.conda"] = target
    with pytest.raises(InvalidInput, match="CB119"):
        open_remote(f"{server.url}/demo-1.0-0.conda").metadata()
    assert len(server.requests) == 1


def test_endless_redirects_are_refused(server: Server) -> None:
    server.redirects["/demo-1.0-0.conda"] = "/demo-1.0-0.conda"
    with pytest.raises(InvalidInput, match="CB119"):
        open_remote(f"{server.url}/demo-1.0-0.conda").metadata()


@pytest.mark.parametrize(
    "url",
    [
        "ftp://h/demo-1.0-0.conda",
        "demo-1.0-0.conda",
        "http:///demo-1.0-0.conda",
        "http://h/",
        "file://host/demo-1.0-0.conda",
        "http://h:x/demo-1.0-0.conda",
    ],
)
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match="CB119"):
        open_remote(url)


@pytest.mark.parametrize("archive", [".conda", ".tar.bz2"])
def test_file_address_is_read(tmp_path: Path, archive: str) -> None:
    path = make_conda(tmp_path, format=archive)
    target = tmp_path / "target"
    target.mkdir()
    assert open_remote(path.as_uri()).metadata().index.name == "demo"
    assert download(path.as_uri(), target).read_bytes() == path.read_bytes()


def test_messages_hold_no_credentials(server: Server) -> None:
    url = f"{server.url}/t/s3cret/ch/linux-64/demo-1.0-0.conda?token=s3cret"
    with pytest.raises(InvalidInput) as caught:
        open_remote(url).metadata()
    assert "s3cret" not in str(caught.value)
    assert redacted("https://user:s3cret@h/t/s3cret/x") == "https://h/t/<token>/x"
