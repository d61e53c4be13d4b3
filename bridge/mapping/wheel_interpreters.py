"""The first two parts of a wheel's tag: which Pythons they stand for (PEP 425, PEP 384, CEP 20)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from packaging.specifiers import SpecifierSet

if TYPE_CHECKING:
    from collections.abc import Iterable

#: a version of Python as tags count them: (major, minor).
Minor = tuple[int, int]

_PY: Final = re.compile(r"py([23])([0-9]{0,2})")
_CP: Final = re.compile(r"cp([23])([0-9]{1,2})")
_PP: Final = re.compile(r"pp([23])([0-9]{1,2})")
_CPYTHON_ABI: Final = re.compile(r"cp([23])([0-9]{1,2})(m|mu|u|t)?")
_PYPY_ABI: Final = re.compile(r"pypy([23])([0-9]{1,2})_pp[0-9]{2}")
_STABLE_FLOOR: Final = (3, 2)
#: ABIs that exist and that conda has no Python for.
_FOREIGN: Final = re.compile(r"(?:graalpy|pyston|cp[23][0-9]{1,2}[a-z]*d|abi3t|abi4|ip|jy)\w*")
#: the last CPython whose ABI had a letter for its memory allocator.
_LAST_PYMALLOC: Final = (3, 7)


class Binding(Enum):
    """How closely a wheel is bound to a Python, loosest first."""

    #: any Python from some version on: `py3`, `py312`.
    ANY = "any"
    #: CPython from some version on, with the stable ABI.
    STABLE = "abi3"
    #: one minor version of CPython, without an ABI.
    CPYTHON = "cpython"
    #: one ABI.
    ABI = "abi"


@dataclass(frozen=True, slots=True)
class Interpreter:
    """The Pythons of a tag, or of several that say the same together."""

    binding: Binding
    #: the lowest minor versions: one of each major for `ANY`, otherwise one.
    floors: tuple[Minor, ...]
    #: of `ABI`, as `python_abi` names it: `cp312`, `cp313t`, `pypy310_pp73`.
    abi: str | None
    #: first parts of the build string: `py2.py3_none`, `cp312_cp312`.
    label: str

    @property
    def minor(self) -> Minor | None:
        """The minor version that it is bound to."""
        return self.floors[0] if self.binding in (Binding.CPYTHON, Binding.ABI) else None

    @property
    def python(self) -> SpecifierSet:
        """The versions of Python."""
        if self.minor is not None:
            return SpecifierSet(f"=={_dotted(self.minor)}.*")
        lowest = self.floors[0]
        clauses = [] if lowest == (2, 0) else [f">={lowest[0] if lowest[1] == 0 else _dotted(lowest)}"]
        if self.floors[-1][0] == 2:
            clauses.append("<3")
        elif lowest[0] == 2:
            clauses.extend(f"!=3.{minor}.*" for minor in range(self.floors[-1][1]))
        return SpecifierSet(",".join(clauses))

    @property
    def cpython(self) -> bool:
        """Whether only CPython will do."""
        return self.binding in (Binding.STABLE, Binding.CPYTHON) or (self.abi or "").startswith("cp")

    def admits(self, minor: Minor) -> bool:
        """Whether a minor version is among those that the tag stands for."""
        if self.minor is not None:
            return self.minor == minor
        return any(floor[0] == minor[0] and floor <= minor for floor in self.floors)

    def covers(self, other: Interpreter) -> bool:
        """Whether every Python of `other` is also one of this, so that `other` needs no package of its own."""
        if self.binding is Binding.ANY:
            return all(map(self.admits, other.floors))
        if not other.cpython or other.binding is Binding.ANY:
            return False
        if self.binding is Binding.STABLE:
            # There is no stable ABI for free-threaded Pythons.
            return self.admits(other.floors[0]) and not (other.abi or "").endswith("t")
        if self.binding is Binding.CPYTHON:
            return other.binding is not Binding.STABLE and self.minor == other.minor
        return self == other


@dataclass(frozen=True, slots=True)
class InterpreterAnswer:
    """What a tag stands for; None with a reason where conda has no such Python, and without one where no Python
    installs a wheel by it, as most combinations of a compressed tag set."""

    interpreter: Interpreter | None
    reason: str = ""


def interpreter_of(interpreter: str, abi: str) -> InterpreterAnswer:
    """What the first two parts of one tag stand for, for example `cp313` and `cp313t`."""
    said = f"{interpreter}-{abi}"
    for part in (interpreter, abi):
        if _FOREIGN.fullmatch(part):
            return InterpreterAnswer(None, f"conda has no Python for {said}")
    if match := _PY.fullmatch(interpreter):
        if abi != "none":
            return InterpreterAnswer(None)
        minor = int(match[1]), int(match[2] or 0)
        return InterpreterAnswer(Interpreter(Binding.ANY, (minor,), None, f"{interpreter}_none"))
    if match := _CP.fullmatch(interpreter):
        return InterpreterAnswer(_cpython(interpreter, (int(match[1]), int(match[2])), abi))
    if match := _PP.fullmatch(interpreter):
        return InterpreterAnswer(_pypy(interpreter, (int(match[1]), int(match[2])), abi))
    return InterpreterAnswer(None, f"conda has no Python for {said}")


def bound(interpreter: Interpreter) -> Interpreter:
    """A minor version of CPython as the ABI that its builds have by default, for wheels whose ABI tag is missing."""
    major, minor = interpreter.floors[0]
    abi = f"cp{major}{minor}" + ("m" if (major, minor) <= _LAST_PYMALLOC else "")
    return Interpreter(Binding.ABI, interpreter.floors, abi, interpreter.label)


def merged(found: Iterable[Interpreter]) -> tuple[Interpreter, ...]:
    """The fewest interpreters that stand for the same Pythons, none covering another.

    `py2` and `py3` become one, as do several floors of the stable ABI.
    """
    kept: dict[tuple[Binding, Minor | None, str | None], Interpreter] = {}
    for one in sorted(set(found), key=lambda one: (list(Binding).index(one.binding), one.floors, one.label)):
        key = (one.binding, one.minor, one.abi)
        kept[key] = _joined(kept[key], one) if key in kept else one
    return tuple(
        one for one in kept.values() if not any(other is not one and other.covers(one) for other in kept.values())
    )


def _joined(first: Interpreter, second: Interpreter) -> Interpreter:
    """One interpreter for two of a kind; `first` has the lower floor."""
    if first.binding is not Binding.ANY or first.floors[-1][0] == second.floors[0][0]:
        return first
    python = f"{first.label.removesuffix('_none')}.{second.label}"
    return Interpreter(Binding.ANY, (*first.floors, *second.floors), None, python)


def _cpython(interpreter: str, minor: Minor, abi: str) -> Interpreter | None:
    if abi == "none":
        return Interpreter(Binding.CPYTHON, (minor,), None, f"{interpreter}_none")
    if abi == "abi3":
        stable = minor >= _STABLE_FLOOR
        return Interpreter(Binding.STABLE, (minor,), None, f"{interpreter}_abi3") if stable else None
    match = _CPYTHON_ABI.fullmatch(abi)
    if match is None or (int(match[1]), int(match[2])) != minor:
        return None
    return Interpreter(Binding.ABI, (minor,), abi, f"{interpreter}_{abi}")


def _pypy(interpreter: str, minor: Minor, abi: str) -> Interpreter | None:
    label = f"{interpreter}_{abi}"
    if abi == "none":
        # Every PyPy that conda has packages for, from 7.3 on, has this ABI.
        return Interpreter(Binding.ABI, (minor,), f"pypy{_dotless(minor)}_pp73", label)
    match = _PYPY_ABI.fullmatch(abi)
    if match is None or (int(match[1]), int(match[2])) != minor:
        return None
    return Interpreter(Binding.ABI, (minor,), abi, label)


def _dotted(minor: Minor) -> str:
    return f"{minor[0]}.{minor[1]}"


def _dotless(minor: Minor) -> str:
    return f"{minor[0]}{minor[1]}"
