"""A wheel that is open for reading: what it hands out has been checked, doubtful input raises."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bridge.errors import Code, InvalidInput
from bridge.formats.wheel import variant_schema as schema
from bridge.formats.wheel.archive import WheelArchive
from bridge.formats.wheel.core_metadata import CoreMetadata, parse_core_metadata
from bridge.formats.wheel.filename import WheelFilename, parse_wheel_filename
from bridge.formats.wheel.findings import Finding, name_findings, read_entry_points
from bridge.formats.wheel.payload import BLOCK, MemberReader
from bridge.formats.wheel.record import UNRECORDED, RecordEntry, parse_record
from bridge.formats.wheel.tree import check_tree
from bridge.formats.wheel.variant_json import parse_variant_json
from bridge.formats.wheel.wheel_file import WheelFile, parse_wheel_file
from bridge.limits import DEFAULT_LIMITS, KIB, Limits
from bridge.model.conda import Origin
from bridge.model.payload import Member, MemberKind
from bridge.model.variant import VariantMetadata

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

#: thousands of entry points; every one is parsed on its own where one is wrong.
_ENTRY_POINTS_SIZE: Final = 256 * KIB
#: hundreds of tags.
_WHEEL_SIZE: Final = 64 * KIB
#: lines of WHEEL beside one for each tag.
_WHEEL_LINES: Final = 32
#: bytes of a line of RECORD beside its path: quotes, the longest digest, size and line end.
_RECORD_LINE: Final = 160
#: lines of RECORD for each member; some writers leave empty lines between them.
_RECORD_LINES: Final = 4
_EXECUTABLE: Final = 0o755
_PLAIN: Final = 0o644


@dataclass(frozen=True, slots=True)
class WheelMetadata:
    """Everything in the dist-info directory that has a meaning, parsed, and consistent with the file name."""

    core: CoreMetadata
    wheel: WheelFile
    #: in the order of the file; exactly the members, but for RECORD itself and its signatures.
    record: tuple[RecordEntry, ...]
    #: group -> name -> reference; only what a program may be made of.
    entry_points: Mapping[str, Mapping[str, str]]
    #: None in a wheel that is not a variant.
    variant: VariantMetadata | None
    #: variant label (PEP 825).
    label: str | None
    #: name of the directory.
    dist_info: str
    #: what should not be installed unseen, as far as names and metadata tell.
    findings: tuple[Finding, ...]


class WheelFileReader:
    """An open wheel; a context manager. Made by `open_wheel`."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self.filename: WheelFilename = parse_wheel_filename(path.name)
        #: the file name as given, for messages.
        self.subject = path.name
        self.limits = limits
        self._archive = WheelArchive(path, limits)
        try:
            self._metadata = self._read_metadata()
        except BaseException:
            self._archive.file.close()
            raise
        self._origin: Origin | None = None

    def __enter__(self) -> WheelFileReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Readers of members cannot be used any more."""
        self._archive.file.close()

    def metadata(self) -> WheelMetadata:
        """What the wheel says of itself; read and checked when it was opened."""
        return self._metadata

    def origin(self) -> Origin:
        """Name, SHA-256, MD5 and size in bytes of the open file; hashed once, by streaming.

        May run in a thread beside one that reads members.
        """
        if self._origin is None:
            self._origin = _origin(self._archive)
        return self._origin

    def members(self) -> Iterator[tuple[Member, MemberReader]]:
        """A pass over all files in archive order, those of dist-info and `.data` under their names in the wheel.

        A reader is good until the next member is asked for; what was not read until then is read and verified, so
        that after a whole pass the whole wheel is. Every call starts a new pass.

        Raises:
            InvalidInput: at the member concerned, `CB101`, damaged data; `CB122`, not what RECORD says.
        """
        for member, reader in self.heads():
            yield member, reader
            reader.drain()

    def heads(self) -> Iterator[tuple[Member, MemberReader]]:
        """A pass as `members`, in which what is not asked for is neither read nor verified."""
        record = {entry.path: entry for entry in self._metadata.record}
        for name, member in self._archive.members.items():
            if not member.is_directory:
                reader = MemberReader(self._archive, member, record.get(name))
                mode = _EXECUTABLE if member.executable else _PLAIN
                yield Member(name, MemberKind.FILE, mode, reader.size), reader

    def empty_directories(self) -> tuple[str, ...]:
        """Directories in the archive that hold no file, without final separator, sorted."""
        occupied: set[str] = set()
        for name, member in self._archive.members.items():
            parent = "" if member.is_directory else name.rpartition("/")[0]
            while parent and parent not in occupied:
                occupied.add(parent)
                parent = parent.rpartition("/")[0]
        directories = {name[:-1] for name, member in self._archive.members.items() if member.is_directory}
        return tuple(sorted(directories - occupied))

    def _read_metadata(self) -> WheelMetadata:
        archive, stated = self._archive, self.filename
        dist_info = check_tree(archive, stated)
        record = _record(archive, dist_info, self.limits.metadata_size)
        metadata = self._small(f"{dist_info}/METADATA", record, self.limits.headers_size)
        core = parse_core_metadata(metadata, self.subject)
        wheel = self._wheel_file(f"{dist_info}/WHEEL", record)
        self._check_identity(core, wheel)
        name = f"{dist_info}/entry_points.txt"
        points = self._small(name, record, _ENTRY_POINTS_SIZE) if name in archive.members else b""
        entry_points, hostile = read_entry_points(points, name, self.subject)
        return WheelMetadata(
            core=core,
            wheel=wheel,
            record=tuple(record.values()),
            entry_points=entry_points,
            variant=self._variant(f"{dist_info}/{schema.MEMBER}", record),
            label=stated.variant,
            dist_info=dist_info,
            findings=(*name_findings(archive, dist_info, stated), *hostile),
        )

    def _small(self, name: str, record: Mapping[str, RecordEntry], limit: int) -> bytes:
        """A file that is parsed, verified before that."""
        data = self._archive.read(name, min(limit, self.limits.metadata_size))
        if not record[name].describes(data):
            raise InvalidInput(Code.RECORD, "the content is not that in RECORD", subject=self.subject, field=name)
        return data

    def _wheel_file(self, name: str, record: Mapping[str, RecordEntry]) -> WheelFile:
        data = self._small(name, record, _WHEEL_SIZE)
        # One line may stand for thousands of tags.
        if _lines(data) > len(self.filename.tags) + _WHEEL_LINES:
            message = "the file has far more lines than the wheel has tags"
            raise InvalidInput(Code.LIMIT, message, subject=self.subject, field=name)
        return parse_wheel_file(data, self.subject)

    def _check_identity(self, core: CoreMetadata, wheel: WheelFile) -> None:
        stated = self.filename
        if (core.normalized_name, core.version) != (stated.name, stated.version):
            message = f"{core.normalized_name} {core.version}; the file name says {stated.name} {stated.version}"
            raise InvalidInput(Code.IDENTITY, message, subject=self.subject, field="METADATA")
        if wheel.tags != stated.tags:
            odd = ", ".join(sorted(map(str, wheel.tags ^ stated.tags))[:3])
            message = f"the tags are not those of the file name; only one of the two has {odd}"
            raise InvalidInput(Code.IDENTITY, message, subject=self.subject, field="WHEEL")

    def _variant(self, name: str, record: Mapping[str, RecordEntry]) -> VariantMetadata | None:
        label, present = self.filename.variant, name in self._archive.members
        if (label is not None) != present:
            message = "the wheel has a label in its file name or the metadata of a variant, but not both"
            raise InvalidInput(Code.VARIANT_LABEL, message, subject=self.subject, field=schema.MEMBER)
        if not present:
            return None
        return parse_variant_json(self._small(name, record, schema.LARGEST_FILE), self.subject, label=label)


def open_wheel(path: Path, *, limits: Limits = DEFAULT_LIMITS) -> WheelFileReader:
    """Open a wheel, check its structure and names, and read its metadata; the content of the payload comes later.

    Args:
        path: the wheel, under its published name.
        limits: bounds on everything that it can inflate; RECORD, WHEEL and entry_points.txt have bounds
            of their own, which follow from what they describe.

    Raises:
        InvalidInput: `CB119`, it cannot be opened; `CB123`, its name is malformed; any code of `WheelArchive` and
            `check_tree`; `CB110`, METADATA or WHEEL is missing; `CB112`, the name, version or tags inside are not
            those of the file name; `CB117`, entry_points.txt; `CB121`, METADATA or WHEEL is malformed or of a version
            that is not supported; `CB122`, RECORD is missing, malformed, or does not list exactly the members;
            `CB130` to `CB133`, variant.json, or a label without it, or it without a label.
    """
    if not path.is_file():
        raise InvalidInput(Code.SOURCE, "there is no such file", subject=path.name)
    try:
        return WheelFileReader(path, limits)
    except OSError as error:
        raise InvalidInput(Code.SOURCE, f"cannot be read: {error.strerror}", subject=path.name) from error


def _lines(data: bytes) -> int:
    return data.count(b"\n") + data.count(b"\r")


def _record(archive: WheelArchive, dist_info: str, limit: int) -> dict[str, RecordEntry]:
    """Every line of RECORD by path; it lists exactly the members."""
    name = f"{dist_info}/RECORD"
    if name not in archive.members:
        raise InvalidInput(Code.RECORD, "there is no RECORD", subject=archive.subject, field=name)
    files = {member for member, each in archive.members.items() if not each.is_directory}
    data = archive.read(name, min(limit, sum(2 * len(each.encode()) + _RECORD_LINE for each in files)))
    if _lines(data) > _RECORD_LINES * len(files):
        raise InvalidInput(Code.LIMIT, "RECORD has more lines than files", subject=archive.subject, field=name)
    record = {entry.path: entry for entry in parse_record(data, archive.subject)}
    exempt = {f"{dist_info}/{each}" for each in UNRECORDED}
    for path in sorted(record.keys() - files):
        raise InvalidInput(Code.RECORD, "in RECORD but not in the wheel", subject=archive.subject, field=path)
    for path in sorted(files - exempt):
        if path not in record or record[path].digest is None:
            message = "in the wheel but without a digest in RECORD"
            raise InvalidInput(Code.RECORD, message, subject=archive.subject, field=path)
    return record


def _origin(archive: WheelArchive) -> Origin:
    sha256 = hashlib.sha256()
    md5 = hashlib.md5(usedforsecurity=False)
    size = 0
    while block := archive.slice(size, BLOCK):
        sha256.update(block)
        md5.update(block)
        size += len(block)
    return Origin(archive.subject, sha256.hexdigest(), md5.hexdigest(), size)
