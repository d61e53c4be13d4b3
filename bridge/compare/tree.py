"""The files of an artifact by path: digests and modes, and the content of the few that are read as text."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from bridge.errors import Code, InvalidInput
from bridge.limits import MIB, Limits
from bridge.model.payload import Member, MemberKind, Nature
from bridge.native.inspect import HEAD_SIZE, nature

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_BLOCK: Final = 1 * MIB


class Reader(Protocol):
    """What both formats hand out for a member."""

    def read(self, size: int = -1, /) -> bytes: ...

    def read1(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Entry:
    """One file, link or directory of an artifact."""

    kind: MemberKind
    #: permission bits; of a file in a wheel only whether it is executable.
    mode: int
    #: in bytes.
    size: int = 0
    #: lowercase hex; only of files.
    sha256: str = ""
    #: only of links.
    target: str = ""
    nature: Nature = Nature.OTHER
    #: where the caller wanted it.
    content: bytes | None = None

    @property
    def executable(self) -> bool:
        """Whether its owner may run it."""
        return bool(self.mode & 0o100)

    def __str__(self) -> str:
        match self.kind:
            case MemberKind.FILE:
                return f"file of {self.size} bytes, sha256 {self.sha256}"
            case MemberKind.SYMLINK:
                return f"link to {self.target}"
            case MemberKind.DIRECTORY:
                return "empty directory"


Tree = dict[str, Entry]


def read_tree(
    members: Iterable[tuple[Member, Reader]],
    limits: Limits,
    *,
    subject: str,
    wanted: Callable[[Member], bool],
) -> Tree:
    """Read all members once; memory grows with their number and with what is wanted, not with their size.

    Args:
        members: a pass over an artifact.
        limits: `metadata_size` bounds a wanted file, `info_size` all of them together.
        subject: the artifact, for errors.
        wanted: whether the content of a file is to be kept.

    Raises:
        InvalidInput: CB109, more is wanted than the limits allow; whatever the pass raises.
    """
    tree: Tree = {}
    kept = 0
    for member, reader in members:
        if member.kind is not MemberKind.FILE:
            tree[member.path] = Entry(member.kind, member.mode, target=member.link_target or "")
            continue
        keep = wanted(member)
        kept += member.size if keep else 0
        if keep and (member.size > limits.metadata_size or kept > limits.info_size):
            message = f"{member.size} bytes to hold in memory; see limits metadata_size, info_size"
            raise InvalidInput(Code.LIMIT, message, subject=subject, field=member.path)
        tree[member.path] = _file(member, reader, keep=keep)
    for path in _occupied(tree):
        # What holds something needs no entry of its own; some builders write one.
        if path in tree and tree[path].kind is MemberKind.DIRECTORY:
            del tree[path]
    return tree


def _file(member: Member, reader: Reader, *, keep: bool) -> Entry:
    head = reader.read(min(HEAD_SIZE, member.size))
    digest = hashlib.sha256(head)
    blocks = [head]
    while block := reader.read1(_BLOCK):
        digest.update(block)
        if keep:
            blocks.append(block)
    content = b"".join(blocks) if keep else None
    return Entry(MemberKind.FILE, member.mode, member.size, digest.hexdigest(), "", nature(head), content)


def _occupied(tree: Mapping[str, Entry]) -> frozenset[str]:
    found: set[str] = set()
    for path in tree:
        parent = path.rpartition("/")[0]
        while parent and parent not in found:
            found.add(parent)
            parent = parent.rpartition("/")[0]
    return frozenset(found)
