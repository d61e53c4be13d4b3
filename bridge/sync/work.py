"""Converting one unit: what a worker does, on this machine or on another one.

A task says all that it takes, and what it leaves is called by its content, so it can be done again at any time,
anywhere, with the same result.
"""

from __future__ import annotations

import hashlib
import secrets
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from packaging.utils import canonicalize_name

from bridge.channel.governed import open_channels
from bridge.channel.inputs import Input
from bridge.channel.listing import VARIANTS_SUFFIX
from bridge.channel.location import file_path
from bridge.channel.package_record import read_package
from bridge.channel.pool import Workplace, internal_error
from bridge.channel.repodata import Channel
from bridge.channel.staging import Staged, StagedPackage, failed, strictly
from bridge.channel.variant_places import variant_places
from bridge.channel.variants import make_families
from bridge.errors import BridgeError, Code, InvalidInput
from bridge.formats.conda.index_json import INDEX_PATH
from bridge.formats.conda.transport import Absent
from bridge.formats.wheel.archive import WheelArchive
from bridge.formats.wheel.core_metadata import parse_core_metadata
from bridge.mapping.axes import load_axes
from bridge.model.plan import Outcome, Output
from bridge.sync.directory import EXHAUSTED
from bridge.sync.hotfix import mended_record
from bridge.sync.result import Item, Label, Lost, PackageListing, Product, Result, Variants, WheelListing
from bridge.sync.source import SourceFile
from bridge.sync.task import METADATA_SUFFIX, Done, Task, Work, waiting_name

#: what may go well another time: the source failed, or changed meanwhile.
_PASSING: Final = frozenset({Code.SOURCE, Code.HASH})
_SCRATCH: Final = "scratch"


class Bench:
    """Where one process does its tasks; a context manager. Channels and tables stay open from task to task."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._place = Workplace(work.settings)
        self._axes = load_axes(work.settings.overlays)
        self._channels: list[Channel] | None = None
        self._scratch = f"{_SCRATCH}-{secrets.token_hex(8)}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._place.__exit__(kind, error, trace)

    def perform(self, task: Task) -> Done:
        """Convert a unit; whatever goes wrong becomes the outcome of its files."""
        # One for all tasks: to make and remove directories takes longer than to convert a small package.
        scratch = task.directory / self._scratch
        try:
            scratch.mkdir(parents=True, exist_ok=True)
            return Done(task.unit, self._perform(task, scratch), task.directory)
        except OSError as error:
            if error.errno in EXHAUSTED:
                return Done(task.unit, None, task.directory)
            return Done(task.unit, broken(task, error), task.directory)
        except Exception as error:
            return Done(task.unit, broken(task, error), task.directory)
        finally:
            _empty(scratch)

    def _perform(self, task: Task, scratch: Path) -> Result:
        missing: dict[str, BridgeError] = {}
        paths: dict[str, Path] = {}
        for number, file in enumerate(task.files):
            try:
                paths[file.key] = self._fetched(file, scratch / f"input-{number}")
            except BridgeError as error:
                missing[file.key] = error
        staged = list(self._staged(task, paths, missing, scratch))
        families, indexes = make_families(staged, self._opened, self._axes, scratch)
        if self._work.strict:
            families = [self._strict(item) for item in families]
        items = [
            self._item(file, item, task.directory, paths.get(file.key))
            for file, item in zip(task.files, families, strict=True)
        ]
        variants = None
        for index in indexes:
            variants = _variants(index, task.directory)
        return Result(tuple(items), variants)

    def _fetched(self, file: SourceFile, directory: Path) -> Path:
        """Ask again where the source failed, or sent something else than it says: it may be changing."""
        if file_path(file.address) is None:
            directory.mkdir()
        for pause in (*self._work.patience, None):
            try:
                return self._work.source.fetch(file, directory)
            except Absent:
                raise
            except BridgeError as error:
                if pause is None or error.code not in (Code.SOURCE, Code.HASH):
                    raise
                time.sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    def _staged(
        self, task: Task, paths: dict[str, Path], missing: dict[str, BridgeError], scratch: Path
    ) -> Iterator[Staged]:
        with ExitStack() as stack:
            place = self._place
            if any(file.wheel is not None and file.wheel.label is not None for file in task.files):
                # Where a variant stands is known only of all variants together.
                settings = self._work.settings
                places = variant_places(paths.values(), settings.limits)
                packages = replace(settings.packages, variants=places)
                place = stack.enter_context(Workplace(replace(settings, packages=packages)))
            several = len(task.files) > 1
            for number, file in enumerate(task.files):
                if file.key in missing:
                    yield Staged(failed(file.key, missing[file.key]))
                else:
                    yield self._converted(place, file, paths[file.key], scratch / str(number) if several else scratch)

    @staticmethod
    def _converted(place: Workplace, file: SourceFile, path: Path, directory: Path) -> Staged:
        try:
            staged = place.convert(Input(file.key, path=path), directory)
            _check_source(file, staged.outcome.outputs)
        except BridgeError as error:
            return Staged(failed(file.key, error))
        except OSError as error:
            if error.errno in EXHAUSTED:
                raise
            return Staged(internal_error(file.key, error))
        except Exception as error:
            return Staged(internal_error(file.key, error))
        return staged

    @staticmethod
    def _strict(item: Staged) -> Staged:
        outcome = strictly(item.outcome)
        return item if outcome is item.outcome else Staged(outcome)

    def _item(self, file: SourceFile, item: Staged, outputs: Path, path: Path | None) -> Item:
        outcome = item.outcome
        packages: Sequence[StagedPackage | None] = item.packages or [None] * len(outcome.outputs)
        products = [
            _wheel(output, outputs)
            if package is None
            else _package(output, package, outputs, _mended_in(outcome, path))
            for output, package in zip(outcome.outputs, packages, strict=True)
        ]
        return Item(
            key=file.key,
            status=outcome.status,
            code=None if outcome.code is None else outcome.code.number,
            message=outcome.message,
            losses=tuple(Lost(loss.code.number, loss.subject, loss.detail) for loss in outcome.losses),
            products=tuple(products),
            rank=item.rank,
            passing=outcome.code in _PASSING and not file.absent,
            requires=None if path is None or not file.is_wheel else _requires(path),
        )

    def _opened(self) -> list[Channel]:
        if self._channels is None:
            settings = self._work.settings
            self._channels = open_channels(settings.channels, subdirs=settings.subdirs, permits=settings.permits)
        return self._channels


def _empty(directory: Path) -> None:
    """Take away what a task left behind; what cannot be taken away goes with the directory."""
    with suppress(OSError):
        for path in directory.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()


def broken(task: Task, error: Exception) -> Result:
    """The result of a task at which the bridge itself failed."""
    return Result(tuple(_plain(internal_error(file.key, error)) for file in task.files))


def _plain(outcome: Outcome) -> Item:
    return Item(outcome.input, outcome.status, message=outcome.message, passing=True)


def _check_source(file: SourceFile, outputs: Sequence[Output]) -> None:
    """The source may have changed since it was listed; the digest was computed while it was converted."""
    for output in outputs:
        if file.sha256 is not None and output.source.sha256 != file.sha256:
            message = f"its SHA-256 is {output.source.sha256}, not {file.sha256}"
            raise InvalidInput(Code.HASH, message, subject=file.filename)


def _product(output: Output) -> Product:
    variant = None if output.variant is None else Label(output.variant.label, output.variant.properties)
    return Product(
        filename=output.filename,
        sha256=output.sha256,
        size=output.size,
        source=output.source.filename,
        source_sha256=output.source.sha256,
        variant=variant,
    )


def _wheel(output: Output, outputs: Path) -> Product:
    path = Path(output.path)
    with WheelArchive(path) as archive:
        data = archive.read(f"{archive.dist_info}/METADATA")
    core = parse_core_metadata(data, path.name)
    (outputs / waiting_name(output.sha256, f"{path.name}{METADATA_SUFFIX}")).write_bytes(data)
    path.replace(outputs / output.sha256)
    requires_python = core.requires_python
    return replace(
        _product(output),
        wheel=WheelListing(
            project=core.normalized_name,
            version=str(core.version),
            requires_python=None if requires_python is None else str(requires_python),
            metadata_sha256=hashlib.sha256(data).hexdigest(),
            summary=core.summary,
        ),
    )


def _mended_in(outcome: Outcome, path: Path | None) -> Path | None:
    """The wheel that knows what a channel mended in the package that it restores; None where nothing was."""
    mended = any((loss.code, loss.subject) == (Code.HOTFIX_LEFT, INDEX_PATH) for loss in outcome.losses)
    return path if mended else None


def _package(output: Output, package: StagedPackage, outputs: Path, mended: Path | None) -> Product:
    path = Path(output.path)
    subdir = package.subdir
    record = read_package(path, subdir) if mended is None else mended_record(path, subdir, mended)
    path.replace(outputs / output.sha256)
    return replace(
        _product(output),
        package=PackageListing(
            subdir=subdir,
            fields=dict(record.fields),
            run_exports=dict(record.run_exports),
            revision=record.revision,
            preference=package.preference,
        ),
    )


def _variants(index: Path, outputs: Path) -> Variants:
    data = index.read_bytes()
    sha256 = hashlib.sha256(data).hexdigest()
    name, _, version = index.name.removesuffix(VARIANTS_SUFFIX).partition("-")
    index.replace(outputs / sha256)
    return Variants(index.name, sha256, len(data), canonicalize_name(name), version)


def _requires(path: Path) -> tuple[str, ...] | None:
    """What planning needs to know the next time; None for a wheel that does not say it."""
    try:
        with WheelArchive(path) as archive:
            core = parse_core_metadata(archive.read(f"{archive.dist_info}/METADATA"), path.name)
        return tuple(str(requirement) for requirement in core.requires_dist)
    except (BridgeError, OSError):
        return None
