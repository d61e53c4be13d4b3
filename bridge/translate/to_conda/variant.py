"""What a variant wheel adds to its conda package (PEP 825 in conda's terms)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bridge.errors import Code
from bridge.mapping.variant_terms import VariantTerms
from bridge.mapping.variant_terms import variant_terms as terms_of

if TYPE_CHECKING:
    from bridge.model.plan import Loss
    from bridge.translate.to_conda.request import CondaRequest


def variant_terms(request: CondaRequest) -> VariantTerms | None:
    """What the wheel's variant metadata say, in conda's terms; None for a wheel that is no variant.

    The whole release, where it is converted in one run, knows its order better than one wheel
    (`CondaRequest.variant_offset`).

    Raises:
        Unrepresentable: `CB340`, no machine has all that the properties ask for.
    """
    metadata, label = request.metadata.variant, request.metadata.label
    if metadata is None or label is None:
        return None
    found = terms_of(metadata, label, request.filename.tags, subject=request.origin.filename, axes=request.axes)
    if not request.options.conditional:
        # Flags are of repodata v3 alone; without them the label in the build string tells variants apart.
        found = replace(found, flags=(), losses=_without(found.losses, Code.VARIANT_FLAG))
    if request.variant_offset is not None:
        # What the whole release cannot rank either is a loss that was found there.
        found = replace(found, build_offset=request.variant_offset, losses=_without(found.losses, Code.VARIANT_ORDER))
    return replace(found, losses=(*found.losses, *request.variant_losses))


def _without(losses: tuple[Loss, ...], code: Code) -> tuple[Loss, ...]:
    return tuple(loss for loss in losses if loss.code is not code)
