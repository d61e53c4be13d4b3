"""What a conda package says about the Python it is for, as Requires-Python and wheel tags.

Sources: CEP 20 (abi3 and free-threading), the platform compatibility tags specification (PEP 425), and the
`python_abi` convention.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from packaging.specifiers import Specifier, SpecifierSet

from bridge.errors import Code, InvalidInput, Unsupported
from bridge.mapping.matchspec import CondaSpec, parse_spec
from bridge.mapping.requirements import simplify
from bridge.mapping.version_specs import lower_bound, to_specifiers
from bridge.model.conda import IndexJson, Noarch
from bridge.model.plan import Loss

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from packaging.version import Version

#: no Python has these versions, so a hull that covers them is exact.
_ABSENT: Final = ">=2.8,<3"
#: minors that a range is tried against; far enough ahead.
_MINORS: Final = ((2, 6), (2, 7), *((3, minor) for minor in range(40)))
#: `*_cp313t`, `1_cp312`, `*_pypy39_pp73`, `*_graalpy230_310_native`.
_ABI_BUILD: Final = re.compile(
    r"(?:^|.*[_*])(?P<abi>cp(?P<cp>[23][0-9]+)[a-z]{0,2}|pypy(?P<pp>[23][0-9]+)_pp[0-9]+)\*?"
)
#: builds that any interpreter package of CPython has; they say what the tag says anyway.
_CPYTHON_BUILD: Final = re.compile(r"\*?_?cpython\*?")
#: names whose version is the version of Python.
_VERSIONED: Final = frozenset({"python", "python_abi", "cpython"})
_PYPY: Final = re.compile(r"pypy([23])\.([0-9]+)")


@dataclass(frozen=True, slots=True)
class PythonSupport:
    """The Pythons that a package's `depends` admit."""

    #: from `python`, or else `cpython` or `python_abi`; empty where any will do.
    requires_python: SpecifierSet
    #: whether anything of Python is asked for at all.
    needed: bool
    #: `cp312`, `cp313t`, `pypy39_pp73` as `python_abi` pins it; None otherwise.
    abi: str | None
    #: CPython by `cpython`, `python-gil` or a build string.
    cpython_only: bool
    #: `python-gil`: not for free-threaded builds; `python-freethreading` is the opposite.
    gil: bool | None
    #: CEP 20: built for the stable ABI, usable from this version on.
    stable_abi: tuple[int, int] | None
    losses: tuple[Loss, ...]

    @property
    def minors(self) -> tuple[tuple[int, int], ...]:
        """The minor versions of Python that `requires_python` admits."""
        return _admitted(self.requires_python)


@lru_cache(maxsize=4096)
def _admitted(requires_python: SpecifierSet) -> tuple[tuple[int, int], ...]:
    wanted = requires_python.to_range()
    return tuple(
        minor for minor in _MINORS if not wanted.is_disjoint(SpecifierSet(f"=={minor[0]}.{minor[1]}.*").to_range())
    )


@dataclass(frozen=True, slots=True)
class PythonTags:
    """The first two parts of a wheel's tags, and Requires-Python."""

    interpreters: tuple[str, ...]
    abis: tuple[str, ...]
    requires_python: SpecifierSet
    losses: tuple[Loss, ...] = ()


def python_support(index: IndexJson, depends: Iterable[str]) -> PythonSupport:
    """Read every interpreter package in `depends`.

    Raises:
        InvalidInput: CB116, a spec cannot be read.
    """
    subject = index.identity.stem
    reader = _Reader(subject)
    for text in depends:
        reader.read(parse_spec(text, subject=subject))
    return reader.support()


def python_tags(index: IndexJson, depends: Sequence[str], *, has_extensions: bool, native_only: bool) -> PythonTags:
    """Interpreter and ABI tags.

    Args:
        index: the package.
        depends: the requirements in force (hotfixed where a channel was given).
        has_extensions: whether it holds modules that are bound to Python's ABI.
        native_only: whether it holds nothing of Python at all.

    Raises:
        InvalidInput: CB116, a spec cannot be read.
        Unsupported: CB311, no tag says which Python it is for.
    """
    support = python_support(index, depends)
    if native_only:
        return PythonTags(("py3",), ("none",), support.requires_python, support.losses)
    if index.noarch is not Noarch.NO and index.subdir == "noarch":
        has_extensions = False
    interpreters, abis = _tags(index, support, has_extensions)
    said = "none" not in abis
    return PythonTags(interpreters, abis, support.requires_python, (*support.losses, *_unsaid(index, support, said)))


def _tags(index: IndexJson, support: PythonSupport, has_extensions: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    subject = index.identity.stem
    if support.abi is not None:
        return (_interpreter(support.abi),), (support.abi,)
    if not has_extensions:
        return _pure(support.minors, subject), ("none",)
    if support.stable_abi is not None or index.noarch is Noarch.PYTHON:
        return (_stable_interpreter(support, subject),), ("abi3",)
    if len(support.minors) != 1:
        raise _unsayable("has extension modules, but is not bound to one Python", subject)
    major, minor = support.minors[0]
    return (f"cp{major}{minor}",), (_default_abi(major, minor, index),)


def _pure(minors: Sequence[tuple[int, int]], subject: str) -> tuple[str, ...]:
    if not minors:
        raise _unsayable("requires a Python that does not exist", subject)
    if len(minors) == 1:
        return (f"py{minors[0][0]}{minors[0][1]}",)
    if len(minors) == len(_MINORS):
        return ("py3",)
    return tuple(f"py{major}" for major in sorted({major for major, _ in minors}))


def _stable_interpreter(support: PythonSupport, subject: str) -> str:
    if support.gil is False:
        raise _unsayable("is for free-threaded Pythons, which have no stable ABI", subject)
    floor = support.stable_abi or (support.minors[0] if support.requires_python else None)
    if floor is None or floor < (3, 2):
        raise _unsayable("is built for the stable ABI of an unknown Python", subject)
    return f"cp{floor[0]}{floor[1]}"


def _default_abi(major: int, minor: int, index: IndexJson) -> str:
    """The ABI of conda's CPython of that minor, for packages older than `python_abi`."""
    abi = f"cp{major}{minor}"
    if major == 2:
        return f"{abi}mu" if index.subdir.startswith("linux-") else f"{abi}m"
    return f"{abi}m" if minor < 8 else abi


def _interpreter(abi: str) -> str:
    match = _ABI_BUILD.fullmatch(abi)
    if match is None:  # an abi comes out of this very pattern
        raise ValueError(abi)
    return f"cp{match['cp']}" if match["cp"] else f"pp{match['pp']}"


def _unsaid(index: IndexJson, support: PythonSupport, abi_said: bool) -> Iterable[Loss]:
    """What the tags leave open: a wheel without an ABI tag also installs into other implementations."""
    if abi_said or support.abi is not None:
        return
    wanted = []
    if support.cpython_only:
        wanted.append("CPython")
    if support.gil is not None:
        wanted.append("Python with a GIL" if support.gil else "free-threaded Python")
    if wanted:
        detail = f"made only for {' and '.join(wanted)}; no tag says so"
        yield Loss(Code.IMPLEMENTATION, index.identity.stem, detail)


def _any_patch(specifier: Specifier) -> Specifier:
    """`python_abi` has versions like 3.12, which stand for every patch release of Python 3.12."""
    if specifier.operator == "==" and not specifier.version.endswith(".*"):
        return Specifier(f"=={specifier.version}.*")
    return specifier


def _unsayable(message: str, subject: str) -> Unsupported:
    return Unsupported(Code.PYTHON_TAG, message, subject=subject, field="depends")


class _Reader:
    """Gathers what the interpreter packages among the requirements say."""

    def __init__(self, subject: str) -> None:
        self._subject = subject
        self._specifiers: dict[str, list[Specifier]] = {}
        self._abis: list[str] = []
        self._losses: list[Loss] = []
        self._needed = self._cpython = self._stable = False
        self._gil: bool | None = None
        self._floors: list[Version] = []

    def read(self, spec: CondaSpec) -> None:
        pypy = _PYPY.fullmatch(spec.name)
        if spec.name in _VERSIONED:
            self._versioned(spec)
        elif pypy is not None:
            self._specifiers.setdefault("python_abi", []).append(Specifier(f"=={pypy[1]}.{pypy[2]}.*"))
            # every PyPy that conda has packages for, from 7.3 on, has this ABI.
            self._abis.append(f"pypy{pypy[1]}{pypy[2]}_pp73")
        elif spec.name == "python-gil":
            self._gil = True
        elif spec.name == "python-freethreading":
            self._gil = False
        elif spec.name == "_python_abi3_support":
            self._stable = self._cpython = True
        elif spec.name == "pypy":
            raise _unsayable("is for a PyPy of no particular version", self._subject)
        else:
            return
        self._needed = True

    def _versioned(self, spec: CondaSpec) -> None:
        if spec.when:
            self._losses.append(
                Loss(Code.CONDITION, self._subject, f"{spec} under the condition {spec.when} was dropped")
            )
            return
        self._cpython = self._cpython or spec.name == "cpython"
        self._losses.extend(spec.unsayable(self._subject, build=not self._build(spec)))
        try:
            answer = to_specifiers(spec.version, absent=_ABSENT)
        except InvalidInput as error:
            raise InvalidInput(error.code, error.message, subject=self._subject, field="depends") from error
        specifiers = [_any_patch(one) for one in answer.specifiers] if spec.name == "python_abi" else answer.specifiers
        self._specifiers.setdefault(spec.name, []).extend(specifiers)
        self._losses.extend(Loss(code, self._subject, f"{spec.name}: {detail}") for code, detail in answer.losses)
        if spec.name != "python_abi" and (floor := lower_bound(spec.version)) is not None:
            self._floors.append(floor)

    def _build(self, spec: CondaSpec) -> bool:
        """Whether tags say the build that is asked for."""
        if not spec.pins_build:
            return True
        if match := _ABI_BUILD.fullmatch(spec.build):
            self._abis.append(match["abi"])
            return True
        if _CPYTHON_BUILD.fullmatch(spec.build):
            self._cpython = True
            return True
        if spec.name == "python_abi":
            raise _unsayable(f"is for {spec}, an ABI that has no tag", self._subject)
        return False

    def support(self) -> PythonSupport:
        abis = sorted(set(self._abis))
        if len(abis) > 1:
            raise _unsayable(f"asks for several ABIs at once: {', '.join(abis)}", self._subject)
        abi = abis[0] if abis else None
        # python_abi repeats what python says, and is worth a clause only where python says less.
        python = simplify(self._specifiers.get("python", []) + self._specifiers.get("cpython", []))
        bound = SpecifierSet(self._specifiers.get("python_abi", []))
        if not python.to_range().is_subset(bound.to_range()):
            python = simplify([*python, *bound])
        floors = [((*one.release, 0))[:2] for one in self._floors]
        stable = max(floors, default=None) if self._stable else None
        return PythonSupport(
            requires_python=python,
            needed=self._needed,
            abi=abi,
            cpython_only=self._cpython,
            gil=self._gil,
            stable_abi=None if stable is None else (stable[0], stable[1]),
            losses=tuple(dict.fromkeys(self._losses)),
        )
