"""The documents of one platform directory of a channel, from its records (CEPs 12, 36, 48). Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import zstandard

from bridge.channel.package_record import REVISION
from bridge.formats.conda.identifiers import parse_filename

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bridge.channel.package_record import PackageRecord
    from bridge.channel.wheel_record import WheelRecord
    from bridge.model.conda import ArchiveFormat, Subdir

#: an index is written once and read by every client; beyond this level time doubles for less than a hundredth.
_LEVEL: Final = 16
_LATER: Final = f"v{REVISION}"


def repodata(
    subdir: Subdir,
    packages: Iterable[PackageRecord],
    wheels: Sequence[WheelRecord] = (),
    *,
    relations: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """`repodata.json`.

    Args:
        packages: whose file names differ.
        wheels: offered as they are, in `v3.whl` (no accepted CEP; py-rattler 0.28 reads it).
        relations: to other channels (CEP 42).
    """
    first: dict[str, dict[str, Any]] = {"packages": {}, "packages.conda": {}}
    later: dict[str, dict[str, Any]] = {}
    for package in packages:
        _, archive = parse_filename(package.filename)
        if package.revision < REVISION:
            first[_section(archive)][package.filename] = package.fields
        else:
            later.setdefault(archive.value[1:], {})[package.identity.stem] = package.fields
    for wheel in wheels:
        later.setdefault("whl", {})[wheel.key] = wheel.fields
    info: dict[str, Any] = {"subdir": subdir}
    if relations:
        info["channel_relations"] = dict(relations)
    document: dict[str, Any] = {"info": info, **first, "removed": [], "repodata_version": 1}
    if later:
        document[_LATER] = later
        info["repodata_revisions"] = {_LATER: _statistics(later)}
    return document


def run_exports(subdir: Subdir, packages: Iterable[PackageRecord]) -> dict[str, Any]:
    """`run_exports.json`: one entry for each package, by file name, whatever the revision of its record (CEP 12)."""
    info: dict[str, Any] = {"subdir": subdir, "version": 1}
    if subdir != "noarch":
        info["platform"], _, info["arch"] = subdir.partition("-")
    document: dict[str, Any] = {"info": info, "packages": {}, "packages.conda": {}}
    for package in packages:
        _, archive = parse_filename(package.filename)
        document[_section(archive)][package.filename] = {"run_exports": package.run_exports}
    return document


def encode(document: Mapping[str, Any]) -> bytes:
    """JSON with sorted keys."""
    return msgspec.json.encode(document, order="sorted") + b"\n"


def compress(data: bytes) -> bytes:
    """A zstd frame that says how long its content is, as readers want it."""
    return zstandard.ZstdCompressor(level=_LEVEL, write_content_size=True, threads=0).compress(data)


def _section(archive: ArchiveFormat) -> str:
    return "packages.conda" if archive.value == ".conda" else "packages"


def _statistics(later: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> dict[str, int]:
    """CEP 48; the times are those that a server stamped (CEP 47), where it did."""
    records = [record for section in later.values() for record in section.values()]
    stamped = [record["indexed_timestamp"] for record in records if "indexed_timestamp" in record]
    times = {"oldest": min(stamped), "newest": max(stamped)} if stamped else {}
    return {"n_packages": len(records), **times}
