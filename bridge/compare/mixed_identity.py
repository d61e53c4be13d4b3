"""Which project, version, Pythons and machines a conda package and a wheel are for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from bridge.compare.comparison import Difference
from bridge.errors import BridgeError
from bridge.mapping.matchspec import parse_spec
from bridge.mapping.names import NameMapper, NameSource
from bridge.mapping.platforms import glibc_of, platform_tags, subdirs_of
from bridge.mapping.python import python_support, python_tags
from bridge.mapping.versions import to_pep440
from bridge.model.payload import Nature

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from packaging.tags import Tag

    from bridge.compare.installed import Item, OwnMetadata
    from bridge.compare.packages import CondaPackage, WheelPackage
    from bridge.compare.recorded import Recorded
    from bridge.mapping.tables import Tables

_BINARIES: Final = frozenset({Nature.ELF, Nature.MACHO, Nature.PE})
_PYTHON_2: Final = 2
_INTERPRETERS: Final = frozenset(
    {"python", "python_abi", "cpython", "python-gil", "python-freethreading", "_python_abi3_support"}
)
#: releases of Python that two ranges are tried with.
_GRID: Final = tuple(
    Version(f"{major}.{minor}.{patch}")
    for major, minors in ((2, (6, 7)), (3, range(40)))
    for minor in minors
    for patch in range(25)
)


def compare_identity(
    conda: CondaPackage, wheel: WheelPackage, own: OwnMetadata | None, tables: Tables, record: Recorded
) -> Iterator[Difference]:
    """Name, version and what tells builds of one version apart."""
    index, stated = conda.metadata.index, wheel.filename
    if own is None:
        answer = NameMapper(tables).lookup(index.name)
        if answer.source is NameSource.RESERVED and answer.distribution != stated.name:
            where = "name (nothing is known about the conda name, cannot be compared)"
            yield Difference(where, index.name, stated.name, False)
        elif answer.distribution is None or answer.distribution.lower().replace("_", "-") != stated.name:
            yield Difference("name", index.name, stated.name, True)
    elif own.core.normalized_name != stated.name:
        yield Difference("name", own.core.name, stated.name, True)
    version = to_pep440(index.version).version
    if Version(version.public) != Version(stated.version.public):
        yield from record.difference("version", index.version, str(stated.version), "version")
    elif version.local != stated.version.local:
        where = "version (a conda version has no local label; the build string may have it)"
        yield Difference(where, f"{index.version} {index.build}", str(stated.version), False)
    if stated.build and stated.build[0] != index.build_number:
        where = "build number (conda's and the wheel's build tag count apart)"
        yield Difference(where, str(index.build_number), "".join(map(str, stated.build)), False)
    if stated.variant is not None:
        where = "variant (a conda package says it with requirements and its build string, cannot be compared)"
        yield Difference(where, index.build, stated.variant, False)
    for key, value in (("track_features", index.track_features), ("flags", index.flags)):
        for text in value:
            yield from record.difference(key, text, None, key, text, matters=stated.variant is None)
    if conda.info.get("info/run_exports.json", b"{}").strip() not in (b"{}", b"[]"):
        where = "run_exports.json (only for who builds with the conda package)"
        yield Difference(where, "there", None, False)


def requires_python(conda: CondaPackage, wheel: WheelPackage) -> SpecifierSet:
    """The Pythons that both are for, as far as specifiers say it.

    Raises:
        InvalidInput: CB116 or CB121, one of them cannot be read.
        Unsupported: CB311, no tag says which Python the conda package is for.
    """
    index = conda.metadata.index
    ours = python_support(index, index.depends).requires_python
    tagged = {_of_tag(tag) for tag in wheel.filename.tags}
    # Of several ranges no set of specifiers is the union; what they leave out is compared needlessly then.
    theirs = tagged.pop() if len(tagged) == 1 else SpecifierSet()
    return ours & theirs & (wheel.metadata.core.requires_python or SpecifierSet())


def compare_pythons(
    conda: CondaPackage, wheel: WheelPackage, items: Mapping[str, Item], record: Recorded
) -> Iterator[Difference]:
    """Versions of Python, its ABI, and platforms."""
    index = conda.metadata.index
    binaries = any(item.entry.nature in _BINARIES for item in items.values())
    modules = any(item.entry.nature in _BINARIES for place, item in items.items() if place.startswith("site-packages/"))
    native_only = not any(place.startswith("site-packages/") for place in items)
    tags = wheel.filename.tags
    shown = str(wheel.filename).rpartition(f"{wheel.filename.stem}-")[2].removesuffix(".whl")
    try:
        support = python_support(index, index.depends)
        expected = python_tags(index, index.depends, has_extensions=modules, native_only=native_only)
    except BridgeError as error:
        yield Difference(f"python ({error.message}, cannot be compared)", ", ".join(index.depends), shown, False)
    else:
        demands = [spec for spec in index.depends if parse_spec(spec).name in _INTERPRETERS]
        if support.needed or not native_only:
            ours, theirs = _versions(support.requires_python), _admitted(wheel)
            yield from _versions_of_python(ours, theirs, demands, _stated(wheel, shown), record)
        abis = {tag.abi for tag in tags}
        if set(expected.abis) != abis:
            yield from record.difference("python abi", ".".join(expected.abis), ".".join(sorted(abis)), *demands)
    yield from _platforms(conda, tags, binaries=binaries, record=record)


def _versions_of_python(
    ours: frozenset[Version], theirs: frozenset[Version], demands: list[str], stated: str, record: Recorded
) -> Iterator[Difference]:
    if _same_pythons(ours, theirs):
        return
    mine = ", ".join(demands) or "any"
    if record.made_conda and ours < theirs:
        # Without repodata v3, what depends on Python becomes several packages.
        yield Difference("python (one of the packages that the wheel became)", mine, stated, False)
    else:
        yield from record.difference("python", mine, stated, "python", *demands)


def _stated(wheel: WheelPackage, tags: str) -> str:
    specifiers = wheel.metadata.core.get("Requires-Python")
    return tags if specifiers is None else f"{tags}, Requires-Python {specifiers}"


def _versions(specifiers: SpecifierSet) -> frozenset[Version]:
    return frozenset(version for version in _GRID if version in specifiers)


def _same_pythons(ours: frozenset[Version], theirs: frozenset[Version]) -> bool:
    """Python 2 counts only where there is nothing else: hardly anybody who leaves it open means it."""
    one, other = (frozenset(version for version in each if version.major > _PYTHON_2) for each in (ours, theirs))
    return one == other and (bool(one) or ours == theirs)


def _admitted(wheel: WheelPackage) -> frozenset[Version]:
    """The releases of Python that a wheel can be installed for, by its tags and Requires-Python."""
    ranges = {_of_tag(tag) for tag in wheel.filename.tags}
    stated = wheel.metadata.core.requires_python or SpecifierSet()
    return frozenset().union(*(_versions(each & stated) for each in ranges))


def _of_tag(tag: Tag) -> SpecifierSet:
    """The platform compatibility tags specification, for interpreters that conda has."""
    text = tag.interpreter[2:].partition("_")[0]
    if not text.isdigit():
        return SpecifierSet("<0")
    major, minor = text[0], text[1:]
    if tag.interpreter.startswith("py"):
        return SpecifierSet(f">={major}.{minor or 0},<{int(major) + 1}")
    if tag.abi == "abi3":
        return SpecifierSet(f">={major}.{minor or 0},<{int(major) + 1}")
    return SpecifierSet(f"=={major}.{minor}.*" if minor else f"=={major}.*")


def _platforms(conda: CondaPackage, tags: frozenset[Tag], *, binaries: bool, record: Recorded) -> Iterator[Difference]:
    index = conda.metadata.index
    platforms = sorted({tag.platform for tag in tags})
    shown = ".".join(platforms)
    virtual = [spec for spec in index.depends if spec.startswith("__")]
    mine = ", ".join((index.subdir, *virtual))
    try:
        expected = platform_tags(index.subdir, index.depends, has_binaries=binaries)
    except BridgeError as error:
        yield Difference(f"platform ({error.message}, cannot be compared)", mine, shown, False)
        return
    for loss in expected.losses:
        yield from record.difference("platform", loss.detail, None, *virtual, matters=not record.made_conda)
    ours = {subdir for tag in expected.platforms for subdir in subdirs_of(tag)}
    theirs = {subdir for tag in platforms for subdir in subdirs_of(tag)}
    unknown = [tag for tag in platforms if not subdirs_of(tag)]
    if ours == theirs and not unknown:
        yield from _floors(mine, shown, expected.platforms, platforms, index.subdir)
    elif unknown and not theirs:
        yield Difference("platform (no conda platform is known for the tag, cannot be compared)", mine, shown, False)
    elif ours <= theirs and index.subdir != "noarch":
        where = "platform (the wheel is for more machines)"
        yield Difference(where, mine, shown, False)
    elif theirs == {"noarch"} and not binaries:
        yield Difference("platform (nothing in it is bound to one)", mine, shown, False)
    else:
        yield from record.difference("platform", mine, shown, *virtual)


def _floors(mine: str, shown: str, expected: tuple[str, ...], stated: list[str], subdir: str) -> Iterator[Difference]:
    """The system that each asks for at least."""
    if set(expected) == set(stated) or subdir == "noarch":
        return
    ours, theirs = (
        min((floor for tag in tags if (floor := glibc_of(tag)) is not None), default=None)
        for tags in (expected, stated)
    )
    if subdir.startswith("linux-") and ours == theirs:
        return
    # A tag can be computed from what the binaries use; a package need not say that.
    weaker = ours is not None and theirs is not None and theirs < ours and "__glibc" in mine
    reason = "" if weaker else " (a tag may say more than the package requires)"
    yield Difference(f"platform: oldest system{reason}", mine, shown, weaker)
