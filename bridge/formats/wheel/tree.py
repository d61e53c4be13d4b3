"""Where installers put the members of a wheel, and the trees that they must not be given.

The binary distribution format knows two special directories at the root, `{name}-{version}.dist-info` and
`{name}-{version}.data`, whose subdirectories are installation schemes. Clients differ in how loosely they recognise
them, so that only exact spellings are accepted.
"""

from __future__ import annotations

import re
import stat
from typing import TYPE_CHECKING, Final

from packaging.utils import InvalidName, canonicalize_name
from packaging.version import InvalidVersion, Version

from bridge.errors import Code, InvalidInput
from bridge.formats.wheel.member_names import MemberNames

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.formats.wheel.archive import WheelArchive
    from bridge.formats.wheel.filename import WheelFilename

#: of the installation schemes that the format knows.
SCHEMES: Final = frozenset({"purelib", "platlib", "headers", "scripts", "data"})
DATA_SUFFIX: Final = ".data"
_DIST_INFO_SUFFIX: Final = ".dist-info"
#: both are site-packages wherever wheels are installed.
_SITE_SCHEMES: Final = frozenset({"purelib", "platlib"})
_SITE_PACKAGES: Final = re.compile(r"lib/(?:python[0-9.]+t?/)?site-packages/", re.IGNORECASE)
_SPECIAL_BITS: Final = stat.S_ISUID | stat.S_ISGID


def check_tree(archive: WheelArchive, stated: WheelFilename) -> str:
    """Hold the names of all members against the format.

    Args:
        archive: the open wheel.
        stated: its file name.

    Returns:
        The name of the dist-info directory.

    Raises:
        InvalidInput: `CB104`, a file below `.data` that belongs to no known scheme; `CB106`, a set-user-ID or
            set-group-ID file; `CB108`, two members for one place in site-packages; `CB112`, the dist-info directory
            is another project's or version's; `CB121`, there is not exactly one, or something looks like another.
    """
    dist_info = archive.dist_info
    _check_identity(dist_info, stated, archive.subject)
    data = dist_info.removesuffix(_DIST_INFO_SUFFIX) + DATA_SUFFIX
    _check_roots(archive, {dist_info, data})
    site = MemberNames()
    for name, member in archive.members.items():
        if member.is_directory:
            continue
        if member.entry.mode & _SPECIAL_BITS:
            message = "the file would run with the rights of its owner"
            raise InvalidInput(Code.MEMBER_TYPE, message, subject=archive.subject, field=name)
        scheme, place = destination(name, data)
        if scheme not in SCHEMES:
            message = f"{scheme!r} is not an installation scheme" if place else "the file belongs to no scheme"
            raise InvalidInput(Code.UNSAFE_PATH, message, subject=archive.subject, field=name)
        if scheme not in _SITE_SCHEMES:
            continue
        if name.startswith(f"{data}/") and place.partition("/")[0].casefold().endswith(_DIST_INFO_SUFFIX):
            message = "a scheme brings metadata of an installed project of its own"
            raise InvalidInput(Code.BAD_DIST_INFO, message, subject=archive.subject, field=name)
        objection = site.claim(place)
        if objection is not None:
            message = f"in site-packages, {place!r} {objection.reason}"
            raise InvalidInput(Code.NAME_CLASH, message, subject=archive.subject, field=name)
    return dist_info


def destination(name: str, data: str) -> tuple[str, str]:
    """Scheme of a member and its path there; `purelib` for what is not below the directory `data`.

    The scheme is unchecked, and the path empty for a file that is itself where a scheme should be.
    """
    head, _, rest = name.partition("/")
    if head != data:
        return "purelib", name
    scheme, _, place = rest.partition("/")
    return (scheme, place) if place else ("", "")


def site_place(scheme: str, place: str) -> str | None:
    """The path in site-packages of a file of a scheme; None for one that lies elsewhere.

    Site-packages can be reached through the scheme `data` too, whose directory is that of the environment.
    """
    if scheme in _SITE_SCHEMES:
        return place
    match = _SITE_PACKAGES.match(place) if scheme == "data" else None
    return None if match is None else place[match.end() :]


def site_members(archive: WheelArchive, data: str) -> Iterator[tuple[str, str]]:
    """Every file for site-packages: its member name and its path there."""
    for name, member in archive.members.items():
        place = site_place(*destination(name, data))
        if place is not None and not member.is_directory:
            yield name, place


def _check_identity(dist_info: str, stated: WheelFilename, subject: str) -> None:
    name, _, version = dist_info.removesuffix(_DIST_INFO_SUFFIX).rpartition("-")
    try:
        found = canonicalize_name(name, validate=True), Version(version)
    except (InvalidName, InvalidVersion) as error:
        message = "the directory is not called {name}-{version}.dist-info"
        raise InvalidInput(Code.BAD_DIST_INFO, message, subject=subject, field=dist_info) from error
    if found != (stated.name, stated.version):
        message = f"the file name says {stated.name} {stated.version}"
        raise InvalidInput(Code.IDENTITY, message, subject=subject, field=dist_info)


def _check_roots(archive: WheelArchive, expected: set[str]) -> None:
    for name in archive.members:
        head, slash, _ = name.partition("/")
        if slash and head not in expected and head.casefold().endswith((_DIST_INFO_SUFFIX, DATA_SUFFIX)):
            message = f"{head!r} looks like a special directory of another project or version"
            raise InvalidInput(Code.BAD_DIST_INFO, message, subject=archive.subject, field=name)
