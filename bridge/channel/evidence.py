"""What the inputs of a run give away about each other before any of them is converted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from packaging.utils import NormalizedName

from bridge.channel.inputs import Input
from bridge.channel.variant_places import VariantPlace, variant_places
from bridge.errors import InvalidInput
from bridge.formats.conda.artifact import open_artifact
from bridge.formats.wheel.filename import parse_wheel_filename
from bridge.limits import Limits
from bridge.model.conda import CondaName
from bridge.translate.to_wheel.names import own_distribution


@dataclass(frozen=True, slots=True)
class Seen:
    """Names and platforms among the inputs."""

    #: conda name -> project name of the packages that carry their own metadata; the best evidence for requirements.
    names: Mapping[CondaName, str] = field(default_factory=dict)
    #: platforms of the packages.
    subdirs: tuple[str, ...] = ()
    #: projects of the wheels.
    projects: frozenset[NormalizedName] = frozenset()
    #: file name of a variant wheel -> its place in its release.
    variants: Mapping[str, VariantPlace] = field(default_factory=dict)


def look_at(inputs: Sequence[Input], limits: Limits) -> Seen:
    """Read `info/` of every local package; one that cannot be read tells nothing and gets its outcome later.

    Of wheels, the file name tells enough, but for variants.
    """
    names: dict[CondaName, str] = {}
    subdirs: set[str] = set()
    projects: set[NormalizedName] = set()
    for item in inputs:
        if item.path is None:
            continue
        if item.is_wheel:
            projects |= _project(item)
            continue
        try:
            with open_artifact(item.path, limits=limits) as artifact:
                metadata = artifact.metadata()
            name = own_distribution(metadata)
        except Exception:  # noqa: S112 - it gets its outcome when it is converted
            continue
        subdirs.add(metadata.index.subdir)
        if name is not None:
            names[metadata.index.name] = name
    wheels = [item.path for item in inputs if item.path is not None and item.is_wheel]
    return Seen(names, tuple(sorted(subdirs)), frozenset(projects), variant_places(wheels, limits))


def _project(item: Input) -> set[NormalizedName]:
    try:
        return {parse_wheel_filename(item.path.name).name} if item.path is not None else set()
    except InvalidInput:
        return set()
