"""Index-level variant metadata for releases whose wheels bring their own and that nobody merged yet (PEP 825)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from bridge.channel.listing import VARIANTS_SUFFIX, ListedFile
from bridge.errors import BridgeError
from bridge.formats.wheel.archive import WheelArchive
from bridge.formats.wheel.filename import parse_wheel_filename
from bridge.formats.wheel.variant_json import parse_variant_json, write_variant_json
from bridge.formats.wheel.variant_rules import merge
from bridge.formats.wheel.variant_schema import LARGEST_FILE, MEMBER
from bridge.model.variant import VariantMetadata


def missing_variants_files(
    directory: Path, files: Iterable[ListedFile]
) -> tuple[dict[PurePosixPath, bytes], dict[str, BridgeError]]:
    """The `-variants.json` that releases with variants lack.

    Args:
        directory: that the paths of `files` are below.
        files: everything that is listed.

    Returns:
        Path below `directory` -> content, and the path of a wheel -> why its release cannot be listed as variants.
    """
    variants: defaultdict[str, list[ListedFile]] = defaultdict(list)
    present = {file.filename for file in files if file.filename.endswith(VARIANTS_SUFFIX)}
    for file in files:
        if file.filename.endswith(".whl") and (stated := parse_wheel_filename(file.filename)).variant is not None:
            variants[f"{stated.stem}{VARIANTS_SUFFIX}"].append(file)
    made: dict[PurePosixPath, bytes] = {}
    refused: dict[str, BridgeError] = {}
    for name, wheels in sorted(variants.items()):
        if name in present:
            continue
        try:
            metadata = merge([(wheel.filename, _own(directory / wheel.path)) for wheel in wheels])
            made[wheels[0].path.with_name(name)] = write_variant_json(metadata)
        except BridgeError as error:
            refused.update((str(wheel.path), error) for wheel in wheels)
    return made, refused


def _own(path: Path) -> VariantMetadata:
    label = parse_wheel_filename(path.name).variant
    with WheelArchive(path) as archive:
        data = archive.read(f"{archive.dist_info}/{MEMBER}", LARGEST_FILE)
    return parse_variant_json(data, path.name, label=label)
