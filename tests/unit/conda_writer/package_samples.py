"""Packages to write: a payload as a list of members, and what goes with it."""

from __future__ import annotations

import io
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bridge.formats.conda.artifact import open_artifact
from bridge.formats.conda.identifiers import parse_filename
from bridge.formats.conda.writer import CondaDigest, CondaWriter
from bridge.model.conda import FileMode
from bridge.model.payload import MemberKind

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PLACEHOLDER = "/opt/placehold/placehold/placehold"
LONG = "lib/" + "/".join(["component" * 3] * 8) + "/name.py"


@dataclass(frozen=True)
class File:
    """A file to add."""

    data: bytes = b""
    mode: int = 0o644
    placeholder: str | None = None
    file_mode: FileMode | None = None
    no_link: bool = False


@dataclass(frozen=True)
class Link:
    """A symbolic link to add."""

    target: str


@dataclass(frozen=True)
class Directory:
    """A directory to add."""

    mode: int = 0o755
    listed: bool = False


Content = File | Link | Directory

TREE: Mapping[str, Content] = {
    "bin/tool": File(b"#!" + PLACEHOLDER.encode() + b"/bin/python\n", 0o755, PLACEHOLDER, FileMode.TEXT),
    "bin/again": Link("tool"),
    "lib/empty": File(),
    "lib/libx.so.1": File(b"\x00" + PLACEHOLDER.encode() + b"/share\x00rest", 0o755, PLACEHOLDER, FileMode.BINARY),
    "lib/libx.so": Link("libx.so.1"),
    "lib/chain.so": Link("./../lib64/libx.so"),
    "lib64": Link("lib"),
    "lib/elsewhere.so": Link("libother.so.2"),
    "lib/copied": File(b"copy me", no_link=True),
    "share/ünïcode name.txt": File("naïve".encode()),
    "share/link to ünïcode": Link("ünïcode name.txt"),
    LONG: File(b"long"),
    "share/" + "n" * 200: File(b"not to be split"),
    "share/nothing": Directory(0o700),
    "share/long link": Link("../" + LONG),
}

INDEX: dict[str, Any] = {
    "name": "demo",
    "version": "1.0",
    "build": "h1_0",
    "build_number": 0,
    "depends": ["__glibc >=2.17"],
    "subdir": "linux-64",
}
ABOUT: dict[str, Any] = {"summary": "schön", "extra": {"z": 1, "a": [True, None]}}


class Trickle(io.BytesIO):
    """A stream that gives less than it is asked for."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(size, 1000) if size and size > 0 else size)


def add(writer: CondaWriter, tree: Mapping[str, Content], stream: type[io.BytesIO] = io.BytesIO) -> None:
    """Add every member in order."""
    for path, content in tree.items():
        if isinstance(content, Link):
            writer.add_link(path, content.target)
        elif isinstance(content, Directory):
            writer.add_directory(path, mode=content.mode, listed=content.listed)
        else:
            writer.add(
                path,
                stream(content.data),
                len(content.data),
                mode=content.mode,
                prefix_placeholder=content.placeholder,
                file_mode=content.file_mode,
                no_link=content.no_link,
            )


def write(
    path: Path,
    tree: Mapping[str, Content],
    *,
    index: Mapping[str, Any] = INDEX,
    about: Mapping[str, Any] = ABOUT,
    link: Mapping[str, Any] | None = None,
    run_exports: Mapping[str, Any] | None = None,
    info: Mapping[str, bytes] | None = None,
    stream: type[io.BytesIO] = io.BytesIO,
    **options: Any,
) -> CondaDigest:
    """Write a package named as `path` says."""
    identity, archive = parse_filename(path.name)
    with CondaWriter(path, identity, format=archive, **options) as writer:
        add(writer, tree, stream)
        return writer.finish(index, about, link=link, run_exports=run_exports, info=info)


def read(path: Path) -> dict[str, tuple[int, Content]]:
    """Mode and content of every member, in the order of the archive, as our own reader gives them."""
    found: dict[str, tuple[int, Content]] = {}
    with open_artifact(path) as artifact:
        entries = {entry.path: entry for entry in artifact.metadata().paths}
        for member, reader in artifact.members():
            if member.kind is MemberKind.SYMLINK:
                found[member.path] = member.mode, Link(member.link_target or "")
            elif member.kind is MemberKind.DIRECTORY:
                found[member.path] = member.mode, Directory(member.mode, member.path in entries)
            else:
                entry = entries[member.path]
                found[member.path] = (
                    member.mode,
                    File(reader.read(), member.mode, entry.prefix_placeholder, entry.file_mode, entry.no_link),
                )
    return found


def mixed(size: int, seed: int = 0) -> bytes:
    """Half noise, half repetition."""
    source = random.Random(seed)
    pieces = [source.randbytes(500) for _ in range(200)]
    data = b"".join(source.choices(pieces, k=size // 1000 + 1)) + source.randbytes(size // 2 + 1)
    return data[:size]
