"""Comparing what documents say: fields of JSON objects, lists whose order says nothing, MatchSpecs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from bridge.compare.comparison import Difference, differ
from bridge.errors import InvalidInput
from bridge.formats.strict_json import NotStrict, load_strictly
from bridge.mapping.matchspec import CondaSpec, parse_spec

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

#: builders differ in whether they leave a key out or write one of these.
_SAYS_NOTHING: Final[tuple[Any, ...]] = ("", [], {})
_NO_NAMES: Final[frozenset[str]] = frozenset()


def fields(
    where: str,
    left: Mapping[str, Any],
    right: Mapping[str, Any],
    *,
    aside: Collection[str] = _NO_NAMES,
    idle: Collection[str] = _NO_NAMES,
    unordered: Collection[str] = _NO_NAMES,
) -> Iterator[Difference]:
    """Compare two JSON objects key by key.

    Args:
        where: the file.
        left, right: the objects.
        aside: keys that are compared elsewhere.
        idle: keys that do not matter.
        unordered: keys with lists whose order says nothing.
    """
    for key in sorted((left.keys() | right.keys()) - set(aside)):
        one, other = stated(left.get(key)), stated(right.get(key))
        if key in unordered:
            one, other = in_order(one), in_order(other)
        yield from differ(f"{where}: {key}", one, other, matters=key not in idle)


def stated(value: Any) -> Any:
    """The value, or None where it says nothing."""
    return None if value in _SAYS_NOTHING and not isinstance(value, bool | int) else value


def in_order(value: Any) -> Any:
    """A list of strings in an order of its own; anything else as it is."""
    texts = isinstance(value, list) and all(isinstance(each, str) for each in value)
    return sorted(value) if texts else value


def members(where: str, left: Iterable[str], right: Iterable[str], *, matters: bool = True) -> Iterator[Difference]:
    """What only one of two sets has, one difference for each."""
    one, other = set(left), set(right)
    for text in sorted(one - other):
        yield Difference(where, text, None, matters)
    for text in sorted(other - one):
        yield Difference(where, None, text, matters)


def specs(where: str, left: Iterable[str], right: Iterable[str]) -> Iterator[Difference]:
    """Compare lists of MatchSpecs by package; neither their order nor their spelling matters."""
    one, other = _by_name(left), _by_name(right)
    for name in sorted(one.keys() | other.keys()):
        ours, theirs = one.get(name, {}), other.get(name, {})
        only_ours, only_theirs = sorted(ours.keys() - theirs.keys()), sorted(theirs.keys() - ours.keys())
        if only_ours or only_theirs:
            same = set(ours.values()) == set(theirs.values())
            yield Difference(
                f"{where}: {name}{' (spelling)' if same else ''}",
                ", ".join(only_ours) or None,
                ", ".join(only_theirs) or None,
                not same,
            )


def json_object(data: bytes | None) -> dict[str, Any] | None:
    """The object in a file; None where there is no file, or something else in it."""
    value = json_value(data)
    return value if isinstance(value, dict) else None


def json_value(data: bytes | None) -> Any:
    """The value in a file; None where there is no file, or it is no JSON."""
    if data is None:
        return None
    try:
        return load_strictly(data, json_depth=64)
    except NotStrict:
        return None


def _by_name(texts: Iterable[str]) -> dict[str, dict[str, CondaSpec | str]]:
    found: dict[str, dict[str, CondaSpec | str]] = {}
    for text in texts:
        try:
            spec = parse_spec(text)
            found.setdefault(spec.name, {})[text] = spec
        except InvalidInput:
            # The files that hold them were not all read by a solver's rules (run_exports).
            found.setdefault(text, {})[text] = text
    return found
