"""Builds of one release given together: one family of variant wheels instead of wheels that fight for one name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from packaging.specifiers import SpecifierSet
from packaging.tags import Tag

from bridge.channel.candidate import Candidate
from bridge.channel.effective import HostRequirements
from bridge.channel.preference import Preference
from bridge.channel.repodata import Channel
from bridge.channel.staging import Staged, failed
from bridge.channel.universe import Universe
from bridge.errors import BridgeError, Code, Unrepresentable
from bridge.formats.wheel.archive import WheelArchive
from bridge.formats.wheel.core_metadata import parse_core_metadata, rewrite
from bridge.formats.wheel.edit import rewrite_wheel
from bridge.formats.wheel.filename import parse_wheel_filename
from bridge.formats.wheel.variant_edit import make_variant
from bridge.formats.wheel.variant_json import write_variant_json
from bridge.formats.wheel.wheel_file import parse_wheel_file
from bridge.mapping.axes import Axes, choices_of, load_axes
from bridge.model.family import Build, Family, FamilyMember, HostRequirement
from bridge.model.plan import Loss, Output, Variant
from bridge.model.variant import VariantMetadata
from bridge.translate.families.plan import plan_family


def make_families(
    staged: Sequence[Staged], channels: Callable[[], Sequence[Channel]], staging: Path
) -> tuple[list[Staged], tuple[Path, ...]]:
    """Turn builds that compete into variants of their release.

    Args:
        staged: what was converted, in the order of the inputs.
        channels: opens where the builds and what they need come from; asked only if builds compete.
        staging: directory for the new files.

    Returns:
        The same items, those of families with their variants as outputs (a build that another replaces everywhere
        becomes `unrepresentable`, `CB316`), and the `-variants.json` files.
    """
    axes = load_axes()
    opened: Sequence[Channel] | None = None
    items = list(staged)
    written: list[Path] = []
    for release, places in sorted(_releases(items).items()):
        competing = [at for at in places if items[at].build is not None]
        if not _compete([items[at] for at in competing]):
            continue
        opened = channels() if opened is None else opened
        directory = staging / f"family-{release[0]}-{release[1]}"
        directory.mkdir()
        made, index = _family(items, competing, opened, axes, directory)
        for at, item in made.items():
            items[at] = item
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


def _compete(items: Sequence[Staged]) -> bool:
    """Whether two different builds of one conda package would be offered to one interpreter on one platform."""
    seen: dict[Tag, tuple[str, str]] = {}
    for item in items:
        if item.build is None or item.rank is None:
            continue
        own = (item.build.index.name, item.build.index.build)
        for tag in item.build.tags:
            other = seen.setdefault(tag, own)
            if other != own and other[0] == own[0]:
                return True
    return False


def _family(
    items: Sequence[Staged], places: Sequence[int], channels: Sequence[Channel], axes: Axes, directory: Path
) -> tuple[dict[int, Staged], Path | None]:
    sources = {_source(items[at]).filename: at for at in places}
    made: dict[int, Staged] = {}
    builds, refused = _builds([items[at] for at in sources.values()], channels, axes)
    for filename, error in refused.items():
        made[sources[filename]] = Staged(failed(items[sources[filename]].outcome.input, error))
    if not builds:
        return made, None
    first = items[sources[builds[0].filename]].build
    if first is None:
        return made, None
    pythons = {
        build.filename: staged.requires_python
        for build in builds
        if (staged := items[sources[build.filename]].build) is not None
    }
    try:
        family = plan_family(builds, name=first.name, version=first.version, requires_python=pythons, axes=axes)
    except BridgeError as error:
        return {at: Staged(failed(items[at].outcome.input, error)) for at in places}, None
    outputs = _outputs(family, items, sources, directory)
    requires = {build.filename: build.requires for build in builds}
    for filename in requires:
        at = sources[filename]
        made[at] = _item(items[at], outputs.get(filename, []), family, requires[filename])
    if not family.metadata.variants:
        return made, None
    index = directory / f"{family.name}-{family.version}-variants.json"
    index.write_bytes(write_variant_json(family.metadata))
    return made, index


def _builds(
    items: Sequence[Staged], channels: Sequence[Channel], axes: Axes
) -> tuple[list[Build], dict[str, BridgeError]]:
    """The builds in the order of conda's preference, platform by platform, and those that fit no machine."""
    by_subdir: defaultdict[str, list[Staged]] = defaultdict(list)
    for item in items:
        if item.build is not None:
            by_subdir[item.build.index.subdir].append(item)
    builds: list[Build] = []
    refused: dict[str, BridgeError] = {}
    for subdir, members in sorted(by_subdir.items()):
        tags = {_source(item).filename: item.build.tags for item in members if item.build is not None}
        candidates = [
            Candidate(_source(item).filename, item.build.index) for item in members if item.build is not None
        ]
        platform = "linux-64" if subdir == "noarch" else subdir
        with Universe(channels, subdir=platform, extra=candidates, complete=True) as universe:
            requirements = HostRequirements(universe)
            for candidate in Preference(universe).ranked(candidates):
                try:
                    requires = requirements.of(candidate)
                except BridgeError as error:
                    refused[candidate.filename] = error
                    continue
                choices = choices_of(candidate.index, axes)
                builds.append(
                    Build(candidate.filename, candidate.index, requires, choices, tags[candidate.filename])
                )
    return builds, refused


def _outputs(
    family: Family, items: Sequence[Staged], sources: Mapping[str, int], directory: Path
) -> Mapping[str, list[Output]]:
    """Write every member; conda file name -> its wheels."""
    outputs: defaultdict[str, list[Output]] = defaultdict(list)
    for number, member in enumerate(family.members):
        item = items[sources[member.source]]
        (plain,) = item.outcome.outputs
        if item.build is not None and (member.tags, family.requires_python) != (
            item.build.tags,
            item.build.requires_python,
        ):
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
    return replace(
        plain, path=str(path), filename=path.name, sha256=digest.sha256, size=digest.size, variant=variant
    )


def _item(item: Staged, outputs: Sequence[Output], family: Family, requires: HostRequirement) -> Staged:
    source = _source(item)
    if not outputs:
        winner = family.shadowed.get(source.filename, "another build")
        message = f"{winner} states the same and is taken in its place everywhere"
        return Staged(failed(item.outcome.input, Unrepresentable(Code.SHADOWED, message, subject=source.filename)))
    own = tuple(loss for loss in family.losses if loss.subject == source.filename)
    # What the properties of the variant say of the host is no longer lost.
    kept = tuple(
        loss for loss in item.outcome.losses if loss.code is not Code.VIRTUAL_PACKAGE or loss.subject in requires.unsaid
    )
    outcome = replace(item.outcome, outputs=tuple(outputs), losses=_unique((*kept, *own)))
    return replace(item, outcome=outcome)


def _source(item: Staged) -> Output:
    (output,) = item.outcome.outputs
    return replace(output, filename=output.source.filename)


def _unique(losses: Iterable[Loss]) -> tuple[Loss, ...]:
    return tuple(dict.fromkeys(losses))
