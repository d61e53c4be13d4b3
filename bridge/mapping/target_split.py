"""How a wheel is cut into packages where its requirements depend on Python, the system or the machine.

Repodata of version 1 has no conditions: each package's requirements must hold wherever it can be installed. A cut is
a set of packages that exclude each other and together stand for every environment of the wheel.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final

from bridge.errors import Code, Unrepresentable
from bridge.mapping.marker_algebra import unite
from bridge.mapping.marker_targets import EXISTING, System, exact_range, minor_lines
from bridge.mapping.python_conditions import python_spec
from bridge.mapping.wheel_platforms import NOARCH
from bridge.model.conda import Subdir

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

    from packaging.ranges import VersionRange

    from bridge.mapping.conda_target import CondaTarget
    from bridge.mapping.marker_targets import Cell

#: the platforms that get a package where requirements differ between machines; conda-forge builds for these.
SERVED: Final[dict[System, tuple[tuple[Subdir, str], ...]]] = {
    System.LINUX: ((Subdir("linux-64"), "x86_64"), (Subdir("linux-aarch64"), "aarch64")),
    System.OSX: ((Subdir("osx-64"), "x86_64"), (Subdir("osx-arm64"), "arm64")),
    System.WIN: ((Subdir("win-64"), "AMD64"), (Subdir("win-arm64"), "ARM64")),
}
#: systems that one virtual package names, most first (CEP 30).
_NAMED: Final = (
    (frozenset({System.LINUX, System.OSX}), "__unix"),
    *((frozenset({system}), system.virtual) for system in System),
)
#: patch releases by which parts of one minor version are ordered.
_PATCHES: Final = range(100)
_BEFORE: Final = exact_range("<2.7.dev0")

Ranges = tuple["VersionRange", ...]


@dataclass(frozen=True, slots=True)
class Row:
    """Environments that differ in the version of Python only."""

    system: System
    #: None for every machine of the system.
    subdir: Subdir | None
    #: for each requirement, in their order, the versions of Python for which it is in force.
    ranges: Ranges


@dataclass(frozen=True, slots=True)
class Rows:
    """All environments of a package, and the systems of which only some machines are served."""

    rows: tuple[Row, ...]
    partial: tuple[System, ...] = ()


def rows(target: CondaTarget, table: Mapping[Cell, Ranges]) -> Rows:
    """Machines are told apart where requirements differ between them, system by system.

    Args:
        target: the package.
        table: for each kind of environment of the target, where each requirement is in force.
    """
    found: list[Row] = []
    partial = []
    for system in System:
        cells = {cell.machine: ranges for cell, ranges in table.items() if cell.system is system}
        if not cells:
            continue
        if target.subdir != NOARCH or len(set(cells.values())) == 1:
            found.append(Row(system, None, next(iter(cells.values()))))
            continue
        found.extend(Row(system, subdir, cells[machine]) for subdir, machine in SERVED[system])
        if len(cells) > len(SERVED[system]):
            partial.append(system)
    return Rows(tuple(found), tuple(partial))


def places(target: CondaTarget, found: Sequence[Row], key: Callable[[Row], Hashable]) -> list[tuple[CondaTarget, Row]]:
    """The package for fewer systems and machines each: those whose rows have one key stay together where a virtual
    package can say so. With each goes one of its rows."""
    if target.subdir != NOARCH:
        return [(target, found[0])]
    by_key: dict[Hashable, list[Row]] = {}
    answer = []
    for row in found:
        if row.subdir is None:
            by_key.setdefault(key(row), []).append(row)
        else:
            answer.append((target.at(row.subdir, row.system), row))
    for together in by_key.values():
        systems = frozenset(row.system for row in together)
        if systems == frozenset(target.systems):
            answer.append((target, together[0]))
            continue
        for named, virtual in _NAMED:
            if named <= systems:
                systems -= named
                answer.append((target.on(tuple(system for system in System if system in named), virtual), together[0]))
    return answer


def cut(
    target: CondaTarget,
    found: Sequence[Row],
    effect: Callable[[Sequence[bool]], Hashable],
    *,
    most: int,
    subject: str,
) -> list[CondaTarget]:
    """The fewest packages in each of which every requirement is either in force everywhere or nowhere.

    Args:
        target: the whole.
        found: its environments.
        effect: what the requirements that are in force come to; packages with equal effects are not told apart.
        most: more packages than that are refused.
        subject: the wheel, for errors.

    Raises:
        Unrepresentable: CB328.
    """
    pieces, atoms = _pieces(target, dict.fromkeys(one for row in found for one in row.ranges))
    effects = {}
    for row in found:
        known = {atom: effect([not one.is_disjoint(atom) for one in row.ranges]) for atom in dict.fromkeys(atoms)}
        effects[row] = tuple(known[atom] for atom in atoms)
    cuts = (_systems_first(target, found, pieces, effects), _pythons_first(target, found, pieces, effects))
    answer = min(cuts, key=len)
    if len(answer) > most:
        message = f"its requirements differ so much that it would become {len(answer)} packages; {most} are allowed"
        raise Unrepresentable(Code.TOO_MANY_PACKAGES, message, subject=subject, field="Requires-Dist")
    return [_narrowed(part, pythons, split, subject) for part, pythons, split in answer]


_Part = tuple["CondaTarget", "VersionRange", str]


def _systems_first(
    target: CondaTarget, found: Sequence[Row], pieces: Ranges, effects: Mapping[Row, tuple[Hashable, ...]]
) -> list[_Part]:
    """Each group of systems is cut along Python by itself."""
    answer: list[_Part] = []
    for place, row in places(target, found, lambda row: effects[row]):
        answer.extend((place, *run) for run in _runs(pieces, effects[row]))
    return answer


def _pythons_first(
    target: CondaTarget, found: Sequence[Row], pieces: Ranges, effects: Mapping[Row, tuple[Hashable, ...]]
) -> list[_Part]:
    """Python is cut first, and systems only for versions where they differ."""
    answer: list[_Part] = []
    columns = [tuple(effects[row][at] for row in found) for at in range(len(pieces))]
    at = 0
    for (pythons, split), size in zip(_runs(pieces, columns), _sizes(columns), strict=True):
        here = dict(zip(found, columns[at], strict=True))
        answer.extend((place, pythons, split) for place, _ in places(target, found, here.__getitem__))
        at += size
    return answer


def _sizes(keys: Iterable[Hashable]) -> list[int]:
    return [len(list(group)) for _, group in groupby(keys)]


def _runs(pieces: Ranges, keys: Sequence[Hashable]) -> list[tuple[VersionRange, str]]:
    """Neighbouring pieces with one key, united, and what to call each."""
    found: list[VersionRange] = []
    at = 0
    for size in _sizes(keys):
        found.append(unite(pieces[at : at + size]))
        at += size
    names = ["" if len(found) == 1 else _name(one) for one in found]
    return [
        (one, name if names.count(name) == 1 else f"{name}{chr(ord('a') + names[:at].count(name))}")
        for at, (one, name) in enumerate(zip(found, names, strict=True))
    ]


def _name(pythons: VersionRange) -> str:
    """`py310`, after the lowest minor version."""
    lowest = next(minor for minor, line in minor_lines() if not line.is_disjoint(pythons))
    return f"py{lowest.replace('.', '')}"


def _pieces(target: CondaTarget, edges: Iterable[VersionRange]) -> tuple[Ranges, Ranges]:
    """The Pythons of the target in ascending order, cut so that no range begins or ends inside a piece.

    Returns:
        the pieces, and for each the set of all versions that no range tells from it.
    """
    pythons = target.markers(conditional=False).pythons()
    atoms = [pythons]
    for edge in edges:
        parts = (part for atom in atoms for part in (atom.intersection(edge), atom.difference(edge)))
        atoms = [part for part in parts if not part.is_empty]
    pieces: list[tuple[VersionRange, VersionRange]] = []
    for minor, line in minor_lines():
        found = [(part, atom) for atom in atoms if not (part := atom.intersection(line)).is_empty]
        pieces.extend(sorted(found, key=lambda pair: _first_patch(pair[0], minor)) if len(found) > 1 else found)
    # Pythons that do not exist go with the first and the last that do, so that nothing admitted is left out.
    beyond = target.admitted().difference(EXISTING)
    first, last = pieces[0], pieces[-1]
    pieces[0] = (first[0].union(beyond.intersection(_BEFORE)), first[1])
    pieces[-1] = (pieces[-1][0].union(beyond.difference(_BEFORE)), last[1])
    return tuple(piece for piece, _ in pieces), tuple(atom for _, atom in pieces)


def _first_patch(part: VersionRange, minor: str) -> int:
    return next((patch for patch in _PATCHES if f"{minor}.{patch}" in part), len(_PATCHES))


def _narrowed(part: CondaTarget, pythons: VersionRange, split: str, subject: str) -> CondaTarget:
    if not split:
        return part
    if python_spec(pythons) is None:
        message = f"no version spec says for which Pythons from {split} on its requirements are the same"
        raise Unrepresentable(Code.TOO_MANY_PACKAGES, message, subject=subject, field="Requires-Dist")
    return part.within(pythons, split)
