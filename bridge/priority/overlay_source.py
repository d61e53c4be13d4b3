"""What an index says about one project (PEP 503, PEP 691), checked: every file has a sha256 and an address that may be
followed.

A file may lie on another host than its page, as on PyPI, because its hash says which file is meant. Without a hash it
is not listed at all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

from packaging.utils import InvalidName, InvalidSdistFilename, NormalizedName, canonicalize_name, parse_sdist_filename
from packaging.version import InvalidVersion, Version

from bridge.channel.listing import VARIANTS_SUFFIX
from bridge.channel.publication import uploaded
from bridge.errors import Code, InvalidInput
from bridge.formats.conda.documents import load_document
from bridge.formats.conda.identifiers import printable
from bridge.formats.conda.redaction import redact
from bridge.formats.conda.transport import is_inside
from bridge.formats.wheel.filename import parse_wheel_filename
from bridge.limits import DEFAULT_LIMITS
from bridge.priority.overlay_fetch import Answer, origin
from bridge.priority.overlay_html import anchors
from bridge.priority.overlay_report import Left, Tally

_JSON: Final = "application/vnd.pypi.simple.v1+json"
#: what is asked for, best first.
ACCEPT: Final = f"{_JSON}, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_CORE: Final = re.compile(r"sha256=([0-9a-f]{64})")
#: the status (PEP 792) of a project whose files are not to be installed.
QUARANTINED: Final = "quarantined"
_QUARANTINE: Final = "the index has the project in quarantine; none of its files is offered"
#: of a text that is passed on: a reason for yanking, a Requires-Python.
_LONGEST: Final = 4096


@dataclass(frozen=True, slots=True)
class IndexFile:
    """One file of a project."""

    filename: str
    #: absolute, without a fragment.
    url: str
    #: in hex; None for a variants file whose hash the page does not state.
    sha256: str | None
    version: Version
    #: variant label of a wheel.
    label: str | None = None
    #: in bytes.
    size: int | None = None
    requires_python: str | None = None
    upload_time: datetime | None = None
    #: the reason, maybe empty; None where it is not yanked.
    yanked: str | None = None
    #: sha256 of the METADATA beside it, empty where only its presence is stated; None where there is none.
    metadata: str | None = None
    provenance: str | None = None

    @property
    def is_variants(self) -> bool:
        return self.filename.endswith(VARIANTS_SUFFIX)


@dataclass(frozen=True, slots=True)
class IndexProject:
    """The files of a project that may be listed, by file name."""

    name: NormalizedName
    files: tuple[IndexFile, ...]


@dataclass(frozen=True, slots=True)
class IndexPage:
    """What the page of a project says, in the words of PEP 691; nothing in it has been checked."""

    entries: tuple[Mapping[str, Any], ...]
    #: PEP 792; empty where nothing is said.
    status: str = ""


def read_project(answer: Answer, project: NormalizedName, tally: Tally) -> IndexProject:
    """Read a page; what cannot be listed goes to the tally.

    Raises:
        InvalidInput: the page as a whole is malformed (CB107, CB109, CB111) or about another project (CB112).
    """
    page = read_page(answer, project)
    found: dict[str, IndexFile] = {}
    doubled: set[str] = set()
    if page.status == QUARANTINED:
        tally.find(Code.OVERLAY_DROPPED, project, _QUARANTINE)
        return IndexProject(project, ())
    for entry in page.entries:
        try:
            file = _file(entry, answer.address, project, tally)
        except InvalidInput as error:
            tally.find(error.code, printable(str(entry.get("filename"))), error.message)
            continue
        if file is None:
            tally.left[Left.KIND] += 1
        elif found.setdefault(file.filename, file).sha256 != file.sha256:
            doubled.add(file.filename)
    for filename in sorted(doubled):
        tally.find(Code.OVERLAY_ENTRY, filename, "the page has two files of this name")
        del found[filename]
    order = sorted(found.values(), key=lambda file: (file.version, file.filename))
    return IndexProject(project, tuple(order))


def read_names(answer: Answer) -> tuple[NormalizedName, ...]:
    """The projects of a root page, sorted; names that are none are left out.

    Raises:
        InvalidInput: the page is malformed.
    """
    if _is_json(answer):
        listed = _document(answer).get("projects")
        texts = [entry.get("name") for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    else:
        texts = [anchor[""] for anchor in anchors(answer.body, answer.address)[0]]
    return tuple(sorted({name for text in texts if (name := _name(text)) is not None}))


def _name(text: object) -> NormalizedName | None:
    try:
        return canonicalize_name(text, validate=True) if isinstance(text, str) and text.isascii() else None
    except InvalidName:
        return None


def _is_json(answer: Answer) -> bool:
    return answer.media.endswith("json") or (not answer.media and answer.body.lstrip().startswith(b"{"))


def _document(answer: Answer) -> Mapping[str, Any]:
    document = load_document(answer.body, DEFAULT_LIMITS, subject=answer.address, field="the page").raw
    meta = document.get("meta")
    version = meta.get("api-version") if isinstance(meta, dict) else None
    if not (isinstance(version, str) and version.partition(".")[0] == "1"):
        raise InvalidInput(Code.BAD_METADATA, "is not version 1 of the Simple API", subject=answer.address)
    return document


def read_page(answer: Answer, project: NormalizedName) -> IndexPage:
    """What a page says, in either form.

    Raises:
        InvalidInput: the page as a whole is malformed (CB109, CB111) or about another project (CB112).
    """
    return _json_page(answer, project) if _is_json(answer) else _html_page(answer)


def _json_page(answer: Answer, project: NormalizedName) -> IndexPage:
    document = _document(answer)
    if _name(document.get("name")) != project:
        raise InvalidInput(Code.IDENTITY, f"the page is not about {project}", subject=answer.address)
    said = document.get("project-status")
    status = said.get("status") if isinstance(said, dict) else ""
    files = document.get("files")
    entries = tuple(entry for entry in files if isinstance(entry, dict)) if isinstance(files, list) else ()
    return IndexPage(entries, status if isinstance(status, str) else "")


def _html_page(answer: Answer) -> IndexPage:
    """Anchors in the words of the JSON form."""
    found, meta = anchors(answer.body, answer.address)
    if meta.get("pypi:repository-version", "1.0").partition(".")[0] != "1":
        raise InvalidInput(Code.BAD_METADATA, "is not version 1 of the Simple API", subject=answer.address)
    return IndexPage(tuple(_html_entry(anchor) for anchor in found), meta.get("pypi:project-status", ""))


def _html_entry(anchor: Mapping[str, str]) -> Mapping[str, Any]:
    href, _, fragment = anchor.get("href", "").partition("#")
    kind, _, value = fragment.partition("=")
    core = anchor.get("data-core-metadata", anchor.get("data-dist-info-metadata"))
    match = _CORE.fullmatch(core or "")
    return {
        "filename": anchor[""],
        "url": href,
        "hashes": {kind: value},
        "requires-python": anchor.get("data-requires-python"),
        "yanked": (anchor["data-yanked"] or True) if "data-yanked" in anchor else False,
        "core-metadata": {"sha256": match[1]} if match else core == "true",
        "provenance": anchor.get("data-provenance"),
    }


def _file(entry: Mapping[str, Any], page: str, project: NormalizedName, tally: Tally) -> IndexFile | None:
    filename = entry.get("filename")
    if not isinstance(filename, str):
        raise _malformed("a file without a name")
    parsed = _parsed(filename)
    if parsed is None:
        return None
    name, version, label = parsed
    if name != project:
        raise _malformed(f"the file is of another project, {name}")
    hashes = entry.get("hashes")
    sha256 = hashes.get("sha256") if isinstance(hashes, dict) else None
    if not (isinstance(sha256, str) and _SHA256.fullmatch(sha256)):
        if not filename.endswith(VARIANTS_SUFFIX):
            raise InvalidInput(Code.OVERLAY_HASH, "the page states no sha256")
        sha256 = None
    url = followed(entry.get("url"), page, pinned=sha256 is not None)
    if unquote(urlsplit(url).path.rpartition("/")[2]) != filename:
        raise _malformed("its address ends in another file name")
    provenance = entry.get("provenance")
    return IndexFile(
        filename,
        url,
        sha256,
        version,
        label,
        size=_size(entry.get("size")),
        requires_python=_text(entry.get("requires-python")),
        upload_time=uploaded(entry.get("upload-time")),
        yanked=_yanked(entry.get("yanked", False)),
        metadata=_metadata(entry),
        provenance=_provenance(provenance, page, filename, tally) if provenance else None,
    )


def _parsed(filename: str) -> tuple[NormalizedName, Version, str | None] | None:
    """Project, version and variant label; None for another kind of file."""
    try:
        if filename.endswith(".whl"):
            wheel = parse_wheel_filename(filename)
            return wheel.name, wheel.version, wheel.variant
        if filename.endswith(VARIANTS_SUFFIX):
            name, _, version = filename.removesuffix(VARIANTS_SUFFIX).partition("-")
            return canonicalize_name(name, validate=True), Version(version), None
        if filename.endswith((".tar.gz", ".zip")):
            project, number = parse_sdist_filename(filename)
            return project, number, None
    except (InvalidInput, InvalidSdistFilename, InvalidName, InvalidVersion) as error:
        raise _malformed("the file name is malformed") from error
    return None


def followed(url: object, page: str, *, pinned: bool) -> str:
    """An address that a client, or the bridge itself, may be sent to.

    Args:
        url: as the page has it.
        page: the address of the page, which relative ones are resolved against.
        pinned: whether a hash says what lies there.

    Raises:
        InvalidInput: CB461 it holds credentials, or leads to another host in a way that it must not; CB465 it is none.
    """
    if not (isinstance(url, str) and url.isprintable() and "\\" not in url):
        raise _malformed("a file without an address")
    try:
        address, _ = urldefrag(urljoin(page, url.strip()))
        parts = urlsplit(address)
        same = origin(address) == origin(page)
    except ValueError:
        # The text of such an error can hold a part of a password.
        raise _malformed("the address is malformed") from None
    if redact(address) != address:
        message = "the address holds credentials, or a query, which may be some"
        raise InvalidInput(Code.OVERLAY_ADDRESS, message)
    if not same:
        if parts.scheme != "https":
            raise InvalidInput(Code.OVERLAY_ADDRESS, f"the address leads from the page to {printable(parts.scheme)}:")
        if is_inside(parts.hostname or ""):
            raise InvalidInput(Code.OVERLAY_ADDRESS, "the address leads into this network")
        if not pinned:
            raise InvalidInput(Code.OVERLAY_ADDRESS, "the address leads to another host, without a hash")
    return address


def _provenance(value: object, page: str, filename: str, tally: Tally) -> str | None:
    try:
        return followed(value, page, pinned=True)
    except InvalidInput as error:
        tally.find(Code.OVERLAY_ADDRESS, filename, f"provenance: {error.message}")
        return None


def _metadata(entry: Mapping[str, Any]) -> str | None:
    value = entry.get("core-metadata", entry.get("dist-info-metadata", False))
    if isinstance(value, dict):
        sha256 = value.get("sha256")
        return sha256 if isinstance(sha256, str) and _SHA256.fullmatch(sha256) else ""
    return "" if value is True else None


def _yanked(value: object) -> str | None:
    if isinstance(value, str):
        return _text(value) or ""
    return "" if value is True else None


def _size(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and len(value) <= _LONGEST and value.isprintable() else None


def _malformed(message: str) -> InvalidInput:
    return InvalidInput(Code.OVERLAY_ENTRY, message)
