"""What a run decides once; travels to worker processes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from packaging.utils import NormalizedName

from bridge.channel.permits import Permits
from bridge.channel.variant_places import VariantPlace
from bridge.formats.wheel.compression import Compression
from bridge.limits import Limits
from bridge.model.conda import CondaName
from bridge.translate.to_conda.request import CondaOptions
from bridge.translate.to_wheel.request import Options

#: zstd levels for conda packages that cost about as much, relative to what they gain, as the presets for wheels.
LEVELS: Final[Mapping[Compression, int]] = {
    Compression.STORED: 1,
    Compression.FAST: 3,
    Compression.BALANCED: 9,
    Compression.SMALL: 19,
}


@dataclass(frozen=True, slots=True)
class PackageSettings:
    """What concerns the conda packages that wheels become.

    Args:
        options: of planning.
        level: of zstd, 1 to 22 (of bzip2 for `.tar.bz2`, where everything above 9 is 9); None follows the compression
            of wheels.
        same_names: whether a project that no table knows is taken for the conda package of the same name.
        projects: filled in by the run.
        variants: filled in by the run.
    """

    options: CondaOptions = field(default_factory=CondaOptions)
    level: int | None = None
    same_names: bool = False
    #: the projects of the run's own wheels: what comes of them is what requirements between them mean.
    projects: frozenset[NormalizedName] = frozenset()
    #: file name of a variant wheel -> its place in its release.
    variants: Mapping[str, VariantPlace] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Settings:
    """What holds for all inputs."""

    options: Options
    channels: tuple[str, ...]
    #: platforms whose records are read.
    subdirs: tuple[str, ...]
    overlays: tuple[Path, ...]
    compression: Compression
    limits: Limits
    #: of the writer, for one package.
    threads: int = 1
    #: conda name -> project name, of the run's own inputs.
    names: Mapping[CondaName, str] = field(default_factory=dict)
    packages: PackageSettings = field(default_factory=PackageSettings)
    #: the policy that the channels are under, if any.
    permits: Permits | None = None

    @property
    def level(self) -> int:
        """The compression level of conda packages."""
        return LEVELS[self.compression] if self.packages.level is None else self.packages.level
