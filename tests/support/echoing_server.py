"""A server that tells everybody who asks it, in the hope that they repeat it."""

from __future__ import annotations

import base64
import contextlib
import html
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote


@contextlib.contextmanager
def echoing(answer: str) -> Iterator[str]:
    """A server that repeats the credentials that it gets, wherever a server can; gives its address without `http://`.

    Args:
        answer: `refuse` (401), `fail` (500), `redirect` to itself, `elsewhere` (to another host), `nonsense` (200,
            and no document), `names` (documents with the secret in names, addresses and entity tags).
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.headers.get("Authorization") or "nobody"
            kind, _, code = known.partition(" ")
            told = base64.b64decode(code).decode() if kind == "Basic" else code
            safe = quote(told, safe="")
            place = f"{self.headers['Host']}/t/{safe}{self.path}?secret={safe}#{safe}"
            if answer in ("redirect", "elsewhere"):
                again = "/t/" in self.path
                host = f"http://{place}" if answer == "redirect" else f"https://{safe}@other.example/{safe}"
                self._answer(401 if again else 302, told, told.encode(), Location=host)
            elif answer in ("refuse", "fail"):
                challenge = {"WWW-Authenticate": f'Basic realm="{told}"'}
                self._answer(401 if answer == "refuse" else 500, told, f"{known} {told}".encode(), **challenge)
            elif answer == "nonsense":
                self._answer(200, told, f'{{"{told}": "{known}"'.encode())
            else:
                self._answer(200, told, self._document(told, safe), ETag=f'"{safe}"')

        def do_HEAD(self) -> None:
            self.do_GET()

        def _document(self, told: str, safe: str) -> bytes:
            if self.path.endswith("/repodata.json"):
                record = {"name": told, "version": safe, "build": safe, "depends": [f"{told} {told}"], "sha256": told}
                records = {f"{safe}-1-0.conda": record, "acme-core-1-0.conda": {**record, "name": "acme-core"}}
                info = {"subdir": "noarch", "base_url": f"https://{safe}@other.example/{safe}"}
                return json.dumps({"info": info, "packages.conda": records}).encode()
            link = f"https://robot:{safe}@other.example/t/{safe}/{safe}-1-py3-none-any.whl?{safe}#sha256={safe}"
            return f'<!DOCTYPE html><body><a href="{link}" data-yanked="{html.escape(told)}">{told}</a></body>'.encode()

        def _answer(self, status: int, reason: str, body: bytes, **fields: str) -> None:
            self.send_response(status, reason.replace("\n", " "))
            for name, value in {**fields, "X-Known": reason, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
