"""Names, versions, build strings, subdirs and file names of conda packages (CEP 26)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from bridge.errors import Code, InvalidInput
from bridge.model.conda import ArchiveFormat, CondaIdentity, CondaName, CondaVersion, Subdir

_IDENTIFIER_LENGTH: Final = 64
_SUBDIR_LENGTH: Final = 32
_FILENAME_LENGTH: Final = 211

# CEP 26 gives the name as `^(([a-z0-9])|([a-z0-9_](?!_)))[._-]?([a-z0-9]+(\.|-|_|$))*$`. That expression
# backtracks; this one accepts the same names without ever looking back. `__` starts a virtual package, which
# no artifact may be.
_NAME: Final = re.compile(r"(?!__)[a-z0-9_][._-]?(?:[a-z0-9]+[._-])*(?:[a-z0-9]+)?")
_VERSION: Final = re.compile(r"[0-9a-z][0-9a-z._+!]*")
_BUILD: Final = re.compile(r"[a-zA-Z0-9_.+]+")
_SUBDIR: Final = re.compile(r"noarch|[a-z0-9]+-[a-z0-9]+")

_ARCHIVES: Final = (ArchiveFormat.CONDA, ArchiveFormat.TAR_BZ2)


def parse_name(text: object, *, subject: str, field: str) -> CondaName:
    """The package name in `text` (CEP 26: lowercase, at most 64 characters, no two separators in a row).

    Raises:
        InvalidInput: CB115.
    """
    return CondaName(_match(_NAME, text, _IDENTIFIER_LENGTH, "package name", subject, field))


def parse_version(text: object, *, subject: str, field: str) -> CondaVersion:
    """The version in `text` (CEP 26: digits, lowercase letters and `._+!`, at most 64 characters).

    An epoch comes before the only `!`, a local version after the only `+`, and neither side may be empty.

    Raises:
        InvalidInput: CB115.
    """
    version = _match(_VERSION, text, _IDENTIFIER_LENGTH, "version", subject, field)
    epoch, bang, rest = version.partition("!")
    public, plus, local = (rest if bang else version).partition("+")
    sound = (
        (not bang or (epoch.isdigit() and "!" not in rest))
        and public[:1].isalnum()
        and (not plus or (local[:1].isalnum() and "+" not in local))
    )
    if not sound:
        raise InvalidInput(Code.BAD_IDENTIFIER, f"not a version: {version!r}", subject=subject, field=field)
    return CondaVersion(version)


def parse_build(text: object, *, subject: str, field: str) -> str:
    """The build string in `text` (CEP 26: letters, digits and `_.+`, at most 64 characters).

    Raises:
        InvalidInput: CB115.
    """
    return _match(_BUILD, text, _IDENTIFIER_LENGTH, "build string", subject, field)


def parse_subdir(text: object, *, subject: str, field: str) -> Subdir:
    """The platform directory in `text` (CEP 26: `noarch` or `<os>-<machine>`, at most 32 characters).

    Raises:
        InvalidInput: CB115.
    """
    return Subdir(_match(_SUBDIR, text, _SUBDIR_LENGTH, "subdir", subject, field))


@lru_cache(maxsize=256)
def parse_filename(filename: str) -> tuple[CondaIdentity, ArchiveFormat]:
    """Identity and archive format that a file name states: `{name}-{version}-{build}.{conda,tar.bz2}` (CEP
    26).

    Raises:
        InvalidInput: CB115, with the file name as subject.
    """
    for archive in _ARCHIVES:
        if filename.endswith(archive.value):
            break
    else:
        raise InvalidInput(
            Code.BAD_IDENTIFIER,
            "a conda package's file name ends in .conda or .tar.bz2",
            subject=printable(filename),
        )
    if len(filename) > _FILENAME_LENGTH:
        raise InvalidInput(
            Code.BAD_IDENTIFIER,
            f"the file name is longer than {_FILENAME_LENGTH} characters",
            subject=printable(filename),
        )
    # A name may contain "-", a version and a build string may not: split from the right.
    parts = filename.removesuffix(archive.value).rsplit("-", 2)
    if len(parts) != 3:
        raise InvalidInput(
            Code.BAD_IDENTIFIER,
            "a conda package's file name is name-version-build",
            subject=printable(filename),
        )
    subject = printable(filename)
    identity = CondaIdentity(
        parse_name(parts[0], subject=subject, field="file name"),
        parse_version(parts[1], subject=subject, field="file name"),
        parse_build(parts[2], subject=subject, field="file name"),
    )
    return identity, archive


def printable(text: str, length: int = 255) -> str:
    """`text` made fit for a message: control characters and lone surrogates escaped, cut after `length`."""
    cut = text if len(text) <= length else text[:length] + "..."
    if cut.isprintable():
        return cut
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in cut)


def _match(pattern: re.Pattern[str], text: object, length: int, noun: str, subject: str, field: str) -> str:
    if not isinstance(text, str):
        raise InvalidInput(Code.BAD_METADATA, f"the {noun} is not a string", subject=subject, field=field)
    if not 0 < len(text) <= length or pattern.fullmatch(text) is None:
        raise InvalidInput(Code.BAD_IDENTIFIER, f"not a {noun}: {printable(text)!r}", subject=subject, field=field)
    return text
