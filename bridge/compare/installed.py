"""A conda package and a wheel as what they install: one name for each place, whatever the layout."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from packaging.utils import canonicalize_name

from bridge.formats.wheel.core_metadata import CoreMetadata, parse_core_metadata
from bridge.formats.wheel.tree import destination
from bridge.model.conda import Noarch
from bridge.model.payload import MemberKind
from bridge.model.plan import Layout
from bridge.translate.to_wheel.destinations import mirror_root
from bridge.translate.to_wheel.places import Area, place_of
from bridge.translate.to_wheel.project import own_metadata

if TYPE_CHECKING:
    from bridge.compare.packages import CondaPackage, WheelPackage
    from bridge.compare.recorded import Recorded
    from bridge.compare.tree import Entry

#: the project's own metadata, whatever its directory is called.
OWN: Final = "site-packages/*.dist-info/"
SCRIPTS: Final = "scripts/"
#: a chain of links that is longer than this is a circle.
_MOST_LINKS: Final = 40
#: where interpreters and installers look for a project's headers.
_HEADERS: Final = re.compile(r"[Ii]nclude/(?:(?:python|pypy)\d+\.\d+t?/)?(?P<project>[^/]+)/")


@dataclass(frozen=True, slots=True)
class Item:
    """One file of an artifact and what it is called there."""

    path: str
    entry: Entry


@dataclass(frozen=True, slots=True)
class OwnMetadata:
    """The Python metadata in a conda package that is about the project of the wheel."""

    #: with its place in the payload, `.../x-1.0.dist-info` or `.egg-info`.
    directory: str
    core: CoreMetadata


def own_metadata_of(conda: CondaPackage, wheel: WheelPackage) -> OwnMetadata | None:
    """The metadata of the wheel's project in a conda package; of several, the newest form.

    Raises:
        InvalidInput: CB121, it cannot be read.
    """
    found = []
    for _, path in sorted(own_metadata(conda.tree, conda.metadata.index.noarch).items()):
        content = conda.tree[path].content
        if content is not None:
            core = parse_core_metadata(content, f"{conda.filename}: {path}")
            directory = path if path.endswith(".egg-info") else path.rpartition("/")[0]
            found.append(OwnMetadata(directory, core))
    same = [each for each in found if each.core.normalized_name == wheel.filename.name] or found
    return next((each for each in same if each.directory.endswith(".dist-info")), same[0] if same else None)


def conda_items(conda: CondaPackage, own: OwnMetadata | None, wheel: WheelPackage) -> Mapping[str, Item]:
    """Every member of a conda package by place."""
    directory = None if own is None else own.directory
    items: dict[str, Item] = {}
    for path, entry in conda.tree.items():
        if directory is not None and f"{path}/".startswith(f"{directory}/"):
            items[f"{OWN}{path.removeprefix(directory).lstrip('/') or 'PKG-INFO'}"] = Item(path, entry)
        else:
            items[_place(path, conda.metadata.index.noarch, wheel)] = Item(path, entry)
    return items


def wheel_items(wheel: WheelPackage, record: Recorded) -> Mapping[str, Item]:
    """Every member of a wheel by place."""
    roots = [
        f"{mirror_root(layout, wheel.filename.stem.partition('-')[0])}/"
        for layout in (Layout.SHARED, Layout.VENDORED)
        if layout is record.layout
    ]
    items: dict[str, Item] = {}
    for name, entry in wheel.tree.items():
        items[_member_place(name, wheel, roots)] = Item(name, entry)
    return items


def _member_place(name: str, wheel: WheelPackage, roots: list[str]) -> str:
    if name.startswith(f"{wheel.dist_info}/"):
        return f"{OWN}{name.removeprefix(f'{wheel.dist_info}/')}"
    for root in roots:
        if name.startswith(root):
            return _place(name.removeprefix(root), Noarch.NO, wheel)
    scheme, place = destination(name, wheel.data)
    match scheme:
        case "scripts":
            return f"{SCRIPTS}{place}"
        case "headers":
            return f"headers/{place}"
        case "data":
            return _place(place, Noarch.NO, wheel)
        case _:
            return f"site-packages/{place}"


def _place(path: str, noarch: Noarch, wheel: WheelPackage) -> str:
    place = place_of(path, noarch)
    match place.area:
        case Area.SITE_PACKAGES:
            return f"site-packages/{place.relative}"
        case Area.SCRIPTS:
            return f"{SCRIPTS}{place.relative}"
        case Area.PREFIX:
            headers = _HEADERS.match(path)
            if headers is not None and canonicalize_name(headers["project"]) == wheel.filename.name:
                return f"headers/{path[headers.end() :]}"
            return f"prefix/{path}"


def resolve(path: str, tree: Mapping[str, Entry]) -> str:
    """Where a path of a conda package leads when every link on the way is followed; itself in a circle."""
    found = path
    for _ in range(_MOST_LINKS):
        parts = found.split("/")
        for end in range(1, len(parts) + 1):
            head = "/".join(parts[:end])
            entry = tree.get(head)
            if entry is not None and entry.kind is MemberKind.SYMLINK:
                found = posixpath.normpath(posixpath.join(posixpath.dirname(head), entry.target, *parts[end:]))
                break
        else:
            return found
    return path
