"""Wheels as other tools write them: every legal oddity of zip and RECORD that a builder may leave behind."""

from __future__ import annotations

import csv
import hashlib
import io
import struct
import zipfile
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING, Any

from bridge.model.variant import Property, StaticProvider, VariantMetadata

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

NAME = "odd-1.0-py3-none-any.whl"
DIST_INFO = "odd-1.0.dist-info"
RECORD = f"{DIST_INFO}/RECORD"
MEMBER = f"{DIST_INFO}/variant.json"
FILES: Mapping[str, bytes] = {
    "odd/__init__.py": b"x = 1\n" * 50,
    "odd/E=1,N=14336.json": b'{"a": 1}' * 30,
    "odd/\u00fcber.txt": b"text",
    "odd/empty.py": b"",
    f"{DIST_INFO}/METADATA": b"Metadata-Version: 2.1\nName: odd\nVersion: 1.0\n",
    f"{DIST_INFO}/WHEEL": b"Wheel-Version: 1.0\nGenerator: odd\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
}
#: of a release whose variants the wheels may become.
METADATA = VariantMetadata(
    ("blas",),
    {"blas": StaticProvider({"library": ("mkl", "openblas")})},
    {
        "null": frozenset(),
        "mkl": frozenset({Property("blas", "library", "mkl")}),
        "a_long_label.1": frozenset({Property("blas", "library", "openblas")}),
    },
)


def record(files: Mapping[str, bytes] = FILES, line_end: str = "\n") -> bytes:
    """RECORD of these files and itself."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=line_end)
    for name, data in files.items():
        digest = urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        writer.writerow((name, f"sha256={digest}", len(data)))
    writer.writerow((RECORD, "", ""))
    return text.getvalue().encode()


def _info(name: str, **attributes: Any) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, (2024, 5, 6, 7, 8, 10))
    info.external_attr = 0o100664 << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    for key, value in attributes.items():
        setattr(info, key, value)
    return info


def write(
    path: Path,
    *,
    content: bytes | None = None,
    files: Mapping[str, bytes] = FILES,
    compression: int = zipfile.ZIP_DEFLATED,
    level: int | None = None,
    record_at: int | None = None,
    force_zip64: bool = False,
    directories: bool = False,
    extra: bytes = b"",
    **attributes: Any,
) -> Path:
    """A wheel; `content` is RECORD, `record_at` its place among the members."""
    members = [(name, data) for name, data in files.items()]
    place = len(members) if record_at is None else record_at
    members.insert(place, (RECORD, record(files) if content is None else content))
    with zipfile.ZipFile(path, "w", compression, compresslevel=level) as archive:
        if directories:
            archive.mkdir("odd")
            archive.mkdir(DIST_INFO)
        for name, data in members:
            info = _info(name, compress_type=compression, extra=extra, **attributes)
            with archive.open(info, "w", force_zip64=force_zip64) as member:
                member.write(data)
    return path


def reordered(path: Path) -> Path:
    """The same archive with its central directory in another order than the members."""
    write(path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.filelist.reverse()
        archive._didModify = True  # type: ignore[attr-defined]
    return path


def with_zip64_end(path: Path) -> Path:
    """An archive with zip64 end records that it does not need."""
    write(path, force_zip64=True)
    data = path.read_bytes()
    end = len(data) - 22
    _, _, _, here, count, size, offset, _ = struct.unpack("<4sHHHHLLH", data[end:])
    wide = struct.pack("<4sQHHLLQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, here, count, size, offset)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, end, 1)
    classic = struct.pack("<4sHHHHLLH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    path.write_bytes(data[:end] + wide + locator + classic)
    return path


def with_wide_directory(path: Path) -> Path:
    """An archive whose directory gives sizes and offsets in zip64 fields that it does not need."""
    write(path)
    data = path.read_bytes()
    _, _, _, _, count, _, offset, _ = struct.unpack("<4sHHHHLLH", data[-22:])
    directory = b""
    at = offset
    for _ in range(count):
        fixed = bytearray(data[at : at + 46])
        packed, plain, name_length, extra_length = struct.unpack_from("<LLHH", fixed, 20)
        (where,) = struct.unpack_from("<L", fixed, 42)
        name = data[at + 46 : at + 46 + name_length]
        struct.pack_into("<LLHH", fixed, 20, 0xFFFFFFFF, 0xFFFFFFFF, name_length, 28)
        struct.pack_into("<L", fixed, 42, 0xFFFFFFFF)
        directory += bytes(fixed) + name + struct.pack("<HHQQQ", 1, 24, plain, packed, where)
        at += 46 + name_length + extra_length
    end = struct.pack("<4sHHHHLLH", b"PK\x05\x06", 0, 0, count, count, len(directory), offset, 0)
    path.write_bytes(data[:offset] + directory + end)
    return path


def with_deflated_directory_hint(path: Path) -> Path:
    """RECORD compressed at the highest level, and saying so in its flags."""
    return write(path, level=9, flag_bits=0b010)


def many(path: Path) -> Path:
    """A wheel of thousands of members, some of them empty."""
    files = {**FILES, **{f"odd/data/{number:05}.txt": b"%d" % number * (number % 7) for number in range(3000)}}
    return write(path, files=files)


def _no_newline() -> bytes:
    return record().rstrip(b"\n")


def _quoted() -> bytes:
    rows = csv.reader(io.StringIO(record().decode()))
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def _blank_lines() -> bytes:
    return record().replace(b"\n", b"\n\n", 2)


ODDITIES: Mapping[str, Callable[[Path], Path]] = {
    "plain": write,
    "stored": lambda path: write(path, compression=zipfile.ZIP_STORED),
    "fastest level": lambda path: write(path, level=1),
    "smallest level": with_deflated_directory_hint,
    "CRLF in RECORD": lambda path: write(path, content=record(line_end="\r\n")),
    "no newline at the end of RECORD": lambda path: write(path, content=_no_newline()),
    "everything quoted in RECORD": lambda path: write(path, content=_quoted()),
    "blank lines in RECORD": lambda path: write(path, content=_blank_lines()),
    "RECORD first": lambda path: write(path, record_at=0),
    "RECORD in the middle": lambda path: write(path, record_at=3),
    "RECORD first, directory entries": lambda path: write(path, record_at=0, directories=True),
    "odd dates": lambda path: write(path, date_time=(2107, 12, 31, 23, 59, 58)),
    "dates of nothing": lambda path: write(path, date_time=(1980, 0, 0, 0, 0, 0)),
    "made on Windows": lambda path: write(path, create_system=0, external_attr=0),
    "text flag": lambda path: write(path, internal_attr=1),
    "old version needed": lambda path: write(path, create_version=63),
    "extra fields": lambda path: write(path, extra=struct.pack("<HHBL", 0x5455, 5, 1, 1_700_000_000)),
    "zip64 local headers": lambda path: write(path, force_zip64=True),
    "zip64 local headers, RECORD first": lambda path: write(path, force_zip64=True, record_at=0),
    "zip64 end": with_zip64_end,
    "zip64 directory": with_wide_directory,
    "directory in another order": reordered,
    "thousands of members": many,
}


def streamed(path: Path) -> Path:
    """A wheel written to a pipe, with data descriptors."""

    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.data = bytearray()

        def writable(self) -> bool:
            return True

        def write(self, data: Any) -> int:
            self.data += data
            return len(data)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in (*FILES.items(), (RECORD, record())):
            archive.writestr(_info(name), data)
    path.write_bytes(pipe.data)
    return path


def signed(path: Path) -> Path:
    """A wheel with a signature of its RECORD."""
    return write(path, files={**FILES, f"{RECORD}.jws": b"{}"}, content=record())
