"""What each client would take under a policy, with its native configuration and with overlays, for `explain`.

The policy is compiled for the client, the files are read back as the client reads them, and the rules of
`bridge.priority.taking` give the answer. The same rules tell what a project's own configuration leads to.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from packaging.utils import NormalizedName, canonicalize_name

from bridge.model.conda import CondaName
from bridge.priority.attribution import Attribution
from bridge.priority.catalogue import Catalogue, CataloguedFile, CataloguedProject, Listing
from bridge.priority.check import unseen_source
from bridge.priority.compile import compiler
from bridge.priority.configs.addresses import cleaned
from bridge.priority.configs.config import ClientConfig
from bridge.priority.configs.read import read_configs
from bridge.priority.context import CompileContext, OverlayUrls, overlays_at
from bridge.priority.decision import Decision, Outcome
from bridge.priority.explain import ClientAnswer, ClientRule
from bridge.priority.identity import Identities
from bridge.priority.policy import Ecosystem, Policy, SourceName
from bridge.priority.report import Client
from bridge.priority.taking import Taken, take

NATIVE: Final = "native"
OVERLAY: Final = "overlay"
PROJECT: Final = "project"
#: where the overlays are imagined to be; nobody can be there (RFC 2606).
_BASE: Final = "https://overlays.invalid"
_CLIENTS: Final = tuple(client for client in Client if client is not Client.PYLOCK)


def client_rules(
    policy: Policy,
    catalogue: Catalogue,
    names: Identities | None = None,
    *,
    configs: Sequence[ClientConfig] = (),
) -> Mapping[Client, ClientRule]:
    """What each client does about a name that the policy has decided on.

    Args:
        policy: the policy, which is compiled as if the name were in the project's graph.
        catalogue: what the sources have.
        names: what packages are called in the other ecosystem; None for what the policy says alone.
        configs: configurations of a project, which are answered for as well.
    """
    attribution = Attribution(policy, catalogue)
    return {
        client: _Rule(client, policy, catalogue, names, attribution, [one for one in configs if one.client is client])
        for client in _CLIENTS
    }


def assumed(policy: Policy, names: Iterable[tuple[Ecosystem, str]]) -> Catalogue:
    """As if every source of a policy had every name, the lower ones higher versions: the case that policies are for.

    Args:
        policy: the policy.
        names: with their ecosystems.
    """
    asked = list(names)
    listings = []
    for ecosystem in Ecosystem:
        for rank, source in enumerate(policy.faces(ecosystem), start=1):
            url, version = cleaned(source.url(ecosystem) or ""), f"{rank}.0"
            projects = {
                name: CataloguedProject(name, (CataloguedFile(f"{name}-{version}", version, url=f"{url}/{name}"),))
                for face, name in asked
                if face is ecosystem
            }
            listings.append(Listing(url, ecosystem, projects))
    return Catalogue(tuple(listings))


@dataclass(frozen=True, slots=True)
class _Rule:
    """One client."""

    client: Client
    policy: Policy
    catalogue: Catalogue
    names: Identities | None
    attribution: Attribution
    #: of the project.
    configs: Sequence[ClientConfig]

    def __call__(self, name: CondaName | NormalizedName, decision: Decision) -> Sequence[ClientAnswer]:
        """The answers about one name; none where the client does not use the ecosystem."""
        overlays = overlays_at(self.policy, _BASE)
        filtered = _filtered(self.policy, self.catalogue, overlays, name, decision)
        found = [
            *self._compiled(NATIVE, OverlayUrls(), name, decision.ecosystem, self.catalogue),
            *self._compiled(OVERLAY, overlays, name, decision.ecosystem, filtered),
        ]
        found += self._taken(PROJECT, self.configs, name, decision.ecosystem, self.catalogue)
        return found

    def _compiled(
        self, label: str, overlays: OverlayUrls, name: str, ecosystem: Ecosystem, catalogue: Catalogue
    ) -> Sequence[ClientAnswer]:
        """The answer under what the policy compiles to."""
        conda = ecosystem is Ecosystem.CONDA
        context = CompileContext(
            overlays=overlays,
            packages=(CondaName(name),) if conda else (),
            projects=() if conda else (canonicalize_name(name),),
            names=self.names,
        )
        # hatch gets the same for each of its environments
        return list(self._taken(label, self._configs(context), name, ecosystem, catalogue))[:1]

    def _taken(
        self, label: str, configs: Sequence[ClientConfig], name: str, ecosystem: Ecosystem, catalogue: Catalogue
    ) -> Iterator[ClientAnswer]:
        for config in configs:
            if config.of(ecosystem):
                taken = take(config, ecosystem, name, catalogue)
                unseen = unseen_source(config, taken, catalogue)
                note = f"; asks {unseen}, at which nobody could look" if unseen else ""
                yield ClientAnswer(label, self._sources(taken), f"{taken.why.value}{note}")

    def _configs(self, context: CompileContext) -> Sequence[ClientConfig]:
        """The compiled files, as the client reads them."""
        with tempfile.TemporaryDirectory() as place:
            for file in compiler(self.client)(self.policy, context).files:
                path = Path(place, file.path)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(file.content)
            return [config for config in read_configs(Path(place)) if config.client is self.client]

    def _sources(self, taken: Taken) -> tuple[SourceName, ...]:
        file = taken.url or (taken.file.url if taken.file is not None else "")
        address = (taken.source.url or taken.source.name) if taken.source is not None else ""
        origin = self.attribution.of(taken.ecosystem, address, file)
        return (SourceName(origin.shown),) if origin is not None else ()


def _filtered(policy: Policy, catalogue: Catalogue, overlays: OverlayUrls, name: str, decision: Decision) -> Catalogue:
    """What the overlays of a policy would list of one name: what the source has that the policy gives it to."""
    ecosystem = decision.ecosystem
    given: dict[SourceName, Mapping[str, CataloguedProject]] = {}
    for answer in decision.answers:
        if answer.outcome is Outcome.PROVIDED and answer.source is not None:
            listing = catalogue.of(ecosystem, policy.sources[answer.via or answer.source].url(ecosystem) or "")
            project = listing.projects.get(name) if listing is not None else None
            given.setdefault(answer.source, {} if project is None else {name: project})
    if ecosystem is Ecosystem.PYPI:
        first = next(iter(given.values()), {})
        return Catalogue((Listing(cleaned(overlays.pypi or ""), ecosystem, first),))
    return Catalogue(tuple(Listing(url, ecosystem, given.get(one, {})) for one, url in overlays.conda.items()))
