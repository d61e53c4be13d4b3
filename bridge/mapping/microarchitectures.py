"""Names of processors (`__archspec`, CEP 30) and what they mean for the `x86_64` and `aarch64` namespaces.

The names and their ancestry are those of the archspec database. py-rattler has a copy of its own, which lacks the
newest names; as the build string of a virtual package its solver takes any name.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING, Final

from archspec.cpu import TARGETS

if TYPE_CHECKING:
    from archspec.cpu import Microarchitecture

_X86_64_LEVELS: Final = {"x86_64": 1, "x86_64_v2": 2, "x86_64_v3": 3, "x86_64_v4": 4}
_ARM_VERSION: Final = re.compile(r"armv([0-9]+\.[0-9]+a)")
#: what the database calls `aarch64` is Armv8-A without a minor version.
_ARM_BASE: Final = "8a"
#: best first; uv 0.13.8 claims nothing newer, because Linux hides an instruction of Armv8.5-A from programs.
AARCH64_VERSIONS: Final = ("8.4a", "8.3a", "8.2a", "8.1a", "8a")
#: cores that uv 0.13.8 knows, by the name that archspec gives them; every other core counts as Armv8-A.
_UV_CORES: Final = {
    "thunderx2": "8.1a",
    "a64fx": "8.2a",
    "neoverse_n1": "8.2a",
    "neoverse_v1": "8.4a",
    "neoverse_n2": "8.4a",
    "neoverse_v2": "8.4a",
    "neoverse_v3ae": "8.4a",
    "ampere1": "8.4a",
    "ampere1a": "8.4a",
    "m1": "8.4a",
    "m2": "8.4a",
    "m3": "8.4a",
    "m4": "8.4a",
}


def is_known(name: str) -> bool:
    """Whether the database has this microarchitecture."""
    return name in TARGETS


def family_of(name: str) -> str | None:
    """The family, for example `x86_64`, `aarch64` or `ppc64le`; None for unknown names."""
    return TARGETS[name].family.name if name in TARGETS else None


def near_names(name: str) -> tuple[str, ...]:
    """Known names that look like `name`, nearest first; `v3` is taken for `x86_64_v3`."""
    near = [known for known in TARGETS if name and known.endswith(f"_{name}")]
    near += get_close_matches(name, TARGETS, n=3)
    return tuple(dict.fromkeys(near))


def x86_64_level(name: str) -> int | None:
    """The x86-64 level, 1 to 4, that a processor reaches; None for other families and unknown names."""
    generic = _generic(name)
    return None if generic is None else _X86_64_LEVELS.get(generic)


def aarch64_version(name: str) -> str | None:
    """The Arm architecture version of a processor as the `aarch64` namespace spells it, `8a` and upwards.

    None for other families and unknown names. Clients may claim less: see `AARCH64_VERSIONS`.
    """
    generic = _generic(name)
    if generic == "aarch64":
        return _ARM_BASE
    match = _ARM_VERSION.fullmatch(generic) if generic else None
    return None if match is None else match[1]


def claimed_aarch64_version(name: str) -> str:
    """The version that uv 0.13.8 claims for a processor: `8a` for cores that it does not know.

    A generic name such as `armv8.2a` describes a machine that has just that.
    """
    if name in _UV_CORES:
        return _UV_CORES[name]
    version = aarch64_version(name)
    if version is None or name != _generic(name):
        return _ARM_BASE
    return version if version in AARCH64_VERSIONS else AARCH64_VERSIONS[0]


def names_at_least(level: int) -> tuple[str, ...]:
    """Every name whose processors reach an x86-64 level, sorted."""
    return tuple(sorted(name for name in TARGETS if (x86_64_level(name) or 0) >= level))


def names_claiming(version: str) -> tuple[str, ...]:
    """Every name of an Arm processor for which clients claim a version of `AARCH64_VERSIONS` or a newer one, sorted."""
    newest = AARCH64_VERSIONS[: AARCH64_VERSIONS.index(version) + 1]
    arm = (name for name in TARGETS if family_of(name) == "aarch64")
    return tuple(sorted(name for name in arm if claimed_aarch64_version(name) in newest))


def includes(name: str, other: str) -> bool:
    """Whether a processor `name` runs what was built for `other`: equal, or a descendant of it.

    False where either is unknown.
    """
    if name not in TARGETS or other not in TARGETS:
        return False
    return name == other or other in {ancestor.name for ancestor in TARGETS[name].ancestors}


@cache
def _generic(name: str) -> str | None:
    """The best generic microarchitecture that a processor includes."""
    target: Microarchitecture | None = TARGETS.get(name)
    return None if target is None else target.generic.name
