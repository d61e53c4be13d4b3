"""What the headers of a PE file say (Microsoft's PE format: MS-DOS stub, signature, COFF file header)."""

from __future__ import annotations

import struct
from typing import Final

from bridge.model.payload import PeFacts
from bridge.native.view import Buffer, View

MAGIC: Final = b"MZ"
_SIGNATURE: Final = b"PE\0\0"
_STUB_SIZE: Final = 64
_HEADER: Final = struct.Struct("<HHIIIHH")
#: e_lfanew; Windows itself wants the header near the start of the file.
_HEADER_LIMIT: Final = 16 * 1024 * 1024
_FILE_DLL: Final = 0x2000


def is_pe(head: bytes) -> bool:
    """Tell a PE file by its first bytes, at least 64.

    Where `head` ends before the PE header, an offset that could lead to one is taken for it.
    """
    if head[:2] != MAGIC or len(head) < _STUB_SIZE:
        return False
    (offset,) = struct.unpack_from("<I", head, 60)
    if offset + len(_SIGNATURE) <= len(head):
        return head[offset : offset + len(_SIGNATURE)] == _SIGNATURE
    return bool(0 < offset < _HEADER_LIMIT)


def has_pe_header(data: Buffer) -> bool:
    """Tell a PE file from a program for MS-DOS, or a text that starts with `MZ`, by the whole file."""
    if len(data) < _STUB_SIZE or bytes(data[:2]) != MAGIC:
        return False
    (offset,) = struct.unpack("<I", bytes(data[60:64]))
    return bytes(data[offset : offset + len(_SIGNATURE)]) == _SIGNATURE


def head_size(head: bytes) -> int:
    """How many bytes from the start of a PE file `read_pe` looks at.

    Args:
        head: what `is_pe` took for the start of one.
    """
    (offset,) = struct.unpack_from("<I", head, 60)
    return int(offset) + len(_SIGNATURE) + _HEADER.size


def read_pe(data: Buffer, *, subject: str | None = None) -> PeFacts:
    """Read the facts of a PE file.

    Args:
        data: the whole file.
        subject: the file's name, for messages.

    Raises:
        InvalidInput: CB124, the file is damaged.
    """
    view = View(data, subject)
    if not has_pe_header(data):
        raise view.error("PE header", "is missing")
    (offset,) = view.unpack(struct.Struct("<I"), 60, "MS-DOS stub")
    machine, _, _, _, _, _, flags = view.unpack(_HEADER, offset + len(_SIGNATURE), "PE header")
    return PeFacts(machine=machine, dll=bool(flags & _FILE_DLL))
