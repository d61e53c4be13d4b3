"""Fetching small documents of a remote channel: http and https only, no credentials to another host, bounded.

Packages themselves are fetched by `bridge.formats.conda.remote`, which knows ranges and digests.
"""

from __future__ import annotations

import base64
import ipaddress
import urllib.error
import urllib.request
from http.client import HTTPException, HTTPMessage
from typing import IO, Final
from urllib.parse import unquote, urlsplit, urlunsplit

from bridge.channel.location import redact
from bridge.errors import Code, InvalidInput

#: seconds without a byte after which a server counts as gone.
_TIMEOUT: Final = 60.0
_ABSENT: Final = frozenset({404, 410})


def get(address: str, *, limit: int) -> bytes | None:
    """The body of an http(s) address; None where the server says that there is no such file.

    Args:
        address: may hold `user:password@`, which becomes an Authorization header for that host only.
        limit: the largest body accepted, in bytes.

    Raises:
        InvalidInput: any other failure (`CB119`), or a body larger than `limit` (`CB109`).
    """
    shown = redact(address)
    url, authorization = _split_credentials(address)
    request = urllib.request.Request(url, headers={"User-Agent": "conda-wheel-bridge"})  # noqa: S310
    if authorization:
        # Not copied to the request that follows a redirection.
        request.add_unredirected_header("Authorization", authorization)
    opener = urllib.request.build_opener(_GuardedRedirects)
    try:
        with opener.open(request, timeout=_TIMEOUT) as response:
            body: bytes = response.read(limit + 1)
    except urllib.error.HTTPError as error:
        with error:
            if error.code in _ABSENT:
                return None
            raise InvalidInput(Code.SOURCE, f"the server answered {error.code}", subject=shown) from None
    except (OSError, HTTPException, ValueError) as error:
        # The text of such an error can repeat the address with its token.
        raise InvalidInput(
            Code.SOURCE, f"cannot be fetched ({type(error).__name__})", subject=shown
        ) from None
    if len(body) > limit:
        raise InvalidInput(Code.LIMIT, f"more than {limit} bytes", subject=shown)
    return body


class _GuardedRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirections, but not to another scheme than https, nor from outside to an address inside."""

    max_redirections = 5

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        old, new = urlsplit(req.full_url), urlsplit(newurl)
        refusal = None
        if new.scheme not in {old.scheme, "https"}:
            refusal = "redirected to another scheme"
        elif "@" in new.netloc or (new.hostname != old.hostname and _is_inside(new.hostname or "")):
            refusal = "redirected to a host that is refused"
        if refusal is not None:
            fp.close()
            raise InvalidInput(Code.SOURCE, refusal, subject=redact(req.full_url))
        request = super().redirect_request(req, fp, code, msg, headers, newurl)
        authorization = req.unredirected_hdrs.get("Authorization")
        if request is not None and authorization and (new.scheme, new.netloc) == (old.scheme, old.netloc):
            request.add_unredirected_header("Authorization", authorization)
        return request


def _is_inside(host: str) -> bool:
    """True for the names and literal addresses of machines that only this one can reach (class 16: SSRF)."""
    if not host or host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return False


def _split_credentials(address: str) -> tuple[str, str | None]:
    parts = urlsplit(address)
    user, at, host = parts.netloc.rpartition("@")
    if not at:
        return address, None
    name, _, password = user.partition(":")
    token = base64.b64encode(f"{unquote(name)}:{unquote(password)}".encode()).decode("ascii")
    return urlunsplit(parts._replace(netloc=host)), f"Basic {token}"
