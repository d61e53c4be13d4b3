"""Projects, policies and sources for tests of audits, from small descriptions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from bridge.priority.audit.audit import audit
from bridge.priority.audit.finding import AuditReport, Finding, Rule, Severity
from bridge.priority.catalogue import Catalogue, CataloguedFile, CataloguedProject, Listing
from bridge.priority.policy import Ecosystem, Policy
from tests.support.catalogues import (
    CLAIM,
    CONDA_INTERNAL,
    CONDA_PUBLIC,
    CONFUSED_INTERNAL,
    CONFUSED_PUBLIC,
    INTERNAL,
    PUBLIC,
    SOURCES,
    Versions,
)
from tests.support.catalogues import sources as policy
from tests.support.catalogues import write_files as write

__all__ = [
    "CLAIM",
    "CONDA_INTERNAL",
    "CONDA_PUBLIC",
    "INTERNAL",
    "PUBLIC",
    "SOURCES",
    "audited",
    "catalogue",
    "failing",
    "listing",
    "of_rule",
    "policy",
    "pyproject",
    "write",
]


def listing(url: str, versions: Versions, ecosystem: Ecosystem = Ecosystem.PYPI, **more: object) -> Listing:
    """A source with one file for each version; the file's hash is made of its name and the source."""
    projects = {}
    for name, texts in versions.items():
        files = []
        for text in texts:
            version, _, requires = text.partition(";")
            filename = (
                f"{name}-{version}-py3-none-any.whl" if ecosystem is Ecosystem.PYPI else f"{name}-{version}-0.conda"
            )
            files.append(
                CataloguedFile(
                    filename, version, f"{url} {filename}", requires=tuple(requires.split(";") if requires else ())
                )
            )
        projects[name] = CataloguedProject(name, tuple(files))
    return Listing(url, ecosystem, projects, **more)  # type: ignore[arg-type]


def catalogue(internal: Versions | None = None, public: Versions | None = None) -> Catalogue:
    """Both sources with both faces; by default the public ones have higher versions of the company's names."""
    first = CONFUSED_INTERNAL if internal is None else internal
    second = CONFUSED_PUBLIC if public is None else public
    return Catalogue(
        (
            listing(CONDA_INTERNAL, first, Ecosystem.CONDA),
            listing(CONDA_PUBLIC, second, Ecosystem.CONDA),
            listing(INTERNAL, first),
            listing(PUBLIC, second),
        )
    )


def audited(
    project: Path, files: Mapping[str, str], of: Policy | None = None, sources: Catalogue | None = None
) -> AuditReport:
    """What an audit of these files finds."""
    return audit(write(project, files), of, sources)


def of_rule(report: AuditReport, rule: Rule) -> list[Finding]:
    """The findings of one rule."""
    return [finding for finding in report.findings if finding.rule is rule]


def failing(report: AuditReport) -> dict[Rule, list[str]]:
    """What the findings that fail a command are about, by rule."""
    found: dict[Rule, list[str]] = {}
    for finding in report.findings:
        if finding.severity is not Severity.NOTE:
            found.setdefault(finding.rule, []).append(finding.evidence.name)
    return found


PROJECT = '[project]\nname = "p"\nversion = "0"\ndependencies = [{}]\n'


def pyproject(requirements: Sequence[str], rest: str = "") -> str:
    """A `pyproject.toml` with requirements."""
    return PROJECT.format(", ".join(f'"{text}"' for text in requirements)) + rest
