"""Reading a package index as a wheel client does: a project's page, its wheels and their variant metadata.

An index is a directory that `conda-bridge index` made, or the http(s) address of one (PEP 503, PEP 691,
PEP 592, PEP 825). Only the page and the variants files are read; of a wheel itself, only the one that is asked
for by `source_of`.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from bridge.channel import transport
from bridge.channel.listing import VARIANTS_SUFFIX
from bridge.channel.location import Location, file_path, locate
from bridge.channel.publication import uploaded
from bridge.errors import BridgeError, Code, InvalidInput
from bridge.formats.conda.documents import load_document
from bridge.formats.conda.redaction import redact
from bridge.formats.conda.transport import Address, request
from bridge.formats.wheel.archive import WheelArchive
from bridge.formats.wheel.filename import WheelFilename, parse_wheel_filename
from bridge.formats.wheel.variant_json import parse_variant_json
from bridge.limits import DEFAULT_LIMITS, MIB
from bridge.model.variant import VariantMetadata
from bridge.select.wheel_side import WheelOffer, WheelRelease

#: one page of the largest project of PyPI has about 10 MB.
_PAGE_SIZE: Final = 64 * MIB
_PROVENANCE: Final = "conda/provenance.json"
#: the part of an index's address that may be left out.
SIMPLE: Final = "simple"
_ACCEPT: Final = "application/vnd.pypi.simple.v1+json, text/html;q=0.1"


@dataclass(frozen=True, slots=True)
class _Link:
    """One file of a page."""

    url: str
    sha256: str | None
    requires_python: str
    yanked: bool
    #: in UTC; None where the page does not say it.
    uploaded: datetime | None = None

    @property
    def filename(self) -> str:
        return unquote(urlsplit(self.url).path.rpartition("/")[2])


def _any(_published: datetime | None) -> bool:
    """Files of any age."""
    return True


class Index(Protocol):
    """The wheels of projects: those of one index, or of several that a policy governs."""

    def releases(self, project: NormalizedName) -> tuple[WheelRelease, ...]:
        """The releases of a project, oldest first; none where there are none.

        Raises:
            InvalidInput: an index cannot be read (`CB119`, `CB109`, `CB111`).
        """
        ...  # pragma: no cover

    def source_of(self, offer: WheelOffer) -> str | None:
        """The conda artifact that a listed wheel was made from, by what the wheel says itself; None for others.

        Raises:
            InvalidInput: the wheel cannot be fetched or read.
        """
        ...  # pragma: no cover


class WheelIndex:
    """One index (an `Index`).

    Args:
        location: a directory that has `simple/` (or is it), or an `http(s)://` or `file://` address of one; or where
            exactly the Simple index has been found to be.
        old_enough: whether a file may be taken, by when it was published (None: the page does not say it).

    Raises:
        InvalidInput: no such directory, or another kind of address (`CB119`).
    """

    def __init__(
        self, location: str | Path | Location, *, old_enough: Callable[[datetime | None], bool] = _any
    ) -> None:
        found = isinstance(location, Location)
        self._base = location if isinstance(location, Location) else locate(location)
        self._prefixes = ("",) if found else (f"{SIMPLE}/", "")
        #: only documents in JSON have times.
        self._names: Sequence[str] = ("index.json", "index.html") if found else ("index.html",)
        self._accept = _ACCEPT if found else ""
        self._old_enough = old_enough
        self._pages: dict[NormalizedName, tuple[str, bytes] | None] = {}
        self._urls: dict[str, str] = {}
        #: (version, why) of releases that no client can use, because their variant metadata are broken.
        self.unusable: list[tuple[Version, BridgeError]] = []

    def knows(self, project: NormalizedName) -> bool:
        """Whether the index has a page of a project, whatever is on it.

        Raises:
            InvalidInput: the index cannot be read (`CB119`, `CB109`).
        """
        return self._page(project) is not None

    def releases(self, project: NormalizedName) -> tuple[WheelRelease, ...]:
        """The releases of a project, oldest first; none where the index does not have it.

        Files that are yanked or whose names cannot be read are left out, and so is every release whose
        variants file is malformed (uv takes it for unavailable as a whole).

        Raises:
            InvalidInput: the index cannot be read (`CB119`, `CB109`, `CB111`).
        """
        wheels: dict[Version, list[tuple[WheelFilename, _Link]]] = {}
        variants: dict[Version, _Link] = {}
        for link in self._links(project):
            if (version := _variants_version(link.filename, project)) is not None:
                variants[version] = link
            elif (name := _wheel_name(link.filename, project)) is not None and not link.yanked:
                wheels.setdefault(name.version, []).append((name, link))
        found: list[WheelRelease] = []
        for version in sorted(wheels):
            try:
                metadata = self._metadata(variants.get(version))
                offers = tuple(_offer(name, link) for name, link in wheels[version])
            except BridgeError as error:
                self.unusable.append((version, error))
                continue
            self._urls.update((str(link.filename), link.url) for _, link in wheels[version])
            found.append(WheelRelease(version, offers, metadata))
        return tuple(found)

    def source_of(self, offer: WheelOffer) -> str | None:
        """The conda artifact that a listed wheel was made from, by what the wheel says itself; None for others.

        Raises:
            InvalidInput: the wheel cannot be fetched or read.
        """
        url = self._urls[offer.filename]
        path = file_path(url)
        if path is not None:
            return _source(path)
        with tempfile.TemporaryDirectory(prefix="conda-bridge-") as directory:
            copy = Path(directory) / offer.filename
            address = Address.parse(url, self._base.authorization_for(url))
            with request(address) as response, copy.open("wb") as file:
                for block in response.blocks(DEFAULT_LIMITS.total_size):
                    file.write(block)
            return _source(copy)

    def _metadata(self, link: _Link | None) -> VariantMetadata | None:
        if link is None:
            return None
        data = self._get(link.url)
        if data is None:
            raise InvalidInput(Code.SOURCE, "listed, but not there", subject=redact(link.url))
        if link.sha256 is not None and hashlib.sha256(data).hexdigest() != link.sha256:
            raise InvalidInput(Code.HASH, "is not the file that the page lists", subject=redact(link.url))
        return parse_variant_json(data, link.filename)

    def _links(self, project: NormalizedName) -> Iterator[_Link]:
        page = self._page(project)
        if page is None:
            return
        address, data = page
        read = _json_links if data.lstrip().startswith(b"{") else _html_links
        for link in read(data, address):
            # A page of another machine says nothing about files of this one.
            here = urlsplit(link.url).scheme in {"http", "https"} or urlsplit(address).scheme == "file"
            if here and (link.filename.endswith(VARIANTS_SUFFIX) or self._old_enough(link.uploaded)):
                yield link

    def _page(self, project: NormalizedName) -> tuple[str, bytes] | None:
        """The page of a project, asked for once, and its address; None where there is none."""
        if project not in self._pages:
            self._pages[project] = None
            for prefix in self._prefixes:
                address = f"{self._base.address}/{prefix}{project}/"
                names = ("",) if self._base.directory is None else self._names
                data = next((got for name in names if (got := self._get(f"{address}{name}", self._accept))), None)
                if data is not None:
                    self._pages[project] = address, data
                    break
        return self._pages[project]

    def _get(self, address: str, accept: str = "") -> bytes | None:
        path = file_path(address)
        if path is not None:
            return _read(path)
        header = self._base.authorization_for(address)
        return transport.get(address, limit=_PAGE_SIZE, accept=accept, authorization=header)


def _read(path: Path) -> bytes | None:
    try:
        if path.stat().st_size > _PAGE_SIZE:
            raise InvalidInput(Code.LIMIT, f"more than {_PAGE_SIZE} bytes", subject=str(path))
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise InvalidInput(Code.SOURCE, f"cannot be read: {error.strerror}", subject=str(path)) from error


class _Anchors(HTMLParser):
    """The anchors of a page (PEP 503)."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Mapping[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.found.append(dict(attrs))


def _html_links(data: bytes, address: str) -> Iterator[_Link]:
    parser = _Anchors()
    parser.feed(data.decode("utf-8", "replace"))
    parser.close()
    for anchor in parser.found:
        href = anchor.get("href")
        if not href:
            continue
        try:
            url, fragment = urldefrag(urljoin(address, href))
        except ValueError:
            continue
        sha256 = fragment.removeprefix("sha256=") if fragment.startswith("sha256=") else None
        yield _Link(url, sha256, anchor.get("data-requires-python") or "", "data-yanked" in anchor)


def _json_links(data: bytes, address: str) -> Iterator[_Link]:
    document = load_document(data, DEFAULT_LIMITS, subject=redact(address), field="the page").raw
    files = document.get("files")
    for entry in files if isinstance(files, list) else []:
        if not isinstance(entry, dict) or not isinstance(entry.get("url"), str):
            continue
        hashes = entry.get("hashes")
        sha256 = hashes.get("sha256") if isinstance(hashes, dict) else None
        requires = entry.get("requires-python")
        try:
            url, _ = urldefrag(urljoin(address, entry["url"]))
        except ValueError:
            continue
        yield _Link(
            url,
            sha256 if isinstance(sha256, str) else None,
            requires if isinstance(requires, str) else "",
            entry.get("yanked", False) is not False,
            uploaded(entry.get("upload-time")),
        )


def _wheel_name(filename: str, project: NormalizedName) -> WheelFilename | None:
    try:
        name = parse_wheel_filename(filename)
    except InvalidInput:
        return None
    return name if name.name == project else None


def _variants_version(filename: str, project: NormalizedName) -> Version | None:
    """The version of `{name}-{version}-variants.json`, which is split at the first hyphen (PEP 825)."""
    if not filename.endswith(VARIANTS_SUFFIX):
        return None
    name, _, version = filename.removesuffix(VARIANTS_SUFFIX).partition("-")
    try:
        return Version(version) if canonicalize_name(name) == project else None
    except InvalidVersion:
        return None


def _offer(name: WheelFilename, link: _Link) -> WheelOffer:
    try:
        requires = SpecifierSet(link.requires_python) if link.requires_python else None
    except InvalidSpecifier as error:
        message = f"{link.requires_python!r} is no Requires-Python"
        raise InvalidInput(Code.BAD_METADATA, message, subject=link.filename) from error
    return WheelOffer(link.filename, name.tags, name.variant, name.build, requires_python=requires)


def _source(path: Path) -> str | None:
    with WheelArchive(path) as archive:
        member = f"{archive.dist_info}/{_PROVENANCE}"
        if member not in archive.members:
            return None
        data = archive.read(member)
    try:
        filename = json.loads(data)["source"]["filename"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InvalidInput(Code.BAD_METADATA, "is malformed", subject=path.name, field=member) from error
    return filename if isinstance(filename, str) else None
