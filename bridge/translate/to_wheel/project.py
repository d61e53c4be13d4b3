"""Which Python project a conda package is, told by its own metadata first (design, section 7)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import InvalidName, NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from bridge.errors import Code, InvalidInput, Unrepresentable, Unsupported
from bridge.formats.wheel.core_metadata import CoreMetadata, parse_core_metadata
from bridge.formats.wheel.entry_points import parse_entry_points
from bridge.mapping.names import DependencyKind, NameAnswer, NameMapper, NameSource
from bridge.mapping.versions import to_pep440
from bridge.model.conda import CondaVersion, Noarch
from bridge.model.payload import FileFacts
from bridge.model.plan import Loss
from bridge.translate.to_wheel.egg_requirements import parse_egg_requirements
from bridge.translate.to_wheel.places import Area, place_of
from bridge.translate.to_wheel.request import Request

_OWN_METADATA: Final = re.compile(
    r"(?P<directory>[^/]+\.(?:dist-info(?=/METADATA$)|egg-info(?=/PKG-INFO$)|egg-info$))(?:/[^/]+)?"
)
_NAME_AND_VERSION: Final = re.compile(
    r"(?P<name>[^-]+)-(?P<version>[^-]+)(?:\.dist-info|(?:-py[0-9.]+(?:-[^/]*)?)?\.egg-info)"
)


@dataclass(frozen=True, slots=True)
class Project:
    """A package's identity on the wheel side."""

    #: False: a package of native files, under a reserved name.
    python: bool
    name: str
    version: Version
    #: relative to site-packages, `x-1.0.dist-info`, `x-1.0.egg-info`, or None without Python metadata.
    info_directory: str | None = None
    #: metadata of the same project in an older form, which `info_directory` stands for.
    superseded: frozenset[str] = frozenset()
    metadata: CoreMetadata | None = None
    #: what its own metadata requires, extras included.
    requires: tuple[Requirement, ...] = ()
    #: of the package's own entry_points.txt.
    entry_points: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    losses: tuple[Loss, ...] = ()


@dataclass(frozen=True, slots=True)
class OwnMetadata:
    """The package's own METADATA or PKG-INFO."""

    #: relative to site-packages.
    directory: str
    #: of METADATA or PKG-INFO in the payload.
    path: str
    parsed: CoreMetadata
    #: as in `Project`.
    requires: tuple[Requirement, ...] = ()
    superseded: frozenset[str] = frozenset()


def read_metadata(request: Request) -> OwnMetadata | None:
    """Find and parse the metadata of the project that the package was built from.

    Raises:
        Unrepresentable: the package holds several projects (`CB313`).
        InvalidInput: its Python metadata cannot be read (`CB121`).
    """
    found = own_metadata(request.survey.files, request.index.noarch)
    if not found:
        return None
    directory, path = _choose(found, request)
    content = request.survey.files[path].content or b""
    parsed = parse_core_metadata(content, f"{request.origin.filename}: {path}")
    requires = parsed.requires_dist or _egg_requirements(request, path)
    return OwnMetadata(directory, path, parsed, requires, frozenset(found.keys() - {directory}))


def identify(request: Request, own: OwnMetadata | None, mapper: NameMapper) -> Project:
    """Name the wheel.

    Raises:
        Unsupported: a mutex, ABI marker or interpreter, which has no wheel (`CB302`, `CB303`).
        InvalidInput: entry_points.txt cannot be read (`CB117`).
    """
    index = request.index
    subject = request.origin.filename
    answer = mapper.lookup(index.name)
    _refuse_markers(answer, request)
    if own is None:
        return _without_metadata(request, answer, mapper)
    losses: list[Loss] = []
    conda_version = to_pep440(index.version, subject=subject).version
    if own.parsed.version != conda_version:
        detail = f"conda says {index.version}, METADATA says {own.parsed.version}; METADATA was followed"
        losses.append(Loss(Code.VERSION_SPELLING, "version", detail))
    return Project(
        python=True,
        name=own.parsed.name,
        version=own.parsed.version,
        info_directory=own.directory,
        superseded=own.superseded,
        requires=own.requires,
        metadata=own.parsed,
        entry_points=_entry_points(request, own.path),
        losses=tuple(losses),
    )


def own_metadata(paths: Iterable[str], noarch: Noarch) -> Mapping[str, str]:
    """Top-level metadata directories in site-packages -> the payload path of their METADATA or PKG-INFO.

    Nested ones belong to vendored projects (setuptools ships fifteen).
    """
    found: dict[str, str] = {}
    for path in paths:
        place = place_of(path, noarch)
        if place.area is Area.SITE_PACKAGES and (match := _OWN_METADATA.fullmatch(place.relative)):
            found[match["directory"]] = path
    return found


def stated_names(directories: Iterable[str], version: CondaVersion) -> frozenset[NormalizedName]:
    """The project names in metadata directories (`x-1.0.dist-info`, `x-1.0-py3.9.egg-info`) of one version.

    Args:
        directories: their names, as `own_metadata` finds them.
        version: of the conda package; directories of another version say nothing about it.
    """
    names: set[NormalizedName] = set()
    for directory in directories:
        if (stated := _NAME_AND_VERSION.fullmatch(directory)) is None:
            continue
        try:
            if Version(stated["version"]) == to_pep440(version).version:
                names.add(canonicalize_name(stated["name"], validate=True))
        except (InvalidVersion, InvalidName):
            continue
    return frozenset(names)


def _choose(found: Mapping[str, str], request: Request) -> tuple[str, str]:
    """The metadata of the only project; where an old and a new form of it lie side by side, the new one."""
    if len(found) == 1:
        return next(iter(found.items()))
    dist_infos = [item for item in found.items() if item[0].endswith(".dist-info")]
    same = all(stated_names([directory], request.index.version) for directory in found)
    if len(dist_infos) == 1 and same and len(stated_names(found, request.index.version)) == 1:
        return dist_infos[0]
    raise Unrepresentable(
        Code.SEVERAL_PROJECTS,
        f"the package holds {len(found)} projects ({', '.join(sorted(found))}); a wheel holds one",
        subject=request.origin.filename,
    )


def _without_metadata(request: Request, answer: NameAnswer, mapper: NameMapper) -> Project:
    index = request.index
    version = to_pep440(index.version, subject=request.origin.filename)
    losses: list[Loss] = []
    if not version.exact:
        detail = f"the conda version {index.version} is spelled {version.version}"
        losses.append(Loss(Code.VERSION_SPELLING, "version", detail))
    if not _is_python(request):
        return Project(
            python=False,
            name=mapper.native_distribution(index.name),
            version=version.version,
            losses=tuple(losses),
        )
    if answer.kind is DependencyKind.PYTHON and answer.distribution is not None:
        name = answer.distribution
    else:
        name = mapper.native_distribution(index.name)
    if answer.source not in (NameSource.OVERLAY, NameSource.TABLE):
        detail = f"the package has no Python metadata; it is named {name} after its conda name"
        losses.append(Loss(Code.MISSING_NAME, str(index.name), detail))
    return Project(python=True, name=name, version=version.version, losses=tuple(losses))


def _is_python(request: Request) -> bool:
    index = request.index
    if index.noarch is Noarch.PYTHON:
        return True
    places = (place_of(path, index.noarch) for path in request.survey.files)
    return any(place.area is Area.SITE_PACKAGES and not place.relative.endswith(".pyc") for place in places)


def _egg_requirements(request: Request, metadata_path: str) -> tuple[Requirement, ...]:
    directory, _, name = metadata_path.rpartition("/")
    facts = request.survey.files.get(f"{directory}/requires.txt") if name == "PKG-INFO" else None
    if facts is None:
        return ()
    return parse_egg_requirements(facts.content or b"", f"{request.origin.filename}: {directory}")


def _entry_points(request: Request, metadata_path: str) -> Mapping[str, Mapping[str, str]]:
    if not metadata_path.endswith(("/METADATA", "/PKG-INFO")):
        return {}
    path = metadata_path.rpartition("/")[0] + "/entry_points.txt"
    facts: FileFacts | None = request.survey.files.get(path)
    if facts is None:
        return {}
    subject = f"{request.origin.filename}: {path}"
    try:
        text = (facts.content or b"").decode()
    except UnicodeDecodeError:
        raise InvalidInput(Code.BAD_DIST_INFO, "is not UTF-8", subject=subject) from None
    return parse_entry_points(text, subject)


def _refuse_markers(answer: NameAnswer, request: Request) -> None:
    subject = request.origin.filename
    interpreter = answer.kind is DependencyKind.INTERPRETER
    if interpreter and (request.index.name == "python" or request.survey.files):
        raise Unsupported(Code.INTERPRETER, "this is a Python interpreter, or a part of one", subject=subject)
    if answer.kind in (DependencyKind.VIRTUAL, DependencyKind.MUTEX, DependencyKind.INTERPRETER):
        raise Unsupported(
            Code.MARKER_PACKAGE,
            f"{request.index.name} only steers conda's solver; tags and markers stand for it in a wheel",
            subject=subject,
        )
