"""A record of repodata, with those fields only that planning uses (CEP 36, CEP 38)."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from bridge.channel.solve import required_name
from bridge.errors import Code, InvalidInput
from bridge.formats.conda.identifiers import parse_build, parse_name, parse_version, printable
from bridge.model.conda import CondaName, CondaVersion, IndexJson, Noarch, Subdir

#: section of `v3` (CEP 48) -> extension of the files, which its keys are without.
LATER_SECTIONS: Final = {"tar.bz2": ".tar.bz2", "conda": ".conda"}
#: 31 December 9999 in seconds: a smaller timestamp was written in seconds.
_LAST_SECOND: Final = 253_402_300_799
_HEXADECIMAL: Final = "0123456789abcdef"
_HEXADECIMAL_LENGTH: Final = 64
#: versions and builds that surely obey CEP 26; of others it takes a closer look. The name was looked at before.
_PLAIN: Final = re.compile(r"-[0-9](?:[0-9a-z]|[.](?=[0-9a-z])){0,60}-[a-zA-Z0-9_]{1,64}")
_INTERPRETERS: Final = frozenset({"python", "python_abi"})


class Record(msgspec.Struct, frozen=True, gc=False):
    """One package file. `md5` is of no use here, and most of the rest is for other readers."""

    name: str
    version: str
    build: str
    subdir: str
    build_number: int = 0
    depends: tuple[str, ...] = ()
    noarch: str | bool | None = None
    #: in bytes.
    size: int | None = None
    #: hexadecimal in JSON, bytes in shards (CEP 16); `read` has checked which.
    sha256: Any = None
    #: milliseconds since 1970, in old records seconds; read `moment`.
    timestamp: int | None = None
    track_features: str | tuple[str, ...] | None = None
    flags: tuple[str, ...] = ()
    extra_depends: dict[str, tuple[str, ...]] = {}

    @property
    def kind(self) -> Noarch:
        """`noarch`, which conda-build 2 wrote as a boolean."""
        if self.noarch == "python":
            return Noarch.PYTHON
        return Noarch.GENERIC if self.noarch else Noarch.NO

    @property
    def moment(self) -> int:
        """When it was built, in milliseconds since 1970; 0 where the record does not say."""
        value = self.timestamp or 0
        return value * 1000 if value <= _LAST_SECOND else value

    @property
    def features(self) -> tuple[str, ...]:
        """`track_features`."""
        found = self.track_features or ()
        return tuple(found.replace(",", " ").split()) if isinstance(found, str) else found

    @property
    def digest(self) -> str | None:
        """sha256 of the file, hexadecimal; None where the channel does not state it."""
        stated: bytes | str | None = self.sha256
        return stated.hex() if isinstance(stated, bytes) else stated

    def index(self, *, build: str | None = None, depends: tuple[str, ...] | None = None) -> IndexJson:
        """The same as a value that mapping and planning take.

        Args:
            build: instead of its own.
            depends: instead of its own.
        """
        return IndexJson(
            name=CondaName(self.name),
            version=CondaVersion(self.version),
            build=self.build if build is None else build,
            build_number=self.build_number,
            subdir=Subdir(self.subdir),
            depends=self.depends if depends is None else depends,
            noarch=self.kind,
            track_features=self.features,
            timestamp=self.moment or None,
            flags=self.flags,
            extra_depends=self.extra_depends,
        )


class _Needs(msgspec.Struct, gc=False):
    """What tells a package for Python from others."""

    depends: tuple[str, ...] = ()
    noarch: Any = None


_RECORD_OF_JSON: Final = msgspec.json.Decoder(Record)
_NEEDS_OF_JSON: Final = msgspec.json.Decoder(_Needs)
_RECORD_OF_PACK: Final = msgspec.msgpack.Decoder(Record)
_NEEDS_OF_PACK: Final = msgspec.msgpack.Decoder(_Needs)


class Entry(msgspec.Struct, frozen=True, gc=False):
    """A record that has not been read yet: where it stands, and its bytes."""

    subdir: str
    filename: str
    raw: msgspec.Raw
    #: whether the bytes are msgpack (CEP 16) instead of JSON.
    packed: bool = False

    @property
    def key(self) -> str:
        """Path below the channel."""
        return f"{self.subdir}/{self.filename}"

    def needs_python(self) -> bool:
        """Whether the record is of a package for Python, by what it requires; False where it cannot be read."""
        data = bytes(self.raw)
        # an escape may hide the name
        if b"python" not in data and b"\\u" not in data:
            return False
        try:
            needs = (_NEEDS_OF_PACK if self.packed else _NEEDS_OF_JSON).decode(self.raw)
        except msgspec.MsgspecError:
            return False
        return needs.noarch == "python" or not _INTERPRETERS.isdisjoint(
            required_name(text) for text in needs.depends if "python" in text
        )

    def read(self) -> Record:
        """The record.

        Raises:
            InvalidInput: it has another form (`CB111`), is about another file (`CB112`), or its name, version or build
                is none (`CB115`).
        """
        try:
            record = (_RECORD_OF_PACK if self.packed else _RECORD_OF_JSON).decode(self.raw)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise self._error(Code.BAD_METADATA, str(error)) from error
        stem = f"{record.name}-{record.version}-{record.build}"
        if self.filename != f"{stem}.conda" and self.filename != f"{stem}.tar.bz2":
            raise self._error(Code.IDENTITY, "the key and the record disagree")
        if record.subdir != self.subdir:
            raise self._error(Code.IDENTITY, f"the record says subdir {record.subdir!r}")
        if record.sha256 is not None and not _is_digest(record.sha256):
            raise self._error(Code.BAD_METADATA, "sha256 is not a lowercase hexadecimal digest")
        if not _PLAIN.fullmatch(stem, len(record.name)):
            subject = self.key
            parse_name(record.name, subject=subject, field="name")
            parse_version(record.version, subject=subject, field="version")
            parse_build(record.build, subject=subject, field="build")
        return record

    def _error(self, code: Code, message: str) -> InvalidInput:
        return InvalidInput(code, message, subject=self.subdir, field=printable(self.filename))


def _is_digest(value: object) -> bool:
    if isinstance(value, str):
        return len(value) == _HEXADECIMAL_LENGTH and not value.strip(_HEXADECIMAL)
    return isinstance(value, bytes) and len(value) == _HEXADECIMAL_LENGTH // 2


def name_of(filename: str) -> str:
    """The package name that a file name or a key states; empty where there is no sound one (CEP 26)."""
    parts = filename.rsplit("-", 2)
    if len(parts) != 3:
        return ""
    try:
        return parse_name(parts[0], subject=filename, field="file name")
    except InvalidInput:
        return ""
