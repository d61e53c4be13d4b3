"""Small documents of a remote channel.

Packages themselves are fetched by `bridge.formats.conda.remote`, which knows ranges and digests.
"""

from __future__ import annotations

from dataclasses import replace

from bridge.errors import Code, InvalidInput
from bridge.formats.conda.transport import Absent, Address, redacted, request


def get(address: str, *, limit: int, accept: str = "", authorization: str | None = None) -> bytes | None:
    """The body of an http(s) address; None where the server says that there is no such file.

    Args:
        address: may hold `user:password@`, which becomes an Authorization header for that host only.
        limit: the largest body accepted, in bytes.
        accept: value of that header; empty for none.
        authorization: value of that header, for this host only.

    Raises:
        InvalidInput: any other failure (`CB119`), or a body larger than `limit` (`CB109`).
    """
    if not address.startswith(("http://", "https://")):
        raise InvalidInput(Code.SOURCE, "only http and https addresses are asked", subject=redacted(address))
    try:
        # The address of a page may end in a slash; an artifact's has a file name.
        checked = replace(Address.parse(address.rstrip("/"), authorization), url=address)
        with request(checked, fields={"Accept": accept} if accept else {}) as response:
            return b"".join(response.blocks(limit))
    except Absent:
        return None
