"""The builds of one release as one family of variant wheels, from which clients take what conda would take.

Conda tries the builds of a release in one order and takes the first whose closure the machine allows. PEP 825 orders
variants by their properties. The plan is made so that both come to the same build on every machine that the builds
can tell apart, which is verified on all of them: by the natural order of properties if that does, else with the
tie-breaker `priority` after it, else with `priority` before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from bridge.errors import Code, Unrepresentable
from bridge.mapping.axes import Axes, label_parts, properties_of
from bridge.mapping.providers import known_provider, ordered_namespaces, provider_for
from bridge.model.family import Build, Family, FamilyMember
from bridge.model.plan import Loss, compress_tags
from bridge.model.variant import Property, Provider, StaticProvider, VariantMetadata
from bridge.translate.families.arena import Arena, Difference
from bridge.translate.families.contexts import contexts_of
from bridge.translate.families.labels import labels
from bridge.translate.families.narrowing import narrowed
from bridge.translate.families.python_hull import union
from bridge.translate.families.slots import Candidate, Slot, arrange, decisions

PRIORITY = "priority"
_ORDER = "order"
#: part of the label of a variant that states nothing but its priority.
_ANY = "any"


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One way to state the slots."""

    metadata: VariantMetadata
    members: tuple[FamilyMember, ...]


def plan_family(
    builds: Sequence[Build],
    *,
    name: str,
    version: Version,
    requires_python: Mapping[str, SpecifierSet],
    axes: Axes,
) -> Family:
    """Plan the wheels of one release.

    Args:
        builds: in the order in which conda tries them, best first; not empty, all of one release.
        name: of the project.
        version: of the release.
        requires_python: by the file name of a build; builds that are left out need no particular Python.
        axes: what the differences of builds mean.

    Returns:
        Members sorted by file name. Machines on which the two sides differ are losses (`CB239`).

    Raises:
        Unrepresentable: two builds for the same Pythons and machines have different Requires-Python (`CB325`).
    """
    pythons = {build.filename: requires_python.get(build.filename, SpecifierSet()) for build in builds}
    builds = narrowed(builds, pythons)
    arenas = _arenas(builds, pythons)
    told_apart = sorted(_told_apart(arenas, axes))
    candidates = _candidates(builds, told_apart)
    if (pruned := _pruned(builds, arenas, candidates)) != builds:
        arenas = _arenas(pruned, pythons)
        candidates = _candidates(pruned, told_apart)
    shadowed = _shadowed(arenas, candidates)
    kept = [candidate for candidate in candidates.values() if candidate.build.filename not in shadowed]
    by_name = {each.build.filename: each for each in kept}
    slots = arrange(
        [
            list(decisions([by_name[build.filename] for build in arena.builds if build.filename in by_name]))
            for arena in arenas
        ],
        together=lambda at, one, other: arenas[at].together(one.requires, one.build, other.requires, other.build),
        share=lambda at, one, other: arenas[at].may_share(one.build, other.build),
    )
    escaped = canonicalize_name(name).replace("-", "_")
    plain = _plain_members(arenas, kept, f"{escaped}-{version}", pythons)
    attempt, differing = _best_attempt(slots, arenas, shadowed, plain, axes, f"{escaped}-{version}")
    for each in differing:
        # A client would take what does not run.
        if not each.python_admitted:
            raise _python_differs(each.conda, each.wheel, pythons)
    losses = [
        loss
        for each in kept
        for loss in properties_of(each.requires, _stated(each, axes), axes, subject=each.build.filename)[1]
    ]
    losses.extend(Loss(Code.SELECTION, each.conda, f"{each.wheel} is chosen on {each.host}") for each in differing)
    return Family(
        name=escaped,
        version=version,
        requires_python=_requires_python(kept, pythons),
        metadata=attempt.metadata,
        members=tuple(sorted(attempt.members, key=lambda member: member.filename)),
        shadowed=dict(sorted(shadowed.items())),
        losses=tuple(dict.fromkeys(losses)),
    )


def _arenas(builds: Sequence[Build], pythons: Mapping[str, SpecifierSet]) -> list[Arena]:
    contexts = contexts_of([build.tags for build in builds], pythons.values())
    return [Arena(context, builds, pythons) for context in contexts]


def _candidates(builds: Iterable[Build], told_apart: Iterable[str]) -> dict[str, Candidate]:
    return {
        build.filename: Candidate(
            build, build.requires, tuple((axis, build.choices.get(axis, "")) for axis in told_apart)
        )
        for build in builds
    }


def _pruned(builds: Sequence[Build], arenas: Sequence[Arena], candidates: Mapping[str, Candidate]) -> Sequence[Build]:
    """Builds for several Pythons, without the tags of those for which another build that states the same is taken.

    A `py2.py3` wheel beside a newer `py3` one would otherwise compete with it on equal terms.
    """
    found: list[Build] = []
    for build in builds:
        tags = build.tags
        if len({tag.interpreter for tag in tags}) > 1:
            statement = candidates[build.filename].statement
            won = [
                arena.context
                for arena in arenas
                if any(
                    winner is build
                    for _, winner in arena.winners(
                        [each for each in arena.builds if candidates[each.filename].statement == statement]
                    )
                )
            ]
            tags = frozenset(tag for tag in tags if any(context.accepts([tag]) for context in won)) or tags
        found.append(build if tags == build.tags else replace(build, tags=tags))
    return found


def _told_apart(arenas: Iterable[Arena], axes: Axes) -> frozenset[str]:
    """The axes on which builds that compete have different values, and those that are always stated."""
    found: set[str] = set()
    for name, axis in axes.choices.items():
        if axis.distinct:
            values = [{build.choices.get(name) for build in arena.builds} for arena in arenas]
            if any(len(each) > 1 or (axis.always and each != {None}) for each in values):
                found.add(name)
    return frozenset(found)


def _shadowed(arenas: Sequence[Arena], candidates: Mapping[str, Candidate]) -> dict[str, str]:
    """Builds that conda never takes because another that states the same is always there -> the other one."""
    winners: dict[str, str] = {}
    used: set[str] = set()
    for arena in arenas:
        statements: dict[object, list[Build]] = {}
        for build in arena.builds:
            statements.setdefault(candidates[build.filename].statement, []).append(build)
        for rivals in statements.values():
            for build, winner in arena.winners(rivals):
                if winner is build:
                    used.add(build.filename)
                winners.setdefault(build.filename, winner.filename)
    lost = {filename for filename in candidates if filename in winners and filename not in used}
    return {filename: _last(winners, filename, lost) for filename in lost}


def _last(winners: Mapping[str, str], filename: str, lost: set[str]) -> str:
    """Follow winners to one that is kept."""
    seen = {filename}
    while (filename := winners[filename]) in lost and filename not in seen:
        seen.add(filename)
    return filename


def _requires_python(kept: Sequence[Candidate], pythons: Mapping[str, SpecifierSet]) -> SpecifierSet:
    """What any of the wheels requires; where tags name every Python, only from the first to the last."""
    generic = any(tag.abi == "none" for each in kept for tag in each.build.tags)
    return union((pythons[each.build.filename] for each in kept), holes=generic)


def _python_differs(conda: str, wheel: str, pythons: Mapping[str, SpecifierSet]) -> Unrepresentable:
    message = (
        f"requires Python {pythons[conda] or 'of any version'}, {wheel} requires Python "
        f"{pythons[wheel] or 'of any version'}; a release has one requirement, and tags cannot tell them apart"
    )
    return Unrepresentable(Code.PYTHON_DIFFERS, message, subject=conda, field="depends")


def _stated(candidate: Candidate, axes: Axes) -> Mapping[str, str]:
    """The choices of a candidate that have a value; not those that only tell it apart."""
    return {axis: value for axis, value in candidate.choices if value and axis in axes.choices}


def _best_attempt(
    slots: Sequence[Slot],
    arenas: Sequence[Arena],
    shadowed: Mapping[str, str],
    plain: Sequence[FamilyMember],
    axes: Axes,
    stem: str,
) -> tuple[_Attempt, list[Difference]]:
    """The first way to state the slots with which both sides agree, else the one with the fewest differences."""
    best: tuple[_Attempt, list[Difference]] | None = None
    for place in (None, -1, 0):
        attempt = _attempt(slots, axes, plain, stem, priority=place)
        if attempt is None:
            continue
        differing = [each for arena in arenas for each in arena.differing(attempt.metadata, attempt.members, shadowed)]
        if not differing:
            return attempt, []
        if best is None or len(differing) <= len(best[1]):
            best = attempt, differing
    if best is None:  # pragma: no cover - numbered slots are always distinct
        raise AssertionError
    return best


def _attempt(
    slots: Sequence[Slot], axes: Axes, plain: Sequence[FamilyMember], stem: str, *, priority: int | None
) -> _Attempt | None:
    """The slots as variants; None where two of them would be the same.

    Args:
        priority: where the tie-breaker stands among the namespaces: -1 last, 0 first, None nowhere.
    """
    stated: list[tuple[frozenset[Property], Sequence[str]]] = []
    portable = {member.source for member in plain}
    for number, slot in enumerate(slots, start=1):
        first = slot.candidates[0]
        choices = _stated(first, axes)
        properties = properties_of(first.requires, choices, axes, subject=first.build.filename)[0]
        parts, weak = label_parts(first.requires, choices, axes)
        # Without any property a variant comes after all others anyway, and is the same as a wheel without a label.
        last = number == len(slots) and all(each.build.filename in portable for each in slot.candidates)
        if priority is not None and (properties or not last):
            properties |= {Property(PRIORITY, _ORDER, str(number))}
        stated.append((properties, parts or weak or (_ANY,)))
    property_sets = [properties for properties, _ in stated]
    if len(set(property_sets)) < len(property_sets):
        return None
    if not any(property_sets):
        return _Attempt(VariantMetadata(), tuple(plain))
    found = labels(stated)
    members = {
        (label, candidate.build.filename): _member(candidate.build, stem, label, properties)
        for label, properties, slot in zip(found, property_sets, slots, strict=True)
        for candidate in slot.candidates
    }
    used = frozenset().union(*property_sets)
    namespaces = ordered_namespaces(each.namespace for each in used)
    if priority == 0:
        namespaces = (PRIORITY, *(each for each in namespaces if each != PRIORITY))
    metadata = VariantMetadata(
        namespaces=namespaces,
        providers={namespace: _provider(namespace, used, axes) for namespace in namespaces},
        variants=dict(sorted(zip(found, property_sets, strict=True))),
    )
    return _Attempt(metadata, (*members.values(), *plain))


def _provider(namespace: str, used: frozenset[Property], axes: Axes) -> Provider:
    """The provider of a namespace: a known one, or what the axes say, or all values that occur."""
    own = [axis for axis in axes.choices.values() if axis.namespace == namespace and axis.provider is not None]
    for axis in own:
        if axis.provider is not None and not isinstance(axis.provider, StaticProvider):
            return axis.provider
    known = provider_for(namespace, used)
    if known is not None and not own:
        return known
    values: dict[str, dict[str, None]] = {}
    ordered = [
        (feature, value)
        for source in (*(axis.provider for axis in own), known_provider(namespace))
        if isinstance(source, StaticProvider)
        for feature, listed in source.features.items()
        for value in listed
    ]
    stated = {(each.feature, each.value) for each in used if each.namespace == namespace}
    for feature, value in (*(each for each in ordered if each in stated), *sorted(stated)):
        values.setdefault(feature, {})[value] = None
    return StaticProvider({feature: tuple(listed) for feature, listed in values.items()})


def _plain_members(
    arenas: Sequence[Arena], kept: Sequence[Candidate], stem: str, pythons: Mapping[str, SpecifierSet]
) -> list[FamilyMember]:
    """The wheels without a label, for clients that know no variants: in every context the most portable builds."""
    builds = [each.build for each in kept]
    found: dict[str, FamilyMember] = {}
    for build in dict.fromkeys(build.filename for arena in arenas for build in arena.portable(builds)):
        member = _member(next(each for each in builds if each.filename == build), stem, None, frozenset())
        other = found.setdefault(member.filename, member)
        if other is not member:
            raise _python_differs(other.source, member.source, pythons)
    return [found[filename] for filename in sorted(found)]


def _member(build: Build, stem: str, label: str | None, properties: frozenset[Property]) -> FamilyMember:
    suffix = "" if label is None else f"-{label}"
    return FamilyMember(
        source=build.filename,
        label=label,
        properties=properties,
        tags=build.tags,
        filename=f"{stem}-{compress_tags(build.tags)}{suffix}.whl",
    )
