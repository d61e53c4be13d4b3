"""The project name that a package's file list gives away, without a look at its payload."""

from __future__ import annotations

from packaging.utils import NormalizedName, canonicalize_name

from bridge.model.conda import CondaMetadata
from bridge.translate.to_wheel.project import own_metadata, stated_names


def own_distribution(metadata: CondaMetadata) -> NormalizedName | None:
    """The name in the top-level `*.dist-info` or `*.egg-info` of the package.

    Returns:
        None where there is none of the package's version, or several and none is named like the package.
    """
    found = own_metadata((entry.path for entry in metadata.paths), metadata.index.noarch)
    names = stated_names(found, metadata.index.version)
    namesake = canonicalize_name(metadata.index.name)
    if namesake in names:
        return namesake
    return next(iter(names)) if len(names) == 1 else None
