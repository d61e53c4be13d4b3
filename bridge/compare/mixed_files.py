"""The files that a conda package and a wheel install."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final

from bridge.compare.comparison import Difference
from bridge.compare.conda_info import described, info_part, is_licence
from bridge.compare.installed import OWN, SCRIPTS, Item, resolve
from bridge.compare.packages import is_file, present
from bridge.model.payload import MemberKind, Nature
from bridge.model.plan import Layout
from bridge.translate.to_wheel.prefixes import python_shebang

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from bridge.compare.packages import CondaPackage
    from bridge.compare.recorded import Recorded
    from bridge.compare.tree import Entry

#: of a project's metadata: what installers and builders write for themselves, or what is compared by what it says.
_BY_NATURE: Final = frozenset(
    {
        "INSTALLER",
        "METADATA",
        "PKG-INFO",
        "RECORD",
        "RECORD.jws",
        "RECORD.p7s",
        "REQUESTED",
        "SOURCES.txt",
        "WHEEL",
        "dependency_links.txt",
        "direct_url.json",
        "entry_points.txt",
        "native_libs.txt",
        "not-zip-safe",
        "requires.txt",
        "sboms/conda-bridge.cdx.json",
        "top_level.txt",
        "variant.json",
        "zip-safe",
    }
)
#: the bridge's own.
_CONDA: Final = f"{OWN}conda/"
#: where a wheel has licences that a conda package has under `info/licenses/`.
_LICENCES: Final = re.compile(
    rf"{re.escape(OWN)}(?:licenses/|(?:LICEN[CS]E|COPYING|NOTICE|AUTHORS)[^/]*$)", re.IGNORECASE
)
_CACHED: Final = re.compile(r"(?P<directory>.*/)__pycache__/(?P<module>[^/.]+)\.[^/]+\.pyc")
_BINARIES: Final = frozenset({Nature.ELF, Nature.MACHO, Nature.PE})


def compare_files(
    conda: CondaPackage,
    ours: Mapping[str, Item],
    theirs: Mapping[str, Item],
    record: Recorded,
    *,
    programs: Collection[str],
) -> Iterator[Difference]:
    """Compare by place.

    Args:
        conda: the conda package.
        ours: its members.
        theirs: the wheel's.
        record: of a conversion between them.
        programs: places of programs that entry points stand for.
    """
    licences = _digests(conda) | _licence_digests(ours), _licence_digests(theirs)
    by_member = {item.path: place for place, item in theirs.items()}
    names = {
        resolve(item.path, conda.tree): place
        for place, item in sorted(ours.items())
        if place in theirs and item.entry.kind is MemberKind.SYMLINK
    }
    taken: set[str] = set()
    for place, item in sorted(ours.items()):
        if place in programs or _by_nature(place):
            taken.add(place)
            continue
        # Builders and versions of the metadata differ in where licences lie.
        if _LICENCES.match(place) and item.entry.sha256 in licences[1]:
            continue
        partner = place if place in theirs else by_member.get(record.members.get(item.path, ""), "")
        taken.add(partner)
        if partner:
            yield from _pair(place, item, theirs[partner], conda, record)
        elif (name := names.get(item.path)) is not None:
            # Of a library, the wheel has the name that others load it by.
            yield from _pair(place, item, theirs[name], conda, record)
        else:
            yield from _only_conda(place, item, ours, record)
    for place, item in sorted(theirs.items()):
        if place in taken or place in programs or _by_nature(place):
            continue
        if _LICENCES.match(place) and item.entry.sha256 in licences[0]:
            continue
        yield from _only_wheel(place, item, conda, record)
    for path, data in sorted(conda.info.items()):
        digest = hashlib.sha256(data).hexdigest()
        if is_licence(path) and digest not in licences[1] and not _holds(theirs, digest):
            yield from record.difference(info_part(path), described(data), None, path)


def _holds(theirs: Mapping[str, Item], digest: str) -> bool:
    """Whether a licence is in the wheel under another name than a licence has."""
    return any(item.entry.sha256 == digest for item in theirs.values())


def _by_nature(place: str) -> bool:
    # Some builders sign the metadata of vendored projects too.
    return place.startswith(_CONDA) or place.removeprefix(OWN) in _BY_NATURE or place.endswith(".dist-info/INSTALLER")


def _pair(place: str, one: Item, other: Item, conda: CondaPackage, record: Recorded) -> Iterator[Difference]:
    where = f"payload: {one.path}"
    entry = one.entry
    if entry.kind is MemberKind.SYMLINK:
        yield Difference(f"{where} (a wheel cannot hold links)", present(entry), present(other.entry), False)
        path = resolve(one.path, conda.tree)
        one = Item(path, conda.tree.get(path, entry))
        entry = one.entry
    if entry.kind is not MemberKind.FILE:
        yield from record.difference(where, present(entry), present(other.entry), one.path, other.path)
        return
    if entry.sha256 != other.entry.sha256 and not _same_script(place, entry, other.entry):
        yield from _content(where, one, other, record)
    if entry.executable != other.entry.executable and not place.startswith(SCRIPTS):
        values = ("executable" if each else "not executable" for each in (entry.executable, other.entry.executable))
        yield from record.difference(f"{where}: mode", *values, one.path, other.path)


def _content(where: str, one: Item, other: Item, record: Recorded) -> Iterator[Difference]:
    values = present(one.entry), present(other.entry)
    if record.originals.get(one.path) == one.entry.sha256:
        yield Difference(f"{where}: content (bytes overwritten in place, recorded)", *values, False)
    elif record.layout is Layout.VENDORED and one.entry.nature in _BINARIES:
        yield Difference(f"{where}: content (relocated by the conversion, cannot be compared)", *values, False)
    else:
        yield from record.difference(f"{where}: content", *values, one.path, other.path)


def _same_script(place: str, one: Entry, other: Entry) -> bool:
    """Whether two scripts differ only in where they look for Python, which installers decide."""
    if not place.startswith(SCRIPTS) or one.content is None or other.content is None:
        return False
    ours, theirs = (_without_shebang(each.content or b"") for each in (one, other))
    return ours is not None and ours == theirs


def _without_shebang(content: bytes) -> tuple[bytes, bytes] | None:
    line = python_shebang(content)
    return None if line is None else (line, content.partition(b"\n")[2])


def _only_conda(place: str, item: Item, ours: Mapping[str, Item], record: Recorded) -> Iterator[Difference]:
    where = f"payload: {item.path}"
    cached = _CACHED.fullmatch(place)
    if cached is not None and f"{cached['directory']}{cached['module']}.py" in ours:
        yield Difference(f"{where} (compiled when it is installed)", present(item.entry), None, False)
    elif item.entry.kind is MemberKind.DIRECTORY:
        yield Difference(f"{where} (a wheel cannot hold empty directories)", present(item.entry), None, False)
    else:
        yield from record.difference(where, present(item.entry), None, item.path)


def _only_wheel(place: str, item: Item, conda: CondaPackage, record: Recorded) -> Iterator[Difference]:
    where = f"payload: {item.path}"
    if item.path in record.vendored:
        yield Difference(f"{where} (vendored, recorded)", None, present(item.entry), False)
        return
    # A link of the conda package may lead there.
    noarch = place.startswith("site-packages/")
    end = conda.tree.get(resolve(place if noarch else place.removeprefix("prefix/"), conda.tree))
    if end is not None and is_file(end) and end.sha256 == item.entry.sha256:
        yield Difference(f"{where} (behind a link in the conda package)", None, present(item.entry), False)
    else:
        yield from record.difference(where, None, present(item.entry), item.path)


def _digests(conda: CondaPackage) -> frozenset[str]:
    return frozenset(hashlib.sha256(data).hexdigest() for data in conda.info.values())


def _licence_digests(items: Mapping[str, Item]) -> frozenset[str]:
    return frozenset(item.entry.sha256 for place, item in items.items() if _LICENCES.match(place))
