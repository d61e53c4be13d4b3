"""What variant metadata should not say although clients can read it, and how metadata of one release go together."""

from __future__ import annotations

import logging
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from bridge.errors import BridgeError, Code, InvalidInput
from bridge.formats.wheel import variant_schema as schema
from bridge.formats.wheel.variant_json import variant_document, write_variant_json
from bridge.model.variant import NULL_LABEL, InertProvider, StaticProvider, VariantMetadata

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bridge.model.variant import Property, Provider


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a wheel, a variants file or a release."""

    code: Code
    #: one sentence without a final stop.
    message: str
    subject: str | None = None
    field: str | None = None
    #: False: clients work with it, but hardly as its author meant.
    fatal: bool = True

    @classmethod
    def of(cls, error: BridgeError) -> Problem:
        """What was raised, as a value."""
        return cls(error.code, error.message, error.subject, error.field)

    def __str__(self) -> str:
        where = "".join(f"{part}: " for part in (self.subject, self.field) if part)
        return f"{self.code.number} {'' if self.fatal else 'warning: '}{where}{self.message}"

    def to_json(self) -> dict[str, Any]:
        return {
            "code": self.code.number,
            "severity": "error" if self.fatal else "warning",
            "subject": self.subject,
            "field": self.field,
            "message": self.message,
        }


def validate(metadata: VariantMetadata, subject: str | None = None, *, reference: bool = True) -> tuple[Problem, ...]:
    """Everything that is wrong with the metadata of a release or a wheel, before it is written or after it was read.

    Args:
        metadata: of one file; held against the rules of the strictest clients, uv and variantlib.
        subject: file name, for messages.
        reference: ask variantlib too, whose import takes longer than all else here.

    Returns:
        Problems, fatal ones first; a fatal one keeps some client from using a variant.
    """
    try:
        write_variant_json(metadata)
    except InvalidInput as error:
        return (replace(Problem.of(error), subject=subject),)
    found = [*_unusable(metadata), *_questionable(metadata)]
    if reference and not any(problem.fatal for problem in found):
        found[:0] = _reference_objections(metadata)
    return tuple(replace(problem, subject=subject) for problem in found)


def merge(parts: Iterable[tuple[str, VariantMetadata]]) -> VariantMetadata:
    """The metadata of a release from those of its wheels (PEP 825, merging).

    Args:
        parts: file name and metadata of each; at least one.

    Returns:
        All labels; the longest list of namespaces, of which every other one is a beginning.

    Raises:
        InvalidInput: `CB134`, two files contradict each other; the message names both.
        ValueError: there are no parts.
    """
    namespaces: tuple[str, ...] = ()
    longest_from: str | None = None
    providers: dict[str, tuple[str, Provider]] = {}
    variants: dict[str, tuple[str, frozenset[Property]]] = {}
    for name, part in parts:
        shared = min(len(namespaces), len(part.namespaces))
        if longest_from is not None and namespaces[:shared] != part.namespaces[:shared]:
            message = f"the order of namespaces is {_listed(part.namespaces)}, not {_listed(namespaces)}"
            raise _contradiction(name, longest_from, schema.PRIORITIES_KEY, message)
        if longest_from is None or len(part.namespaces) > len(namespaces):
            namespaces, longest_from = part.namespaces, name
        for namespace, provider in part.providers.items():
            first, known = providers.setdefault(namespace, (name, provider))
            if not _same(known, provider):
                raise _contradiction(name, first, f"{schema.PROVIDERS_KEY}.{namespace}", "the providers differ")
        for label, properties in part.variants.items():
            first, said = variants.setdefault(label, (name, properties))
            if said != properties:
                message = f"the properties are {_listed(properties)}, not {_listed(said)}"
                raise _contradiction(name, first, f"{schema.VARIANTS_KEY}.{label}", message)
    if longest_from is None:
        raise ValueError("nothing to merge")
    return VariantMetadata(
        namespaces,
        {namespace: provider for namespace, (_, provider) in providers.items()},
        {label: properties for label, (_, properties) in variants.items()},
    )


def agree(whole: VariantMetadata, part: VariantMetadata, label: str) -> str | None:
    """What contradicts the metadata of a release in those of its wheel with this label; None where they agree."""
    if whole.variants[label] != part.variants[label]:
        return f"the properties are {_listed(part.variants[label])}, not {_listed(whole.variants[label])}"
    shared = min(len(whole.namespaces), len(part.namespaces))
    if whole.namespaces[:shared] != part.namespaces[:shared]:
        return f"the namespaces are ordered {_listed(part.namespaces)}, not {_listed(whole.namespaces)}"
    for namespace in sorted({each.namespace for each in part.variants[label]}):
        here, there = part.providers.get(namespace), whole.providers.get(namespace)
        if here is None or there is None or not _same(here, there):
            return f"the providers of {namespace!r} differ"
    return None


def _unusable(metadata: VariantMetadata) -> Iterator[Problem]:
    """What keeps a client from ever taking a variant."""
    used = {each.namespace for properties in metadata.variants.values() for each in properties}
    for namespace, provider in metadata.providers.items():
        if isinstance(provider, InertProvider) and namespace in used:
            key = f"{schema.PROVIDERS_KEY}.{namespace}"
            yield Problem(Code.VARIANT_NAMESPACES, "clients skip this provider", field=key)
    by_properties: dict[frozenset[Property], list[str]] = defaultdict(list)
    for label, properties in sorted(metadata.variants.items()):
        key = f"{schema.VARIANTS_KEY}.{label}"
        by_properties[properties].append(label)
        if not properties and label != NULL_LABEL:
            message = f"only {NULL_LABEL!r} may have no properties"
            yield Problem(Code.VARIANT_PROPERTIES, message, field=key)
        for each in sorted(properties):
            if _never_supported(metadata.providers[each.namespace], each):
                message = f"the static provider does not list {str(each)!r}, so that nothing supports it"
                yield Problem(Code.VARIANT_PROPERTIES, message, field=key)
    for labels in by_properties.values():
        if len(labels) > 1:
            message = f"{_listed(labels)} have the same properties; clients only ever take the first"
            yield Problem(Code.VARIANT_LABEL, message, field=schema.VARIANTS_KEY)


def _questionable(metadata: VariantMetadata) -> Iterator[Problem]:
    for label in sorted(metadata.variants):
        if len(label) > schema.LONGEST_LABEL:
            message = f"the label has more than {schema.LONGEST_LABEL} characters, the bound of the drafts' schema"
            yield Problem(Code.VARIANT_LABEL, message, field=f"{schema.VARIANTS_KEY}.{label}", fatal=False)


def _never_supported(provider: Provider, each: Property) -> bool:
    return isinstance(provider, StaticProvider) and each.value not in provider.features.get(each.feature, ())


def _reference_objections(metadata: VariantMetadata) -> Iterator[Problem]:
    """What variantlib, the reference implementation, has against the metadata."""
    # It logs what it also raises.
    logging.getLogger("variantlib").addHandler(logging.NullHandler())
    from variantlib.errors import ValidationError
    from variantlib.variants_json import VariantsJson

    try:
        VariantsJson(variant_document(metadata))
    except ValidationError as error:
        yield Problem(Code.VARIANT_SCHEMA, f"variantlib refuses the metadata: {error}")


def _same(one: Provider, other: Provider) -> bool:
    """Equal, the order of features included."""
    if isinstance(one, StaticProvider) and isinstance(other, StaticProvider):
        return list(one.features.items()) == list(other.features.items())
    return one == other


def _contradiction(name: str, other: str, key: str, message: str) -> InvalidInput:
    return InvalidInput(Code.VARIANT_RELEASE, f"contradicts {other}: {message}", subject=name, field=key)


def _listed(items: Iterable[object]) -> str:
    return ", ".join(sorted(map(str, items)) if isinstance(items, frozenset) else map(str, items)) or "none"
