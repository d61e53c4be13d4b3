"""Makes tiny binaries of chosen content: ELF shared objects, Mach-O and PE files. Nothing in them can run."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

#: loaded this far above their file offset, so that mixing up the two is noticed.
BASE = 0x10000

NEEDED, HASH, STRTAB, SYMTAB, STRSZ, SYMENT, SONAME, RPATH, RUNPATH = 1, 4, 5, 6, 10, 11, 14, 15, 29
GNU_HASH, VERSYM = 0x6FFFFEF5, 0x6FFFFFF0
VERDEF, VERDEFNUM, VERNEED, VERNEEDNUM = 0x6FFFFFFC, 0x6FFFFFFD, 0x6FFFFFFE, 0x6FFFFFFF
PT_LOAD, PT_DYNAMIC, PT_INTERP = 1, 2, 3


class StringTable:
    """A string table whose strings end in each other where they can, as linkers make them."""

    def __init__(self, strings: Iterable[str]) -> None:
        self.data = b"\0"
        for text in sorted(set(strings), key=lambda text: (-len(text), text)):
            if text.encode() + b"\0" not in self.data:
                self.data += text.encode() + b"\0"

    def index(self, text: str) -> int:
        return self.data.index(text.encode() + b"\0")


@dataclass
class Elf:
    """An ELF file to be, and where its parts lie once it is made."""

    soname: str | None = None
    needed: Sequence[str] = ()
    rpath: str | None = None
    runpath: str | None = None
    #: library -> versions needed of it.
    versions: Mapping[str, Sequence[str]] = field(default_factory=dict)
    #: versions defined, after the one that names the file.
    defines: Sequence[str] = ()
    #: imported symbols.
    imports: Sequence[str] = ()
    #: strings of the table that nothing uses.
    unused: Sequence[str] = ()
    bits: int = 64
    little: bool = True
    machine: int = 62
    #: `sysv`, `gnu`, or `none`: where the number of symbols is told.
    hash_style: str = "sysv"
    interpreter: str | None = None
    #: False for a static file.
    dynamic: bool = True
    #: part -> file offset, filled by `make`.
    offsets: dict[str, int] = field(default_factory=dict)

    def make(self) -> bytes:
        order = "<" if self.little else ">"
        wide = self.bits == 64
        self.offsets = {}
        header_size, program_size = (64, 56) if wide else (52, 32)
        programs = 1 + self.dynamic + (self.interpreter is not None)
        body = bytearray()
        start = header_size + programs * program_size

        def add(part: str, data: bytes) -> int:
            body.extend(bytes(-(start + len(body)) % 8))
            self.offsets[part] = start + len(body)
            body.extend(data)
            return self.offsets[part] + BASE

        segments: list[tuple[int, int, int]] = []
        if self.interpreter is not None:
            text = self.interpreter.encode() + b"\0"
            add("interpreter", text)
            segments.append((PT_INTERP, self.offsets["interpreter"], len(text)))
        if self.dynamic:
            table = b"".join(
                struct.pack(order + ("qQ" if wide else "iI"), tag, value) for tag, value in self._entries(order, add)
            )
            add("dynamic", table)
            segments.append((PT_DYNAMIC, self.offsets["dynamic"], len(table)))
        segments.insert(0, (PT_LOAD, 0, start + len(body)))
        ident = b"\x7fELF" + bytes([2 if wide else 1, 1 if self.little else 2, 1]) + bytes(9)
        layout = "HHIQQQIHHHHHH" if wide else "HHIIIIIHHHHHH"
        numbers = (3, self.machine, 1, 0, header_size, 0, 0, header_size, program_size, programs, 0, 0, 0)
        headers = b"".join(self._program(order, *segment) for segment in segments)
        self.offsets["programs"] = header_size
        return ident + struct.pack(order + layout, *numbers) + headers + bytes(body)

    def _program(self, order: str, kind: int, offset: int, size: int) -> bytes:
        address = offset + BASE
        if self.bits == 64:
            return struct.pack(order + "IIQQQQQQ", kind, 5, offset, address, address, size, size, 8)
        return struct.pack(order + "IIIIIIII", kind, offset, address, address, size, size, 5, 8)

    def _entries(self, order: str, add) -> list[tuple[int, int]]:
        base = self.soname or "base"
        strings = StringTable(
            [*self.needed, *self.imports, *self.unused, *self.defines, *self.versions, base]
            + [name for names in self.versions.values() for name in names]
            + [text for text in (self.rpath, self.runpath) if text is not None]
        )
        at = strings.index
        symbol = order + ("IBBHQQ" if self.bits == 64 else "IIIBBH")

        def pack_symbol(name: int) -> bytes:
            values = (name, 0x12, 0, 0, 0, 0) if self.bits == 64 else (name, 0, 0, 0x12, 0, 0)
            return struct.pack(symbol, *values)

        symbols = b"".join(map(pack_symbol, [0, *map(at, self.imports)]))
        entries = [(NEEDED, at(name)) for name in self.needed]
        if self.soname is not None:
            entries.append((SONAME, at(self.soname)))
        if self.rpath is not None:
            entries.append((RPATH, at(self.rpath)))
        if self.runpath is not None:
            entries.append((RUNPATH, at(self.runpath)))
        count = len(self.imports) + 1
        if self.hash_style == "sysv":
            entries.append((HASH, add("hash", struct.pack(order + "IIII", 1, count, 0, 0) + bytes(4 * count))))
        elif self.hash_style == "gnu":
            bloom = b"\xff" * (self.bits // 8)
            chain = [0] * (count - 2) + [1] if count > 1 else []
            words = struct.pack(order + "I", 1 if chain else 0) + struct.pack(f"{order}{len(chain)}I", *chain)
            entries.append((GNU_HASH, add("gnu_hash", struct.pack(order + "IIII", 1, 1, 1, 0) + bloom + words)))
        entries.append((SYMTAB, add("symbols", symbols)))
        entries.append((STRTAB, add("strings", strings.data)))
        entries.append((STRSZ, len(strings.data)))
        if self.versions:
            entries.append((VERNEED, add("verneed", self._verneed(order, at))))
            entries.append((VERNEEDNUM, len(self.versions)))
        if self.defines:
            entries.append((VERDEF, add("verdef", self._verdef(order, at, base))))
            entries.append((VERDEFNUM, len(self.defines) + 1))
        return [*entries, (0, 0)]

    def _verneed(self, order: str, at) -> bytes:
        table = b""
        for index, (library, names) in enumerate(self.versions.items()):
            last = index == len(self.versions) - 1
            size = 16 + 16 * len(names)
            table += struct.pack(order + "HHIII", 1, len(names), at(library), 16, 0 if last else size)
            for position, name in enumerate(names):
                step = 0 if position == len(names) - 1 else 16
                table += struct.pack(order + "IHHII", 0, 0, 2 + position, at(name), step)
        return table

    def _verdef(self, order: str, at, base: str) -> bytes:
        table = b""
        for index, name in enumerate([base, *self.defines]):
            step = 0 if index == len(self.defines) else 28
            flags = 1 if index == 0 else 0
            table += struct.pack(order + "HHHHIII", 1, flags, index + 1, 1, 0, 20, step)
            table += struct.pack(order + "II", at(name), 0)
        return table


def set_tag(elf: Elf, data: bytes, tag: int, value: int) -> bytes:
    """Overwrite the value of the first dynamic entry with a tag (64-bit little-endian files)."""
    for offset in range(elf.offsets["dynamic"], len(data), 16):
        if struct.unpack_from("<q", data, offset)[0] == tag:
            return data[: offset + 8] + struct.pack("<Q", value) + data[offset + 16 :]
    raise LookupError(tag)


def replace_at(data: bytes, offset: int, new: bytes) -> bytes:
    """The data with some bytes overwritten."""
    return data[:offset] + new + data[offset + len(new) :]


X86_64, ARM64 = 0x01000007, 0x0100000C


def version_min(major: int, minor: int, *, order: str = "<") -> bytes:
    """LC_VERSION_MIN_MACOSX."""
    return struct.pack(order + "IIII", 0x24, 16, major << 16 | minor << 8, 0)


def build_version(major: int, minor: int, *, platform: int = 1, order: str = "<") -> bytes:
    """LC_BUILD_VERSION."""
    return struct.pack(order + "IIIIII", 0x32, 24, platform, major << 16 | minor << 8, 0, 0)


def dylib(kind: int, name: str, *, order: str = "<") -> bytes:
    """LC_ID_DYLIB (0xd), LC_LOAD_DYLIB (0xc) and their like."""
    text = name.encode() + b"\0"
    text += bytes(-len(text) % 8)
    return struct.pack(order + "IIIIII", kind, 24 + len(text), 24, 0, 0, 0) + text


def macho(cpu: int, *commands: bytes, bits: int = 64, order: str = "<") -> bytes:
    """A thin Mach-O file."""
    magic = 0xFEEDFACF if bits == 64 else 0xFEEDFACE
    header = struct.pack(order + "IIIIIII", magic, cpu, 0, 6, len(commands), len(b"".join(commands)), 0)
    return header + (bytes(4) if bits == 64 else b"") + b"".join(commands)


def fat(slices: Sequence[tuple[int, bytes]], *, wide: bool = False) -> bytes:
    """A fat Mach-O file of (cpu, content)."""
    layout = ">IIQQII" if wide else ">IIIII"
    offset = 8 + struct.calcsize(layout) * len(slices)
    table, body = b"", b""
    for cpu, content in slices:
        tail = (0, 0) if wide else (0,)
        table += struct.pack(layout, cpu, 0, offset + len(body), len(content), *tail)
        body += content
    return struct.pack(">II", 0xCAFEBABF if wide else 0xCAFEBABE, len(slices)) + table + body


def pe(machine: int = 0x8664, *, dll: bool = True, header_at: int = 128) -> bytes:
    """A PE file: the stub, the signature and the file header."""
    stub = b"MZ" + bytes(58) + struct.pack("<I", header_at)
    header = struct.pack("<HHIIIHH", machine, 0, 0, 0, 0, 0, 0x2002 if dll else 0x0002)
    return stub.ljust(header_at, b"\0") + b"PE\0\0" + header
