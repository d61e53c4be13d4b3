"""The project name that a package's file list gives away, without a look at its payload."""

from __future__ import annotations

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from bridge.mapping.versions import to_pep440
from bridge.model.conda import CondaMetadata
from bridge.translate.to_wheel.project import own_metadata


def own_distribution(metadata: CondaMetadata) -> str | None:
    """The name in the only top-level `*.dist-info` or `*.egg-info` of the package, normalised.

    Returns:
        None where there is no such directory, or several, or one of another version.
    """
    found = own_metadata((entry.path for entry in metadata.paths), metadata.index.noarch)
    if len(found) != 1:
        return None
    directory = next(iter(found)).removesuffix(".dist-info").removesuffix(".egg-info")
    name, _, rest = directory.partition("-")
    try:
        version = Version(rest.partition("-py")[0])
    except InvalidVersion:
        return None
    own = to_pep440(metadata.index.version).version
    return canonicalize_name(name) if version == own else None
