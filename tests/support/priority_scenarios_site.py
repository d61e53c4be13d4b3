"""The sources of all situations, on one loopback server."""

from __future__ import annotations

import contextlib
import hashlib
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

from packaging.markers import default_environment
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from bridge.errors import BridgeError
from bridge.model.conda import CondaName
from bridge.priority.context import (
    CompileContext,
    OverlayUrls,
    Resolution,
    ResolvedFile,
    ResolvedPackage,
    overlays_at,
)
from bridge.priority.overlay import build_overlays
from bridge.priority.policy import Ecosystem, Policy, SourceName
from tests.support.overlay_sources import Site, add_conda, add_wheel, serving, write_index
from tests.support.priority_scenarios import Content, Fault, Origin, Package, Scenario, answer, conda_spec

_STATUS = {Fault.BROKEN: 500, Fault.UNAUTHORIZED: 401, Fault.FORBIDDEN: 403}


@dataclass(frozen=True)
class Stage:
    """One situation with its sources served."""

    scenario: Scenario
    #: first part of the paths of its sources.
    slug: str
    site: Site
    #: an address without its path where nobody listens.
    nowhere: str
    now: datetime

    @cached_property
    def addresses(self) -> Mapping[str, str]:
        """Source -> address, without its face."""
        return {
            name: f"{self.nowhere if content.fault is Fault.REFUSED else self.site.address}/{self.slug}.{name}"
            for name, content in self.scenario.sources.items()
        }

    @cached_property
    def policy(self) -> Policy:
        return self.scenario.parsed(self.addresses)

    def root(self, source: str) -> Path:
        return self.site.root / f"{self.slug}.{source}"

    def build(self) -> None:
        """Write the sources; one that fails has everything all the same, unless it is missing."""
        for name, content in self.scenario.sources.items():
            if content.fault is not Fault.MISSING:
                self._build(self.root(name), content)
            if content.fault in _STATUS:
                self.site.statuses[f"{self.slug}.{name}"] = _STATUS[content.fault]

    def _build(self, root: Path, content: Content) -> None:
        more: dict[str, dict[str, object]] = {}
        for one in content.of(Ecosystem.PYPI):
            path = add_wheel(root, one.name, one.version, *one.requires, label=one.label)
            more[path.name] = {"upload-time": self._time(one).isoformat().replace("+00:00", "Z")}
            if one.yanked:
                more[path.name]["yanked"] = True
        if more:
            write_index(root, **more)
        for one in content.of(Ecosystem.CONDA):
            needs = [conda_spec(text) for text in one.requires]
            stamp = int(self._time(one).timestamp() * 1000)
            add_conda(root, one.name, one.version, *needs, build=one.label or "0", timestamp=stamp)

    def _time(self, one: Package) -> datetime:
        return (self.now - timedelta(days=one.age)).replace(microsecond=0)

    @cached_property
    def origins(self) -> Mapping[str, tuple[str, Origin]]:
        """sha256 of a file -> normalised name, and where it is from."""
        found: dict[str, tuple[str, Origin]] = {}
        for source in self.scenario.sources:
            for path in self.root(source).glob("files/*.whl"):
                name, version = path.name.split("-")[:2]
                found[_sha256(path)] = (canonicalize_name(name), Origin(source, version))
            for path in self.root(source).glob("conda/noarch/*.conda"):
                name, version, _ = path.name.removesuffix(".conda").rsplit("-", 2)
                found[_sha256(path)] = (name, Origin(source, version))
        return found

    def context(self, ecosystem: Ecosystem, overlays: OverlayUrls) -> CompileContext:
        """What is known when the policy is compiled: the graph, and the resolution that the policy allows."""
        scenario = self.scenario
        projects = [name for name in scenario.graph(Ecosystem.PYPI) if name not in scenario.unlisted]
        packages = [name for name in scenario.graph(Ecosystem.CONDA) if name not in scenario.unlisted]
        return CompileContext(
            overlays=overlays,
            projects=tuple(canonicalize_name(name) for name in projects),
            packages=tuple(CondaName(name) for name in packages),
            resolution=self._resolution if ecosystem is Ecosystem.PYPI and not scenario.unlisted else None,
        )

    @cached_property
    def _resolution(self) -> Resolution | None:
        """The files of the policy's answer, as a lock file would have them."""
        found = answer(self.scenario, Ecosystem.PYPI, self.policy) if Ecosystem.PYPI in self.scenario.faces else None
        if found is None:
            return None
        return Resolution(tuple(self._resolved(name, origin) for name, origin in found.items()))

    def _resolved(self, name: str, origin: Origin) -> ResolvedPackage:
        source = self.policy.sources[SourceName(origin.source)]
        wheels = {sha256: path for path in self.root(origin.source).glob("files/*.whl") for sha256 in [_sha256(path)]}
        sha256, path = next(pair for pair in sorted(wheels.items()) if self.origins[pair[0]] == (name, origin))
        file = ResolvedFile(path.name, f"{self.addresses[origin.source]}/files/{path.name}", sha256)
        listed = source.mirror_of or source.name
        return ResolvedPackage(NormalizedName(name), Version(origin.version), listed, str(source.pypi), (file,))

    def policy_for(self, ecosystem: Ecosystem) -> Policy:
        """The policy with the addresses of one ecosystem, so that the other one's failures do not count."""
        sources = {
            name: replace(source, conda=None) if ecosystem is Ecosystem.PYPI else replace(source, pypi=None)
            for name, source in self.policy.sources.items()
        }
        return replace(self.policy, sources=sources)

    @cached_property
    def overlays(self) -> Mapping[Ecosystem, OverlayUrls | str]:
        """The overlays of the policy, hosted beside the sources; or why there are none."""
        return {ecosystem: self._overlay(ecosystem) for ecosystem in self.scenario.faces}

    def _overlay(self, ecosystem: Ecosystem) -> OverlayUrls | str:
        policy = self.policy_for(ecosystem)
        slug = f"{self.slug}.{ecosystem.value}"
        try:
            build_overlays(
                policy,
                self.site.root / slug,
                now=self.now,
                names=[canonicalize_name(name) for name in self.scenario.graph(Ecosystem.PYPI)],
                environment={key: str(value) for key, value in default_environment().items()},
                cache=self.site.root / f".{slug}",
                credentials={},
                jobs=1,
            )
        except BridgeError as error:
            return str(error.code)
        return overlays_at(policy, f"{self.site.address}/{slug}")


@contextlib.contextmanager
def staged(root: Path, scenarios: Sequence[Scenario]) -> Iterator[tuple[Stage, ...]]:
    """Serve the sources of some situations."""
    now = datetime.now(UTC)
    with serving(root) as site, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # and nobody listens
        nowhere = f"http://127.0.0.1:{closed.getsockname()[1]}"
        stages = tuple(Stage(one, f"s{number:02}", site, nowhere, now) for number, one in enumerate(scenarios, 1))
        for stage in stages:
            stage.build()
        yield stages


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
