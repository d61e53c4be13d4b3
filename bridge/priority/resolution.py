"""A resolution, from a lock file that some resolver made (PEP 751)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from packaging.pylock import Package, PackageSdist, PackageWheel, Pylock, PylockValidationError

from bridge.errors import Code, InvalidInput
from bridge.formats.conda.identifiers import printable
from bridge.priority.configs.addresses import cleaned, holds_secret, same_address
from bridge.priority.configs.tree import LARGEST_LOCK, read_text, toml_tree
from bridge.priority.context import Resolution, ResolvedFile, ResolvedPackage
from bridge.priority.policy import Ecosystem, Policy, SourceName

_SHA256: Final = "sha256"


def read_resolution(path: Path, policy: Policy) -> Resolution:
    """Read a `pylock.toml`, every package of which comes from an index of the policy.

    Whether each may come from there is checked when the policy is compiled.

    Args:
        path: the file; `uv export --format pylock.toml`, `pip lock` and pdm write such files.
        policy: says which source each index is.

    Raises:
        InvalidInput: CB101 or CB109 it cannot be read, CB111 it is no lock file, CB436 a package is from a directory,
            a repository or an index that the policy does not have, or a file has no sha256.
    """
    text = read_text(path, path.name, LARGEST_LOCK)
    if text is None:
        raise InvalidInput(Code.UNREADABLE, "there is no such file", subject=path.name)
    document = toml_tree(text, path.name).value
    try:
        lock = Pylock.from_dict(document)
    except PylockValidationError as error:
        message = f"is not a lock file: {printable(str(error))}"
        raise InvalidInput(Code.BAD_METADATA, message, subject=path.name) from error
    reader = _Reader(path.name, policy)
    return Resolution(tuple(reader.package(package) for package in lock.packages), lock.requires_python)


@dataclass(frozen=True, slots=True)
class _Reader:
    filename: str
    policy: Policy

    def package(self, package: Package) -> ResolvedPackage:
        if package.is_direct or package.version is None:
            raise self._refused(package, "it comes from no index")
        index = package.index or ""
        files = tuple(self._files(package))
        if not files:
            raise self._refused(package, "it has no files")
        return ResolvedPackage(
            package.name,
            package.version,
            self._source(package, index),
            f"{cleaned(index).rstrip('/')}/",
            files,
            package.requires_python,
            package.marker,
        )

    def _source(self, package: Package, index: str) -> SourceName:
        if holds_secret(index):
            raise self._refused(package, "the address of its index holds credentials")
        for source in self.policy.faces(Ecosystem.PYPI):
            if same_address(str(source.pypi), index):
                return source.name
        raise self._refused(package, "its index is no source of the policy" if index else "it does not say its index")

    def _files(self, package: Package) -> Iterator[ResolvedFile]:
        for file in (*(package.wheels or ()), *([package.sdist] if package.sdist else ())):
            yield self._file(package, file)

    def _file(self, package: Package, file: PackageWheel | PackageSdist) -> ResolvedFile:
        url = file.url or ""
        filename = file.name or unquote(urlsplit(url).path.rpartition("/")[2])
        sha256 = file.hashes.get(_SHA256)
        if not url:
            raise self._refused(package, f"{printable(filename)} has no address")
        if sha256 is None:
            raise self._refused(package, f"{printable(filename)} has no sha256")
        return ResolvedFile(filename, url, sha256, file.size, _in_utc(file.upload_time))

    def _refused(self, package: Package, message: str) -> InvalidInput:
        return InvalidInput(Code.RESOLUTION_REFUSED, message, subject=self.filename, field=printable(package.name))


def _in_utc(time: datetime | None) -> datetime | None:
    """Times of lock files are in UTC, even where they do not say so (PEP 751)."""
    if time is None or time.tzinfo is None:
        return None if time is None else time.replace(tzinfo=UTC)
    return time.astimezone(UTC)
