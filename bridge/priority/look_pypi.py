"""One index as an audit sees it: the files of the projects in question, as clients find them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from threading import Lock
from typing import Any, Final
from urllib.parse import urldefrag, urljoin

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidSdistFilename, NormalizedName, canonicalize_name, parse_sdist_filename

from bridge.channel.listing import VARIANTS_SUFFIX
from bridge.errors import BridgeError, Code, InvalidInput
from bridge.formats.conda.identifiers import printable
from bridge.formats.wheel.core_metadata import parse_core_metadata
from bridge.formats.wheel.filename import parse_wheel_filename
from bridge.formats.wheel.variant_json import parse_variant_json
from bridge.limits import MIB
from bridge.model.variant import VariantMetadata
from bridge.priority.catalogue import CataloguedFile, CataloguedProject, Listing
from bridge.priority.configs.addresses import cleaned
from bridge.priority.overlay_fetch import Answer, Origins
from bridge.priority.overlay_source import ACCEPT, followed, read_page
from bridge.priority.policy import Ecosystem, Source
from bridge.priority.taking import version_key

#: one page of the largest project of PyPI has about 10 MB.
_PAGE: Final = 64 * MIB
_METADATA: Final = 4 * MIB
_VARIANTS: Final = 16 * MIB
#: of a project, the newest, whose METADATA is read; what a client takes is among them unless it is told otherwise.
_MOST_VERSIONS: Final = 8
_METADATA_SUFFIX: Final = ".metadata"


class IndexLook:
    """Asks an index for the pages of projects."""

    ecosystem: Final = Ecosystem.PYPI

    def __init__(self, source: Source, origins: Origins) -> None:
        self._source = source
        self._origins = origins
        self._lock = Lock()
        self._reachable = True
        self._problems: set[str] = set()
        self._found: dict[str, CataloguedProject] = {}

    def find(self, name: str) -> Iterator[str]:
        """Look for a normalised name; gives what it requires."""
        project = NormalizedName(name)
        try:
            found = self._project(project)
        except BridgeError as error:
            with self._lock:
                self._reachable &= error.code is not Code.OVERLAY_SOURCE
                self._problems.add(f"{project}: {error.message}")
            return iter(())
        if found is None:
            return iter(())
        with self._lock:
            self._found[project] = found
        texts = {text for file in found.files for text in file.requires}
        return (required for text in texts if (required := _required(text)) is not None)

    def listing(self) -> Listing:
        """What was found."""
        return Listing(
            cleaned(self._source.pypi or ""),
            Ecosystem.PYPI,
            dict(sorted(self._found.items())),
            self._reachable,
            problems=tuple(sorted(self._problems)),
        )

    def _project(self, project: NormalizedName) -> CataloguedProject | None:
        url = self._source.pypi or ""
        address = f"{url}{project}/index.html" if url.startswith("file:") else f"{url}{project}/"
        answer = self._origins.get(self._source, Ecosystem.PYPI, address, limit=_PAGE, accept=ACCEPT)
        if answer is None:
            return None
        page = read_page(answer, project)
        files: list[CataloguedFile] = []
        variants: dict[str, VariantMetadata] = {}
        described: dict[str, str] = {}
        for entry in page.entries:
            filename = entry.get("filename")
            if not isinstance(filename, str):
                continue
            if filename.endswith(VARIANTS_SUFFIX):
                self._read_variants(project, filename, _address(entry, answer), variants)
            elif (file := _file(project, filename, entry, answer)) is not None:
                files.append(file)
                core = entry.get("core-metadata", entry.get("dist-info-metadata", False))
                if core:
                    described[filename] = _digest(core)
        newest = _newest(files)
        known = [self._described(file, described, newest) for file in files]
        return CataloguedProject(project, tuple(_labelled(file, variants) for file in known), page.status)

    def _described(self, file: CataloguedFile, described: Mapping[str, str], newest: Sequence[str]) -> CataloguedFile:
        """The file with what its METADATA requires (PEP 658)."""
        if file.version not in newest or file.filename not in described:
            return file
        try:
            stated = described[file.filename]
            answer = self._get(file.url, _METADATA, suffix=_METADATA_SUFFIX, pinned=bool(stated))
            actual = hashlib.sha256(answer.body).hexdigest()
            if stated and stated != actual:
                raise InvalidInput(Code.METADATA_CONFLICT, "METADATA is not what the page says", subject=file.filename)
            headers = parse_core_metadata(answer.body, file.filename).get_all("Requires-Dist")
        except BridgeError as error:
            with self._lock:
                self._problems.add(f"{printable(file.filename)}: {error.message}")
            return file
        return replace(file, requires=tuple(headers), stated=actual)

    def _read_variants(
        self, project: NormalizedName, filename: str, address: str, found: dict[str, VariantMetadata]
    ) -> None:
        version = filename.removesuffix(VARIANTS_SUFFIX).partition("-")[2]
        try:
            found[version] = parse_variant_json(self._get(address, _VARIANTS, pinned=False).body, filename)
        except BridgeError as error:
            with self._lock:
                self._problems.add(f"{project}: {printable(filename)}: {error.message}")

    def _get(self, address: str, limit: int, *, pinned: bool, suffix: str = "") -> Answer:
        """What lies at an address that a page names, if that may be followed."""
        where = f"{followed(address, self._source.pypi or '', pinned=pinned)}{suffix}"
        answer = self._origins.get(self._source, Ecosystem.PYPI, where, limit=limit)
        if answer is None:
            raise InvalidInput(Code.SOURCE, "is listed, but not there", subject=cleaned(where))
        return answer


def _file(project: NormalizedName, filename: str, entry: Mapping[str, Any], page: Answer) -> CataloguedFile | None:
    """What a client that reads the page sees of a file; None for one that no client takes."""
    label: str | None = None
    try:
        if filename.endswith(".whl"):
            wheel = parse_wheel_filename(filename)
            name, version, label = wheel.name, wheel.version, wheel.variant
        elif filename.endswith((".tar.gz", ".zip")):
            name, version = parse_sdist_filename(filename)
        else:
            return None
    except (InvalidInput, InvalidSdistFilename):
        return None
    hashes = entry.get("hashes")
    sha256 = hashes.get("sha256") if isinstance(hashes, dict) else None
    if name != project:
        return None
    stated = _digest(entry.get("core-metadata", entry.get("dist-info-metadata")))
    return CataloguedFile(
        filename,
        str(version),
        sha256 if isinstance(sha256, str) else None,
        _address(entry, page),
        stated=stated or None,
        label=label,
        yanked=entry.get("yanked", False) not in (False, None),
    )


def _address(entry: Mapping[str, Any], page: Answer) -> str:
    """Where a file lies, as far as that can be said without credentials; empty where it cannot."""
    url = entry.get("url")
    if not (isinstance(url, str) and url.isprintable()):
        return ""
    try:
        address, _ = urldefrag(urljoin(page.address, url.strip()))
    except ValueError:
        return ""
    return cleaned(address)


def _newest(files: Sequence[CataloguedFile]) -> tuple[str, ...]:
    keys = {file.version: version_key(Ecosystem.PYPI, file.version) for file in files}
    return tuple(sorted(keys, key=lambda version: keys[version], reverse=True)[:_MOST_VERSIONS])


def _labelled(file: CataloguedFile, variants: Mapping[str, VariantMetadata]) -> CataloguedFile:
    metadata = variants.get(file.version)
    if file.label is None or metadata is None or file.label not in metadata.variants:
        return file
    return replace(file, properties=tuple(sorted(str(each) for each in metadata.variants[file.label])))


def _digest(core: object) -> str:
    sha256 = core.get("sha256") if isinstance(core, dict) else None
    return sha256 if isinstance(sha256, str) else ""


def _required(text: str) -> str | None:
    """The project that a requirement names; None for one that only an extra has."""
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        return None
    if requirement.marker is not None and "extra" in str(requirement.marker):
        return None
    return canonicalize_name(requirement.name)
