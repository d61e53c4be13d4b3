"""The place of a variant among all that its release could have (PEP 825), as a number that one wheel knows by itself.

Variants compare by their features in the order of priorities: one that names a feature comes before one that does
not, and of two that name it the one with the better value. So a variant is a number whose digits are its values, the
most important feature first. The places of the digits are counted from the top: metadata of one release may list
more namespaces in one wheel than in another, but only at the end, which changes no digit before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Final

from bridge.mapping.microarchitectures import AARCH64_VERSIONS
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
from bridge.mapping.providers import known_provider
from bridge.model.variant import PluginProvider, Provider, StaticProvider

if TYPE_CHECKING:
    from bridge.model.variant import VariantMetadata

#: between two variants; what is below it is left to the wheel's build tag.
STEP: Final = 100
#: places for variants: build numbers stay below 2^31, the largest that some servers store.
_PLACES: Final = 20_000_000
_LAST_MINOR: Final = 9


def build_offset(metadata: VariantMetadata, label: str) -> tuple[int, bool]:
    """What to add to the build number of a variant, and whether every feature had a digit of its own.

    Args:
        metadata: of the wheel or of its release.
        label: of the variant.

    Returns:
        A multiple of `STEP`: `STEP` for a variant without properties, more for all others. Of several values of a
        feature the one that counts most is taken, although machines may support another one only.
    """
    values: dict[tuple[str, str], list[str]] = {}
    for each in metadata.variants[label]:
        values.setdefault((each.namespace, each.feature), []).append(each.value)
    place, exact, room = 0, True, _PLACES
    for key, digits in _digits(metadata):
        room //= 1 + max(digits.values(), default=0)
        digit = max((digits.get(value, 0) for value in values.get(key, ())), default=0)
        place += digit * room
        exact = exact and (room > 0 or digit == 0)
    return STEP * (1 + max(place, 1 if values else 0)), exact


def provider_of(metadata: VariantMetadata, namespace: str) -> Provider | None:
    """Who answers for a namespace: a static provider, or the plugin that is known for it; None where nobody is known.

    Metadata of PEP 825 alone name no providers, which leaves those that are known by their namespace. The version of
    a plugin that a wheel asks for does not matter here, because it changes no meaning.
    """
    known = known_provider(namespace)
    provider = metadata.providers.get(namespace, None if metadata.providers else known)
    if isinstance(provider, PluginProvider):
        return known if isinstance(known, PluginProvider) else None
    return provider if isinstance(provider, StaticProvider) else None


def is_ranked(namespace: str) -> bool:
    """Whether the values of a plugin are known, so that conda can say where they hold."""
    return bool(_plugin(namespace))


def _digits(metadata: VariantMetadata) -> Iterator[tuple[tuple[str, str], Mapping[str, int]]]:
    """Of every feature, the most important first: value -> digit, the best value having the largest."""
    for namespace in metadata.namespaces or sorted(_used(metadata)):
        provider = provider_of(metadata, namespace)
        if isinstance(provider, StaticProvider):
            for feature, listed in provider.features.items():
                yield (namespace, feature), {value: len(listed) - at for at, value in enumerate(listed)}
        elif isinstance(provider, PluginProvider):
            for feature, digits in _plugin(namespace).items():
                yield (namespace, feature), digits


def _used(metadata: VariantMetadata) -> set[str]:
    return {each.namespace for properties in metadata.variants.values() for each in properties}


@cache
def _plugin(namespace: str) -> Mapping[str, Mapping[str, int]]:
    """Features and values of plugins whose order is known, for all machines together."""
    match namespace:
        case "nvidia":
            return {LOWER_BOUND: _bounds(lower=True), UPPER_BOUND: _bounds(lower=False), SM_ARCH: _architectures()}
        case "x86_64":
            return {"level": {f"v{level}": level for level in (1, 2, 3, 4)}}
        case "aarch64":
            return {"version": {version: len(AARCH64_VERSIONS) - at for at, version in enumerate(AARCH64_VERSIONS)}}
        case _:
            return {}


def _bounds(*, lower: bool) -> Mapping[str, int]:
    """Digits of the driver's bounds; minors after the ninth, which CUDA never had, count as the ninth."""
    found: dict[str, int] = {}
    digit = 0
    for value in reversed(lower_bounds(NEWEST_DRIVER) if lower else upper_bounds(OLDEST_DRIVER)):
        minor = value.partition(".")[2]
        digit += not (minor and int(minor) > _LAST_MINOR)
        found[value] = digit
    return found


def _architectures() -> Mapping[str, int]:
    """Values of different majors never hold on one GPU, so the minor alone counts; PTX comes last."""
    majors = range(OLDEST_GPU.major, NEWEST_DRIVER.major + 1)
    real = {f"{major}{minor}_real": minor + 2 for major in majors for minor in range(_LAST_MINOR + 1)}
    return {**real, **{f"{major}0_virtual": 1 for major in majors}}
