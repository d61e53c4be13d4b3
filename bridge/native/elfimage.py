"""An ELF file as the run-time loader sees it: program headers, loaded segments and dynamic entries."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bridge.native.view import Buffer, View

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAGIC: Final = b"\x7fELF"

PT_LOAD, PT_DYNAMIC, PT_INTERP = 1, 2, 3
DT_NULL, DT_NEEDED, DT_HASH, DT_STRTAB, DT_SYMTAB, DT_STRSZ = 0, 1, 4, 5, 6, 10
DT_SONAME, DT_RPATH, DT_RUNPATH, DT_GNU_HASH = 14, 15, 29, 0x6FFFFEF5
DT_VERDEF, DT_VERDEFNUM, DT_VERNEED, DT_VERNEEDNUM = 0x6FFFFFFC, 0x6FFFFFFD, 0x6FFFFFFE, 0x6FFFFFFF

_PN_XNUM: Final = 0xFFFF
#: libtorch, the most entangled library measured, has about 60 entries.
_DYNAMIC_LIMIT: Final = 16 * 1024


@dataclass(frozen=True, slots=True)
class Form:
    """Word size and byte order, and the structures that depend on them."""

    bits: int
    order: str

    def struct(self, narrow: str, wide: str | None = None) -> struct.Struct:
        """A structure from its 32-bit and its 64-bit layout (one where they are the same)."""
        return struct.Struct(self.order + (wide if wide and self.bits == 64 else narrow))

    def program_header(self, raw: bytes, at: int) -> tuple[int, int, int, int]:
        """Type, file offset, address and size in the file of the program header at `at`."""
        if self.bits == 64:
            kind, _, offset, address, _, size = struct.unpack_from(self.order + "IIQQQQ", raw, at)
        else:
            kind, offset, address, _, size = struct.unpack_from(self.order + "IIIII", raw, at)
        return kind, offset, address, size

    @property
    def program_header_size(self) -> int:
        return 56 if self.bits == 64 else 32


@dataclass(frozen=True, slots=True)
class Segment:
    """A program header: file offset, address, size in the file."""

    offset: int
    address: int
    size: int


@dataclass(frozen=True, slots=True)
class Image:
    """The parts of one file that dynamic linking is about."""

    view: View
    form: Form
    machine: int
    interpreter: str | None
    loads: tuple[Segment, ...]
    #: dynamic entries in file order, without the final null; empty for a static file.
    entries: tuple[tuple[int, int], ...]
    #: tag -> value; the last entry of a tag counts, as for the loader.
    tags: Mapping[int, int]
    #: file offsets of the dynamic string table, end exclusive.
    strings: tuple[int, int]

    def string(self, index: int, what: str) -> str:
        """The string at `index` of the dynamic string table.

        Raises:
            InvalidInput: CB124.
        """
        start, end = self.strings
        return self.view.string(start + index, end, what)

    def offset(self, address: int, what: str) -> int:
        """The file offset of a loaded address.

        Raises:
            InvalidInput: CB124, no segment loads it from the file.
        """
        return _offset(self.view, self.loads, address, what)


def load(data: Buffer, *, subject: str | None = None) -> Image:
    """Read headers and dynamic entries of an ELF file, of either word size and byte order.

    Raises:
        InvalidInput: CB124, the file is damaged or made to mislead.
    """
    view = View(data, subject)
    form, header = read_header(view)
    machine, phoff, entry_size, count = header[1], header[4], header[8], header[9]

    loads: list[Segment] = []
    dynamic: Segment | None = None
    interpreter: str | None = None
    for kind, segment in _program_headers(view, form, phoff, entry_size, count):
        if kind == PT_LOAD:
            loads.append(segment)
        elif kind == PT_DYNAMIC and segment.size:
            dynamic = segment
        elif kind == PT_INTERP and segment.size:
            interpreter = view.string(segment.offset, segment.offset + segment.size, "PT_INTERP")

    entries = tuple(_entries(view, form, loads, dynamic)) if dynamic is not None else ()
    tags = dict(entries)
    return Image(
        view=view,
        form=form,
        machine=machine,
        interpreter=interpreter,
        loads=tuple(loads),
        entries=entries,
        tags=tags,
        strings=_string_table(view, loads, tags) if entries else (0, 0),
    )


def read_header(view: View) -> tuple[Form, tuple[int, ...]]:
    """The form of an ELF file, and its header from e_type to e_phnum: in the first 64 bytes.

    Raises:
        InvalidInput: CB124.
    """
    ident = view.read(0, 16, "ELF header")
    if ident[:4] != MAGIC or ident[4] not in (1, 2) or ident[5] not in (1, 2):
        raise view.error("ELF header", "is of no known class and byte order")
    form = Form(32 if ident[4] == 1 else 64, "<" if ident[5] == 1 else ">")
    return form, view.unpack(form.struct("HHIIIIIHHH", "HHIQQQIHHH"), 16, "ELF header")


def _program_headers(view: View, form: Form, phoff: int, entry_size: int, count: int) -> Iterator[tuple[int, Segment]]:
    if not count or not phoff:
        return
    if count == _PN_XNUM or entry_size < form.program_header_size:
        raise view.error("program headers", "have a count or size that no loader accepts")
    table = view.read(phoff, entry_size * count, "program headers")
    for at in range(0, len(table), entry_size):
        kind, offset, address, size = form.program_header(table, at)
        yield kind, Segment(offset, address, size)


def _offset(view: View, loads: tuple[Segment, ...] | list[Segment], address: int, what: str) -> int:
    # Later segments are mapped over earlier ones.
    for segment in reversed(loads):
        if segment.address <= address < segment.address + segment.size:
            return segment.offset + address - segment.address
    raise view.error(what, "points outside the loaded segments")


def _entries(view: View, form: Form, loads: list[Segment], dynamic: Segment) -> Iterator[tuple[int, int]]:
    layout = form.struct("II", "QQ")
    start = _offset(view, loads, dynamic.address, "PT_DYNAMIC")
    count = min(dynamic.size // layout.size, _DYNAMIC_LIMIT)
    for tag, value in layout.iter_unpack(view.read(start, count * layout.size, "PT_DYNAMIC")):
        if tag == DT_NULL:
            return
        yield tag, value
    if count == _DYNAMIC_LIMIT:
        raise view.error("PT_DYNAMIC", "has too many entries")


def _string_table(view: View, loads: list[Segment], tags: Mapping[int, int]) -> tuple[int, int]:
    if DT_STRTAB not in tags or DT_STRSZ not in tags:
        raise view.error("DT_STRTAB", "is missing from the dynamic section")
    start = _offset(view, loads, tags[DT_STRTAB], "DT_STRTAB")
    view.require(start, tags[DT_STRSZ], "DT_STRSZ")
    return start, start + tags[DT_STRSZ]
