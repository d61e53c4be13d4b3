"""Which files of a source are wanted, told from metadata alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import rattler
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.tags import Tag
from packaging.version import Version
from rattler.exceptions import InvalidVersionError

from bridge.errors import BridgeError, InvalidInput
from bridge.formats.wheel.filename import parse_wheel_filename
from bridge.mapping.platforms import subdirs_of
from bridge.mapping.python import python_support
from bridge.model.conda import IndexJson
from bridge.sync.source import SourceFile

_NOARCH: Final = "noarch"
_ANY: Final = "any"
_STABLE: Final = "abi3"

#: a version that rattler reads, or one that it does not, below all others.
_Order = tuple[bool, rattler.Version | str]


@dataclass(frozen=True, slots=True)
class Selection:
    """What a user wants of a source; everything where nothing is said."""

    #: MatchSpecs for a channel, requirements (PEP 508) for an index; what they need comes along.
    specs: tuple[str, ...] = ()
    #: platforms by conda's names; what is for all platforms always counts.
    subdirs: tuple[str, ...] = ()
    #: minor version.
    python: tuple[int, int] | None = None
    #: of each package or project, the files of so many versions.
    newest: int | None = None
    #: built or uploaded within that time before `now`; a file of unknown age is not.
    since: timedelta | None = None
    #: built or uploaded longer ago than that; a file of unknown age is.
    older_than: timedelta | None = None
    #: the only time that counts, in UTC.
    now: datetime | None = None


def permitted(files: Iterable[SourceFile], selection: Selection) -> tuple[SourceFile, ...]:
    """The files that pass platform, Python and age: those that something wanted may need."""
    return tuple(
        file
        for file in files
        if _of_age(file, selection) and _of_platform(file, selection.subdirs) and _of_python(file, selection.python)
    )


def newest(files: Sequence[SourceFile], count: int | None) -> tuple[SourceFile, ...]:
    """Of each package or project, the files of its newest versions, in the order given."""
    if count is None:
        return tuple(files)
    versions: defaultdict[str, dict[_Order | Version, list[SourceFile]]] = defaultdict(dict)
    others: list[SourceFile] = []
    for file in files:
        if file.index is not None:
            versions[file.index.name].setdefault(_conda_order(file.index), []).append(file)
        elif file.wheel is not None:
            versions[file.wheel.project].setdefault(file.wheel.version, []).append(file)
        else:
            others.append(file)
    kept = {file.key for file in others}
    for found in versions.values():
        ordered = sorted(found, reverse=True)
        kept.update(file.key for version in ordered[:count] for file in found[version])
    return tuple(file for file in files if file.key in kept)


def _conda_order(index: IndexJson) -> _Order:
    try:
        return True, rattler.Version(index.version)
    except InvalidVersionError:
        return False, str(index.version)


def _of_age(file: SourceFile, selection: Selection) -> bool:
    if selection.now is None or (selection.since is None and selection.older_than is None):
        return True
    if file.published is None:
        return selection.since is None
    age = selection.now - file.published
    if selection.since is not None and age > selection.since:
        return False
    return selection.older_than is None or age >= selection.older_than


def _of_platform(file: SourceFile, subdirs: Sequence[str]) -> bool:
    if not subdirs:
        return True
    if file.index is not None:
        return file.index.subdir in {*subdirs, _NOARCH}
    tags = _tags(file)
    return not tags or any(
        tag.platform == _ANY or not set(subdirs).isdisjoint(subdirs_of(tag.platform)) for tag in tags
    )


def _of_python(file: SourceFile, python: tuple[int, int] | None) -> bool:
    """A file that does not say what Python it is for is for any; it gets its outcome when it is converted."""
    if python is None:
        return True
    if file.index is not None:
        try:
            support = python_support(file.index, file.index.depends)
        except BridgeError:
            return True
        if file.index.name == "python":
            return file.index.version.split(".")[:2] == [str(part) for part in python]
        if support.stable_abi is not None and support.stable_abi > python:
            return False
        return not support.needed or python in support.minors
    tags = _tags(file)
    stated = None if file.wheel is None else file.wheel.requires_python
    return (not tags or any(_runs(tag, python) for tag in tags)) and (stated is None or _admits(stated, python))


def _tags(file: SourceFile) -> frozenset[Tag]:
    try:
        return parse_wheel_filename(file.filename).tags if file.is_wheel else frozenset()
    except InvalidInput:
        return frozenset()


def _runs(tag: Tag, python: tuple[int, int]) -> bool:
    """Whether a CPython of that version takes wheels with the tag (PEP 425, PEP 384)."""
    major, minor = python
    kind, number = tag.interpreter[:2], tag.interpreter[2:]
    if kind not in ("py", "cp") or not number.isdigit() or int(number[0]) != major:
        return False
    if number[1:] == "" or (int(number[1:]) == minor and kind == "cp"):
        return True
    return int(number[1:]) <= minor and (kind == "py" or tag.abi in (_STABLE, "none"))


def _admits(requires_python: str, python: tuple[int, int]) -> bool:
    try:
        wanted = SpecifierSet(requires_python).to_range()
    except InvalidSpecifier:
        return True
    return not wanted.is_disjoint(SpecifierSet(f"=={python[0]}.{python[1]}.*").to_range())
