"""The variants of a whole release as build numbers, tried on every machine that they can tell apart.

What one wheel knows by itself (`bridge.mapping.variant_rank`) is enough for most releases, and gives the same package
whatever else is converted with it. A feature with several values may count by another one on every machine; where
that matters, the release gets numbers of its own.
"""

from __future__ import annotations

import heapq
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise, product
from typing import TYPE_CHECKING, Final

from bridge.errors import Code
from bridge.formats.wheel.variant_rules import merge
from bridge.mapping.hosts import supported_features
from bridge.mapping.nvidia import (
    LOWER_BOUND,
    NEWEST_DRIVER,
    OLDEST_DRIVER,
    OLDEST_GPU,
    SM_ARCH,
    UPPER_BOUND,
    lower_bounds,
    upper_bounds,
)
from bridge.mapping.variant_rank import STEP, build_offset, is_ranked, provider_of
from bridge.model.conda import Subdir
from bridge.model.host import Host, Release
from bridge.model.plan import Loss
from bridge.model.variant import NULL_LABEL, PluginProvider
from bridge.translate.families.order import supported, variant_order

if TYPE_CHECKING:
    from bridge.model.variant import VariantMetadata

_MACHINES: Final = {
    "x86_64": ("linux-64", ("x86_64", "x86_64_v2", "x86_64_v3", "x86_64_v4")),
    "aarch64": ("linux-aarch64", ("aarch64", "armv8.1a", "armv8.2a", "armv8.3a", "armv8.4a")),
}
#: machines times properties; real releases have some thousands.
_MOST: Final = 2_000_000
_CAPABILITY: Final = re.compile(r"[1-9][0-9]{1,2}")


@dataclass(frozen=True, slots=True)
class ReleaseOrder:
    """How the variants of a release are ranked."""

    #: label -> `CondaRequest.variant_offset`.
    offsets: Mapping[str, int]
    #: what no build numbers say (`CB252`); the subject is the file name of the wheel that comes off worse.
    losses: tuple[Loss, ...]


def release_order(parts: Iterable[tuple[str, VariantMetadata]]) -> ReleaseOrder:
    """Build number offsets for the variants of one release, such that solvers prefer what PEP 825 prefers.

    Args:
        parts: file name and metadata of each variant wheel; at least one.

    Returns:
        What each wheel says by itself, where that is right on all machines; else numbers in steps for this release.

    Raises:
        InvalidInput: `CB134`, two wheels contradict each other.
    """
    parts = list(parts)
    metadata = merge(parts)
    filenames = {label: filename for filename, part in reversed(parts) for label in part.variants}
    offsets = {label: build_offset(metadata, label)[0] for label in metadata.variants}
    machines = list(_machines(metadata))
    if len(machines) * sum(map(len, metadata.variants.values())) > _MOST:
        message = "the properties tell too many kinds of machines apart to try them all"
        return ReleaseOrder(offsets, tuple(Loss(Code.VARIANT_ORDER, name, message) for name in filenames.values()))
    found = _before(metadata, machines)
    wrong = [pair for pair in found if offsets[pair[0]] <= offsets[pair[1]]]
    if not wrong:
        return ReleaseOrder(offsets, ())
    ranked = _sorted(found, offsets)
    if ranked is not None:
        first = 1 if NULL_LABEL in ranked else 2
        return ReleaseOrder(
            offsets | {label: STEP * number for number, label in enumerate(reversed(ranked), first)}, ()
        )
    losses = tuple(
        Loss(Code.VARIANT_ORDER, filenames[better], f"{better} comes before {worse} on {found[better, worse]}")
        for better, worse in wrong
    )
    return ReleaseOrder(offsets, losses)


def _before(metadata: VariantMetadata, machines: Iterable[Host]) -> dict[tuple[str, str], str]:
    """Pairs of labels of which the first comes right before the second on some machine -> that machine."""
    found: dict[tuple[str, str], str] = {}
    answering = ((namespace, provider_of(metadata, namespace)) for namespace in metadata.namespaces)
    providers = {namespace: provider for namespace, provider in answering if provider is not None}
    metadata = replace(metadata, providers=providers)
    known = {name for name, each in providers.items() if isinstance(each, PluginProvider) and is_ranked(name)}
    for host in machines:
        features = [each for each in supported_features(host) if each.namespace in known]
        order = variant_order(metadata.variants, supported(metadata, features))
        for pair in pairwise(order):
            found.setdefault(pair, _described(host))
    return found


def _machines(metadata: VariantMetadata) -> Iterator[Host]:
    """One machine for each kind that the properties can tell apart."""
    values: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for properties in metadata.variants.values():
        for each in properties:
            values[each.namespace, each.feature].add(each.value)
    drivers: list[Release | None] = [None]
    gpus: list[Release | None] = [None]
    if any(namespace == "nvidia" for namespace, _ in values):
        bounds = values["nvidia", LOWER_BOUND].intersection(lower_bounds(NEWEST_DRIVER))
        bounds |= values["nvidia", UPPER_BOUND].intersection(upper_bounds(OLDEST_DRIVER))
        drivers += sorted({OLDEST_DRIVER, NEWEST_DRIVER, *map(_release, bounds)})
        gpus += sorted(_capabilities(values["nvidia", SM_ARCH]))
    kinds = [kind for kind in _MACHINES if any(namespace == kind for namespace, _ in values)]
    for kind in kinds or ["x86_64"]:
        subdir, processors = _MACHINES[kind]
        for driver, gpu, processor in product(drivers, gpus, processors if kinds else processors[:1]):
            if driver is not None or gpu is None:
                yield Host(Subdir(subdir), cuda=driver, cuda_arch=gpu, archspec=processor)


def _capabilities(values: Iterable[str]) -> set[Release]:
    """The first capability of every major that occurs, and each that has code of its own."""
    found: set[Release] = set()
    for value in values:
        code = value.partition("_")[0]
        if _CAPABILITY.fullmatch(code):
            major, minor = divmod(int(code), 10)
            if OLDEST_GPU.major <= major <= NEWEST_DRIVER.major:
                found |= {Release(major, 0), Release(major, minor)}
    return found


def _release(value: str) -> Release:
    major, _, minor = value.partition(".")
    return Release(int(major), int(minor or 0))


def _sorted(pairs: Iterable[tuple[str, str]], offsets: Mapping[str, int]) -> list[str] | None:
    """Labels in an order that no pair objects to, best first; None where there is none."""
    after: defaultdict[str, set[str]] = defaultdict(set)
    waiting: defaultdict[str, int] = defaultdict(int)
    labels: set[str] = set()
    for better, worse in pairs:
        labels |= {better, worse}
        after[better].add(worse)
        waiting[worse] += 1
    free = [(-offsets[label], label) for label in labels if not waiting[label]]
    heapq.heapify(free)
    found: list[str] = []
    while free:
        label = heapq.heappop(free)[1]
        found.append(label)
        for worse in after[label]:
            waiting[worse] -= 1
            if not waiting[worse]:
                heapq.heappush(free, (-offsets[worse], worse))
    return found if len(found) == len(labels) else None


def _described(host: Host) -> str:
    facts = {"CUDA": host.cuda, "compute capability": host.cuda_arch}
    said = [f"{name} {value}" for name, value in facts.items() if value is not None]
    return ", ".join([f"{host.subdir} {host.archspec}", *said])
