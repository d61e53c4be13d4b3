"""Wheels made on the spot, their plans as conda packages, and what an independent look at the packages finds."""

from __future__ import annotations

import base64
import csv
import hashlib
from pathlib import Path
from typing import Any

from packaging.tags import parse_tag

from bridge.channel.execute_conda import write_condas
from bridge.formats.wheel.reader import WheelFileReader, open_wheel
from bridge.formats.wheel.survey import survey_wheel
from bridge.mapping.pypi_names import PypiNames
from bridge.mapping.tables import load_tables
from bridge.model.conda_plan import CondaFile, CondaPlan, MadeInfo
from bridge.model.plan import Literal, Output
from bridge.translate.to_conda.plan import plan_conda
from bridge.translate.to_conda.request import CondaOptions, CondaRequest
from tests.support.elf_files import Elf
from tests.support.hostile_samples import METADATA, Sample

MAPPINGS = "0" * 64
INIT = "demo/__init__.py"


def sample(
    tag: str = "py3-none-any", *, build: str = "", metadata: bytes = b"", entry_points: str = "", **parts: Any
) -> Sample:
    """A wheel of the project demo 1.0.

    Args:
        tag: compressed tag set.
        build: the build tag.
        metadata: more lines of METADATA.
        entry_points: entry_points.txt.
        parts: of `Sample`.
    """
    lines = "".join(f"Tag: {each}\n" for each in sorted(map(str, parse_tag(tag))))
    purelib = "true" if tag.endswith("-any") else "false"
    return Sample(
        filename=f"demo-1.0-{build + '-' if build else ''}{tag}.whl",
        metadata=METADATA + metadata,
        wheel=f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: {purelib}\n{lines}".encode(),
        entry_points=entry_points.encode() or None,
        **parts,
    )


def request_of(wheel: WheelFileReader, **options: Any) -> CondaRequest:
    """What planning starts from; names that no table has are taken as they are."""
    return CondaRequest(
        origin=wheel.origin(),
        filename=wheel.filename,
        metadata=wheel.metadata(),
        survey=survey_wheel(wheel),
        names=PypiNames(load_tables(), assume_same=True),
        mappings=MAPPINGS,
        options=CondaOptions(**options),
    )


def plans_of(path: Path, **options: Any) -> tuple[CondaPlan, ...]:
    with open_wheel(path) as wheel:
        return plan_conda(request_of(wheel, **options))


def plan_of(directory: Path, made: Sample, **options: Any) -> CondaPlan:
    """The plan of a wheel that has just one."""
    (plan,) = plans_of(made.write(directory), **options)
    return plan


def converted(directory: Path, made: Sample, **options: Any) -> tuple[Output, ...]:
    """The packages of a wheel, below `directory/channel`."""
    with open_wheel(made.write(directory)) as wheel:
        plans = plan_conda(request_of(wheel, **options))
        return write_condas(plans, wheel, directory / "channel", level=1)


def index_of(plan: CondaPlan) -> dict[str, Any]:
    assert isinstance(plan.info, MadeInfo)
    return dict(plan.info.index)


def about_of(plan: CondaPlan) -> dict[str, Any]:
    assert isinstance(plan.info, MadeInfo)
    return dict(plan.info.about)


def paths_of(plan: CondaPlan) -> dict[str, CondaFile]:
    return {file.path: file for file in plan.files}


def text_of(file: CondaFile) -> str:
    assert isinstance(file.source, Literal)
    return file.source.data.decode()


def extension() -> bytes:
    """A shared object for x86-64."""
    return Elf().make()


def record_problems(dist_info: Path, *, everything_below: Path) -> list[str]:
    """What is wrong with RECORD, told without any code of the project.

    Args:
        dist_info: directory in site-packages.
        everything_below: every file here is to be listed.
    """
    site = dist_info.parent
    problems, listed = [], set()
    with (dist_info / "RECORD").open(newline="") as file:
        for path, digest, size in csv.reader(file):
            target = (site / path).resolve()
            if target in listed:
                problems.append(f"{path} is listed twice")
            listed.add(target)
            if not target.is_file():
                problems.append(f"{path} is not there")
            elif target == (dist_info / "RECORD").resolve():
                problems += [f"{path} has a digest"] if digest or size else []
            else:
                data = target.read_bytes()
                found = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
                if (digest, size) != (f"sha256={found}", str(len(data))):
                    problems.append(f"{path} is another file")
    present = {path.resolve() for path in everything_below.rglob("*") if path.is_file()}
    return problems + [f"{path} is not listed" for path in sorted(present - listed)]
