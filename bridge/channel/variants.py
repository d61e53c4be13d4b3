"""Builds of one release given together: one family of variant wheels instead of wheels that fight for one name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from packaging.specifiers import SpecifierSet
from packaging.tags import Tag

from bridge.channel.candidate import Candidate
from bridge.channel.effective import HostRequirements
from bridge.channel.preference import Preference
from bridge.channel.repodata import Channel
from bridge.channel.staging import Rank, Staged, StagedBuild, failed
from bridge.channel.universe import Universe
from bridge.errors import BridgeError, Code, Unrepresentable
from bridge.formats.wheel.archive import WheelArchive
from bridge.formats.wheel.core_metadata import parse_core_metadata
from bridge.formats.wheel.edit import rewrite_wheel
from bridge.formats.wheel.filename import parse_wheel_filename
from bridge.formats.wheel.metadata_output import rewrite
from bridge.formats.wheel.variant_edit import make_variant
from bridge.formats.wheel.variant_json import write_variant_json
from bridge.formats.wheel.wheel_file import parse_wheel_file
from bridge.mapping.axes import Axes, choices_of
from bridge.model.family import Build, Family, FamilyMember, HostRequirement
from bridge.model.plan import Output, Variant
from bridge.model.variant import VariantMetadata
from bridge.translate.families.plan import plan_family

_NOARCH: Final = "noarch"
#: stands for all platforms where there are only builds for all of them.
_SOME_PLATFORM: Final = "linux-64"


@dataclass(frozen=True, slots=True)
class _Source:
    """A converted build: the wheel that waits, and what is known about the build."""

    item: Staged
    build: StagedBuild
    plain: Output

    @property
    def key(self) -> str:
        """What tells builds apart: two platforms may have packages of one file name."""
        return f"{self.build.index.subdir}/{self.plain.source.filename}"

    @property
    def rank(self) -> Rank | None:
        return self.item.rank


def make_families(
    staged: Sequence[Staged], channels: Callable[[], Sequence[Channel]], axes: Axes, staging: Path
) -> tuple[list[Staged], tuple[Path, ...]]:
    """Turn builds that compete into variants of their release.

    Args:
        staged: what was converted, in the order of the inputs.
        channels: opens where the builds and what they need come from; asked only if builds compete.
        axes: what the differences of builds mean.
        staging: directory for the new files.

    Returns:
        The same items, those of families with their variants as outputs (a build that another replaces everywhere
        becomes `unrepresentable`, `CB316`), and the `-variants.json` files.
    """
    opened: Sequence[Channel] | None = None
    items = list(staged)
    written: list[Path] = []
    for (name, version), places in sorted(_releases(items).items()):
        sources = {at: _source(items[at]) for at in places}
        if not _compete(list(sources.values())):
            continue
        opened = channels() if opened is None else opened
        directory = staging / f"family-{name}-{version}"
        directory.mkdir()
        chosen = _without_doubles(sources.values())
        made, index = _family(chosen, opened, axes, directory)
        for at, source in sources.items():
            items[at] = _shared(source, chosen[source.key], made[source.key])
        if index is not None:
            written.append(index)
    return items, tuple(written)


def _releases(items: Sequence[Staged]) -> Mapping[tuple[str, str], list[int]]:
    """(name, version) -> places of its builds."""
    found: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for at, item in enumerate(items):
        if item.build is not None:
            found[item.build.name, str(item.build.version)].append(at)
    return found


def _source(item: Staged) -> _Source:
    if item.build is None:
        raise ValueError("the item was not converted")
    (plain,) = item.outcome.outputs
    return _Source(item, item.build, plain)


def _compete(sources: Sequence[_Source]) -> bool:
    """Whether two different builds of one conda package would be offered to one interpreter on one platform."""
    seen: dict[Tag, tuple[str, str]] = {}
    for source in sources:
        own = (source.build.index.name, source.build.index.build)
        for tag in source.build.tags:
            other = seen.setdefault(tag, own)
            if other != own and other[0] == own[0]:
                return True
    return False


def _without_doubles(sources: Iterable[_Source]) -> dict[str, _Source]:
    """One source for each key, of files of one name the one of the highest rank."""
    chosen: dict[str, _Source] = {}
    for source in sources:
        other = chosen.get(source.key)
        if other is None or (source.rank is not None and (other.rank is None or source.rank > other.rank)):
            chosen[source.key] = source
    return chosen


def _shared(source: _Source, chosen: _Source, made: Staged) -> Staged:
    """What became of `source`, which is `chosen`, or the same file again, or another file of its name."""
    label = source.item.outcome.input
    if source is chosen or source.plain.source.sha256 == chosen.plain.source.sha256:
        return replace(made, outcome=replace(made.outcome, input=label))
    message = "another file of this name was given too, and was taken"
    return Staged(failed(label, Unrepresentable(Code.SHADOWED, message, subject=source.plain.source.filename)))


def _family(
    sources: Mapping[str, _Source], channels: Sequence[Channel], axes: Axes, directory: Path
) -> tuple[dict[str, Staged], Path | None]:
    """What becomes of each build, by key, and the release's `-variants.json` if it has variants."""
    builds, refused = _builds(sources.values(), channels, axes)
    made = {key: Staged(failed(sources[key].item.outcome.input, error)) for key, error in refused.items()}
    if not builds:
        return made, None
    first = sources[builds[0].filename].build
    pythons = {build.filename: sources[build.filename].build.requires_python for build in builds}
    try:
        family = plan_family(builds, name=first.name, version=first.version, requires_python=pythons, axes=axes)
    except BridgeError as error:
        return {key: Staged(failed(source.item.outcome.input, error)) for key, source in sources.items()}, None
    outputs = _outputs(family, sources, directory)
    for build in builds:
        made[build.filename] = _item(sources[build.filename], outputs.get(build.filename, []), family, build.requires)
    if not family.metadata.variants:
        return made, None
    index = directory / f"{family.name}-{family.version}-variants.json"
    index.write_bytes(write_variant_json(family.metadata))
    return made, index


def _builds(
    sources: Iterable[_Source], channels: Sequence[Channel], axes: Axes
) -> tuple[list[Build], dict[str, BridgeError]]:
    """The builds in the order of conda's preference on every platform, and those that fit no machine.

    On each platform its own builds and those for all of them compete.
    """
    by_subdir: defaultdict[str, list[_Source]] = defaultdict(list)
    for source in sources:
        by_subdir[source.build.index.subdir].append(source)
    noarch = by_subdir.pop(_NOARCH, [])
    builds: dict[str, Build] = {}
    refused: dict[str, BridgeError] = {}
    orders: list[list[str]] = []
    for platform in sorted(by_subdir, key=lambda subdir: (subdir != _SOME_PLATFORM, subdir)) or [_SOME_PLATFORM]:
        members = {source.key: source for source in (*by_subdir[platform], *noarch)}
        candidates = [Candidate(source.plain.source.filename, source.build.index) for source in members.values()]
        with Universe(channels, subdir=platform, extra=candidates, complete=True) as universe:
            requirements = HostRequirements(universe)
            ranked = Preference(universe).ranked(candidates)
            orders.append([f"{candidate.index.subdir}/{candidate.filename}" for candidate in ranked])
            for candidate, key in zip(ranked, orders[-1], strict=True):
                if key in builds:
                    continue
                try:
                    requires = requirements.of(candidate)
                except BridgeError as error:
                    refused.setdefault(key, error)
                    continue
                refused.pop(key, None)
                choices = choices_of(candidate.index, axes)
                builds[key] = Build(key, candidate.index, requires, choices, members[key].build.tags)
    return [builds[key] for key in _merged(orders) if key in builds], refused


def _merged(orders: Sequence[Sequence[str]]) -> Iterator[str]:
    """Each once, in an order that agrees with all; where they contradict each other, with the first ones."""
    waiting = [list(order) for order in orders]
    while waiting := [order for order in waiting if order]:
        later = {key for order in waiting for key in order[1:]}
        head = next((order[0] for order in waiting if order[0] not in later), waiting[0][0])
        yield head
        waiting = [[key for key in order if key != head] for order in waiting]


def _outputs(family: Family, sources: Mapping[str, _Source], directory: Path) -> Mapping[str, list[Output]]:
    """Write every member; key of its build -> its wheels."""
    outputs: defaultdict[str, list[Output]] = defaultdict(list)
    for number, member in enumerate(family.members):
        source = sources[member.source]
        plain = source.plain
        if (member.tags, family.requires_python) != (source.build.tags, source.build.requires_python):
            # A place of its own: the same build may be there under its own tags too.
            place = directory / str(number)
            place.mkdir()
            plain = _adapted(plain, member.tags, family.requires_python, place)
        outputs[member.source].append(_output(member, plain, family.metadata, directory))
    return outputs


def _adapted(plain: Output, tags: frozenset[Tag], requires_python: SpecifierSet, directory: Path) -> Output:
    """The wheel with the tags of the family's plan and the Requires-Python of the whole release."""
    source = Path(plain.path)
    filename = str(parse_wheel_filename(source.name).with_tags(tags))
    with WheelArchive(source) as archive:
        metadata, wheel = f"{archive.dist_info}/METADATA", f"{archive.dist_info}/WHEEL"
        own = parse_core_metadata(archive.read(metadata), filename)
        replaced = {
            metadata: rewrite(
                own,
                requires_dist=own.requires_dist,
                requires_python=requires_python,
                license_files=own.license_files,
            ),
            wheel: parse_wheel_file(archive.read(wheel), filename).with_tags(tags).to_bytes(),
        }
    digest = rewrite_wheel(source, directory / filename, replace=replaced)
    path = str(directory / filename)
    return replace(plain, path=path, filename=filename, sha256=digest.sha256, size=digest.size)


def _output(member: FamilyMember, plain: Output, metadata: VariantMetadata, directory: Path) -> Output:
    if member.label is None:
        return plain
    path, digest = make_variant(Path(plain.path), directory, member.label, metadata)
    variant = Variant(member.label, tuple(str(each) for each in sorted(member.properties)))
    return replace(plain, path=str(path), filename=path.name, sha256=digest.sha256, size=digest.size, variant=variant)


def _item(source: _Source, outputs: Sequence[Output], family: Family, requires: HostRequirement) -> Staged:
    outcome = source.item.outcome
    if not outputs:
        winner = family.shadowed.get(source.key, "another build").rpartition("/")[2]
        message = f"{winner} states the same and is taken in its place everywhere"
        error = Unrepresentable(Code.SHADOWED, message, subject=source.plain.source.filename)
        return Staged(failed(outcome.input, error))
    own = tuple(loss for loss in family.losses if loss.subject == source.key)
    # What the properties of the variant say of the host is no longer lost.
    kept = tuple(
        loss for loss in outcome.losses if loss.code is not Code.VIRTUAL_PACKAGE or loss.subject in requires.unsaid
    )
    losses = tuple(dict.fromkeys((*kept, *own)))
    return replace(source.item, outcome=replace(outcome, outputs=tuple(outputs), losses=losses))
