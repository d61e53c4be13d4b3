"""One package file as a record of its channel (CEP 36, CEP 48), and the run exports beside it (CEP 12)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rattler import MatchSpec
from rattler.exceptions import InvalidMatchSpecError

from bridge.errors import Code, InvalidInput, Unrepresentable
from bridge.formats.conda.artifact import open_artifact
from bridge.formats.conda.documents import Document, load_document
from bridge.formats.conda.identifiers import parse_filename
from bridge.formats.conda.index_json import index_from_document
from bridge.limits import DEFAULT_LIMITS
from bridge.mapping.matchspec import parse_spec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from bridge.model.conda import CondaIdentity, IndexJson, Origin, Subdir

RUN_EXPORTS_PATH: Final = "info/run_exports.json"
#: CEP 12.
_RUN_EXPORTS: Final = ("noarch", "strong", "strong_constrains", "weak", "weak_constrains")

#: CEP 43: what has this `schema_version` may only stand in the sections of revision 3.
REVISION: Final = 3
#: what a record takes over from index.json: CEP 34, and what clients read besides it. Nothing else: a key such as
#: `url` or `sha256` would speak for the channel.
_KEYS: Final = (
    *("name", "version", "build", "build_number", "subdir", "depends", "constrains", "noarch"),
    *("arch", "platform", "features", "track_features", "license", "license_family", "timestamp"),
    *("python_site_packages_path", "purls", "flags", "extra_depends"),
)
#: of those, what the reader of index.json has not looked at.
_TEXTS: Final = ("arch", "platform", "features", "license_family")
#: what only a channel knows, and an earlier record may say (CEP 36, CEP 47).
_CHANNEL_TEXTS: Final = ("legacy_bz2_md5",)
_CHANNEL_NUMBERS: Final = ("indexed_timestamp", "legacy_bz2_size")


@dataclass(frozen=True, slots=True)
class PackageRecord:
    """A package of one platform directory."""

    filename: str
    identity: CondaIdentity
    #: JSON values; digests are hexadecimal.
    fields: Mapping[str, Any]
    run_exports: Mapping[str, Any]
    #: 3 where only repodata v3 can say it, else 1.
    revision: int

    @property
    def indexed(self) -> int | None:
        """When a server first listed it, milliseconds (CEP 47)."""
        value: int | None = self.fields.get("indexed_timestamp")
        return value


def read_package(
    path: Path,
    subdir: Subdir,
    known: Mapping[str, Any] | None = None,
    known_run_exports: Mapping[str, Any] | None = None,
) -> PackageRecord:
    """Read a package for the platform directory that it lies in.

    Args:
        known: an earlier record of this file name. Where it is about the same bytes it is kept, with what was mended in
            it (CEP 36) and the time at which it was first listed (CEP 47), and the package is not unpacked.
        known_run_exports: what was written earlier about its run exports.

    Raises:
        InvalidInput: any CB1xx code; CB112 where the package belongs to another platform directory.
        Unrepresentable: CB338, repodata v3 cannot say one of its requirements.
    """
    with open_artifact(path, subdir=subdir) as artifact:
        origin = artifact.origin()
        kept = None if known is None else _kept(known, origin, subdir)
        run_exports = None if kept is None or known_run_exports is None else _written(known_run_exports, origin)
        if kept is None or run_exports is None:
            metadata = artifact.metadata()
            kept = kept or metadata.index
            data = metadata.info_files.get(RUN_EXPORTS_PATH)
            run_exports = {} if data is None else _run_exports(load_run_exports(data, origin))
    return PackageRecord(
        filename=origin.filename,
        identity=kept.identity,
        fields=_fields(kept, origin),
        run_exports=run_exports,
        revision=REVISION if needs_revision_3(kept) else 1,
    )


def needs_revision_3(index: IndexJson) -> bool:
    """Whether a client that knows only repodata v1 would misread the package (CEPs 43 to 45)."""
    stated = index.raw.get("repodata_revision")
    if index.schema_version >= REVISION or (isinstance(stated, int) and stated >= REVISION):
        return True
    if index.flags or index.extra_depends:
        return True
    specs = (parse_spec(spec) for spec in (*index.depends, *index.constrains) if "[" in spec)
    return any(spec.when or spec.extras or spec.flags for spec in specs)


def bracketed(specs: Iterable[str], *, subject: str, field: str) -> list[str]:
    """Requirements in the only form that records of repodata v3 may have (CEP 48).

    Raises:
        Unrepresentable: CB338, one of them says more than the record may.
    """
    return [_bracketed(spec, subject, field) for spec in specs]


def _bracketed(spec: str, subject: str, field: str) -> str:
    parts = parse_spec(spec, subject=subject, field=field)
    if parts.qualifiers or parts.track_features:
        message = f"{parts} asks for more than name, version, build, when, extras and flags"
        raise Unrepresentable(Code.CHANNEL_RECORD, message, subject=subject, field=field)
    return MatchSpec(spec, strict=False).to_canonical_string()


def _fields(index: IndexJson, origin: Origin) -> dict[str, Any]:
    document = Document(index.raw, subject=origin.filename, field="index.json")
    for key in (*_TEXTS, *_CHANNEL_TEXTS):
        document.text(key)
    document.texts("purls")
    for key in _CHANNEL_NUMBERS:
        document.integer(key, 0)
    keys = (*_KEYS, *_CHANNEL_TEXTS, *_CHANNEL_NUMBERS)
    fields = {key: index.raw[key] for key in keys if not _absent(index.raw.get(key))}
    fields.update(depends=list(index.depends), md5=origin.md5, sha256=origin.sha256, size=origin.size)
    if needs_revision_3(index):
        fields["schema_version"] = REVISION
        lists = {"depends": index.depends, "constrains": index.constrains}
        for key, specs in lists.items():
            if key in fields:
                fields[key] = bracketed(specs, subject=origin.filename, field=key)
        if index.extra_depends:
            fields["extra_depends"] = {
                group: bracketed(specs, subject=origin.filename, field=f"extra_depends.{group}")
                for group, specs in sorted(index.extra_depends.items())
            }
    return fields


def _absent(value: object) -> bool:
    """What index.json may spell out though it says nothing, and some clients do not expect."""
    return value is None or value is False or value in ([], {})


def _kept(known: Mapping[str, Any], origin: Origin, subdir: Subdir) -> IndexJson | None:
    """An earlier record, where it is sound and about these bytes."""
    if (known.get("sha256"), known.get("size")) != (origin.sha256, origin.size):
        return None
    try:
        index = index_from_document(Document(known, subject=origin.filename, field="repodata.json"), DEFAULT_LIMITS)
        identity, _ = parse_filename(origin.filename)
        _fields(index, origin)
    except (InvalidInput, Unrepresentable):
        return None
    return index if (index.identity, index.subdir) == (identity, subdir) else None


def _written(known: Mapping[str, Any], origin: Origin) -> dict[str, Any] | None:
    try:
        return _run_exports(Document(known, subject=origin.filename, field="run_exports.json"))
    except InvalidInput:
        return None


def load_run_exports(data: bytes, origin: Origin) -> Document:
    """`info/run_exports.json`; a list there means `weak`.

    Raises:
        InvalidInput: CB109 or CB111.
    """
    subject = origin.filename
    if data.lstrip()[:1] == b"[":
        data = b'{"weak":' + data + b"}"
    return load_document(data, DEFAULT_LIMITS, subject=subject, field=RUN_EXPORTS_PATH)


def _run_exports(document: Document) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key in _RUN_EXPORTS:
        value = document.raw.get(key)
        specs = document.strings([value] if isinstance(value, str) else value or [], key)
        for spec in specs:
            try:
                MatchSpec(spec, strict=False)
            except InvalidMatchSpecError as error:
                message = f"not a requirement: {spec!r}"
                raise InvalidInput(Code.BAD_SPEC, message, subject=document.subject, field=document.field) from error
        if specs:
            found[key] = list(specs)
    if document.raw.get("schema_version") is not None:
        found["schema_version"] = document.integer("schema_version")
    return found
