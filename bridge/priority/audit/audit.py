"""An audit of a project: its configurations and lock files, held against a policy and against what sources have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from packaging.markers import default_environment
from packaging.utils import canonicalize_name

from bridge.model.conda import CondaName, Subdir
from bridge.priority.audit.finding import AuditReport, Finding, Rule, Severity, sorted_findings
from bridge.priority.audit.latent_rules import latent_findings
from bridge.priority.audit.lock_rules import lock_findings
from bridge.priority.audit.locks.read import read_locks
from bridge.priority.audit.name_rules import name_findings
from bridge.priority.audit.resolution_rules import Resolution, resolution
from bridge.priority.audit.scene import Scene
from bridge.priority.audit.setting_rules import setting_findings
from bridge.priority.audit.source_files import look_inside
from bridge.priority.audit.source_rules import source_findings
from bridge.priority.catalogue import Catalogue
from bridge.priority.configs.read import read_configurations
from bridge.priority.decision import Decider
from bridge.priority.identity import Identities
from bridge.priority.look import extras_wanted, look, targets_of
from bridge.priority.overlay_fetch import Origins
from bridge.priority.policy import Ecosystem, NameIdentities, Policy


def look_for(
    project: Path,
    policy: Policy | None,
    names: Identities,
    *,
    user: Path | None = None,
    subdirs: Sequence[Subdir] = (),
    origins: Origins | None = None,
    inside: bool = False,
) -> Catalogue:
    """What the sources have of all names that an audit of a project is about.

    Those are the names that the project requires or has locked, those that a claim spells out, and what all of these
    are called in the other ecosystem.

    Args:
        project: a directory.
        policy: its sources are asked, besides those of the project's configurations.
        names: what packages are called in the other ecosystem.
        user: a home directory whose configuration counts too.
        subdirs: of channels; `noarch` is always one.
        origins: how to ask.
        inside: whether to look into small files as well.

    Raises:
        InvalidInput: CB101, the project is no directory.
    """
    configs = read_configurations(project, user=user).configs
    wanted: dict[Ecosystem, set[str]] = {ecosystem: set() for ecosystem in Ecosystem}
    for one in (one for config in configs for one in config.requirements):
        wanted[one.ecosystem].add(one.name)
    for package in read_locks(project)[0]:
        wanted[package.ecosystem].add(package.name)
    for claim in policy.claims if policy is not None else ():
        for pattern in claim.patterns:
            if not pattern.wildcard:
                for ecosystem in Ecosystem:
                    wanted[ecosystem].add(pattern.text)
    conda, projects = set(wanted[Ecosystem.CONDA]), set(wanted[Ecosystem.PYPI])
    for name in conda:
        # the project of the same name is looked for too, as it may be somebody else's
        wanted[Ecosystem.PYPI].update({name, *(names.pypi_names(CondaName(name)) or ())})
    for name in projects:
        wanted[Ecosystem.CONDA].update(names.conda_names(canonicalize_name(name)) or ())
    targets, asked = targets_of(policy, configs), origins or Origins()
    found = look(targets, wanted, asked, subdirs=subdirs, extras=extras_wanted(configs))
    return look_inside(found, targets, asked, wanted) if inside else found


def audit(
    project: Path,
    policy: Policy | None = None,
    catalogue: Catalogue | None = None,
    *,
    user: Path | None = None,
    names: Identities | None = None,
    environment: Mapping[str, str] | None = None,
) -> AuditReport:
    """Everything that is wrong with where a project's packages come from.

    Args:
        project: a directory.
        policy: what should be; None to look for weaknesses that need no policy.
        catalogue: what the sources have, as `bridge.priority.look.look` finds it; None to ask nobody.
        user: a home directory whose configuration counts too.
        names: what packages are called in the other ecosystem; None for what the policy says alone.
        environment: all marker variables (PEP 508) of the machine that the clients run on, for claims that hold only
            somewhere; None for this machine.

    Raises:
        InvalidInput: CB101, the project is no directory. What is wrong with a single file is a problem of the report.
    """
    found = read_configurations(project, user=user)
    locks, broken = read_locks(project)
    identities = names or Identities(policy.names if policy is not None else NameIdentities())
    decider = Decider(policy, identities) if policy is not None else None
    here = {key: str(value) for key, value in (environment or default_environment()).items()}
    scene = Scene(found.configs, locks, found.secrets, identities, policy, decider, catalogue, here)
    resolved = resolution(scene)
    about_sources = source_findings(policy, catalogue, identities) if catalogue is not None else ()
    findings = [
        *resolved.findings,
        *latent_findings(scene),
        *setting_findings(scene),
        *lock_findings(scene),
        *name_findings(scene),
        *(_weighed(finding, resolved, scene) for finding in about_sources),
    ]
    skipped = tuple((rule, "the sources were not asked") for rule in Rule if rule.needs_sources and catalogue is None)
    problems = (*(str(problem) for problem in (*found.problems, *broken)), *_silent(catalogue))
    return AuditReport(sorted_findings(findings), skipped=skipped, problems=problems)


def _weighed(finding: Finding, resolved: Resolution, scene: Scene) -> Finding:
    """That a name is in sources of different trust is only worth knowing where no client takes it wrongly."""
    settled = (
        finding.rule is Rule.DC01
        and bool(scene.configs)
        and (finding.subject, finding.evidence.name) not in resolved.wrong
    )
    return replace(finding, severity=Severity.NOTE) if settled else finding


def _silent(catalogue: Catalogue | None) -> Iterator[str]:
    for listing in catalogue.listings if catalogue is not None else ():
        silence = () if listing.reachable else ("does not answer",)
        yield from (f"{listing.url}: {problem}" for problem in listing.problems or silence)
