"""The wheel's requirements: what conda enforces, plus the extras that only the project's own metadata knows."""

from __future__ import annotations

from dataclasses import replace

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bridge.errors import Code
from bridge.mapping.names import NameMapper
from bridge.mapping.requirements import merge_requirements, to_requirement
from bridge.model.plan import Loss
from bridge.translate.to_wheel.project import Project
from bridge.translate.to_wheel.request import Request


def requirements_of(
    request: Request, project: Project, mapper: NameMapper
) -> tuple[tuple[Requirement, ...], tuple[Loss, ...]]:
    """Translate `depends` (and CEP 44 extras), then add the extras of METADATA.

    conda's maintainers may have dropped, renamed or widened what METADATA requires; what conda enforces is the truth
    for this build. Requirements that only METADATA knows are recorded.
    """
    subject = request.origin.filename
    requirements: list[Requirement] = []
    losses: list[Loss] = []
    for spec in request.index.depends:
        answer = to_requirement(spec, mapper, subject=subject)
        losses.extend(replace(loss, subject=spec) for loss in answer.losses)
        if answer.requirement is not None:
            requirements.append(answer.requirement)
    merged = list(merge_requirements(requirements))
    for group, specs in sorted(request.index.extra_depends.items()):
        for spec in specs:
            answer = to_requirement(spec, mapper, subject=subject, extra=group)
            losses.extend(replace(loss, subject=spec) for loss in answer.losses)
            if answer.requirement is not None:
                merged.append(answer.requirement)
    merged.extend(requirement for requirement in project.requires if _is_extra(requirement))
    losses.extend(_dropped(project.requires, merged, project))
    return tuple(merged), tuple(losses)


def _is_extra(requirement: Requirement) -> bool:
    return requirement.marker is not None and "extra ==" in str(requirement.marker)


def _dropped(own: tuple[Requirement, ...], kept: list[Requirement], project: Project) -> list[Loss]:
    names = {canonicalize_name(requirement.name) for requirement in kept if not _is_extra(requirement)}
    names.add(canonicalize_name(project.name))
    return [
        Loss(
            Code.PYTHON_REQUIREMENT,
            requirement.name,
            f"METADATA requires {requirement}; conda's package does not",
        )
        for requirement in own
        if not _is_extra(requirement) and canonicalize_name(requirement.name) not in names
    ]
