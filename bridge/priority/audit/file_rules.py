"""What is wrong with files of one project: DC17 to DC20."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeVar

from bridge.priority.audit.finding import Evidence, Finding, Rule, Severity
from bridge.priority.audit.known_sources import KnownSources
from bridge.priority.catalogue import CataloguedFile, CataloguedProject, Listing
from bridge.priority.policy import Ecosystem

_NULL: Final = "null"
_Key = TypeVar("_Key", str, tuple[str, str])
_Value = TypeVar("_Value")


def file_findings(known: KnownSources, ecosystem: Ecosystem, name: str, offers: Sequence[Listing]) -> Iterator[Finding]:
    """Findings about one name.

    Args:
        known: the sources.
        ecosystem: of the name.
        name: as listings have it.
        offers: the sources that have it, the one that is asked first in front.
    """
    yield from _files(known, name, offers)
    if ecosystem is Ecosystem.PYPI:
        yield from _variants(known, name, offers)


def _files(known: KnownSources, name: str, offers: Sequence[Listing]) -> Iterator[Finding]:
    """DC17 and DC18: files of one name in two sources."""
    claimed = known.claimed_by(name, offers[0].ecosystem)
    severity = Severity.NOTE if claimed else Severity.WARNING
    by_name = [(listing, by_filename(listing.projects[name])) for listing in offers]
    for filename, (one, mine), (other, theirs) in _shared(by_name):
        between = f"{known.shown(one)} and {known.shown(other)}"
        evidence = Evidence(None, known.shown(other), name)
        if _differ((file.sha256 for file in mine), (file.sha256 for file in theirs)):
            message = f"{filename} is not the same file in {between}"
            yield Finding(Rule.DC17, severity, message, evidence, subject=filename)
        elif _differ((file.stated for file in mine), (file.stated for file in theirs)):
            message = f"{between} say different things about {filename}"
            yield Finding(Rule.DC18, severity, message, evidence, subject=filename)
    for listing in offers:
        for file in listing.projects[name].files:
            yield from _inside(known, listing, name, file)


def _inside(known: KnownSources, listing: Listing, name: str, file: CataloguedFile) -> Iterator[Finding]:
    """DC18: what a source says of a file, against the file itself.

    The name and version of a package stand in its file name (CEP 26). Other fields of records are repaired long after
    the package was built, so that a difference says little, but one that brings in a package says more. The METADATA
    of an index must be that of the file (PEP 658).
    """
    shown = known.shown(listing)
    evidence = Evidence(None, shown, name)
    named = file.filename.lower().startswith(f"{name}-{file.version}-".lower())
    if listing.ecosystem is Ecosystem.CONDA and not named:
        message = f"{shown} lists {file.filename} as {name} {file.version}"
        yield Finding(Rule.DC18, Severity.ERROR, message, evidence, subject=f"{file.filename} name")
    elif file.inside is None:
        return
    elif file.sha256 is not None and file.sha256 != file.inside.sha256:
        message = f"{file.filename} of {shown} is not the file that its sha256 says"
        yield Finding(Rule.DC18, Severity.ERROR, message, evidence, subject=f"{file.filename} sha256")
    elif _differ((file.stated,), (file.inside.stated,)):
        message = f"{shown} says about {file.filename} what the file itself does not say"
        severity = Severity.ERROR if listing.ecosystem is Ecosystem.PYPI else Severity.NOTE
        if file.inside.added:
            message = f"{message}: that it requires {', '.join(file.inside.added)}"
            severity = min(severity, Severity.WARNING, key=list(Severity).index)
        yield Finding(Rule.DC18, severity, message, evidence, subject=f"{file.filename} itself")


def _variants(known: KnownSources, name: str, offers: Sequence[Listing]) -> Iterator[Finding]:
    """DC19 and DC20: labels are only words until the source says what they stand for."""
    claimed = known.claimed_by(name, Ecosystem.PYPI)
    meanings = [(listing, _meanings(listing.projects[name])) for listing in offers]
    for (version, label), (one, mine), (other, theirs) in _shared(meanings):
        if mine != theirs:
            message = (
                f"{label} of {name} {version} stands for {' and '.join(mine) or 'nothing'} in {known.shown(one)}, "
                f"and for {' and '.join(theirs) or 'nothing'} in {known.shown(other)}"
            )
            severity = Severity.NOTE if claimed else Severity.WARNING
            evidence = Evidence(None, known.shown(other), name)
            yield Finding(Rule.DC19, severity, message, evidence, subject=f"{version} {label}")
    for place, hiding in enumerate(offers):
        if _labels(hiding.projects[name]):
            continue
        for hidden in offers[place + 1 :]:
            labels = _labels(hidden.projects[name])
            if not labels:
                continue
            shown = known.shown(hiding), known.shown(hidden)
            message = f"{shown[0]} has {name} without variants, and hides {', '.join(labels)} of {shown[1]}"
            # where a claim leaves out one of the two, it has settled which of them counts
            settled = bool(claimed) and not claimed.issuperset(shown)
            severity = Severity.NOTE if settled else Severity.WARNING
            yield Finding(Rule.DC20, severity, message, Evidence(None, shown[0], name), subject=shown[1])


def _shared(
    sources: Iterable[tuple[Listing, Mapping[_Key, _Value]]],
) -> Iterator[tuple[_Key, tuple[Listing, _Value], tuple[Listing, _Value]]]:
    """What several sources have: the first of them, and each of the others."""
    first: dict[_Key, tuple[Listing, _Value]] = {}
    for listing, values in sources:
        for key in sorted(values):
            other = listing, values[key]
            if first.setdefault(key, other) is not other:
                yield key, first[key], other


def _differ(one: Iterable[str | None], other: Iterable[str | None]) -> bool:
    """Whether both say something, and not the same."""
    mine, theirs = set(one) - {None}, set(other) - {None}
    return bool(mine and theirs) and mine != theirs


def by_filename(project: CataloguedProject) -> Mapping[str, tuple[CataloguedFile, ...]]:
    """Files by name; a source may list one name twice."""
    found: dict[str, tuple[CataloguedFile, ...]] = {}
    for file in project.files:
        found[file.filename] = (*found.get(file.filename, ()), file)
    return found


def _labels(project: CataloguedProject) -> tuple[str, ...]:
    """The variants of a project, without the one that runs everywhere."""
    return tuple(sorted({file.label for file in project.files if file.label is not None and file.label != _NULL}))


def _meanings(project: CataloguedProject) -> Mapping[tuple[str, str], tuple[str, ...]]:
    return {
        (file.version, file.label): file.properties
        for file in project.files
        if file.label is not None and file.properties is not None
    }
