"""Holding variant wheels and variants files against each other, as strictly as the strictest client does."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from packaging.utils import InvalidName, canonicalize_name
from packaging.version import InvalidVersion, Version

from bridge.errors import BridgeError, Code, InvalidInput
from bridge.formats.wheel import variant_schema as schema
from bridge.formats.wheel.archive import WheelArchive
from bridge.formats.wheel.core_metadata import parse_core_metadata
from bridge.formats.wheel.edit import checked_record
from bridge.formats.wheel.filename import parse_wheel_filename
from bridge.formats.wheel.variant_json import read_variant_json
from bridge.formats.wheel.variant_rules import Problem, agree, merge, validate
from bridge.formats.wheel.wheel_file import parse_wheel_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from packaging.utils import NormalizedName

    from bridge.formats.wheel.filename import WheelFilename
    from bridge.model.variant import VariantMetadata

_Release = tuple["NormalizedName", Version]
_WHEEL_SUFFIX: Final = ".whl"


@dataclass(frozen=True, slots=True)
class _Wheel:
    """What of a readable wheel matters to the rest of its release."""

    filename: str
    stated: WheelFilename
    requires_python: str
    #: None in a wheel without a label, and where the wheel's own file cannot be read.
    metadata: VariantMetadata | None

    @property
    def release(self) -> _Release:
        return self.stated.name, self.stated.version


@dataclass(frozen=True, slots=True)
class _VariantsFile:
    """A readable `{name}-{version}-variants.json`."""

    filename: str
    metadata: VariantMetadata


def check_wheel(path: Path) -> tuple[Problem, ...]:
    """What is wrong with one wheel: archive, RECORD, names and tags, and where it is a variant, its metadata.

    Args:
        path: any wheel; one without a label must have no variant metadata.

    Returns:
        Problems, none where every client can use the wheel.
    """
    return _read_wheel(path)[1]


def check_files(paths: Iterable[Path]) -> tuple[Problem, ...]:
    """What is wrong with wheels and variants files that are published together.

    Args:
        paths: wheels and `-variants.json` files; other files are not looked at.

    Returns:
        Problems of each file in the order of names, then those of each release.
    """
    problems: list[Problem] = []
    wheels: dict[_Release, list[_Wheel]] = defaultdict(list)
    indexes: dict[_Release, _VariantsFile | None] = {}
    for path in sorted(paths, key=lambda path: (path.name, path)):
        if path.name.endswith(_WHEEL_SUFFIX):
            wheel, found = _read_wheel(path)
            problems += found
            if wheel is not None:
                wheels[wheel.release].append(wheel)
        elif path.name.endswith(schema.INDEX_SUFFIX):
            try:
                release = _release_of(path.name)
                indexes[release] = None
                with path.open("rb") as file:
                    data = file.read(schema.LARGEST_FILE + 1)
                metadata, more = _read_metadata(data, path.name)
                indexes[release] = _VariantsFile(path.name, metadata)
                problems += more
            except InvalidInput as error:
                problems.append(Problem.of(error))
    for release in sorted(wheels.keys() | indexes.keys()):
        problems += _release_problems(wheels.get(release, []), indexes.get(release), release in indexes)
    return tuple(problems)


def _read_wheel(path: Path) -> tuple[_Wheel | None, tuple[Problem, ...]]:
    """The wheel, None where it cannot be read at all."""
    try:
        stated = parse_wheel_filename(path.name)
        with WheelArchive(path) as archive:
            record = checked_record(archive)
            dist_info = archive.dist_info
            core = parse_core_metadata(archive.read(f"{dist_info}/METADATA"), path.name)
            wheel_file = parse_wheel_file(archive.read(f"{dist_info}/WHEEL"), path.name)
            name = f"{dist_info}/{schema.MEMBER}"
            own = archive.read(name, schema.LARGEST_FILE) if name in archive.members else None
    except BridgeError as error:
        return None, (Problem.of(error),)
    problems: list[Problem] = []
    if (core.normalized_name, core.version) != (stated.name, stated.version):
        message = f"the file says {core.normalized_name} {core.version}, its name says {stated.name} {stated.version}"
        problems.append(Problem(Code.IDENTITY, message, path.name, "METADATA"))
    if wheel_file.tags != stated.tags:
        problems.append(Problem(Code.IDENTITY, "the tags are not those of the file name", path.name, "WHEEL"))
    metadata: VariantMetadata | None = None
    try:
        recorded = own is not None and any(entry.path == name and entry.describes(own) for entry in record)
        metadata, found = _read_own(own, stated, recorded, path.name)
        problems += found
    except InvalidInput as error:
        problems.append(Problem.of(error))
    requires_python = ""
    try:
        requires_python = str(core.requires_python or "")
        # Variant markers (PEP 825) are malformed too: no client knows them, and uv refuses the release for them.
        _ = core.requires_dist
    except InvalidInput as error:
        problems.append(Problem.of(error))
    return _Wheel(path.name, stated, requires_python, metadata), tuple(problems)


def _read_own(
    own: bytes | None, stated: WheelFilename, recorded: bool, subject: str
) -> tuple[VariantMetadata | None, list[Problem]]:
    """The wheel's own metadata, None in a wheel that is not a variant.

    Raises:
        InvalidInput: `CB122`, `CB133`, and as `read_variant_json` does.
    """
    if own is None and stated.variant is None:
        return None, []
    if own is None or stated.variant is None:
        message = "the wheel has a label in its file name or the metadata of a variant, but not both"
        raise InvalidInput(Code.VARIANT_LABEL, message, subject=subject, field=schema.MEMBER)
    if not recorded:
        raise InvalidInput(Code.RECORD, "hash or size is not that in RECORD", subject=subject, field=schema.MEMBER)
    return _read_metadata(own, subject, stated.variant)


def _read_metadata(data: bytes, subject: str, label: str | None = None) -> tuple[VariantMetadata, list[Problem]]:
    """Raises InvalidInput as `read_variant_json` does."""
    reading = read_variant_json(data, subject, label=label)
    if not reading.metadata.providers:
        message = f"without {schema.PROVIDERS_KEY}, clients can select only the null variant"
        return reading.metadata, [Problem(Code.VARIANT_NAMESPACES, message, subject, fatal=False)]
    problems = list(validate(reading.metadata, subject))
    if reading.schema not in schema.KNOWN:
        message = "clients do not know this version of the schema"
        problems.append(Problem(Code.VARIANT_SCHEMA, message, subject, schema.SCHEMA_KEY, fatal=False))
    return reading.metadata, problems


def _release_of(filename: str) -> _Release:
    """Name and version in the name of a variants file.

    Raises:
        InvalidInput: `CB123`.
    """
    name, _, version = filename.removesuffix(schema.INDEX_SUFFIX).partition("-")
    try:
        return canonicalize_name(name, validate=True), Version(version)
    except (InvalidName, InvalidVersion) as error:
        message = "a variants file is called {name}-{version}-variants.json, with _ for - in the name"
        raise InvalidInput(Code.WHEEL_FILENAME, message, subject=filename) from error


def _release_problems(wheels: list[_Wheel], index: _VariantsFile | None, attempted: bool) -> Iterator[Problem]:
    variants = [wheel for wheel in wheels if wheel.stated.variant is not None]
    if index is not None:
        yield from _against_index(index, variants)
    elif variants and not attempted:
        message = f"there is no {variants[0].stated.stem}{schema.INDEX_SUFFIX}, so that clients ignore the variant"
        yield Problem(Code.VARIANT_RELEASE, message, variants[0].filename)
        try:
            merge((wheel.filename, wheel.metadata) for wheel in variants if wheel.metadata is not None)
        except InvalidInput as error:
            yield Problem.of(error)
        except ValueError:
            return
    if not variants:
        return
    first = wheels[0]
    for wheel in wheels[1:]:
        if wheel.requires_python != first.requires_python:
            message = f"Requires-Python is {wheel.requires_python!r}, but {first.requires_python!r} in {first.filename}"
            yield Problem(Code.VARIANT_RELEASE, message, wheel.filename, "METADATA")
    if len(variants) == len(wheels):
        message = "the release has no wheel without a label; clients that know no variants find nothing"
        yield Problem(Code.VARIANT_FALLBACK, message, variants[0].filename, fatal=False)


def _against_index(index: _VariantsFile, variants: list[_Wheel]) -> Iterator[Problem]:
    listed = index.metadata.variants
    for wheel in variants:
        label = wheel.stated.variant
        if label is None or label not in listed:
            message = f"the label {label!r} is not in {index.filename}, so that clients ignore the wheel"
            yield Problem(Code.VARIANT_LABEL, message, wheel.filename)
        elif wheel.metadata is not None:
            difference = agree(index.metadata, wheel.metadata, label)
            if difference is not None:
                message = f"contradicts {index.filename}: {difference}"
                yield Problem(Code.VARIANT_RELEASE, message, wheel.filename, schema.MEMBER)
    for label in sorted(listed.keys() - {wheel.stated.variant for wheel in variants}):
        yield Problem(Code.VARIANT_LABEL, f"no wheel has the label {label!r}", index.filename, fatal=False)
    used = {each.namespace for properties in listed.values() for each in properties}
    for namespace in index.metadata.namespaces:
        if namespace not in used:
            message = f"no variant uses the namespace {namespace!r}"
            yield Problem(Code.VARIANT_NAMESPACES, message, index.filename, fatal=False)
