"""Looking at sources: what channels and indexes have of some names, and of what those require.

Only names that somebody asks for are looked at, and requirements are followed within each ecosystem up to a bound. A
source that answers 404 does not have a name; one that does not answer at all is not reachable, which is not the same.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from packaging.utils import canonicalize_name

from bridge.model.conda import Subdir
from bridge.priority.catalogue import Catalogue, Listing
from bridge.priority.configs.addresses import is_address
from bridge.priority.configs.config import ClientConfig
from bridge.priority.decision import ABSENT, UNREACHABLE, Availability, Presence
from bridge.priority.look_conda import ChannelLook
from bridge.priority.look_pypi import IndexLook
from bridge.priority.matching import version_key
from bridge.priority.overlay_fetch import Origins
from bridge.priority.policy import Ecosystem, Policy, Source, SourceName, Trust


@dataclass(frozen=True, slots=True)
class Target:
    """A source that is looked at, in one of its faces."""

    source: Source
    ecosystem: Ecosystem

    @property
    def url(self) -> str:
        return self.source.url(self.ecosystem) or ""


def targets_of(policy: Policy | None, configs: Iterable[ClientConfig] = ()) -> tuple[Target, ...]:
    """The sources of a policy, mirrors too, and those of configurations that the policy does not have.

    Args:
        policy: its sources are asked with their credentials.
        configs: their sources are asked without any; a source that is only a name has no address to ask.
    """
    found = [
        Target(source, ecosystem)
        for source in (policy.sources.values() if policy is not None else ())
        for ecosystem in Ecosystem
        if source.url(ecosystem) is not None
    ]
    known = Catalogue(tuple(Listing(each.url, each.ecosystem) for each in found))
    for one in (source for config in configs for source in config.sources):
        if not one.flat and is_address(one.url) and known.of(one.ecosystem, one.url) is None:
            source = Source(SourceName(one.url), Trust.PUBLIC)
            conda = one.ecosystem is Ecosystem.CONDA
            face = replace(source, conda=one.url) if conda else replace(source, pypi=f"{one.url}/")
            found.append(Target(face, one.ecosystem))
            known = Catalogue((*known.listings, Listing(one.url, one.ecosystem)))
    return tuple(found)


def look(
    targets: Sequence[Target],
    names: Mapping[Ecosystem, Collection[str]],
    origins: Origins,
    *,
    subdirs: Sequence[Subdir] = (),
    jobs: int = 4,
    most: int = 5_000,
    extras: Mapping[str, Collection[str]] | None = None,
) -> Catalogue:
    """What sources have.

    Args:
        targets: whom to ask.
        names: conda packages and projects, in any spelling.
        origins: asks, with the credentials of the sources.
        subdirs: of channels; `noarch` is always one.
        jobs: requests at a time.
        most: names that are looked for in one ecosystem; graphs of real projects have some hundred.
        extras: normalised project -> extras that are asked for, so that what they require is looked for as well;
            None for none. Requirements that ask for extras are followed in any case.

    Returns:
        One listing for each target, in their order; what could not be read is told in its problems.
    """
    looks = [
        ChannelLook(each.source, origins, subdirs) if each.ecosystem is Ecosystem.CONDA
        else IndexLook(each.source, origins)
        for each in targets
    ]  # fmt: skip
    left: set[Ecosystem] = set()
    with ThreadPoolExecutor(max(jobs, 1)) as pool:
        for ecosystem in Ecosystem:
            asked = [one for one in looks if one.ecosystem is ecosystem]
            wanted = {normalized(name, ecosystem): set[str]() for name in names.get(ecosystem, ())} if asked else {}
            for name in wanted:
                wanted[name].update((extras or {}).get(name, ()) if ecosystem is Ecosystem.PYPI else ())
            seen: dict[str, frozenset[str]] = {}
            while now := _due(wanted, seen, most):
                seen.update((name, frozenset(wanted[name])) for name in now)
                questions = [(one, name, seen[name]) for name in now for one in asked]
                for required in pool.map(lambda question: question[0].find(*question[1:]), questions):
                    for name, more in required:
                        wanted.setdefault(name, set()).update(more)
            if len(seen) < len(wanted):
                left.add(ecosystem)
    return Catalogue(tuple(_told(one.listing(), most, cut=one.ecosystem in left) for one in looks))


def _due(wanted: Mapping[str, set[str]], seen: Mapping[str, frozenset[str]], most: int) -> list[str]:
    """Names to look for next: new ones, as far as there may be more, and those of which more extras are wanted."""
    new = sorted(name for name in wanted if name not in seen)[: most - len(seen)]
    return sorted([*new, *(name for name in seen if not wanted[name] <= seen[name])])


def extras_wanted(configs: Iterable[ClientConfig]) -> dict[str, set[str]]:
    """The extras that configurations ask for, by project."""
    found: dict[str, set[str]] = {}
    for one in (requirement for config in configs for requirement in config.requirements):
        if one.extras:
            found.setdefault(one.name, set()).update(one.extras)
    return found


def _told(listing: Listing, most: int, *, cut: bool) -> Listing:
    problem = f"requirements lead to more than {most} names; the rest was not looked for"
    return replace(listing, problems=(*listing.problems, problem)) if cut else listing


def normalized(name: str, ecosystem: Ecosystem) -> str:
    """A name as the listings of an ecosystem have it."""
    return str(canonicalize_name(name)) if ecosystem is Ecosystem.PYPI else name.lower()


def provider(catalogue: Catalogue) -> Callable[[Source, Ecosystem, str], Availability]:
    """What sources have, in the form that `explain` asks for; a source that nobody looked at is not reachable."""

    def availability(source: Source, ecosystem: Ecosystem, name: str) -> Availability:
        listing = catalogue.of(ecosystem, source.url(ecosystem) or "")
        own = normalized(name, ecosystem)
        if listing is None or not listing.answers(own):
            return UNREACHABLE
        project = listing.projects.get(own)
        if project is None:
            return ABSENT
        versions = [version_key(ecosystem, file.version) for file in project.usable]
        return Availability(Presence.KNOWN, tuple(version for version in versions if version is not None))

    return availability
