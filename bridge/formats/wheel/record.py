"""RECORD: a wheel's files with their hashes and sizes (binary distribution format, PEP 376, PEP 627)."""

from __future__ import annotations

import binascii
import csv
import hashlib
import io
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bridge.errors import Code, InvalidInput
from bridge.formats.wheel.member_names import unsafe_reason

if TYPE_CHECKING:
    from collections.abc import Iterable

#: "sha256 or better": what the format allows, with the length of each digest in bytes.
_ALGORITHMS: Final = {"sha256": 32, "sha384": 48, "sha512": 64}
#: RECORD cannot hold its own digest, nor those of the signatures made over it.
UNRECORDED: Final = ("RECORD", "RECORD.jws", "RECORD.p7s")
_SIZE: Final = re.compile(r"[0-9]{1,20}")
_COLUMNS: Final = 3


@dataclass(frozen=True, slots=True)
class RecordEntry:
    """One line of RECORD; RECORD itself and signatures have neither digest nor size."""

    path: str
    digest: bytes | None = None
    #: in bytes.
    size: int | None = None
    algorithm: str = "sha256"

    @classmethod
    def of(cls, path: str, data: bytes) -> RecordEntry:
        """The entry of a file with this content."""
        return cls(path, hashlib.sha256(data).digest(), len(data))

    def describes(self, data: bytes) -> bool:
        """Whether digest and size are those of this content; False where there is no digest."""
        return self.size in {None, len(data)} and hashlib.new(self.algorithm, data).digest() == self.digest


def format_record(entries: Iterable[RecordEntry]) -> bytes:
    """RECORD with LF line ends, in the order given."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for entry in entries:
        digest = ""
        if entry.digest is not None:
            digest = f"{entry.algorithm}={urlsafe_b64encode(entry.digest).rstrip(b'=').decode()}"
        writer.writerow((entry.path, digest, "" if entry.size is None else entry.size))
    return text.getvalue().encode("utf-8")


def parse_record(data: bytes, subject: str) -> tuple[RecordEntry, ...]:
    """The entries of a RECORD, in its order.

    Raises:
        InvalidInput: `CB122` for what is not three columns, an unsafe or repeated path, a weak or malformed
            hash.
    """
    try:
        rows = list(csv.reader(io.StringIO(data.decode("utf-8"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise _bad(subject, f"RECORD is not a UTF-8 CSV file: {error}") from error
    entries = tuple(_entry(row, subject) for row in rows if row)
    if len({entry.path for entry in entries}) != len(entries):
        raise _bad(subject, "RECORD lists a path twice")
    return entries


def check_record(data: bytes, members: Iterable[RecordEntry], dist_info: str, subject: str) -> None:
    """Hold a RECORD against the members of a wheel.

    Args:
        data: RECORD.
        members: all others, with SHA-256 and size.
        dist_info: name of the directory that it lies in.
        subject: for messages.

    Raises:
        InvalidInput: `CB122`; also for a digest that is no SHA-256, which nothing here can be compared with.
    """
    listed = {entry.path: entry for entry in parse_record(data, subject)}
    exempt = {f"{dist_info}/{name}" for name in UNRECORDED}
    for member in members:
        entry = listed.pop(member.path, None)
        if entry is None or entry.digest is None:
            if member.path not in exempt:
                raise _bad(subject, f"{member.path!r} is not in RECORD with a digest")
        elif entry.digest != member.digest or entry.size not in {None, member.size}:
            raise _bad(subject, f"{member.path!r} is not what RECORD says")
    for path in sorted(listed.keys() - exempt):
        raise _bad(subject, f"{path!r} is in RECORD, but not in the wheel")


def _entry(row: list[str], subject: str) -> RecordEntry:
    if len(row) != _COLUMNS:
        raise _bad(subject, f"a line of RECORD has {len(row)} columns, not {_COLUMNS}")
    path, hashed, size = row
    reason = unsafe_reason(path)
    if reason is not None:
        raise _bad(subject, f"the path {path!r} in RECORD {reason}")
    if size and not _SIZE.fullmatch(size):
        raise _bad(subject, f"{size!r} is not the size of a file")
    length = int(size) if size else None
    if not hashed:
        return RecordEntry(path, None, length)
    algorithm, _, encoded = hashed.partition("=")
    if algorithm not in _ALGORITHMS:
        raise _bad(subject, f"{path!r} is hashed with {algorithm!r}; sha256 or better is needed")
    try:
        digest = urlsafe_b64decode(encoded.rstrip("=") + "=" * (-len(encoded.rstrip("=")) % 4))
    except (binascii.Error, ValueError) as error:
        raise _bad(subject, f"the hash of {path!r} is not base64") from error
    if len(digest) != _ALGORITHMS[algorithm]:
        raise _bad(subject, f"the hash of {path!r} is not a {algorithm} digest")
    return RecordEntry(path, digest, length, algorithm)


def _bad(subject: str, message: str) -> InvalidInput:
    return InvalidInput(Code.RECORD, message, subject=subject, field="RECORD")
