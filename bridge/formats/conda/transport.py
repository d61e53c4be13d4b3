"""HTTP as far as packages and channels need it: ranges, bounded reads, guarded redirects."""

from __future__ import annotations

import base64
import http.client
import ipaddress
import re
import urllib.error
import urllib.parse
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import IO, TYPE_CHECKING, Any, Final, Self

from bridge.errors import Code, InvalidInput
from bridge.formats.conda.bytestream import BLOCK
from bridge.formats.conda.identifiers import printable
from bridge.formats.conda.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from email.message import Message

_SCHEMES: Final = ("http", "https", "file")
_TIMEOUT: Final = 60.0
_CONTENT_RANGE: Final = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19})")
_PARTIAL: Final = 206


@dataclass(frozen=True, slots=True)
class Address:
    """An address of a file that may be fetched."""

    url: str
    #: the last part of the path, decoded once.
    filename: str
    #: value of that header, for this host only.
    authorization: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, url: str, authorization: str | None = None) -> Self:
        """Check an address.

        Args:
            url: the address.
            authorization: value of that header, for this host only; it wins over `user:password@`.

        Raises:
            InvalidInput: CB119 for another scheme than http, https and file, or an address without a host or
                file name.
        """
        try:
            parts = urllib.parse.urlsplit(url)
            _ = parts.port
        except ValueError:
            # The text of such an error can hold a part of a password.
            raise InvalidInput(Code.SOURCE, "not an address", subject=redacted(url)) from None
        if parts.scheme not in _SCHEMES:
            raise InvalidInput(Code.SOURCE, "only http, https and file addresses are read", subject=redacted(url))
        if parts.scheme == "file" and parts.netloc not in ("", "localhost"):
            raise InvalidInput(Code.SOURCE, "a file address with the name of a host", subject=redacted(url))
        if parts.scheme != "file" and not parts.hostname:
            raise InvalidInput(Code.SOURCE, "an address without a host", subject=redacted(url))
        filename = urllib.parse.unquote(parts.path.rpartition("/")[2])
        if not filename:
            raise InvalidInput(Code.SOURCE, "an address without a file name", subject=redacted(url))
        return cls(url, filename, authorization)


class Response:
    """A reply whose body has not been read."""

    def __init__(self, body: IO[bytes], headers: Message, address: Address, *, partial: bool, url: str = "") -> None:
        self._body = body
        self._address = address
        self.headers = headers
        #: where it came from in the end, after redirects.
        self.url = url or address.url
        self.first: int | None = None
        self.total: int | None = None
        length = headers.get("Content-Length", "")
        self._length = int(length) if length.isascii() and length.isdigit() and len(length) < 20 else None
        if partial:
            match = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", ""))
            if match is None or not int(match[1]) <= int(match[2]) < int(match[3]):
                raise self._failed("the server sent a range without saying which")
            self.first, self.total = int(match[1]), int(match[3])
            self._length = int(match[2]) - self.first + 1
        else:
            self.total = self._length

    def read(self, size: int) -> bytes:
        """Exactly `size` bytes, which the reply must have.

        Raises:
            InvalidInput: CB119.
        """
        data = b"".join(self.blocks(size, size))
        if len(data) != size:
            raise self._failed(f"the server sent {len(data)} bytes, not {size}")
        return data

    def blocks(self, limit: int, size: int | None = None) -> Iterator[bytes]:
        """The body in blocks; at most `size` bytes of it where that is given.

        Raises:
            InvalidInput: CB109 beyond `limit` bytes, CB119 where it fails or ends early.
        """
        wanted = self._length if size is None else size
        if wanted is not None and wanted > limit:
            raise InvalidInput(Code.LIMIT, f"{wanted} bytes; the limit is {limit}", subject=self._address.filename)
        total = 0
        while wanted is None or total < wanted:
            try:
                block = self._body.read(BLOCK if wanted is None else min(BLOCK, wanted - total))
            except (OSError, http.client.HTTPException) as error:
                raise self._failed(f"the connection failed: {printable(str(error))}") from error
            if not block:
                break
            total += len(block)
            if total > limit:
                raise InvalidInput(Code.LIMIT, f"more than {limit} bytes", subject=self._address.filename)
            yield block
        if size is None and wanted is not None and total != wanted:
            raise self._failed(f"the server sent {total} bytes, not {wanted}")

    def _failed(self, message: str) -> InvalidInput:
        return InvalidInput(Code.SOURCE, message, subject=redacted(self._address.url))


class Refused(InvalidInput):
    """The server answers with an error."""


class Denied(Refused):
    """The server says that one may not read the file (401, 403)."""


class Absent(InvalidInput):
    """The server says that there is no such file (404, 410)."""


class Unchanged(InvalidInput):
    """The server says that the file is still the one that was asked about (304)."""


_KINDS: Final[Mapping[int, type[InvalidInput]]] = MappingProxyType(
    {304: Unchanged, 401: Denied, 403: Denied, 404: Absent, 410: Absent}
)


class _GuardedRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, to another host too (package hosts hand out addresses of their CDN), but never away from
    https, never from outside to an address inside, and never with the credentials of another host (class 16: SSRF).
    """

    max_redirections = 5

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        old, new = urllib.parse.urlsplit(req.full_url), urllib.parse.urlsplit(newurl)
        refusal = None
        if new.scheme not in {old.scheme, "https"}:
            refusal = "to another scheme"
        elif "@" in new.netloc or (new.hostname != old.hostname and is_inside(new.hostname or "")):
            refusal = "to a host that is refused"
        if refusal is not None:
            fp.close()
            # The server may repeat the credentials that it was sent, in any part of the address.
            raise urllib.error.URLError(f"a redirect {refusal}")
        request = super().redirect_request(req, fp, code, msg, headers, newurl)
        authorization = req.unredirected_hdrs.get("Authorization")
        if request is not None and authorization and (new.scheme, new.netloc) == (old.scheme, old.netloc):
            request.add_unredirected_header("Authorization", authorization)
        return request


def is_inside(host: str) -> bool:
    """True for the names and literal addresses of machines that only this one can reach."""
    if not host or host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return False


def _split_credentials(url: str) -> tuple[str, str | None]:
    """The address without `user:password@`, and the header that says the same."""
    parts = urllib.parse.urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    if not at:
        return url, None
    name, _, password = user.partition(":")
    pair = f"{urllib.parse.unquote(name)}:{urllib.parse.unquote(password)}"
    token = base64.b64encode(pair.encode()).decode("ascii")
    return urllib.parse.urlunsplit(parts._replace(netloc=host)), f"Basic {token}"


@contextmanager
def request(
    address: Address,
    *,
    ranges: str | None = None,
    fields: Mapping[str, str] | None = None,
    authorization: str | None = None,
) -> Iterator[Response]:
    """Ask for a file, or for the part of it that an HTTP `Range` names; a server may send more than asked
    for.

    `user:password@` in the address becomes an Authorization header for that host only.

    Args:
        address: of the file.
        ranges: value of `Range`.
        fields: further header fields; they are sent to whatever host a redirect leads to.
        authorization: value of that header, for this host only; by default that of the address.

    Raises:
        InvalidInput: CB119; `Absent` where the server says that there is no such file, `Unchanged` where it says that
            the file is the one that `If-None-Match` names.
    """
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.FileHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.HTTPDefaultErrorHandler(),
        _GuardedRedirects(),
    ):
        opener.add_handler(handler)
    headers = {**(fields or {}), "User-Agent": "conda-wheel-bridge", "Accept-Encoding": "identity"}
    if ranges is not None:
        headers["Range"] = ranges
    url, stated = _split_credentials(address.url)
    authorization = authorization or address.authorization or stated
    asked = urllib.request.Request(url, headers=headers)  # noqa: S310
    if authorization:
        # Not copied to the request that follows a redirect.
        asked.add_unredirected_header("Authorization", authorization)
    try:
        reply = opener.open(asked, timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        raise _KINDS.get(error.code, Refused)(
            Code.SOURCE, f"the server answered {error.code}", subject=redacted(address.url)
        ) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        # The text of such an error can repeat the address with its token.
        raise InvalidInput(Code.SOURCE, f"cannot be fetched: {_reason(error)}", subject=redacted(address.url)) from None
    with reply:
        encoding = reply.headers.get("Content-Encoding", "identity")
        if encoding != "identity":
            raise InvalidInput(Code.SOURCE, "the server compressed the reply", subject=redacted(address.url))
        partial = getattr(reply, "status", None) == _PARTIAL
        yield Response(reply, reply.headers, address, partial=partial, url=reply.geturl())


def _reason(error: BaseException) -> str:
    reason = getattr(error, "reason", error)
    if isinstance(reason, str):
        return printable(reason)
    return getattr(reason, "strerror", None) or type(reason).__name__


def redacted(url: str) -> str:
    """An address for messages, which say that it had a token."""
    return printable(redact(url, mark="/t/<token>"))
