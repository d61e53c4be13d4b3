"""Whether a wheel may be given to whoever asked for another name of it."""

from __future__ import annotations

from collections.abc import Iterable

from packaging.tags import Tag

from bridge.formats.wheel.filename import parse_wheel_filename
from bridge.mapping.platforms import subdirs_of
from bridge.model.host import Host
from bridge.sync.result import Item, Product
from bridge.translate.families.contexts import Context, floor_of

_MACOS = "macosx"


def substitute(asked: str, items: Iterable[Item], source: str) -> Product | None:
    """What a conversion made in the place of a planned file; None where nothing does for all who may ask for it.

    Args:
        asked: the planned file name.
        items: of the conversion.
        source: key of the package that the file was planned to be made of.
    """
    products = [product for item in items if item.key == source for product in item.products]
    for product in products:
        if product.filename == asked:
            return product
    planned = parse_wheel_filename(asked)
    for product in products:
        real = parse_wheel_filename(product.filename)
        same = (real.name, real.version, real.variant) == (planned.name, planned.version, planned.variant)
        if same and covers(real.tags, planned.tags):
            return product
    return None


def covers(real: frozenset[Tag], planned: frozenset[Tag]) -> bool:
    """Whether every Python on every machine that takes a wheel for its planned tags takes it for the real ones too."""
    return all(_taken(real, tag) for tag in planned)


def _taken(real: frozenset[Tag], tag: Tag) -> bool:
    floor = floor_of(tag.platform)
    machines = [
        Host(subdir, osx=floor) if tag.platform.startswith(_MACOS) else Host(subdir, glibc=floor)
        for subdir in subdirs_of(tag.platform)
    ]
    return bool(machines) and all(
        Context(tag.interpreter, tag.abi, machine.subdir).place(real, machine) is not None for machine in machines
    )
