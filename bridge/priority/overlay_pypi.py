"""The merged index: of every project only the files of the source that provides it, with links to the originals."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from packaging.utils import NormalizedName, canonicalize_name

from bridge.errors import BridgeError, Code, InvalidInput
from bridge.formats.wheel.variant_json import parse_variant_json
from bridge.limits import MIB
from bridge.model.variant import NULL_LABEL, Property, VariantMetadata
from bridge.priority.decision import ABSENT, KNOWN, UNREACHABLE, Availability, Decider, Decision, Outcome
from bridge.priority.overlay_age import Ages
from bridge.priority.overlay_fetch import Answer, Origins
from bridge.priority.overlay_report import Finding, Left, Tally
from bridge.priority.overlay_source import ACCEPT, IndexFile, IndexProject, read_names, read_project
from bridge.priority.overlay_variants import Wishes, permitted
from bridge.priority.policy import Ecosystem, Intent, Policy, Semantics, Source, SourceName, VariantRule

#: one page of the largest project of PyPI has about 10 MB.
_PAGE: Final = 64 * MIB
#: the list of all projects, of an index that is listed as a whole.
_ROOT: Final = 1 * MIB
_MOST_PROJECTS: Final = 2000
_VARIANTS: Final = 16 * MIB


@dataclass(slots=True)
class Asked:
    """What was found out about one project."""

    project: NormalizedName
    decision: Decision
    #: the sources that provide it, first the one that decides, with what they said.
    pages: list[tuple[Source, Source, Answer]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    failures: dict[SourceName, InvalidInput] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Index:
    """How an overlay of indexes is made; the arguments of its functions that never change."""

    policy: Policy
    decider: Decider
    origins: Origins
    now: datetime
    environment: Mapping[str, str] | None
    wishes: Wishes
    accepted: Collection[str]


def listed_names(index: Index, names: Iterable[NormalizedName]) -> tuple[set[NormalizedName], list[Finding]]:
    """The projects of the overlay: those that are given or claimed by name, and all of the indexes that are small."""
    found = set(names)
    findings: list[Finding] = []
    for claim in index.policy.claims:
        found.update(NormalizedName(pattern.text) for pattern in claim.patterns if not pattern.wildcard)
    for source in index.policy.faces(Ecosystem.PYPI):
        url = source.pypi or ""
        address = f"{url}index.html" if url.startswith("file:") else url
        try:
            answer = index.origins.get(source, Ecosystem.PYPI, address, limit=_ROOT, accept=ACCEPT)
            listed = () if answer is None else read_names(answer)
        except InvalidInput as error:
            listed = ()
            if error.code is Code.OVERLAY_SOURCE:
                continue  # each of its projects tells
            message = "is too large to list all of its projects; name those that are needed"
            findings.append(Finding(Code.OVERLAY_UNSAID, source.name, url, message))
        if len(listed) > _MOST_PROJECTS:
            message = f"has {len(listed)} projects; name those that are needed"
            findings.append(Finding(Code.OVERLAY_UNSAID, source.name, url, message))
        else:
            found.update(listed)
    return found, findings


def ask(index: Index, project: NormalizedName) -> Asked:
    """Ask the sources about a project, as far as the policy needs to know.

    Raises:
        InvalidInput: CB460, a source that would decide does not answer, and the policy wants that to be an error.
    """
    pages: dict[SourceName, Answer | None] = {}
    failures: dict[SourceName, InvalidInput] = {}

    def knows(source: Source) -> Availability:
        if source.name not in pages and source.name not in failures:
            try:
                pages[source.name] = _page(index.origins, source, project)
            except InvalidInput as error:
                if error.code is not Code.OVERLAY_SOURCE:
                    raise
                failures[source.name] = error
        if source.name in failures:
            return UNREACHABLE
        return ABSENT if pages[source.name] is None else KNOWN

    whole = index.decider.decide(project, Ecosystem.PYPI, knows, index.environment)
    decision = whole.answers[0]
    asked = Asked(project, decision, failures=failures)
    if decision.when is not None:
        detail = f"the claim is taken to hold everywhere, not only where {decision.when}"
        asked.findings.append(Finding(Code.OVERLAY_UNSAID, decision.source, project, detail))
    if decision.outcome is Outcome.CONTRADICTED:
        detail = "its names are claimed differently; nobody provides it"
        asked.findings.append(Finding(Code.OVERLAY_UNSAID, None, project, detail))
    if decision.outcome is not Outcome.PROVIDED or decision.source is None:
        return asked
    merged = index.policy.semantics is Semantics.BEST_MATCH
    for name in decision.allowed if merged else (decision.source,):
        source = index.policy.sources[name]
        via = index.policy.sources[decision.via] if name == decision.source and decision.via else source
        if knows(via) is KNOWN and (answer := pages[via.name]) is not None:
            asked.pages.append((source, via, answer))
    if index.policy.semantics is Semantics.FIRST_MATCH and len(decision.allowed) > 1:
        detail = "an index cannot say first-match; only the first source that knows the name provides it"
        asked.findings.append(Finding(Code.OVERLAY_UNSAID, decision.source, project, detail))
    return asked


def files_of(
    index: Index, asked: Asked, source: Source, via: Source, answer: Answer, offered: Mapping[str, str]
) -> tuple[tuple[IndexFile, ...], Tally, datetime | None]:
    """The files that one source provides of a project, and when another one is old enough.

    Raises:
        InvalidInput: the page is malformed.
    """
    tally = Tally(source.name, Ecosystem.PYPI, asked.project)
    page = read_project(answer, asked.project, tally)
    ages = Ages(index.now, source.min_age)
    packages = index.decider.names.conda_names(asked.project) or ()
    rules = index.wishes.rules({asked.project, *map(canonicalize_name, packages)})
    variants = _variants(index, page, via, rules, tally)
    kept: list[IndexFile] = []
    for file in page.files:
        if file.is_variants:
            if file.filename in variants:
                kept.append(replace(file, sha256=variants[file.filename][0]))
            continue
        known = offered.get(file.filename, file.sha256)
        if not ages.old_enough(file.upload_time, file.filename, tally):
            tally.left[Left.AGE] += 1
        elif known != file.sha256 and file.sha256 not in index.accepted:
            tally.find(Code.OVERLAY_CHANGED, file.filename, f"was {known}, and is {file.sha256} now")
        elif rules and not permitted(rules, _properties(file, variants.values())):
            tally.left[Left.VARIANT] += 1
        else:
            kept.append(file)
    if soft := [str(rule.property) for rule in rules if rule.intent in (Intent.PREFER, Intent.AVOID)]:
        detail = f"an index cannot prefer or avoid {', '.join(soft)}; only leave variants out"
        tally.find(Code.OVERLAY_UNSAID, asked.project, detail)
    tally.offered = len(kept)
    return tuple(kept), tally, ages.ripe


def _page(origins: Origins, source: Source, project: NormalizedName) -> Answer | None:
    url = source.pypi or ""
    address = f"{url}{project}/index.html" if url.startswith("file:") else f"{url}{project}/"
    return origins.get(source, Ecosystem.PYPI, address, limit=_PAGE, accept=ACCEPT)


def _variants(
    index: Index, page: IndexProject, via: Source, rules: tuple[VariantRule, ...], tally: Tally
) -> dict[str, tuple[str, VariantMetadata | None, str]]:
    """Variants files that are passed on: file name -> (sha256, content where it was read, version)."""
    found: dict[str, tuple[str, VariantMetadata | None, str]] = {}
    for file in page.files:
        if not file.is_variants:
            continue
        if file.sha256 is not None and not rules:
            found[file.filename] = file.sha256, None, str(file.version)
            continue
        try:
            answer = index.origins.get(via, Ecosystem.PYPI, file.url, limit=_VARIANTS)
            if answer is None:
                raise InvalidInput(Code.OVERLAY_ENTRY, "is listed, but not there")
            sha256 = hashlib.sha256(answer.body).hexdigest()
            if file.sha256 not in (None, sha256):
                raise InvalidInput(Code.OVERLAY_ENTRY, "is not the file that the page lists")
            found[file.filename] = sha256, parse_variant_json(answer.body, file.filename), str(file.version)
        except BridgeError as error:
            tally.find(Code.OVERLAY_ENTRY, file.filename, error.message)
    return found


def _properties(file: IndexFile, variants: Iterable[tuple[str, VariantMetadata | None, str]]) -> frozenset[Property]:
    """Of a wheel with a label, what the variants file of its version says of it; other files have none."""
    if file.label is None or file.label == NULL_LABEL:
        return frozenset()
    for _, metadata, version in variants:
        if metadata is not None and version == str(file.version):
            return frozenset(metadata.variants.get(file.label, ()))
    return frozenset()
