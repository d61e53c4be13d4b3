"""Which wheel a variant-aware client takes on a host (PEP 825; what PEP says and uv 0.13.8 does is the same here).

Tags filter first. Of the variants that are left and that the host supports, variantlib's reference sorter puts
the best first; inside one label the better platform tag wins, then the higher build tag. Only where no variant
is usable does a wheel without a label count.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.tags import Tag
from packaging.utils import BuildTag, canonicalize_name
from packaging.version import Version
from variantlib.models.variant import VariantDescription, VariantProperty
from variantlib.resolver.filtering import filter_unsupported_feature_values, filter_variants_by_property
from variantlib.resolver.sorting import sort_variant_properties, sort_variants_descriptions

from bridge.formats.wheel.filename import parse_wheel_filename
from bridge.mapping.providers import known_provider
from bridge.model.family import Family
from bridge.model.host import SupportedFeature
from bridge.model.variant import PluginProvider, Property, StaticProvider, VariantMetadata


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

    #: compatibility tags, best first.
    tags: tuple[Tag, ...]
    features: tuple[SupportedFeature, ...]
    python: tuple[int, int]


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


def choose_release(releases: Iterable[WheelRelease], machine: WheelMachine) -> tuple[WheelRelease, WheelOffer] | None:
    """The newest release with a usable wheel, and that wheel; final releases before others (PEP 440)."""
    by_version = {release.version: release for release in releases}
    versions = sorted(by_version, key=lambda version: (not version.is_prerelease, version), reverse=True)
    for version in versions:
        found = ranked(by_version[version], machine)
        if found:
            return by_version[version], found[0]
    return None


def ranked(release: WheelRelease, machine: WheelMachine) -> tuple[WheelOffer, ...]:
    """Every wheel of a release that is usable on the machine, best first."""
    if not admits(release.requires_python, machine.python):
        return ()
    places = {tag: place for place, tag in enumerate(machine.tags)}
    usable: list[tuple[int, WheelOffer]] = []
    for offer in release.offers:
        place = min((places[tag] for tag in offer.tags if tag in places), default=None)
        if place is not None and admits(offer.requires_python, machine.python):
            usable.append((place, offer))
    usable.sort(key=lambda item: (item[0], _descending(item[1].build), item[1].filename))
    labels = {offer.label for _, offer in usable if offer.label is not None}
    order: list[str | None] = []
    if release.metadata is not None and labels:
        order.extend(usable_labels(release.metadata, machine.features, labels))
    order.append(None)
    return tuple(offer for label in order for _, offer in usable if offer.label == label)


def usable_labels(
    metadata: VariantMetadata, features: Sequence[SupportedFeature], labels: Iterable[str] | None = None
) -> tuple[str, ...]:
    """The labels whose properties are supported, best first.

    Args:
        metadata: of the release.
        features: what plugin providers answer; values of static providers are always supported, and a
            namespace that nobody answers for is not.
        labels: look only at these.
    """
    wanted = set(metadata.variants if labels is None else labels) & metadata.variants.keys()
    if not wanted:
        return ()
    values = supported_values(metadata, features)
    supported = [
        VariantProperty(namespace, feature, value)
        for (namespace, feature), supported_here in values.items()
        for value in supported_here
    ]
    described = [_description(label, metadata.variants[label]) for label in sorted(wanted) if metadata.variants[label]]
    fitting = filter_variants_by_property(described, supported)
    trimmed = list(filter_unsupported_feature_values(fitting, supported))
    ordered = sort_variant_properties(
        supported,
        list(metadata.namespaces),
        feature_priorities=_by_namespace(values),
        property_priorities=_by_feature(values),
    )
    # The sorter admits only one label without properties, `null`; clients admit others, and put them last.
    bare = sorted(label for label in wanted if not metadata.variants[label])
    return (*(each.label for each in sort_variants_descriptions(trimmed, ordered)), *bare)


def supported_values(
    metadata: VariantMetadata, features: Iterable[SupportedFeature]
) -> Mapping[tuple[str, str], tuple[str, ...]]:
    """(namespace, feature) -> values that are supported, best first, in the order of the features."""
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for namespace in metadata.namespaces:
        provider = metadata.providers.get(namespace)
        if isinstance(provider, StaticProvider):
            found.update(((namespace, feature), tuple(values)) for feature, values in provider.features.items())
        elif isinstance(provider, PluginProvider) and is_honoured(namespace, provider):
            found.update(((each.namespace, each.feature), each.values) for each in features if each.namespace == namespace)
    return {key: values for key, values in found.items() if values}


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


def admits(requires_python: SpecifierSet | None, python: tuple[int, int]) -> bool:
    """Whether some patch release of a Python is admitted."""
    if requires_python is None or not str(requires_python):
        return True
    minor = SpecifierSet(f"=={python[0]}.{python[1]}.*")
    return not requires_python.to_range().is_disjoint(minor.to_range())


def _description(label: str, properties: Iterable[Property]) -> VariantDescription:
    found = [VariantProperty(each.namespace, each.feature, each.value) for each in sorted(properties)]
    return VariantDescription(found, label)


def _by_namespace(values: Mapping[tuple[str, str], Sequence[str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for namespace, feature in values:
        found.setdefault(namespace, []).append(feature)
    return found


def _by_feature(values: Mapping[tuple[str, str], Sequence[str]]) -> dict[str, dict[str, list[str]]]:
    found: dict[str, dict[str, list[str]]] = {}
    for (namespace, feature), items in values.items():
        found.setdefault(namespace, {})[feature] = list(items)
    return found


def _descending(build: BuildTag) -> tuple[int, ...]:
    """A key that sorts a higher build tag first, and none last."""
    if not build:
        return (1,)
    number, rest = build
    return (0, -number, *(-ord(character) for character in rest), 1)
