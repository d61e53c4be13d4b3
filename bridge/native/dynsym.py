"""The dynamic symbol table of an ELF file: how long it is, which names it uses, what it imports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bridge.native.elfimage import (
    DT_GNU_HASH,
    DT_HASH,
    DT_STRTAB,
    DT_SYMTAB,
    DT_VERDEF,
    DT_VERNEED,
    Image,
)

if TYPE_CHECKING:
    import struct
    from collections.abc import Collection, Iterator

#: PLTGOT, HASH, STRTAB, RELA, INIT, FINI, REL, JMPREL, INIT_ARRAY, FINI_ARRAY, RELR, GNU_HASH, VERSYM,
#: VERDEF, VERNEED.
_ADDRESS_TAGS: Final = frozenset(
    {3, DT_HASH, DT_STRTAB, 7, 12, 13, 17, 23, 25, 26, 36, DT_GNU_HASH, 0x6FFFFFF0, DT_VERDEF, DT_VERNEED}
)
#: where the hash table has 64-bit words: 64-bit S/390 and Alpha.
_WIDE_HASH_MACHINES: Final = frozenset({22, 0x9026})
_STB_WEAK: Final = 2
_SHN_UNDEF: Final = 0

#: libraries with a million dynamic symbols exist; none is known with ten.
_SYMBOL_LIMIT: Final = 8_000_000
_CHUNK: Final = 1 << 16


def symbol_count(image: Image) -> int | None:
    """Number of dynamic symbols, or an upper bound; None where nothing bounds it.

    No dynamic entry says it: a hash table does, and else the next table in memory ends this one.

    Raises:
        InvalidInput: CB124, a hash table is malformed.
    """
    if DT_SYMTAB not in image.tags:
        return 0
    count = _by_hash(image) or _by_gnu_hash(image) or _by_neighbour(image)
    return None if count is None or count > _SYMBOL_LIMIT else count


def symbol_names(image: Image, count: int) -> Iterator[int]:
    """Index of the name of each of the first `count` symbols in the dynamic string table.

    Raises:
        InvalidInput: CB124, the table lies outside the file.
    """
    for fields in _records(image, _name_only(image), _table(image), count):
        yield fields[0]


def imported(image: Image, among: Collection[bytes]) -> frozenset[str]:
    """Those of the given names that the file imports and cannot do without.

    Raises:
        InvalidInput: CB124, the symbol table or a hash table is malformed.
    """
    count = symbol_count(image)
    if not count or not among:
        return frozenset()
    longest = max(map(len, among))
    data, (start, end) = image.view.data, image.strings
    found = set()
    for name, info, section in _records(image, image.form.struct("I8xBxH", "IBxH16x"), _table(image), count):
        if section == _SHN_UNDEF and info >> 4 != _STB_WEAK:
            at = start + name
            text = bytes(data[at : min(at + longest + 1, end)]).partition(b"\0")[0]
            if text in among:
                found.add(text.decode())
    return frozenset(found)


def _table(image: Image) -> int:
    return image.offset(image.tags[DT_SYMTAB], "DT_SYMTAB")


def _name_only(image: Image) -> struct.Struct:
    return image.form.struct("I12x", "I20x")


def _records(image: Image, record: struct.Struct, start: int, count: int) -> Iterator[tuple[int, ...]]:
    """The fields of each of `count` records, a chunk in memory at a time."""
    end = start + count * record.size
    image.view.require(start, end - start, "dynamic symbols")
    step = _CHUNK // record.size * record.size
    for at in range(start, end, step):
        yield from record.iter_unpack(image.view.read(at, min(step, end - at), "dynamic symbols"))


def _by_hash(image: Image) -> int | None:
    if DT_HASH not in image.tags:
        return None
    word = "Q" if image.form.bits == 64 and image.machine in _WIDE_HASH_MACHINES else "I"
    layout = image.form.struct(word * 2)
    _, chains = image.view.unpack(layout, image.offset(image.tags[DT_HASH], "DT_HASH"), "DT_HASH")
    return chains


def _by_gnu_hash(image: Image) -> int | None:
    """The highest symbol that a bucket leads to, plus one; None for a table without symbols.

    Such a table says nothing: symbols that are only imported are not in it.
    """
    if DT_GNU_HASH not in image.tags:
        return None
    view, what = image.view, "DT_GNU_HASH"
    start = image.offset(image.tags[DT_GNU_HASH], what)
    buckets, first, bloom, _ = view.unpack(image.form.struct("IIII"), start, what)
    word = image.form.struct("I")
    table = start + 16 + bloom * image.form.bits // 8
    chains = table + buckets * word.size
    highest = max((fields[0] for fields in _records(image, word, table, buckets)), default=0)
    if highest < first or not highest:
        return None
    last_chain = chains + (highest - first) * word.size
    room = min(_SYMBOL_LIMIT, max(0, len(view) - last_chain) // word.size)
    for position, fields in enumerate(_records(image, word, last_chain, room)):
        if fields[0] & 1:  # the end of the chain
            return highest + position + 1
    return None


def _by_neighbour(image: Image) -> int | None:
    """How many symbols fit between the symbol table and the next table in memory."""
    start = image.tags[DT_SYMTAB]
    after = [value for tag, value in image.tags.items() if tag in _ADDRESS_TAGS and value > start]
    return (min(after) - start) // _name_only(image).size if after else None
