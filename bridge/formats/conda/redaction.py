"""Addresses without the secrets in them."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit, urlunsplit

#: `/t/<token>`, as servers like anaconda.org have it in a path.
_TOKEN: Final = re.compile(r"/t/[^/]+(?=/|$)|/t/(?=/|$)")


def redact(address: str, *, mark: str = "") -> str:
    """An address without user, password, `/t/<token>`, query and fragment, fit to be shown and stored.

    Args:
        address: what has no scheme is a path and comes back as it is.
        mark: what stands where there was a token.
    """
    try:
        parts = urlsplit(address)
        _ = parts.port  # what is no port can be the start of a password
    except ValueError:
        return "(an address that cannot be parsed)"
    if not parts.scheme:
        return address
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, _TOKEN.sub(mark, parts.path), "", ""))
