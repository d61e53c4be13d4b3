"""Channels, packages, wheels and a server made by hand, as small as they can be."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import zstandard

CORPUS = Path(__file__).parents[4] / "shared" / "corpus" / "conda"


def record(name: str, version: str = "1.0", *depends: str, build: str = "0", **more: Any) -> dict[str, Any]:
    """One record of repodata, sound unless `more` says otherwise."""
    return {
        "name": name,
        "version": version,
        "build": build,
        "build_number": 0,
        "depends": list(depends),
        "subdir": "linux-64",
        "sha256": hashlib.sha256(f"{name}{version}{build}".encode()).hexdigest(),
        "size": 1,
        **more,
    }


def document(*records: Mapping[str, Any], subdir: str = "linux-64", **more: Any) -> dict[str, Any]:
    """repodata.json with the records under `packages.conda`."""
    keyed = {f"{r['name']}-{r['version']}-{r['build']}.conda": dict(r) for r in records}
    return {
        "info": {"subdir": subdir},
        "packages": {},
        "packages.conda": keyed,
        "repodata_version": 1,
        **more,
    }


def write_channel(directory: Path, documents: Mapping[str, Mapping[str, Any] | bytes]) -> Path:
    """A channel directory: subdir -> document, or the bytes of repodata.json."""
    for subdir, content in documents.items():
        (directory / subdir).mkdir(parents=True)
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        (directory / subdir / "repodata.json").write_bytes(data)
    return directory


def write_conda(path: Path, index: Mapping[str, Any], files: Mapping[str, bytes]) -> Path:
    """A `.conda` package (CEP 35) with these payload files."""
    entries = [
        {
            "_path": name,
            "path_type": "hardlink",
            "sha256": hashlib.sha256(data).hexdigest(),
            "size_in_bytes": len(data),
        }
        for name, data in files.items()
    ]
    info = {
        "info/index.json": json.dumps(dict(index)).encode(),
        "info/paths.json": json.dumps({"paths_version": 1, "paths": entries}).encode(),
    }
    stem = path.name.removesuffix(".conda")
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", '{"conda_pkg_format_version": 2}')
        for part, members in (("pkg", files), ("info", info)):
            buffer = io.BytesIO()
            with tarfile.open(fileobj=buffer, mode="w") as tar:
                for name, data in members.items():
                    member = tarfile.TarInfo(name)
                    member.size = len(data)
                    tar.addfile(member, io.BytesIO(data))
            archive.writestr(f"{part}-{stem}.tar.zst", zstandard.compress(buffer.getvalue()))
    return path


MakeWheel = Callable[..., Path]


@pytest.fixture
def make_wheel(tmp_path: Path) -> MakeWheel:
    """Write a tiny wheel into `tmp_path`."""

    def make(
        name: str,
        version: str = "1.0",
        *,
        directory: Path = tmp_path,
        filename: str | None = None,
        headers: str = "",
        content: str = "",
        metadata: bytes | None = None,
    ) -> Path:
        info = f"{name}-{version}.dist-info"
        text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{headers}"
        wheel = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        members = {
            f"{name}.py": content.encode(),
            f"{info}/METADATA": text.encode() if metadata is None else metadata,
            f"{info}/WHEEL": wheel.encode(),
        }
        lines = []
        for member, data in members.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            lines.append(f"{member},sha256={digest},{len(data)}\n")
        members[f"{info}/RECORD"] = "".join([*lines, f"{info}/RECORD,,\n"]).encode()
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / (filename or f"{name}-{version}-py3-none-any.whl")
        with zipfile.ZipFile(path, "w") as archive:
            for member, data in members.items():
                archive.writestr(zipfile.ZipInfo(member), data)
        return path

    return make


@pytest.fixture(scope="session")
def miniforge() -> Path:
    """The corpus set that is a channel of real conda-forge packages."""
    path = CORPUS / "miniforge-linux-64-py312"
    if not path.is_dir():
        pytest.skip("the corpus is not beside this checkout")
    return path


Answer = tuple[int, dict[str, str], bytes]


class Server:
    """Answers by path, and remembers what it was asked."""

    def __init__(self, port: int) -> None:
        self.host = f"127.0.0.1:{port}"
        self.answers: dict[str, Answer] = {}
        self.asked: list[tuple[str, str | None]] = []

    def url(self, path: str, user: str = "") -> str:
        return f"http://{user}{self.host}{path}"


@contextmanager
def serving() -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.asked.append((self.path, self.headers["Authorization"]))
            status, headers, body = server.answers.get(self.path, (404, {}, b""))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server = Server(http.server_port)
    thread = Thread(target=http.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with serving() as found:
        yield found
