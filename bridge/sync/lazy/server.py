"""A lazy index over HTTP with the standard library, one thread for each request."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from bridge.sync.lazy.index import LazyIndex


class _Server(ThreadingMixIn, WSGIServer):
    """Threads end with the process; a client that went away must not keep it."""

    daemon_threads = True


class _Handler(WSGIRequestHandler):
    #: seconds that a client may be silent.
    timeout = 60

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the name in the base class
        """Say nothing."""

    def address_string(self) -> str:
        """The number, as looking up the name of every client takes long."""
        return str(self.client_address[0])


def make_server(index: LazyIndex, host: str = "127.0.0.1", port: int = 0) -> WSGIServer:
    """A server that the caller runs (`serve_forever`) and closes.

    Args:
        index: the application.
        host: address to listen at; only this machine unless it says otherwise.
        port: 0 for any that is free.
    """

    def application(environ: Mapping[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        return index(environ, start_response)

    server = _Server((host, port), _Handler)
    server.set_app(application)
    return server
