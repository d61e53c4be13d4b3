"""A user's wishes compiled into what servers publish, and what no client can be made to do.

* For wheel clients, an overlay `{name}-{version}-variants.json`: uv takes an index's metadata in place of the
  wheels' own, so the same wheel files obey it.
* For conda clients, `patch_instructions.json` (what conda's indexers apply to repodata): builds that are never
  wanted are removed, and builds that are not preferred get `track_features`, which every solver tries last.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bridge.formats.wheel.variant_json import write_variant_json
from bridge.model.variant import VariantMetadata
from bridge.select.intent import Intent, applied
from bridge.select.plan import PlannedRelease

#: the feature that marks a build down; nothing provides it.
_FEATURE: Final = "not_preferred"
_SECTIONS: Final = {".conda": "packages.conda", ".tar.bz2": "packages"}


@dataclass(frozen=True, slots=True)
class CompiledIntent:
    """What to publish for one release."""

    #: None: there are no variants to put in order.
    variants: VariantMetadata | None
    #: in the form of `patch_instructions.json`.
    patches: Mapping[str, Any] = field(default_factory=dict)
    #: what some client will not do, each a sentence.
    unsaid: tuple[str, ...] = ()


def compile_intent(release: PlannedRelease, intent: Intent) -> CompiledIntent:
    """Compile wishes for one release of a channel, and for the wheels made of it."""
    family = release.family
    properties = release.properties()
    never = [each for each in release.builds if intent.forbids(properties.get(each.filename, frozenset()))]
    kept = [each for each in release.builds if each not in never]
    ranks = {each.filename: intent.rank(properties.get(each.filename, frozenset())) for each in kept}
    best = min(ranks.values(), default=1)
    marked = [each for each in kept if ranks[each.filename] > best]
    patches: dict[str, Any] = {"patch_instructions_version": 1, "packages": {}, "packages.conda": {}, "remove": []}
    for build in marked:
        section = next(name for suffix, name in _SECTIONS.items() if build.filename.endswith(suffix))
        features = (*build.index.track_features, _FEATURE)
        patches[section][build.filename] = {"track_features": " ".join(dict.fromkeys(features))}
    patches["remove"] = sorted(each.filename for each in never)
    unsaid = []
    if marked:
        unsaid.append("conda tries builds with track_features after older versions that have none")
    if any(each.index.track_features for each in kept if each not in marked) and marked:
        unsaid.append("conda cannot tell preferred builds that have track_features of their own from the others")
    if len(set(ranks.values())) > 2:
        unsaid.append("conda knows only preferred and not: the order among several preferences is left to it")
    if intent.order:
        unsaid.append("conda has no order of axes; it goes by build numbers")
    if family.metadata.namespaces:
        unsaid.append(
            "clients without variants (pip, poetry, uv lock) see one wheel of a release; use index --for-host"
        )
        return CompiledIntent(applied(family.metadata, intent), patches, tuple(unsaid))
    return CompiledIntent(None, patches, tuple(unsaid))


def write_compiled(compiled: CompiledIntent, release: PlannedRelease, directory: Path) -> tuple[str, ...]:
    """Write the overlays of one release into a directory.

    Returns:
        for a person: what was written, and what cannot be had.
    """
    directory.mkdir(parents=True, exist_ok=True)
    lines = []
    if compiled.variants is not None:
        path = directory / f"{release.family.name}-{release.version}-variants.json"
        path.write_bytes(write_variant_json(compiled.variants))
        lines.append(f"wrote {path.name}: publish it in place of the index's own")
    path = directory / "patch_instructions.json"
    path.write_text(json.dumps(compiled.patches, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    lines.append(f"wrote {path.name}: apply it to the channel's repodata")
    return (*lines, *(f"note: {line}" for line in compiled.unsaid))
