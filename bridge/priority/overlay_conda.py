"""The records of a channel that the policy lets through, as a channel of its own that leads to the original files.

`info.base_url` is the absolute address of the origin (CEP 15), because clients disagree about relative ones. A record
is as hostile as an artifact: what is malformed, has no sha256 or contradicts itself is left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urljoin

from packaging.utils import NormalizedName, canonicalize_name

from bridge.channel.location import Location
from bridge.channel.publication import published
from bridge.errors import Code, InvalidInput
from bridge.formats.conda.documents import Document
from bridge.formats.conda.identifiers import parse_filename, parse_name, printable
from bridge.formats.conda.index_json import index_from_document
from bridge.formats.conda.redaction import redact
from bridge.formats.wheel.filename import parse_wheel_filename
from bridge.limits import DEFAULT_LIMITS
from bridge.mapping.axes import Axes
from bridge.model.conda import CondaName, Subdir
from bridge.model.variant import Property
from bridge.priority.overlay_age import Ages
from bridge.priority.overlay_fetch import origin
from bridge.priority.overlay_report import Left, Tally
from bridge.priority.overlay_variants import AVOIDED, Wishes, avoided, build_properties, permitted
from bridge.priority.policy import Ecosystem, Source

#: of repodata.json.
_VERSION: Final = 2
_FIRST: Final = {"packages": ".tar.bz2", "packages.conda": ".conda"}
_LATER: Final = {"tar.bz2": ".tar.bz2", "conda": ".conda", "whl": ".whl"}
_REVISION: Final = "v3"
#: of a record; where its file lies is for `base_url` to say.
_PLACES: Final = ("channel", "fn", "url")
_DROPPED: Final = ("channel_relations", "virtual_package_detectors")
_HEXADECIMAL: Final = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class Record:
    """One record that could be offered."""

    #: `packages`, `packages.conda`, or a section of `v3`.
    section: str
    later: bool
    key: str
    filename: str
    name: CondaName
    version: str
    sha256: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """One platform directory of a source, read and checked."""

    source: Source
    subdir: Subdir
    #: address of the files, with a slash at the end.
    base: str
    records: tuple[Record, ...]
    tally: Tally

    @property
    def names(self) -> frozenset[CondaName]:
        return frozenset(record.name for record in self.records)


@dataclass(frozen=True, slots=True)
class Filter:
    """What decides about the records of one part."""

    permits: Callable[[CondaName], bool]
    ages: Ages
    wishes: Wishes
    axes: Axes
    #: a conda package's names in both ecosystems, for the rules about variants.
    names: Callable[[CondaName], Collection[NormalizedName]]
    #: file name -> sha256 that the overlay offered it with.
    offered: Mapping[str, str] = field(default_factory=dict)
    #: new sha256 that are accepted.
    accepted: Collection[str] = frozenset()


def read_part(source: Source, address: str, subdir: Subdir, document: Mapping[str, Any]) -> Part:
    """Check a `repodata.json`.

    Args:
        source: that is offered.
        address: of the channel that it was read from, without a slash at the end.
        subdir: of the document.
        document: as read.

    Raises:
        InvalidInput: CB461, its packages lie elsewhere; CB112, it is about another subdir; CB111, malformed.
    """
    subject = f"{subdir}/repodata.json"
    info = _object(document, "info", subject)
    if info.get("subdir", subdir) != subdir:
        message = f"the document is about {printable(str(info['subdir']))}"
        raise InvalidInput(Code.IDENTITY, message, subject=f"{source.name}: {subject}", field="info.subdir")
    try:
        base = Location(address).base_of(subdir, info.get("base_url"))
    except InvalidInput as error:
        subject = f"{source.name}: {subject}"
        raise InvalidInput(Code.OVERLAY_ADDRESS, error.message, subject=subject, field=error.field) from error
    if redact(base) != base:
        message = "the value holds credentials, or a query, which may be some"
        raise InvalidInput(Code.OVERLAY_ADDRESS, message, subject=f"{source.name}: {subject}", field="info.base_url")
    tally = Tally(source.name, Ecosystem.CONDA, subdir)
    for key in _DROPPED:
        if info.get(key):
            tally.find(Code.OVERLAY_DROPPED, subject, f"info.{key} is not passed on")
    found: dict[str, Record] = {}
    doubled: set[str] = set()
    for section, later, key, raw in _entries(document, subject):
        try:
            record = _record(section, later, key, raw, subdir, base)
        except InvalidInput as error:
            tally.find(error.code, f"{subdir}/{printable(key)}", error.message)
            continue
        if record.filename in found:
            doubled.add(record.filename)
        found[record.filename] = record
    for filename in sorted(doubled):
        tally.find(Code.OVERLAY_ENTRY, f"{subdir}/{filename}", "the document has two records of this file")
        del found[filename]
    return Part(source, subdir, base, tuple(found[filename] for filename in sorted(found)), tally)


def filtered(part: Part, rules: Filter) -> dict[str, Any]:
    """The `repodata.json` of the overlay; what is left out goes to the tally of the part."""
    tally = part.tally
    kept: dict[CondaName, list[Record]] = defaultdict(list)
    for record in part.records:
        where = f"{part.subdir}/{record.filename}"
        if not rules.permits(record.name):
            tally.left[Left.POLICY] += 1
        elif not rules.ages.old_enough(published(record.fields), where, tally):
            tally.left[Left.AGE] += 1
        elif _replaced(record, rules):
            detail = f"was {rules.offered[record.filename]}, and is {record.sha256} now"
            tally.find(Code.OVERLAY_CHANGED, where, detail)
        else:
            kept[record.name].append(record)
    first: dict[str, dict[str, Any]] = {section: {} for section in _FIRST}
    later: dict[str, dict[str, Any]] = {}
    for name in sorted(kept):
        for record, features in _wanted(name, kept[name], part, rules):
            target = later.setdefault(record.section, {}) if record.later else first[record.section]
            target[record.key] = _marked(record.fields) if features else dict(record.fields)
            tally.offered += 1
    info: dict[str, Any] = {"subdir": part.subdir, "base_url": part.base}
    document: dict[str, Any] = {"info": info, **first, "removed": [], "repodata_version": _VERSION}
    if later:
        document[_REVISION] = later
        info["repodata_revisions"] = {_REVISION: {"n_packages": sum(map(len, later.values()))}}
    return document


def offered_files(document: Mapping[str, Any]) -> dict[str, str]:
    """File name -> sha256 of the records of an overlay's own `repodata.json`."""
    found = {key: record["sha256"] for section in _FIRST for key, record in document.get(section, {}).items()}
    for section, records in document.get(_REVISION, {}).items():
        for key, record in records.items():
            found[f"{key}{_LATER[section]}"] = record["sha256"]
    return found


def filtered_exports(document: Mapping[str, Any], subdir: Subdir, files: Collection[str]) -> dict[str, Any]:
    """`run_exports.json` (CEP 12) of the files that are offered."""
    result: dict[str, Any] = {"info": {"subdir": subdir, "version": 1}}
    for section in _FIRST:
        entries = document.get(section)
        entries = entries if isinstance(entries, dict) else {}
        result[section] = {
            filename: {"run_exports": entry["run_exports"]}
            for filename, entry in entries.items()
            if filename in files and isinstance(entry, dict) and isinstance(entry.get("run_exports"), dict)
        }
    return result


def _entries(document: Mapping[str, Any], subject: str) -> Iterator[tuple[str, bool, str, Any]]:
    for section in _FIRST:
        for key, raw in _object(document, section, subject).items():
            yield section, False, key, raw
    later = _object(document, _REVISION, subject)
    for section in _LATER:
        for key, raw in _object(later, section, subject).items():
            yield section, True, key, raw


def _record(section: str, later: bool, key: str, raw: Any, subdir: Subdir, base: str) -> Record:
    if not isinstance(raw, dict):
        raise _malformed("the record is not a JSON object")
    fields = {name: value for name, value in raw.items() if name not in _PLACES}
    wheel = section == "whl"
    filename = f"{key}{_LATER[section]}" if later else key
    name, version = _of_wheel(raw, fields, base) if wheel else _of_package(section, later, filename, raw)
    if raw.get("subdir", subdir) != subdir:
        raise _malformed("the record is about another subdir")
    for field_name in ("depends", "constrains"):
        specs = raw.get(field_name, [])
        if not (isinstance(specs, list) and all(isinstance(spec, str) for spec in specs)):
            raise _malformed(f"{field_name} is not a list of strings")
    sha256 = raw.get("sha256")
    if not (isinstance(sha256, str) and len(sha256) == 64 and _HEXADECIMAL.issuperset(sha256)):
        raise InvalidInput(Code.OVERLAY_HASH, "the record states no sha256")
    return Record(section, later, key, filename, name, version, sha256, fields)


def _of_package(section: str, later: bool, filename: str, raw: Mapping[str, Any]) -> tuple[CondaName, str]:
    extension = (_LATER if later else _FIRST)[section]
    if not filename.endswith(extension):
        raise _malformed(f"the key does not end in {extension}")
    try:
        identity, _ = parse_filename(filename)
    except InvalidInput as error:
        raise _malformed(error.message) from error
    stated = (raw.get("name"), raw.get("version"), raw.get("build"))
    if stated != (identity.name, identity.version, identity.build):
        raise _malformed("the record and its key are not about the same package")
    return identity.name, identity.version


def _of_wheel(raw: Mapping[str, Any], fields: dict[str, Any], base: str) -> tuple[CondaName, str]:
    """A wheel in a channel is found by an address of its own."""
    try:
        name = parse_name(raw.get("name"), subject="", field="name")
        parse_wheel_filename(str(raw.get("fn")))
        address = urljoin(base, str(raw.get("url")))
        strays = origin(address) != origin(base)
    except (InvalidInput, ValueError):
        # The text of such an error can hold a part of a password.
        raise _malformed("the name, file name or address of the wheel is malformed") from None
    if strays:
        raise InvalidInput(Code.OVERLAY_ADDRESS, "the address leaves the host of the channel")
    if redact(address) != address:
        raise InvalidInput(Code.OVERLAY_ADDRESS, "the address holds credentials, or a query, which may be some")
    fields |= {"fn": raw["fn"], "url": address}
    return name, str(raw.get("version"))


def _replaced(record: Record, rules: Filter) -> bool:
    known = rules.offered.get(record.filename, record.sha256)
    return known != record.sha256 and record.sha256 not in rules.accepted


def _wanted(name: CondaName, records: list[Record], part: Part, rules: Filter) -> Iterator[tuple[Record, bool]]:
    """The builds of a package that the user permits, and whether another build of the version is preferred."""
    about = rules.wishes.rules({canonicalize_name(name), *rules.names(name)})
    if not about and not rules.wishes.orders():
        yield from ((record, False) for record in records)
        return
    properties: dict[str, frozenset[Property]] = {}
    ranks: dict[str, dict[str, tuple[int, ...]]] = defaultdict(dict)
    for record in records:
        subject = f"{part.subdir}/{record.filename}"
        try:
            document = Document(record.fields, subject=subject, field="record")
            index = index_from_document(document, DEFAULT_LIMITS)
        except InvalidInput as error:
            part.tally.find(Code.OVERLAY_ENTRY, subject, error.message)
            continue
        properties[record.filename] = found = build_properties(index, rules.axes, subject=subject)
        if permitted(about, found):
            ranks[record.version][record.filename] = rules.wishes.rank(about, found)
        else:
            part.tally.left[Left.VARIANT] += 1
    worse = {filename for versions in ranks.values() for filename in avoided(versions)}
    for record in records:
        if record.filename in ranks[record.version]:
            yield record, record.filename in worse


def _marked(fields: Mapping[str, Any]) -> dict[str, Any]:
    known = fields.get("track_features") or ""
    words = known if isinstance(known, list) else str(known).replace(",", " ").split()
    return {**fields, "track_features": " ".join([*words, AVOIDED])}


def _object(document: Mapping[str, Any], key: str, subject: str) -> Mapping[str, Any]:
    value = document.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidInput(Code.BAD_METADATA, "not a JSON object", subject=subject, field=key)
    return value


def _malformed(message: str) -> InvalidInput:
    return InvalidInput(Code.OVERLAY_ENTRY, message)
