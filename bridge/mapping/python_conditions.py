"""Versions of Python as terms of a `when` (CEP 43): `python>=3.9dev0 and python<3.12dev0`.

The bounds end in `dev0` because `python_version >= "3.9"` includes the pre-releases of Python 3.9.0, which conda
sorts below 3.9.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from packaging.version import Version

from bridge.mapping.marker_algebra import NOTHING
from bridge.mapping.marker_targets import exact_range, minor_lines
from bridge.mapping.versions import to_conda

if TYPE_CHECKING:
    from packaging.ranges import VersionRange
    from packaging.specifiers import Specifier

_Terms = tuple[str, ...]

#: a conjunction of more terms may be harder to read than alternatives.
_READABLE: Final = 3
#: lower bounds, upper bounds, exclusions.
_ORDER: Final = ("==", ">=", ">", "<", "<=", "!=")


@lru_cache(maxsize=4096)
def python_condition(versions: VersionRange, pythons: VersionRange) -> tuple[str, bool]:
    """A short condition that tells `versions` from the rest of `pythons`.

    Args:
        versions: where the condition holds; a part of `pythons`, not empty.
        pythons: the versions that occur at all.

    Returns:
        the condition, empty where it always holds, and whether it is exact; otherwise it holds more often.
    """
    if pythons.is_subset(versions):
        return "", True
    # Versions that do not occur may be added where that makes the condition shorter.
    lines = [minor for minor, line in minor_lines() if not line.is_disjoint(pythons)]
    edge = _following(Version(lines[0]))
    outside = pythons.complement()
    below = outside.intersection(exact_range(f"<{edge}.dev0"))
    above = outside.intersection(exact_range(f">={edge}.dev0"))
    spellings = [terms for extra in (NOTHING, below, above, outside) if (terms := _conjunction(versions.union(extra)))]
    best = min(spellings, key=_effort, default=None)
    if best is not None and len(best) <= _READABLE:
        return " and ".join(best), True
    pieces, exact = _pieces(versions)
    if best is not None and len(best) <= sum(map(len, pieces)):
        return " and ".join(best), True
    if len(pieces) == 1:
        return " and ".join(pieces[0]), exact
    return " or ".join(f"({' and '.join(piece)})" if len(piece) > 1 else piece[0] for piece in pieces), exact


@lru_cache(maxsize=4096)
def python_spec(versions: VersionRange) -> str | None:
    """Versions of Python as a conda version spec; empty for all, None where no single spec says them."""
    terms = _conjunction(versions)
    return None if terms is None else ",".join(term.removeprefix("python") for term in terms)


def _pieces(versions: VersionRange) -> tuple[list[_Terms], bool]:
    """Alternatives that can each be said, cut between minor versions, and whether they are exact."""
    pieces: list[_Terms] = []
    exact = True
    current = NOTHING
    for _, line in minor_lines():
        part = line.intersection(versions)
        if part.is_empty:
            continue
        said = _conjunction(part)
        if said is None:
            part, exact = line, False
            said = _conjunction(line) or ()
        joined = _conjunction(current.union(part))
        if pieces and joined is not None and len(joined) < len(pieces[-1]) + len(said):
            pieces[-1], current = joined, current.union(part)
        else:
            pieces.append(said)
            current = part
    return pieces, exact


def _effort(terms: _Terms) -> tuple[int, int, int]:
    exclusions = sum("!=" in term for term in terms)
    return exclusions, len(terms), len(" ".join(terms))


def _conjunction(versions: VersionRange) -> _Terms | None:
    """Terms that all hold for these versions and no other; None where `and` alone cannot say it."""
    specifiers = versions.to_specifier_set()
    if specifiers is None:
        return None
    bounds = {bound for one in specifiers for bound in _bounds(one)}
    for loose, strict in (("<=", "<"), (">=", ">")):
        for version in [text for operator, text in bounds if operator == loose and ("!=", text) in bounds]:
            bounds = bounds - {(loose, version), ("!=", version)} | {(strict, version)}
    ordered = sorted(bounds, key=lambda bound: (_ORDER.index(bound[0]), Version(bound[1].removesuffix(".*"))))
    return tuple(f"python{operator}{version}" for operator, version in ordered)


def _bounds(one: Specifier) -> tuple[tuple[str, str], ...]:
    """A specifier as operators and versions that every reader of `when` knows."""
    operator, text = one.operator, one.version
    if text.endswith(".*"):
        prefix = Version(text.removesuffix(".*"))
        if operator == "!=":
            return (("!=", text),)
        return (">=", f"{prefix}dev0"), ("<", f"{_following(prefix)}dev0")
    version = Version(text)
    if operator == "<" and not version.is_prerelease:
        return (("<", f"{version}dev0"),)
    if version.pre is not None and len(version.release) < 3:
        # Python spells its pre-releases with three numbers, and conda tells 3.9a1 from 3.9.0a1.
        padded = ".".join(map(str, (*version.release, 0, 0)[:3]))
        version = Version(str(version).replace(version.base_version, padded, 1))
    return ((operator, to_conda(version)),)


def _following(version: Version) -> str:
    *leading, last = version.release
    return ".".join(map(str, (*leading, last + 1)))
