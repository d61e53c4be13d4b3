"""Several requirements of one conda package as one, where that says the same."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from rattler import Version

from bridge.mapping.pep508 import CondaDependency

if TYPE_CHECKING:
    from collections.abc import Iterable

_CLAUSE: Final = re.compile(r"(==|!=|>=|<=|>|<)?(.+)")
#: in the order in which `to_conda_spec` writes them; no operator is a prefix such as `1.*`.
_ORDER: Final = ("==", ">=", "", ">", "<", "<=", "!=")


def merged_dependencies(dependencies: Iterable[CondaDependency]) -> tuple[CondaDependency, ...]:
    """One requirement per name, condition and group, sorted; those that say nothing new are left out.

    `foo >=1` and `foo <3` become `foo >=1,<3`: a package must satisfy both either way.
    """
    found: dict[tuple[str, str, str | None], list[CondaDependency]] = {}
    for one in dict.fromkeys(dependencies):
        found.setdefault((one.name, one.when, one.group), []).append(one)
    merged = [_joined(together) for together in found.values()]
    kept = [one for one in merged if not any(_implies(other, one) for other in merged if other is not one)]
    return tuple(sorted(kept, key=lambda one: (one.group or "", one.name, one.when)))


def joined_versions(specs: Iterable[str]) -> str:
    """A conda spec for what all of these accept; each a conjunction of the portable form, without `|`."""
    distinct = list(dict.fromkeys(spec for spec in specs if spec))
    if len(distinct) < 2:
        return "".join(distinct)
    return ",".join(operator + text for operator, text in _clauses(distinct))


def _clauses(specs: Iterable[str]) -> list[tuple[str, str]]:
    """Operators and versions of all the specs together, in a fixed order, without bounds that others imply."""
    clauses = dict.fromkeys(_parsed(clause) for spec in specs if spec for clause in spec.split(","))
    lower = [clause for clause in clauses if clause[0] in (">=", ">")]
    upper = [clause for clause in clauses if clause[0] in ("<=", "<")]
    kept = [clause for clause in clauses if clause not in lower and clause not in upper]
    if lower:
        kept.append(max(lower, key=lambda one: (Version(one[1]), one[0] == ">")))
    if upper:
        kept.append(min(upper, key=lambda one: (Version(one[1]), one[0] == "<=")))
    return sorted(kept, key=lambda one: (_ORDER.index(one[0]), one[1]))


def _implies(other: CondaDependency, one: CondaDependency) -> bool:
    """Whether `other` asks for all that `one` asks for, wherever that does; a group adds to what is required anyway."""
    return (
        other.name == one.name
        and other.group in (None, one.group)
        and other.when in ("", one.when)
        and set(one.extras) <= set(other.extras)
        and _clauses([other.version, one.version]) == _clauses([other.version])
    )


def _joined(together: list[CondaDependency]) -> CondaDependency:
    extras = tuple(sorted({extra for one in together for extra in one.extras}))
    return replace(together[0], version=joined_versions(one.version for one in together), extras=extras)


def _parsed(clause: str) -> tuple[str, str]:
    match = _CLAUSE.fullmatch(clause)
    if match is None:  # the clauses are of our own making
        raise ValueError(clause)
    return match[1] or "", match[2]
