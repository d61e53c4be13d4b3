"""An independent look at conda packages that were made of wheels: what is in them, and whether it is true.

Only the standard library, packaging, py-rattler and zstandard read here; nothing of the project does.
"""

from __future__ import annotations

import base64
import csv
import email.parser
import email.policy
import hashlib
import io
import json
import posixpath
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zstandard
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from rattler import MatchSpec

from tests.support import marker_grid

try:
    import libmambapy
except ImportError:
    libmambapy = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One file: digest, size in bytes, and its content where it is small."""

    sha256: str
    size: int
    content: bytes | None


@dataclass(frozen=True, slots=True)
class Package:
    """One `.conda` file, read."""

    filename: str
    info: dict[str, bytes]
    payload: dict[str, Entry]
    links: tuple[str, ...] = field(default=())

    @property
    def index(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.info["info/index.json"])
        return document

    @property
    def specs(self) -> list[str]:
        """Every MatchSpec of index.json."""
        index = self.index
        extra = [spec for group in index.get("extra_depends", {}).values() for spec in group]
        return [*index["depends"], *index.get("constrains", ()), *extra]

    @property
    def site_packages(self) -> str:
        """Where Python finds the modules; the directory that holds the dist-info directory of the project."""
        (record,) = self._records()
        return posixpath.dirname(posixpath.dirname(record))

    def _records(self) -> list[str]:
        found = [path for path in self.payload if path.endswith(".dist-info/RECORD")]
        shallowest = min((path.count("/") for path in found), default=0)
        return [path for path in found if path.count("/") == shallowest]


#: files up to this many bytes are kept, and RECORD.
_KEPT = 1 << 16
_CHUNK = 1 << 20


def read_package(path: Path) -> Package:
    """Everything in a `.conda` file."""
    info: dict[str, bytes] = {}
    payload: dict[str, Entry] = {}
    links: list[str] = []
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if not name.endswith(".tar.zst"):
                continue
            with (
                archive.open(name) as packed,
                zstandard.ZstdDecompressor().stream_reader(packed) as stream,
                tarfile.open(fileobj=stream, mode="r|") as tar,
            ):
                for member in tar:
                    if member.issym():
                        links.append(member.name)
                    elif name.startswith("info-"):
                        info[member.name] = _read(tar, member)
                    elif member.isfile():
                        payload[member.name] = _entry(tar, member)
    return Package(path.name, info, payload, tuple(links))


def _read(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    stream = tar.extractfile(member)
    return b"" if stream is None else stream.read()


def _entry(tar: tarfile.TarFile, member: tarfile.TarInfo) -> Entry:
    if member.size <= _KEPT or member.name.endswith(".dist-info/RECORD"):
        data = _read(tar, member)
        return Entry(hashlib.sha256(data).hexdigest(), len(data), data)
    digest, stream = hashlib.sha256(), tar.extractfile(member)
    assert stream is not None
    while data := stream.read(_CHUNK):
        digest.update(data)
    return Entry(digest.hexdigest(), member.size, None)


def problems(package: Package, wheel: Path, foreign: Iterable[str]) -> list[str]:
    """What is wrong with a package.

    Args:
        package: as `read_package` gives it.
        wheel: that it was made of.
        foreign: paths of this machine, which the package must not have.
    """
    found = [f"{package.filename}: {text}" for text in (*_specs(package), *_paths(package), *_record(package))]
    members = _members(wheel)
    site = package.site_packages
    dist_info = next(path for path in package.payload if path.startswith(site) and path.endswith(".dist-info/RECORD"))
    metadata = posixpath.join(posixpath.dirname(dist_info), "METADATA")
    if package.payload[metadata].sha256 != members[posixpath.relpath(metadata, site)]:
        found.append(f"{package.filename}: METADATA is another file")
    found += [f"{package.filename}: {text}" for text in _machine(package, set(members.values()), foreign)]
    return found


def _members(wheel: Path) -> dict[str, str]:
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        return {name: hashlib.sha256(archive.read(name)).hexdigest() for name in names}


def _specs(package: Package) -> Iterator[str]:
    plain = package.index.get("schema_version", 1) < 3
    for spec in package.specs:
        try:
            MatchSpec(spec, strict=True, conditionals=True, extras=True)
            if plain:
                _parse_with_libmambapy(spec)
        except Exception as error:
            yield f"{spec} is no MatchSpec: {error}"


def _parse_with_libmambapy(spec: str) -> None:
    """A second opinion, where there is one; it does not know repodata v3."""
    if libmambapy is not None:
        # Until version 2 the class had no module of its own.
        _ = libmambapy.specs.MatchSpec.parse(spec) if hasattr(libmambapy, "specs") else libmambapy.MatchSpec(spec)


def _paths(package: Package) -> Iterator[str]:
    """paths.json lists exactly the payload, as it is."""
    listed = {entry["_path"]: entry for entry in json.loads(package.info["info/paths.json"])["paths"]}
    there = package.payload.keys() | set(package.links)
    yield from (f"paths.json lists {path}, which is not there" for path in sorted(listed.keys() - there))
    yield from (f"paths.json does not list {path}" for path in sorted(there - listed.keys()))
    for path, entry in package.payload.items():
        stated = listed.get(path, {})
        if (stated.get("sha256"), stated.get("size_in_bytes")) != (entry.sha256, entry.size):
            yield f"paths.json has another {path}"
        prefix = stated.get("prefix_placeholder")
        if prefix is not None and (entry.content is None or prefix.encode() not in entry.content):
            yield f"{path} does not hold its placeholder"


def _record(package: Package) -> Iterator[str]:
    """RECORD lists every installed file once, and each is what it says (PEP 376)."""
    site = package.site_packages
    linked = package.index.get("noarch") == "python"
    for record in (path for path in package.payload if posixpath.dirname(posixpath.dirname(path)) == site):
        if not record.endswith(".dist-info/RECORD"):
            continue
        content = package.payload[record].content
        listed: set[str] = set()
        for path, digest, size in csv.reader(io.StringIO((content or b"").decode())):
            target = posixpath.normpath(posixpath.join(site, path))
            entry = package.payload.get(target)
            if target in listed:
                yield f"RECORD lists {path} twice"
            listed.add(target)
            if entry is None:
                yield f"RECORD lists {path}, which is not there"
            elif target == record:
                yield from [f"RECORD has a digest of itself: {digest}"] if digest or size else []
            elif (digest, size) != (f"sha256={_unpadded(entry.sha256)}", str(entry.size)):
                yield f"RECORD has another {path}"
        wanted = {path for path in package.payload if not linked or path.startswith(f"{site}/")}
        yield from (f"RECORD does not list {path}" for path in sorted(wanted - listed))


def _unpadded(sha256: str) -> str:
    return base64.urlsafe_b64encode(bytes.fromhex(sha256)).rstrip(b"=").decode()


def _machine(package: Package, members: set[str], foreign: Iterable[str]) -> Iterator[str]:
    """Paths of this machine in what the bridge wrote; what it copied is as it was."""
    made = dict(package.info)
    for path, entry in package.payload.items():
        if entry.sha256 not in members:
            if entry.content is None:
                yield f"{path} is not a file of the wheel, and too large to be looked at"
            made[path] = entry.content or b""
    licenses = {path for path in made if path.startswith("info/licenses/")}
    for path in sorted(made.keys() - licenses):
        for text in foreign:
            if text.encode() in made[path]:
                yield f"{path} holds {text}"


def asked_by(wheel: Path, conda_name: Callable[[str], str | None]) -> marker_grid.Wheel:
    """What a wheel's METADATA asks for, to hold the packages against.

    Args:
        wheel: the wheel.
        conda_name: project -> conda package; None where nobody knows one.
    """
    with zipfile.ZipFile(wheel) as archive:
        found = [name for name in archive.namelist() if name.count("/") == 1 and name.endswith(".dist-info/METADATA")]
        data = archive.read(found[0])
    headers = email.parser.BytesParser(policy=email.policy.compat32).parsebytes(data, headersonly=True)
    return marker_grid.Wheel(
        tuple(map(Requirement, headers.get_all("Requires-Dist", []))),
        SpecifierSet(headers.get("Requires-Python") or ""),
        conda_name,
        tuple(sorted({canonicalize_name(extra) for extra in headers.get_all("Provides-Extra", [])})),
        headers["Name"],
    )
