"""What the dynamic section of an ELF file says (System V gABI, chapter 5).

Everything is found the way the run-time loader finds it, through program headers; section headers may lie or
be missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bridge.model.payload import ElfFacts, RpathEntry
from bridge.native import elfimage
from bridge.native.dynstr import is_shared
from bridge.native.dynsym import imported
from bridge.native.elfimage import DT_NEEDED, DT_RPATH, DT_RUNPATH, DT_SONAME, Image
from bridge.native.manylinux import forbidden_symbols
from bridge.native.symver import Versions, read_versions
from bridge.native.view import View

if TYPE_CHECKING:
    from bridge.native.view import Buffer

#: system libraries of which some builds have no symbol versions, so that policies list symbols instead.
_UNVERSIONED_LIBRARIES: Final = frozenset({"libz.so.1"})


def read_elf(data: Buffer, *, subject: str | None = None) -> ElfFacts:
    """Read the facts of an ELF file; object files and static executables have no dynamic ones.

    Args:
        data: the whole file.
        subject: the file's name, for messages.

    Raises:
        InvalidInput: CB124, the file is damaged or made to mislead.
    """
    image = elfimage.load(data, subject=subject)
    versions = read_versions(image)
    needed = tuple(image.string(value, "DT_NEEDED") for tag, value in image.entries if tag == DT_NEEDED)
    soname = image.tags.get(DT_SONAME)
    return ElfFacts(
        machine=image.machine,
        bits=image.form.bits,
        little_endian=image.form.order == "<",
        soname=None if soname is None else image.string(soname, "DT_SONAME"),
        needed=needed,
        rpath=_rpath(image, versions),
        versions=versions.needed,
        interpreter=image.interpreter,
        defined_versions=versions.defined,
        forbidden_imports=_forbidden_imports(image, needed),
    )


def read_elf_header(head: Buffer, *, subject: str | None = None) -> ElfFacts:
    """What an ELF file is for: machine, word size and byte order alone.

    Args:
        head: at least the first 64 bytes of the file.
        subject: the file's name, for messages.

    Raises:
        InvalidInput: CB124, the header is damaged.
    """
    form, header = elfimage.read_header(View(head, subject))
    return ElfFacts(machine=header[1], bits=form.bits, little_endian=form.order == "<")


def _forbidden_imports(image: Image, needed: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    # The policies name symbols of the C library too, but those have versions that say the same.
    libraries = [name for name in dict.fromkeys(needed) if name in _UNVERSIONED_LIBRARIES]
    found = {name: tuple(sorted(imported(image, forbidden_symbols(name)))) for name in libraries}
    return {name: symbols for name, symbols in found.items() if symbols}


def _rpath(image: Image, versions: Versions) -> RpathEntry | None:
    # The loader ignores DT_RPATH where DT_RUNPATH is present.
    runpath = DT_RUNPATH in image.tags
    index = image.tags.get(DT_RUNPATH if runpath else DT_RPATH)
    if index is None:
        return None
    value = image.string(index, "DT_RUNPATH" if runpath else "DT_RPATH")
    return RpathEntry(
        value=value,
        offset=image.strings[0] + index,
        runpath=runpath,
        shared=is_shared(image, index, len(value.encode()), versions.strings),
    )
