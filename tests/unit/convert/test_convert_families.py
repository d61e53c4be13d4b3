"""Builds of one release given together become one consistent family of variants."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from bridge.channel.convert import convert
from bridge.channel.simple import write_index
from bridge.errors import Code, Unsupported
from bridge.formats.wheel.variant_check import check_files
from bridge.model.plan import Layout, Outcome, Status
from tests.support.sample_packages import noarch_package

RELEASE = "demo-1.0-py3-none-any"


def build(directory: Path, name: str, number: int, *depends: str, **index: object) -> Path:
    """One build of `demo` 1.0 that carries its own name, so that the wheel made of it can be told."""
    directory.mkdir(exist_ok=True)
    files = {"site-packages/demo_build.py": f"BUILD = {name!r}\n".encode()}
    merged = {"depends": ["python >=3.9", *depends], "build_number": number, **index}
    return noarch_package(directory, build=name, files=files, index=merged)


def gpu_family(directory: Path) -> list[Path]:
    return [
        build(directory, "cpu_0", 0),
        build(directory, "cuda12_200", 200, "__cuda >=12"),
        build(directory, "cuda13_201", 201, "__cuda >=13"),
    ]


def run(inputs: list[Path], out: Path, **more: object) -> tuple[dict[str, Outcome], list[str]]:
    report = convert(inputs, out, layout=Layout.PREFIX, **more)  # type: ignore[arg-type]
    return {Path(outcome.input).name: outcome for outcome in report.outcomes}, sorted(p.name for p in out.iterdir())


def content_of(path: Path) -> str:
    with zipfile.ZipFile(path) as wheel:
        return wheel.read("demo_build.py").decode()


def test_every_build_becomes_a_variant_beside_one_plain_wheel(tmp_path: Path) -> None:
    outcomes, names = run(gpu_family(tmp_path / "in"), tmp_path / "out")
    assert names == [
        "demo-1.0-py3-none-any-cu12.whl",
        "demo-1.0-py3-none-any-cu13.whl",
        "demo-1.0-py3-none-any-null.whl",
        "demo-1.0-py3-none-any.whl",
        "demo-1.0-variants.json",
    ]
    assert all(outcome.status is Status.CONVERTED for outcome in outcomes.values())
    assert not check_files(sorted((tmp_path / "out").iterdir()))
    for label, source in (("-cu12", "cuda12_200"), ("-cu13", "cuda13_201"), ("-null", "cpu_0"), ("", "cpu_0")):
        assert source in content_of(tmp_path / "out" / f"{RELEASE}{label}.whl")


def test_outcomes_name_the_variants_of_each_build(tmp_path: Path) -> None:
    outcomes, _ = run(gpu_family(tmp_path / "in"), tmp_path / "out")
    documents = {name: outcome.to_json()["outputs"] for name, outcome in outcomes.items()}
    (cuda,) = documents["demo-1.0-cuda12_200.conda"]
    assert cuda["variant"] == {"label": "cu12", "properties": ["nvidia :: cuda_version_lower_bound :: 12.0"]}
    assert cuda["source"]["filename"] == "demo-1.0-cuda12_200.conda"
    plain, null = sorted(documents["demo-1.0-cpu_0.conda"], key=lambda item: item["variant"] is not None)
    assert (plain["variant"], null["variant"]["label"]) == (None, "null")


def test_what_a_property_says_is_no_loss_any_more(tmp_path: Path) -> None:
    builds = gpu_family(tmp_path / "in")
    alone, _ = run(builds[1:2], tmp_path / "alone")
    together, _ = run(builds, tmp_path / "together")
    name = "demo-1.0-cuda12_200.conda"
    assert Code.VIRTUAL_PACKAGE in {loss.code for loss in alone[name].losses}
    assert Code.VIRTUAL_PACKAGE not in {loss.code for loss in together[name].losses}


def test_the_index_is_the_same_whatever_the_order_and_the_number_of_jobs(tmp_path: Path) -> None:
    builds = gpu_family(tmp_path / "in")
    run(builds, tmp_path / "one")
    run(builds[::-1], tmp_path / "two", jobs=2)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name


def test_a_build_that_conda_prefers_everywhere_shadows_the_others(tmp_path: Path) -> None:
    builds = [build(tmp_path / "in", "old_0", 0), build(tmp_path / "in", "new_1", 1)]
    outcomes, names = run(builds, tmp_path / "out")
    assert outcomes["demo-1.0-old_0.conda"].code is Code.SHADOWED
    assert "new_1" in content_of(tmp_path / "out" / f"{RELEASE}.whl")
    assert "old" not in json.dumps(names)


def test_a_build_for_a_cpu_level_is_told_apart_although_the_channel_lacks_the_level_packages(tmp_path: Path) -> None:
    builds = [
        build(tmp_path / "in", "level1_0", 0),
        build(tmp_path / "in", "level3_300", 300, "_x86_64-microarch-level >=3"),
    ]
    _, names = run(builds, tmp_path / "out")
    assert f"{RELEASE}-v3.whl" in names
    document = json.loads((tmp_path / "out" / "demo-1.0-variants.json").read_text())
    assert document["variants"]["v3"]["x86_64"] == {"level": ["v3"]}


def test_a_single_build_stays_a_plain_wheel(tmp_path: Path) -> None:
    _, names = run(gpu_family(tmp_path / "in")[1:2], tmp_path / "out")
    assert names == [f"{RELEASE}.whl"]


def test_where_builds_are_for_different_pythons_the_tags_say_it(tmp_path: Path) -> None:
    directory = tmp_path / "in"
    builds = [
        build(directory, "old_0", 0, "__cuda >=12"),
        noarch_package(directory, build="new_1", index={"depends": ["python >=3.11"], "build_number": 1}),
    ]
    outcomes, names = run(builds, tmp_path / "out")
    assert all(outcome.outputs for outcome in outcomes.values()), outcomes
    for name in names:
        if name.endswith(".whl"):
            with zipfile.ZipFile(tmp_path / "out" / name) as wheel:
                text = wheel.read("demo-1.0.dist-info/WHEEL").decode()
            python = name.split("-")[2]
            assert [f"Tag: {each}-none-any" in text for each in python.split(".")] == [True] * (python.count(".") + 1)
    assert not check_files(sorted((tmp_path / "out").iterdir()))
    new = [name for name in names if any(name in str(output) for output in outcomes["demo-1.0-new_1.conda"].outputs)]
    assert new
    assert not any("py3-" in name for name in new)


def test_a_user_adds_an_axis_in_an_overlay_file(tmp_path: Path) -> None:
    overlay = tmp_path / "axes.yaml"
    overlay.write_text(
        "axes:\n"
        "  choices:\n"
        "    acme:\n"
        "      evidence:\n"
        '        - {build: "^([a-z]+)_engine", value: "{1}"}\n'
        "      namespace: acme\n"
        "      feature: engine\n"
        "      provider: {static: [fast, small]}\n"
    )
    builds = [
        build(tmp_path / "in", "small_engine_1", 1, "acme-engine"),
        build(tmp_path / "in", "fast_engine_0", 0, "acme-engine"),
    ]
    _, names = run(builds, tmp_path / "out", overlays=[overlay])
    document = json.loads((tmp_path / "out" / "demo-1.0-variants.json").read_text())
    assert {"acme": {"engine": ["small"]}} in [
        {key: value for key, value in each.items() if key == "acme"} for each in document["variants"].values()
    ], names


def test_a_part_of_a_family_does_not_replace_the_whole(tmp_path: Path) -> None:
    builds = gpu_family(tmp_path / "in")
    _, names = run(builds, tmp_path / "out")
    before = {name: (tmp_path / "out" / name).read_bytes() for name in names}
    for part in (builds[1:2], builds[:2]):
        outcomes, _ = run(part, tmp_path / "out")
        assert {outcome.code for outcome in outcomes.values()} == {Code.OUTPUT_TAKEN}
        assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    again, _ = run(builds, tmp_path / "out")
    assert {outcome.status for outcome in again.values()} == {Status.CONVERTED}


def test_an_index_merges_the_variant_metadata_of_wheels_that_nobody_merged(tmp_path: Path) -> None:
    run(gpu_family(tmp_path / "in"), tmp_path / "out")
    merged = tmp_path / "out" / "demo-1.0-variants.json"
    content = merged.read_bytes()
    merged.unlink()
    report = write_index(tmp_path / "out")
    assert not report.rejected
    assert json.loads(merged.read_bytes())["variants"] == json.loads(content)["variants"]
    assert "demo-1.0-variants.json" in {file.filename for file in report.files}


def test_strict_lets_pass_what_a_variant_says(tmp_path: Path) -> None:
    builds = gpu_family(tmp_path / "in")
    alone, _ = run(builds[1:2], tmp_path / "alone", strict=True)
    assert alone["demo-1.0-cuda12_200.conda"].code is Code.STRICT
    together, _ = run(builds, tmp_path / "together", strict=True)
    assert {outcome.status for outcome in together.values()} == {Status.CONVERTED}


def test_a_directory_in_the_place_of_the_variants_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "out" / "demo-1.0-variants.json").mkdir(parents=True)
    with pytest.raises(Unsupported, match="CB322"):
        run(gpu_family(tmp_path / "in"), tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["demo-1.0-variants.json"]
