"""RECORD and INSTALLER of a wheel that conda installs (PEP 376, PEP 627)."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterable, Mapping
from typing import Final

from bridge.formats.wheel.record import RecordEntry, format_record
from bridge.model.conda_plan import CondaFile, FromWheel
from bridge.model.plan import Literal

#: what conda writes there.
INSTALLER: Final = b"conda\n"
#: files of dist-info that an installer writes; a wheel's own say nothing about this installation.
OTHERS: Final = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")
#: signatures of the wheel's RECORD.
SIGNATURES: Final = ("RECORD.jws", "RECORD.p7s")


def record_of(
    files: Iterable[CondaFile], sizes: Mapping[str, int], site_packages: str, record: str, *, linked: bool
) -> bytes:
    """RECORD of the package: true for the files in it, with paths relative to site-packages.

    Scripts with a placeholder are listed as they are in the package, which is what conda's builders do too.

    Args:
        files: the payload without RECORD.
        sizes: of the wheel's members, in bytes.
        site_packages: relative to the prefix.
        record: path of RECORD itself.
        linked: whether installers move site-packages; nobody knows then how files outside are reached.
    """
    inside = f"{site_packages}/"
    entries = [RecordEntry(record.removeprefix(inside))]
    for file in files:
        if file.path.startswith(inside):
            entries.append(_entry(file, sizes, file.path.removeprefix(inside)))
        elif not linked:
            entries.append(_entry(file, sizes, posixpath.relpath(file.path, site_packages)))
    return format_record(sorted(entries, key=lambda entry: entry.path))


def _entry(file: CondaFile, sizes: Mapping[str, int], path: str) -> RecordEntry:
    match file.source:
        case Literal(data):
            return RecordEntry(path, hashlib.sha256(data).digest(), len(data))
        case FromWheel(member):
            return RecordEntry(path, file.sha256, sizes[member])
