"""A strict tar reader: POSIX.1-2001 (ustar with pax headers) and GNU long names, and nothing else.

Two readers that understand one archive differently are an attack, so every doubtful construct is refused:
headers without magic, several extended headers for one member, sparse files, data behind a link, bytes after
the end.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from bridge.errors import Code, InvalidInput
from bridge.formats.conda.identifiers import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.formats.conda.bytestream import ByteStream
    from bridge.limits import Limits

_RECORD: Final = 512
_ZEROS: Final = bytes(_RECORD)
_POSIX: Final = b"ustar\x0000"
_GNU: Final = b"ustar  \x00"

_NUMBER: Final = re.compile(rb" *([0-7]+)[ \x00]*")
_PAX_LENGTH: Final = re.compile(rb"([1-9][0-9]{0,9}) ")

# Facts that neither name nor content of a member depends on.
_IGNORED_PAX: Final = frozenset(
    {"atime", "ctime", "mtime", "uid", "gid", "uname", "gname", "comment", "LIBARCHIVE.creationtime"}
    | {"SCHILY.dev", "SCHILY.ino", "SCHILY.nlink", "SCHILY.fflags"}
)
_IGNORED_PAX_PREFIXES: Final = ("SCHILY.xattr.", "LIBARCHIVE.xattr.")
_MEMBER_PAX: Final = frozenset({"path", "linkpath", "size"})
_UTF8_CHARSET: Final = "ISO-IR 10646 2000 UTF-8"


class TarKind(Enum):
    """The types of member that are let through; the value is the header's type flag."""

    FILE = b"0"
    HARD_LINK = b"1"
    SYMLINK = b"2"
    DIRECTORY = b"5"


_KINDS: Final = {kind.value: kind for kind in TarKind} | {b"\x00": TarKind.FILE}
_KIND_NAMES: Final = {
    b"3": "a character device",
    b"4": "a block device",
    b"6": "a FIFO",
    b"7": "a contiguous file",
    b"S": "a sparse file",
    b"D": "a GNU directory dump",
    b"M": "a part of a file from another volume",
    b"V": "a volume label",
}


@dataclass(frozen=True, slots=True)
class TarMember:
    """One member: its path without a directory's final slash, permission bits, size in bytes."""

    path: str
    kind: TarKind
    mode: int
    size: int
    #: of hard and symbolic links.
    link_target: str = ""


def read_tar(stream: ByteStream, limits: Limits, *, subject: str, field: str | None = None) -> Iterator[TarMember]:
    """The members of an uncompressed tar archive in order.

    After a member with a size, the caller takes exactly that many bytes from `stream` before it asks for the
    next member; padding and end are the reader's business. Paths are decoded, not yet checked for safety.

    Raises:
        InvalidInput: CB101 for a damaged archive, CB104 for a name that is not UTF-8, CB106 for a type of
            member that no package may have, CB109 beyond a limit.
    """
    return _Reader(stream, limits, subject, field).members()


class _Reader:
    def __init__(self, stream: ByteStream, limits: Limits, subject: str, field: str | None) -> None:
        self._stream = stream
        self._limits = limits
        self._subject = subject
        self._field = field

    def members(self) -> Iterator[TarMember]:
        extended: dict[str, str] = {}
        extension: bytes | None = None
        count = 0
        while (header := self._stream.read_exact(_RECORD)) != _ZEROS:
            kind = header[156:157]
            self._check_header(header)
            if kind == b"g":
                if extension is not None:
                    raise self._damaged("a global header between an extended header and its member")
                self._global_header(header)
                continue
            if kind in (b"x", b"L", b"K"):
                # GNU writes K and L for one member; anything else in pairs has no agreed meaning.
                if extension is not None and {extension, kind} != {b"K", b"L"}:
                    raise self._damaged("several extended headers for one member")
                extension = kind
                extended |= self._extended_header(header, kind)
                continue
            count += 1
            if count > self._limits.members:
                raise self._refuse(Code.LIMIT, f"more than limit members, {self._limits.members}")
            member = self._member(header, extended)
            yield member
            self._stream.skip(-member.size % _RECORD)
            extended = {}
            extension = None
        if extension is not None:
            raise self._damaged("an extended header without a member")
        self._check_end()

    def _check_header(self, header: bytes) -> None:
        magic = header[257:265]
        if magic not in (_POSIX, _GNU):
            raise self._damaged("a header that is neither POSIX nor GNU tar")
        # The field itself counts as blanks.
        checksum = _sum(header[:148]) + 8 * 32 + _sum(header[156:334]) + _sum(header[334:])
        if self._octal(header[148:156], "checksum") != checksum:
            raise self._damaged("a header checksum is wrong")

    def _member(self, header: bytes, extended: dict[str, str]) -> TarMember:
        flag = header[156:157]
        name = extended.get("path")
        if name is None:
            name = self._name(header)
        kind = _KINDS.get(flag)
        if kind is None:
            what = _KIND_NAMES.get(flag, f"a member of unknown type {flag!r}")
            raise InvalidInput(
                Code.MEMBER_TYPE,
                f"{what}; only files, directories and links may be packed",
                subject=self._subject,
                field=printable(name),
            )
        mode = self._octal(header[100:108], "mode") & 0o7777
        if mode & 0o7000:
            raise InvalidInput(
                Code.MEMBER_TYPE,
                f"the set-user-id, set-group-id or sticky bit is set (mode {mode:o})",
                subject=self._subject,
                field=printable(name),
            )
        size = self._size(header, extended)
        if kind is not TarKind.FILE and size:
            raise InvalidInput(
                Code.MEMBER_TYPE,
                "data behind a link or directory",
                subject=self._subject,
                field=printable(name),
            )
        if size > self._limits.file_size:
            raise InvalidInput(
                Code.LIMIT,
                f"{size} bytes; limit file_size is {self._limits.file_size}",
                subject=self._subject,
                field=printable(name),
            )
        target = ""
        if kind in (TarKind.HARD_LINK, TarKind.SYMLINK):
            target = extended.get("linkpath") or self._fixed(header[157:257])
        elif "linkpath" in extended:
            raise self._damaged("a link target for a member that is no link")
        if kind is TarKind.DIRECTORY:
            name = name.removesuffix("/")
        return TarMember(name, kind, mode & 0o777, size, target)

    def _size(self, header: bytes, extended: dict[str, str]) -> int:
        text = extended.get("size")
        if text is not None:
            if not text.isascii() or not text.isdigit() or len(text) > 20:
                raise self._damaged("the size in an extended header is not a number")
            return int(text)
        field = header[124:136]
        if field[0] == 0x80:
            return int.from_bytes(field[1:], "big")
        return self._octal(field, "size")

    def _global_header(self, header: bytes) -> None:
        for key in self._pax(self._extension(header)):
            if key in _MEMBER_PAX:
                raise self._damaged(f"a global header sets {key} for every member")

    def _extended_header(self, header: bytes, kind: bytes) -> dict[str, str]:
        data = self._extension(header)
        if kind == b"x":
            return self._pax(data)
        return {"path" if kind == b"L" else "linkpath": self._text(data.rstrip(b"\x00"))}

    def _extension(self, header: bytes) -> bytes:
        size = self._size(header, {})
        if size > self._limits.tar_header:
            raise self._refuse(
                Code.LIMIT,
                f"an extended header of {size} bytes; limit tar_header is {self._limits.tar_header}",
            )
        data = self._stream.read_exact(size)
        self._stream.skip(-size % _RECORD)
        return data

    def _pax(self, data: bytes) -> dict[str, str]:
        """Records of a pax header, `length key=value` each; only those that change a member are kept."""
        records: dict[str, str] = {}
        seen: set[str] = set()
        place = 0
        while place < len(data):
            match = _PAX_LENGTH.match(data, place)
            stop = place + int(match.group(1)) if match else 0
            if match is None or stop > len(data) or stop <= match.end() or data[stop - 1] != 0x0A:
                raise self._damaged("a pax header is malformed")
            key, equals, value = data[match.end() : stop - 1].partition(b"=")
            place = stop
            keyword = self._text(key)
            if not equals or not keyword or keyword in seen:
                raise self._damaged("a pax header is malformed or says something twice")
            seen.add(keyword)
            if keyword in _MEMBER_PAX:
                if not value:
                    raise self._damaged(f"a pax header with an empty {keyword}")
                records[keyword] = self._text(value)
            elif keyword == "hdrcharset":
                if value.decode("latin-1") != _UTF8_CHARSET:
                    raise self._damaged("a pax header in another encoding than UTF-8")
            elif keyword not in _IGNORED_PAX and not keyword.startswith(_IGNORED_PAX_PREFIXES):
                raise self._refuse(Code.MEMBER_TYPE, f"the pax keyword {printable(keyword)!r} is not supported")
        return records

    def _name(self, header: bytes) -> str:
        name = self._fixed(header[:100])
        rest = header[345:500]
        if header[257:265] == _POSIX:
            prefix = self._fixed(rest)
            return f"{prefix}/{name}" if prefix else name
        if rest.strip(b"\x00"):
            # Times and sparse maps of old GNU archives, which some readers take for the start of the name.
            raise self._damaged("a GNU header with data in the place of the name's prefix")
        return name

    def _fixed(self, field: bytes) -> str:
        return self._text(field.partition(b"\x00")[0])

    def _text(self, raw: bytes) -> str:
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise self._refuse(Code.UNSAFE_PATH, f"a name that is not UTF-8: {raw[:255]!r}") from error
        if "\x00" in text:
            raise self._refuse(Code.UNSAFE_PATH, f"a NUL in the name {printable(text)!r}")
        return text

    def _octal(self, field: bytes, noun: str) -> int:
        match = _NUMBER.fullmatch(field)
        if match is None:
            if noun == "mode" and not field.strip(b" \x00"):
                return 0
            raise self._damaged(f"the {noun} in a header is not a number")
        return int(match.group(1), 8)

    def _check_end(self) -> None:
        while block := self._stream.read_some(1 << 20):
            if block.count(0) != len(block):
                raise self._damaged("data after the end of the archive")

    def _damaged(self, message: str) -> InvalidInput:
        return self._refuse(Code.UNREADABLE, message)

    def _refuse(self, code: Code, message: str) -> InvalidInput:
        return InvalidInput(code, message, subject=self._subject, field=self._field)


def _sum(data: bytes) -> int:
    """The sum of at most 256 bytes: the lower half of their Adler-32 (RFC 1950), less the 1 that it starts from."""
    return (zlib.adler32(data) & 0xFFFF) - 1
