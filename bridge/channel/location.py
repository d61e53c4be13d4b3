"""Where a channel is: a directory or an http(s) address, and how it may be shown.

A channel decides what is installed, so an address that its own data names (`info.base_url`, CEP 15) must
stay where the user pointed: same scheme, same host and, for a directory, inside it. Tokens and passwords in
an address are used for fetching only; everything shown or stored goes through `redact`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit, urlunsplit
from urllib.request import url2pathname

from bridge.errors import Code, InvalidInput
from bridge.formats.conda.redaction import redact
from bridge.formats.conda.transport import is_inside

_DEFAULT_PORTS = {"http": 80, "https": 443}
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


@dataclass(frozen=True, slots=True)
class Location:
    """The base address of a channel, without a final slash.

    `address` may hold a password or a token: fetch with it, never show it (it is kept out of `repr`).
    """

    address: str = field(repr=False)
    #: value of that header, where the credentials are not in the address.
    authorization: str | None = field(default=None, repr=False)

    @property
    def identity(self) -> tuple[str, str, int | None, str]:
        """What is equal for two spellings of one address: with or without credentials, a port, links to a directory."""
        parts = urlsplit(self.shown)
        directory = self.directory
        path = unquote(parts.path).rstrip("/") if directory is None else str(directory.resolve())
        return *_origin(parts), path

    @property
    def shown(self) -> str:
        """The address without user, password and token."""
        return redact(self.address)

    @property
    def directory(self) -> Path | None:
        """The directory of a `file://` channel; None for a remote one."""
        return file_path(self.address)

    def authorization_for(self, address: str) -> str | None:
        """The header for a file that the channel leads to; only its own host gets the credentials."""
        if self.authorization is None or _origin(urlsplit(address)) != _origin(urlsplit(self.address)):
            return None
        return self.authorization

    def subdir(self, name: str) -> str:
        """Address of one platform directory, with a final slash."""
        return f"{self.address}/{quote(name)}/"

    def base_of(self, subdir: str, base_url: object) -> str:
        """Where the packages of a subdir lie: the subdir itself, or what `info.base_url` says (CEP 15).

        Args:
            subdir: name of the platform directory.
            base_url: value of `info.base_url`, as read; None where absent.

        Returns:
            an address with a final slash.

        Raises:
            InvalidInput: the value is not a string, or leaves the channel's scheme, host or directory
                (`CB119`). Records that were saved from a server (a local channel) may point back to it: to https
                addresses outside this network.
        """
        here = self.subdir(subdir)
        if base_url is None:
            return here
        if not isinstance(base_url, str) or not base_url.isprintable() or "\\" in base_url:
            raise _bad_base(self, subdir, "the value must be an address")
        # CEP 15 resolves a relative value against the address of the subdir, which is a directory.
        channel = urlsplit(here)
        try:
            base = urlsplit(urljoin(here, base_url))
            same = _origin(base) == _origin(channel)
        except ValueError:
            # The text of such an error repeats a part of the address, which can be one of a password.
            raise _bad_base(self, subdir, "the value is not an address") from None
        if channel.scheme == "file" and _is_public(base):
            return urlunsplit(base).rstrip("/") + "/"
        if not same or base.query or base.fragment:
            raise _bad_base(self, subdir, "the value points to another scheme or host than the channel's")
        # The same host is asked as the same user, however the value is spelled.
        address = urlunsplit(base._replace(netloc=channel.netloc)).rstrip("/") + "/"
        root = self.directory
        if root is not None:
            target = file_path(address)
            if target is None or not target.resolve().is_relative_to(root.resolve()):
                raise _bad_base(self, subdir, "the value leaves the channel's directory")
        return address


def _is_public(base: SplitResult) -> bool:
    """An https address that needs no credentials and is not on this machine or network."""
    plain = not (base.query or base.fragment or "@" in base.netloc)
    return base.scheme == "https" and plain and not is_inside(base.hostname or "")


def locate(location: str | Path) -> Location:
    """The location that a user gave: a directory, a `file://` URL or an `http(s)://` URL.

    Raises:
        InvalidInput: no address, another scheme, no host, or a directory that does not exist (`CB119`).
    """
    if isinstance(location, Path) or not _SCHEME.match(location):
        path = Path(location)
        if not path.is_dir():
            raise InvalidInput(Code.SOURCE, "there is no such directory", subject=str(location))
        return Location(path.resolve().as_uri().rstrip("/"))
    try:
        parts = urlsplit(location)
        _ = parts.port
    except ValueError:
        # as above
        raise InvalidInput(Code.SOURCE, "not an address", subject=redact(location)) from None
    if parts.scheme == "file":
        directory = file_path(location)
        if directory is None or not directory.is_dir():
            raise InvalidInput(Code.SOURCE, "there is no such directory", subject=redact(location))
        return Location(directory.resolve().as_uri().rstrip("/"))
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise InvalidInput(
            Code.SOURCE, "a channel is a directory or a file, http or https address", subject=redact(location)
        )
    if parts.query or parts.fragment:
        raise InvalidInput(Code.SOURCE, "a channel address has no query or fragment", subject=redact(location))
    return Location(location.rstrip("/"))


def file_path(address: str) -> Path | None:
    """The local path of a `file://` address; None for any other scheme or host."""
    parts = urlsplit(address)
    if parts.scheme != "file" or parts.netloc not in {"", "localhost"}:
        return None
    return Path(url2pathname(parts.path))


def _origin(parts: SplitResult) -> tuple[str, str, int | None]:
    return parts.scheme, parts.hostname or "", parts.port or _DEFAULT_PORTS.get(parts.scheme)


def _bad_base(location: Location, subdir: str, message: str) -> InvalidInput:
    return InvalidInput(
        Code.SOURCE, message, subject=f"{redact(location.subdir(subdir))}repodata.json", field="info.base_url"
    )
