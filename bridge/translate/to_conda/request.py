"""What planning a conda package starts from."""

from __future__ import annotations

from dataclasses import dataclass, field

from bridge.formats.wheel.filename import WheelFilename
from bridge.formats.wheel.reader import WheelMetadata
from bridge.formats.wheel.survey import WheelSurvey
from bridge.mapping.axes import Axes
from bridge.mapping.names import RESERVED_PREFIX
from bridge.mapping.pypi_names import PypiNames
from bridge.model.conda import ArchiveFormat, Origin
from bridge.model.plan import Loss


@dataclass(frozen=True, slots=True)
class CondaOptions:
    """What the user decides about the packages.

    Args:
        conditional: whether repodata v3 may be used: `when`, `extras`, `flags` (CEPs 43 to 45). Without it, what
            depends on Python or the system is split into several packages.
        format: of the archive.
        reserved_prefix: begins the names of wheels that were made of packages that are no Python projects.
    """

    conditional: bool = False
    format: ArchiveFormat = ArchiveFormat.CONDA
    reserved_prefix: str = RESERVED_PREFIX


@dataclass(frozen=True, slots=True)
class CondaRequest:
    """One wheel, read and checked."""

    origin: Origin
    filename: WheelFilename
    metadata: WheelMetadata
    survey: WheelSurvey
    names: PypiNames
    #: sha256 of the mapping data.
    mappings: str
    options: CondaOptions = field(default_factory=CondaOptions)
    #: what to add to the build number of a variant, where the whole release was looked at
    #: (`bridge.channel.variant_places`); None: what the wheel knows by itself.
    variant_offset: int | None = None
    #: what was found wrong there with the wheel's place.
    variant_losses: tuple[Loss, ...] = ()
    #: what the properties of variants mean; the project's where None.
    axes: Axes | None = None
