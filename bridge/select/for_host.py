"""A plain index for one kind of machine: every release offers exactly the wheel that such a machine should get.

For clients that know no variants (pip, poetry, `uv lock`): what a variant-aware client would choose there is
copied without its label, and nothing else of the release is listed. The wheels lie in `for-host/` beside
`simple/`, and `DIR` itself stays as it is.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from packaging.utils import NormalizedName
from packaging.version import Version

from bridge.channel.listing import ListedFile
from bridge.channel.simple import FOR_HOST, IndexReport, collect, write_index
from bridge.errors import BridgeError, Code, InvalidInput
from bridge.formats.wheel.filename import drop_label, parse_wheel_filename
from bridge.formats.wheel.variant_edit import undo_variant
from bridge.formats.wheel.variant_json import parse_variant_json
from bridge.limits import DEFAULT_LIMITS
from bridge.model.host import Host
from bridge.select.intent import NO_INTENT, Intent, applied
from bridge.select.wheel_side import WheelMachine, WheelOffer, WheelRelease, ranked, wheel_machine

#: minors of Python 3 that an index is made for.
_MINORS: Final = range(8, 16)


@dataclass(frozen=True, slots=True)
class PlainWheel:
    """One wheel of the plain index, and what it is a copy of."""

    project: NormalizedName
    version: Version
    filename: str
    original: str
    #: None: it had none before.
    label: str | None


@dataclass(frozen=True, slots=True)
class ForHostReport:
    """What was written, and which releases a machine of this kind can get no wheel of (`{project} {version}`)."""

    index: IndexReport
    wheels: tuple[PlainWheel, ...]
    without: tuple[str, ...]


def write_for_host(
    directory: Path, host: Host, *, out: Path | None = None, intent: Intent = NO_INTENT, title: str = "Simple index"
) -> ForHostReport:
    """Write `out/for-host/*.whl` and `out/simple/` from the wheels below `directory`.

    Args:
        directory: wheels and `-variants.json` files, as for `write_index`.
        host: the machine; for each Python from 3.8 to 3.15 it gets what suits it best.
        out: where to write; `directory` itself where None.
        intent: what its user wants.
        title: heading of the root page.

    Raises:
        InvalidInput: `directory` is none (`CB119`), or a variants file is malformed.
        Unsupported: something else than an index is in the way (`CB322`).
    """
    if not directory.is_dir():
        raise InvalidInput(Code.SOURCE, "there is no such directory", subject=str(directory))
    target = directory if out is None else out
    target.mkdir(parents=True, exist_ok=True)
    listed, rejected = collect(directory)
    machines = [wheel_machine(host, (3, minor)) for minor in _MINORS]
    chosen: list[PlainWheel] = []
    without: list[str] = []
    fresh = Path(tempfile.mkdtemp(prefix=f".{FOR_HOST}-", dir=target))
    try:
        fresh.chmod(0o755)
        for files in _releases(listed):
            found = _chosen(directory, files, machines, intent)
            if not found:
                without.append(f"{files[0].project} {files[0].version}")
            chosen.extend(_copy(directory, file, fresh) for file in found)
        _replace_directory(fresh, target / FOR_HOST)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    index = write_index(target, title=title, below=PurePosixPath(FOR_HOST))
    report = IndexReport(index.directory, index.projects, tuple(sorted({**rejected, **dict(index.rejected)}.items())))
    return ForHostReport(report, tuple(chosen), tuple(without))


def _releases(listed: Iterable[ListedFile]) -> list[list[ListedFile]]:
    found: dict[tuple[NormalizedName, Version], list[ListedFile]] = {}
    for file in sorted(listed, key=lambda file: (file.project, file.version, file.filename)):
        found.setdefault((file.project, file.version), []).append(file)
    return list(found.values())


def _chosen(
    directory: Path, files: list[ListedFile], machines: Iterable[WheelMachine], intent: Intent
) -> list[ListedFile]:
    """The files of one release that some Python of the machine gets, without repetitions of a plain name."""
    wheels = {file.filename: file for file in files if file.filename.endswith(".whl")}
    variants = next((file for file in files if file.filename not in wheels), None)
    metadata = None
    if variants is not None:
        data = (directory / variants.path).read_bytes()
        if len(data) > DEFAULT_LIMITS.metadata_size:
            raise InvalidInput(Code.LIMIT, "is too large", subject=variants.filename)
        metadata = applied(parse_variant_json(data, variants.filename), intent)
    offers = []
    for file in wheels.values():
        name = parse_wheel_filename(file.filename)
        offers.append(
            WheelOffer(file.filename, name.tags, name.variant, name.build, requires_python=file.requires_python)
        )
    release = WheelRelease(files[0].version, tuple(offers), metadata)
    found: dict[str, ListedFile] = {}
    for machine in machines:
        for best in ranked(release, machine)[:1]:
            found.setdefault(_plain_name(best.filename), wheels[best.filename])
    return list(found.values())


def _plain_name(filename: str) -> str:
    return drop_label(filename)[0] if parse_wheel_filename(filename).variant is not None else filename


def _copy(directory: Path, file: ListedFile, fresh: Path) -> PlainWheel:
    source = directory / file.path
    label = parse_wheel_filename(file.filename).variant
    if label is None:
        made = fresh / file.filename
        try:
            os.link(source, made)
        except OSError:
            shutil.copyfile(source, made)
    else:
        made, _ = undo_variant(source, fresh)
    return PlainWheel(file.project, file.version, made.name, file.filename, label)


def _replace_directory(fresh: Path, target: Path) -> None:
    """Put `fresh` in the place of what this module wrote before."""
    if target.exists() or target.is_symlink():
        if target.is_symlink() or not target.is_dir() or any(not _is_ours(path) for path in target.iterdir()):
            raise _in_the_way(target)
        shutil.rmtree(target)
    fresh.rename(target)


def _is_ours(path: Path) -> bool:
    return path.is_file() and path.name.endswith((".whl", ".whl.metadata"))


def _in_the_way(target: Path) -> BridgeError:
    return InvalidInput(
        Code.OUTPUT_TAKEN, "holds something else than wheels, and would be replaced", subject=str(target)
    )
