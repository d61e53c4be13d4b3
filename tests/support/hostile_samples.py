"""Wheels for the reader, sound and otherwise, made on the spot."""

from __future__ import annotations

import csv
import hashlib
import io
import stat
import struct
import zipfile
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FILENAME = "demo-1.0-py3-none-any.whl"
DIST_INFO = "demo-1.0.dist-info"
DATA = "demo-1.0.data"
METADATA = b"Metadata-Version: 2.4\nName: demo\nVersion: 1.0\n"
WHEEL = b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
VARIANT_JSON = (
    b'{"$schema": "https://variants-schema.wheelnext.dev/peps/850/v0.2.0.json",'
    b' "default-priorities": {"namespace": ["x"]}, "providers": {"x": {"static-properties": {"f": ["a", "b"]}}},'
    b' "variants": {"one": {"x": {"f": ["a"]}}}}'
)


@dataclass
class Sample:
    """What goes into a wheel; every part may be made wrong."""

    filename: str = FILENAME
    dist_info: str = DIST_INFO
    payload: dict[str, bytes] = field(default_factory=lambda: {"demo/__init__.py": b"x = 1\n"})
    metadata: bytes | None = METADATA
    wheel: bytes | None = WHEEL
    entry_points: bytes | None = None
    #: more files of dist-info, by name there.
    info: dict[str, bytes] = field(default_factory=dict)
    #: changes the rows of RECORD; None leaves RECORD out.
    record: Callable[[list[list[str]]], list[list[str]]] | None = lambda rows: rows
    #: Unix mode of members.
    modes: dict[str, int] = field(default_factory=dict)
    method: int = zipfile.ZIP_DEFLATED
    #: directory entries, without their final separator.
    directories: tuple[str, ...] = ()

    def members(self) -> dict[str, bytes]:
        members = dict(self.payload)
        parts = {"METADATA": self.metadata, "WHEEL": self.wheel, "entry_points.txt": self.entry_points, **self.info}
        members |= {f"{self.dist_info}/{name}": data for name, data in parts.items() if data is not None}
        if self.record is not None:
            rows = [[name, *recorded(data)] for name, data in members.items()]
            text = io.StringIO()
            csv.writer(text, lineterminator="\n").writerows(self.record([*rows, [f"{self.dist_info}/RECORD", "", ""]]))
            members[f"{self.dist_info}/RECORD"] = text.getvalue().encode()
        return members

    def write(self, directory: Path) -> Path:
        path = directory / self.filename
        with zipfile.ZipFile(path, "w", self.method) as archive:
            for name in self.directories:
                archive.writestr(info(f"{name}/", stat.S_IFDIR | 0o755), b"")
            for name, data in self.members().items():
                archive.writestr(info(name, self.modes.get(name, stat.S_IFREG | 0o644)), data, self.method)
        return path


def info(name: str, mode: int) -> zipfile.ZipInfo:
    result = zipfile.ZipInfo(name)
    # ZipInfo cuts a name at NUL, which is not what an attacker does.
    result.filename = name
    result.external_attr = mode << 16
    return result


def recorded(data: bytes, algorithm: str = "sha256") -> list[str]:
    digest = urlsafe_b64encode(hashlib.new(algorithm, data).digest()).rstrip(b"=").decode()
    return [f"{algorithm}={digest}", str(len(data))]


def renamed(data: bytes, old: bytes, new: bytes) -> bytes:
    """Both headers of a member (and whatever else has its name) changed."""
    assert len(old) == len(new)
    assert old in data
    return data.replace(old, new)


def zip64_lie(data: bytes) -> bytes:
    """A zip64 end record that gives another directory than the classic one."""
    end = data[-22:]
    count, size, offset = struct.unpack("<8xHxxLL", end[:-2])
    # Two fewer members than the classic record says.
    wide = struct.pack("<4sQHHLLQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, count - 2, count - 2, size, offset)
    return data[:-22] + wide + struct.pack("<4sLQL", b"PK\6\7", 0, len(data) - 22, 1) + end
