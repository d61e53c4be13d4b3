"""Reading records back as clients will: one that py-rattler cannot read makes the whole platform directory unusable."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rattler import Channel, PackageFormatSelection, SparseRepoData

from bridge.channel.repodata_output import encode, repodata
from bridge.errors import Code, Unrepresentable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from bridge.channel.package_record import PackageRecord
    from bridge.channel.wheel_record import WheelRecord
    from bridge.model.conda import Subdir

    _Records = tuple[Sequence[PackageRecord], Sequence[WheelRecord]]

#: together they read every section; either alone passes over something.
_SELECTIONS: Final = (PackageFormatSelection.BOTH, PackageFormatSelection.PREFER_CONDA_WITH_WHL)
#: bounds the memory that the parsed records of a large channel take.
_AT_ONCE: Final = 1000


def unreadable(
    subdir: Subdir, packages: Sequence[PackageRecord], wheels: Sequence[WheelRecord]
) -> dict[str, Unrepresentable]:
    """The records that must not be written, by file name, with the reason (CB338)."""
    refused: dict[str, Unrepresentable] = {}
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "repodata.json"
        for some in _parts(packages, wheels):
            if _complaint(path, subdir, *some) is not None:
                refused.update(_one_by_one(path, subdir, *some))
    return refused


def _parts(packages: Sequence[PackageRecord], wheels: Sequence[WheelRecord]) -> Iterator[_Records]:
    for start in range(0, len(packages), _AT_ONCE):
        yield packages[start : start + _AT_ONCE], ()
    for start in range(0, len(wheels), _AT_ONCE):
        yield (), wheels[start : start + _AT_ONCE]


def _one_by_one(
    path: Path, subdir: Subdir, packages: Iterable[PackageRecord], wheels: Iterable[WheelRecord]
) -> Iterator[tuple[str, Unrepresentable]]:
    alone: list[tuple[str, _Records]] = [(one.filename, ([one], ())) for one in packages]
    alone += [(one.filename, ((), [one])) for one in wheels]
    for filename, record in alone:
        complaint = _complaint(path, subdir, *record)
        if complaint is not None:
            message = f"py-rattler cannot read its record: {complaint}"
            yield filename, Unrepresentable(Code.CHANNEL_RECORD, message, subject=filename)


def _complaint(
    path: Path, subdir: Subdir, packages: Sequence[PackageRecord], wheels: Sequence[WheelRecord]
) -> str | None:
    path.write_bytes(encode(repodata(subdir, packages, wheels)))
    sparse = None
    try:
        sparse = SparseRepoData(Channel(path.parent.as_uri()), subdir, path)
        for selection in _SELECTIONS:
            sparse.load_all_records(selection)
    except Exception as error:  # its errors have no common class, and whatever it is, clients would meet it
        # Line and column of what was written here mean nothing to anybody.
        return str(error).partition(" at line ")[0]
    finally:
        if sparse is not None:
            sparse.close()
    return None
