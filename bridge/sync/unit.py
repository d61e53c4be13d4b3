"""What is converted together: all builds of one release, or one wheel, or the variant wheels of one release."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from packaging.utils import NormalizedName

from bridge.channel.solve import required_name
from bridge.errors import InvalidInput
from bridge.mapping.names import Evidence, NameMapper
from bridge.mapping.tables import Tables
from bridge.mapping.versions import to_pep440
from bridge.model.conda import CondaName, IndexJson, Noarch
from bridge.sync.source import SourceFile

_INTERPRETERS: Final = frozenset({"python", "python_abi"})


@dataclass(frozen=True, slots=True)
class Unit:
    """Files whose outputs depend on each other, by key."""

    #: unique in the source, and the same in every run.
    name: str
    files: tuple[SourceFile, ...]

    @property
    def size(self) -> int:
        """Bytes to be read, as far as the source says."""
        return sum(file.size or 0 for file in self.files)

    @property
    def subject(self) -> str:
        """The package or project that it is about, for people."""
        first = self.files[0]
        return first.index.identity.name if first.index is not None else first.filename


def depends_on_python(index: IndexJson) -> bool:
    """Whether a conda package is one for Python, by what it requires."""
    return index.noarch is Noarch.PYTHON or not _INTERPRETERS.isdisjoint(map(required_name, index.depends))


def units_of(
    files: Iterable[SourceFile], projects: Mapping[CondaName, NormalizedName], tables: Tables
) -> tuple[Unit, ...]:
    """Put together what becomes one family.

    Two conda packages may be one project (`matplotlib`, `matplotlib-base`), so releases are told apart by what the
    project is called, as far as that is known without opening the packages.

    Args:
        files: of the source.
        projects: what packages say that they are called.
        tables: what they are called otherwise.

    Returns:
        Sorted by name.
    """
    files = tuple(files)
    python: dict[CondaName, bool] = {}
    for file in files:
        if file.index is not None:
            python[file.index.name] = python.get(file.index.name, False) or depends_on_python(file.index)
    mapper = NameMapper(tables, Evidence(artifacts=projects, channel=python))
    found: defaultdict[str, list[SourceFile]] = defaultdict(list)
    for file in files:
        found[_name(file, mapper)].append(file)
    return tuple(Unit(name, tuple(sorted(found[name], key=lambda file: file.key))) for name in sorted(found))


def _name(file: SourceFile, mapper: NameMapper) -> str:
    if file.index is not None:
        return f"release {_project(file.index.name, mapper)} {_version(file.index)}"
    if file.wheel is not None and file.wheel.label is not None:
        return f"variants {file.wheel.project} {file.wheel.version}"
    return f"file {file.key}"


def _project(name: CondaName, mapper: NameMapper) -> str:
    return mapper.lookup(name).distribution or name


def _version(index: IndexJson) -> str:
    try:
        return str(to_pep440(index.version).version)
    except InvalidInput:
        return index.version
