"""A constraints file: the address and hash of every claimed project, for requirements of requirements too.

A constraint with an address decides where the project comes from, whoever requires it (measured with pip and uv). A
name that may not be installed at all gets `<0`, which no version meets, so that the client stops instead of taking
another project of that name.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from packaging.utils import NormalizedName

from bridge.priority.context import ResolvedFile, ResolvedPackage
from bridge.priority.python_side import ProjectClaim, PythonSide


@dataclass(frozen=True, slots=True)
class Constraints:
    """The lines, and what became of the names."""

    #: requirements (PEP 508), sorted.
    lines: tuple[str, ...] = ()
    pinned: frozenset[NormalizedName] = frozenset()
    #: names that are kept out, because there is no single file to pin them to, or they may come from nowhere.
    refused: frozenset[NormalizedName] = frozenset()


def constraints(side: PythonSide, claims: Iterable[ProjectClaim], *, everything: bool = False) -> Constraints:
    """The constraints that keep some claims.

    Args:
        side: the policy, with the resolution if there is one.
        claims: those that the client cannot keep in another way.
        everything: also pin what nobody claims, where the resolution has it.
    """
    lines: set[str] = set()
    pinned: set[NormalizedName] = set()
    refused: set[NormalizedName] = set()
    resolved = side.resolved
    for claim in claims:
        for name in (*claim.names, *claim.absent):
            if files := _single_files(resolved.get(name, ())):
                lines.update(_pin(package, file, claim.marker) for package, file in files)
                pinned.add(name)
            else:
                lines.add(f"{name}<0{f' ; {claim.marker}' if claim.marker else ''}")
                refused.add(name)
    if everything:
        for name in resolved.keys() - pinned - refused:
            if files := _single_files(resolved[name]):
                lines.update(_pin(package, file, "") for package, file in files)
                pinned.add(name)
    return Constraints(tuple(sorted(lines)), frozenset(pinned), frozenset(refused))


def universal_file(package: ResolvedPackage) -> ResolvedFile | None:
    """The one file that will do wherever the package is wanted; None where that depends on the machine."""
    if len(package.files) == 1:
        return package.files[0]
    wheels = [file for file in package.files if file.filename.endswith("-none-any.whl")]
    return wheels[0] if len(wheels) == 1 else None


def _single_files(packages: tuple[ResolvedPackage, ...]) -> list[tuple[ResolvedPackage, ResolvedFile]]:
    """The file of every entry of one name; empty where any of them has no single one."""
    found = [(package, universal_file(package)) for package in packages]
    whole = [(package, file) for package, file in found if file is not None]
    return whole if len(whole) == len(found) else []


def _pin(package: ResolvedPackage, file: ResolvedFile, claimed_where: str) -> str:
    """One line. Where the claim does not hold, nothing is pinned there, as the name is anybody's."""
    markers = [str(package.marker)] if package.marker else []
    if claimed_where and claimed_where not in markers:
        markers.append(claimed_where)
    condition = " and ".join(f"({marker})" for marker in markers) if len(markers) > 1 else "".join(markers)
    return f"{package.name} @ {file.url}#sha256={file.sha256}{f' ; {condition}' if condition else ''}"
