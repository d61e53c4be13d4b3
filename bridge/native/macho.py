"""What the load commands of a Mach-O file say, thin or fat (Apple's loader.h and fat.h)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bridge.model.payload import MachOFacts
from bridge.native.view import Buffer, View

if TYPE_CHECKING:
    from collections.abc import Iterator

#: thin magics -> word size and byte order.
THIN: Final = {
    b"\xfe\xed\xfa\xce": (32, ">"),
    b"\xfe\xed\xfa\xcf": (64, ">"),
    b"\xce\xfa\xed\xfe": (32, "<"),
    b"\xcf\xfa\xed\xfe": (64, "<"),
}
#: fat magics -> layout of one architecture (cpu, subtype, offset, size).
FAT: Final = {b"\xca\xfe\xba\xbe": ">IIII4x", b"\xca\xfe\xba\xbf": ">IIQQ8x"}
#: Java classes share the first fat magic, and have their version, 45 or more, where the number of slices is.
SLICE_LIMIT: Final = 44

_CPUS: Final = {
    7: "i386",
    0x01000007: "x86_64",
    12: "arm",
    0x0100000C: "arm64",
    0x0200000C: "arm64_32",
    18: "ppc",
    0x01000012: "ppc64",
}
_LC_ID_DYLIB, _LC_VERSION_MIN_MACOSX, _LC_BUILD_VERSION = 0xD, 0x24, 0x32
#: LOAD_DYLIB, LOAD_WEAK_DYLIB, REEXPORT_DYLIB, LAZY_LOAD_DYLIB, LOAD_UPWARD_DYLIB.
_LC_LOADS: Final = frozenset({0xC, 0x80000018, 0x8000001F, 0x20, 0x80000023})
_PLATFORM_MACOS: Final = 1

#: Python's own binaries have about 30; an application with 1,000 dylibs is known.
_COMMAND_LIMIT: Final = 16 * 1024
_COMMAND_BYTES: Final = 4 * 1024 * 1024
#: of a thin file, less four reserved bytes of the wide form; and where it has the size of the load commands.
_HEADER_SIZE: Final = 28
_COMMANDS_SIZE_AT: Final = 20


@dataclass(frozen=True, slots=True)
class _Slice:
    architecture: str
    minimum_os: tuple[int, int] | None = None
    install_name: str | None = None
    dylibs: tuple[str, ...] = ()


def is_macho(head: bytes) -> bool:
    """Tell a Mach-O file by its first 8 bytes."""
    if head[:4] in THIN:
        return True
    return head[:4] in FAT and len(head) >= 8 and 0 < int.from_bytes(head[4:8], "big") <= SLICE_LIMIT


def head_size(head: bytes) -> int | None:
    """How many bytes from the start of a Mach-O file `read_macho` looks at; None for the whole of a fat one.

    Args:
        head: at least its first 28 bytes, or all of a shorter file.
    """
    if head[:4] not in THIN or len(head) < _HEADER_SIZE:
        return None
    bits, order = THIN[head[:4]]
    (size,) = struct.unpack_from(order + "I", head, _COMMANDS_SIZE_AT)
    return _HEADER_SIZE + (4 if bits == 64 else 0) + min(int(size), _COMMAND_BYTES)


def read_macho(data: Buffer, *, subject: str | None = None) -> MachOFacts:
    """Read the facts of a Mach-O file; slices that are static archives have an architecture only.

    Args:
        data: the whole file.
        subject: the file's name, for messages.

    Raises:
        InvalidInput: CB124, the file is damaged or made to mislead.
    """
    view = View(data, subject)
    if not is_macho(view.read(0, min(8, len(view)), "Mach-O header")):
        raise view.error("Mach-O header", "is missing")
    slices = tuple(_slices(view))
    minimums = [piece.minimum_os for piece in slices if piece.minimum_os is not None]
    names = [piece.install_name for piece in slices if piece.install_name is not None]
    return MachOFacts(
        architectures=tuple(dict.fromkeys(piece.architecture for piece in slices)),
        minimum_os=max(minimums, default=None),
        install_name=names[0] if names else None,
        dylibs=tuple(dict.fromkeys(name for piece in slices for name in piece.dylibs)),
    )


def _slices(view: View) -> Iterator[_Slice]:
    magic = view.read(0, 4, "Mach-O header")
    if magic in THIN:
        yield _thin(view, 0, len(view))
        return
    layout = struct.Struct(FAT[magic])
    for index in range(int.from_bytes(view.read(4, 4, "fat header"), "big")):
        cpu, _, offset, size = view.unpack(layout, 8 + index * layout.size, "fat header")
        view.require(offset, size, "fat header")
        if bytes(view.data[offset : offset + 4]) in THIN:
            yield _thin(view, offset, offset + size)
        else:
            yield _Slice(_architecture(cpu))


def _architecture(cpu: int) -> str:
    return _CPUS.get(cpu, f"cpu-{cpu}")


def _thin(view: View, start: int, end: int) -> _Slice:
    bits, order = THIN[view.read(start, 4, "Mach-O header")]
    header = struct.Struct(order + "IIIIIII")
    _, cpu, _, _, count, size, _ = view.unpack(header, start, "Mach-O header")
    at = start + header.size + (4 if bits == 64 else 0)
    if count > _COMMAND_LIMIT or size > _COMMAND_BYTES or at + size > end:
        raise view.error("load commands", "are too many or lie outside the file")
    minimum_os: tuple[int, int] | None = None
    install_name: str | None = None
    dylibs: list[str] = []
    for kind, offset, stop in _commands(view, order, count, at, at + size):
        if kind == _LC_ID_DYLIB:
            install_name = _name(view, order, offset, stop)
        elif kind in _LC_LOADS:
            dylibs.append(_name(view, order, offset, stop))
        elif kind == _LC_VERSION_MIN_MACOSX:
            (version,) = _fields(view, order, "I", offset, stop)
            minimum_os = _os_version(version)
        elif kind == _LC_BUILD_VERSION:
            platform, version = _fields(view, order, "II", offset, stop)
            if platform == _PLATFORM_MACOS:
                minimum_os = _os_version(version)
    return _Slice(_architecture(cpu), minimum_os, install_name, tuple(dylibs))


def _commands(view: View, order: str, count: int, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Kind, offset and end of each load command."""
    header = struct.Struct(order + "II")
    for _ in range(count):
        kind, size = view.unpack(header, at, "load commands")
        if size < header.size or at + size > end:
            raise view.error("load commands", "overlap or are too long")
        yield kind, at, at + size
        at += size


def _fields(view: View, order: str, layout: str, offset: int, stop: int) -> tuple[int, ...]:
    fields = struct.Struct(order + layout)
    if offset + 8 + fields.size > stop:
        raise view.error("load commands", "are too short")
    return view.unpack(fields, offset + 8, "load commands")


def _name(view: View, order: str, offset: int, stop: int) -> str:
    (name,) = _fields(view, order, "I", offset, stop)
    # The string is padded with NULs to the end of its command, and may fill it exactly.
    raw = view.read(offset + name, stop - offset - name, "load commands").partition(b"\0")[0]
    return view.text(raw, "load commands")


def _os_version(version: int) -> tuple[int, int]:
    return version >> 16, version >> 8 & 0xFF
