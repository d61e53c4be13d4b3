"""What the user wants of variants, applied to the builds of a channel and the wheels of an index. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from packaging.utils import NormalizedName

from bridge.errors import InvalidInput
from bridge.mapping.axes import Axes, choices_of, properties_of
from bridge.mapping.matchspec import parse_spec
from bridge.mapping.microarchitectures import aarch64_version, x86_64_level
from bridge.mapping.version_specs import lower_bound
from bridge.model.conda import IndexJson
from bridge.model.family import Bounds, HostRequirement
from bridge.model.host import Release
from bridge.model.variant import Property
from bridge.priority.policy import Intent, VariantIntent, VariantRule

#: in `track_features` of the builds to avoid; every solver takes a build without any first.
AVOIDED: Final = "bridge-avoided"


class Wishes:
    """The variant intent of a policy, by package."""

    def __init__(self, intent: VariantIntent) -> None:
        self._intent = intent
        self._features = [
            (namespace, feature)
            for namespace in dict.fromkeys([*intent.namespaces, *(namespace for namespace, _ in intent.values)])
            for feature in dict.fromkeys(
                [*intent.features.get(namespace, ()), *(name for space, name in intent.values if space == namespace)]
            )
            if (namespace, feature) in intent.values
        ]

    def rules(self, names: Iterable[NormalizedName]) -> tuple[VariantRule, ...]:
        """The rules about a package under any of its names: of two about one property the more specific one."""
        best: dict[Property, tuple[tuple[int, bool], VariantRule]] = {}
        for name in names:
            for rule in self._intent.rules:
                for pattern in rule.patterns:
                    known = best.get(rule.property)
                    if pattern.matches(name) and (known is None or pattern.precision > known[0]):
                        best[rule.property] = pattern.precision, rule
        return tuple(rule for _, rule in sorted(best.values(), key=lambda pair: (pair[1].line, pair[1].property)))

    def orders(self) -> bool:
        """Whether the values of some features have an order, for whatever package."""
        return bool(self._features)

    def rank(self, rules: Iterable[VariantRule], properties: Collection[Property]) -> tuple[int, ...]:
        """How much a build is wanted, least first; to be compared with the other builds of its version only."""
        soft = [rule for rule in rules if rule.intent in (Intent.PREFER, Intent.AVOID)]
        ranks = [int((rule.property in properties) == (rule.intent is Intent.AVOID)) for rule in soft]
        for namespace, feature in self._features:
            values = self._intent.values[namespace, feature]
            own = {each.value for each in properties if (each.namespace, each.feature) == (namespace, feature)}
            ranks.append(next((at for at, value in enumerate(values) if value in own), len(values)))
        return tuple(ranks)


def permitted(rules: Iterable[VariantRule], properties: Collection[Property]) -> bool:
    """Whether no rule forbids a build, and it has what is required."""
    return not any(
        (rule.intent is Intent.FORBID and rule.property in properties)
        or (rule.intent is Intent.REQUIRE and rule.property not in properties)
        for rule in rules
    )


def avoided(ranks: Mapping[str, tuple[int, ...]]) -> frozenset[str]:
    """Of the builds of one version, those that another one is preferred to."""
    best = min(ranks.values(), default=())
    return frozenset(filename for filename, rank in ranks.items() if rank > best)


def build_properties(index: IndexJson, axes: Axes, *, subject: str) -> frozenset[Property]:
    """The properties that a record shows by itself: its flags, build string and own requirements.

    What only the build's dependencies require of the machine is not seen here.
    """
    choices = choices_of(index, axes)
    found, _ = properties_of(_stated(index), choices, axes, subject=subject)
    return found


def _stated(index: IndexJson) -> HostRequirement:
    cuda: Bounds | None = None
    arch: Bounds | None = None
    level: int | None = None
    arm: str | None = None
    for text in index.depends:
        if not text.startswith("_"):
            continue
        try:
            spec = parse_spec(text)
            lower = lower_bound(spec.version) if spec.version else None
        except InvalidInput:
            continue
        bound = None if lower is None else Release(lower.major, lower.minor)
        match spec.name:
            case "__cuda":
                cuda = Bounds(lower=bound)
            case "__cuda_arch":
                arch = Bounds(lower=bound)
            case "_x86_64-microarch-level" if lower is not None:
                level = lower.major
            case "__archspec":
                level = x86_64_level(spec.build) or level
                arm = aarch64_version(spec.build) or arm
            case _:
                pass
    return HostRequirement(cuda=cuda, cuda_arch=arch, x86_64_level=level, aarch64_version=arm)
