"""Addresses in configurations: without their secrets, and compared as the clients compare them."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from bridge.formats.conda.redaction import redact

#: what stands for a value from elsewhere: `$TOKEN`, `${TOKEN}`, `{env:TOKEN}`, `<TOKEN>`, `%TOKEN%`.
_REFERENCE: Final = re.compile(r"\$\{?\w+\}?|\{[\w:]+\}|<[^<>]*>|%\w+%|\*+")
_TOKEN: Final = re.compile(r"/t/([^/]+)")
_LOOPBACK: Final = re.compile(r"localhost|127(?:\.\d{1,3}){3}|::1|.*\.localhost")
_HOSTED: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://")


def is_address(text: str) -> bool:
    """Whether a channel or an index is given by its address, and not by a name."""
    return _HOSTED.match(text) is not None


def cleaned(text: str) -> str:
    """An address without credentials and without a slash at the end."""
    return redact(text.strip()).rstrip("/")


def holds_secret(text: str) -> bool:
    """Whether an address has a password or a token in it; a reference to a variable is none."""
    try:
        parts = urlsplit(text.strip())
        user, password = parts.username or "", parts.password or ""
    except ValueError:
        return "@" in text
    token = _TOKEN.search(parts.path)
    # a user alone is how tokens are given (`https://token@host`), but `git@host` and `__token__` are no secrets
    secrets = [password or (user if user not in ("git", "__token__") else ""), token[1] if token else ""]
    return any(secret and not _REFERENCE.fullmatch(secret) for secret in secrets)


def is_secret(text: str) -> bool:
    """Whether a value of a key like `password` is the secret itself."""
    return bool(text.strip()) and not _REFERENCE.fullmatch(text.strip())


def host_of(address: str) -> str:
    """The host of an address, in small letters; empty where it has none."""
    try:
        return (urlsplit(address).hostname or "").lower()
    except ValueError:
        return ""


def is_loopback(host: str) -> bool:
    """Whether a host is the own machine."""
    return _LOOPBACK.fullmatch(host) is not None


def is_insecure(address: str) -> bool:
    """Whether an address is read over an open connection to another machine."""
    return address.lower().startswith(("http://", "ftp://")) and not is_loopback(host_of(address))


def same_address(one: str, other: str) -> bool:
    """Whether two addresses are the same source."""
    return bool(one) and _compared(one) == _compared(other)


@lru_cache(maxsize=65536)
def _compared(address: str) -> str:
    clean = cleaned(address)
    scheme, separator, rest = clean.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme.lower()}{separator}{host.lower()}{slash}{path}" if separator else clean
