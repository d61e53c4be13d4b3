"""One index as an audit sees it: the files of the projects in question, as clients find them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
from bridge.priority.catalogue import CataloguedFile, CataloguedProject, Listing, Silence, silence_of, worse
from bridge.priority.configs.addresses import cleaned, is_address
from bridge.priority.configs.pip_lines import applies, extras_of
from bridge.priority.matching import version_key
from bridge.priority.overlay_fetch import Answer, Origins
from bridge.priority.overlay_source import ACCEPT, followed, read_page
from bridge.priority.policy import Ecosystem, Source

#: one page of the largest project of PyPI has about 10 MB.
_PAGE: Final = 64 * MIB
_METADATA: Final = 4 * MIB
_VARIANTS: Final = 16 * MIB
#: of a project, the newest, whose METADATA is read; what a client takes is among them unless it is told otherwise.
_MOST_VERSIONS: Final = 8
#: of a project that are fetched; wheels of one version rarely have more than two different ones.
_MOST_METADATA: Final = 64
_METADATA_SUFFIX: Final = ".metadata"
_HASH: Final = re.compile(r"[0-9a-fA-F]{64}")


#: a name, and the extras that are asked for with it.
Wanted = tuple[str, frozenset[str]]


class IndexLook:
    """Asks an index for the pages of projects."""

    ecosystem: Final = Ecosystem.PYPI

    def __init__(self, source: Source, origins: Origins) -> None:
        self._source = source
        self._origins = origins
        self._lock = Lock()
        self._silence: Silence | None = None
        self._problems: set[str] = set()
        self._unread: set[str] = set()
        self._found: dict[str, CataloguedProject] = {}

    def find(self, name: str, extras: frozenset[str] = frozenset()) -> frozenset[Wanted]:
        """Look for a normalised name; gives what it requires, with these extras."""
        project = NormalizedName(name)
        try:
            # a name comes again when somebody wants more of its extras
            found = self._found.get(project) or self._project(project)
        except BridgeError as error:
            with self._lock:
                if error.code is Code.OVERLAY_SOURCE:
                    self._silence = worse(self._silence, silence_of(error))
                self._unread.add(project)
                self._problems.add(f"{project}: {error.message}")
            return frozenset()
        if found is None:
            return frozenset()
        with self._lock:
            self._found[project] = found
        return wanted_projects({text for file in found.files for text in file.requires}, extras)

    def listing(self) -> Listing:
        """What was found."""
        return Listing(
            cleaned(self._source.pypi or ""),
            Ecosystem.PYPI,
            dict(sorted(self._found.items())),
            self._silence is None,
            problems=tuple(sorted(self._problems)),
            unread=frozenset(self._unread),
            silence=self._silence or Silence.UNREACHED,
        )

    def _project(self, project: NormalizedName) -> CataloguedProject | None:
        url = self._source.pypi or ""
        address = f"{url}{project}/index.html" if url.startswith("file:") else f"{url}{project}/"
        answer = self._origins.get(self._source, Ecosystem.PYPI, address, limit=_PAGE, accept=ACCEPT)
        if answer is None:
            return None
        page = read_page(answer, project)
        files: list[tuple[CataloguedFile, Mapping[str, Any]]] = []
        variants: dict[str, Mapping[str, Any]] = {}
        for entry in page.entries:
            filename = entry.get("filename")
            if not isinstance(filename, str):
                continue
            if filename.endswith(VARIANTS_SUFFIX):
                variants[filename] = entry
            elif (file := _file(project, filename, entry, answer)) is not None:
                files.append((file, entry))
        newest = _newest([file for file, _ in files])
        meanings = self._read_variants(variants, newest, answer.address)
        described = _Described(answer.address)
        known = [self._described(*each, described) if each[0].version in newest else each[0] for each in files]
        return CataloguedProject(project, tuple(_labelled(file, meanings) for file in known), page.status)

    def _described(self, file: CataloguedFile, entry: Mapping[str, Any], described: _Described) -> CataloguedFile:
        """The file with what its METADATA requires (PEP 658), which most wheels of a version share."""
        stated = _metadata(entry)
        if stated is None:
            return file
        try:
            if stated not in described.requires:
                if described.fetched == _MOST_METADATA:
                    raise InvalidInput(
                        Code.LIMIT, f"METADATA of more than {_MOST_METADATA} files", subject=file.filename
                    )
                described.fetched += 1
                where = followed(entry.get("url"), described.page, pinned=bool(stated))
                answer = self._get(f"{where}{_METADATA_SUFFIX}", _METADATA, stated)
                headers = parse_core_metadata(answer.body, file.filename).get_all("Requires-Dist")
                described.requires[answer.sha256] = checked_requirements(headers)
                stated = answer.sha256
        except BridgeError as error:
            with self._lock:
                self._problems.add(f"{printable(file.filename)}: {error.message}")
            return file
        return replace(file, requires=described.requires[stated], stated=stated)

    def _read_variants(
        self, entries: Mapping[str, Mapping[str, Any]], newest: Collection[str], page: str
    ) -> Mapping[str, VariantMetadata]:
        """What labels stand for, by version."""
        found: dict[str, VariantMetadata] = {}
        for filename, entry in entries.items():
            version = filename.removesuffix(VARIANTS_SUFFIX).partition("-")[2]
            if version not in newest:
                continue
            try:
                sha256 = _sha256(entry.get("hashes")) or ""
                where = followed(entry.get("url"), page, pinned=bool(sha256))
                found[version] = parse_variant_json(self._get(where, _VARIANTS, sha256).body, filename)
            except BridgeError as error:
                with self._lock:
                    self._problems.add(f"{printable(filename)}: {error.message}")
        return found

    def _get(self, address: str, limit: int, sha256: str) -> Answer:
        """What lies at an address that may be followed; an empty `sha256` is one that the page does not state."""
        answer = self._origins.get(self._source, Ecosystem.PYPI, address, limit=limit)
        if answer is None:
            raise InvalidInput(Code.SOURCE, "is listed, but not there", subject=cleaned(address))
        if sha256 and sha256 != answer.sha256:
            what = "METADATA" if address.endswith(_METADATA_SUFFIX) else "the file"
            raise InvalidInput(Code.METADATA_CONFLICT, f"{what} is not what the page says", subject=cleaned(address))
        return answer


@dataclass(slots=True)
class _Described:
    """The METADATA of a project that has been read."""

    #: address of the page.
    page: str
    fetched: int = 0
    #: by sha256.
    requires: dict[str, tuple[str, ...]] = field(default_factory=dict)


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
    if name != project:
        return None
    size = entry.get("size")
    return CataloguedFile(
        filename,
        str(version),
        _sha256(entry.get("hashes")),
        _address(entry, page),
        stated=_metadata(entry) or None,
        size=size if isinstance(size, int) and not isinstance(size, bool) else None,
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


def _sha256(hashes: object) -> str | None:
    sha256 = hashes.get("sha256") if isinstance(hashes, dict) else None
    return sha256.lower() if isinstance(sha256, str) and _HASH.fullmatch(sha256) else None


def _metadata(entry: Mapping[str, Any]) -> str | None:
    """The sha256 of the METADATA beside a file, empty where it is not stated; None where there is none."""
    core = entry.get("core-metadata", entry.get("dist-info-metadata"))
    return _sha256(core) or "" if core else None


def checked_requirements(headers: Iterable[str]) -> tuple[str, ...]:
    """Requirements, without the secrets of addresses in them; what no client reads as one is left out."""
    found: list[str] = []
    for header in headers:
        try:
            requirement = Requirement(header)
        except InvalidRequirement:
            continue
        if requirement.url is not None:
            requirement.url = cleaned(requirement.url)
            if not is_address(requirement.url):
                continue
        found.append(str(requirement))
    return tuple(found)


def required_projects(requirements: Iterable[str]) -> frozenset[str]:
    """The projects that checked requirements name, without those that only an extra has."""
    return frozenset(name for name, _ in wanted_projects(requirements, ()))


def wanted_projects(requirements: Iterable[str], extras: Collection[str]) -> frozenset[Wanted]:
    """The projects that checked requirements name, with the extras that they ask for.

    Args:
        requirements: of one project.
        extras: of that project, normalised; what only others have is left out.
    """
    parsed = (Requirement(text) for text in requirements)
    return frozenset(
        (canonicalize_name(one.name), frozenset(extras_of(one.extras))) for one in parsed if applies(one.marker, extras)
    )
