"""The conda package that a wheel was made of, made again of the wheel (design, section 9).

What a wheel says about its past is believed only as far as its content agrees, and only about a package that its
project is known by.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from packaging.utils import canonicalize_name

from bridge.errors import Code, InvalidInput, Unrepresentable
from bridge.formats.conda.documents import Document, load_document
from bridge.formats.conda.identifiers import parse_filename
from bridge.formats.conda.metadata import build_metadata
from bridge.formats.wheel.findings import belongs_to_python, is_interpreter
from bridge.limits import DEFAULT_LIMITS
from bridge.model.conda import CondaMetadata, CondaName, PathEntry
from bridge.model.conda_plan import CondaFile, CondaLink, CondaPlan, FromWheel, Placeholder, RestoredInfo
from bridge.model.payload import BytePatch, FileFacts
from bridge.model.plan import Loss, Variant
from bridge.translate.contents import content_digest
from bridge.translate.to_conda.hostile import is_obeyed
from bridge.translate.to_conda.request import CondaRequest
from bridge.translate.to_wheel.way_back import metadata_digest

_SCHEMA: Final = "conda-bridge/provenance/1"
_PERMISSIONS: Final = 0o777
_DIRECTORY_MODE: Final = 0o755
#: where noarch python has its programs until it is installed.
_PYTHON_SCRIPTS: Final = re.compile(r"\Apython-scripts/")
#: what the bridge writes into dist-info itself, below which everything in `conda/` is its own too.
_OWN_FILES: Final = frozenset({"METADATA", "WHEEL", "RECORD", "entry_points.txt", "variant.json"})
_OWN_BILL: Final = "sboms/conda-bridge.cdx.json"


def restored_plan(request: CondaRequest) -> CondaPlan | None:
    """The plan of the package that the wheel was made of.

    Args:
        request: a wheel; of its options, `format` and `reserved_prefix` count.

    Returns:
        None where the bridge did not make the wheel of a package, or in a layout that does not lead back.

    Raises:
        Unrepresentable: `CB335`, the wheel was changed since; `CB336`, what it says contradicts itself; `CB337`, it
            says that it was a package that its project is not known by.
        InvalidInput: any `CB1xx` code about `info/`.
    """
    document = _provenance(request)
    if document is None or "restore" not in document.raw:
        return None
    try:
        return _Restorer(request, document).plan()
    except InvalidInput as error:
        if error.code is not Code.BAD_METADATA or not (error.field or "").startswith(document.field):
            raise
        raise Unrepresentable(
            Code.RESTORE_MALFORMED, error.message, subject=error.subject, field=error.field
        ) from error


def left_behind(request: CondaRequest) -> tuple[Loss, ...]:
    """What an ordinary conversion loses where the wheel was made of a package, but does not lead back to it."""
    document = _provenance(request)
    if document is None or "restore" in document.raw:
        return ()
    source = document.nested(document.raw.get("source", {}), "source")
    detail = f"made of the conda package {source.text('filename')} in a layout that does not lead back to it"
    return (Loss(Code.NO_WAY_BACK, request.origin.filename, detail),)


def _provenance(request: CondaRequest) -> Document | None:
    facts = request.survey.survey.files.get(f"{request.metadata.dist_info}/conda/provenance.json")
    if facts is None or facts.content is None:
        return None
    try:
        document = load_document(
            facts.content, DEFAULT_LIMITS, subject=request.origin.filename, field=facts.member.path
        )
    except InvalidInput:
        return None  # RECORD says that nothing is missing, so it is a file of somebody else
    return document if document.raw.get("schema") == _SCHEMA else None


@dataclass(frozen=True, slots=True)
class _Source:
    """Where the bytes of a payload file lie."""

    facts: FileFacts
    mode: int
    #: of the file as it was.
    sha256: bytes
    patches: tuple[BytePatch, ...] = ()


class _Restorer:
    def __init__(self, request: CondaRequest, provenance: Document) -> None:
        self._request = request
        self._subject = request.origin.filename
        self._dist_info = request.metadata.dist_info
        self._members = request.survey.survey.files
        self._provenance = provenance
        self._restore = provenance.nested(provenance.require("restore"), "restore")

    def plan(self) -> CondaPlan:
        info = RestoredInfo(self._info(), self._strings("info_symlinks"))
        metadata = self._metadata(info)
        self._check_name(metadata.index.name)
        entries = {entry.path: entry for entry in metadata.paths}
        sources = dict(self._sources())
        self._check_programs((*sources, *self._strings("symlinks")), metadata.entry_points)
        self._check_members()
        self._same("payload", {path: source.sha256 for path, source in sources.items()})
        index = metadata.index
        return CondaPlan(
            origin=self._request.origin,
            identity=index.identity,
            subdir=index.subdir,
            info=info,
            files=tuple(_file(path, source, entries.get(path)) for path, source in sorted(sources.items())),
            losses=tuple(self._losses(sources)),
            depends=index.depends,
            format=self._request.options.format,
            links=tuple(self._links(entries)),
            empty_directories=dict.fromkeys(self._restore.texts("empty_directories"), _DIRECTORY_MODE),
            entry_points=self._request.metadata.entry_points,
            variant=_variant(self._request),
        )

    def _info(self) -> dict[str, bytes]:
        """Every file under `info/`, as it was."""
        root = f"{self._dist_info}/conda/"
        found = {
            name.removeprefix(root): self._content(name) for name in self._members if name.startswith(f"{root}info/")
        }
        found |= {path: self._content(member) for path, member in self._strings("licenses").items()}
        self._same("info", {path: hashlib.sha256(data).digest() for path, data in found.items()})
        return dict(sorted(found.items()))

    def _metadata(self, info: RestoredInfo) -> CondaMetadata:
        """The package's own metadata, checked as a reader checks them."""
        source = self._provenance.nested(self._provenance.require("source"), "source")
        filename = str(source.text("filename"))
        # An unpacked directory has no suffix.
        suffix = "" if filename.endswith((".conda", ".tar.bz2")) else ".conda"
        identity, _ = parse_filename(filename + suffix)
        metadata = build_metadata(
            info.files, info.links, DEFAULT_LIMITS, subject=self._subject, filename=None, subdir=None
        )
        if identity != metadata.index.identity:
            raise self._malformed(
                f"the package was {identity.stem}, its index.json says {metadata.index.identity.stem}"
            )
        return metadata

    def _check_name(self, name: CondaName) -> None:
        """A wheel may only become the package of its own project; else any index could replace any package."""
        project = self._request.metadata.core.normalized_name
        if project in (canonicalize_name(self._request.options.reserved_prefix + name), canonicalize_name(name)):
            return
        answer = self._request.names.own(project)
        if name != answer.conda and name not in answer.candidates:
            message = f"the wheel of {project} says that it was the conda package {name}, which is not known to be so"
            raise Unrepresentable(Code.RESTORE_NAME, message, subject=self._subject)

    def _check_programs(self, paths: Iterable[str], entry_points: Iterable[str]) -> None:
        """No package that the bridge makes wheels of has a program in the place of Python."""
        points = (point.partition("=")[0].strip() for point in entry_points)
        for path in (*paths, *(f"bin/{name}" for name in points)):
            program = _PYTHON_SCRIPTS.sub("bin/", path)
            if is_interpreter(program):
                message = f"the program {program} would replace the Python interpreter"
                raise Unrepresentable(Code.REPLACES_PYTHON, message, subject=self._subject)

    def _sources(self) -> Iterator[tuple[str, _Source]]:
        """Every file of the payload."""
        aside, modes = dict.fromkeys(self._restore.texts("set_aside")), self._strings("modes")
        files = self._restore.nested(self._restore.require("files"), "files")
        for path, value in files.raw.items():
            if path not in aside:
                yield path, self._source(files.nested(value, path))
        for path in aside:
            facts = self._member(f"{self._dist_info}/conda/files/{path}")
            yield path, _Source(facts, self._mode(modes.get(path, "")), facts.sha256)

    def _source(self, entry: Document) -> _Source:
        facts = self._member(str(entry.text("member")))
        mode = facts.member.mode if "mode" not in entry.raw else self._mode(str(entry.text("mode")))
        if "patches" not in entry.raw:
            return _Source(facts, mode, facts.sha256)
        patches = entry.require("patches")
        if not isinstance(patches, list):
            raise entry.refuse("patches", "is not a list")
        undone = tuple(self._undone(entry.nested(patch, "patches")) for patch in patches)
        return _Source(facts, mode, self._bytes(entry, "sha256"), undone)

    def _undone(self, patch: Document) -> BytePatch:
        found = BytePatch(patch.integer("offset"), self._bytes(patch, "new"), self._bytes(patch, "old"))
        if len(found.old) != len(found.new):
            raise patch.refuse("old", "is not as long as what replaced it")
        return found

    def _check_members(self) -> None:
        """The wheel holds what it held when it was made, its own metadata aside."""
        own = {f"{self._dist_info}/{name}" for name in (*_OWN_FILES, _OWN_BILL)}
        own.update(self._strings("licenses").values())
        patched = set(self._restore.texts("patched"))
        kept = f"{self._dist_info}/conda/"
        self._same(
            "members",
            {
                name: b"" if name in patched else facts.sha256
                for name, facts in self._members.items()
                if name not in own and not name.startswith(kept)
            },
        )
        needed = {f"{kept}files/{path}" for path in self._restore.texts("set_aside")}
        for name in self._members:
            if name.startswith(f"{kept}files/") and name not in needed:
                raise self._changed(f"{name} was not there")

    def _links(self, entries: Mapping[str, PathEntry]) -> Iterator[CondaLink]:
        for path, target in sorted(self._strings("symlinks").items()):
            entry = entries.get(path)
            sha256 = None if entry is None or entry.sha256 is None else bytes.fromhex(entry.sha256)
            yield CondaLink(path, target, sha256, None if entry is None else entry.size)

    def _losses(self, paths: Iterable[str]) -> Iterator[Loss]:
        # A conda package may have such files, and this one had; but here it is a wheel that says so.
        for path in sorted(paths):
            if is_obeyed(path):
                yield Loss(Code.EXECUTABLE_METADATA, path, "conda executes or obeys this file")
            elif belongs_to_python(path):
                yield Loss(Code.EXECUTABLE_METADATA, path, "the file belongs to the Python interpreter, or directs it")
        if self._provenance.raw.get("record") is not None:
            detail = "the channel's record had other requirements than the package; index.json is the package's own"
            yield Loss(Code.HOTFIX_LEFT, "info/index.json", detail)
        metadata = self._content(f"{self._dist_info}/METADATA")
        if metadata_digest(metadata) != self._restore.text("metadata"):
            detail = "it was changed after the wheel was made; the package does not say so"
            yield Loss(Code.HOTFIX_LEFT, f"{self._dist_info}/METADATA", detail)

    def _same(self, key: str, contents: Mapping[str, bytes]) -> None:
        if content_digest(contents) != self._restore.text(key):
            raise self._changed(f"the wheel was changed since it was made of a conda package ({key})")

    def _member(self, name: str) -> FileFacts:
        facts = self._members.get(name)
        if facts is None:
            raise self._changed(f"{posixpath.basename(name)!r} is missing in the wheel")
        return facts

    def _content(self, name: str) -> bytes:
        content = self._member(name).content
        if content is None:
            raise self._malformed("a file of info/ lies outside dist-info")
        return content

    def _strings(self, key: str) -> dict[str, str]:
        values = self._restore.nested(self._restore.raw.get(key, {}), key)
        self._restore.strings(list(values.raw.values()), key)
        return dict(values.raw)

    def _mode(self, text: str) -> int:
        try:
            mode = int(text, 8)
        except ValueError:
            mode = -1
        if not 0 <= mode <= _PERMISSIONS:
            raise self._malformed(f"{text[:20]!r} is not the mode of a file")
        return mode

    def _bytes(self, document: Document, key: str) -> bytes:
        try:
            return bytes.fromhex(document.text(key) or "")
        except ValueError as error:
            raise document.refuse(key, "is not hexadecimal") from error

    def _changed(self, message: str) -> Unrepresentable:
        return Unrepresentable(Code.RESTORE_CHANGED, message, subject=self._subject)

    def _malformed(self, message: str) -> Unrepresentable:
        return Unrepresentable(Code.RESTORE_MALFORMED, message, subject=self._subject, field=self._provenance.field)


def _file(path: str, source: _Source, entry: PathEntry | None) -> CondaFile:
    placeholder = None
    if entry is not None and entry.prefix_placeholder is not None and entry.file_mode is not None:
        placeholder = Placeholder(entry.prefix_placeholder, entry.file_mode)
    return CondaFile(
        path=path,
        source=FromWheel(source.facts.member.path, source.patches),
        mode=source.mode,
        sha256=source.sha256,
        placeholder=placeholder,
        no_link=entry is not None and entry.no_link,
    )


def _variant(request: CondaRequest) -> Variant | None:
    label, variant = request.metadata.label, request.metadata.variant
    if label is None or variant is None:
        return None
    return Variant(label, tuple(sorted(map(str, variant.variants[label]))))
