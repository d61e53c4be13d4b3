"""The packages that one package needs at run time, opened only where a library of theirs is needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

from bridge.channel.records import check_digest
from bridge.channel.repodata import ChannelRecord
from bridge.formats.conda.artifact import CondaArtifact
from bridge.formats.conda.survey import survey
from bridge.limits import Limits
from bridge.model.conda import CondaMetadata, CondaName, Origin, PathEntry, PathType, Subdir
from bridge.model.payload import FileFacts, Survey
from bridge.native.prefix import PrefixFile, PrefixView


class Provider:
    """One package of a closure: its file list at first, its payload (and the whole file) only when somebody asks."""

    def __init__(
        self,
        record: ChannelRecord,
        metadata: Callable[[], CondaMetadata],
        artifact: Callable[[], CondaArtifact],
        limits: Limits,
    ) -> None:
        """Prepare.

        Args:
            record: what the channel says of it.
            metadata: reads its description, by ranges where the channel is remote.
            artifact: opens the file, which is fetched for that where the channel is remote.
            limits: of the pass over the payload.
        """
        self.record = record
        self._metadata = metadata
        self._artifact = artifact
        self._limits = limits

    @cached_property
    def metadata(self) -> CondaMetadata:
        """Its description."""
        return self._metadata()

    @cached_property
    def artifact(self) -> CondaArtifact:
        """The opened file, of the digest that the channel says."""
        artifact = self._artifact()
        check_digest(self.record, artifact.origin())
        return artifact

    @cached_property
    def origin(self) -> Origin:
        """Which bytes the package is, and the channel that it is from."""
        return published_origin(self.artifact.origin(), self.record)

    @cached_property
    def survey(self) -> Survey:
        """One pass over the payload, verified; kept."""
        return survey(self.artifact, limits=self._limits)

    @cached_property
    def entries(self) -> Mapping[str, PathEntry]:
        """paths.json by path."""
        return {entry.path: entry for entry in self.metadata.paths}


def published_origin(origin: Origin, record: ChannelRecord | None) -> Origin:
    """`origin` with the channel that it is from, unless that is a directory of this machine."""
    remote = record is not None and record.channel.startswith("http")
    return replace(origin, channel=record.channel) if record is not None and remote else origin


class PackageClosure:
    """The prefix that a package and everything that it needs would fill.

    Implements `bridge.translate.to_wheel.closure.Closure`.
    """

    def __init__(
        self,
        own: Survey,
        records: Sequence[ChannelRecord],
        provider: Callable[[ChannelRecord], Provider | None],
    ) -> None:
        """Prepare.

        Args:
            own: the package that is converted.
            records: what it needs, solved.
            provider: opens a package; None where the channel lists it without having it.
        """
        opened = (provider(record) for record in records)
        self.providers: Mapping[str, Provider] = {item.record.filename: item for item in opened if item is not None}
        self.prefix = PrefixView(_Files(own, self.providers), _Links(own, self.providers))

    def facts(self, provider: str, path: str) -> FileFacts:
        """Facts of a file of another package."""
        return self.providers[provider].survey.files[path]

    def entry(self, provider: str, path: str) -> PathEntry | None:
        """Its entry in paths.json."""
        return self.providers[provider].entries.get(path)

    def name(self, provider: str) -> CondaName:
        """The conda name of a package."""
        return self.providers[provider].record.index.name

    def paths(self, name: CondaName) -> frozenset[str] | None:
        """The files, links left out, of a package; None where it is not in the closure."""
        for item in self.providers.values():
            if item.record.index.name == name:
                entries = item.entries.values()
                return frozenset(e.path for e in entries if e.path_type is not PathType.SOFTLINK)
        return None

    def origin(self, provider: str) -> tuple[Origin, Subdir]:
        """Which bytes a package is, and its platform."""
        found = self.providers[provider]
        return found.origin, found.record.index.subdir


class _Merged:
    """Which package owns a path; the first wins, as a prefix has room for one file per path."""

    def __init__(self, providers: Mapping[str, Provider], *, links: bool) -> None:
        self.owner: dict[str, Provider] = {}
        for item in providers.values():
            for path, entry in item.entries.items():
                if (entry.path_type is PathType.SOFTLINK) is links:
                    self.owner.setdefault(path, item)


class _Files(Mapping[str, PrefixFile]):
    """Files of the prefix; looking one up surveys its package."""

    def __init__(self, own: Survey, providers: Mapping[str, Provider]) -> None:
        self._own = own
        self._owner = _Merged(providers, links=False).owner

    def __getitem__(self, path: str) -> PrefixFile:
        if (facts := self._own.files.get(path)) is not None:
            return PrefixFile(path, None, facts.sha256, facts.elf)
        provider = self._owner[path]
        facts = provider.survey.files[path]
        return PrefixFile(path, provider.record.filename, facts.sha256, facts.elf)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys((*self._own.files, *self._owner)))

    def __len__(self) -> int:
        return len(self._own.files.keys() | self._owner.keys())


class _Links(Mapping[str, str]):
    """Links of the prefix; paths.json does not say where they lead, so looking one up surveys its package."""

    def __init__(self, own: Survey, providers: Mapping[str, Provider]) -> None:
        self._own = own
        self._owner = _Merged(providers, links=True).owner

    def __getitem__(self, path: str) -> str:
        if path in self._own.symlinks:
            return self._own.symlinks[path]
        return self._owner[path].survey.symlinks[path]

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys((*self._own.symlinks, *self._owner)))

    def __len__(self) -> int:
        return len(self._own.symlinks.keys() | self._owner.keys())
