"""A prefix of real conda-forge packages, from the corpus beside the checkout, for tests of this directory."""

from __future__ import annotations

import functools
import hashlib
import io
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest
import zstandard

from bridge.native.elf import read_elf
from bridge.native.prefix import PrefixFile, PrefixView
from bridge.native.vendor import Module

FOLDER = Path(__file__).parents[4] / "shared/corpus/conda/miniforge-linux-64-py312/linux-64"
SITE_PACKAGES = "lib/python3.12/site-packages"

needs_corpus = pytest.mark.skipif(not FOLDER.is_dir(), reason="needs ../shared/corpus")


@dataclass(frozen=True)
class Prefix:
    """The ELF files of all packages, as if installed together."""

    view: PrefixView
    content: dict[str, bytes]

    def modules(self, package: str) -> list[Module]:
        """The binaries that a package has in site-packages."""
        return [
            Module(path.removeprefix(SITE_PACKAGES + "/"), path, file.elf)
            for path, file in sorted(self.view.files.items())
            if file.provider == package and path.startswith(SITE_PACKAGES)
        ]


@functools.cache
def prefix() -> Prefix:
    """Read every package of the folder, in memory."""
    files: dict[str, PrefixFile] = {}
    links: dict[str, str] = {}
    content: dict[str, bytes] = {}
    for artifact in sorted(FOLDER.iterdir()):
        if not artifact.name.endswith((".conda", ".tar.bz2")):
            continue
        package = artifact.name.removesuffix(".conda").removesuffix(".tar.bz2")
        with tarfile.open(fileobj=io.BytesIO(_tar(artifact, package))) as archive:
            for member in archive:
                if member.issym():
                    links[member.name] = member.linkname
                elif member.isreg() or member.islnk():
                    data = archive.extractfile(member).read()
                    if data[:4] == b"\x7fELF":
                        digest = hashlib.sha256(data).digest()
                        files[member.name] = PrefixFile(member.name, package, digest, read_elf(data))
                        content[member.name] = data
    return Prefix(PrefixView(files, links), content)


def _tar(artifact: Path, package: str) -> bytes:
    if artifact.name.endswith(".tar.bz2"):
        return artifact.read_bytes()
    with zipfile.ZipFile(artifact) as archive:
        packed = archive.read(f"pkg-{package}.tar.zst")
    return zstandard.ZstdDecompressor().decompressobj().decompress(packed)
