"""Wishes compiled into what servers publish, checked with the clients' own rules."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from bridge.formats.wheel.variant_json import parse_variant_json
from bridge.model.host import Host, Release
from bridge.select.intent import Intent, Pattern
from bridge.select.overlay import compile_intent, write_compiled
from bridge.select.select import select
from tests.support.families import PYTHON

OPENBLAS = Pattern.parse("blas_lapack :: library :: openblas")


def patched(channel: Path, patches: dict[str, object], directory: Path) -> Path:
    """The channel after its indexer has applied the patches."""
    for document in channel.rglob("repodata.json"):
        content = json.loads(document.read_text())
        records = content["packages.conda"]
        for filename in patches["remove"]:
            records.pop(filename, None)
        for filename, changes in patches["packages.conda"].items():
            if filename in records:
                records[filename].update(changes)
        target = directory / document.parent.name / document.name
        target.parent.mkdir(parents=True)
        target.write_text(json.dumps(content))
    return directory


def test_a_conda_client_of_the_patched_channel_does_what_the_user_wants(
    channel: Path, machine: Callable[..., Host], tmp_path: Path
) -> None:
    intent = Intent(prefer=(OPENBLAS,), never=(Pattern("x86_64"),))
    host = machine(cuda=Release(12, 4))
    wanted = select("gpupkg", [channel], None, host, PYTHON, intent=intent)
    assert wanted.release is not None
    compiled = compile_intent(wanted.release, intent)
    overlaid = patched(channel, dict(compiled.patches), tmp_path / "patched")
    assert select("gpupkg", [overlaid], None, host, PYTHON).conda == wanted.conda
    assert wanted.conda == "gpupkg-1.0-cuda120_openblas_v1_py312_0.conda"


def test_what_clients_cannot_do_is_said(channel: Path, machine: Callable[..., Host], tmp_path: Path) -> None:
    release = select("gpupkg", [channel], None, machine(), PYTHON).release
    assert release is not None
    several = Intent(prefer=(Pattern.parse("x86_64"), OPENBLAS), order=("nvidia",))
    said = " ".join(compile_intent(release, several).unsaid)
    for phrase in ("older versions", "only preferred and not", "no order of axes", "index --for-host"):
        assert phrase in said
    lines = write_compiled(compile_intent(release, several), release, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"gpupkg-1.0-variants.json", "patch_instructions.json"}
    parse_variant_json((tmp_path / "gpupkg-1.0-variants.json").read_bytes(), "x")
    assert len([line for line in lines if line.startswith("note: ")]) == 4


def test_a_family_without_variants_needs_no_overlay(channel: Path, machine: Callable[..., Host]) -> None:
    release = select("manypy", [channel], None, machine(), (3, 11)).release
    assert release is not None
    quiet = compile_intent(release, Intent())
    assert quiet.patches["remove"] == []
    assert quiet.patches["packages.conda"] == {}
