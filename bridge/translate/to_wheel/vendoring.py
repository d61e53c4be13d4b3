"""The vendored layout: libraries of other packages come along under names of their own."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Final, Protocol

from bridge.errors import Code, Unrepresentable
from bridge.model.conda import CondaName, PathEntry
from bridge.model.payload import ElfFacts, FileFacts
from bridge.model.plan import Edit, ElfPatch, FromPayload, Loss, PlannedFile
from bridge.native.prefix import PrefixFile, PrefixView
from bridge.native.vendor import Module, VendoredLibrary, VendorPlan, plan_vendoring
from bridge.translate.to_wheel.natives import policy_for
from bridge.translate.to_wheel.prefixes import binary_edits
from bridge.translate.to_wheel.request import Request

#: Below `.dist-info/conda/` lie copies for the way back, not modules.
_KEPT_ASIDE: Final = ".dist-info/"


class Closure(Protocol):
    """The packages that a package needs at run time, as the files that they put into a prefix."""

    @property
    def prefix(self) -> PrefixView: ...

    def facts(self, provider: str, path: str) -> FileFacts: ...

    def entry(self, provider: str, path: str) -> PathEntry | None: ...

    def name(self, provider: str) -> CondaName: ...


@dataclass(frozen=True, slots=True)
class Vendoring:
    """The payload's members after vendoring."""

    files: tuple[PlannedFile, ...]
    #: member name -> facts of the libraries that came along.
    facts: Mapping[str, ElfFacts] = field(default_factory=dict)
    #: member name -> (provider's file name, sha256 hex of the original).
    origins: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    losses: tuple[Loss, ...] = ()


def vendor(request: Request, files: tuple[PlannedFile, ...], libs_dir: str) -> Vendoring:
    """Add every library that the wheel's binaries need and systems do not promise, and point the binaries at them.

    Args:
        files: the payload's own members.
        libs_dir: directory of the libraries in site-packages.

    Raises:
        Unrepresentable: a library is in no package in reach (`CB305`), or no channel was given (`CB306`).
    """
    policy = policy_for(request.index.subdir)
    modules = tuple(_modules(request, files))
    if policy is None or not modules:
        return Vendoring(files)
    closure: Closure | None = request.closure
    prefix = closure.prefix if closure is not None else own_prefix(request)
    dlopened = _dlopened(request, prefix)
    try:
        plan = plan_vendoring(modules, prefix, policy, libs_dir=libs_dir, dlopened=dlopened)
    except Unrepresentable as error:
        missing = error.code is Code.LIBRARY_NOT_FOUND and closure is None
        raise Unrepresentable(
            Code.CHANNEL_NEEDED if missing else error.code,
            error.message,
            subject=request.origin.filename,
            field=error.subject,
        ) from error
    patched = tuple(_with_patch(planned, plan.patches.get(planned.target)) for planned in files)
    return _vendoring(request, plan, patched)


def own_prefix(request: Request) -> PrefixView:
    """The prefix that holds this package alone."""
    files = {
        path: PrefixFile(path, None, facts.sha256, facts.elf) for path, facts in request.survey.files.items()
    }
    return PrefixView(files, request.survey.symlinks)


def _dlopened(request: Request, prefix: PrefixView) -> list[str]:
    """Libraries that the package loads by name at run time (`mappings/notes.yaml`)."""
    patterns = request.tables.note(request.index.name).dlopen
    if not patterns:
        return []
    candidates = (path for path in prefix.files if posixpath.dirname(path) == "lib")
    return [
        posixpath.basename(path)
        for path in candidates
        if path not in request.survey.files and any(fnmatchcase(path, pattern) for pattern in patterns)
    ]


def _modules(request: Request, files: tuple[PlannedFile, ...]) -> list[Module]:
    modules: dict[str, Module] = {}
    for planned in files:
        if not isinstance(planned.source, FromPayload) or _KEPT_ASIDE in planned.target:
            continue
        elf = request.survey.files[planned.source.path].elf
        if elf is not None and elf.bits == 64 and (elf.needed or elf.rpath is not None):
            modules.setdefault(planned.source.path, Module(planned.target, planned.source.path, elf))
    return list(modules.values())


def _with_patch(planned: PlannedFile, patch: ElfPatch | None) -> PlannedFile:
    if patch is None:
        return planned
    return replace(planned, edits=(*planned.edits, patch), sha256=None, size=None)


def _vendoring(request: Request, plan: VendorPlan, files: tuple[PlannedFile, ...]) -> Vendoring:
    added: list[PlannedFile] = []
    losses: list[Loss] = []
    origins: dict[str, tuple[str, str]] = {}
    for library in plan.libraries:
        edits, loss = _library_edits(request, library)
        if loss is not None:
            losses.append(loss)
        patch = plan.patches.get(library.target)
        if patch is not None:
            edits = (*edits, patch)
        unchanged = None if edits else library.sha256
        source = FromPayload(library.path, library.provider)
        added.append(PlannedFile(library.target, source, executable=True, edits=edits, sha256=unchanged))
        origins[library.target] = (library.provider or request.origin.filename, library.sha256.hex())
    facts = {library.target: library.elf for library in plan.libraries}
    return Vendoring((*files, *added), facts, origins, tuple(losses))


def _library_edits(request: Request, library: VendoredLibrary) -> tuple[tuple[Edit, ...], Loss | None]:
    closure: Closure | None = request.closure
    if closure is None or library.provider is None:
        return (), None
    facts = closure.facts(library.provider, library.path)
    entry = closure.entry(library.provider, library.path)
    if entry is None or not facts.occurrences:
        return (), None
    values = request.tables.note(closure.name(library.provider)).prefix_values
    edits, loss = binary_edits(facts, entry, values)
    return edits, Loss(loss.code, posixpath.basename(library.target), loss.detail)
