"""The order that PEP 825 gives the variants of a release on one machine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from bridge.model.host import SupportedFeature
from bridge.model.variant import Property, StaticProvider, VariantMetadata

#: (namespace, feature) -> value -> its place, 0 being the best; both in order of preference.
Supported = Mapping[tuple[str, str], Mapping[str, int]]
#: of one feature: places of its namespace, of itself and of the best value.
_Place = tuple[int, int, int]
#: after every real place, so that of two lists with a common start the longer wins.
_END: Final = (1 << 30, 0, 0)


def supported(metadata: VariantMetadata, features: Iterable[SupportedFeature]) -> Supported:
    """What a machine supports of the namespaces of a release.

    Args:
        metadata: of the release; the values of its static providers are supported everywhere.
        features: what the machine's plugin providers answer.
    """
    answers = list(features)
    found: dict[tuple[str, str], Mapping[str, int]] = {}
    for namespace in metadata.namespaces:
        provider = metadata.providers.get(namespace)
        if isinstance(provider, StaticProvider):
            offered = [(feature, values) for feature, values in provider.features.items()]
        else:
            offered = [(each.feature, each.values) for each in answers if each.namespace == namespace]
        for feature, values in offered:
            found[namespace, feature] = {value: place for place, value in enumerate(values)}
    return found


def variant_order(variants: Mapping[str, Iterable[Property]], available: Supported) -> tuple[str, ...]:
    """The labels of all variants that can be used, best first.

    A variant can be used if of every feature that it names at least one value is supported. Each feature counts by
    its best supported value; the sorted lists of places are compared, the label decides between equal ones.
    """
    namespaces = {namespace: place for place, namespace in enumerate(dict.fromkeys(key[0] for key in available))}
    features = {key: place for place, key in enumerate(available)}
    ranked: list[tuple[list[_Place], str]] = []
    for label, properties in variants.items():
        best: dict[tuple[str, str], int | None] = {}
        for each in properties:
            key = each.namespace, each.feature
            place = available.get(key, {}).get(each.value)
            known = best.get(key)
            best[key] = place if known is None else known if place is None else min(known, place)
        if any(place is None for place in best.values()):
            continue
        places = [(namespaces[key[0]], features[key], place) for key, place in best.items() if place is not None]
        ranked.append(([*sorted(places), _END], label))
    return tuple(label for _, label in sorted(ranked))
