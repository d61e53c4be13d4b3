"""Packages whose meaning is fixed, for snapshots of channels that lack them.

A requirement that nobody in a snapshot meets counts as met (see `Universe`), for it says nothing about machines. Two
kinds of package are different: they exist only to say something about the machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from bridge.channel.candidate import Candidate
from bridge.mapping.microarchitectures import names_at_least
from bridge.model.conda import CondaName, CondaVersion, IndexJson, Subdir

_LEVELS: Final = "_x86_64-microarch-level"
_CUDA: Final = "cuda-version"
WELL_KNOWN: Final = (_LEVELS, _CUDA)
#: major -> highest minor; minor versions of a major are compatible, so its packages ask for the major alone.
_CUDA_MINORS: Final = {11: 8, 12: 9, 13: 3}


def well_known(name: str) -> tuple[Candidate, ...]:
    """What conda-forge has under `name`, as far as it concerns the machine; () for any other name."""
    if name == _LEVELS:
        return tuple(_levels())
    return tuple(_cuda_versions()) if name == _CUDA else ()


def _levels() -> Iterator[Candidate]:
    for level in range(1, 5):
        # CEP 29: a build string between ^ and $ is a regular expression.
        processors = "|".join(sorted(names_at_least(level)))
        depends = () if level == 1 else (f"__archspec * ^({processors})$",)
        yield _candidate(_LEVELS, str(level), f"level{level}", depends=depends)


def _cuda_versions() -> Iterator[Candidate]:
    for major, last in _CUDA_MINORS.items():
        for minor in range(last + 1):
            yield _candidate(_CUDA, f"{major}.{minor}", "0", constrains=(f"__cuda >={major}",))


def _candidate(
    name: str, version: str, build: str, *, depends: tuple[str, ...] = (), constrains: tuple[str, ...] = ()
) -> Candidate:
    index = IndexJson(
        name=CondaName(name),
        version=CondaVersion(version),
        build=build,
        build_number=0,
        subdir=Subdir("noarch"),
        depends=depends,
        constrains=constrains,
    )
    return Candidate(f"{index.identity.stem}.conda", index)
