"""The wheel that a conda package was made of, made again of the package (design, section 9).

A package may say what it likes of its past. Members come from its payload, under the names that they are installed by;
what it may add by itself are the files that installers write, and programs. The result is read as any wheel is before
it gets its name.
"""

from __future__ import annotations

import hashlib
import posixpath
from base64 import b64decode
from collections.abc import Iterator, Mapping
from typing import Any, Final

from packaging.specifiers import SpecifierSet

from bridge.errors import BridgeError, Code, InvalidInput, Unrepresentable
from bridge.formats.conda.about_json import ABOUT_PATH
from bridge.formats.conda.documents import Document
from bridge.formats.wheel.core_metadata import CoreMetadata, parse_core_metadata
from bridge.formats.wheel.entry_points import EntryPoints
from bridge.formats.wheel.filename import WheelFilename, parse_wheel_filename
from bridge.formats.wheel.findings import read_entry_points
from bridge.formats.wheel.record import RecordEntry, check_record
from bridge.formats.wheel.record_style import rebuild_record
from bridge.formats.wheel.tree import destination
from bridge.formats.wheel.variant_json import parse_variant_json
from bridge.model.conda import CondaMetadata
from bridge.model.conda_plan import ABOUT_KEY
from bridge.model.plan import ExactWheel, FromPayload, Literal, Loss, PlannedFile, Variant, WheelPlan
from bridge.translate.contents import content_digest
from bridge.translate.to_conda.provenance import SCHEMA, DefaultPlaces, described
from bridge.translate.to_wheel.natives import native_rows
from bridge.translate.to_wheel.places import Area, place_of
from bridge.translate.to_wheel.request import Request

#: what an installer, or whoever signed the wheel, writes into dist-info.
_NOT_PAYLOAD: Final = frozenset({"INSTALLER", "REQUESTED", "direct_url.json", "RECORD.jws", "RECORD.p7s"})
_MADE_METADATA: Final = frozenset({"RECORD", "INSTALLER"})
_PROGRAMS: Final = frozenset({"bin", "Scripts", "python-scripts"})


def restored_wheel(request: Request) -> WheelPlan | None:
    """The plan of the wheel that the package was made of; the layout does not matter.

    The channel's record changes nothing in it (`CB255`): the wheel says what its builder said.

    Returns:
        None where the bridge did not make the package of a wheel, or the package does not hold all of it.

    Raises:
        Unrepresentable: `CB335`, the package was changed since; `CB336`, what it says contradicts itself, or would
            make a wheel that no reader takes.
    """
    document = _provenance(request.metadata, request.origin.filename)
    if document is None:
        return None
    try:
        return _Restorer(request, document).plan()
    except Unrepresentable:
        raise
    except BridgeError as error:
        field = error.field if error.field is not None and error.subject is not None else document.field
        raise Unrepresentable(
            Code.RESTORE_MALFORMED, error.message, subject=request.origin.filename, field=field
        ) from error


def leads_back(metadata: CondaMetadata) -> bool:
    """Whether a package says that it was made of a wheel, which can be made again."""
    return _provenance(metadata, metadata.index.identity.stem) is not None


def _provenance(metadata: CondaMetadata, subject: str) -> Document | None:
    extra = metadata.about.raw.get("extra")
    found = extra.get(ABOUT_KEY) if isinstance(extra, dict) else None
    if not isinstance(found, dict) or found.get("schema") != SCHEMA or found.get("restore") is None:
        return None
    return Document(found, subject=subject, field=f"{ABOUT_PATH}: extra")


class _Restorer:
    def __init__(self, request: Request, provenance: Document) -> None:
        self._request = request
        self._subject = request.origin.filename
        self._files = request.survey.files
        self._source = provenance.nested(provenance.require("source"), "source")
        self._restore = provenance.nested(provenance.require("restore"), "restore")
        self._places = self._default_places()

    def plan(self) -> WheelPlan:
        self._check_payload()
        filename = str(self._source.text("filename"))
        stated = parse_wheel_filename(filename)
        dist_info = self._places.dist_info
        members: dict[str, PlannedFile] = {}
        for planned in (*self._from_payload(), *self._kept()):
            if members.setdefault(planned.target, planned) is not planned:
                raise self._restore.refuse("moved", f"gives two files the name {planned.target}")
        record = self._record(members)
        metadata, entry_points = self._metadata(members, stated)
        return WheelPlan(
            origin=self._request.origin,
            source=self._request.index.identity,
            layout=self._request.options.layout,
            name=metadata.name,
            version=metadata.version,
            tags=stated.tags,
            requires_python=metadata.requires_python or SpecifierSet(),
            requires_dist=tuple(metadata.requires_dist),
            depends=self._request.index.depends,
            entry_points=entry_points,
            files=tuple(planned for _, planned in sorted(members.items())),
            losses=tuple(self._losses()),
            native_files=native_rows(self._request),
            exact=ExactWheel(
                filename, dist_info, self._restore.texts("directories"), record, self._variant(members, stated)
            ),
        )

    def _default_places(self) -> DefaultPlaces:
        """Directories that are what they seem to be."""
        site, dist_info = self._text("site_packages"), self._text("dist_info")
        place = place_of(f"{site}x", self._request.index.noarch)
        if not site.endswith("/") or (place.area, place.relative) != (Area.SITE_PACKAGES, "x"):
            raise self._restore.refuse("site_packages", "is not such a directory")
        if "/" in dist_info or not dist_info.endswith(".dist-info"):
            raise self._restore.refuse("dist_info", "is not the name of such a directory")
        return DefaultPlaces(site, dist_info)

    def _check_payload(self) -> None:
        survey = self._request.survey
        if survey.symlinks or survey.empty_directories:
            raise self._changed(f"{min((*survey.symlinks, *survey.empty_directories))!r} was not there")
        self._same("payload", {path: facts.sha256 for path, facts in self._files.items()})

    def _from_payload(self) -> Iterator[PlannedFile]:
        """Every member that the payload has as it was."""
        moved, made = self._moved(), frozenset(self._restore.texts("made"))
        modes = frozenset(self._restore.texts("modes"))
        for path, facts in self._files.items():
            if path in made:
                self._check_made(path)
                continue
            member = moved.get(path) or self._places.member(path)
            executable = bool(facts.member.mode & 0o111) is not (member in modes)
            yield PlannedFile(member, FromPayload(path), executable, (), facts.sha256, facts.member.size)

    def _moved(self) -> dict[str, str]:
        moved = self._restore.nested(self._restore.require("moved"), "moved")
        self._restore.strings(list(moved.raw.values()), "moved")
        for path, member in moved.raw.items():
            _, place = destination(member, self._places.data)
            if not member.startswith(f"{self._places.data}/") or not place or not path.endswith(f"/{place}"):
                raise moved.refuse(path, "would not be installed from there")
        return dict(moved.raw)

    def _check_made(self, path: str) -> None:
        """Only what the bridge makes may stay behind."""
        metadata = {f"{self._places.site_packages}{self._places.dist_info}/{name}" for name in _MADE_METADATA}
        if path not in metadata and posixpath.dirname(path) not in _PROGRAMS:
            raise self._restore.refuse("made", f"names a file that the wheel has to hold: {path}")

    def _kept(self) -> Iterator[PlannedFile]:
        """The members that the payload does not have as they were."""
        kept = self._restore.nested(self._restore.require("kept"), "kept")
        for member, value in kept.raw.items():
            self._check_kept(member)
            entry = kept.nested(value, member)
            data = self._content(entry)
            executable = entry.raw.get("executable") is True
            yield PlannedFile(member, Literal(data), executable, (), hashlib.sha256(data).digest(), len(data))

    def _check_kept(self, member: str) -> None:
        directory, _, rest = member.partition("/")
        scheme, place = destination(member, self._places.data)
        program = scheme == "scripts" or (scheme == "data" and posixpath.dirname(place) in _PROGRAMS)
        if not program and not (directory == self._places.dist_info and rest in _NOT_PAYLOAD):
            raise self._restore.refuse("kept", f"has a member that only the payload may have: {member}")

    def _content(self, entry: Document) -> bytes:
        if (text := entry.text("text")) is not None:
            return text.encode("utf-8")
        if (encoded := entry.text("base64")) is not None:
            try:
                return b64decode(encoded, validate=True)
            except ValueError as error:
                raise entry.refuse("base64", "is not base64") from error
        path, line = entry.text("path"), entry.text("line")
        facts = self._files.get(path or "")
        if facts is None or facts.content is None or line is None:
            raise entry.refuse("path", "is not a script of the package")
        try:
            return line.encode("latin-1") + b"\n" + facts.content.partition(b"\n")[2]
        except UnicodeEncodeError as error:
            raise entry.refuse("line", "is not the line of a script") from error

    def _record(self, members: Mapping[str, PlannedFile]) -> bytes:
        """RECORD, of which the rest of the wheel follows that it is all there."""
        name = f"{self._places.dist_info}/RECORD"
        contents = {target: (each.sha256 or b"", each.size or 0) for target, each in members.items()}
        document = self._restore.nested(self._restore.require("record"), "record")
        listed = described({**contents, name: (b"", 0)}, self._places.dist_info)
        record = rebuild_record(document.raw, listed, subject=self._subject)
        entries = [RecordEntry(target, sha256, size) for target, (sha256, size) in contents.items()]
        check_record(record, entries, self._places.dist_info, self._subject)
        digests = {target: sha256 for target, (sha256, _) in contents.items()}
        self._same("members", {**digests, name: hashlib.sha256(record).digest()})
        return record

    def _metadata(self, members: Mapping[str, PlannedFile], stated: WheelFilename) -> tuple[CoreMetadata, EntryPoints]:
        """METADATA and the entry points; the file name is that of METADATA."""
        metadata = parse_core_metadata(self._own(members, "METADATA"), self._subject)
        if (metadata.normalized_name, metadata.version) != (stated.name, stated.version):
            message = f"METADATA says {metadata.normalized_name} {metadata.version}, the file name another"
            raise InvalidInput(Code.IDENTITY, message, subject=self._subject, field="METADATA")
        name = f"{self._places.dist_info}/entry_points.txt"
        points = self._own(members, "entry_points.txt") if name in members else b""
        return metadata, read_entry_points(points, name, self._subject)[0]

    def _variant(self, members: Mapping[str, PlannedFile], stated: WheelFilename) -> Variant | None:
        if stated.variant is None:
            return None
        document = parse_variant_json(self._own(members, "variant.json"), self._subject, label=stated.variant)
        return Variant(stated.variant, tuple(sorted(map(str, document.variants[stated.variant]))))

    def _own(self, members: Mapping[str, PlannedFile], name: str) -> bytes:
        planned = members.get(f"{self._places.dist_info}/{name}")
        content = None
        if planned is not None and isinstance(planned.source, FromPayload):
            content = self._files[planned.source.path].content
        if content is None:
            raise InvalidInput(Code.MISSING_METADATA, "the file is missing", subject=self._subject, field=name)
        return content

    def _losses(self) -> Iterator[Loss]:
        for loss in self._request.losses:
            detail = f"{loss.detail}; the wheel is what its builder made"
            yield Loss(Code.HOTFIX_LEFT, loss.subject, detail) if loss.code is Code.HOTFIX else loss

    def _same(self, key: str, contents: Mapping[str, bytes]) -> None:
        if content_digest(contents) != self._restore.text(key):
            raise self._changed(f"the package was changed since it was made of a wheel ({key})")

    def _text(self, key: str) -> str:
        value: Any = self._restore.require(key)
        if not isinstance(value, str):
            raise self._restore.refuse(key, "is not a string")
        return value

    def _changed(self, message: str) -> Unrepresentable:
        return Unrepresentable(Code.RESTORE_CHANGED, message, subject=self._subject)
