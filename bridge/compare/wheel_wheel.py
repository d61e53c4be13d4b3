"""Two wheels: file name, members, and what dist-info says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bridge.compare.comparison import Difference, differ
from bridge.compare.core_fields import compare_core
from bridge.compare.packages import present
from bridge.compare.values import fields, json_object, members
from bridge.errors import InvalidInput
from bridge.formats.wheel.entry_points import parse_reference, read_groups
from bridge.formats.wheel.variant_json import variant_document
from bridge.model.variant import VariantMetadata

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bridge.compare.packages import WheelPackage
    from bridge.compare.tree import Entry, Tree
    from bridge.formats.wheel.record import RecordEntry

#: compared by what they say.
_READ: Final = frozenset({"METADATA", "WHEEL", "RECORD", "entry_points.txt", "variant.json", "conda/provenance.json"})
#: which tool wrote the file, by which minor version of the format, and what is compared elsewhere.
_WHEEL_IDLE: Final = frozenset({"generator", "wheel-version"})
#: of the bridge's record: who converted, and with which data.
_RECORD_IDLE: Final = frozenset({"tool", "mappings", "losses", "schema"})


def compare_wheels(left: WheelPackage, right: WheelPackage) -> Iterator[Difference]:
    """Every difference between two wheels, in no particular order."""
    yield from _names(left, right)
    ours, theirs = _canonical(left), _canonical(right)
    for path in sorted(ours.keys() | theirs.keys()):
        if path.partition("/")[2] in _READ and path.startswith("*.dist-info/"):
            continue
        yield from _member(f"payload: {path}", ours.get(path), theirs.get(path))
    # No installer makes them.
    yield from members("payload (empty directory)", left.empty_directories, right.empty_directories, matters=False)
    yield from compare_core(left.metadata.core, right.metadata.core)
    yield from _wheel_files(left, right)
    yield from _entry_points(left, right)
    yield from _variants(left.metadata.variant, right.metadata.variant)
    yield from _records(left, right)
    one, other = (json_object(each.own("conda/provenance.json")) or {} for each in (left, right))
    yield from fields("provenance.json", one, other, idle=_RECORD_IDLE)
    yield from _spelling(left, right)


def points_of(data: bytes | None, subject: str) -> dict[tuple[str, str], str]:
    """(group, name) -> reference in a spelling of its own; `subject` is the file, for errors.

    Raises:
        InvalidInput: CB117, the file cannot be parsed.
    """
    groups = read_groups(data or b"", subject)
    return {(group, name): reference(text) for group, entries in groups.items() for name, text in entries.items()}


def reference(text: str) -> str:
    """An object reference without its white space; as it is where it is none."""
    try:
        return str(parse_reference(text, ""))
    except InvalidInput:
        return text


def _entry_points(left: WheelPackage, right: WheelPackage) -> Iterator[Difference]:
    ours, theirs = (points_of(each.own("entry_points.txt"), each.name) for each in (left, right))
    for group, name in sorted(ours.keys() | theirs.keys()):
        yield from differ(f"entry points: {group}: {name}", ours.get((group, name)), theirs.get((group, name)))


def _names(left: WheelPackage, right: WheelPackage) -> Iterator[Difference]:
    one, other = left.filename, right.filename
    yield from differ("file name: project", one.name, other.name)
    if one.version != other.version:
        yield Difference("file name: version", str(one.version), str(other.version), True)
    builds = ("".join(map(str, each.build)) or None for each in (one, other))
    yield from differ("file name: build tag", *builds)
    yield from members("file name: tags", map(str, one.tags), map(str, other.tags))
    yield from differ("file name: variant label", one.variant, other.variant)
    same = (one.name, one.version) == (other.name, other.version)
    if same:
        yield from differ("file name: project and version (spelling)", one.stem, other.stem, matters=False)
        yield from differ("dist-info (spelling)", left.dist_info, right.dist_info, matters=False)


def _canonical(package: WheelPackage) -> Tree:
    """Members by name, with one spelling for the two directories that are called after the project."""
    return {_named(package, name): entry for name, entry in package.tree.items()}


def _named(package: WheelPackage, name: str) -> str:
    head, slash, rest = name.partition("/")
    if head == package.dist_info:
        head = "*.dist-info"
    elif head == package.data:
        head = "*.data"
    return f"{head}{slash}{rest}"


def _member(where: str, one: Entry | None, other: Entry | None) -> Iterator[Difference]:
    if one is None or other is None:
        yield Difference(where, present(one), present(other), True)
        return
    if one.sha256 != other.sha256:
        yield Difference(f"{where}: content", str(one), str(other), True)
    yield from differ(f"{where}: executable", one.executable, other.executable)


def _wheel_files(left: WheelPackage, right: WheelPackage) -> Iterator[Difference]:
    ours, theirs = (_headers(each) for each in (left, right))
    for field in sorted(ours.keys() | theirs.keys()):
        yield from members(
            f"WHEEL: {field}", ours.get(field, ()), theirs.get(field, ()), matters=field.lower() not in _WHEEL_IDLE
        )


def _headers(package: WheelPackage) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for name, value in package.metadata.wheel.headers:
        # Tags are the file name's, or the wheel would not have been read; `true` is spelled in several ways.
        if name.lower() != "tag":
            known = value.lower() if name.lower() == "root-is-purelib" else value
            found.setdefault("-".join(part.capitalize() for part in name.split("-")), set()).add(known)
    return {name: frozenset(values) for name, values in found.items()}


def _variants(left: VariantMetadata | None, right: VariantMetadata | None) -> Iterator[Difference]:
    if left == right:
        return
    ours, theirs = ({} if each is None else variant_document(each) for each in (left, right))
    for key in sorted(ours.keys() | theirs.keys()):
        one, other = ours.get(key), theirs.get(key)
        if isinstance(one, dict) and isinstance(other, dict):
            yield from fields(f"variant.json: {key}", one, other)
        else:
            yield from differ(f"variant.json: {key}", one, other)


def _records(left: WheelPackage, right: WheelPackage) -> Iterator[Difference]:
    """Which files RECORD lists, and how; that it is true was checked when the wheels were read."""
    ours, theirs = _listed(left), _listed(right)
    both = _canonical(left).keys() & _canonical(right).keys()
    for path in sorted(both):
        yield from differ(f"RECORD: {path}", ours.get(path), theirs.get(path), matters=False)


def _listed(package: WheelPackage) -> Mapping[str, str]:
    return {_named(package, entry.path): _described(entry) for entry in package.metadata.record}


def _described(entry: RecordEntry) -> str:
    digest = "no digest" if entry.digest is None else entry.algorithm
    return f"{digest}, {'no size' if entry.size is None else 'size'}"


def _spelling(left: WheelPackage, right: WheelPackage) -> Iterator[Difference]:
    """Files that say the same in other bytes."""
    for name in sorted(_READ - {"RECORD"}):
        one, other = left.tree.get(f"{left.dist_info}/{name}"), right.tree.get(f"{right.dist_info}/{name}")
        if (None if one is None else one.sha256) != (None if other is None else other.sha256):
            yield Difference(f"{name} (bytes)", present(one), present(other), False)
