"""Known providers of variant namespaces, as clients spell them, and the order of namespaces (`providers.yaml`)."""

from __future__ import annotations

from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from bridge.mapping.yaml_file import data_directory, parse_yaml
from bridge.model.variant import PluginProvider, StaticProvider

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bridge.model.variant import Property, Provider

_FILE: Final = "providers.yaml"


def known_provider(namespace: str) -> Provider | None:
    """The provider of a namespace, a static one with all known values; None where the namespace is not known."""
    return _providers().get(namespace)


def namespace_order() -> tuple[str, ...]:
    """Every known namespace, most important first."""
    return tuple(_providers())


def provider_for(namespace: str, properties: Iterable[Property]) -> Provider | None:
    """The provider that metadata with these properties should name.

    Args:
        namespace: of the provider.
        properties: all properties of the release; those of other namespaces do not matter.

    Returns:
        A plugin as it is; a static provider cut down to the features and values that occur, in its own order;
        None where the namespace is not known, or a static provider lacks one of the values.
    """
    provider = known_provider(namespace)
    if not isinstance(provider, StaticProvider):
        return provider
    used = {(each.feature, each.value) for each in properties if each.namespace == namespace}
    kept = {
        feature: found
        for feature, values in provider.features.items()
        if (found := tuple(value for value in values if (feature, value) in used))
    }
    return StaticProvider(kept) if sum(map(len, kept.values())) == len(used) else None


def ordered_namespaces(namespaces: Iterable[str]) -> tuple[str, ...]:
    """Without repetitions, most important first; unknown ones after the known ones, by name."""
    wanted = set(namespaces)
    known = [namespace for namespace in namespace_order() if namespace in wanted]
    return (*known, *sorted(wanted.difference(known)))


@lru_cache(maxsize=1)
def _providers() -> Mapping[str, Provider]:
    document = parse_yaml(data_directory().joinpath(_FILE).read_bytes(), _FILE, own=True)
    return MappingProxyType({namespace: _provider(entry) for namespace, entry in document["providers"].items()})


def _provider(entry: Mapping[str, Any]) -> Provider:
    if "static" in entry:
        return StaticProvider({feature: _values(values) for feature, values in entry["static"].items()})
    return PluginProvider(entry["requires"], entry.get("plugin-api"))


def _values(values: Any) -> tuple[str, ...]:
    if isinstance(values, dict):
        return tuple(map(str, range(values["from"], values["to"] + 1)))
    return tuple(values)
