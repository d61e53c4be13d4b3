"""A policy as Python clients see it: indexes in order, claims with the names to pin, and nothing of conda channels."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from packaging.utils import NormalizedName, canonicalize_name

from bridge.errors import Code, InvalidInput
from bridge.priority.context import CompileContext, Resolution, ResolvedPackage
from bridge.priority.decision import Decider
from bridge.priority.policy import Claim, Ecosystem, NamePattern, Policy, Source, Trust

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
#: what an address may hold in any of the files: printable, no space, quote or backslash, and no variable to expand.
_ADDRESS: Final = re.compile(r"(?!.*\$\{)[!#-\[\]^_a-z{|}~]+")


@dataclass(frozen=True, slots=True)
class ProjectClaim:
    """A claim, as far as it is about Python projects."""

    claim: Claim
    #: with an index, in order of preference; empty where the claimed names may come from no index at all.
    sources: tuple[Source, ...]
    #: projects to pin: those in the graph, or where the graph is not known, all that the claim names in full.
    names: tuple[NormalizedName, ...]
    #: named in full by the claim and not in the graph.
    absent: tuple[NormalizedName, ...]
    #: patterns whose names are not known.
    unlisted: tuple[NamePattern, ...]
    first_party: bool

    @property
    def subject(self) -> str:
        return ", ".join(str(pattern) for pattern in self.claim.patterns)

    @property
    def marker(self) -> str:
        """The claim's condition; empty where it always holds."""
        return str(self.claim.when) if self.claim.when else ""


@dataclass(frozen=True, slots=True)
class PythonSide:
    """The indexes and claims of a policy."""

    policy: Policy
    #: provide what nobody claims, highest first.
    normal: tuple[Source, ...]
    #: provide claimed names only.
    claimed_only: tuple[Source, ...]
    mirrors: tuple[Source, ...]
    claims: tuple[ProjectClaim, ...]
    resolution: Resolution | None
    #: URL of the overlay index, where one is hosted.
    overlay: str | None

    @property
    def indexes(self) -> tuple[Source, ...]:
        """All indexes in the order of the policy."""
        kept = {source.name for source in (*self.normal, *self.claimed_only)}
        return tuple(self.policy.sources[name] for name in self.policy.order if name in kept)

    @property
    def resolved(self) -> Mapping[NormalizedName, tuple[ResolvedPackage, ...]]:
        """What was resolved, by name; empty without a resolution."""
        found: dict[NormalizedName, tuple[ResolvedPackage, ...]] = {}
        for package in self.resolution.packages if self.resolution else ():
            found[package.name] = (*found.get(package.name, ()), package)
        return found

    def chosen(self, claim: ProjectClaim, name: NormalizedName) -> Source | None:
        """The one source that a client is given for a claimed name: where the resolution found it, else the first."""
        for package in self.resolved.get(name, ()):
            return self.policy.sources[package.source]
        return claim.sources[0] if claim.sources else None


def python_side(policy: Policy, context: CompileContext) -> PythonSide:
    """What the compilers of Python clients work on.

    Raises:
        InvalidInput: an address cannot be written into configurations, or the resolution breaks the policy.
    """
    faces = policy.faces(Ecosystem.PYPI)
    for source in faces:
        _check_address(str(source.pypi), policy.filename, f"sources.{source.name}.pypi")
    if context.overlays.pypi is not None:
        _check_address(context.overlays.pypi, policy.filename, "overlay")
    decider = Decider(policy, context.names)

    def owner(name: NormalizedName) -> Claim | None:
        matches = decider.claims_of(name, Ecosystem.PYPI)
        return matches[0][0].claim if matches else None

    if context.resolution is not None:
        _check_resolution(policy, context.resolution, owner)
    return PythonSide(
        policy=policy,
        normal=tuple(source for source in faces if not source.claimed_only and source.mirror_of is None),
        claimed_only=tuple(source for source in faces if source.claimed_only and source.mirror_of is None),
        mirrors=tuple(source for source in policy.sources.values() if source.mirror_of is not None and source.pypi),
        claims=tuple(_project_claim(policy, claim, owner, context) for claim in policy.claims),
        resolution=context.resolution,
        overlay=context.overlays.pypi,
    )


def _project_claim(
    policy: Policy, claim: Claim, owners: Callable[[NormalizedName], Claim | None], context: CompileContext
) -> ProjectClaim:
    graph = set(context.projects or ())
    if context.resolution is not None:
        graph |= {package.name for package in context.resolution.packages}
    known = context.projects is not None or context.resolution is not None
    named = {canonicalize_name(pattern.text) for pattern in claim.patterns if not pattern.wildcard}
    # what is claimed under the name of a conda package is claimed under its other names too
    for conda, projects in policy.names.projects.items():
        if canonicalize_name(conda) in named:
            named.update(projects)
    named = {name for name in named if owners(name) == claim}
    present = {name for name in graph if owners(name) == claim}
    return ProjectClaim(
        claim=claim,
        sources=tuple(policy.sources[name] for name in claim.sources if policy.sources[name].pypi),
        names=tuple(sorted(present if known else named)),
        absent=tuple(sorted(named - present if known else ())),
        unlisted=() if known else tuple(pattern for pattern in claim.patterns if pattern.wildcard),
        first_party=any(policy.sources[name].trust is Trust.FIRST_PARTY for name in claim.sources),
    )


def _check_resolution(policy: Policy, resolution: Resolution, owners: Callable[[NormalizedName], Claim | None]) -> None:
    for package in resolution.packages:
        field = f"{package.name} {package.version}"
        source = policy.sources.get(package.source)
        if source is None or source.pypi is None:
            raise _refused(policy, field, f"the policy has no index {package.source}")
        claim = owners(package.name)
        if claim is not None and package.source not in claim.sources and claim.when is None:
            raise _refused(policy, field, f"taken from {package.source}, which the claim of the name does not allow")
        if claim is None and source.claimed_only:
            raise _refused(policy, field, f"taken from {package.source}, which provides claimed names only")
        _check_address(package.index, policy.filename, field)
        for file in package.files:
            _check_address(file.url, policy.filename, field)
            if not _SHA256.fullmatch(file.sha256):
                raise _refused(policy, field, f"the sha256 of {file.filename} is malformed")


def _refused(policy: Policy, field: str, message: str) -> InvalidInput:
    return InvalidInput(Code.RESOLUTION_REFUSED, message, subject=policy.filename, field=field)


def _check_address(url: str, filename: str, field: str) -> None:
    try:
        parts = urlsplit(url)
        secret = parts.username is not None or parts.password is not None
    except ValueError:
        parts, secret = urlsplit(""), False
    # the messages do not repeat the address, as it may hold a secret
    if secret:
        raise InvalidInput(Code.RESOLUTION_REFUSED, "an address holds credentials", subject=filename, field=field)
    if parts.scheme not in ("http", "https", "file") or not _ADDRESS.fullmatch(url.lower()):
        message = "not a plain http, https or file address"
        raise InvalidInput(Code.RESOLUTION_REFUSED, message, subject=filename, field=field)
