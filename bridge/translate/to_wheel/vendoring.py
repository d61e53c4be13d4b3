"""The vendored layout: libraries of other packages come along under names of their own."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Final

from bridge.errors import Code, Unrepresentable
from bridge.mapping.matchspec import parse_spec
from bridge.mapping.names import DependencyKind, NameMapper
from bridge.model.conda import Origin
from bridge.model.payload import ElfFacts
from bridge.model.plan import Edit, ElfPatch, FromPayload, Loss, PlannedFile
from bridge.native.policy import SystemPolicy
from bridge.native.prefix import PrefixFile, PrefixView
from bridge.native.vendor import Module, VendoredLibrary, VendorPlan, plan_vendoring
from bridge.translate.to_wheel.closure import Closure
from bridge.translate.to_wheel.natives import is_binary, policy_for
from bridge.translate.to_wheel.prefixes import binary_edits
from bridge.translate.to_wheel.request import Request

#: What packages bring for compilers and readers; nobody needs it at run time.
_DEVELOPMENT: Final = re.compile(
    r"(?:Library/)?(?:include/.*|(?:lib|share)/(?:pkgconfig|cmake)/.*|share/(?:doc|man|info)/.*|lib/[^/]+\.(?:l?a|lib))"
)


@dataclass(frozen=True, slots=True)
class Vendoring:
    """The payload's members after vendoring."""

    files: tuple[PlannedFile, ...]
    #: member name -> facts of the libraries that came along.
    facts: Mapping[str, ElfFacts] = field(default_factory=dict)
    #: member name -> (provider's file name, sha256 hex of the original).
    origins: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    losses: tuple[Loss, ...] = ()

    def providers(self, request: Request) -> Mapping[str, Origin]:
        """File name -> origin of the packages that files were taken from."""
        used = {provider for provider, _ in self.origins.values()} - {request.origin.filename}
        return {} if request.closure is None else {name: request.closure.origin(name)[0] for name in sorted(used)}


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
    try:
        plan = _plan(request, modules, prefix, policy, libs_dir)
    except Unrepresentable as error:
        missing = error.code is Code.LIBRARY_NOT_FOUND and closure is None
        raise Unrepresentable(
            Code.CHANNEL_NEEDED if missing else error.code,
            error.message,
            subject=request.origin.filename,
            field=error.subject,
        ) from error
    patched = tuple(_with_patch(planned, plan.patches.get(planned.target)) for planned in files)
    return _vendoring(request, plan, prefix, patched)


def _plan(
    request: Request, modules: tuple[Module, ...], prefix: PrefixView, policy: SystemPolicy, libs_dir: str
) -> VendorPlan:
    """Vendor what is linked, then what that loads by name (`mappings/notes.yaml`), until nothing is added."""
    names: frozenset[str] = frozenset()
    while True:
        plan = plan_vendoring(modules, prefix, policy, libs_dir=libs_dir, dlopened=sorted(names))
        loaded = (path for path in _wanted_by_name(request, plan, prefix) if posixpath.dirname(path) == "lib")
        more = names.union(posixpath.basename(path) for path in loaded)
        if more == names:
            return plan
        names = more


def _wanted_by_name(request: Request, plan: VendorPlan, prefix: PrefixView) -> Iterator[str]:
    """Paths of the prefix that the vendored packages load or read at run time, as their notes say."""
    if request.closure is None:
        return
    for provider in sorted({library.provider for library in plan.libraries if library.provider is not None}):
        note = request.tables.note(request.closure.name(provider))
        patterns = (*note.dlopen, *note.data)
        if not patterns:
            continue
        for path in sorted(prefix.files):
            if any(fnmatchcase(path, pattern) for pattern in patterns):
                file = prefix.files[path]
                if file.provider == provider:
                    yield path


def own_prefix(request: Request) -> PrefixView:
    """The prefix that holds this package alone."""
    files = {path: PrefixFile(path, None, facts.sha256, facts.elf) for path, facts in request.survey.files.items()}
    return PrefixView(files, request.survey.symlinks)


def _modules(request: Request, files: tuple[PlannedFile, ...]) -> Iterator[Module]:
    for planned in files:
        if not isinstance(planned.source, FromPayload):
            continue
        facts = request.survey.files[planned.source.path]
        if facts.elf is not None and is_binary(facts, request.index.subdir) and _is_dynamic(facts.elf):
            yield Module(planned.target, planned.source.path, facts.elf)


def _is_dynamic(elf: ElfFacts) -> bool:
    return bool(elf.needed) or elf.rpath is not None or elf.soname is not None


def _with_patch(planned: PlannedFile, patch: ElfPatch | None) -> PlannedFile:
    if patch is None:
        return planned
    return replace(planned, edits=(*planned.edits, patch), sha256=None, size=None)


def left_behind(request: Request, vendoring: Vendoring, mapper: NameMapper) -> Iterator[Loss]:
    """The native packages that are required and of which nothing came along: programs and data, most often."""
    closure: Closure | None = request.closure
    sources = {provider for provider, _ in vendoring.origins.values()} - {request.origin.filename}
    vendored = set() if closure is None else {closure.name(provider) for provider in sources}
    for spec in request.index.depends:
        name = parse_spec(spec, subject=request.origin.filename).name
        if mapper.lookup(name).kind is not DependencyKind.NATIVE or name in vendored:
            continue
        paths = None if closure is None else closure.paths(name)
        if paths is None or not all(_DEVELOPMENT.fullmatch(path) for path in paths):
            detail = "nothing of the package is in the wheel, because no binary of the wheel is linked to it"
            yield Loss(Code.NOT_VENDORED, spec, detail)


def _vendoring(request: Request, plan: VendorPlan, prefix: PrefixView, files: tuple[PlannedFile, ...]) -> Vendoring:
    added: list[PlannedFile] = []
    vendored = {library.path for library in plan.libraries}
    losses = [
        Loss(Code.NOT_VENDORED, path, "a library in the wheel loads or reads this file by its name")
        for path in _wanted_by_name(request, plan, prefix)
        if (found := prefix.find(path)) is None or found.path not in vendored
    ]
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
    return edits, None if loss is None else replace(loss, subject=posixpath.basename(library.target))
