"""Builds conda packages at test time, good ones and broken ones, from headers upwards.

`make_conda(directory, files={"lib/x": b"..."})` writes a correct package; `Package` is the same in steps, so
that a test can break exactly one thing; `tar_bytes` and `zip_bytes` write whatever they are told.
"""

from __future__ import annotations

import bz2
import hashlib
import json
import posixpath
import struct
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import zstandard

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

FORMAT_DOCUMENT = b'{"conda_pkg_format_version": 2}'


@dataclass(frozen=True)
class File:
    """A regular file, perhaps with a prefix placeholder."""

    data: bytes = b""
    mode: int = 0o644
    placeholder: str | None = None
    file_mode: str = "text"
    no_link: bool = False


@dataclass(frozen=True)
class Link:
    """A symbolic link."""

    target: str


@dataclass(frozen=True)
class HardLink:
    """A hard link to an earlier file."""

    target: str


@dataclass(frozen=True)
class Directory:
    """A directory member, as old builders wrote."""

    mode: int = 0o755


Content = bytes | File | Link | HardLink | Directory


@dataclass
class TarEntry:
    """One raw tar member; everything can be wrong."""

    name: str | bytes
    data: bytes = b""
    kind: bytes = b"0"
    link: str | bytes = b""
    mode: int = 0o644
    #: what the header claims, where that is not the length of the data.
    size: int | None = None
    #: records of an extended header in front.
    pax: Mapping[str, str | bytes] | None = None
    #: raw bytes of an extended header in front.
    pax_raw: bytes | None = None
    magic: bytes = b"ustar\x0000"
    prefix: bytes = b""
    checksum: int | None = None
    #: GNU's base-256 spelling of the size.
    binary_size: bool = False

    def encode(self) -> bytes:
        raw = b""
        name, link = _bytes(self.name), _bytes(self.link)
        records = dict(self.pax or {})
        if len(name) > 100 and "path" not in records and self.pax_raw is None and not self.prefix:
            records["path"] = name
        if len(link) > 100 and "linkpath" not in records:
            records["linkpath"] = link
        if self.pax_raw is not None:
            raw += TarEntry("PaxHeaders/x", self.pax_raw, b"x").encode()
        elif records:
            data = b"".join(pax_record(key, value) for key, value in records.items())
            raw += TarEntry("PaxHeaders/x", data, b"x").encode()
        size = len(self.data) if self.size is None else self.size
        size_field = b"\x80" + size.to_bytes(11, "big") if self.binary_size else b"%011o\x00" % size
        header = bytearray(512)
        header[0 : min(len(name), 100)] = name[:100]
        header[100:108] = b"%07o\x00" % self.mode
        header[108:116] = header[116:124] = b"0000000\x00"
        header[124:136] = size_field
        header[136:148] = b"00000000000\x00"
        header[156:157] = self.kind
        header[157 : 157 + min(len(link), 100)] = link[:100]
        header[257:265] = self.magic
        header[345 : 345 + len(self.prefix)] = self.prefix
        header[148:156] = b" " * 8
        header[148:156] = b"%06o\x00 " % (sum(header) if self.checksum is None else self.checksum)
        return raw + bytes(header) + self.data + bytes(-len(self.data) % 512)


def pax_record(key: str | bytes, value: str | bytes) -> bytes:
    """`length key=value` with the length counting itself (POSIX.1-2001)."""
    body = b" " + _bytes(key) + b"=" + _bytes(value) + b"\n"
    length = len(body)
    while len(str(length)) + len(body) != length:
        length = len(str(length)) + len(body)
    return str(length).encode() + body


def gnu_long(kind: bytes, text: str | bytes) -> TarEntry:
    """A GNU header for a long name (`L`) or link target (`K`)."""
    return TarEntry("././@LongLink", _bytes(text) + b"\x00", kind, magic=b"ustar  \x00")


def tar_bytes(entries: Iterable[TarEntry | bytes], end: bytes = bytes(1024)) -> bytes:
    """A tar archive of entries or raw bytes."""
    return b"".join(entry if isinstance(entry, bytes) else entry.encode() for entry in entries) + end


@dataclass
class ZipMember:
    """One raw ZIP member; the `local_*` values override the local header's."""

    name: str | bytes
    data: bytes
    method: int = 0
    flags: int = 0
    crc: int | None = None
    size: int | None = None
    extra: bytes = b""
    comment: bytes = b""
    local_name: str | bytes | None = None
    local_crc: int | None = None
    local_size: int | None = None
    local_extra: bytes = b""
    #: after the data: a data descriptor, or anything else.
    after: bytes = b""
    #: False for a member that only has a local header.
    listed: bool = True


def zip_bytes(
    members: Iterable[ZipMember],
    *,
    before: bytes = b"",
    gap: bytes = b"",
    comment: bytes = b"",
    after: bytes = b"",
    zip64: bool = False,
    count: int | None = None,
) -> bytes:
    """A ZIP archive of raw members."""
    body = bytearray(before)
    directory = b""
    listed = 0
    for member in members:
        name = _bytes(member.name)
        local_name = name if member.local_name is None else _bytes(member.local_name)
        stored = member.data
        packed = stored if member.method == 0 else _deflate(stored)
        crc = zlib.crc32(stored) if member.crc is None else member.crc
        size = len(stored) if member.size is None else member.size
        local_size = size if member.local_size is None else member.local_size
        local_crc = crc if member.local_crc is None else member.local_crc
        offset = len(body)
        body += struct.pack(
            "<4s5H3L2H",
            b"PK\x03\x04",
            20,
            member.flags,
            member.method,
            0,
            0x21,
            local_crc,
            len(packed) if member.local_size is None else local_size,
            local_size,
            len(local_name),
            len(member.local_extra),
        )
        body += local_name + member.local_extra + packed + member.after
        if not member.listed:
            continue
        listed += 1
        directory += struct.pack(
            "<4s6H3L5H2L",
            b"PK\x01\x02",
            0x0314,
            20,
            member.flags,
            member.method,
            0,
            0x21,
            crc,
            len(packed) if member.size is None else size,
            size,
            len(name),
            len(member.extra),
            len(member.comment),
            0,
            0,
            0,
            offset,
        )
        directory += name + member.extra + member.comment
    body += gap
    start = len(body)
    count = listed if count is None else count
    end = b""
    if zip64:
        end = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, len(directory), start)
        end += struct.pack("<4sLQL", b"PK\x06\x07", 0, start + len(directory), 1)
        end += struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    else:
        end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, len(directory), start, len(comment))
    return bytes(body) + directory + end + comment + after


def zstd(data: bytes, **options: Any) -> bytes:
    """One zstd frame."""
    return zstandard.ZstdCompressor(level=3, **options).compress(data)


@dataclass
class Package:
    """A package in steps: change any part before it is written."""

    name: str = "demo"
    version: str = "1.0"
    build: str = "0"
    subdir: str = "linux-64"
    files: Mapping[str, Content] = field(default_factory=dict)
    #: merged over the generated index.json; a value of None removes the key.
    index: Mapping[str, Any] = field(default_factory=dict)
    #: further files under info/ by path; None removes a generated one.
    info: dict[str, bytes | None] = field(default_factory=dict)
    #: the list in paths.json, where it is not to be derived from the files.
    paths: list[dict[str, Any]] | None = None
    #: raw members after the others.
    more_payload: list[TarEntry | bytes] = field(default_factory=list)
    more_info: list[TarEntry | bytes] = field(default_factory=list)

    @property
    def stem(self) -> str:
        return f"{self.name}-{self.version}-{self.build}"

    def index_json(self) -> dict[str, Any]:
        document: dict[str, Any] = {
            "name": self.name,
            "version": self.version,
            "build": self.build,
            "build_number": 0,
            "depends": [],
            "subdir": self.subdir,
        }
        if self.subdir == "noarch":
            document["noarch"] = "generic"
        document |= dict(self.index)
        return {key: value for key, value in document.items() if value is not None}

    def paths_json(self) -> list[dict[str, Any]]:
        if self.paths is not None:
            return self.paths
        return [
            self._entry(path, content) for path, content in self.files.items() if not isinstance(content, Directory)
        ]

    def info_files(self) -> dict[str, bytes]:
        files: dict[str, bytes | None] = {
            "info/about.json": b"{}",
            "info/index.json": json.dumps(self.index_json()).encode(),
            "info/paths.json": json.dumps({"paths_version": 1, "paths": self.paths_json()}).encode(),
        }
        files |= self.info
        return {path: data for path, data in files.items() if data is not None}

    def info_tar(self) -> bytes:
        return tar_bytes([*self._info_entries(), *self.more_info])

    def payload_tar(self) -> bytes:
        return tar_bytes([*self._payload_entries(), *self.more_payload])

    def whole_tar(self) -> bytes:
        return tar_bytes([*self._info_entries(), *self.more_info, *self._payload_entries(), *self.more_payload])

    def zip_members(self) -> list[ZipMember]:
        return [
            ZipMember("metadata.json", FORMAT_DOCUMENT),
            ZipMember(f"pkg-{self.stem}.tar.zst", zstd(self.payload_tar())),
            ZipMember(f"info-{self.stem}.tar.zst", zstd(self.info_tar())),
        ]

    def encode(self, archive: str = ".conda") -> bytes:
        if archive == ".conda":
            return zip_bytes(self.zip_members())
        return bz2.compress(self.whole_tar())

    def write(self, directory: Path, archive: str = ".conda", filename: str | None = None) -> Path:
        path = directory / (filename or self.stem + archive)
        path.write_bytes(self.encode(archive))
        return path

    def _info_entries(self) -> list[TarEntry]:
        return [TarEntry(path, data) for path, data in self.info_files().items()]

    def _payload_entries(self) -> list[TarEntry]:
        return [_tar_entry(path, content) for path, content in self.files.items()]

    def _entry(self, path: str, content: Content) -> dict[str, Any]:
        entry: dict[str, Any] = {"_path": path}
        if isinstance(content, Link):
            target = posixpath.normpath(posixpath.join(posixpath.dirname(path), content.target))
            data = _data(self.files, target)
            entry["path_type"] = "softlink"
        else:
            data = _data(self.files, path)
            entry["path_type"] = "hardlink"
        entry["sha256"] = hashlib.sha256(data).hexdigest()
        entry["size_in_bytes"] = len(data)
        if isinstance(content, File):
            if content.placeholder is not None:
                entry |= {"prefix_placeholder": content.placeholder, "file_mode": content.file_mode}
            if content.no_link:
                entry["no_link"] = True
        return entry


def make_conda(
    directory: Path,
    *,
    name: str = "demo",
    version: str = "1.0",
    build: str = "0",
    subdir: str = "linux-64",
    files: Mapping[str, Content] | None = None,
    index: Mapping[str, Any] | None = None,
    info: Mapping[str, bytes | None] | None = None,
    paths: list[dict[str, Any]] | None = None,
    format: str = ".conda",  # noqa: A002 - what the package format calls itself
) -> Path:
    """Write a correct package `{name}-{version}-{build}{format}` and return its path.

    Args:
        directory: where to write it.
        files: payload by path, in order; plain bytes make a file with mode 644.
        index: merged over the generated index.json; a value of None removes a key.
        info: further files under `info/`, by path; None removes a generated one.
        paths: the entries of paths.json, where they are not to be derived from the files.
        format: `.conda` or `.tar.bz2`.
    """
    package = Package(name, version, build, subdir, files or {}, index or {}, dict(info or {}), paths)
    return package.write(directory, format)


def _tar_entry(path: str, content: Content) -> TarEntry:
    match content:
        case bytes():
            return TarEntry(path, content)
        case File():
            return TarEntry(path, content.data, mode=content.mode)
        case Link():
            return TarEntry(path, kind=b"2", link=content.target, mode=0o777)
        case HardLink():
            return TarEntry(path, kind=b"1", link=content.target)
        case Directory():
            return TarEntry(path, kind=b"5", mode=content.mode)


def _data(files: Mapping[str, Content], path: str) -> bytes:
    content = files.get(path, b"")
    match content:
        case bytes():
            return content
        case File():
            return content.data
        case HardLink():
            return _data(files, content.target)
        case Link():
            return _data(files, posixpath.normpath(posixpath.join(posixpath.dirname(path), content.target)))
        case Directory():
            return b""


def _deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(6, zlib.DEFLATED, -15)
    return compressor.compress(data) + compressor.flush()


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text
