"""What a user may name as an input: files, directories, addresses and MatchSpecs."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from bridge.channel.repodata import Channel
from bridge.channel.solve import resolve_specs
from bridge.errors import BridgeError, Code, InvalidInput, Unsupported
from bridge.formats.conda.identifiers import parse_filename
from bridge.formats.conda.redaction import redact
from bridge.formats.conda.remote import download
from bridge.formats.conda.transport import Address
from bridge.formats.wheel.filename import parse_wheel_filename
from bridge.limits import Limits
from bridge.model.conda import Subdir

_ARCHIVES: Final = (".conda", ".tar.bz2")
_WHEEL: Final = ".whl"
_SCHEMES: Final = ("http://", "https://", "file://")
#: an address, by itself or inside a MatchSpec; it may hold a password or a token.
_ADDRESS: Final = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]+://)[^\s\"'\],]*")


@dataclass(frozen=True, slots=True)
class Input:
    """One artifact to be converted: a local path, or an address to fetch first, or why it is neither."""

    #: as shown in outcomes.
    label: str
    path: Path | None = None
    url: str | None = None
    #: expected sha256 (hex) of what `url` gives.
    sha256: str | None = None
    #: value of that header, for the host of `url` only.
    authorization: str | None = field(default=None, repr=False)
    error: BridgeError | None = None

    @property
    def is_wheel(self) -> bool:
        """Which way it is converted; the file's own name says it."""
        name = str(self.path) if self.path is not None else urlsplit(self.url or "").path
        return name.endswith(_WHEEL)

    @contextmanager
    def local(self, limits: Limits) -> Iterator[Path]:
        """The file, fetched to a temporary directory where it lies elsewhere.

        Raises:
            BridgeError: there is none, or it cannot be fetched (`CB109`, `CB115`, `CB118`, `CB119`, `CB123`).
        """
        if self.error is not None:
            raise self.error
        if self.path is not None:
            yield self.path
            return
        with tempfile.TemporaryDirectory(prefix="conda-bridge-") as directory:
            check = parse_wheel_filename if self.is_wheel else parse_filename
            yield download(
                self.url or "",
                Path(directory),
                sha256=self.sha256,
                limits=limits,
                check_name=check,
                authorization=self.authorization,
            )


def expand(texts: Sequence[str], channels: Sequence[Channel], subdir: Subdir) -> list[Input]:
    """Turn what the user wrote into inputs, in the order given; directories in the order of names.

    Never raises for an input that is wrong: the error becomes that input's outcome.
    """
    inputs: list[Input] = []
    for text in texts:
        inputs.extend(_expand(text, channels, subdir))
    return inputs


def _expand(text: str, channels: Sequence[Channel], subdir: Subdir) -> Iterator[Input]:
    path = Path(text)
    if (address := _ADDRESS.match(text)) and address["scheme"].lower() in _SCHEMES:
        yield _remote(redact(text), address["scheme"].lower() + text[address.end("scheme") :])
    elif _ADDRESS.search(text) and not path.exists():
        shown = _ADDRESS.sub(lambda match: redact(match[0]), text)
        message = "an input's address is of http, https or file; a MatchSpec has none, give it with --channel"
        yield Input(shown, error=InvalidInput(Code.SOURCE, message, subject=shown))
    elif path.is_dir():
        yield from _directory(text, path)
    elif path.is_file() or text.endswith((*_ARCHIVES, _WHEEL)):
        yield _file(text, path)
    else:
        yield from _spec(text, channels, subdir)


def _remote(shown: str, url: str) -> Input:
    try:
        Address.parse(url)
    except InvalidInput as error:
        return Input(shown, error=error)
    return Input(shown, url=url)


def _directory(text: str, path: Path) -> Iterator[Input]:
    if (path / "info" / "index.json").is_file():
        yield Input(text, path=path)
        return
    found = sorted(item for item in path.rglob("*") if item.name.endswith((*_ARCHIVES, _WHEEL)) and item.is_file())
    if not found:
        message = "the directory holds no .conda, .tar.bz2 or .whl file"
        yield Input(text, error=Unsupported(Code.NOT_AN_ARTIFACT, message, subject=text))
    for item in found:
        yield Input(str(item), path=item)


def _file(text: str, path: Path) -> Input:
    if not path.is_file():
        return Input(text, error=InvalidInput(Code.SOURCE, "there is no such file", subject=text))
    if not text.endswith((*_ARCHIVES, _WHEEL)):
        message = "this is neither a .conda or .tar.bz2 file nor a wheel"
        return Input(text, error=Unsupported(Code.NOT_AN_ARTIFACT, message, subject=text))
    return Input(text, path=path)


def _spec(text: str, channels: Sequence[Channel], subdir: Subdir) -> Iterator[Input]:
    if not channels:
        message = "there is no such file, and a MatchSpec needs --channel"
        yield Input(text, error=InvalidInput(Code.SOURCE, message, subject=text))
        return
    try:
        records = resolve_specs(channels, [text], subdir=subdir)
    except BridgeError as error:
        yield Input(text, error=error)
        return
    for record in records:
        yield Input(record.filename, url=record.address, sha256=record.sha256, authorization=record.authorization)
