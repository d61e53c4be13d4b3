"""What the result of a unit depends on, in words: a unit is converted again when one of them changes.

Everything that conversion asks the mapping data is asked here too, of the same code, and nothing else: a changed table
touches the units that got another answer.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Final

import msgspec
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import NormalizedName, canonicalize_name

from bridge._version import __version__
from bridge.channel.engine import solver_record
from bridge.channel.locate import dist_name
from bridge.channel.repodata import Channel
from bridge.channel.settings import Settings
from bridge.channel.solve import required_name
from bridge.mapping.axes import Axes, choices_of
from bridge.mapping.names import Evidence, NameAnswer, NameMapper, NameSource
from bridge.mapping.pypi_names import PypiNames
from bridge.mapping.tables import Tables
from bridge.model.conda import CondaName, IndexJson, Noarch
from bridge.model.plan import Layout
from bridge.sync.source import SourceFile
from bridge.sync.unit import Unit, depends_on_python

#: raised when the outputs of a unit change though the version of the bridge does not.
_FORM: Final = 1


def digest(value: Any) -> str:
    """sha256 (hex) of a JSON value, whatever the order of its keys."""
    return hashlib.sha256(msgspec.json.encode(value, order="sorted")).hexdigest()


@dataclass(frozen=True)
class Answers:
    """What is known when a run plans.

    Args:
        files: everything that the source offers.
        settings: of the conversion, with the names that the source's packages state.
        tables: the mapping data.
        axes: what the differences of builds mean.
        others: further channels, opened.
        strict: whether losses are refusals.
    """

    files: Sequence[SourceFile]
    settings: Settings
    tables: Tables
    axes: Axes
    others: Sequence[Channel] = ()
    strict: bool = False

    def facets(self, unit: Unit, requires: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        """All that the result of a unit depends on, as JSON.

        Args:
            unit: what is to be converted.
            requires: key of a wheel -> its Requires-Dist, where that is known.
        """
        common = {
            "bridge": [__version__, _FORM],
            "options": self._options,
            "files": {file.key: f"{file.identity}{' absent' if file.absent else ''}" for file in unit.files},
        }
        indexes = {file.key: file.index for file in unit.files if file.index is not None}
        if indexes:
            return common | self._of_builds(indexes)
        wheels = {file.key: requires.get(file.key) for file in unit.files if file.is_wheel}
        return common | (self._of_wheels(unit, wheels) if wheels else {})

    @cached_property
    def _options(self) -> str:
        settings = self.settings
        return digest(
            {
                "layout": settings.options.layout.value,
                "prefix": settings.options.reserved_prefix,
                "compression": settings.compression.value,
                "level": settings.level,
                "same_names": settings.packages.same_names,
                "packages": [settings.packages.options.conditional, settings.packages.options.format.value],
                "limits": asdict(settings.limits),
                "strict": self.strict,
            }
        )

    def _of_builds(self, indexes: Mapping[str, IndexJson]) -> dict[str, Any]:
        builds = list(indexes.values())
        facets: dict[str, Any] = {
            "records": {key: digest(_record(index)) for key, index in indexes.items()},
            "names": self._names(builds),
        }
        notes = {
            index.name: asdict(self.tables.note(index.name)) for index in builds if index.name in self.tables.notes
        }
        if notes:
            facets["notes"] = notes
        if any(index.noarch is Noarch.NO for index in builds):
            # Which libraries a Python process has loaded already matters where there are binaries.
            facets["preloaded"] = self._preloaded
        competing = len({(index.name, index.build, index.subdir) for index in builds}) > len({i.name for i in builds})
        if competing:
            facets["axes"] = digest(
                {
                    "host": {name: repr(axis) for name, axis in self.axes.host.items()},
                    "choices": {key: self._choices(index) for key, index in indexes.items()},
                }
            )
        if competing or self.settings.options.layout is Layout.VENDORED:
            facets["around"] = self._around(builds)
            if self.settings.permits is not None:
                facets["policy"] = self.settings.permits.identity
        return facets

    def _choices(self, index: IndexJson) -> dict[str, str]:
        """Where a build stands on an axis, and what the axis makes of that."""
        return {name: f"{value} {self.axes.choices[name]!r}" for name, value in choices_of(index, self.axes).items()}

    def _names(self, builds: Iterable[IndexJson]) -> dict[str, str]:
        """What each requirement is called on the other side."""
        names = sorted({name for index in builds for name in _required(index)})
        mapper = NameMapper(self.tables, self._evidence(names), self.settings.options.reserved_prefix)
        return {name: _said(mapper.lookup(name)) for name in names}

    def _evidence(self, names: Iterable[CondaName]) -> Evidence:
        artifacts: dict[CondaName, str] = {}
        python: dict[CondaName, bool] = {}
        for name in names:
            found = self.settings.names.get(name) or self._elsewhere(name)
            if found is not None:
                artifacts[name] = found
            if (answer := self._is_python(name)) is not None:
                python[name] = answer
        return Evidence(artifacts=artifacts, channel=python)

    def _elsewhere(self, name: CondaName) -> NormalizedName | None:
        return next((found for channel in self.others if (found := dist_name(channel, name))), None)

    def _is_python(self, name: CondaName) -> bool | None:
        offered = self._offered(name) if self.settings.channels else ()
        return any(depends_on_python(index) for index in offered) if offered else None

    @cached_property
    def _by_name(self) -> Mapping[CondaName, list[IndexJson]]:
        found: defaultdict[CondaName, list[IndexJson]] = defaultdict(list)
        for file in self.files:
            if file.index is not None:
                found[file.index.name].append(file.index)
        return dict(found)

    @cached_property
    def _preloaded(self) -> str:
        return digest([asdict(each) for each in self.tables.preloaded])

    def _around(self, builds: Iterable[IndexJson]) -> str:
        """All records that a solver could choose for what the builds need."""
        reached: set[CondaName] = set()
        waiting = list(builds)
        while waiting:
            for name in _required(waiting.pop()):
                if name not in reached:
                    reached.add(name)
                    waiting += self._offered(name)
        return digest({name: self._offered_digest(name) for name in sorted(reached)})

    def _offered(self, name: CondaName) -> Sequence[IndexJson]:
        """What there is of a name: the first channel that has it has it alone."""
        if name in self._by_name:
            return self._by_name[name]
        for channel in self.others:
            if records := channel.records(name):
                return [record.index for record in records]
        return ()

    def _offered_digest(self, name: CondaName) -> str:
        if name not in self._digests:
            self._digests[name] = digest([_record(index) for index in self._offered(name)])
        return self._digests[name]

    @cached_property
    def _digests(self) -> dict[CondaName, str]:
        return {}

    def _of_wheels(self, unit: Unit, wheels: Mapping[str, Sequence[str] | None]) -> dict[str, Any]:
        own = {file.wheel.project for file in unit.files if file.wheel is not None}
        asked = sorted(own | {project for requires in wheels.values() for project in _projects(requires or ())})
        names: dict[str, str] = {}
        for project in asked:
            answer = self._pypi.own(project) if project in own else self._pypi.lookup(project)
            names[project] = f"{answer.conda or ''} {answer.source.value}"
        return {"names": names}

    @cached_property
    def _pypi(self) -> PypiNames:
        """As `bridge.channel.wheel_workshop` has it."""
        own = PypiNames(self.tables)
        packages = self.settings.packages
        found = ((project, own.own(project).conda) for project in sorted(packages.projects))
        run = {project: CondaName(conda) for project, conda in found if conda is not None}
        return PypiNames(self.tables, assume_same=packages.same_names, run=run)


def _said(answer: NameAnswer) -> str:
    """What of an answer shows in a wheel: who gave it does not, but that nobody knew it is a loss."""
    unknown = " unknown" if answer.source is NameSource.RESERVED else ""
    return f"{answer.kind.value} {answer.distribution or ''}{unknown}".rstrip()


def changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[str, ...]:
    """Which facets differ, sorted; of names, the ones that have another answer."""
    found: list[str] = []
    for facet in sorted({*old, *new}):
        before, after = old.get(facet), new.get(facet)
        if before == after:
            continue
        if facet == "names" and isinstance(before, dict) and isinstance(after, dict):
            found += [f"name {name}" for name in sorted({*before, *after}) if before.get(name) != after.get(name)]
        else:
            found.append(facet)
    return tuple(found)


def _record(index: IndexJson) -> dict[str, Any]:
    """What a record in force decides (`bridge.channel.records.hotfixed`)."""
    return {
        **solver_record(index),
        "license": index.license,
        "python_site_packages_path": index.python_site_packages_path,
    }


def _required(index: IndexJson) -> Iterator[CondaName]:
    for spec in (*index.depends, *(spec for group in index.extra_depends.values() for spec in group)):
        if (name := required_name(spec)) is not None:
            yield CondaName(name)


def _projects(requires: Iterable[str]) -> Iterator[NormalizedName]:
    for text in requires:
        try:
            yield canonicalize_name(Requirement(text).name)
        except InvalidRequirement:
            continue
