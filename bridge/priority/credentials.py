"""The credentials of a source, found when they are needed, from where the policy says; never stored, never shown."""

from __future__ import annotations

import base64
import json
import netrc
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from bridge.errors import Code, InvalidInput
from bridge.formats.conda.transport import is_inside
from bridge.priority.policy import Credentials

#: in seconds; a keyring may ask its user for a password.
_PATIENCE: Final = 120


def authorization(
    credentials: Credentials, address: str, *, subject: str, environment: Mapping[str, str] | None = None
) -> str:
    """The `Authorization` header for an address.

    A secret of the form `user:password` is sent as such, any other as a bearer token.

    Args:
        credentials: where to look.
        address: https, or http on this machine or network.
        subject: the source, for messages.
        environment: variables; None for those of this process.

    Raises:
        InvalidInput: CB460, there are none, or they would be sent over a connection that anybody can read.
    """
    variables = os.environ if environment is None else environment
    parts = urlsplit(address)
    host = parts.hostname or ""
    if parts.scheme != "https" and not is_inside(host):
        raise _missing("credentials are only sent over https", subject)
    match credentials.kind:
        case "env":
            secret = variables.get(credentials.name, "")
            if not secret:
                raise _missing(f"the environment variable {credentials.name} is not set", subject)
            pair = secret if ":" in secret else None
        case "netrc":
            pair = secret = _from_netrc(host, variables, subject)
        case _:
            pair = secret = _from_keyring(f"{parts.scheme}://{parts.netloc}", variables, subject)
    if not (secret.isprintable() and secret.isascii() and secret.strip() == secret):
        raise _missing(f"what {credentials} holds cannot be a password or token", subject)
    if pair is None:
        return f"Bearer {secret}"
    return f"Basic {base64.b64encode(pair.encode()).decode('ascii')}"


def _from_netrc(host: str, variables: Mapping[str, str], subject: str) -> str:
    path = Path(variables.get("NETRC") or Path.home() / ".netrc")
    try:
        found = netrc.netrc(path).authenticators(host)
    except (OSError, netrc.NetrcParseError, UnicodeDecodeError):
        # The text of such an error can hold a part of the file.
        raise _missing("the netrc file cannot be read", subject) from None
    if found is None:
        raise _missing(f"the netrc file has nothing for {host}", subject)
    return f"{found[0]}:{found[2]}"


def _from_keyring(service: str, variables: Mapping[str, str], subject: str) -> str:
    """Asked through its program, as pip and uv do, which works in whatever environment it is installed."""
    program = shutil.which("keyring", path=variables.get("PATH"))
    if program is None:
        raise _missing("the program keyring is not installed", subject)
    try:
        done = subprocess.run(
            [program, "--mode", "creds", "--output", "json", "get", service],
            env=dict(variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE,
            check=True,
        )
        answer = json.loads(done.stdout)
        return f"{answer['username']}:{answer['password']}"
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError):
        raise _missing(f"the keyring has nothing for {service}", subject) from None


def _missing(message: str, subject: str) -> InvalidInput:
    return InvalidInput(Code.OVERLAY_SOURCE, message, subject=subject)
