"""A policy as conda clients see it: channels in order, claims with the packages to pin, and no Python indexes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from bridge.errors import Code, InvalidInput
from bridge.model.conda import CondaName
from bridge.priority.context import CompileContext
from bridge.priority.decision import Decider
from bridge.priority.policy import Claim, Ecosystem, Policy, Source, Trust

#: what an address may hold in any of the files: printable, no space, quote or backslash, and no variable to expand.
_ADDRESS: Final = re.compile(r"(?!.*\$)[!#%&(-;=?@A-Z_a-z~]+")


@dataclass(frozen=True, slots=True)
class ChannelClaim:
    """A claim, as far as it is about conda packages."""

    claim: Claim
    #: with a channel, in order of preference; empty where the claimed names may come from no channel at all.
    sources: tuple[Source, ...]
    #: claimed packages in the graph; None where the graph is not known.
    names: tuple[CondaName, ...] | None
    first_party: bool

    @property
    def subject(self) -> str:
        return ", ".join(str(pattern) for pattern in self.claim.patterns)


@dataclass(frozen=True, slots=True)
class CondaSide:
    """The channels and claims of a policy."""

    policy: Policy
    #: highest first.
    channels: tuple[Source, ...]
    mirrors: tuple[Source, ...]
    claims: tuple[ChannelClaim, ...]
    #: whether each channel is replaced by one that holds only what the policy allows.
    overlaid: bool
    _urls: tuple[str, ...]

    def url(self, source: Source) -> str:
        """The address that a client is given for a channel."""
        return self._urls[self.channels.index(source)]

    @property
    def urls(self) -> tuple[str, ...]:
        """The addresses of all channels, highest first."""
        return self._urls

    def mirrors_of(self, source: Source) -> tuple[str, ...]:
        """The addresses of the copies of a channel."""
        return tuple(str(mirror.conda) for mirror in self.mirrors if mirror.mirror_of == source.name)


def conda_side(policy: Policy, context: CompileContext) -> CondaSide:
    """What the compilers of conda clients work on.

    Raises:
        InvalidInput: an address cannot be written into configurations, or overlays are given for some channels only.
    """
    channels = policy.faces(Ecosystem.CONDA)
    mirrors = tuple(source for source in policy.sources.values() if source.mirror_of is not None and source.conda)
    for source in (*channels, *mirrors):
        _check_address(str(source.conda), policy.filename, f"sources.{source.name}.conda")
    overlays = context.overlays.conda
    missing = [source.name for source in channels if source.name not in overlays]
    if overlays and missing:
        message = f"no overlay channel is given for {', '.join(missing)}"
        raise InvalidInput(Code.CHANNEL_SETTING, message, subject=policy.filename, field="overlay")
    for url in overlays.values():
        _check_address(url, policy.filename, "overlay")
    decider = Decider(policy, context.names)
    graph: dict[Claim, list[CondaName]] = {claim: [] for claim in policy.claims}
    for name in sorted(context.packages or ()):
        matches = decider.claims_of(name, Ecosystem.CONDA)
        if matches:
            graph[matches[0][0].claim].append(name)
    claims = tuple(
        ChannelClaim(
            claim,
            tuple(policy.sources[name] for name in claim.sources if policy.sources[name].conda),
            None if context.packages is None else tuple(graph[claim]),
            any(policy.sources[name].trust is Trust.FIRST_PARTY for name in claim.sources),
        )
        for claim in policy.claims
    )
    urls = tuple(overlays.get(source.name, str(source.conda)) for source in channels)
    return CondaSide(policy, channels, mirrors, claims, bool(overlays), urls)


def _check_address(url: str, filename: str, field: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https", "file") or not _ADDRESS.fullmatch(url):
        message = "not a plain http, https or file URL"
    elif parts.username is not None or parts.password is not None or re.search(r"/t/[^/]+", parts.path):
        # The message must not repeat what may be a secret.
        message = "an address holds credentials"
    else:
        return
    raise InvalidInput(Code.RESOLUTION_REFUSED, message, subject=filename, field=field)
