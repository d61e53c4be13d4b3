"""What a channel had mended in a package before it became a wheel, said again by the channel that the wheel becomes.

A package that is restored is the one that its builder made. Requirements that a channel mends stand in the channel's
records (CEP 36), so there they go; without them a set of old packages may have no solution.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from bridge.channel.package_record import PackageRecord, read_package
from bridge.errors import BridgeError
from bridge.formats.conda.documents import load_document
from bridge.formats.wheel.archive import WheelArchive
from bridge.limits import DEFAULT_LIMITS
from bridge.model.conda import Subdir

_PROVENANCE: Final = "conda/provenance.json"
#: what a record mends (`bridge.translate.to_wheel.dist_info`).
_MENDED: Final = ("depends", "constrains")


def mended_record(package: Path, subdir: Subdir, wheel: Path) -> PackageRecord:
    """The record of a package that was restored from a wheel, with what the wheel knows of an earlier channel.

    Args:
        package: the restored package.
        subdir: where it will lie.
        wheel: the wheel that it was made of; what it says is believed where it makes a sound record.

    Raises:
        BridgeError: as `bridge.channel.package_record.read_package`.
    """
    record = read_package(package, subdir)
    mended = _mended(wheel)
    if not mended:
        return record
    known: dict[str, Any] = {**record.fields, **mended}
    return read_package(package, subdir, known, record.run_exports)


def _mended(wheel: Path) -> dict[str, Any]:
    try:
        with WheelArchive(wheel) as archive:
            data = archive.read(f"{archive.dist_info}/{_PROVENANCE}")
        stated = load_document(data, DEFAULT_LIMITS, subject=wheel.name, field=_PROVENANCE).raw.get("record")
    except BridgeError:
        return {}
    if not isinstance(stated, dict):
        return {}
    return {key: stated[key] for key in _MENDED if isinstance(stated.get(key), list)}
