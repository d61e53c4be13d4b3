"""Reading one `repodata.json` (CEP 36, CEP 38) as a checked JSON object, from a directory or over HTTP."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import zstandard

from bridge.channel import transport
from bridge.channel.location import Location
from bridge.errors import Code, InvalidInput
from bridge.formats.conda.documents import load_document
from bridge.formats.conda.redaction import redact
from bridge.limits import DEFAULT_LIMITS, GIB, MIB

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: conda-forge's largest repodata.json is about 0.4 GB.
DOCUMENT_SIZE: Final = 2 * GIB
_LIMITS: Final = replace(DEFAULT_LIMITS, metadata_size=DOCUMENT_SIZE)
_CHUNK: Final = 1 * MIB


def read_document(location: Location, subdir: str) -> Mapping[str, Any] | None:
    """The repodata of one subdir; None where the channel has no such subdir, `{}` for an empty file.

    A directory is read from `repodata.json`, else `repodata.json.zst`; a remote channel the other way round,
    because the compressed file is a tenth of the size.

    Raises:
        InvalidInput: unreachable (`CB119`), too large (`CB109`), or not an unambiguous JSON object (`CB111`).
    """
    names = ("repodata.json", "repodata.json.zst")
    directory = location.directory
    for name in names if directory is not None else names[::-1]:
        subject = f"{redact(location.subdir(subdir))}{name}"
        if directory is None:
            address = f"{location.subdir(subdir)}{name}"
            data = transport.get(address, limit=DOCUMENT_SIZE, authorization=location.authorization)
        else:
            try:
                data = (directory / subdir / name).read_bytes()
            except (FileNotFoundError, NotADirectoryError):
                data = None
            except OSError as error:
                raise InvalidInput(Code.SOURCE, f"cannot read: {error.strerror}", subject=subject) from error
        if data is not None:
            return parse_repodata(data, subject, compressed=name.endswith(".zst"))
    return None


def parse_repodata(data: bytes, subject: str, *, compressed: bool) -> Mapping[str, Any]:
    """Read the bytes of a document, compressed with zstd or not; `{}` for an empty one.

    Raises:
        InvalidInput: too large (`CB109`), damaged (`CB101`), or not an unambiguous JSON object (`CB111`).
    """
    return _parse(_expand(data, subject) if compressed else data, subject)


def _expand(data: bytes, subject: str) -> bytes:
    out = io.BytesIO()
    decompressor = zstandard.ZstdDecompressor(max_window_size=DEFAULT_LIMITS.zstd_window)
    try:
        with decompressor.stream_reader(data, read_across_frames=True) as reader:
            for chunk in _chunks(reader):
                if out.tell() + len(chunk) > DOCUMENT_SIZE:
                    raise InvalidInput(Code.LIMIT, f"more than {DOCUMENT_SIZE} bytes", subject=subject)
                out.write(chunk)
    except zstandard.ZstdError as error:
        raise InvalidInput(Code.UNREADABLE, "damaged zstd data", subject=subject) from error
    return out.getvalue()


def _chunks(reader: zstandard.ZstdDecompressionReader) -> Iterator[bytes]:
    while chunk := reader.read(_CHUNK):
        yield chunk


def _parse(data: bytes, subject: str) -> Mapping[str, Any]:
    if not data.strip():
        return {}  # CEP 26: an empty file stands for an empty channel
    return load_document(data, _LIMITS, subject=subject, field="the document").raw
