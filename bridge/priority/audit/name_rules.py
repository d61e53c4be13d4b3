"""Names that mean different things in the two ecosystems: DC13 and DC14."""

from __future__ import annotations

from collections.abc import Iterator

from packaging.utils import canonicalize_name

from bridge.model.conda import CondaName
from bridge.priority.audit.finding import Evidence, Finding, Rule, Severity
from bridge.priority.audit.scene import Scene
from bridge.priority.configs.config import Place
from bridge.priority.policy import Ecosystem


def name_findings(scene: Scene) -> Iterator[Finding]:
    """Conflicts among the names that the project or the policy has to do with."""
    packages = scene.names_of(Ecosystem.CONDA)
    projects = scene.names_of(Ecosystem.PYPI)
    if scene.policy is not None:
        packages = packages | {str(name) for name in scene.policy.names.projects}
    yield from _conflicts(scene, packages, projects)
    yield from _shared(scene, packages, projects)


def _conflicts(scene: Scene, packages: frozenset[str], projects: frozenset[str]) -> Iterator[Finding]:
    """A conda package that is another project than the one of its name."""
    for package in sorted(packages):
        same = canonicalize_name(package)
        identity = scene.names.of_conda(CondaName(package))
        if identity.names is None or same in identity.names:
            continue
        on = [one.url for one in scene.catalogue.having(Ecosystem.PYPI, same)] if scene.catalogue is not None else []
        used = same in projects
        if not used and not on:
            continue
        called = ", ".join(identity.names) or "no project"
        where = f"; {', '.join(on)} has a project {same}" if on else ""
        message = f"conda's {package} is {called}, and not the project {same}{where}"
        severity = Severity.WARNING if used or same in scene.names.strangers else Severity.NOTE
        yield Finding(Rule.DC13, severity, message, Evidence(_place(scene, package), name=package))


def _shared(scene: Scene, packages: frozenset[str], projects: frozenset[str]) -> Iterator[Finding]:
    """A project that several conda packages are said to be."""
    together: dict[str, set[str]] = {}
    for package in packages:
        for project in scene.names.of_conda(CondaName(package)).names or ():
            together.setdefault(project, set()).add(package)
    for shared, several in sorted(together.items()):
        if len(several) > 1:
            message = f"{' and '.join(sorted(several))} are both said to be the project {shared}"
            # most are a package and its parts; it is ambiguous where the project itself is asked for
            severity = Severity.WARNING if shared in projects else Severity.NOTE
            yield Finding(Rule.DC14, severity, message, Evidence(name=shared))
    for name in sorted(projects):
        identity = scene.names.of_project(canonicalize_name(name))
        if identity.names is None and len(identity.candidates) > 1:
            message = f"the project {name} may be any of the conda packages {', '.join(identity.candidates)}"
            yield Finding(Rule.DC14, Severity.NOTE, message, Evidence(name=name))


def _place(scene: Scene, package: str) -> Place | None:
    line = scene.policy.names.lines.get(CondaName(package)) if scene.policy is not None else None
    if line is not None and scene.policy is not None:
        return Place(scene.policy.filename, line)
    return next((one.place for config in scene.configs for one in config.requirements if one.name == package), None)
