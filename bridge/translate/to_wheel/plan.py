"""The full decision about one wheel: a pure function from what was read to a plan."""

from __future__ import annotations

from dataclasses import replace

from packaging.specifiers import SpecifierSet
from packaging.tags import Tag
from packaging.utils import canonicalize_name

from bridge.errors import Code, InvalidInput
from bridge.formats.wheel.entry_points import SCRIPT_GROUPS, check_script, parse_reference
from bridge.limits import DEFAULT_LIMITS
from bridge.mapping.names import NameMapper
from bridge.mapping.platforms import platform_tags
from bridge.mapping.python import python_tags
from bridge.model.conda import PathEntry
from bridge.model.payload import FileFacts
from bridge.model.plan import Edit, Layout, Loss, PlannedFile, WheelPlan, compress_tags
from bridge.translate.to_wheel.destinations import Destinations
from bridge.translate.to_wheel.dist_info import Identity, dist_info_members
from bridge.translate.to_wheel.foreign import with_foreign_libraries
from bridge.translate.to_wheel.links import plan_links
from bridge.translate.to_wheel.members import MemberPlanner
from bridge.translate.to_wheel.natives import (
    SharedEdits,
    demand,
    has_extensions,
    native_rows,
    refuse_platform,
)
from bridge.translate.to_wheel.package_losses import data_scheme, package_losses, soname_clashes
from bridge.translate.to_wheel.project import Project, identify, read_metadata
from bridge.translate.to_wheel.request import Request
from bridge.translate.to_wheel.requirements import requirements_of
from bridge.translate.to_wheel.restored import restored_wheel
from bridge.translate.to_wheel.scripts import refuse_interpreter
from bridge.translate.to_wheel.vendoring import left_behind, vendor


def plan_wheel(request: Request) -> WheelPlan:
    """Decide everything about the wheel that `request` becomes.

    A package that the bridge made of a wheel becomes that wheel again.

    Raises:
        Unsupported: the kind of package, platform or layout has no wheel (`CB3xx`).
        Unrepresentable: the package says what a wheel cannot say and must not lose (`CB3xx`).
        InvalidInput: something in the package turned out to be malformed (`CB1xx`).
    """
    restored = restored_wheel(request)
    return _made_wheel(request) if restored is None else restored


def _made_wheel(request: Request) -> WheelPlan:
    own = read_metadata(request)
    names = frozenset(canonicalize_name(item.name) for item in own.requires) if own else frozenset()
    mapper = NameMapper(request.tables, replace(request.evidence, own_requires=names), request.options.reserved_prefix)
    project = identify(request, own, mapper)
    refuse_platform(request)
    project = _entry_points(request, project)
    stem = f"{canonicalize_name(project.name).replace('-', '_')}-{project.version}"
    destinations = Destinations(request, project, stem)
    links = plan_links(request.survey, request.index.noarch)
    native = SharedEdits(request) if request.options.layout is Layout.SHARED else _no_edits
    members = MemberPlanner(request, destinations, links, native).plan()
    member_losses = members.losses
    requires, requirement_losses = requirements_of(request, project, mapper)
    if request.options.layout is Layout.VENDORED:
        vendoring = vendor(request, members.files, destinations.root)
        requirement_losses += tuple(left_behind(request, vendoring, mapper))
        requires = tuple(item for item in requires if not item.name.startswith(request.options.reserved_prefix))
    else:
        vendoring, member_losses = with_foreign_libraries(request, members.files, members.losses, destinations)
    native_requirements = any(item.name.startswith(request.options.reserved_prefix) for item in requires)
    needs = demand(request, vendoring.files, vendoring.facts, native_requirements=native_requirements)
    python = python_tags(
        request.index,
        request.index.depends,
        has_extensions=has_extensions(request),
        native_only=not project.python,
    )
    platform = platform_tags(
        request.index.subdir,
        request.index.depends,
        glibc_floor=needs.glibc,
        macos_floor=needs.macos,
        has_binaries=needs.has_binaries,
        external=needs.external,
        subject=request.origin.filename,
    )
    tags = frozenset(
        Tag(interpreter, abi, name)
        for interpreter in python.interpreters
        for abi in python.abis
        for name in platform.platforms
    )
    losses = _unique(
        *request.losses,
        *project.losses,
        *requirement_losses,
        *python.losses,
        *platform.losses,
        *package_losses(request),
        *member_losses,
        *vendoring.losses,
        *needs.losses,
        *soname_clashes(request, mapper),
        *data_scheme(request),
    )
    identity = Identity(
        tags=tags,
        requires_python=_requires_python(project, python.requires_python),
        requires_dist=requires,
        entry_points=project.entry_points,
        purelib=not needs.has_binaries and platform.platforms == ("any",),
        losses=losses,
        vendored=vendoring.origins,
    )
    _check_filename(stem, tags, request)
    extra = dist_info_members(request, project, members, identity, f"{stem}.dist-info")
    return WheelPlan(
        origin=request.origin,
        source=request.index.identity,
        layout=request.options.layout,
        name=project.name,
        version=project.version,
        tags=tags,
        requires_python=identity.requires_python,
        requires_dist=requires,
        depends=request.index.depends,
        entry_points=project.entry_points,
        files=_without_collisions(request, vendoring.files + extra),
        losses=losses,
        native_files=native_rows(request),
        providers=vendoring.providers(request),
    )


def _no_edits(_path: str, _facts: FileFacts, _entry: PathEntry | None) -> tuple[Edit, ...]:
    return ()


def _entry_points(request: Request, project: Project) -> Project:
    """Merge entry_points.txt with the console entry points of noarch python in link.json (CEP 34).

    conda makes its programs of the latter, so they win.
    """
    groups = {group: dict(entries) for group, entries in project.entry_points.items()}
    losses: list[Loss] = []
    for text in request.metadata.entry_points:
        name, reference = (part.strip() for part in text.split("=", 1))
        check_script(name, reference, f"{request.origin.filename}: info/link.json")
        other = groups.setdefault("console_scripts", {}).get(name, reference)
        if parse_reference(other, name) != parse_reference(reference, name):
            detail = f"entry_points.txt says {other}, link.json says {reference}; link.json was followed"
            losses.append(Loss(Code.ENTRY_POINT, name, detail))
        groups["console_scripts"][name] = reference
    for group in sorted(SCRIPT_GROUPS & groups.keys()):
        for name in groups[group]:
            refuse_interpreter(name, request.origin.filename)
    return replace(project, entry_points=groups, losses=(*project.losses, *losses))


def _requires_python(project: Project, from_conda: SpecifierSet) -> SpecifierSet:
    """Both what conda and what METADATA demand, without saying the same twice."""
    own = project.metadata.requires_python if project.metadata is not None else None
    if own is None or from_conda.to_range().is_subset(own.to_range()):
        return from_conda
    if own.to_range().is_subset(from_conda.to_range()):
        return own
    return own & from_conda


def _check_filename(stem: str, tags: frozenset[Tag], request: Request) -> None:
    """Name and version of METADATA have no bounds of their own, but no file system has room for all of them."""
    if len(stem) + len(compress_tags(tags)) + len("-.whl") > DEFAULT_LIMITS.name_length:
        raise InvalidInput(
            Code.LIMIT,
            f"the wheel's name would be longer than limit name_length, {DEFAULT_LIMITS.name_length} characters",
            subject=request.origin.filename,
        )


def _unique(*losses: Loss) -> tuple[Loss, ...]:
    return tuple(dict.fromkeys(losses))


def _without_collisions(request: Request, files: tuple[PlannedFile, ...]) -> tuple[PlannedFile, ...]:
    seen: set[str] = set()
    for planned in files:
        if planned.target in seen:
            raise InvalidInput(
                Code.BAD_DIST_INFO,
                "the package brings a file of a name that the bridge writes itself",
                subject=request.origin.filename,
                field=planned.target,
            )
        seen.add(planned.target)
    return files
