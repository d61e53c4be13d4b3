"""Which wheel a variant-aware client takes on a host (PEP 825; what PEP says and uv 0.13.8 does is the same here).

Tags filter first. Of the variants that are left and that the host supports, variantlib's reference sorter puts
the best first; inside one label the better platform tag wins, then the higher build tag. Only where no variant
is usable does a wheel without a label count.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.tags import Tag
from packaging.utils import BuildTag, canonicalize_name
from packaging.version import Version
from variantlib.models.variant import VariantDescription, VariantProperty
from variantlib.resolver.filtering import filter_unsupported_feature_values, filter_variants_by_property
from variantlib.resolver.sorting import sort_variant_properties, sort_variants_descriptions

from bridge.formats.wheel.filename import parse_wheel_filename
from bridge.mapping.hosts import host_tags, supported_features
from bridge.mapping.providers import known_provider
from bridge.model.family import Family
from bridge.model.host import Host, SupportedFeature
from bridge.model.variant import PluginProvider, Property, StaticProvider, VariantMetadata

#: (namespace, feature, values best first), the most important first.
Supported = tuple[tuple[str, str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class WheelOffer:
    """One wheel of a release, real or planned."""

    filename: str
    tags: frozenset[Tag]
    #: None: the wheel without a label.
    label: str | None = None
    build: BuildTag = ()
    #: file name of the conda artifact that it is made from; None where not known (yet).
    source: str | None = None
    #: of this very wheel; the release's counts where it is None.
    requires_python: SpecifierSet | None = None


@dataclass(frozen=True, slots=True)
class WheelRelease:
    """All wheels of one version, and the variant metadata that an index serves for it."""

    version: Version
    offers: tuple[WheelOffer, ...]
    #: None: the index has none, so that no variant is usable.
    metadata: VariantMetadata | None = None
    requires_python: SpecifierSet | None = None


@dataclass(frozen=True, slots=True)
class WheelMachine:
    """What a wheel client knows of the machine."""

    #: compatibility tag -> its place, 0 being the best.
    places: Mapping[Tag, int]
    features: tuple[SupportedFeature, ...]
    python: tuple[int, int]


@lru_cache(maxsize=4096)
def wheel_machine(host: Host, python: tuple[int, int]) -> WheelMachine:
    """What a client that runs in conda's CPython on a machine knows of it."""
    system = replace(host, cuda=None, cuda_arch=None, archspec=None, linux=None)
    return WheelMachine(_places(system, python), supported_features(host), python)


@lru_cache(maxsize=256)
def _places(system: Host, python: tuple[int, int]) -> Mapping[Tag, int]:
    wide = python[0] == 2 and not system.subdir.startswith("win")
    tags = host_tags(system, python, abi=f"cp{python[0]}{python[1]}mu" if wide else None)
    return {tag: place for place, tag in enumerate(tags)}


def family_release(family: Family) -> WheelRelease:
    """A planned family as an index would offer it."""
    offers = tuple(
        WheelOffer(
            filename=member.filename,
            tags=member.tags,
            label=member.label,
            build=parse_wheel_filename(member.filename).build,
            source=member.source,
        )
        for member in family.members
    )
    return WheelRelease(family.version, offers, family.metadata, family.requires_python)


class RankedRelease:
    """A release and its order on one machine after the other; equal orders are found once."""

    def __init__(self, release: WheelRelease) -> None:
        self.release = release
        self._orders: dict[tuple[frozenset[str], Supported], tuple[str, ...]] = {}

    def ranked(self, machine: WheelMachine) -> tuple[WheelOffer, ...]:
        """Every wheel that is usable on the machine, best first."""
        release, places = self.release, machine.places
        if not admits(release.requires_python, machine.python):
            return ()
        usable: list[tuple[int, WheelOffer]] = []
        for offer in release.offers:
            place = min((places[tag] for tag in offer.tags if tag in places), default=None)
            if place is not None and admits(offer.requires_python, machine.python):
                usable.append((place, offer))
        usable.sort(key=lambda item: (item[0], _descending(item[1].build), item[1].filename))
        labels = frozenset(offer.label for _, offer in usable if offer.label is not None)
        order = (*self._order(labels, machine.features), None)
        return tuple(offer for label in order for _, offer in usable if offer.label == label)

    def _order(self, labels: frozenset[str], features: Sequence[SupportedFeature]) -> tuple[str, ...]:
        metadata = self.release.metadata
        if metadata is None or not labels:
            return ()
        supported = supported_values(metadata, features)
        key = labels, supported
        if key not in self._orders:
            self._orders[key] = _sorted_labels(metadata, supported, labels)
        return self._orders[key]


def choose_release(releases: Iterable[RankedRelease], machine: WheelMachine) -> tuple[WheelRelease, WheelOffer] | None:
    """The newest release with a usable wheel, and that wheel; final releases before others (PEP 440)."""
    by_version = {each.release.version: each for each in releases}
    versions = sorted(by_version, key=lambda version: (not version.is_prerelease, version), reverse=True)
    for version in versions:
        if found := by_version[version].ranked(machine):
            return by_version[version].release, found[0]
    return None


def ranked(release: WheelRelease, machine: WheelMachine) -> tuple[WheelOffer, ...]:
    """Every wheel of a release that is usable on the machine, best first."""
    return RankedRelease(release).ranked(machine)


def usable_labels(metadata: VariantMetadata, features: Sequence[SupportedFeature]) -> tuple[str, ...]:
    """The labels whose properties are supported, best first.

    Args:
        metadata: of the release.
        features: what plugin providers answer; values of static providers are always supported, and a
            namespace that nobody answers for is not.
    """
    return _sorted_labels(metadata, supported_values(metadata, features), metadata.variants)


def supported_values(metadata: VariantMetadata, features: Iterable[SupportedFeature]) -> Supported:
    """What of the properties that a release uses is supported, best first, in the order of namespaces and features."""
    used: dict[tuple[str, str], set[str]] = {}
    for properties in metadata.variants.values():
        for each in properties:
            used.setdefault((each.namespace, each.feature), set()).add(each.value)
    found: list[tuple[str, str, tuple[str, ...]]] = []
    answers = tuple(features)
    for namespace in metadata.namespaces:
        provider = metadata.providers.get(namespace)
        if isinstance(provider, StaticProvider):
            offered: Iterable[tuple[str, Sequence[str]]] = provider.features.items()
        elif isinstance(provider, PluginProvider) and is_honoured(namespace, provider):
            offered = [(each.feature, each.values) for each in answers if each.namespace == namespace]
        else:
            continue
        for feature, values in offered:
            wanted = used.get((namespace, feature), set())
            if kept := tuple(value for value in values if value in wanted):
                found.append((namespace, feature, kept))
    return tuple(found)


def _sorted_labels(metadata: VariantMetadata, values: Supported, labels: Iterable[str]) -> tuple[str, ...]:
    """The supported ones among the labels, by variantlib's sorter."""
    wanted = sorted(label for label in set(labels) if label in metadata.variants)
    supported = [
        VariantProperty(namespace, feature, value) for namespace, feature, listed in values for value in listed
    ]
    described = [_description(label, metadata.variants[label]) for label in wanted if metadata.variants[label]]
    fitting = filter_variants_by_property(described, supported)
    trimmed = list(filter_unsupported_feature_values(fitting, supported))
    features: dict[str, list[str]] = {}
    priorities: dict[str, dict[str, list[str]]] = {}
    for namespace, feature, listed in values:
        features.setdefault(namespace, []).append(feature)
        priorities.setdefault(namespace, {})[feature] = list(listed)
    ordered = sort_variant_properties(
        supported, list(metadata.namespaces), feature_priorities=features, property_priorities=priorities
    )
    # The sorter admits only one label without properties, `null`; clients admit others, and put them last.
    bare = [label for label in wanted if not metadata.variants[label]]
    return (*(each.label for each in sort_variants_descriptions(trimmed, ordered)), *bare)


@lru_cache(maxsize=256)
def is_honoured(namespace: str, provider: PluginProvider) -> bool:
    """Whether clients take a provider for the one that they have built in (as uv 0.13.8 compares them).

    Name and entry point must be the known ones, and the requirement must admit the version that is built in,
    which is where the known requirement starts.
    """
    known = known_provider(namespace)
    if not isinstance(known, PluginProvider):
        return False
    ours, theirs = Requirement(known.requires), Requirement(provider.requires)
    built_in = next(each.version for each in ours.specifier if each.operator == ">=")
    default = canonicalize_name(ours.name).replace("-", "_")
    return (
        canonicalize_name(ours.name) == canonicalize_name(theirs.name)
        and (known.plugin_api or default) == (provider.plugin_api or default)
        and theirs.specifier.contains(built_in, prereleases=True)
    )


@lru_cache(maxsize=1024)
def admits(requires_python: SpecifierSet | None, python: tuple[int, int]) -> bool:
    """Whether some patch release of a Python is admitted."""
    if requires_python is None or not str(requires_python):
        return True
    minor = SpecifierSet(f"=={python[0]}.{python[1]}.*")
    return not requires_python.to_range().is_disjoint(minor.to_range())


def _description(label: str, properties: Iterable[Property]) -> VariantDescription:
    found = [VariantProperty(each.namespace, each.feature, each.value) for each in sorted(properties)]
    return VariantDescription(found, label)


def _descending(build: BuildTag) -> tuple[int, ...]:
    """A key that sorts a higher build tag first, and none last."""
    if not build:
        return (1,)
    number, rest = build
    return (0, -number, *(-ord(character) for character in rest), 1)
