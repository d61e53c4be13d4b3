"""What lies in packages and wheels, read without any code of the project."""

from __future__ import annotations

import bz2
import hashlib
import io
import tarfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import zstandard

#: kind, SHA-256 or target, permission bits (0 where they do not count).
Entry = tuple[str, str, int]


@dataclass
class Look:
    """A conda package: its payload, and the files and links under `info/`."""

    payload: dict[str, Entry] = field(default_factory=dict)
    info: dict[str, bytes | str] = field(default_factory=dict)

    def add(self, member: tarfile.TarInfo, archive: tarfile.TarFile) -> None:
        file = archive.extractfile(member) if member.isreg() or member.islnk() else None
        data = b"" if file is None else file.read()
        name = member.name.removeprefix("./").rstrip("/")
        if name.startswith("info/") or name == "info":
            if not member.isdir():
                self.info[name] = member.linkname if member.issym() else data
        elif member.issym():
            self.payload[name] = ("link", member.linkname, 0)
        elif member.isdir():
            self.payload[name] = ("directory", "", 0)
        else:
            mode = archive.getmember(member.linkname).mode if member.islnk() else member.mode
            self.payload[name] = ("file", hashlib.sha256(data).hexdigest(), mode & 0o777)


def look_at_package(package: Path) -> Look:
    """Read a `.conda` or `.tar.bz2` file; directories count where nothing lies in them."""
    look = Look()
    for data in _tars(package):
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            for member in archive:
                look.add(member, archive)
    occupied = {parent for name in look.payload for parent in map(str, Path(name).parents)}
    look.payload = {
        name: entry for name, entry in look.payload.items() if entry[0] != "directory" or name not in occupied
    }
    return look


def _tars(package: Path) -> list[bytes]:
    if package.name.endswith(".tar.bz2"):
        return [bz2.decompress(package.read_bytes())]
    with zipfile.ZipFile(package) as outer:
        names = [name for name in outer.namelist() if name.endswith(".tar.zst")]
        return [zstandard.ZstdDecompressor().decompressobj().decompress(outer.read(name)) for name in names]


def look_at_wheel(wheel: Path) -> dict[str, bytes | None]:
    """Names and contents of the members; None for an empty directory."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        files = {name: archive.read(name) for name in names if not name.endswith("/")}
        empty = [
            name for name in names if name.endswith("/") and not any(o != name and o.startswith(name) for o in names)
        ]
    return {**files, **dict.fromkeys(empty)}


def executables(wheel: Path) -> set[str]:
    """The members that may be executed."""
    with zipfile.ZipFile(wheel) as archive:
        return {info.filename for info in archive.infolist() if not info.is_dir() and info.external_attr >> 16 & 0o111}
