"""Reading and writing variant metadata: `variant.json` of a wheel, `-variants.json` of a release (PEP 825, PEP 850).

The reader refuses what the strictest client refuses (uv, for which one bad file makes every wheel of the release
unusable), and names repeated in one JSON object besides, because readers differ in which of them they believe.
What clients read and then cannot use is not refused but reported.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from packaging.requirements import InvalidRequirement, Requirement

from bridge.errors import Code, InvalidInput
from bridge.formats.strict_json import NotStrict, load_strictly, shown
from bridge.formats.wheel import variant_schema as schema
from bridge.model.variant import NULL_LABEL, InertProvider, PluginProvider, Property, StaticProvider, VariantMetadata

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from bridge.model.variant import Provider

_TOP_KEYS: Final = frozenset({schema.SCHEMA_KEY, schema.PRIORITIES_KEY, schema.PROVIDERS_KEY, schema.VARIANTS_KEY})
#: what may stand beside the key that gives a provider its kind.
_PROVIDER_KEYS: Final = {
    schema.STATIC_KEY: frozenset({schema.FEATURE_ORDER_KEY, schema.OPTIONAL_KEY}),
    schema.REQUIRES_KEY: frozenset({schema.PLUGIN_API_KEY, schema.OPTIONAL_KEY}),
    schema.BUILTIN_KEY: frozenset({schema.OPTIONAL_KEY}),
}


@dataclass(frozen=True, slots=True)
class Reading:
    """A file that clients can read."""

    metadata: VariantMetadata
    #: its `$schema`.
    schema: str
    #: what clients will not do as the file's author may expect; whole sentences without a final stop.
    warnings: tuple[str, ...] = ()


def parse_variant_json(data: bytes, subject: str, *, label: str | None = None) -> VariantMetadata:
    """The metadata in a file; as `read_variant_json`, without its warnings."""
    return read_variant_json(data, subject, label=label).metadata


def read_variant_json(data: bytes, subject: str, *, label: str | None = None) -> Reading:
    """Parse a variants file of PEP 850, of PEP 825 alone (no providers), or with a `$schema` that is not known.

    Args:
        data: the file.
        subject: its name, for messages.
        label: the label in a wheel's file name: the file is its `variant.json` and must describe that label alone.

    Raises:
        InvalidInput: `CB109`, too large; `CB130`, not JSON with one meaning, a key or a type that the schema does not
            have; `CB131`, priorities, providers and the namespaces used do not match; `CB132`, a malformed namespace,
            feature or value, or `null` with properties; `CB133`, a malformed label, or not exactly `label`.
    """
    if len(data) > schema.LARGEST_FILE:
        raise InvalidInput(Code.LIMIT, f"{len(data)} bytes are more than {schema.LARGEST_FILE}", subject=subject)
    return _Reader(subject).read(data, label)


def write_variant_json(metadata: VariantMetadata) -> bytes:
    """The file for this metadata, by the schema of PEP 850; the same metadata give the same bytes.

    Raises:
        InvalidInput: as `read_variant_json`; what is written can always be read.
    """
    data = (json.dumps(variant_document(metadata), indent=4, sort_keys=True) + "\n").encode("ascii")
    parse_variant_json(data, schema.MEMBER)
    return data


def variant_document(metadata: VariantMetadata) -> dict[str, Any]:
    """The JSON document for this metadata, unchecked."""
    return {
        schema.SCHEMA_KEY: schema.CURRENT,
        schema.PRIORITIES_KEY: {schema.NAMESPACE_KEY: list(metadata.namespaces)},
        schema.PROVIDERS_KEY: {namespace: _provider(each) for namespace, each in sorted(metadata.providers.items())},
        schema.VARIANTS_KEY: {label: _properties(each) for label, each in sorted(metadata.variants.items())},
    }


def for_label(metadata: VariantMetadata, label: str) -> VariantMetadata:
    """What the wheel with this label says: all namespaces and providers, its own properties.

    Raises:
        InvalidInput: `CB133`, the release has no such label.
    """
    if label not in metadata.variants:
        raise InvalidInput(Code.VARIANT_LABEL, f"the release has no variant {label!r}", field=schema.VARIANTS_KEY)
    return replace(metadata, variants={label: metadata.variants[label]})


def _provider(provider: Provider) -> dict[str, Any]:
    match provider:
        case PluginProvider(requires, None):
            return {schema.REQUIRES_KEY: [requires]}
        case PluginProvider(requires, plugin_api):
            return {schema.REQUIRES_KEY: [requires], schema.PLUGIN_API_KEY: plugin_api}
        case StaticProvider(features):
            document: dict[str, Any] = {schema.STATIC_KEY: {name: list(values) for name, values in features.items()}}
            if len(features) > 1:
                document[schema.FEATURE_ORDER_KEY] = list(features)
            return document
        case InertProvider(text):
            inert: dict[str, Any] = json.loads(text)
            return inert


def _properties(properties: Collection[Property]) -> dict[str, dict[str, list[str]]]:
    document: dict[str, dict[str, list[str]]] = {}
    for each in sorted(properties):
        document.setdefault(each.namespace, {}).setdefault(each.feature, []).append(each.value)
    return document


class _Reader:
    """Checks one document from the outside in; every error names the key that it is about."""

    def __init__(self, subject: str) -> None:
        self._subject = subject
        self._warnings: list[str] = []

    def read(self, data: bytes, label: str | None) -> Reading:
        try:
            document = load_strictly(data)
        except NotStrict as error:
            raise self._bad(str(error)) from error
        top = self._object(document, "", _TOP_KEYS)
        version = self._text(self._required(top, schema.SCHEMA_KEY), schema.SCHEMA_KEY)
        if version not in schema.KNOWN:
            self._warnings.append(f"{schema.SCHEMA_KEY} {shown(version)} is not known to clients")
        namespaces = self._namespaces(self._required(top, schema.PRIORITIES_KEY))
        providers = self._providers(top.get(schema.PROVIDERS_KEY), version, namespaces)
        variants = self._variants(self._required(top, schema.VARIANTS_KEY), frozenset(namespaces))
        self._check_label(variants, label)
        return Reading(VariantMetadata(namespaces, providers, variants), version, tuple(self._warnings))

    def _namespaces(self, value: object) -> tuple[str, ...]:
        key = f"{schema.PRIORITIES_KEY}.{schema.NAMESPACE_KEY}"
        priorities = self._object(value, schema.PRIORITIES_KEY, {schema.NAMESPACE_KEY})
        namespaces = self._texts(self._required(priorities, schema.NAMESPACE_KEY), key)
        if not namespaces:
            raise self._error(Code.VARIANT_NAMESPACES, key, "is empty; at least one namespace is needed")
        if len(set(namespaces)) != len(namespaces):
            raise self._error(Code.VARIANT_NAMESPACES, key, "lists a namespace twice")
        for namespace in namespaces:
            self._check_name(namespace, key)
        return namespaces

    def _providers(self, value: object, version: str, namespaces: tuple[str, ...]) -> dict[str, Provider]:
        if value is None and version != schema.SCHEMA_850:
            self._warnings.append(f"without {schema.PROVIDERS_KEY}, clients can select only the {NULL_LABEL} variant")
            return {}
        if value is None:
            raise self._error(Code.VARIANT_NAMESPACES, schema.PROVIDERS_KEY, "is missing")
        entries = self._object(value, schema.PROVIDERS_KEY)
        if entries.keys() != set(namespaces):
            odd = ", ".join(map(shown, sorted(entries.keys() ^ set(namespaces))[:3]))
            message = f"must have exactly the namespaces of {schema.PRIORITIES_KEY}; only one of the two has {odd}"
            raise self._error(Code.VARIANT_NAMESPACES, schema.PROVIDERS_KEY, message)
        return {
            namespace: self._provider(entry, f"{schema.PROVIDERS_KEY}.{namespace}", namespace)
            for namespace, entry in entries.items()
        }

    def _provider(self, value: object, key: str, namespace: str) -> Provider:
        entry = self._object(value, key)
        kinds = entry.keys() & _PROVIDER_KEYS.keys()
        if len(kinds) != 1:
            raise self._bad(f"must have exactly one of {', '.join(sorted(_PROVIDER_KEYS))}", key)
        kind = kinds.pop()
        self._object(value, key, {kind, *_PROVIDER_KEYS[kind]})
        optional = entry.get(schema.OPTIONAL_KEY, False)
        if not isinstance(optional, bool):
            raise self._bad("must be true or false", f"{key}.{schema.OPTIONAL_KEY}")
        provider: Provider | None = None
        match kind:
            case schema.STATIC_KEY:
                provider = self._static(entry, key)
            case schema.REQUIRES_KEY:
                provider = self._plugin(entry, key)
            case _:
                self._text(entry[kind], f"{key}.{kind}")
        if provider is None or optional:
            self._warnings.append(f"clients skip the provider of {namespace!r}, so that they support no value of it")
            return InertProvider(json.dumps(entry, sort_keys=True, separators=(",", ":")))
        return provider

    def _static(self, entry: Mapping[str, Any], key: str) -> StaticProvider:
        features: dict[str, tuple[str, ...]] = {}
        where = f"{key}.{schema.STATIC_KEY}"
        for feature, listed in self._object(entry[schema.STATIC_KEY], where).items():
            self._check_name(feature, where)
            features[feature] = self._values(listed, f"{where}.{feature}")
        where = f"{key}.{schema.FEATURE_ORDER_KEY}"
        if (order := entry.get(schema.FEATURE_ORDER_KEY)) is not None:
            names = self._texts(order, where)
            if len(names) != len(features) or set(names) != features.keys() or not names:
                raise self._bad(f"must list each feature of {schema.STATIC_KEY} once", where)
            return StaticProvider({name: features[name] for name in names})
        if len(features) > 1:
            raise self._bad("is needed where there are several features", where)
        return StaticProvider(features)

    def _plugin(self, entry: Mapping[str, Any], key: str) -> PluginProvider | None:
        """None where clients read the provider but skip it."""
        requires = self._texts(entry[schema.REQUIRES_KEY], f"{key}.{schema.REQUIRES_KEY}")
        plugin_api = entry.get(schema.PLUGIN_API_KEY)
        if plugin_api is not None:
            self._text(plugin_api, f"{key}.{schema.PLUGIN_API_KEY}")
        if len(requires) != 1:
            return None
        try:
            requirement = Requirement(requires[0])
        except (InvalidRequirement, RecursionError):
            return None
        plain = not (requirement.extras or requirement.marker or requirement.url)
        return PluginProvider(requires[0], plugin_api) if plain else None

    def _variants(self, value: object, namespaces: frozenset[str]) -> dict[str, frozenset[Property]]:
        variants: dict[str, frozenset[Property]] = {}
        for label, entry in self._object(value, schema.VARIANTS_KEY).items():
            if not schema.VALUE.fullmatch(label):
                message = f"{shown(label)} is not a label (lowercase letters, digits, `.` and `_`)"
                raise self._error(Code.VARIANT_LABEL, schema.VARIANTS_KEY, message)
            key = f"{schema.VARIANTS_KEY}.{label}"
            variants[label] = frozenset(self._variant(entry, key, namespaces))
            if label == NULL_LABEL and variants[label]:
                raise self._error(Code.VARIANT_PROPERTIES, key, "must have no properties")
            if label != NULL_LABEL and not variants[label]:
                self._warnings.append(f"variant {label!r} has no properties, which only {NULL_LABEL!r} should")
        return variants

    def _variant(self, value: object, key: str, namespaces: frozenset[str]) -> list[Property]:
        properties: list[Property] = []
        for namespace, features in self._object(value, key).items():
            self._check_name(namespace, key)
            where = f"{key}.{namespace}"
            for feature, listed in self._object(features, where).items():
                self._check_name(feature, where)
                values = self._values(listed, f"{where}.{feature}")
                if not values:
                    raise self._error(Code.VARIANT_PROPERTIES, f"{where}.{feature}", "lists no value")
                properties += (Property(namespace, feature, each) for each in values)
            if features and namespace not in namespaces:
                message = f"is not in {schema.PRIORITIES_KEY}"
                raise self._error(Code.VARIANT_NAMESPACES, where, message)
        return properties

    def _values(self, value: object, key: str) -> tuple[str, ...]:
        values = self._texts(value, key)
        for each in values:
            if not schema.VALUE.fullmatch(each):
                message = f"{shown(each)} is not a value (lowercase letters, digits, `.` and `_`)"
                raise self._error(Code.VARIANT_PROPERTIES, key, message)
        if len(set(values)) != len(values):
            raise self._error(Code.VARIANT_PROPERTIES, key, "lists a value twice")
        return values

    def _check_label(self, variants: Mapping[str, frozenset[Property]], label: str | None) -> None:
        if label is not None and set(variants) != {label}:
            found = ", ".join(map(shown, sorted(variants)[:3])) or "none"
            message = f"must describe {label!r} alone, as the file name says; it has {found}"
            raise self._error(Code.VARIANT_LABEL, schema.VARIANTS_KEY, message)

    def _check_name(self, name: str, key: str) -> None:
        if not schema.NAME.fullmatch(name):
            message = f"{shown(name)} is not a namespace or feature (lowercase letters, digits and `_`)"
            raise self._error(Code.VARIANT_PROPERTIES, key, message)

    def _object(self, value: object, key: str, allowed: Collection[str] | None = None) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self._bad("is not an object", key)
        unknown = () if allowed is None else sorted(value.keys() - set(allowed))
        if unknown:
            raise self._bad(f"has the unknown key {shown(unknown[0])}", key)
        return value

    def _required(self, document: Mapping[str, Any], key: str) -> Any:
        if key not in document:
            raise self._bad("is missing", key)
        return document[key]

    def _text(self, value: object, key: str) -> str:
        if not isinstance(value, str):
            raise self._bad("is not text", key)
        return value

    def _texts(self, value: object, key: str) -> tuple[str, ...]:
        if not isinstance(value, list):
            raise self._bad("is not a list", key)
        return tuple(self._text(each, key) for each in value)

    def _bad(self, message: str, key: str = "") -> InvalidInput:
        return self._error(Code.VARIANT_SCHEMA, key, message)

    def _error(self, code: Code, key: str, message: str) -> InvalidInput:
        return InvalidInput(code, message, subject=self._subject, field=key or None)
