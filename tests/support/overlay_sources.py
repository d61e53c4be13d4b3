"""Channels and indexes on loopback, for overlays: small directories, and a server that can fail or want a password."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import threading
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from bridge.priority.policy_file import parse_policy
from tests.support.conda_archives import make_conda

if TYPE_CHECKING:
    from bridge.priority.policy import Policy


@dataclass
class Site:
    """A directory served with entity tags."""

    root: Path
    address: str = ""
    #: paths that were asked for, with the status that was answered.
    asked: list[tuple[str, int]] = field(default_factory=list)
    #: first parts of paths that do not answer.
    down: set[str] = field(default_factory=set)
    #: first part of a path -> the status that is always answered.
    statuses: dict[str, int] = field(default_factory=dict)
    #: first part of a path -> the Authorization that it wants.
    wanted: dict[str, str] = field(default_factory=dict)
    #: path -> where it redirects to.
    redirects: dict[str, str] = field(default_factory=dict)

    def counted(self, status: int) -> int:
        return sum(1 for _, answered in self.asked if answered == status)


@contextlib.contextmanager
def serving(root: Path) -> Iterator[Site]:
    """Serve a directory."""
    site = Site(root)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = unquote(urlsplit(self.path).path)
            first = path.strip("/").partition("/")[0]
            if first in site.down:
                return self._answer(503, path)
            if first in site.statuses:
                return self._answer(site.statuses[first], path)
            if path in site.redirects:
                return self._answer(302, path, Location=site.redirects[path])
            if first in site.wanted and self.headers.get("Authorization") != site.wanted[first]:
                return self._answer(401, path)
            file = site.root / path.strip("/")
            if path.endswith("/"):
                wants_json = "simple.v1+json" in (self.headers.get("Accept") or "")
                file /= "index.json" if wants_json and (file / "index.json").is_file() else "index.html"
            if not file.is_file():
                return self._answer(404, path)
            data = file.read_bytes()
            etag = f'"{hashlib.sha256(data).hexdigest()[:16]}"'
            if self.headers.get("If-None-Match") == etag:
                return self._answer(304, path)
            media = {".json": "application/vnd.pypi.simple.v1+json", ".html": "text/html"}
            kind = media.get(file.suffix, "application/octet-stream")
            return self._answer(200, path, data, ETag=etag, **{"Content-Type": kind})

        def do_HEAD(self) -> None:
            self.do_GET()

        def _answer(self, status: int, path: str, data: bytes = b"", **fields: str) -> None:
            site.asked.append((path, status))
            self.send_response(status)
            for name, value in fields.items():
                self.send_header(name, value)
            self.send_header("Cache-Control", "no-cache")
            if status != 304:
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                with contextlib.suppress(ConnectionError):  # some clients close when they have seen the status
                    self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        site.address = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield site
        finally:
            server.shutdown()
            thread.join()


def add_wheel(
    root: Path, name: str, version: str, *requires: str, label: str = "", variant: Mapping[str, Any] | None = None
) -> Path:
    """A pure wheel in `root/files`."""
    stem = f"{name.replace('-', '_')}-{version}"
    path = root / "files" / f"{stem}-py3-none-any{f'-{label}' if label else ''}.whl"
    path.parent.mkdir(parents=True, exist_ok=True)
    info = f"{stem}.dist-info"
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", f"Summary: {root.name}"]
    lines += [
        f"Provides-Extra: {extra}" for extra in sorted(set(re.findall(r"extra == [\"'](\w+)", " ".join(requires))))
    ]
    members = {
        f"{name.replace('-', '_')}.py": f"SOURCE = {root.name!r}\n",
        f"{info}/METADATA": "\n".join([*lines, *(f"Requires-Dist: {each}" for each in requires), ""]),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    if variant is not None:
        members[f"{info}/variant.json"] = json.dumps(variant)
    members[f"{info}/RECORD"] = "".join(f"{member},,\n" for member in [*members, f"{info}/RECORD"])
    path.with_name(f"{path.name}.metadata").write_text(members[f"{info}/METADATA"])
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in members.items():
            archive.writestr(zipfile.ZipInfo(member), content)
    return path


def write_index(root: Path, **more: Mapping[str, Any]) -> Path:
    """`root/simple/` for all files in `root/files`, in HTML and JSON; `more`: file name -> other values in JSON."""
    projects: dict[str, list[dict[str, Any]]] = {}
    for path in sorted((root / "files").iterdir()):
        if path.suffix == ".metadata":
            continue
        metadata = path.with_name(f"{path.name}.metadata")
        core = {"sha256": hashlib.sha256(metadata.read_bytes()).hexdigest()} if metadata.is_file() else False
        project = path.name.partition("-")[0].replace("_", "-").lower()
        entry = {
            "filename": path.name,
            "url": f"../../files/{path.name}",
            "hashes": {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()},
            "size": path.stat().st_size,
            "upload-time": "2026-01-01T00:00:00Z",
            "core-metadata": core,
            **more.get(path.name, {}),
        }
        projects.setdefault(project, []).append(entry)
    for project, files in projects.items():
        page = root / "simple" / project
        page.mkdir(parents=True, exist_ok=True)
        document = {"meta": {"api-version": "1.1"}, "name": project, "versions": [], "files": files}
        (page / "index.json").write_text(json.dumps(document))
        anchors = (f'<a href="{f["url"]}#sha256={f["hashes"].get("sha256")}">{f["filename"]}</a>' for f in files)
        (page / "index.html").write_text("<!DOCTYPE html><body>" + "\n".join(anchors))
    listed = {"meta": {"api-version": "1.1"}, "projects": [{"name": name} for name in sorted(projects)]}
    (root / "simple").mkdir(exist_ok=True)
    (root / "simple" / "index.json").write_text(json.dumps(listed))
    rows = "".join(f'<a href="{name}/">{name}</a>' for name in sorted(projects))
    (root / "simple" / "index.html").write_text(f"<!DOCTYPE html><body>{rows}")
    return root


def add_conda(root: Path, name: str, version: str, *depends: str, build: str = "0", **more: Any) -> None:
    """A package in the channel `root/conda`, and its record in `repodata.json`."""
    directory = root / "conda" / "noarch"
    directory.mkdir(parents=True, exist_ok=True)
    index = {"depends": list(depends), "noarch": "generic"}
    files = {f"share/{name}": root.name.encode()}
    path = make_conda(directory, name=name, version=version, build=build, subdir="noarch", files=files, index=index)
    data = path.read_bytes()
    record = {
        "name": name, "version": version, "build": build, "build_number": 0, "subdir": "noarch", "noarch": "generic",
        "depends": list(depends), "sha256": hashlib.sha256(data).hexdigest(), "size": len(data),
        "timestamp": 1_700_000_000_000, **more,
    }  # fmt: skip
    set_records(root, {path.name: record})


def set_records(root: Path, records: Mapping[str, Any], **top: Any) -> None:
    """Add to the channel's `repodata.json`; a record of None is removed."""
    path = root / "conda" / "noarch" / "repodata.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    empty: dict[str, Any] = {"info": {"subdir": "noarch"}, "packages": {}, "packages.conda": {}, "repodata_version": 1}
    document = json.loads(path.read_text()) if path.is_file() else empty
    known = {**document["packages.conda"], **records}
    document["packages.conda"] = {key: record for key, record in known.items() if record is not None}
    path.write_text(json.dumps({**document, **top}))


def policy_text(address: str, *, more: str = "", head: str = "", internal: str = "") -> str:
    """`internal` above `public`, both with two faces; `acme-*` belongs to `internal`."""
    return f"""
schema = "bridge-policy/1"
order = ["internal", "public"]
{head}
[sources.internal]
conda = "{address}/internal/conda"
pypi = "{address}/internal/simple"
trust = "first-party"
{internal}
[sources.public]
conda = "{address}/public/conda"
pypi = "{address}/public/simple"
trust = "public"
[[claims]]
packages = ["acme-*"]
from = ["internal"]
{more}
"""


def policy(address: str, *, more: str = "", head: str = "", internal: str = "") -> Policy:
    """The policy of that text."""
    return parse_policy(policy_text(address, more=more, head=head, internal=internal), "bridge-policy.toml")
