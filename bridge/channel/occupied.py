"""What already lies where an output is to go: replaced if it is the same thing made again, else left alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from bridge.errors import BridgeError
from bridge.formats.conda.artifact import open_artifact
from bridge.formats.wheel.archive import WheelArchive
from bridge.formats.wheel.variant_json import parse_variant_json
from bridge.model.conda_plan import ABOUT_KEY

_ONCE_MORE = "convert everything that belongs together in one run, or choose another directory"


def wheel_in_the_way(existing: Path, fresh: Path) -> str | None:
    """Why `fresh` must not take the place of a wheel: it was made of something else, or in another layout.

    Returns:
        None where nothing is there, or the same artifact converted before, or a wheel with the same content.
    """
    if not existing.is_file() or existing.is_symlink():
        return None
    old, new = _made_of(existing), _made_of(fresh)
    if (old == new and old is not None) or _record_of(existing) == _record_of(fresh) is not None:
        return None
    if old is None:
        return "a wheel that was not made by the bridge, or a damaged one, is there"
    return f"a wheel made of {old[0]} in the {old[2]} layout is there; {_ONCE_MORE}"


def package_in_the_way(existing: Path, fresh: Path) -> str | None:
    """Why `fresh` must not take the place of a conda package: it was made of another wheel, or is another build.

    Returns:
        None where nothing is there, or the same wheel converted before.
    """
    if not existing.is_file() or existing.is_symlink():
        return None
    old, new = _described(existing), _described(fresh)
    if old is not None and new is not None and (old.documents == new.documents or old.source == new.source is not None):
        return None
    what = "that was not made by the bridge" if old is None or old.source is None else f"made of {old.source[0]}"
    return f"a package {what} is there; {_ONCE_MORE}"


@dataclass(frozen=True, slots=True)
class _Description:
    #: (file name, sha256) of the wheel, out of the bridge's own provenance.
    source: tuple[str, str] | None
    #: what the package says and holds.
    documents: tuple[bytes | None, bytes | None]


def _described(package: Path) -> _Description | None:
    try:
        with open_artifact(package) as artifact:
            metadata = artifact.metadata()
    except BridgeError:
        return None
    files = metadata.info_files
    documents = files.get("info/index.json"), files.get("info/paths.json")
    try:
        source = metadata.about.raw["extra"][ABOUT_KEY]["source"]
        return _Description((str(source["filename"]), str(source["sha256"])), documents)
    except (KeyError, TypeError):
        return _Description(None, documents)


def family_in_the_way(existing: Path, fresh: Path) -> str | None:
    """Why a `-variants.json` must not take the place of another: variants that are there would no longer be listed."""
    if not existing.is_file() or existing.is_symlink():
        return None
    try:
        old = parse_variant_json(existing.read_bytes(), existing.name)
    except BridgeError:
        return None  # clients cannot read it either
    new = parse_variant_json(fresh.read_bytes(), fresh.name)
    missing = sorted(old.variants.keys() - new.variants.keys())
    return (
        f"the release there has variants that are not among these ({', '.join(missing)}); {_ONCE_MORE}"
        if missing
        else None
    )


def _made_of(wheel: Path) -> tuple[str, str, str] | None:
    """(file name, sha256, layout) out of the bridge's own provenance."""
    try:
        with WheelArchive(wheel) as archive:
            document = json.loads(archive.read(f"{archive.dist_info}/conda/provenance.json"))
        source = document["source"]
        return str(source["filename"]), str(source["sha256"]), str(document["layout"])
    except (BridgeError, OSError, ValueError, KeyError, TypeError):
        return None


def _record_of(wheel: Path) -> bytes | None:
    """RECORD, which has the digest of everything else."""
    try:
        with WheelArchive(wheel) as archive:
            return archive.read(f"{archive.dist_info}/RECORD")
    except (BridgeError, OSError):
        return None
