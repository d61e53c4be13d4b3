"""Everything that one process keeps open while it converts: channels, tables, packages that others need."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from bridge.channel.closure import PackageClosure, Provider, published_origin
from bridge.channel.execute import write_wheel
from bridge.channel.governed import open_channels
from bridge.channel.inputs import Input
from bridge.channel.locate import dist_name, fetch, local_path
from bridge.channel.pressing import PressedArtifact
from bridge.channel.records import check_digest, hotfixed
from bridge.channel.repodata import ChannelRecord
from bridge.channel.settings import Settings
from bridge.channel.solve import required_name, resolve
from bridge.channel.staging import Rank, StagedBuild, apart
from bridge.errors import Code, InvalidInput
from bridge.formats.conda.artifact import CondaArtifact, open_artifact
from bridge.formats.conda.remote import open_remote
from bridge.formats.conda.survey import survey
from bridge.formats.scratch import Scratch
from bridge.formats.wheel.press import PayloadPress
from bridge.mapping.names import DependencyKind, Evidence
from bridge.mapping.tables import load_tables
from bridge.model.conda import CondaMetadata, CondaName, IndexJson, Noarch, Origin
from bridge.model.payload import Survey
from bridge.model.plan import Layout, Loss, Output, WheelPlan
from bridge.translate.to_wheel.foreign import foreign_libraries
from bridge.translate.to_wheel.natives import is_binary
from bridge.translate.to_wheel.plan import plan_wheel
from bridge.translate.to_wheel.request import Request
from bridge.translate.to_wheel.restored import leads_back


@dataclass(frozen=True, slots=True)
class Made:
    """One converted artifact."""

    output: Output
    losses: tuple[Loss, ...]
    rank: Rank
    #: None for a wheel that is restored: it is a variant already, or will be none.
    build: StagedBuild | None


class Workshop:
    """Plans and converts one artifact after the other; a context manager."""

    def __init__(self, settings: Settings) -> None:
        """Open the channels and read the mapping data.

        Raises:
            InvalidInput: a channel or an overlay cannot be read.
        """
        self._settings = settings
        self._stack = ExitStack()
        self._tables = load_tables(settings.overlays)
        self._channels = open_channels(settings.channels, subdirs=settings.subdirs, permits=settings.permits)
        self._providers: dict[str, Provider | None] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the packages that were opened for others."""
        self._stack.close()

    def plan(self, item: Input) -> WheelPlan:
        """Plan one input without writing anything."""
        with self._opened(item) as (artifact, record):
            return plan_wheel(self._request(artifact, record))

    def convert(self, item: Input, directory: Path) -> Made:
        """Convert one input into a wheel in `directory`, or below it where a wheel of that name is there.

        Raises:
            BridgeError: it is malformed, unsupported or cannot be represented; nothing is left behind.
        """
        compression, threads = self._settings.compression, self._settings.threads
        directory.mkdir(parents=True, exist_ok=True)
        with (
            self._opened(item) as (artifact, record),
            Scratch(directory) as scratch,
            PayloadPress(scratch, compression=compression, threads=threads) as press,
        ):
            request = self._request(PressedArtifact(artifact, press), record)
            plan = plan_wheel(request)
            output = write_wheel(
                plan,
                artifact,
                lambda name: self._provider_artifact(plan.providers[name]),
                apart(directory, [plan.filename]),
                press=press,
                compression=compression,
                threads=threads,
            )
            build = None
            if plan.exact is None:
                build = StagedBuild(plan.escaped_name, plan.version, request.index, plan.tags, plan.requires_python)
            return Made(output, plan.losses, _rank(request), build)

    @contextmanager
    def _opened(self, item: Input) -> Iterator[tuple[CondaArtifact, ChannelRecord | None]]:
        limits = self._settings.limits
        with item.local(limits) as path, open_artifact(path, limits=limits) as artifact:
            yield artifact, self._record_of(artifact)

    def _record_of(self, artifact: CondaArtifact) -> ChannelRecord | None:
        """The record of the very same file in the first channel that has it."""
        index = artifact.metadata().index
        for channel in self._channels:
            for subdir in dict.fromkeys((str(index.subdir), "noarch")):
                record = channel.find(artifact.filename, subdir=subdir)
                if record is not None:
                    check_digest(record, artifact.origin())
                    return record
        return None

    def _request(self, artifact: CondaArtifact, record: ChannelRecord | None) -> Request:
        metadata = artifact.metadata()
        index, losses = metadata.index, tuple[Loss, ...]()
        if record is not None:
            index, losses = hotfixed(metadata.index, record)
        facts = survey(artifact, limits=self._settings.limits)
        info_files = {**metadata.info_files, **artifact.late_info()}
        metadata = replace(metadata, info_files=dict(sorted(info_files.items())))
        closure = None if leads_back(metadata) else self._closure(index, record, facts)
        return Request(
            origin=published_origin(artifact.origin(), record),
            metadata=metadata,
            index=index,
            survey=facts,
            tables=self._tables,
            evidence=self._evidence(index),
            options=self._settings.options,
            losses=losses,
            closure=closure,
        )

    def _evidence(self, index: IndexJson) -> Evidence:
        artifacts: dict[CondaName, str] = {}
        python: dict[CondaName, bool] = {}
        specs = (*index.depends, *(spec for group in index.extra_depends.values() for spec in group))
        for text in dict.fromkeys(required_name(spec) for spec in specs):
            if text is None:
                continue
            name = CondaName(text)
            found = self._settings.names.get(name) or self._dist_name(name)
            if found is not None:
                artifacts[name] = found
            if (answer := self._is_python(name)) is not None:
                python[name] = answer
        python.setdefault(index.name, _depends_on_python(index))
        return Evidence(artifacts=artifacts, channel=python)

    def _dist_name(self, name: CondaName) -> str | None:
        return next((found for channel in self._channels if (found := dist_name(channel, name))), None)

    def _is_python(self, name: CondaName) -> bool | None:
        for channel in self._channels:
            if records := channel.records(name):
                return any(_depends_on_python(record.index) for record in records)
        return None

    def _closure(self, index: IndexJson, record: ChannelRecord | None, facts: Survey) -> PackageClosure | None:
        """What the package needs at run time, where a library of it may have to come along."""
        if self._settings.options.layout is Layout.VENDORED:
            wanted = any(is_binary(item, index.subdir) for item in facts.files.values())
        else:
            wanted = bool(foreign_libraries(facts))
        if not self._channels or not wanted:
            return None
        records = resolve(self._channels, record or index, subdir=index.subdir)
        never = (DependencyKind.INTERPRETER, DependencyKind.MUTEX, DependencyKind.VIRTUAL)
        needed = [
            item
            for item in records
            if item.index.name != index.name and self._tables.fixed_kind(item.index.name) not in never
        ]
        return PackageClosure(facts, needed, self._provider)

    def _provider(self, record: ChannelRecord) -> Provider | None:
        """A package that another one needs; None where the channel lists it without having the file."""
        if record.address not in self._providers:
            path = local_path(record)
            missing = path is not None and not path.is_file()
            self._providers[record.address] = None if missing else self._new_provider(record)
        return self._providers[record.address]

    def _new_provider(self, record: ChannelRecord) -> Provider:
        limits = self._settings.limits

        def artifact() -> CondaArtifact:
            directory = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="conda-bridge-")))
            return self._stack.enter_context(open_artifact(fetch(record, directory), limits=limits))

        def metadata() -> CondaMetadata:
            path = local_path(record)
            opened = (
                open_remote(record.address, limits=limits, authorization=record.authorization)
                if path is None
                else open_artifact(path, limits=limits)
            )
            with opened as package:
                return package.metadata()

        return Provider(record, metadata, artifact, limits)

    def _provider_artifact(self, origin: Origin) -> CondaArtifact:
        # By content: packages of two platforms may share a file name.
        for found in self._providers.values():
            if found is not None and found.record.filename == origin.filename and found.origin.sha256 == origin.sha256:
                return found.artifact
        raise InvalidInput(Code.SOURCE, "the providing package is not open", subject=origin.filename)


def _rank(request: Request) -> Rank:
    index, filename = request.index, request.origin.filename
    return Rank(index.build_number, index.timestamp or 0, filename.endswith(".conda"), filename, index.name)


def _depends_on_python(index: IndexJson) -> bool:
    return index.noarch is Noarch.PYTHON or any(
        required_name(spec) in ("python", "python_abi") for spec in index.depends
    )
