"""Who else uses the bytes of a string in an ELF file's dynamic string table.

Linkers let one string be the end of another (`bar` in `foobar`), so that overwriting it may change a symbol's
name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bridge.native.dynsym import symbol_count, symbol_names
from bridge.native.elfimage import DT_NEEDED, DT_RPATH, DT_RUNPATH, DT_SONAME, Image

if TYPE_CHECKING:
    from collections.abc import Iterable

#: NEEDED, SONAME, RPATH, RUNPATH, CONFIG, DEPAUDIT, AUDIT, AUXILIARY, USED, FILTER.
_STRING_TAGS: Final = frozenset(
    {DT_NEEDED, DT_SONAME, DT_RPATH, DT_RUNPATH}
    | {0x6FFFFEFA, 0x6FFFFEFB, 0x6FFFFEFC, 0x7FFFFFFD, 0x7FFFFFFE, 0x7FFFFFFF}
)
#: how far to look back for the string that a string may be the end of; symbol names are shorter.
_LOOK_BACK: Final = 64 * 1024


def is_shared(image: Image, index: int, length: int, version_strings: Iterable[int]) -> bool:
    """Tell whether anything but the RPATH entries themselves reads the `length` bytes at `index`.

    Args:
        image: the file.
        index: of the RPATH string in the dynamic string table.
        length: of the string without its NUL.
        version_strings: indices of the strings that symbol versions use.

    Returns:
        True also where the symbols cannot be counted: only what is known to be private may be overwritten.

    Raises:
        InvalidInput: CB124, the symbol table or a hash table is malformed.
    """
    first = _run_start(image, index)
    last = index + length  # a string that starts at the NUL is empty, and stays so

    def inside(users: Iterable[int]) -> bool:
        return any(first <= user < last for user in users)

    for tag, value in image.entries:
        is_itself = tag in (DT_RPATH, DT_RUNPATH) and value == index
        if tag in _STRING_TAGS and not is_itself and first <= value < last:
            return True
    if inside(version_strings):
        return True
    count = symbol_count(image)
    return count is None or (count > 0 and inside(symbol_names(image, count)))


def _run_start(image: Image, index: int) -> int:
    """Index of the first byte of the NUL-free run that `index` lies in."""
    start, _ = image.strings
    low = max(0, index - _LOOK_BACK)
    before = image.view.read(start + low, index - low, "DT_STRTAB")
    return low + before.rfind(b"\0") + 1
