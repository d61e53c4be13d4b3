"""What the wanted wheels of an index need, found by the solver: each wheel as the conda packages that it would become.

Only METADATA is read (PEP 658), and only of the projects that requirements lead to.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name

from bridge.channel.repodata import Channel, ChannelRecord
from bridge.channel.solve import required_name, resolve
from bridge.errors import BridgeError, Code, InvalidInput, Unsupported
from bridge.formats.wheel.filename import parse_wheel_filename
from bridge.mapping.pypi_names import PypiNames
from bridge.mapping.tables import Tables
from bridge.mapping.target_requirements import target_requirements
from bridge.mapping.versions import to_conda
from bridge.mapping.wheel_natives import Natives
from bridge.mapping.wheel_targets import wheel_targets
from bridge.model.conda import CondaName, CondaVersion, IndexJson, Noarch, Subdir
from bridge.sync.closure import Closure
from bridge.sync.source import Memory, Source, SourceFile, WheelFacts

_NOARCH: Final = "noarch"
_SOME_PLATFORM: Final = "linux-64"
_PYTHON: Final = CondaName("python")
#: minor versions of Python 3 that an index may be for.
_MINORS: Final = range(6, 20)


class Wheels(Channel):
    """The wheels of an index as records, made when the solver comes to their project.

    What no wheel of the index provides is left out of the requirements: other channels have it.

    Args:
        source: the index.
        files: those that may be taken.
        tables: names.
        python: the minor version that is wanted; None for any.
        memory: what was read before.
    """

    def __init__(
        self,
        source: Source,
        files: Iterable[SourceFile],
        tables: Tables,
        python: tuple[int, int] | None,
        memory: Memory,
    ) -> None:
        self._source = source
        self._memory = memory
        self._by_project: defaultdict[NormalizedName, list[SourceFile]] = defaultdict(list)
        for file in files:
            if file.wheel is not None:
                self._by_project[file.wheel.project].append(file)
        own = PypiNames(tables)
        # A project without a name on the other side is told apart all the same.
        named = {project: own.own(project).conda or CondaName(project) for project in self._by_project}
        self._names = PypiNames(tables, run=named)
        self._projects = {name: project for project, name in named.items()}
        self._made: dict[CondaName, tuple[ChannelRecord, ...]] = {_PYTHON: tuple(_pythons(source.shown, python))}
        self._keys: dict[tuple[str, str], str] = {}

    @property
    def url(self) -> str:
        """Of the source, without credentials."""
        return self._source.shown

    @property
    def names(self) -> tuple[CondaName, ...]:
        """Sorted."""
        return tuple(sorted({*self._projects, _PYTHON}))

    def records(self, name: str) -> tuple[ChannelRecord, ...]:
        """What the wheels of one project would become."""
        key = CondaName(name)
        if key not in self._made:
            self._made[key] = tuple(self._of(key))
        return self._made[key]

    @property
    def rejected(self) -> tuple[tuple[str, InvalidInput], ...]:
        """Nothing: the source has said what is wrong with its entries."""
        return ()

    def find(self, filename: str, *, subdir: str | None = None) -> ChannelRecord | None:
        """The record of a file; None where there is none."""
        every = (record for name in self.names for record in self.records(name))
        return next((r for r in every if r.filename == filename and subdir in (None, r.index.subdir)), None)

    def of_file(self, file: SourceFile) -> tuple[ChannelRecord, ...]:
        """What one wheel would become; nothing where that cannot be told."""
        if file.wheel is None:
            return ()
        name = next((name for name, project in self._projects.items() if project == file.wheel.project), None)
        records = () if name is None else self.records(name)
        return tuple(record for record in records if self.key_of(record) == file.key)

    def key_of(self, record: ChannelRecord) -> str | None:
        """The wheel behind a record; None for Python."""
        return self._keys.get((record.index.subdir, record.filename))

    def _of(self, name: CondaName) -> Iterator[ChannelRecord]:
        files = self._by_project.get(self._projects.get(name, NormalizedName("")), [])
        facts = self._source.look(files, self._memory)
        for number, file in enumerate(files):
            if file.wheel is None or file.key not in facts:
                continue
            try:
                indexes = list(self._indexes(name, number, file, file.wheel, facts[file.key].requires))
            except BridgeError:
                continue
            for index in indexes:
                filename = f"{index.identity.stem}.conda"
                self._keys[index.subdir, filename] = file.key
                yield ChannelRecord(index, filename, self.url, "")

    def _indexes(
        self, name: CondaName, number: int, file: SourceFile, wheel: WheelFacts, requires: Sequence[str]
    ) -> Iterator[IndexJson]:
        stated = parse_wheel_filename(file.filename)
        requirements = [Requirement(text) for text in requires]
        python = None if wheel.requires_python is None else SpecifierSet(wheel.requires_python)
        answer = wheel_targets(stated.tags, python, Natives(), has_programs=False, subject=file.filename)
        for target in answer.targets:
            for found in target_requirements(
                target,
                requirements,
                self._names,
                extras=(),
                conditional=False,
                subject=file.filename,
                project=wheel.project,
            ):
                build = f"{target.label}_{found.target.split}_{number}".replace("__", "_")
                yield IndexJson(
                    name=name,
                    version=CondaVersion(to_conda(wheel.version)),
                    build=build,
                    build_number=0 if wheel.label is None else 1,
                    subdir=found.target.subdir,
                    depends=tuple(spec for spec in found.specs if self._is_offered(spec)),
                    noarch=Noarch.PYTHON if found.target.subdir == _NOARCH else Noarch.NO,
                )

    def _is_offered(self, spec: str) -> bool:
        name = required_name(spec)
        return name is not None and (name.startswith("__") or name == _PYTHON or name in self._projects)


def wanted_wheels(files: Iterable[SourceFile], specs: Sequence[str]) -> tuple[SourceFile, ...]:
    """The wheels that some requirements (PEP 508) name.

    Raises:
        InvalidInput: a requirement cannot be read, or has a marker or an address (`CB116`).
        Unsupported: nothing matches one (`CB318`).
    """
    by_project: defaultdict[NormalizedName, list[tuple[SourceFile, WheelFacts]]] = defaultdict(list)
    for file in files:
        if file.wheel is not None:
            by_project[file.wheel.project].append((file, file.wheel))
    found: dict[str, SourceFile] = {}
    for spec in specs:
        try:
            requirement = Requirement(spec)
        except InvalidRequirement as error:
            raise InvalidInput(Code.BAD_SPEC, f"not a requirement: {error}", subject=spec) from error
        if requirement.marker is not None or requirement.url is not None:
            raise InvalidInput(Code.BAD_SPEC, "a requirement here has neither marker nor address", subject=spec)
        offered = by_project.get(canonicalize_name(requirement.name), [])
        matched = [file for file, wheel in offered if requirement.specifier.contains(wheel.version, prereleases=True)]
        if not matched:
            raise Unsupported(Code.NO_MATCH, "no wheel of the source matches", subject=spec)
        found.update((file.key, file) for file in matched)
    return tuple(found.values())


def wheel_closure(
    wanted: Sequence[SourceFile], wheels: Wheels, others: Sequence[Channel], subdirs: Sequence[str]
) -> Closure:
    """All that the wanted wheels are installed with; arguments as those of `bridge.sync.closure.closure`."""
    platforms = tuple(subdir for subdir in subdirs if subdir != _NOARCH) or (_SOME_PLATFORM,)
    keys = {file.key for file in wanted}
    unsolved: list[tuple[str, BridgeError]] = []
    for file in wanted:
        errors: list[BridgeError] = []
        solved = False
        for record in wheels.of_file(file):
            for subdir in platforms if record.index.subdir == _NOARCH else (record.index.subdir,):
                try:
                    solution = resolve([wheels, *others], record, subdir=subdir)
                except BridgeError as error:
                    errors.append(error)
                else:
                    solved = True
                    keys.update(key for each in solution if (key := wheels.key_of(each)) is not None)
        if errors and not solved:
            unsolved.append((file.key, errors[0]))
    return Closure(frozenset(keys), tuple(unsolved))


def _pythons(shown: str, python: tuple[int, int] | None) -> Iterator[ChannelRecord]:
    """An index has no Python of its own."""
    for major, minor in [python] if python is not None else [(3, minor) for minor in _MINORS]:
        index = IndexJson(_PYTHON, CondaVersion(f"{major}.{minor}.0"), "0", 0, Subdir(_NOARCH))
        yield ChannelRecord(index, f"{index.identity.stem}.conda", shown, "")
