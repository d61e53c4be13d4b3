"""Where the variant wheels of a run stand among the variants of their release, before any of them is converted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import NormalizedName
from packaging.version import Version

from bridge.errors import BridgeError, Code
from bridge.formats.wheel.filename import parse_wheel_filename
from bridge.formats.wheel.reader import open_wheel
from bridge.limits import DEFAULT_LIMITS, Limits
from bridge.model.plan import Loss
from bridge.model.variant import VariantMetadata
from bridge.translate.to_conda.variant_order import release_order

_Release = tuple[NormalizedName, Version]


@dataclass(frozen=True, slots=True)
class VariantPlace:
    """What the other variants of its release say about one wheel; fields of a `CondaRequest`."""

    #: `variant_offset`.
    offset: int | None
    #: `variant_losses`.
    losses: tuple[Loss, ...]


def variant_places(wheels: Iterable[Path], limits: Limits = DEFAULT_LIMITS) -> Mapping[str, VariantPlace]:
    """The places of all variant wheels among some wheels, by file name.

    Args:
        wheels: local files, variants or not. One that cannot be read tells nothing, and gets its outcome when it is
            converted.
        limits: of what a reader accepts.

    Returns:
        Of wheels of a release that contradict each other (`CB134`) no offset, so that each has what it says by itself,
        and a loss (`CB252`).
    """
    releases: defaultdict[_Release, list[tuple[str, VariantMetadata]]] = defaultdict(list)
    for path in wheels:
        try:
            stated = parse_wheel_filename(path.name)
            if stated.variant is None:
                continue
            with open_wheel(path, limits=limits) as wheel:
                metadata = wheel.metadata().variant
        except (BridgeError, OSError):
            continue
        if metadata is not None:
            releases[stated.name, stated.version].append((path.name, metadata))
    found: dict[str, VariantPlace] = {}
    for _, parts in sorted(releases.items()):
        found.update(_places(sorted(parts, key=lambda part: part[0])))
    return found


def _places(parts: list[tuple[str, VariantMetadata]]) -> Mapping[str, VariantPlace]:
    try:
        order = release_order(parts)
    except BridgeError as error:
        return {
            filename: VariantPlace(None, (Loss(Code.VARIANT_ORDER, filename, f"no order: {error.message}"),))
            for filename, _ in parts
        }
    found: dict[str, VariantPlace] = {}
    for filename, metadata in parts:
        (label,) = metadata.variants
        losses = tuple(loss for loss in order.losses if loss.subject == filename)
        found[filename] = VariantPlace(order.offsets[label], losses)
    return found
