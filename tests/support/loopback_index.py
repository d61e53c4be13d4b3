"""Small Simple indexes of made-up wheels, served on this machine."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import http.server
import threading
import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


def add_wheel(root: Path, index: str, name: str, version: str, requires: Sequence[str] = ()) -> Path:
    """Put a wheel into `root/index/name/`, and list it. The page has hashes, and no times."""
    directory = root / index / name
    directory.mkdir(parents=True, exist_ok=True)
    stem = f"{name.replace('-', '_')}-{version}"
    path = directory / f"{stem}-py3-none-any.whl"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    members = {
        # the content tells where a wheel is from
        f"{name.replace('-', '_')}.py": f"INDEX = {index!r}\n",
        f"{stem}.dist-info/METADATA": metadata + "".join(f"Requires-Dist: {line}\n" for line in requires),
        f"{stem}.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{member},,\n" for member in (*members, f"{stem}.dist-info/RECORD"))
    with zipfile.ZipFile(path, "w") as archive:
        for member, text in {**members, f"{stem}.dist-info/RECORD": record}.items():
            archive.writestr(zipfile.ZipInfo(member), text)
    links = "".join(f'<a href="{file.name}#sha256={digest(file)}">{file.name}</a>' for file in directory.glob("*.whl"))
    directory.joinpath("index.html").write_text(f"<!DOCTYPE html><html><body>{links}</body></html>")
    return path


def digest(path: Path) -> str:
    """sha256 in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def served(root: Path) -> Iterator[str]:
    """The address of a directory, without a slash at the end."""
    handler = functools.partial(_Quiet, directory=str(root))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
