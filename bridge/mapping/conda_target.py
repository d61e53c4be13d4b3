"""What one conda package that is made of a wheel is for: its subdir, and what it asks of Python and the system."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet

from bridge.mapping.marker_targets import Implementation, System, Target, exact_range
from bridge.mapping.python_conditions import python_spec
from bridge.mapping.wheel_platforms import NOARCH

if TYPE_CHECKING:
    from packaging.ranges import VersionRange
    from packaging.tags import Tag

    from bridge.mapping.wheel_interpreters import Minor
    from bridge.model.conda import Subdir

EVERYWHERE = (System.LINUX, System.OSX, System.WIN)


@dataclass(frozen=True, slots=True)
class CondaTarget:
    """One package that a wheel becomes.

    The file name of the package is `{name}-{version}-{label}[_{local}][_{variant}][_{split}]_{build number}`.
    """

    subdir: Subdir
    #: `noarch: python`, whose files the installer links into any Python; otherwise every file has its final place.
    linked: bool
    #: the Pythons that the package admits: those of the tags and of Requires-Python.
    python: SpecifierSet
    #: `python` in conda's words; empty for every version.
    python_spec: str
    #: tags of the wheel that it stands for.
    tags: frozenset[Tag]
    #: the first parts of the build string: `py3_none_any`, `cp312_cp312`.
    label: str
    #: the one minor version of Python that it is for, and the ABI (`cp312`, `cp313t`, `pypy310_pp73`), where bound.
    minor: Minor | None = None
    abi: str | None = None
    #: of a noarch package, the systems that it admits.
    systems: tuple[System, ...] = EVERYWHERE
    #: MatchSpecs that stand beside `python`: interpreter and virtual packages, in the portable form.
    also: tuple[str, ...] = ()
    #: the last part of the build string, where the wheel becomes several packages of one label: `win_py310`.
    split: str = ""
    #: of two wheels that would become one package, the one with the greater is taken.
    preference: tuple[int, ...] = ()

    @property
    def depends(self) -> tuple[str, ...]:
        """What the package asks of Python and the system, `python` first, as MatchSpecs in the portable form."""
        return (f"python {self.python_spec}".rstrip(), *self.also)

    def markers(self, *, conditional: bool) -> Target:
        """The environments that markers may meet in it."""
        pypy = (self.abi or "").startswith("pypy")
        kind = Implementation.PYPY if pypy else Implementation.CPYTHON
        return Target(self.subdir, self.python, (kind,), self.systems, conditional)

    def admitted(self) -> VersionRange:
        """The versions of Python that it admits."""
        return exact_range(self.python)

    def within(self, pythons: VersionRange, split: str) -> CondaTarget:
        """The same for fewer Pythons.

        Args:
            pythons: a part of those that it admits, which specifiers can say.
            split: joins the end of the build string.
        """
        found, spec = pythons.to_specifier_set(), python_spec(pythons)
        if found is None or spec is None:
            raise ValueError(f"no specifiers say {pythons}")
        return replace(self, python=SpecifierSet(str(found)), python_spec=spec, split=_joined(self.split, split))

    def on(self, systems: tuple[System, ...], virtual: str) -> CondaTarget:
        """The same noarch package for fewer systems, which a virtual package names (`__unix`)."""
        split = _joined(self.split, virtual.removeprefix("__"))
        return replace(self, systems=systems, also=(*self.also, virtual), split=split)

    def at(self, subdir: Subdir, system: System) -> CondaTarget:
        """The same noarch package for one platform."""
        if self.subdir != NOARCH:
            raise ValueError(f"a package for {self.subdir} is for one platform")
        return replace(self, subdir=subdir, systems=(system,))


def _joined(*parts: str) -> str:
    return "_".join(part for part in parts if part)
