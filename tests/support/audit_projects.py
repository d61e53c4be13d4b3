"""Projects, policies and sources for tests of audits, from small descriptions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from bridge.priority.audit.audit import audit
from bridge.priority.audit.finding import AuditReport, Finding, Rule, Severity
from bridge.priority.catalogue import Catalogue, CataloguedFile, CataloguedProject, Listing
from bridge.priority.policy import Ecosystem, Policy
from bridge.priority.policy_file import parse_policy

INTERNAL = "https://internal.example/simple"
PUBLIC = "https://public.example/simple"
CONDA_INTERNAL = "https://internal.example/conda"
CONDA_PUBLIC = "https://public.example/conda"

SOURCES = f"""\
schema = "bridge-policy/1"
order = ["internal", "public"]
[sources.internal]
conda = "{CONDA_INTERNAL}"
pypi = "{INTERNAL}"
trust = "first-party"
[sources.public]
conda = "{CONDA_PUBLIC}"
pypi = "{PUBLIC}"
trust = "public"
"""
CLAIM = """\
[[claims]]
packages = ["acme-*"]
from = ["internal"]
"""
#: versions of each name; a version may have requirements after a semicolon.
Versions = Mapping[str, Sequence[str]]

#: the world in which confusion happens: the public sources have higher versions of the company's names.
SPOOFED: Mapping[str, Versions] = {
    "internal": {"acme-core": ["1.0"], "shared": ["1.0"], "onlyint": ["1.0;shared>=2"]},
    "public": {"acme-core": ["99"], "shared": ["2.0"], "onlypub": ["1.0;acme-core"]},
}


def policy(rest: str = CLAIM) -> Policy:
    """Two sources, `internal` above `public`, with some claims."""
    return parse_policy(SOURCES + rest, "bridge-policy.toml")


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
    """Both sources with both faces; by default as in `SPOOFED`."""
    first = SPOOFED["internal"] if internal is None else internal
    second = SPOOFED["public"] if public is None else public
    return Catalogue(
        (
            listing(CONDA_INTERNAL, first, Ecosystem.CONDA),
            listing(CONDA_PUBLIC, second, Ecosystem.CONDA),
            listing(INTERNAL, first),
            listing(PUBLIC, second),
        )
    )


def write(project: Path, files: Mapping[str, str]) -> Path:
    """The files of a project."""
    for name, text in files.items():
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return project


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
