"""Reading records back as clients will: one that py-rattler cannot read makes the whole platform directory unusable."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rattler import Channel, PackageFormatSelection, SparseRepoData

from bridge.channel.repodata_output import encode, repodata
from bridge.errors import Code, Unrepresentable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bridge.channel.package_record import PackageRecord
    from bridge.channel.wheel_record import WheelRecord
    from bridge.model.conda import Subdir

#: together they read every section; either alone passes over something.
_SELECTIONS: Final = (PackageFormatSelection.BOTH, PackageFormatSelection.PREFER_CONDA_WITH_WHL)


def unreadable(
    subdir: Subdir, packages: Sequence[PackageRecord], wheels: Sequence[WheelRecord]
) -> dict[str, Unrepresentable]:
    """The records that must not be written, by file name, with the reason (CB338)."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "repodata.json"
        if _complaint(path, subdir, packages, wheels) is None:
            return {}
        refused = {}
        for filename, alone in _one_by_one(packages, wheels):
            complaint = _complaint(path, subdir, *alone)
            if complaint is not None:
                message = f"py-rattler cannot read its record: {complaint}"
                refused[filename] = Unrepresentable(Code.CHANNEL_RECORD, message, subject=filename)
        return refused


def _one_by_one(
    packages: Iterable[PackageRecord], wheels: Iterable[WheelRecord]
) -> Iterable[tuple[str, tuple[Sequence[PackageRecord], Sequence[WheelRecord]]]]:
    for package in packages:
        yield package.filename, ([package], ())
    for wheel in wheels:
        yield wheel.filename, ((), [wheel])


def _complaint(
    path: Path, subdir: Subdir, packages: Sequence[PackageRecord], wheels: Sequence[WheelRecord]
) -> str | None:
    path.write_bytes(encode(repodata(subdir, packages, wheels)))
    sparse = None
    try:
        sparse = SparseRepoData(Channel(path.parent.as_uri()), subdir, path)
        for selection in _SELECTIONS:
            sparse.load_all_records(selection)
    except OSError as error:
        # py-rattler gives line and column of what was written here, which means nothing to anybody.
        return str(error).partition(" at line ")[0]
    finally:
        if sparse is not None:
            sparse.close()
    return None
