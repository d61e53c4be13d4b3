"""A channel's records (CEP 36, CEP 38, CEP 48): what it says about each of its packages.

A record is as hostile as an artifact. One that breaks a rule is set aside with its error and never used; it
does not stop the reading of the others. Records are parsed by name and on demand, because a large channel
has a million.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from bridge.channel.document import read_document
from bridge.channel.location import Location, locate
from bridge.channel.publication import published
from bridge.errors import Code, InvalidInput
from bridge.formats.conda.documents import Document
from bridge.formats.conda.identifiers import parse_filename, parse_subdir, printable
from bridge.formats.conda.index_json import index_from_document
from bridge.formats.conda.redaction import redact
from bridge.limits import DEFAULT_LIMITS
from bridge.model.conda import CondaName, IndexJson, Subdir

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

#: section of repodata -> extension of its keys; the sections of v3 have keys without one.
_SECTIONS: Final = {"packages": ".tar.bz2", "packages.conda": ".conda"}
_V3_SECTIONS: Final = {"tar.bz2": ".tar.bz2", "conda": ".conda"}
_NOARCH: Final = "noarch"
_HEXADECIMAL: Final = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class ChannelRecord:
    """What a channel says about one package file.

    `address` is where to fetch it and may hold a token: never show or store it, use `url`. `authorization` is the value
    of that header.
    """

    index: IndexJson
    filename: str
    #: base address of the channel, redacted.
    channel: str
    address: str = field(repr=False)
    sha256: str | None = None
    md5: str | None = None
    size: int | None = None
    authorization: str | None = field(default=None, repr=False)
    #: in UTC; None where the channel does not say it.
    published: datetime | None = None

    @property
    def url(self) -> str:
        """The absolute address, without credentials."""
        return redact(self.address)


@dataclass(frozen=True, slots=True)
class _Entry:
    """One record as read: where it stands, and the JSON value."""

    subdir: str
    base: str
    filename: str
    extension: str
    raw: Any


class Channel:
    """The records of some subdirs of one channel.

    Made by `open_channel`. Looking up is lazy and remembered; nothing that is returned ever changes.
    """

    def __init__(self, location: Location, documents: Mapping[str, Mapping[str, Any]]) -> None:
        self._location = location
        self._entries: dict[CondaName, list[_Entry]] = {}
        self._names_by_filename: dict[str, CondaName] = {}
        self._parsed: dict[CondaName, tuple[ChannelRecord, ...]] = {}
        self._rejected: dict[tuple[str, str], InvalidInput] = {}
        for subdir in sorted(documents):
            self._add(subdir, documents[subdir])

    @property
    def url(self) -> str:
        """The channel's base address, without credentials and final slash."""
        return self._location.shown

    @property
    def directory(self) -> Path | None:
        """The directory of a local channel."""
        return self._location.directory

    @property
    def names(self) -> tuple[CondaName, ...]:
        """Every package name with at least one record, sorted; some of the records may turn out malformed."""
        return tuple(sorted(self._entries))

    @property
    def rejected(self) -> tuple[tuple[str, InvalidInput], ...]:
        """Every record that was set aside: (its key, why), sorted. Parses what has not been looked up yet."""
        for name in self._entries:
            self.records(name)
        return tuple((key, error) for (_, key), error in sorted(self._rejected.items(), key=lambda item: item[0]))

    def records(self, name: str) -> tuple[ChannelRecord, ...]:
        """The sound records of one package name, sorted by subdir and file name."""
        key = CondaName(name)
        if key not in self._parsed:
            self._parsed[key] = tuple(self._parse(self._entries.get(key, ())))
        return self._parsed[key]

    def find(self, filename: str, *, subdir: str | None = None) -> ChannelRecord | None:
        """The record of a package file; None where the channel does not have it.

        Args:
            filename: `{name}-{version}-{build}.conda` or `.tar.bz2`.
            subdir: look only there; needed where several subdirs have a file of that name.

        Raises:
            InvalidInput: the record was set aside (its error), or several subdirs have one (`CB112`).
        """
        name = self._names_by_filename.get(filename)
        found = [] if name is None else [r for r in self.records(name) if r.filename == filename]
        for (where, key), error in self._rejected.items():
            if key == filename and subdir in {None, where}:
                raise error
        found = [record for record in found if subdir in {None, record.index.subdir}]
        if len(found) > 1:
            message = "several platform directories of the channel have a file of this name"
            raise InvalidInput(Code.IDENTITY, message, subject=self.url, field=filename)
        return found[0] if found else None

    def _add(self, subdir: str, document: Mapping[str, Any]) -> None:
        info = _object(document, "info", self._subject(subdir))
        stated = info.get("subdir", subdir)
        if stated != subdir:
            message = f"the document is about {stated!r}"
            raise InvalidInput(Code.IDENTITY, message, subject=self._subject(subdir), field="info.subdir")
        base = self._location.base_of(subdir, info.get("base_url"))
        later = _object(document, "v3", self._subject(subdir))
        seen: set[str] = set()
        for section, extension in _SECTIONS.items():
            for key, raw in _object(document, section, self._subject(subdir)).items():
                self._enter(_Entry(subdir, base, key, extension, raw), seen)
        for section, extension in _V3_SECTIONS.items():
            for key, raw in _object(later, section, self._subject(subdir)).items():
                self._enter(_Entry(subdir, base, f"{key}{extension}", extension, raw), seen)

    def _enter(self, entry: _Entry, seen: set[str]) -> None:
        """Check what can be told from the key alone, and remember the record for later."""
        try:
            if not entry.filename.endswith(entry.extension):
                raise self._error(entry, Code.IDENTITY, f"the key does not end in {entry.extension}")
            identity, _ = parse_filename(entry.filename)
            if not isinstance(entry.raw, dict):
                raise self._error(entry, Code.BAD_METADATA, "the record is not a JSON object")
            if entry.filename in seen:
                raise self._error(entry, Code.DUPLICATE, "the document has two records of this file")
        except InvalidInput as error:
            self._reject(entry, error)
            return
        seen.add(entry.filename)
        self._entries.setdefault(identity.name, []).append(entry)
        self._names_by_filename[entry.filename] = identity.name

    def _parse(self, entries: Iterable[_Entry]) -> Iterable[ChannelRecord]:
        for entry in sorted(entries, key=lambda e: (e.subdir, e.filename)):
            # Two records of one file: neither can be believed.
            if (entry.subdir, entry.filename) in self._rejected:
                continue
            try:
                yield self._record(entry)
            except InvalidInput as error:
                self._reject(entry, error)

    def _record(self, entry: _Entry) -> ChannelRecord:
        document = Document(entry.raw, subject=self._subject(entry.subdir), field=entry.filename)
        index = index_from_document(document, DEFAULT_LIMITS)
        if entry.filename.removesuffix(entry.extension) != index.identity.stem:
            message = f"the key and the record ({index.identity.stem}) disagree"
            raise self._error(entry, Code.IDENTITY, message)
        if index.subdir != entry.subdir:
            raise self._error(entry, Code.IDENTITY, f"the record says subdir {index.subdir!r}")
        return ChannelRecord(
            index=index,
            filename=entry.filename,
            channel=self.url,
            address=f"{entry.base}{quote(entry.filename)}",
            sha256=self._digest(entry, "sha256", 64),
            md5=self._digest(entry, "md5", 32),
            size=None if entry.raw.get("size") is None else document.integer("size"),
            authorization=self._location.authorization_for(entry.base),
            published=published(entry.raw),
        )

    def _digest(self, entry: _Entry, field_name: str, length: int) -> str | None:
        value = entry.raw.get(field_name)
        if value is None:
            return None
        if not isinstance(value, str) or len(value) != length or not _HEXADECIMAL.issuperset(value):
            raise self._error(entry, Code.BAD_METADATA, f"{field_name} is not a lowercase hexadecimal digest")
        return value

    def _reject(self, entry: _Entry, error: InvalidInput) -> None:
        named = InvalidInput(
            error.code,
            error.message,
            subject=self._subject(entry.subdir),
            field=error.field if error.subject == self._subject(entry.subdir) else printable(entry.filename),
        )
        self._rejected.setdefault((entry.subdir, entry.filename), named)

    def _error(self, entry: _Entry, code: Code, message: str) -> InvalidInput:
        return InvalidInput(code, message, subject=self._subject(entry.subdir), field=printable(entry.filename))

    def _subject(self, subdir: str) -> str:
        return f"{self.url}/{subdir}/repodata.json"


def open_channel(location: str | Path | Location, *, subdirs: Sequence[str]) -> Channel:
    """Read a channel's repodata.

    Args:
        location: a directory, or a `file://`, `http://` or `https://` address, with or without credentials; or where
            that has been found to be.
        subdirs: the platform directories to read; `noarch` is always read too. One that the channel does not
            have is empty, and so is an empty file.

    Raises:
        InvalidInput: the channel has none of them or cannot be reached (`CB119`), or a document as a whole
            cannot be trusted (`CB107` a key twice, `CB109` too large, `CB111` malformed, `CB112` about
            another subdir).
    """
    where = location if isinstance(location, Location) else locate(location)
    wanted = sorted(
        {*(parse_subdir(subdir, subject=where.shown, field="subdir") for subdir in subdirs), Subdir(_NOARCH)}
    )
    read = {subdir: read_document(where, subdir) for subdir in wanted}
    documents: dict[str, Mapping[str, Any]] = {
        subdir: document for subdir, document in read.items() if document is not None
    }
    if not documents:
        message = f"no repodata.json in any of {', '.join(wanted)}"
        raise InvalidInput(Code.SOURCE, message, subject=where.shown)
    return Channel(where, documents)


def _object(document: Mapping[str, Any], key: str, subject: str) -> Mapping[str, Any]:
    value = document.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidInput(Code.BAD_METADATA, "not a JSON object", subject=subject, field=key)
    return value
