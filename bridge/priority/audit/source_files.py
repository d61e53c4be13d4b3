"""A look into small files of sources: whether they are and say what the source says."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from bridge.errors import BridgeError, Code, InvalidInput
from bridge.formats.conda.artifact import open_artifact
from bridge.formats.wheel.archive import WheelArchive
from bridge.formats.wheel.core_metadata import parse_core_metadata
from bridge.limits import DEFAULT_LIMITS, MIB
from bridge.priority.catalogue import Catalogue, CataloguedFile, CataloguedProject, Inside, Listing
from bridge.priority.look import Target, normalized
from bridge.priority.look_conda import required_names, said_by
from bridge.priority.look_pypi import checked_requirements, required_projects
from bridge.priority.matching import version_key
from bridge.priority.overlay_fetch import Origins
from bridge.priority.overlay_source import followed
from bridge.priority.policy import Ecosystem

#: in bytes; most pure packages are smaller.
SMALL: Final = 4 * MIB
#: files of one name in one source.
_MOST_FILES: Final = 16


def look_inside(
    catalogue: Catalogue,
    targets: Sequence[Target],
    origins: Origins,
    names: Mapping[Ecosystem, Collection[str]],
    *,
    limit: int = SMALL,
    jobs: int = 4,
) -> Catalogue:
    """A catalogue with what files say themselves: of each name those of the newest version, if they are small.

    Nothing of a file is unpacked to the disk or executed, and what is larger than `limit` is not looked into.

    Args:
        catalogue: what `look` has found.
        targets: the sources, as they were given to `look`.
        origins: asks, with the credentials of the sources.
        names: whose files are looked into, in any spelling.
        limit: bytes of a file.
        jobs: requests at a time.

    Returns:
        the same listings; what could not be read is told in their problems.
    """
    found = []
    with ThreadPoolExecutor(max(jobs, 1)) as pool:
        for listing in catalogue.listings:
            target = next((one for one in targets if catalogue.of(one.ecosystem, one.url) is listing), None)
            if target is None:
                found.append(listing)
                continue
            wanted = {normalized(name, listing.ecosystem) for name in names.get(listing.ecosystem, ())}
            look = partial(_look_into, target, origins, limit)
            questions = [(name, file) for name in sorted(wanted) for file in _chosen(listing, name, limit)]
            answers = list(pool.map(lambda question, look=look: look(*question), questions))
            found.append(_with(listing, questions, answers))
    return Catalogue(tuple(found))


def _chosen(listing: Listing, name: str, limit: int) -> tuple[CataloguedFile, ...]:
    """The files of the newest version that are not said to be too large."""
    project = listing.projects.get(name)
    files = [file for file in project.usable if _is_readable(file, listing.ecosystem)] if project is not None else []
    keys = {file.version: key for file in files if (key := version_key(listing.ecosystem, file.version)) is not None}
    newest = max(keys, key=lambda version: keys[version], default=None)
    small = [file for file in files if file.version == newest and (file.size is None or file.size <= limit)]
    return tuple(sorted(small, key=lambda file: file.filename)[:_MOST_FILES])


def _is_readable(file: CataloguedFile, ecosystem: Ecosystem) -> bool:
    return ecosystem is Ecosystem.CONDA or file.filename.endswith(".whl")


def _look_into(target: Target, origins: Origins, limit: int, name: str, file: CataloguedFile) -> Inside | str | None:
    """What a file says; a text is what is wrong with it, and None that it is too large."""
    try:
        address = followed(file.url, f"{target.url.rstrip('/')}/", pinned=file.sha256 is not None)
        answer = origins.get(
            target.source, target.ecosystem, address, limit=limit, elsewhere=file.sha256 is not None
        )  # fmt: skip
        if answer is None:
            raise InvalidInput(Code.SOURCE, "is listed, but not there", subject=file.filename)
    except BridgeError as error:
        return None if error.code is Code.LIMIT else f"{file.filename}: {error.message}"
    if file.sha256 not in (None, answer.sha256):
        return Inside(answer.sha256)
    read = _conda if target.ecosystem is Ecosystem.CONDA else _wheel
    with tempfile.TemporaryDirectory(prefix="conda-bridge-") as directory:
        path = Path(directory) / "file"
        path.write_bytes(answer.body)
        try:
            stated, required = read(path, name, file)
        except BridgeError as error:
            return f"{file.filename}: {error.message}"
    claimed = required_names if target.ecosystem is Ecosystem.CONDA else required_projects
    return Inside(answer.sha256, stated, tuple(sorted(claimed(file.requires) - required)))


def _conda(path: Path, name: str, file: CataloguedFile) -> tuple[str, frozenset[str]]:
    """What `info/index.json` says, and the packages that it requires."""
    with open_artifact(path, filename=file.filename) as artifact:
        index = artifact.metadata().index
    return said_by(name, index.raw), required_names(index.depends)


def _wheel(path: Path, _name: str, file: CataloguedFile) -> tuple[str, frozenset[str]]:
    """The sha256 of METADATA, and the projects that it requires."""
    with WheelArchive(path) as archive:
        metadata = archive.read(f"{archive.dist_info}/METADATA", DEFAULT_LIMITS.headers_size)
    requires = parse_core_metadata(metadata, file.filename).get_all("Requires-Dist")
    return hashlib.sha256(metadata).hexdigest(), required_projects(checked_requirements(requires))


def _with(
    listing: Listing, questions: Sequence[tuple[str, CataloguedFile]], answers: Sequence[Inside | str | None]
) -> Listing:
    """The listing with what was found."""
    insides = {
        (name, file): answer
        for (name, file), answer in zip(questions, answers, strict=True)
        if isinstance(answer, Inside)
    }
    projects = {
        name: replace(project, files=tuple(_known(name, project, insides)))
        for name, project in listing.projects.items()
    }
    problems = tuple(answer for answer in answers if isinstance(answer, str))
    return replace(listing, projects=projects, problems=(*listing.problems, *problems))


def _known(
    name: str, project: CataloguedProject, insides: Mapping[tuple[str, CataloguedFile], Inside]
) -> Iterator[CataloguedFile]:
    for file in project.files:
        yield replace(file, inside=insides.get((name, file), file.inside))
