"""The packages of a Miniforge base environment become wheels and come back, as py-rattler and tarfile read them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import rattler
from rattler.package_streaming import extract

from bridge.channel.convert import convert
from bridge.model.plan import Layout, Status
from tests.support.independent_looks import look_at_package, look_at_wheel

#: small enough to be quick, and all kinds: Python, noarch, native, links, placeholders, link scripts.
_LARGEST = 100_000


@pytest.fixture(scope="module")
def packages(miniforge: Path) -> list[Path]:
    found = sorted(
        path
        for path in miniforge.rglob("*")
        if path.name.endswith((".conda", ".tar.bz2")) and path.stat().st_size < _LARGEST
    )
    assert len(found) > 25
    return found


@pytest.fixture(scope="module", params=[Layout.PREFIX, Layout.SHARED], ids=lambda layout: layout.value)
def returned(
    request: pytest.FixtureRequest, packages: list[Path], tmp_path_factory: pytest.TempPathFactory
) -> list[tuple[Path, Path]]:
    """Original and result of all that become wheels."""
    directory = tmp_path_factory.mktemp("back")
    pairs = []
    for number, package in enumerate(packages):
        (there,) = convert([package], directory / f"wheels-{number}", layout=request.param).outcomes
        if there.status is not Status.CONVERTED:
            assert there.status in (Status.UNSUPPORTED, Status.UNREPRESENTABLE), there
            continue
        (back,) = convert([there.outputs[0].path], directory / f"channel-{number}").outcomes
        assert back.status is Status.CONVERTED, back.message
        (output,) = back.outputs
        assert output.filename == package.name.replace(".tar.bz2", ".conda")
        assert Path(output.path).parent.name == package.parent.name
        pairs.append((package, Path(output.path)))
    assert len(pairs) >= len(packages) - 3
    return pairs


def test_payload_and_metadata_are_the_same(returned: list[tuple[Path, Path]]) -> None:
    for original, result in returned:
        expected, found = look_at_package(original), look_at_package(result)
        assert found.payload == expected.payload, original.name
        assert found.info == expected.info, original.name


def test_rattler_reads_the_same(returned: list[tuple[Path, Path]], tmp_path: Path) -> None:
    for number, pair in enumerate(returned):
        seen = []
        for name, package in zip(("original", "result"), pair, strict=True):
            place = tmp_path / f"{number}-{name}"
            extract(package, place)
            paths = rattler.PathsJson.from_package_directory(place)
            entries = sorted(
                (
                    str(entry.relative_path),
                    str(entry.path_type),
                    entry.sha256,
                    entry.size_in_bytes,
                    entry.no_link,
                    None if entry.prefix_placeholder is None else entry.prefix_placeholder.placeholder,
                    None if entry.prefix_placeholder is None else str(entry.prefix_placeholder.file_mode),
                )
                for entry in paths.paths
            )
            index = rattler.IndexJson.from_package_directory(place)
            record = (index.name.normalized, str(index.version), str(index.build), index.depends, index.constrains)
            documents = {each.name: json.loads(each.read_text()) for each in sorted((place / "info").glob("*.json"))}
            seen.append((entries, record, documents))
        assert seen[0] == seen[1], pair[0].name


def test_what_comes_back_becomes_the_same_wheel(returned: list[tuple[Path, Path]], tmp_path: Path) -> None:
    original, result = max(returned, key=lambda pair: pair[0].stat().st_size)
    looks = []
    for name, package in (("original", original), ("result", result)):
        (outcome,) = convert([package], tmp_path / name, layout=Layout.PREFIX).outcomes
        members = look_at_wheel(Path(outcome.outputs[0].path))
        # They name the archive that the wheel was made of.
        aside = ("conda/provenance.json", "sboms/conda-bridge.cdx.json", ".dist-info/RECORD")
        looks.append({member: data for member, data in members.items() if not member.endswith(aside)})
    assert looks[0] == looks[1]
