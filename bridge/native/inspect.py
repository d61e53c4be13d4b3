"""What a file is, told by its bytes and never by its name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bridge.model.payload import ElfFacts, MachOFacts, Nature, PeFacts
from bridge.native import elfimage, macho, pe
from bridge.native.elf import read_elf, read_elf_header
from bridge.native.macho import is_macho, read_macho
from bridge.native.pe import has_pe_header, is_pe, read_pe

if TYPE_CHECKING:
    from bridge.native.view import Buffer

#: bytes from the start of a file that `nature` needs.
HEAD_SIZE: Final = 64


@dataclass(frozen=True, slots=True)
class Inspection:
    """The nature of a file and the facts of a binary; at most one of the three is there."""

    nature: Nature
    elf: ElfFacts | None = None
    macho: MachOFacts | None = None
    pe: PeFacts | None = None


def nature(head: bytes) -> Nature:
    """Tell what a file is by its first `HEAD_SIZE` bytes (all of a shorter file).

    PE is a guess where the PE header lies beyond `head`; `inspect` makes sure of it.
    """
    if head.startswith(elfimage.MAGIC):
        return Nature.ELF
    if is_macho(head):
        return Nature.MACHO
    if is_pe(head):
        return Nature.PE
    if head.startswith(b"#!"):
        return Nature.SCRIPT
    return Nature.OTHER


def inspect(data: Buffer, *, subject: str | None = None) -> Inspection:
    """Read what a file is, and the facts of a binary.

    Args:
        data: the whole file.
        subject: the file's name, for messages.

    Raises:
        InvalidInput: CB124, a binary is damaged or made to mislead.
    """
    found = nature(bytes(data[:HEAD_SIZE]))
    match found:
        case Nature.ELF:
            return Inspection(found, elf=read_elf(data, subject=subject))
        case Nature.MACHO:
            return Inspection(found, macho=read_macho(data, subject=subject))
        case Nature.PE if has_pe_header(data):
            return Inspection(found, pe=read_pe(data, subject=subject))
        case Nature.PE:
            return Inspection(Nature.OTHER)
        case _:
            return Inspection(found)


def glance_size(head: bytes) -> int | None:
    """How many bytes from the start of a binary `glance` needs, or all where it has fewer; None: the whole file.

    Args:
        head: the first `HEAD_SIZE` bytes (all of a shorter file), of which `nature` says that it is a binary.
    """
    match nature(head):
        case Nature.MACHO:
            return macho.head_size(head)
        case Nature.PE:
            return pe.head_size(head)
        case _:
            return HEAD_SIZE


def glance(start: Buffer, *, subject: str | None = None) -> Inspection:
    """As `inspect`, by the start of a binary: complete for Mach-O and PE, of ELF what `read_elf_header` says.

    Args:
        start: as many bytes as `glance_size` asks for.
        subject: the file's name, for messages.

    Raises:
        InvalidInput: CB124, the start is damaged or made to mislead.
    """
    if nature(bytes(start[:HEAD_SIZE])) is Nature.ELF:
        return Inspection(Nature.ELF, elf=read_elf_header(start, subject=subject))
    return inspect(start, subject=subject)
