"""What a user may name as an input: files, directories, addresses and MatchSpecs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bridge.channel.repodata import Channel
from bridge.channel.solve import resolve_specs
from bridge.errors import BridgeError, Code, InvalidInput, Unsupported
from bridge.formats.conda.redaction import redact
from bridge.model.conda import Subdir

_ARCHIVES: Final = (".conda", ".tar.bz2")
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
    error: BridgeError | None = None


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
        yield Input(redact(text), url=address["scheme"].lower() + text[address.end("scheme") :])
    elif _ADDRESS.search(text) and not path.exists():
        shown = _ADDRESS.sub(lambda match: redact(match[0]), text)
        message = "an input's address is of http, https or file; a MatchSpec has none, give it with --channel"
        yield Input(shown, error=InvalidInput(Code.SOURCE, message, subject=shown))
    elif path.is_dir():
        yield from _directory(text, path)
    elif path.is_file() or text.endswith((*_ARCHIVES, ".whl")):
        yield _file(text, path)
    else:
        yield from _spec(text, channels, subdir)


def _directory(text: str, path: Path) -> Iterator[Input]:
    if (path / "info" / "index.json").is_file():
        yield Input(text, path=path)
        return
    found = sorted(item for item in path.rglob("*") if item.name.endswith(_ARCHIVES) and item.is_file())
    if not found:
        message = "the directory holds no .conda or .tar.bz2 file"
        yield Input(text, error=Unsupported(Code.NOT_AN_ARTIFACT, message, subject=text))
    for item in found:
        yield Input(str(item), path=item)


def _file(text: str, path: Path) -> Input:
    if not path.is_file():
        return Input(text, error=InvalidInput(Code.SOURCE, "there is no such file", subject=text))
    if not text.endswith(_ARCHIVES):
        message = "this is neither a .conda nor a .tar.bz2 file"
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
        yield Input(record.filename, url=record.address, sha256=record.sha256)
