"""GNU symbol versions of an ELF file: what it needs of which library, and what it defines itself.

The records are those of the Linux Standard Base, chapter "Symbol Versioning".
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from bridge.native.elfimage import DT_VERDEF, DT_VERDEFNUM, DT_VERNEED, DT_VERNEEDNUM, Image

if TYPE_CHECKING:
    from collections.abc import Iterator

#: version, count, file, first auxiliary record, next.
_NEED: Final = "HHIII"
#: hash, flags, index, name, next.
_NEED_NAME: Final = "IHHII"
#: version, flags, index, count, hash, first auxiliary record, next.
_DEFINITION: Final = "HHHHIII"
#: name, next.
_DEFINITION_NAME: Final = "II"
_BASE: Final = 1  # flag of the record that names the file itself

#: all records of one file; libtorch has about 200.
_LIMIT: Final = 64 * 1024


@dataclass(slots=True)
class _Records:
    """Linked lists of version records: steps go forward, and all of them together are bounded."""

    image: Image
    what: str
    _left: int = field(default=_LIMIT, init=False)

    def walk(self, layout: str, offset: int, count: int) -> Iterator[tuple[int, tuple[int, ...]]]:
        """Offset and fields of up to `count` records; the last field is the distance to the next one."""
        view = self.image.view
        record = struct.Struct(self.image.form.order + layout)
        for _ in range(count):
            self._left -= 1
            if self._left < 0:
                raise view.error(self.what, "has too many records")
            fields = view.unpack(record, offset, self.what)
            yield offset, fields
            if not fields[-1]:
                return
            if fields[-1] < record.size:
                raise view.error(self.what, "has records that overlap")
            offset += fields[-1]


@dataclass(frozen=True, slots=True)
class Versions:
    """Symbol versions, and where their strings lie."""

    #: library -> versions needed of it, in file order.
    needed: dict[str, tuple[str, ...]]
    defined: tuple[str, ...]
    #: indices into the dynamic string table of all library and version names.
    strings: frozenset[int]


def read_versions(image: Image) -> Versions:
    """Read both version tables.

    Raises:
        InvalidInput: CB124, a record is malformed, loops or lies outside the file.
    """
    strings: set[int] = set()
    needed: dict[str, list[str]] = {}
    for library, version in _needed(image):
        strings |= {library, version}
        names = needed.setdefault(image.string(library, "DT_VERNEED"), [])
        names.append(image.string(version, "DT_VERNEED"))
    defined: list[str] = []
    for name, is_version in _defined(image):
        strings.add(name)
        if is_version:
            defined.append(image.string(name, "DT_VERDEF"))
    return Versions(
        needed={library: tuple(dict.fromkeys(names)) for library, names in needed.items()},
        defined=tuple(dict.fromkeys(defined)),
        strings=frozenset(strings),
    )


def _needed(image: Image) -> Iterator[tuple[int, int]]:
    if DT_VERNEED not in image.tags:
        return
    records = _Records(image, "DT_VERNEED")
    start = image.offset(image.tags[DT_VERNEED], "DT_VERNEED")
    for offset, (_, count, library, first, _) in records.walk(_NEED, start, image.tags.get(DT_VERNEEDNUM, 0)):
        for _, (_, _, _, version, _) in records.walk(_NEED_NAME, offset + first, count):
            yield library, version


def _defined(image: Image) -> Iterator[tuple[int, bool]]:
    if DT_VERDEF not in image.tags:
        return
    records = _Records(image, "DT_VERDEF")
    start = image.offset(image.tags[DT_VERDEF], "DT_VERDEF")
    for offset, fields in records.walk(_DEFINITION, start, image.tags.get(DT_VERDEFNUM, 0)):
        _, flags, _, count, _, first, _ = fields
        # The first name is the version; those after it are the versions that it inherits from.
        for position, (_, (name, _)) in enumerate(records.walk(_DEFINITION_NAME, offset + first, count)):
            yield name, position == 0 and not flags & _BASE
