"""Credentials that the user keeps for a host, in the files that conda's and Python's clients read as well.

* py-rattler's and pixi's store: `RATTLER_AUTH_FILE`, or `~/.rattler/credentials.json`;
* netrc: `NETRC`, or `~/.netrc`, as pip, uv and conda read it.

They are put into the address for as long as a run lasts. Whatever is shown or stored goes without them
(`bridge.formats.conda.redaction`). A keyring may ask its user, so it is asked only where a policy names it.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult, quote, urlsplit, urlunsplit

from bridge.errors import InvalidInput
from bridge.formats.conda.transport import is_inside
from bridge.priority.credentials import authorization
from bridge.priority.policy import Credentials

_STORE: Final = Path(".rattler", "credentials.json")
#: a store holds a line for each host.
_LARGEST: Final = 1 << 20


def authorized(address: str, *, environment: Mapping[str, str] | None = None) -> str:
    """An address with the credentials that are kept for its host.

    Args:
        address: of a source. One that has credentials of its own, or is not https (or http on this machine or network),
            comes back as it is.
        environment: variables; None for those of this process.
    """
    variables = os.environ if environment is None else environment
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        return address
    if parts.scheme not in ("http", "https") or "@" in parts.netloc or "/t/" in parts.path:
        return address
    if parts.scheme == "http" and not is_inside(host):
        # Anybody on the way could read them.
        return address
    for entry in _stored(host, variables):
        if (found := _with_entry(parts, entry)) is not None:
            return found
    return _with_netrc(address, parts, variables)


def _stored(host: str, variables: Mapping[str, str]) -> Iterator[Any]:
    """What the store has for a host: its own entry, then those of the domains that it is in."""
    named = variables.get("RATTLER_AUTH_FILE")
    path = Path(named) if named else Path(variables.get("HOME") or Path.home()) / _STORE
    try:
        with path.open("rb") as file:
            document = json.loads(file.read(_LARGEST))
    except (OSError, ValueError, RecursionError):
        return
    if not isinstance(document, dict):
        return
    labels = host.split(".")
    wildcards = ("*." + ".".join(labels[number:]) for number in range(len(labels)))
    yield from (document[name] for name in (host, *wildcards) if name in document)


def _with_entry(parts: SplitResult, entry: Any) -> str | None:
    """A user with a password, or a token in the path; no address can hold what else there is."""
    if not isinstance(entry, dict):
        return None
    basic, token = entry.get("BasicHTTP"), entry.get("CondaToken")
    if isinstance(basic, dict) and isinstance(basic.get("username"), str) and isinstance(basic.get("password"), str):
        return _with_user(parts, basic["username"], basic["password"])
    if isinstance(token, str) and token:
        return urlunsplit(parts._replace(path=f"/t/{quote(token, safe='')}{parts.path}"))
    return None


def _with_netrc(address: str, parts: SplitResult, variables: Mapping[str, str]) -> str:
    try:
        header = authorization(Credentials("netrc"), address, subject="netrc", environment=variables)
    except InvalidInput:
        return address
    user, _, password = base64.b64decode(header.removeprefix("Basic ")).decode().partition(":")
    return _with_user(parts, user, password)


def _with_user(parts: SplitResult, user: str, password: str) -> str:
    return urlunsplit(parts._replace(netloc=f"{quote(user, safe='')}:{quote(password, safe='')}@{parts.netloc}"))
