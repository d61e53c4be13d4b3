"""`bridge.diff`: two artifacts of any kind, compared by what they mean."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bridge.compare.comparison import Comparison, compared, differ
from bridge.compare.conda_info import compare_info
from bridge.compare.conda_payload import compare_payload
from bridge.compare.mixed import compare_mixed
from bridge.compare.packages import is_wheel, load_conda, load_wheel
from bridge.compare.wheel_wheel import compare_wheels
from bridge.mapping.tables import load_tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bridge.compare.comparison import Difference
    from bridge.compare.packages import CondaPackage


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
    if is_wheel(one) and is_wheel(other):
        wheels = load_wheel(one), load_wheel(other)
        return compared(wheels[0].name, wheels[1].name, compare_wheels(*wheels))
    if not is_wheel(one) and not is_wheel(other):
        packages = load_conda(one), load_conda(other)
        return compared(packages[0].filename, packages[1].filename, _compare_condas(*packages))
    # What is cheap to refuse is refused before gigabytes are read.
    tables = load_tables(overlays)
    if is_wheel(other):
        conda, wheel = load_conda(one, mixed=True), load_wheel(other, mixed=True)
        return compared(conda.filename, wheel.name, compare_mixed(conda, wheel, tables))
    wheel, conda = load_wheel(one, mixed=True), load_conda(other, mixed=True)
    found = (each.swapped() for each in compare_mixed(conda, wheel, tables))
    return compared(wheel.name, conda.filename, found)


def _compare_condas(left: CondaPackage, right: CondaPackage) -> Iterator[Difference]:
    # Compression, order and dates of the members are not compared at all.
    yield from differ("archive format", left.format.name, right.format.name, matters=False)
    yield from compare_payload(left, right)
    yield from compare_info(left, right)
