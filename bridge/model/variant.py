"""Wheel variants as values: properties, providers and the metadata of one release (PEP 825, PEP 850)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self

_PART: Final = re.compile(r"[a-z0-9_]+")
_VALUE: Final = re.compile(r"[a-z0-9_.]+")

#: The label of the variant that has no property (PEP 825).
NULL_LABEL: Final = "null"


@dataclass(frozen=True, slots=True, order=True)
class Property:
    """`namespace :: feature :: value`."""

    namespace: str
    feature: str
    value: str

    def __post_init__(self) -> None:
        if not (_PART.fullmatch(self.namespace) and _PART.fullmatch(self.feature) and _VALUE.fullmatch(self.value)):
            raise ValueError(f"not a variant property: {self}")

    def __str__(self) -> str:
        return f"{self.namespace} :: {self.feature} :: {self.value}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `namespace :: feature :: value`; ValueError for anything else."""
        parts = [part.strip() for part in text.split("::")]
        if len(parts) != 3:
            raise ValueError(f"not a variant property: {text!r}")
        return cls(*parts)


@dataclass(frozen=True, slots=True)
class PluginProvider:
    """A provider that clients know or run: exactly one requirement, no markers or extras (what uv accepts)."""

    requires: str
    #: `module:object`; None where it is the default of the requirement.
    plugin_api: str | None = None


@dataclass(frozen=True, slots=True)
class StaticProvider:
    """A provider whose values are all supported everywhere; their order is the preference, best first."""

    #: feature -> values; the order of the features is `feature-order`.
    features: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class InertProvider:
    """A well-formed provider that no known client honours: built in, optional, or with requirements of other forms.

    Nothing in its namespace is supported anywhere; it is kept so that foreign metadata can be written again.
    """

    #: the JSON object, compact and with sorted keys.
    text: str


Provider = PluginProvider | StaticProvider | InertProvider


@dataclass(frozen=True, slots=True)
class VariantMetadata:
    """What `{name}-{version}-variants.json` says of a release, or `variant.json` of one wheel."""

    #: `default-priorities.namespace`, most important first.
    namespaces: tuple[str, ...] = ()
    #: by namespace; the same set as `namespaces`, or empty in metadata of PEP 825 alone.
    providers: Mapping[str, Provider] = field(default_factory=dict)
    #: label -> properties; `null` has none.
    variants: Mapping[str, frozenset[Property]] = field(default_factory=dict)
