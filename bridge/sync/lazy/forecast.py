"""What becomes of one record, as far as metadata alone tells.

What it cannot tell: which project the metadata inside names, and the extras there; whether there are binaries, and
which C library they ask for. Guesses err to the side of fewer machines: a wheel that turns out to fit more of them
fits all that were promised.

The same few hundred thousand requirements, versions and interpreters stand in millions of places, so each is
translated once, by the code that translates them in a conversion (`bridge.mapping`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import msgspec
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.tags import Tag
from packaging.utils import canonicalize_name

from bridge.errors import BridgeError, Code
from bridge.mapping.axes import Axes, choices_of, may_show_choice
from bridge.mapping.matchspec import parse_spec
from bridge.mapping.names import DependencyKind, Evidence, NameMapper, NameSource
from bridge.mapping.platforms import platform_tags
from bridge.mapping.python import python_support, python_tags
from bridge.mapping.requirements import merge_requirements, to_requirement
from bridge.mapping.tables import Tables
from bridge.mapping.versions import to_pep440
from bridge.model.conda import CondaName, CondaVersion, IndexJson, Noarch, Subdir
from bridge.model.plan import compress_tags
from bridge.sync.lazy.record import Entry, Record

#: of binaries about which a record says nothing; most of conda's have been built against it or an older one.
_USUAL_GLIBC: Final = (2, 17)
#: the hash of a build string, and its number: they say nothing about what was built.
_HASH: Final = re.compile(r"h[0-9a-f]{7}_[0-9]+$")
_SOME_HASH: Final = "h0000000_0"
#: a requirement of the common form: a name, one space, and versions or a build without brackets.
_NAMED: Final = re.compile(r"([a-z0-9_][a-z0-9._-]*) ([^\s\[\]:][^\[\]:]*)")
_PYTHON: Final = CondaName("python")


class _Need(msgspec.Struct, frozen=True, gc=False):
    """One requirement of a conda package, translated."""

    kind: DependencyKind
    #: as Requires-Dist has it; empty for none.
    text: str = ""
    #: name and marker; requirements that share them become one.
    place: str = ""
    #: whether builds may differ by it.
    shows: bool = False


class Wheel(msgspec.Struct, frozen=True, gc=False):
    """Tags and Requires-Python, shared by all builds for the same interpreters and machines."""

    #: `{python}-{abi}-{platform}`.
    compressed: str
    tags: frozenset[Tag]
    requires_python: SpecifierSet


class Forecast(msgspec.Struct, frozen=True, gc=False):
    """A wheel that a record will become."""

    source: str
    record: Record
    #: in PEP 440's form.
    version: str
    wheel: Wheel
    requires: tuple[str, ...]
    #: its requirements on virtual packages.
    virtual: tuple[str, ...]


class Projects:
    """Which project the packages of each name will be.

    Args:
        tables: of names and kinds.
        python: package name -> whether some record of it is for Python.
        reserved_prefix: of wheels made of packages that are no Python projects.
    """

    def __init__(self, tables: Tables, python: Mapping[str, bool], reserved_prefix: str) -> None:
        self._mapper = _mapper(tables, python, reserved_prefix)

    def refusal(self, name: str) -> Code | None:
        """Why no package of a name becomes a wheel; None where nothing is known against it."""
        if name == _PYTHON:
            return Code.INTERPRETER
        kind = self._mapper.lookup(CondaName(name)).kind
        marker = kind in (DependencyKind.MUTEX, DependencyKind.INTERPRETER, DependencyKind.VIRTUAL)
        return Code.MARKER_PACKAGE if marker else None

    def project(self, name: str) -> str:
        """Normalised; empty where its packages become no wheels."""
        if self.refusal(name) is not None:
            return ""
        known = CondaName(name)
        return canonicalize_name(self._mapper.lookup(known).distribution or self._mapper.native_distribution(known))


def _mapper(tables: Tables, python: Mapping[str, bool], reserved_prefix: str) -> NameMapper:
    evidence = Evidence(channel={CondaName(name): found for name, found in python.items()})
    return NameMapper(tables, evidence, reserved_prefix)


class Forecaster:
    """Answers for the records of one channel, and remembers what they have in common.

    Args:
        tables: of names and kinds.
        axes: what differences of builds mean.
        python: package name -> whether some record of it is for Python.
        reserved_prefix: of wheels made of packages that are no Python projects.
    """

    def __init__(self, tables: Tables, axes: Axes, python: Mapping[str, bool], reserved_prefix: str) -> None:
        self._axes = axes
        #: packages that were required and that nobody knows.
        self.missing: set[str] = set()
        self._mapper = _mapper(tables, python, reserved_prefix)
        self._versions: dict[str, str] = {}
        self._places: dict[str, str] = {}
        self._needs: dict[str, _Need] = {}
        self._endings: dict[str, str] = {}
        self._unreadable: dict[str, BridgeError] = {}
        self._wheels: dict[object, Wheel | BridgeError] = {}
        self._merged: dict[tuple[str, str], str] = {}
        self._shows: dict[CondaName, bool] = {}
        self._choices: dict[object, Mapping[str, str]] = {}

    def forecast(self, entry: Entry) -> Forecast:
        """What becomes of a record.

        Raises:
            BridgeError: nothing does, and why.
        """
        record = entry.read()
        known = self._needs.get
        merged: dict[str, str] = {}
        interpreter: list[str] = []
        virtual: list[str] = []
        for text in record.depends:
            need = known(text) or self._need(text)
            if need.text:
                place = need.place
                if place in merged:
                    merged[place] = self._together(merged[place], need.text)
                else:
                    merged[place] = need.text
            elif need.kind is DependencyKind.INTERPRETER:
                interpreter.append(text)
            elif need.kind is DependencyKind.VIRTUAL:
                virtual.append(text)
        requires = list(merged.values())
        for group in sorted(record.extra_depends):
            requires.extend(self._extra(group, record.extra_depends[group]))
        for_python = self._mapper.lookup(CondaName(record.name)).kind is DependencyKind.PYTHON and bool(
            interpreter or record.noarch == "python"
        )
        machines = tuple(virtual)
        return Forecast(
            entry.key,
            record,
            self._version(record.version),
            self._wheel(record, tuple(interpreter), machines, for_python=for_python),
            tuple(requires),
            machines,
        )

    def choices(self, forecast: Forecast) -> Mapping[str, str]:
        """Where a build stands on the axes that no virtual package states."""
        record = forecast.record
        needs = self._needs
        showing = tuple([text for text in record.depends if needs[text].shows])
        build = _HASH.sub(_SOME_HASH, record.build)
        name = record.name if self._shown(CondaName(record.name)) else ""
        key = (name, build, showing, record.flags)
        found = self._choices.get(key)
        if found is None:
            found = self._choices[key] = choices_of(record.index(build=build, depends=showing), self._axes)
        return found

    def _version(self, text: str) -> str:
        found = self._versions.get(text)
        if found is None:
            found = self._versions[text] = str(to_pep440(CondaVersion(text)).version)
        return found

    def _shown(self, name: CondaName) -> bool:
        found = self._shows.get(name)
        if found is None:
            found = self._shows[name] = may_show_choice(name, self._axes)
        return found

    def _need(self, text: str) -> _Need:
        if text in self._unreadable:
            raise self._unreadable[text]
        try:
            found = self._needs[text] = self._translate(text)
        except BridgeError as error:
            self._unreadable[text] = error
            raise
        return found

    def _translate(self, text: str) -> _Need:
        """What a requirement becomes. What follows the name means the same after every name."""
        match = _NAMED.fullmatch(text)
        ending = None if match is None else self._endings.get(match[2])
        if match is not None and ending is not None:
            name = CondaName(match[1])
            answer = self._mapper.lookup(name)
            if answer.kind.requirable and answer.source is not NameSource.RESERVED:
                distribution = str(answer.distribution)
                return _Need(answer.kind, f"{distribution}{ending}", self._place(distribution), self._shown(name))
        return self._translated(text, None if match is None else match[2])

    def _translated(self, text: str, ending: str | None) -> _Need:
        answer = to_requirement(text, self._mapper, subject="depends")
        name = parse_spec(text).name
        shows = self._shown(name)
        if any(loss.code is Code.UNMAPPED_NAME for loss in answer.losses):
            self.missing.add(name)
        requirement = answer.requirement
        if requirement is None:
            return _Need(answer.kind, shows=shows)
        place = self._place(requirement.name)
        if requirement.marker is not None:
            place = f"{place};{requirement.marker}"
        elif ending is not None:
            self._endings[ending] = str(requirement).removeprefix(requirement.name)
        return _Need(answer.kind, str(requirement), place, shows)

    def _place(self, distribution: str) -> str:
        found = self._places.get(distribution)
        if found is None:
            found = self._places[distribution] = canonicalize_name(distribution)
        return found

    def _together(self, one: str, other: str) -> str:
        """Two requirements on one project as one."""
        if one == other:
            return one
        found = self._merged.get((one, other))
        if found is None:
            (requirement,) = merge_requirements([Requirement(one), Requirement(other)])
            found = self._merged[one, other] = str(requirement)
        return found

    def _extra(self, group: str, specs: tuple[str, ...]) -> list[str]:
        answers = (to_requirement(text, self._mapper, subject="extra_depends", extra=group) for text in specs)
        return [str(answer.requirement) for answer in answers if answer.requirement is not None]

    def _wheel(
        self, record: Record, interpreter: tuple[str, ...], virtual: tuple[str, ...], *, for_python: bool
    ) -> Wheel:
        key = (record.subdir, record.noarch, interpreter, virtual, for_python)
        found = self._wheels.get(key)
        if found is None:
            try:
                found = _wheel(record.index(), interpreter, virtual, for_python=for_python)
            except BridgeError as error:
                found = error
            self._wheels[key] = found
        if isinstance(found, BridgeError):
            raise found
        return found


def _wheel(index: IndexJson, interpreter: tuple[str, ...], virtual: tuple[str, ...], *, for_python: bool) -> Wheel:
    """Tags by what a package requires; whether it has binaries is told by what it is bound to."""
    own = index.subdir != "noarch" and index.noarch is Noarch.NO
    if for_python:
        support = python_support(index, interpreter)
        bound = support.abi is not None or support.stable_abi is not None or len(support.minors) == 1
        binaries = own and bound
    else:
        binaries = own
    python = python_tags(index, interpreter, has_extensions=for_python and binaries, native_only=not for_python)
    platform = platform_tags(
        Subdir(index.subdir),
        virtual,
        glibc_floor=_USUAL_GLIBC,
        has_binaries=binaries,
        subject=index.identity.stem,
    )
    tags = frozenset(
        Tag(interpreter_tag, abi, name)
        for interpreter_tag in python.interpreters
        for abi in python.abis
        for name in platform.platforms
    )
    return Wheel(compress_tags(tags), tags, python.requires_python)
