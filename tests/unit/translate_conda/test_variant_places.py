"""Variant wheels that are converted in one run are ranked together."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from bridge.channel.convert import convert
from bridge.channel.variant_places import variant_places
from bridge.errors import Code
from bridge.formats.wheel.variant_edit import make_variant
from bridge.mapping.variant_rank import build_offset
from bridge.model.plan import Outcome, Status
from bridge.model.variant import VariantMetadata
from tests.support.converted_wheels import sample
from tests.support.foreign_variants import LEVEL, SM, release
from tests.support.sample_packages import index_of

#: on GPUs of capability 8.1 and later, `x` counts by better code; alone, `y` counts by what it has for others.
CROSSED = release("nvidia", {"x": [SM + "81_real"], "y": [SM + "80_real", SM + "103_real"], "null": []})


def wheels(directory: Path, metadata: Mapping[str, VariantMetadata]) -> list[Path]:
    plain = sample().write(directory)
    return [make_variant(plain, directory, label, each)[0] for label, each in metadata.items()]


def numbers(outcomes: tuple[Outcome, ...]) -> dict[str, int]:
    return {
        output.variant.label: index_of(Path(output.path))["build_number"]
        for outcome in outcomes
        for output in outcome.outputs
        if output.variant is not None
    }


def test_a_run_ranks_what_one_wheel_cannot(tmp_path: Path) -> None:
    paths = wheels(tmp_path, dict.fromkeys(CROSSED.variants, CROSSED))
    together = convert(paths, tmp_path / "out").outcomes
    assert numbers(together) == {"x": 300, "y": 200, "null": 100}
    assert not [loss for outcome in together for loss in outcome.losses]
    alone = {label: convert([path], tmp_path / label).outcomes for label, path in zip("xyn", paths, strict=True)}
    assert numbers(alone["x"]) == {"x": build_offset(CROSSED, "x")[0]}
    assert numbers(alone["x"])["x"] < numbers(alone["y"])["y"]


def test_the_order_of_the_inputs_does_not_matter(tmp_path: Path) -> None:
    paths = wheels(tmp_path, dict.fromkeys(CROSSED.variants, CROSSED))
    digests = []
    for name, inputs in (("one", paths), ("other", paths[::-1])):
        outcomes = convert(inputs, tmp_path / name).outcomes
        digests.append({output.filename: output.sha256 for outcome in outcomes for output in outcome.outputs})
    assert digests[0] == digests[1]


@pytest.mark.parametrize("strict", [False, True])
def test_wheels_that_contradict_each_other_are_told(tmp_path: Path, strict: bool) -> None:
    parts = {
        "a": release("nvidia x86_64", {"a": [LEVEL + "v3"]}),
        "b": release("x86_64 nvidia", {"b": [LEVEL + "v2"]}),
    }
    outcomes = convert(wheels(tmp_path, parts), tmp_path / "out", strict=strict).outcomes
    if strict:
        assert {outcome.code for outcome in outcomes} == {Code.STRICT}
        return
    assert {outcome.status for outcome in outcomes} == {Status.CONVERTED}
    assert [[loss.code for loss in outcome.losses] for outcome in outcomes] == [[Code.VARIANT_ORDER]] * 2
    assert numbers(outcomes) == {label: build_offset(part, label)[0] for label, part in parts.items()}


def test_what_cannot_be_read_tells_nothing(tmp_path: Path) -> None:
    (broken := tmp_path / "demo-1.0-py3-none-any-v3.whl").write_bytes(b"no wheel")
    (path,) = wheels(tmp_path, {"v2": release("x86_64", {"v2": [LEVEL + "v2"]})})
    assert variant_places([broken, path, tmp_path / "gone-1.0-py3-none-any-v2.whl"]).keys() == {path.name}
