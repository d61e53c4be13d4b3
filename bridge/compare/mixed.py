"""A conda package and a wheel: does the one install, require and say the same as the other?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bridge.compare.comparison import Difference
from bridge.compare.core_fields import compare_core
from bridge.compare.installed import conda_items, own_metadata_of, wheel_items
from bridge.compare.mixed_files import compare_files
from bridge.compare.mixed_identity import compare_identity, compare_pythons, requires_python
from bridge.compare.mixed_programs import compare_programs
from bridge.compare.mixed_terms import compare_requirements
from bridge.compare.recorded import recorded
from bridge.errors import Unsupported

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.compare.packages import CondaPackage, WheelPackage
    from bridge.compare.recorded import Recorded
    from bridge.mapping.tables import Tables

#: conda's solver reads its own files for these, so that they are compared as requirements, and licences by content.
_ELSEWHERE: Final = frozenset(
    {"requires-dist", "requires-python", "provides-extra", "metadata-version", "dynamic", "license-file"}
)


def compare_mixed(conda: CondaPackage, wheel: WheelPackage, tables: Tables) -> Iterator[Difference]:
    """Every difference between a conda package (left) and a wheel (right), in no particular order.

    Raises:
        InvalidInput: CB111, CB116, CB117 or CB121, metadata of one of them cannot be read.
    """
    record = recorded(conda, wheel)
    own = own_metadata_of(conda, wheel)
    ours, theirs = conda_items(conda, own, wheel), wheel_items(wheel, record)
    yield from compare_identity(conda, wheel, own, tables, record)
    if own is None:
        where = "METADATA (the conda package has no Python metadata, cannot be compared)"
        yield Difference(where, None, str(wheel.metadata.core.name), False)
    else:
        yield from compare_core(own.core, wheel.metadata.core, aside=_ELSEWHERE)
    yield from compare_pythons(conda, wheel, ours, record)
    yield from _requirements(conda, wheel, tables, record)
    programs = compare_programs(conda, wheel, ours, theirs, record)
    yield from programs.differences
    yield from compare_files(conda, ours, theirs, record, programs=programs.places)


def _requirements(conda: CondaPackage, wheel: WheelPackage, tables: Tables, record: Recorded) -> Iterator[Difference]:
    try:
        pythons = requires_python(conda, wheel)
    except Unsupported as error:
        yield Difference(f"requirements ({error.message}, cannot be compared)", None, None, False)
        return
    yield from compare_requirements(conda, wheel, tables, record, pythons)
