"""Extras that a project asks of itself: with `project[a,b]; extra == "all"`, `all` stands for what `a` and `b` add.

A conda package that required itself would be a riddle to solvers, so each such requirement is replaced by what it
comes to. Source: the core metadata specification (Provides-Extra), and installers, which all read it so.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

from bridge.errors import Code, InvalidInput
from bridge.mapping.marker_ast import Comparison, Node, parse_marker
from bridge.mapping.precedence import AllOf, AnyOf

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: more than any project comes to; hostile extras can multiply.
_MOST: Final = 5000


def expanded(requires: Sequence[Requirement], project: NormalizedName, *, subject: str) -> tuple[Requirement, ...]:
    """The requirements without those on the project itself, which others replace.

    Args:
        requires: as METADATA has them.
        project: whose they are.
        subject: the wheel's file name, for errors.

    Raises:
        InvalidInput: CB111, extras that multiply without end, or a marker nested beyond measure.
    """
    own = [one for one in requires if canonicalize_name(one.name) == project]
    if not any(one.extras for one in own):
        return tuple(one for one in requires if one not in own)
    found = {str(one): one for one in requires}
    conditional = _by_extra(requires)
    waiting = deque(own)
    while waiting:
        asking = waiting.popleft()
        extras = sorted({canonicalize_name(extra) for extra in asking.extras})
        # Of the stated ones only: what is implied and asks for more waits for its own turn.
        candidates = [(each, extra) for extra in extras for each in conditional.get(extra, ())]
        for (_, requirement, node), extra in sorted(candidates, key=lambda one: one[0][0]):
            implied = _implied(requirement, node, asking, extra)
            if implied is None or str(implied) in found:
                continue
            found[str(implied)] = implied
            if canonicalize_name(implied.name) == project:
                waiting.append(implied)
        if len(found) > _MOST:
            message = f"its extras ask for each other until there are more than {_MOST} requirements"
            raise InvalidInput(Code.BAD_METADATA, message, subject=subject, field="Requires-Dist")
    return tuple(one for one in found.values() if canonicalize_name(one.name) != project)


def extras_named(node: Node) -> frozenset[NormalizedName] | None:
    """The extras, normalised, that a marker tells from all others; None where that cannot be listed."""
    match node:
        case Comparison():
            if node.variable != "extra":
                return frozenset()
            return frozenset({canonicalize_name(node.literal)}) if _is_plain(node) else None
        case AllOf(parts) | AnyOf(parts):
            found = [extras_named(part) for part in parts]
            return None if None in found else frozenset(name for names in found for name in names or ())


def _is_plain(one: Comparison) -> bool:
    return one.operator in ("==", "!=") and bool(one.literal)


def _by_extra(requires: Iterable[Requirement]) -> dict[NormalizedName, list[tuple[int, Requirement, Node]]]:
    """By each extra that its marker names: place in the list, requirement, marker."""
    found: dict[NormalizedName, list[tuple[int, Requirement, Node]]] = {}
    for place, requirement in enumerate(requires):
        if requirement.marker is not None:
            node = parse_marker(requirement.marker)
            for extra in sorted(extras_named(node) or ()):
                found.setdefault(extra, []).append((place, requirement, node))
    return found


def _implied(requirement: Requirement, node: Node, asking: Requirement, extra: NormalizedName) -> Requirement | None:
    """The requirement under the condition of `asking`, as far as `extra` matters to it; `node` is its own."""
    rest = _with_extra(node, extra)
    if rest is False:
        return None
    conjuncts = [*_conjuncts(None if asking.marker is None else parse_marker(asking.marker)), *_conjuncts(rest)]
    implied = Requirement(str(requirement))
    text = " and ".join(dict.fromkeys(_text(one, inside=AllOf) for one in conjuncts))
    implied.marker = Marker(text) if text else None
    return implied


def _with_extra(node: Node, extra: NormalizedName) -> Node | bool:
    """What is left of a marker where one extra is asked for."""
    match node:
        case Comparison():
            if node.variable != "extra" or not _is_plain(node):
                return node
            return (canonicalize_name(node.literal) == extra) == (node.operator == "==")
        case AllOf(parts):
            found = [_with_extra(part, extra) for part in parts]
            kept = tuple(one for one in found if not isinstance(one, bool))
            if False in found:
                return False
            return (AllOf(kept) if len(kept) > 1 else kept[0]) if kept else True
        case AnyOf(parts):
            found = [_with_extra(part, extra) for part in parts]
            kept = tuple(one for one in found if not isinstance(one, bool))
            if True in found:
                return True
            return (AnyOf(kept) if len(kept) > 1 else kept[0]) if kept else False


def _conjuncts(node: Node | bool | None) -> Sequence[Node]:
    if node is None or isinstance(node, bool):
        return ()
    return node.parts if isinstance(node, AllOf) else (node,)


def _text(node: Node, inside: type[AllOf[Comparison]] | None = None) -> str:
    match node:
        case Comparison():
            return node.text
        case AllOf(parts):
            return " and ".join(_text(part, inside=AllOf) for part in parts)
        case AnyOf(parts):
            text = " or ".join(_text(part) for part in parts)
            return f"({text})" if inside else text
