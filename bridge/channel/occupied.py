"""What already lies where an output is to go: replaced if it is the same thing made again, else left alone."""

from __future__ import annotations

import json
from pathlib import Path

from bridge.errors import BridgeError
from bridge.formats.wheel.archive import WheelArchive
from bridge.formats.wheel.variant_json import parse_variant_json

_ONCE_MORE = "convert everything that belongs together in one run, or choose another directory"


def wheel_in_the_way(existing: Path, fresh: Path) -> str | None:
    """Why `fresh` must not take the place of a wheel: it was made of something else, or in another layout.

    Returns:
        None where nothing is there, or the same artifact converted before.
    """
    if not existing.is_file() or existing.is_symlink():
        return None
    old, new = _made_of(existing), _made_of(fresh)
    if old == new and old is not None:
        return None
    if old is None:
        return "a wheel that was not made by the bridge, or a damaged one, is there"
    return f"a wheel made of {old[0]} in the {old[2]} layout is there; {_ONCE_MORE}"


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
