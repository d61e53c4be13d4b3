"""Who gets a name that several units want, and what the tree therefore holds. Pure.

The rules are those of `bridge.channel.staging`: of several builds that make one wheel the newest is kept, of several
wheels that make one package the one that is preferred.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from bridge.channel.staging import Rank
from bridge.errors import Code, Unrepresentable
from bridge.model.plan import Status
from bridge.sync.ledger import Entry
from bridge.sync.result import Item, Lost, Product, Result, Variants

#: begins the name of the part of a project, and of a platform directory.
_PROJECT: Final = "project "
_SUBDIR: Final = "subdir "
#: why a single file of a unit is yanked.
REPLACED: Final = "no longer in the source"


@dataclass(frozen=True, slots=True)
class Offer:
    """A file that a part of the tree lists."""

    product: Product
    #: why it is yanked (PEP 592); None where it is not.
    yanked: str | None = None


@dataclass(frozen=True, slots=True)
class Settlement:
    """The outcome of every file, and what follows for the tree."""

    #: unit -> its items, some of which lost their names.
    items: Mapping[str, tuple[Item, ...]]
    #: part -> what it offers, by file name.
    offers: Mapping[str, tuple[Offer, ...]]
    #: part -> the variants files of its releases.
    variants: Mapping[str, tuple[Variants, ...]]


def part_of_project(project: str) -> str:
    """The part of the tree that one project is."""
    return f"{_PROJECT}{project}"


def part_of_subdir(subdir: str) -> str:
    """The part of the tree that one platform directory is."""
    return f"{_SUBDIR}{subdir}"


def project_of(part: str) -> str | None:
    """The project of a part; None for a platform directory."""
    return part.removeprefix(_PROJECT) if part.startswith(_PROJECT) else None


def subdir_of(part: str) -> str | None:
    """The platform directory of a part; None for a project."""
    return part.removeprefix(_SUBDIR) if part.startswith(_SUBDIR) else None


def part_of(product: Product) -> str:
    """The part of the tree that a file belongs to."""
    if product.wheel is not None:
        return part_of_project(product.wheel.project)
    if product.package is not None:
        return part_of_subdir(product.package.subdir)
    raise ValueError("a product is a wheel or a package")


def place_of(product: Product) -> str:
    """What only one file of the tree may be called."""
    return f"{part_of(product)}/{product.filename}"


def parts_of(result: Result) -> frozenset[str]:
    """All parts that a result has files in."""
    parts = {part_of(product) for item in result.items for product in item.products}
    if result.variants is not None:
        parts.add(part_of_project(result.variants.project))
    return frozenset(parts)


def settle(entries: Mapping[str, Entry], retired: Iterable[tuple[str, Product]] = ()) -> Settlement:
    """Decide for all units at once.

    Args:
        entries: every unit of the ledger.
        retired: single files that their units do not make any longer.
    """
    live = {name: entry for name, entry in entries.items() if entry.gone is None}
    releases = _releases(live)
    winners = _winners(live)
    items = {
        name: tuple(_settled(item, entry, winners, releases) for item in entry.result.items)
        for name, entry in live.items()
    }
    offers: defaultdict[str, dict[str, Offer]] = defaultdict(dict)
    for found in items.values():
        for product in (product for item in found for product in item.products):
            offers[part_of(product)][product.filename] = Offer(product)
    # What is no longer in the source never takes the place of what is.
    for product, reason in (*_gone(entries), *((product, REPLACED) for _, product in retired)):
        offers[part_of(product)].setdefault(product.filename, Offer(product, reason))
    variants: defaultdict[str, list[Variants]] = defaultdict(list)
    for owner in {**_releases(_only_gone(entries)), **releases}.values():
        stated = entries[owner].result.variants
        if stated is not None and _is_offered(stated, offers):
            variants[part_of_project(stated.project)].append(stated)
    return Settlement(
        items,
        {part: tuple(found[name] for name in sorted(found)) for part, found in offers.items()},
        {part: tuple(sorted(found, key=lambda each: each.filename)) for part, found in variants.items()},
    )


def _only_gone(entries: Mapping[str, Entry]) -> dict[str, Entry]:
    return {name: entry for name, entry in entries.items() if entry.gone is not None}


def _gone(entries: Mapping[str, Entry]) -> Iterator[tuple[Product, str]]:
    for entry in _only_gone(entries).values():
        for item in entry.result.items:
            for product in item.products:
                yield product, entry.gone or ""


def _is_offered(stated: Variants, offers: Mapping[str, Mapping[str, Offer]]) -> bool:
    """Whether any variant of the release is there."""
    return any(
        offer.product.variant is not None
        and offer.product.wheel is not None
        and offer.product.wheel.version == stated.version
        for offer in offers.get(part_of_project(stated.project), {}).values()
    )


def _best(entry: Entry) -> Rank | None:
    return max((item.rank for item in entry.result.items if item.rank is not None), default=None)


def _releases(entries: Mapping[str, Entry]) -> dict[str, str]:
    """File name of the variants of a release -> the unit that has them; the metadata of two would contradict."""
    owners: dict[str, tuple[Rank | None, str]] = {}
    for name, entry in entries.items():
        if entry.result.variants is None:
            continue
        filename, rank = entry.result.variants.filename, _best(entry)
        other = owners.get(filename)
        if other is None or (rank is not None and (other[0] is None or rank > other[0])):
            owners[filename] = rank, name
    return {filename: name for filename, (_, name) in owners.items()}


@dataclass(frozen=True, slots=True)
class _Winner:
    product: Product
    rank: Rank | None
    preference: tuple[tuple[int, ...], str] = ((), "")

    def beats(self, other: _Winner) -> bool:
        if self.product.package is not None:
            return self.preference > other.preference
        return self.rank is not None and (other.rank is None or self.rank > other.rank)


def _winners(entries: Mapping[str, Entry]) -> dict[str, _Winner]:
    winners: dict[str, _Winner] = {}
    for entry in entries.values():
        for item in entry.result.items:
            for product in item.products:
                preference = () if product.package is None else product.package.preference
                candidate = _Winner(product, item.rank, (preference, product.source))
                other = winners.get(place_of(product))
                if other is None or candidate.beats(other):
                    winners[place_of(product)] = candidate
    return winners


def _settled(item: Item, entry: Entry, winners: Mapping[str, _Winner], releases: Mapping[str, str]) -> Item:
    variants = entry.result.variants
    if variants is not None and releases[variants.filename] != entry.name and item.products:
        return _shadowed(item, item.products[0].source, f"{variants.filename} is of other builds of the release")
    kept: list[Product] = []
    losses: list[Lost] = []
    for product in item.products:
        winner = winners[place_of(product)]
        if winner.product.sha256 == product.sha256:
            kept.append(product)
        elif product.package is None:
            return _shadowed(item, product.source, _lost_wheel(product, item.rank, winner))
        else:
            place = f"{product.package.subdir}/{product.filename}"
            detail = f"was made of {winner.product.source}, which is preferred"
            losses.append(Lost(Code.SHADOWED_PACKAGE.number, place, detail))
    if item.products and not kept:
        return _shadowed(item, item.products[0].source, f"{losses[0].subject} {losses[0].detail}")
    return replace(item, products=tuple(kept), losses=(*item.losses, *losses)) if losses else item


def _lost_wheel(product: Product, rank: Rank | None, winner: _Winner) -> str:
    if rank is None or winner.rank is None:
        return f"{product.filename} was made of {winner.product.source}"
    return f"{product.filename} was made of {winner.rank.filename}, {rank.beaten_by(winner.rank)}"


def _shadowed(item: Item, subject: str, message: str) -> Item:
    error = Unrepresentable(Code.SHADOWED, message, subject=subject)
    return replace(
        item, status=Status.UNREPRESENTABLE, code=error.code.number, message=str(error), products=(), losses=()
    )
