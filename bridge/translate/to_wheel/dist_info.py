"""The wheel's `.dist-info`: metadata, licences, bill of materials, and what the way back needs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.tags import Tag
from packaging.utils import canonicalize_name

from bridge._version import __version__
from bridge.formats.wheel.entry_points import format_entry_points
from bridge.formats.wheel.metadata_output import build, rewrite
from bridge.formats.wheel.wheel_file import format_wheel_file
from bridge.model.conda import Origin, Subdir
from bridge.model.plan import FromPayload, Layout, Literal, Loss, PlannedFile
from bridge.translate.to_wheel.bill import artifact_of, format_bill
from bridge.translate.to_wheel.members import Members
from bridge.translate.to_wheel.project import Project
from bridge.translate.to_wheel.request import Request
from bridge.translate.to_wheel.way_back import restore_document

_EXTRA: Final = re.compile(r'extra == "([^"]+)"')
_LICENSES: Final = "info/licenses/"
_GENERATOR: Final = f"conda-wheel-bridge {__version__}"


@dataclass(frozen=True, slots=True)
class Identity:
    """What the planner has decided about the wheel as a whole."""

    tags: frozenset[Tag]
    requires_python: SpecifierSet
    requires_dist: tuple[Requirement, ...]
    entry_points: Mapping[str, Mapping[str, str]]
    purelib: bool
    losses: tuple[Loss, ...]
    #: member name -> (provider's file name, sha256 hex of the original).
    vendored: Mapping[str, tuple[str, str]]


def dist_info_members(
    request: Request, project: Project, members: Members, identity: Identity, directory: str
) -> tuple[PlannedFile, ...]:
    """Every member of `{directory}/` that the bridge writes itself, RECORD excepted.

    Args:
        directory: `{escaped name}-{version}.dist-info`.
    """
    taken = {planned.target for planned in members.files}
    licenses = _licenses(request, directory, taken)
    metadata = _metadata(request, project, members, identity, directory, licenses)
    literals: dict[str, bytes] = {
        "METADATA": metadata,
        "WHEEL": format_wheel_file(
            generator=_GENERATOR, root_is_purelib=identity.purelib, tags=sorted(identity.tags, key=str)
        ),
        "sboms/conda-bridge.cdx.json": _bill(request, project, identity),
        "conda/provenance.json": _provenance(request, members, identity, licenses, metadata),
    }
    if identity.entry_points:
        literals["entry_points.txt"] = format_entry_points(identity.entry_points)
    for path, data in request.metadata.info_files.items():
        if not path.startswith(_LICENSES):
            literals[f"conda/{path}"] = data
    planned = [PlannedFile(f"{directory}/{name}", Literal(data)) for name, data in literals.items()]
    planned += [PlannedFile(target, Literal(data)) for target, (_, data) in licenses.items()]
    planned += [_kept(request, path, directory) for path in members.set_aside]
    return tuple(sorted(planned, key=lambda member: member.target))


def _kept(request: Request, path: str, directory: str) -> PlannedFile:
    """A payload file, as it is, for the way back."""
    facts = request.survey.files[path]
    target = f"{directory}/conda/files/{path}"
    return PlannedFile(target, FromPayload(path), sha256=facts.sha256, size=facts.member.size)


def _licenses(request: Request, directory: str, taken: set[str]) -> Mapping[str, tuple[str, bytes]]:
    """Member name -> (path, content) of the licence files that the conda package came with (PEP 639)."""
    licenses: dict[str, tuple[str, bytes]] = {}
    used = {target.casefold() for target in taken}
    for path, data in sorted(request.metadata.info_files.items()):
        if path.startswith(_LICENSES):
            name = path.removeprefix(_LICENSES)
            target = f"{directory}/licenses/{name}"
            while target.casefold() in used:
                name = f"conda/{name}"
                target = f"{directory}/licenses/{name}"
            used.add(target.casefold())
            licenses[target] = (path, data)
    return licenses


def _metadata(
    request: Request,
    project: Project,
    members: Members,
    identity: Identity,
    directory: str,
    licenses: Iterable[str],
) -> bytes:
    root = f"{directory}/licenses/"
    files = {name.removeprefix(root) for name in licenses}
    files |= {planned.target.removeprefix(root) for planned in members.files if planned.target.startswith(root)}
    extras = _extras(request, project)
    if project.metadata is not None:
        return rewrite(
            project.metadata,
            requires_dist=identity.requires_dist,
            requires_python=identity.requires_python,
            license_files=sorted(files),
            provides_extra=extras,
        )
    about = request.metadata.about
    urls = {"Documentation": about.doc_url, "Source": about.dev_url}
    return build(
        name=project.name,
        version=project.version,
        summary=about.summary,
        description=about.description,
        home_page=about.home,
        license=about.license or request.index.license or "",
        project_urls={label: url for label, url in urls.items() if url},
        requires_dist=identity.requires_dist,
        requires_python=identity.requires_python,
        license_files=sorted(files),
        provides_extra=extras,
    )


def _extras(request: Request, project: Project) -> tuple[str, ...]:
    """The extras that requirements name: conda's groups (CEP 44), and those of an old requires.txt."""
    groups = {canonicalize_name(group) for group in request.index.extra_depends}
    if project.metadata is not None and not project.metadata.requires_dist:
        markers = " ".join(str(item.marker) for item in project.requires if item.marker is not None)
        groups |= {canonicalize_name(extra) for extra in _EXTRA.findall(markers)}
    return tuple(sorted(groups))


def _bill(request: Request, project: Project, identity: Identity) -> bytes:
    providers = _providers(request, identity)
    source = (request.origin, request.index.subdir)
    return format_bill(project.name, str(project.version), source, providers, identity.vendored)


def _providers(request: Request, identity: Identity) -> Mapping[str, tuple[Origin, Subdir]]:
    """The packages that vendored files were taken from, by file name."""
    used = {provider for provider, _ in identity.vendored.values()} - {request.origin.filename}
    return {} if request.closure is None else {name: request.closure.origin(name) for name in sorted(used)}


def _provenance(
    request: Request,
    members: Members,
    identity: Identity,
    licenses: Mapping[str, tuple[str, bytes]],
    metadata: bytes,
) -> bytes:
    """What the bridge did, for people, and for the way back."""
    layout = request.options.layout
    document: dict[str, Any] = {
        "schema": "conda-bridge/provenance/1",
        "tool": {"name": "conda-wheel-bridge", "version": __version__},
        "mappings": request.tables.digest,
        "layout": layout.value,
        "source": _origin(request.origin, request.index.subdir),
        "record": _record_changes(request),
        "losses": [loss.to_json() for loss in identity.losses],
        "vendored": {
            name: {"provider": provider, "sha256": digest}
            for name, (provider, digest) in sorted(identity.vendored.items())
        },
        "providers": [_origin(origin, subdir) for _, (origin, subdir) in sorted(_providers(request, identity).items())],
    }
    if layout is not Layout.VENDORED:
        document["restore"] = restore_document(request, members, licenses, identity.vendored, metadata)
    # Not indented: large packages have ten thousand files, and only json's C encoder is fast.
    return (json.dumps(document, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _origin(origin: Origin, subdir: Subdir) -> dict[str, Any]:
    identity, _ = artifact_of(origin)
    return {
        "name": identity.name,
        "version": identity.version,
        "build": identity.build,
        "subdir": subdir,
        "channel": origin.channel,
        "filename": origin.filename,
        "sha256": origin.sha256,
        "md5": origin.md5,
        "size": origin.size,
    }


def _record_changes(request: Request) -> dict[str, Any] | None:
    """The record in force where a channel changed it, in the form of index.json."""
    before, now = request.metadata.index, request.index
    if (before.depends, before.constrains) == (now.depends, now.constrains):
        return None
    return {"depends": list(request.index.depends), "constrains": list(request.index.constrains)}
