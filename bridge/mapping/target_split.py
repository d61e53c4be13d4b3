"""How a wheel is cut into packages where its requirements depend on Python, the system or the machine.

Repodata of version 1 has no conditions: each package's requirements must hold wherever it can be installed. A cut is
a set of packages that exclude each other and together stand for every environment of the wheel.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from bridge.errors import Code, Unrepresentable
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
#: no minor version of Python has had so many.
_MOST_PATCHES: Final = 40
#: different sets of Pythons in one wheel's markers; known projects have some ten, and each is held against each.
_MOST_EDGES: Final = 128
#: how a patch release comes about.
_STAGES: Final = (".dev0", "a1", "b1", "rc1", "")
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
    edges = dict.fromkeys(one for row in found for one in row.ranges)
    if len(edges) > _MOST_EDGES:
        message = f"its requirements hold for {len(edges)} different sets of Pythons; {_MOST_EDGES} are allowed"
        raise Unrepresentable(Code.TOO_MANY_PACKAGES, message, subject=subject, field="Requires-Dist")
    pieces, atoms = _pieces(target, edges)
    effects = {}
    for row in found:
        known = {atom: effect([not one.is_disjoint(atom) for one in row.ranges]) for atom in dict.fromkeys(atoms)}
        effects[row] = tuple(known[atom] for atom in atoms)
    cuts = (_systems_first(target, found, pieces, effects), _pythons_first(target, found, pieces, effects))
    answer = min(cuts, key=len)
    if len(answer) > most:
        message = f"its requirements differ so much that it would become {len(answer)} packages; {most} are allowed"
        raise Unrepresentable(Code.TOO_MANY_PACKAGES, message, subject=subject, field="Requires-Dist")
    return [_narrowed(part, run, subject) for part, run in answer]


@dataclass(frozen=True, slots=True)
class _Run:
    """Versions of Python that stay together."""

    #: the index of the first piece.
    at: int
    pythons: VersionRange
    #: `py310`; empty where these are all.
    name: str


_Part = tuple["CondaTarget", _Run]


def _systems_first(
    target: CondaTarget, found: Sequence[Row], pieces: Ranges, effects: Mapping[Row, tuple[Hashable, ...]]
) -> list[_Part]:
    """Each group of systems is cut along Python by itself."""
    answer: list[_Part] = []
    for place, row in places(target, found, lambda row: effects[row]):
        answer.extend((place, run) for run in _runs(pieces, effects[row]))
    return answer


def _pythons_first(
    target: CondaTarget, found: Sequence[Row], pieces: Ranges, effects: Mapping[Row, tuple[Hashable, ...]]
) -> list[_Part]:
    """Python is cut first, and systems only for versions where they differ."""
    answer: list[_Part] = []
    columns = [tuple(effects[row][at] for row in found) for at in range(len(pieces))]
    for run in _runs(pieces, columns):
        here = dict(zip(found, columns[run.at], strict=True))
        answer.extend((place, run) for place, _ in places(target, found, here.__getitem__))
    return answer


def _runs(pieces: Ranges, keys: Sequence[Hashable]) -> list[_Run]:
    """Neighbouring pieces with one key, united as far as one version spec can say them."""
    found: list[tuple[int, VersionRange]] = []
    for at, piece in enumerate(pieces):
        if found and keys[found[-1][0]] == keys[at] and python_spec(joined := found[-1][1].union(piece)) is not None:
            found[-1] = (found[-1][0], joined)
        else:
            found.append((at, piece))
    if len(found) == 1:
        return [_Run(0, found[0][1], "")]
    names = [_name(pythons) for _, pythons in found]
    letters = [chr(ord("a") + names[:at].count(name)) if names.count(name) > 1 else "" for at, name in enumerate(names)]
    return [_Run(at, pythons, name + letter) for (at, pythons), name, letter in zip(found, names, letters, strict=True)]


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
        here = [atom for atom in atoms if not atom.is_disjoint(line)]
        for patch, part in [("", line)] if len(here) < 2 else _patches(minor, line):
            found = [(piece, atom) for atom in here if not (piece := atom.intersection(part)).is_empty]
            pieces.extend(sorted(found, key=lambda pair: _first_stage(pair[0], patch)))
    # Pythons that do not exist go with the first and the last that do, so that nothing admitted is left out.
    beyond = target.admitted().difference(EXISTING)
    first, last = pieces[0], pieces[-1]
    pieces[0] = (first[0].union(beyond.intersection(_BEFORE)), first[1])
    pieces[-1] = (pieces[-1][0].union(beyond.difference(_BEFORE)), last[1])
    return tuple(piece for piece, _ in pieces), tuple(atom for _, atom in pieces)


@lru_cache(maxsize=64)
def _patches(minor: str, line: VersionRange) -> tuple[tuple[str, VersionRange], ...]:
    """The patch releases of a minor version, each with its pre-releases; the last stands for all that follow."""
    edges = [f"{minor}.{patch}" for patch in range(_MOST_PATCHES)]
    low = [line.intersection(exact_range(f">={edge}.dev0")) for edge in edges]
    parts = [one.difference(after) for one, after in pairwise(low)]
    return tuple(zip(edges, [*parts, low[-1]], strict=True))


def _first_stage(piece: VersionRange, patch: str) -> int:
    return next((at for at, stage in enumerate(_STAGES) if f"{patch}{stage}" in piece), len(_STAGES)) if patch else 0


def _narrowed(part: CondaTarget, run: _Run, subject: str) -> CondaTarget:
    if not run.name:
        return part
    if python_spec(run.pythons) is None:
        message = f"no version spec says for which Pythons from {run.name} on its requirements are the same"
        raise Unrepresentable(Code.TOO_MANY_PACKAGES, message, subject=subject, field="Requires-Dist")
    return part.within(run.pythons, run.name)
