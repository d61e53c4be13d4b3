"""Converting many artifacts: one outcome each, in parallel, with the same bytes whatever the number of jobs."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from bridge.channel.evidence import Seen, look_at
from bridge.channel.governed import open_channels
from bridge.channel.inputs import Input, expand
from bridge.channel.occupied import family_in_the_way
from bridge.channel.permits import OnUnanswered, Permits
from bridge.channel.pool import prepare, run
from bridge.channel.repodata import Channel
from bridge.channel.settings import PackageSettings, Settings
from bridge.channel.staging import Staged, failed, publish, strictly
from bridge.channel.variants import make_families
from bridge.errors import Code, Unsupported
from bridge.formats.conda.identifiers import parse_subdir
from bridge.formats.wheel.compression import Compression
from bridge.limits import DEFAULT_LIMITS, Limits
from bridge.mapping.axes import load_axes
from bridge.mapping.names import RESERVED_PREFIX
from bridge.mapping.tables import load_tables
from bridge.model.plan import Layout, Outcome, Status
from bridge.translate.to_wheel.request import Options

SCHEMA: Final = "conda-bridge/convert/1"
_STAGING: Final = ".conda-bridge-"


@dataclass(frozen=True, slots=True)
class Report:
    """The outcomes of one run, in the order of its inputs."""

    outcomes: tuple[Outcome, ...] = field(default=())

    @property
    def summary(self) -> Mapping[str, int]:
        """How many inputs ended in each status; every status has an entry."""
        counts = Counter(outcome.status for outcome in self.outcomes)
        return {status.value: counts[status] for status in Status}

    def to_json(self) -> dict[str, Any]:
        """The document of `convert --json`."""
        return {
            "schema": SCHEMA,
            "outcomes": [outcome.to_json() for outcome in self.outcomes],
            "summary": dict(self.summary),
        }


def convert(
    inputs: Sequence[str | Path],
    out: str | Path,
    *,
    layout: Layout | None = None,
    channels: Sequence[str | Path] = (),
    subdir: str = "linux-64",
    strict: bool = False,
    jobs: int = 1,
    compression: Compression = Compression.BALANCED,
    overlays: Sequence[Path] = (),
    reserved_prefix: str = RESERVED_PREFIX,
    packages: PackageSettings | None = None,
    limits: Limits = DEFAULT_LIMITS,
    permits: Permits | None = None,
    on_outcome: Callable[[Outcome], None] | None = None,
    on_unanswered: OnUnanswered | None = None,
) -> Report:
    """Convert conda artifacts to wheels in `out`, and wheels to conda packages in `out/<subdir>`.

    Args:
        inputs: files, directories, addresses, or (with `channels`) MatchSpecs; the name says which way each goes.
        out: directory, made where absent. Nothing partial is ever left in it.
        layout: None means vendored for single files and shared where a directory of packages is given.
        channels: where the artifacts and their dependencies come from, highest priority first.
        subdir: the platform that MatchSpecs are resolved for, by conda's name (CEP 26).
        strict: losses become refusals.
        jobs: processes; for a single input, threads of the writer.
        compression: of the wheels' members, and of conda packages where `packages` gives no level.
        overlays: the user's mapping files: names, axes.
        reserved_prefix: of wheels made of packages that are no Python projects.
        packages: what concerns the conda packages that wheels become.
        limits: of what a reader accepts.
        permits: what a policy says about channels (`bridge.priority.enforcement.permits_of`): a package that is looked
            for comes from whom the policy names. `channels` are some of the policy's; all where empty.
        on_outcome: called as each outcome is known (order of completion).
        on_unanswered: called for a channel of the policy that does not answer, where the policy only warns.

    Returns:
        One outcome per input, in the order of the inputs.

    Raises:
        InvalidInput: a channel or an overlay cannot be read, an argument is malformed, or a channel is none of the
            policy's (`CB454`); nothing was converted.
        Unsupported: nothing can be written to `out` (`CB322`).
    """
    expanded, settings = settings_for(
        inputs,
        layout=layout,
        channels=channels,
        subdir=subdir,
        jobs=jobs,
        compression=compression,
        overlays=overlays,
        reserved_prefix=reserved_prefix,
        packages=packages,
        limits=limits,
        permits=permits,
        on_unanswered=on_unanswered,
    )
    load_tables(settings.overlays)  # an overlay that cannot be read concerns all inputs
    axes = load_axes(settings.overlays)
    directory = Path(out)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=_STAGING, dir=directory))
    except OSError as error:
        message = f"nothing can be written there: {error.strerror}"
        raise Unsupported(Code.OUTPUT_TAKEN, message, subject=str(directory)) from error
    try:
        staged = run(expanded, settings, staging, min(jobs, len(expanded)), on_outcome)
        families, indexes = make_families(staged, lambda: _opened(settings), axes, staging)
        if strict:
            told = [(item, strictly(item.outcome)) for item in families]
            families = [item if outcome is item.outcome else Staged(outcome) for item, outcome in told]
        for index in indexes:
            families = _with_index(families, index, directory)
        return Report(publish(families, directory))
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _with_index(families: Sequence[Staged], index: Path, directory: Path) -> list[Staged]:
    """Publish a release's `-variants.json`, unless that would hide variants of it that lie there already."""
    release = index.name.removesuffix("variants.json")
    own = [
        item.build is not None and any(output.filename.startswith(release) for output in item.outcome.outputs)
        for item in families
    ]
    why = family_in_the_way(directory / index.name, index)
    if why is not None:
        error = Unsupported(Code.OUTPUT_TAKEN, why, subject=index.name)
        return [
            Staged(failed(item.outcome.input, error)) if taken else item
            for item, taken in zip(families, own, strict=True)
        ]
    if any(own):
        _place(index, directory)
    return list(families)


def _place(index: Path, directory: Path) -> None:
    try:
        index.replace(directory / index.name)
    except OSError as error:
        message = f"the file cannot be put in its place: {error.strerror}"
        raise Unsupported(Code.OUTPUT_TAKEN, message, subject=index.name) from error


def _opened(settings: Settings) -> list[Channel]:
    return open_channels(settings.channels, subdirs=settings.subdirs, permits=settings.permits)


def settings_for(
    inputs: Sequence[str | Path],
    *,
    layout: Layout | None,
    channels: Sequence[str | Path],
    subdir: str,
    overlays: Sequence[Path],
    reserved_prefix: str,
    jobs: int = 1,
    compression: Compression = Compression.BALANCED,
    packages: PackageSettings | None = None,
    limits: Limits = DEFAULT_LIMITS,
    permits: Permits | None = None,
    on_unanswered: OnUnanswered | None = None,
) -> tuple[list[Input], Settings]:
    """Expand the inputs and settle what holds for all of them; the arguments are those of `convert`."""
    if isinstance(inputs, str | Path):
        raise TypeError("inputs is a list of inputs, not one")
    texts = [str(item) for item in inputs]
    specs = open_channels(channels, subdirs=_subdirs(subdir), permits=permits, on_unanswered=on_unanswered)
    expanded = expand(texts, specs, parse_subdir(subdir, subject="--subdir", field=subdir))
    if min(jobs, len(expanded)) > 1:
        prepare()
    # A single package is no evidence about its own requirements, and without a channel nobody asks for its platform.
    seen = look_at(expanded, limits) if specs or len(expanded) > 1 else Seen()
    return expanded, Settings(
        options=Options(_default_layout(texts) if layout is None else Layout(layout), reserved_prefix),
        channels=tuple(str(location) for location in channels),
        subdirs=tuple(dict.fromkeys((*_subdirs(subdir), *seen.subdirs))),
        overlays=tuple(overlays),
        compression=compression,
        limits=limits,
        threads=jobs if len(expanded) == 1 else 1,
        names=seen.names,
        packages=_completed(packages or PackageSettings(), seen, reserved_prefix),
        permits=permits,
    )


def _completed(packages: PackageSettings, seen: Seen, reserved_prefix: str) -> PackageSettings:
    options = replace(packages.options, reserved_prefix=reserved_prefix)
    return replace(packages, options=options, projects=seen.projects, variants=seen.variants)


def _default_layout(texts: Sequence[str]) -> Layout:
    many = any(Path(text).is_dir() and not (Path(text) / "info" / "index.json").is_file() for text in texts)
    return Layout.SHARED if many else Layout.VENDORED


def _subdirs(subdir: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((subdir, "noarch")))
