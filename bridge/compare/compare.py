"""`bridge.diff`: two artifacts of any kind, compared by what they mean."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bridge.compare.comparison import Comparison, compared, differ
from bridge.compare.conda_info import compare_info
from bridge.compare.conda_payload import compare_payload
from bridge.compare.mixed import compare_mixed
from bridge.compare.packages import CondaPackage, WheelPackage, is_wheel, load
from bridge.compare.wheel_wheel import compare_wheels
from bridge.mapping.tables import load_tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bridge.compare.comparison import Difference


def compare(left: str | Path, right: str | Path, *, overlays: Sequence[Path] = ()) -> Comparison:
    """Say what differs between two artifacts, and whether it matters.

    Two packages of one kind are compared by everything that they say and hold. A conda package and a wheel are
    compared by what they install, require and are for (docs/diff.md). Each artifact is read once; memory grows with the
    number of files, not with their size. Nothing is written.

    Args:
        left, right: `.conda`, `.tar.bz2` or `.whl` files under their published names, or unpacked conda packages.
        overlays: YAML files with name mappings; only a conda package and a wheel need them.

    Returns:
        the comparison; `equal` is True where nothing that matters differs.

    Raises:
        InvalidInput: an artifact or an overlay cannot be read (any CB1xx code).
        Unsupported: CB317, a path is neither kind of artifact.
    """
    one, other = Path(left), Path(right)
    mixed = is_wheel(one) != is_wheel(other)
    # What is cheap to refuse is refused before gigabytes are read.
    tables = load_tables(overlays)
    ours = load(one, texts=mixed, origin=mixed)
    theirs = load(other, texts=mixed, origin=mixed)
    match ours, theirs:
        case CondaPackage(), CondaPackage():
            found = _conda(ours, theirs)
        case WheelPackage(), WheelPackage():
            found = compare_wheels(ours, theirs)
        case CondaPackage(), WheelPackage():
            found = compare_mixed(ours, theirs, tables)
        case WheelPackage(), CondaPackage():
            found = (each.swapped() for each in compare_mixed(theirs, ours, tables))
    return compared(_name(ours), _name(theirs), found)


def _conda(left: CondaPackage, right: CondaPackage) -> Iterator[Difference]:
    # Compression, order and dates of the members are not compared at all.
    yield from differ("archive format", left.format.name, right.format.name, matters=False)
    yield from compare_payload(left, right)
    yield from compare_info(left, right)


def _name(package: CondaPackage | WheelPackage) -> str:
    return package.filename if isinstance(package, CondaPackage) else package.name
