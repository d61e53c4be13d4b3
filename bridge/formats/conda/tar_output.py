"""Tar headers as bytes: ustar, with a pax header only for what ustar cannot say (POSIX.1-2001, pax).

Owner and group are 0 and nameless, so that the bytes say nothing about who wrote them.
"""

from __future__ import annotations

from typing import Final

#: two empty records end an archive.
TAR_END: Final = bytes(1024)
#: 8 GiB less one byte, and a date in the year 2242: eleven octal digits.
LARGEST_NUMBER: Final = 0o77777777777

_RECORD: Final = 512
_NAME: Final = 100
_PREFIX: Final = 155
_FILE: Final = b"0"
_SYMLINK: Final = b"2"
_DIRECTORY: Final = b"5"
_EXTENDED: Final = b"x"
_EXTENDED_NAME: Final = "././@PaxHeader"
_LINK_MODE: Final = 0o777
_FILE_MODE: Final = 0o644


def file_header(path: str, size: int, mode: int, timestamp: int) -> bytes:
    """The header of a regular file, after which its content and `padding(size)` follow.

    Args:
        path: `/` between components.
        size: in bytes.
        mode: permission bits.
        timestamp: seconds since 1970, at most `LARGEST_NUMBER`.
    """
    records: dict[str, str] = {}
    if size > LARGEST_NUMBER:
        records["size"] = str(size)
    return _member(path, _FILE, size=size, mode=mode, timestamp=timestamp, records=records)


def link_header(path: str, target: str, timestamp: int) -> bytes:
    """The header of a symbolic link, which has no content; arguments as for `file_header`."""
    records: dict[str, str] = {}
    if not target.isascii() or len(target) > _NAME:
        records["linkpath"] = target
    return _member(path, _SYMLINK, mode=_LINK_MODE, timestamp=timestamp, target=target, records=records)


def directory_header(path: str, mode: int, timestamp: int) -> bytes:
    """The header of a directory, which has no content; arguments as for `file_header`."""
    return _member(path, _DIRECTORY, mode=mode, timestamp=timestamp, records={})


def padding(size: int) -> bytes:
    """What follows a content of `size` bytes, up to the next record."""
    return bytes(-size % _RECORD)


def _member(
    path: str,
    kind: bytes,
    *,
    mode: int,
    timestamp: int,
    records: dict[str, str],
    size: int = 0,
    target: str = "",
) -> bytes:
    parts = _split(path)
    if parts is None:
        records["path"] = path
        parts = "", path
    extension = b""
    if records:
        data = b"".join(_record(key, value) for key, value in sorted(records.items()))
        extension = _header(("", _EXTENDED_NAME), _EXTENDED, size=len(data), mode=_FILE_MODE, timestamp=timestamp)
        extension += data + padding(len(data))
    stated = 0 if "size" in records else size
    return extension + _header(parts, kind, size=stated, mode=mode, timestamp=timestamp, target=target)


def _split(path: str) -> tuple[str, str] | None:
    """Prefix and name as ustar stores them, or None for what it cannot store."""
    if not path.isascii():
        return None
    if len(path) <= _NAME:
        return "", path
    slash = path.rfind("/", 0, _PREFIX + 1)
    if slash <= 0 or not 0 < len(path) - slash - 1 <= _NAME:
        return None
    return path[:slash], path[slash + 1 :]


def _header(parts: tuple[str, str], kind: bytes, *, size: int, mode: int, timestamp: int, target: str = "") -> bytes:
    header = bytearray(_RECORD)
    prefix, name = parts
    header[:100] = _field(name, _NAME)
    header[100:108] = b"%07o\x00" % mode
    header[108:116] = header[116:124] = b"0000000\x00"
    header[124:136] = b"%011o\x00" % size
    header[136:148] = b"%011o\x00" % timestamp
    header[156:157] = kind
    header[157:257] = _field(target, _NAME)
    header[257:265] = b"ustar\x0000"
    header[329:337] = header[337:345] = b"0000000\x00"
    header[345:500] = _field(prefix, _PREFIX)
    # The sum is taken with eight spaces in place of itself.
    header[148:156] = b"%06o\x00 " % (sum(header) + 8 * 32)
    return bytes(header)


def _field(text: str, width: int) -> bytes:
    """`text` in a header field; where it does not fit, the pax header has it, and this is a hint for people."""
    return text.encode("ascii", "replace")[:width].ljust(width, b"\x00")


def _record(key: str, value: str) -> bytes:
    """`length key=value` and a line feed, where the length counts itself."""
    body = f" {key}={value}\n".encode()
    length = len(body) + 1
    while len(str(length)) + len(body) != length:
        length = len(str(length)) + len(body)
    return str(length).encode() + body
