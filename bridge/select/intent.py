"""What a user wants of variants beyond what packages prefer: one small file, applied to both sides.

```toml
[variants]
prefer = ["blas_lapack :: library :: mkl"]  # builds with it before all others; several: best first
never = ["nvidia"]                          # builds with it are not considered
order = ["nvidia", "x86_64"]                # compare builds by these namespaces first, in this order
```

A rule names a property, a feature or a namespace: one, two or three parts between `::`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Self, TypeVar

from bridge.errors import Code, InvalidInput
from bridge.limits import DEFAULT_LIMITS
from bridge.model.variant import NULL_LABEL, Property, StaticProvider, VariantMetadata

_TABLE: Final = "variants"
_KEYS: Final = frozenset({"prefer", "never", "order"})
#: a static namespace that only overlays use: `preference :: rank :: 1` is what the user wants most.
PREFERENCE: Final = "preference"
_RANK: Final = "rank"
_PARTS: Final = 3

_Rule = TypeVar("_Rule")


@dataclass(frozen=True, slots=True)
class Pattern:
    """A property, or all properties of a feature or of a namespace."""

    namespace: str
    feature: str | None = None
    value: str | None = None

    def __str__(self) -> str:
        return " :: ".join(part for part in (self.namespace, self.feature, self.value) if part is not None)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read one to three parts between `::`; ValueError for anything else."""
        parts = [part.strip() for part in text.split("::")]
        if len(parts) > _PARTS:
            raise ValueError(f"not a property, feature or namespace: {text!r}")
        Property(*parts, *("x" for _ in range(_PARTS - len(parts))))  # says what is wrong with a part
        return cls(*parts)

    def matches(self, found: Property) -> bool:
        """Whether a property is what this names."""
        return (
            self.namespace == found.namespace
            and self.feature in (None, found.feature)
            and self.value in (None, found.value)
        )


@dataclass(frozen=True, slots=True)
class Intent:
    """A user's wishes; the default has none."""

    #: best first.
    prefer: tuple[Pattern, ...] = ()
    never: tuple[Pattern, ...] = ()
    #: namespaces.
    order: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.prefer or self.never or self.order)

    def forbids(self, properties: Iterable[Property]) -> bool:
        """Whether a build with these properties must not be taken."""
        return any(rule.matches(each) for each in properties for rule in self.never)

    def rank(self, properties: Iterable[Property]) -> int:
        """Place among `prefer`, 1 for the best; one more than there are rules where none matches."""
        found = tuple(properties)
        places = (i for i, rule in enumerate(self.prefer, 1) if any(rule.matches(each) for each in found))
        return next(places, len(self.prefer) + 1)

    def idle(self, properties: Iterable[Property]) -> tuple[str, ...]:
        """The rules that concern none of some properties: of a misspelling, or of another release."""
        found = tuple(properties)
        patterns = dict.fromkeys((*self.prefer, *self.never, *map(Pattern, self.order)))
        return tuple(str(rule) for rule in patterns if not any(rule.matches(each) for each in found))


NO_INTENT: Final = Intent()


def read_intent(path: Path) -> Intent:
    """Read the file of a user.

    Raises:
        InvalidInput: it cannot be read (`CB101`), is too large (`CB109`) or malformed (`CB111`).
    """
    try:
        with path.open("rb") as file:
            data = file.read(DEFAULT_LIMITS.metadata_size + 1)
    except OSError as error:
        raise InvalidInput(Code.UNREADABLE, f"cannot be read: {error.strerror}", subject=path.name) from error
    if len(data) > DEFAULT_LIMITS.metadata_size:
        raise InvalidInput(Code.LIMIT, "is larger than the limit metadata_size", subject=path.name)
    return parse_intent(data, subject=path.name)


def parse_intent(data: bytes, *, subject: str) -> Intent:
    """Read the content of such a file.

    Raises:
        InvalidInput: not TOML, an unknown key, or a rule that names nothing (`CB111`).
    """
    try:
        document = tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput(Code.BAD_METADATA, f"not TOML: {error}", subject=subject) from error
    table = document.pop(_TABLE, {})
    if document or not isinstance(table, dict) or table.keys() - _KEYS:
        wrong = ", ".join(sorted([*document, *(table.keys() - _KEYS)] if isinstance(table, dict) else document))
        message = f"only a table [{_TABLE}] with prefer, never and order is known"
        raise InvalidInput(Code.BAD_METADATA, message, subject=subject, field=wrong or _TABLE)
    return Intent(
        prefer=_rules(table, "prefer", Pattern.parse, subject),
        never=_rules(table, "never", Pattern.parse, subject),
        order=_rules(table, "order", _namespace, subject),
    )


def applied(metadata: VariantMetadata, intent: Intent) -> VariantMetadata:
    """Variant metadata under which a client does what the user wants: the overlay to be published.

    Labels that are never wanted are dropped. `order` moves namespaces to the front. `prefer` becomes a static
    namespace in front of all, so that the order within one rank stays what it was. Clients take the overlay in
    place of the wheels' own metadata (facts: uv does), and the wheels stay as they are.
    """
    kept = {label: each for label, each in metadata.variants.items() if not intent.forbids(each)}
    ahead = tuple(name for name in intent.order if name in metadata.namespaces)
    namespaces = (*ahead, *(name for name in metadata.namespaces if name not in ahead))
    providers = dict(metadata.providers)
    ranks = {label: intent.rank(each) for label, each in kept.items() if label != NULL_LABEL}
    if len(set(ranks.values())) > 1:
        providers = {PREFERENCE: StaticProvider({_RANK: tuple(map(str, sorted(set(ranks.values()))))}), **providers}
        namespaces = (PREFERENCE, *namespaces)
        kept = {
            label: each | {Property(PREFERENCE, _RANK, str(ranks[label]))} if label in ranks else each
            for label, each in kept.items()
        }
    return replace(metadata, namespaces=namespaces, providers=providers, variants=kept)


def _rules(table: Mapping[str, Any], key: str, parse: Callable[[str], _Rule], subject: str) -> tuple[_Rule, ...]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise InvalidInput(Code.BAD_METADATA, "must be a list of texts", subject=subject, field=key)
    try:
        return tuple(dict.fromkeys(parse(item) for item in value))
    except ValueError as error:
        raise InvalidInput(Code.BAD_METADATA, str(error), subject=subject, field=key) from error


def _namespace(text: str) -> str:
    pattern = Pattern.parse(text)
    if pattern.feature is not None:
        raise ValueError(f"order takes namespaces, not {text!r}")
    return pattern.namespace
