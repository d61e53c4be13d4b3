"""What a conda package and a wheel require, compared in every environment that the conda package is for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from bridge.compare.comparison import Difference
from bridge.compare.core_fields import extras_in
from bridge.errors import BridgeError
from bridge.mapping.marker_targets import System, Target, minor_lines
from bridge.mapping.markers import Condition, evaluate
from bridge.mapping.matchspec import parse_spec
from bridge.mapping.names import Evidence, NameMapper, NameSource
from bridge.mapping.pep508 import to_conda_spec
from bridge.mapping.pypi_names import PypiNames
from bridge.mapping.requirements import to_requirement
from bridge.mapping.tables import DependencyKind, Tables
from bridge.mapping.version_specs import to_specifiers
from bridge.model.conda import CondaName

if TYPE_CHECKING:
    from collections.abc import Iterator

    from packaging.ranges import VersionRange

    from bridge.compare.packages import CondaPackage, WheelPackage
    from bridge.compare.recorded import Recorded

_SYSTEMS: Final = {
    "__linux": {System.LINUX},
    "__glibc": {System.LINUX},
    "__osx": {System.OSX},
    "__win": {System.WIN},
    "__unix": {System.LINUX, System.OSX},
}
#: patch releases of each minor Python that conditions are tried with.
_PATCHES: Final = (0, 99)


@dataclass(frozen=True, slots=True)
class _Term:
    """One requirement and where it is in force."""

    text: str
    #: of the project, as it is spelled there.
    name: str
    #: what it asks for; the second spelling is the nearest that conda has words for.
    versions: tuple[SpecifierSet, SpecifierSet]
    extras: frozenset[str]
    condition: Condition
    #: conda's name, on that side.
    conda: CondaName | None = None


_Terms = dict[str, list[_Term]]


def compare_requirements(
    conda: CondaPackage, wheel: WheelPackage, tables: Tables, record: Recorded, requires_python: SpecifierSet
) -> Iterator[Difference]:
    """Compare requirements by project, extras as groups (CEP 44).

    Args:
        conda: the conda package.
        wheel: the wheel.
        tables: names.
        record: of a conversion between them.
        requires_python: the Pythons that both are for; what they require of others is not compared.

    Raises:
        InvalidInput: CB111, CB116 or CB121, a requirement cannot be read.
    """
    index = conda.metadata.index
    target = Target(index.subdir, requires_python, systems=_systems(index.depends))
    try:
        points = _points(target)
    except BridgeError as error:
        yield Difference(f"requirements ({error.message}, cannot be compared)", None, None, False)
        return
    required = wheel.metadata.core.requires_dist
    mapper = NameMapper(tables, Evidence(own_requires=frozenset(canonicalize_name(each.name) for each in required)))
    side = _Sides(mapper, PypiNames(tables), target, record, points)
    yield from side.compare("requirements", index.depends, required, "")
    extras = sorted({canonicalize_name(each) for each in wheel.metadata.core.get_all("Provides-Extra")})
    groups = {canonicalize_name(group): specs for group, specs in index.extra_depends.items()}
    for extra in sorted({*extras, *groups}):
        if groups:
            yield from side.compare(f"extras: {extra}", groups.get(extra, ()), required, extra)
            continue
        only = [str(each) for each in required if extra in extras_in(each) and side.adds(each, extra)]
        if only:
            reason = "the conda package has no groups for extras"
            yield Difference(f"extras: {extra} ({reason})", None, ", ".join(only), False)
    for spec in index.constrains:
        yield from record.difference("constrains", spec, None, spec, matters=not record.made_conda)


def _systems(depends: Iterable[str]) -> tuple[System, ...]:
    systems = set(System)
    for text in depends:
        spec = parse_spec(text)
        if spec.name in _SYSTEMS and not spec.when:
            systems &= _SYSTEMS[spec.name]
    return tuple(system for system in System if system in systems)


def _points(target: Target) -> tuple[Version, ...]:
    pythons = target.pythons()
    found = [Version(f"{minor}.{patch}") for minor, _ in minor_lines() for patch in _PATCHES]
    target.cells()
    return tuple(version for version in found if version in pythons)


@dataclass(frozen=True, slots=True)
class _Sides:
    mapper: NameMapper
    names: PypiNames
    target: Target
    record: Recorded
    points: tuple[Version, ...]

    def compare(
        self, part: str, depends: Sequence[str], required: Sequence[Requirement], extra: str
    ) -> Iterator[Difference]:
        """One list of each side; of the wheel, what the extra adds."""
        ours, silent = self._conda(depends)
        theirs = self._wheel(required, extra)
        for spec, kind in silent:
            reason = f"a {kind.value} package, which no requirement stands for"
            yield Difference(f"{part}: {parse_spec(spec).name} ({reason})", spec, None, False)
        unknown = any(self.names.lookup(name).conda is None for name in theirs.keys() - ours.keys())
        for name in sorted(ours.keys() | theirs.keys()):
            one, other = ours.get(name, []), theirs.get(name, [])
            if self._same(one, other, 0) or self._same(one, other, 1):
                continue
            if one and not other and all(term.conda in self.record.providers for term in one):
                yield Difference(f"{part}: {name} (vendored, recorded)", _texts(one), None, False)
                continue
            subjects = [term.text for term in (*one, *other)]
            # Either may be the other's name for it.
            lost = not other and unknown and any(self._is_unknown(term) for term in one)
            where = f"{part}: {name}{' (nothing is known about the name)' if lost else ''}"
            yield from self.record.difference(
                where,
                _texts(one),
                _texts(other),
                *subjects,
                matters=not lost,
                names={name, *(term.name for term in other)},
            )

    def adds(self, requirement: Requirement, extra: str) -> bool:
        """Whether an extra brings a requirement that is not there without it."""
        with_extra, without = (evaluate(requirement.marker, self.target, each) for each in (extra, ""))
        return not without.covers(with_extra)

    def _is_unknown(self, term: _Term) -> bool:
        return term.conda is not None and self.mapper.lookup(term.conda).source is NameSource.RESERVED

    def _conda(self, depends: Sequence[str]) -> tuple[_Terms, list[tuple[str, DependencyKind]]]:
        terms: _Terms = {}
        silent: list[tuple[str, DependencyKind]] = []
        for text in depends:
            spec = parse_spec(text)
            kind = self.mapper.lookup(spec.name).kind
            if kind in (DependencyKind.VIRTUAL, DependencyKind.INTERPRETER):
                continue  # what it is for, which tags say
            answer = None if not kind.requirable else to_requirement(text, self.mapper, subject=text)
            if answer is None or answer.requirement is None:
                silent.append((text, kind))
                continue
            found = answer.requirement
            term = _Term(
                text,
                found.name,
                (found.specifier, found.specifier),
                frozenset(map(canonicalize_name, found.extras)),
                evaluate(found.marker, self.target),
                spec.name,
            )
            terms.setdefault(canonicalize_name(found.name), []).append(term)
        return terms, silent

    def _wheel(self, required: Sequence[Requirement], extra: str) -> _Terms:
        terms: _Terms = {}
        for requirement in required:
            if extra and (extra not in extras_in(requirement) or not self.adds(requirement, extra)):
                continue
            condition = evaluate(requirement.marker, self.target, extra)
            if condition.never:
                continue
            near = to_specifiers(to_conda_spec(requirement.specifier).spec).specifiers
            term = _Term(
                str(requirement),
                requirement.name,
                (requirement.specifier, near),
                frozenset(map(canonicalize_name, requirement.extras)),
                condition,
            )
            terms.setdefault(canonicalize_name(requirement.name), []).append(term)
        return terms

    def _same(self, ours: Sequence[_Term], theirs: Sequence[_Term], spelling: int) -> bool:
        # Most environments are alike to most requirements.
        cells = {
            tuple(term.condition.cells[cell][1] for term in (*ours, *theirs)): cell
            for cell in range(len(self.target.cells()))
        }
        return all(
            _alike(_asked(ours, cell, point, spelling), _asked(theirs, cell, point, spelling))
            for cell in cells.values()
            for point in self.points
        )


_Asked = tuple[tuple[SpecifierSet, ...], frozenset[str]]


def _asked(terms: Sequence[_Term], cell: int, point: Version, spelling: int) -> _Asked | None:
    """What is asked for in one environment; None where nothing is."""
    active = [term for term in terms if point in term.condition.cells[cell][1]]
    if not active:
        return None
    specifiers = dict.fromkeys(term.versions[spelling] for term in active)
    return tuple(specifiers), frozenset().union(*(term.extras for term in active))


def _alike(one: _Asked | None, other: _Asked | None) -> bool:
    if one is None or other is None:
        return one is other
    return one[1] == other[1] and (one[0] == other[0] or alike(_joined(one[0]), _joined(other[0])))


def _texts(terms: Sequence[_Term]) -> str | None:
    return ", ".join(sorted(term.text for term in terms)) or None


def _joined(sets: Iterable[SpecifierSet]) -> str:
    return ",".join(text for text in map(str, sets) if text)


def alike(one: str, other: str) -> bool:
    """Whether specifiers accept the same final and post releases; conda has no rule for pre-releases."""
    if "===" in one or "===" in other:
        return one == other
    ours, theirs = _range(one), _range(other)
    return bool(ours.difference(theirs).is_empty and theirs.difference(ours).is_empty)


def _range(text: str) -> VersionRange:
    return SpecifierSet(text, prereleases=False).to_range()
