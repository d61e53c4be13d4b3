"""Links to libraries of other packages: conda's `libblas` is nothing but links into whichever library implements it.

The name is what other packages need (NEEDED `libblas.so.3`), so the library comes along under it. It is a second copy
of that library; a wheel has no other way to give one file two names across packages.
"""

from __future__ import annotations

import posixpath
import re
from typing import Final

from bridge.errors import Code
from bridge.model.payload import ElfFacts, Survey
from bridge.model.plan import FromPayload, Layout, Loss, PlannedFile
from bridge.translate.to_wheel.destinations import Destinations
from bridge.translate.to_wheel.links import resolve
from bridge.translate.to_wheel.request import Request
from bridge.translate.to_wheel.vendoring import Vendoring

#: A name that a loader asks for; `libblas.so` without a number is for linking programs.
_LOADED: Final = re.compile(r"lib/[^/]+\.so\.[\d.]+")


def foreign_libraries(survey: Survey) -> tuple[str, ...]:
    """Links under names that loaders ask for, to files that the package does not own, sorted."""
    return tuple(
        link
        for link in sorted(survey.symlinks)
        if _LOADED.fullmatch(link)
        and (target := resolve(link, survey)) is not None
        and target not in survey.files
        and posixpath.dirname(target) == "lib"
    )


def with_foreign_libraries(
    request: Request, files: tuple[PlannedFile, ...], losses: tuple[Loss, ...], destinations: Destinations
) -> tuple[Vendoring, tuple[Loss, ...]]:
    """Add the libraries behind such links, in the layouts that keep conda's names.

    Args:
        files: the payload's own members.
        losses: of the links so far; those of links that are resolved here go.
        destinations: of the layout.

    Returns:
        The members, and the losses that remain.
    """
    closure = request.closure
    if request.options.layout is Layout.VENDORED or closure is None:
        return Vendoring(files), losses
    added: list[PlannedFile] = []
    facts: dict[str, ElfFacts] = {}
    origins: dict[str, tuple[str, str]] = {}
    copied: dict[str, Loss] = {}
    for link in foreign_libraries(request.survey):
        found = closure.prefix.find(link)
        if found is None or found.provider is None or found.elf is None:
            continue
        member = destinations.of(link, closure.facts(found.provider, found.path)).member
        if member is None:
            continue
        source = FromPayload(found.path, found.provider)
        added.append(PlannedFile(member, source, executable=True, sha256=found.sha256))
        facts[member] = found.elf
        origins[member] = (found.provider, found.sha256.hex())
        detail = f"link to {request.survey.symlinks[link]} became a copy of {found.path} of {found.provider}"
        copied[link] = Loss(Code.SYMLINK, link, detail)
    remaining = tuple(loss for loss in losses if not (loss.code is Code.FOREIGN_LINK and loss.subject in copied))
    return Vendoring((*files, *added), facts, origins), (*remaining, *copied.values())
