"""The requirements of a wheel on the conda packages that it becomes: one package with conditions, or several without.

In repodata of version 3 a requirement has a condition (`when`, CEP 43) and extras are groups (CEP 44). Version 1 has
neither: the wheel is cut into packages inside which nothing depends on anything, and extras are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from packaging.requirements import Requirement
from packaging.utils import NormalizedName

from bridge.errors import Code
from bridge.mapping.conda_target import CondaTarget
from bridge.mapping.marker_targets import Implementation, Target
from bridge.mapping.markers import Grouped, conditions, evaluate
from bridge.mapping.own_extras import expanded
from bridge.mapping.pep508 import CondaDependency, CondaRequirementAnswer, conda_requirement
from bridge.mapping.target_merge import merged_dependencies
from bridge.mapping.target_split import SERVED, Row, cut, places, rows
from bridge.model.plan import Loss

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Sequence

    from bridge.mapping.marker_targets import Cell
    from bridge.mapping.pypi_names import PypiNames
    from bridge.mapping.target_split import Ranges

#: more packages of one wheel are a burden for every client that reads the channel.
MOST_PACKAGES: Final = 48


@dataclass(frozen=True, slots=True)
class TargetRequirements:
    """One package and what it requires."""

    target: CondaTarget
    depends: tuple[CondaDependency, ...]
    #: extra -> what it adds, only in repodata of version 3.
    extra_depends: Mapping[NormalizedName, tuple[CondaDependency, ...]]
    losses: tuple[Loss, ...]

    @property
    def uses_v3(self) -> bool:
        """Whether only repodata of version 3 can say it."""
        return bool(self.extra_depends) or any(one.extras or one.when for one in self.depends)

    @property
    def specs(self) -> tuple[str, ...]:
        """`depends` of index.json: what the target asks for, `python` first, and the requirements, sorted."""
        return (*self.target.depends, *map(str, self.depends))

    @property
    def extra_specs(self) -> dict[str, list[str]]:
        """`extra_depends` of index.json."""
        return {str(extra): [str(one) for one in found] for extra, found in sorted(self.extra_depends.items())}


def target_requirements(
    target: CondaTarget,
    requires: Sequence[Requirement],
    names: PypiNames,
    *,
    extras: Collection[NormalizedName],
    conditional: bool,
    subject: str,
    project: NormalizedName | None = None,
) -> tuple[TargetRequirements, ...]:
    """Translate all Requires-Dist of a wheel for one of its targets.

    Args:
        target: one of those that `wheel_targets` gives.
        requires: as METADATA has them.
        names: PyPI projects to conda packages.
        extras: those that the wheel provides.
        conditional: whether repodata of version 3 may be used. The machine has no condition even there.
        subject: the wheel's file name, for losses and errors.
        project: whose requirements they are; what it asks of itself (`project[a]; extra == "all"`) is resolved.

    Returns:
        packages that exclude each other and together stand for all of the target, sorted; with the losses of
        `conda_requirement`, `CB235` where requirements of PyPy differ, `CB241` for machines without a package, and
        `CB243` for extras that were left out.

    Raises:
        InvalidInput: CB111 or CB116, a marker or a version is beyond measure.
        Unrepresentable: CB320, a file is required by its address; CB328, there would be too many packages.
    """
    if project is not None:
        requires = expanded(requires, project, subject=subject)
    return _Translation(target, requires, names, extras, conditional, subject).answer()


class _Translation:
    def __init__(
        self,
        target: CondaTarget,
        requires: Sequence[Requirement],
        names: PypiNames,
        extras: Collection[NormalizedName],
        conditional: bool,
        subject: str,
    ) -> None:
        self._target = target
        self._names = names
        self._extras = sorted(set(extras))
        self._conditional = conditional
        self._subject = subject
        self._losses: list[Loss] = []
        whole = target.markers(conditional=conditional)
        self._grouped = [
            (one, found)
            for one in dict.fromkeys(requires)
            if not (found := conditions(one.marker, whole, self._extras)).never
        ]

    def answer(self) -> tuple[TargetRequirements, ...]:
        self._leave_out_extras()
        self._other_implementations()
        # Names that nobody knows, and files, are no reason for a package of their own.
        known = [pair for pair in self._grouped if self._names.lookup(pair[0].name).conda is not None]
        if self._conditional:
            parts = self._places(known)
        else:
            parts = self._cut([(one, found) for one, found in known if not found.base.never])
        parts.sort(key=lambda part: (part.subdir, part.label, part.split))
        return tuple(map(self._package, parts))

    def _places(self, known: Sequence[tuple[Requirement, Grouped]]) -> list[CondaTarget]:
        """One package, or one for each platform where a condition depends on the machine."""
        columns = [_ranges(found) for _, found in known]
        found = self._rows(columns)
        if all(row.subdir is None for row in found):
            return [self._target]
        return [place for place, _ in places(self._target, found, lambda row: row.subdir)]

    def _cut(self, known: Sequence[tuple[Requirement, Grouped]]) -> list[CondaTarget]:
        columns = [dict(found.base.cells) for _, found in known]
        found = self._rows([{cell: (versions,) for cell, versions in column.items()} for column in columns])
        single = [
            conda_requirement(_unconditional(one), self._names, self._markers(self._target)).dependencies
            for one, _ in known
        ]

        def effect(in_force: Sequence[bool]) -> Hashable:
            return merged_dependencies(
                dependency
                for here, dependencies in zip(in_force, single, strict=True)
                if here
                for dependency in dependencies
            )

        return cut(self._target, found, effect, most=MOST_PACKAGES, subject=self._subject)

    def _rows(self, columns: Sequence[Mapping[Cell, Ranges]]) -> tuple[Row, ...]:
        cells = self._markers(self._target).cells()
        found = rows(self._target, {cell: tuple(one for column in columns for one in column[cell]) for cell in cells})
        for system in found.partial:
            subdirs = ", ".join(subdir for subdir, _ in SERVED[system])
            detail = f"its requirements depend on the machine; on {system.name.lower()} only {subdirs} have a package"
            self._losses.append(Loss(Code.UNSERVED, self._subject, detail))
        return found.rows

    def _markers(self, target: CondaTarget) -> Target:
        return target.markers(conditional=self._conditional)

    def _package(self, target: CondaTarget) -> TargetRequirements:
        """One package, inside which the machine no longer matters."""
        dependencies: list[CondaDependency] = []
        losses = list(self._losses)
        for requirement, _ in self._grouped:
            answer = self._translated(requirement, target)
            dependencies.extend(answer.dependencies)
            losses.extend(answer.losses)
        merged = merged_dependencies(dependencies)
        base = tuple(one for one in merged if one.group is None)
        groups: dict[NormalizedName, tuple[CondaDependency, ...]] = {}
        for one in merged:
            if one.group is not None:
                groups[one.group] = (*groups.get(one.group, ()), one)
        return TargetRequirements(target, base, groups, tuple(dict.fromkeys(losses)))

    def _translated(self, requirement: Requirement, target: CondaTarget) -> CondaRequirementAnswer:
        markers = self._markers(target)
        if self._conditional:
            return conda_requirement(requirement, self._names, markers, extras=self._extras, subject=self._subject)
        found = evaluate(requirement.marker, markers)
        if found.never:
            return CondaRequirementAnswer(None, (), ())
        # Where it is in force in a part of the package only, others say the same in the rest: see `cut`.
        answer = conda_requirement(_unconditional(requirement), self._names, markers, subject=self._subject)
        if found.exact or not answer.dependencies:
            return answer
        detail = f"{requirement}: a part of the condition cannot be known, and was taken to hold"
        return replace(answer, losses=(*answer.losses, Loss(Code.CONDITION, self._subject, detail)))

    def _leave_out_extras(self) -> None:
        """Version 1 has no extras; version 3 has none for what is asked for by its address."""
        if self._conditional:
            refused = {
                extra: f"{one.name} is asked for by the address of a file"
                for one, found in self._grouped
                if one.url is not None and found.base.never
                for extra, _ in found.groups
            }
        else:
            counts: dict[NormalizedName, int] = {}
            for _, found in self._grouped:
                for extra in dict.fromkeys([*(extra for extra, _ in found.groups), *found.unsaid]):
                    counts[extra] = counts.get(extra, 0) + 1
            refused = {extra: f"{count} of the requirements depend on it" for extra, count in counts.items()}
        self._losses.extend(
            Loss(Code.EXTRA, self._subject, f"the extra {extra} was left out: {refused[extra]}")
            for extra in sorted(refused)
        )
        self._extras = [extra for extra in self._extras if extra not in refused]
        if refused:
            whole = self._markers(self._target)
            again = [(one, conditions(one.marker, whole, self._extras)) for one, _ in self._grouped]
            self._grouped = [(one, found) for one, found in again if not found.never]

    def _other_implementations(self) -> None:
        """A package for every Python has the requirements of CPython."""
        if self._target.abi is not None or any(spec.startswith("cpython") for spec in self._target.also):
            return
        own = self._markers(self._target)
        other = replace(own, implementations=(Implementation.PYPY,))
        for one, found in self._grouped:
            if "implementation" not in str(one.marker):
                continue
            there = evaluate(one.marker, other)
            if [versions for _, versions in there.cells] != [versions for _, versions in found.base.cells]:
                detail = f"{one}: decided for CPython, and other implementations of Python differ"
                self._losses.append(Loss(Code.IMPLEMENTATION, self._subject, detail))


def _ranges(found: Grouped) -> dict[Cell, Ranges]:
    """For each kind of environment, the versions without extras and with each."""
    answer: dict[Cell, Ranges] = {cell: (versions,) for cell, versions in found.base.cells}
    for _, condition in found.groups:
        answer = {cell: (*answer[cell], versions) for cell, versions in condition.cells}
    return answer


def _unconditional(requirement: Requirement) -> Requirement:
    """The same requirement without its marker."""
    said = Requirement(str(requirement))
    said.marker = None
    return said
