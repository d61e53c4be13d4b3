"""Wheels become conda packages: reading, planning and writing one after the other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import NormalizedName

from bridge.channel.execute_conda import write_condas
from bridge.channel.inputs import Input
from bridge.channel.settings import Settings
from bridge.channel.staging import apart
from bridge.formats.wheel.reader import WheelFileReader, open_wheel
from bridge.formats.wheel.survey import survey_wheel
from bridge.mapping.axes import load_axes
from bridge.mapping.pypi_names import PypiNames
from bridge.mapping.tables import load_tables
from bridge.mapping.wheel_natives import essential_files
from bridge.model.conda import CondaName, Subdir
from bridge.model.conda_plan import CondaPlan
from bridge.model.plan import Loss, Output
from bridge.translate.to_conda.plan import plan_conda
from bridge.translate.to_conda.request import CondaRequest


@dataclass(frozen=True, slots=True)
class MadePackage:
    """One conda package that waits in the staging directory."""

    output: Output
    subdir: Subdir
    #: of several packages with one name, the greatest is kept.
    preference: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class MadePackages:
    """One converted wheel."""

    packages: tuple[MadePackage, ...]
    losses: tuple[Loss, ...]


class WheelWorkshop:
    """Plans and converts one wheel after the other."""

    def __init__(self, settings: Settings) -> None:
        """Read the mapping data.

        Raises:
            InvalidInput: an overlay cannot be read.
        """
        self._settings = settings
        tables = load_tables(settings.overlays)
        self._axes = load_axes(settings.overlays)
        self._mappings = tables.digest
        run: dict[NormalizedName, CondaName] = {}
        if projects := sorted(settings.packages.projects):
            own = PypiNames(tables)
            answers = ((project, own.own(project).conda) for project in projects)
            run = {project: CondaName(conda) for project, conda in answers if conda is not None}
        self._names = PypiNames(tables, assume_same=settings.packages.same_names, run=run)

    def plan(self, item: Input) -> tuple[CondaRequest, tuple[CondaPlan, ...]]:
        """Plan the packages of one wheel without writing anything.

        Returns:
            What was read, and a plan for each package.

        Raises:
            BridgeError: as `convert`.
        """
        with item.local(self._settings.limits) as path, open_wheel(path, limits=self._settings.limits) as wheel:
            request = self._request(wheel, quick=False)
            return request, plan_conda(request)

    def convert(self, item: Input, directory: Path) -> MadePackages:
        """Convert one wheel into conda packages, one directory for each platform.

        They are in `directory`, or below it where packages of their names are there.

        Raises:
            BridgeError: it is malformed, unsupported or cannot be represented; nothing is left behind.
        """
        settings = self._settings
        with item.local(settings.limits) as path, open_wheel(path, limits=settings.limits) as wheel:
            plans = plan_conda(self._request(wheel, quick=True))
            place = apart(directory, [f"{plan.subdir}/{plan.filename}" for plan in plans])
            outputs = write_condas(plans, wheel, place, level=settings.level, threads=settings.threads)
        packages = tuple(
            MadePackage(output, plan.subdir, plan.preference) for plan, output in zip(plans, outputs, strict=True)
        )
        return MadePackages(packages, tuple(dict.fromkeys(loss for plan in plans for loss in plan.losses)))

    def _request(self, wheel: WheelFileReader, *, quick: bool) -> CondaRequest:
        """What planning needs; `quick` leaves it to the writing to verify the rest of the wheel."""
        metadata = wheel.metadata()
        essential = essential_files([entry.path for entry in metadata.record], wheel.filename.tags)
        place = self._settings.packages.variants.get(wheel.subject)
        if self._settings.threads > 1:
            with ThreadPoolExecutor(1) as pool:
                hashing = pool.submit(wheel.origin)
                survey = survey_wheel(wheel, essential=essential, quick=quick)
                origin = hashing.result()
        else:
            origin, survey = wheel.origin(), survey_wheel(wheel, essential=essential, quick=quick)
        return CondaRequest(
            origin=origin,
            filename=wheel.filename,
            metadata=metadata,
            survey=survey,
            names=self._names,
            mappings=self._mappings,
            options=self._settings.packages.options,
            variant_offset=None if place is None else place.offset,
            variant_losses=() if place is None else place.losses,
            axes=self._axes,
        )
