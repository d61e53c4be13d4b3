"""Builds of one release: one family of variants, whatever comes and goes; names that several units want."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bridge.channel.convert import convert
from bridge.model.plan import Layout, Status
from tests.support.sync_samples import SampleChannel, check_pages, listed, run, tree


def add_build(channel: SampleChannel, build: str, number: int, *depends: str) -> str:
    """One build of `demo` 1.0 that carries its own name."""
    files = {"site-packages/demo_build.py": f"BUILD = {build!r}\n".encode()}
    index = {"depends": ["python >=3.9", *depends], "build_number": number}
    return channel.noarch("demo", "1.0", build=build, files=files, index=index)


@pytest.fixture
def channel(tmp_path: Path) -> SampleChannel:
    made = SampleChannel(tmp_path / "channel")
    add_build(made, "cpu_0", 0)
    add_build(made, "cuda12_200", 200, "__cuda >=12")
    add_build(made, "cuda13_201", 201, "__cuda >=13")
    made.noarch("other", "1.0", "demo")
    return made


WHEEL = "demo-1.0-py3-none-any"
FAMILY = {f"{WHEEL}-cu12.whl", f"{WHEEL}-cu13.whl", f"{WHEEL}-null.whl", f"{WHEEL}.whl", "demo-1.0-variants.json"}


def test_a_release_is_one_family(channel: SampleChannel, tmp_path: Path) -> None:
    report = run(channel.root, tmp_path / "out")
    assert listed(tmp_path / "out", "demo").keys() == FAMILY
    check_pages(tmp_path / "out")
    (unit,) = [unit for unit in report.units if "demo" in unit.name]
    labels = {product.variant.label for item in unit.items for product in item.products if product.variant}
    assert labels == {"cu12", "cu13", "null"}


def test_the_family_is_what_convert_makes_of_the_release(channel: SampleChannel, tmp_path: Path) -> None:
    run(channel.root, tmp_path / "out")
    convert([channel.root], tmp_path / "wheels", layout=Layout.SHARED, channels=[channel.root])
    stated = {name: file["hashes"]["sha256"] for name, file in listed(tmp_path / "out", "demo").items()}
    assert stated == {name: digest for name, digest in tree(tmp_path / "wheels").items() if name.startswith("demo")}


def test_a_build_that_comes_changes_its_release_and_nothing_else(channel: SampleChannel, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(channel.root, out)
    add_build(channel, "cuda14_202", 202, "__cuda >=14")
    report = run(channel.root, out)
    assert [unit.name for unit in report.attempted] == ["release demo 1.0"]
    assert listed(out, "demo").keys() == FAMILY | {f"{WHEEL}-cu14.whl"}
    run(channel.root, tmp_path / "anew")
    assert tree(out) == tree(tmp_path / "anew")


def test_a_build_that_goes_is_a_variant_no_longer(channel: SampleChannel, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(channel.root, out)
    channel.remove("noarch/demo-1.0-cuda13_201.conda")
    run(channel.root, out)
    assert listed(out, "demo").keys() == FAMILY - {f"{WHEEL}-cu13.whl"}
    run(channel.root, tmp_path / "anew")
    assert tree(out) == tree(tmp_path / "anew")


def test_a_release_that_goes_keeps_its_variants_and_is_yanked(channel: SampleChannel, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(channel.root, out)
    for build in ("cpu_0", "cuda12_200", "cuda13_201"):
        channel.remove(f"noarch/demo-1.0-{build}.conda")
    run(channel.root, out)
    files = listed(out, "demo")
    assert files.keys() == FAMILY
    assert {name for name, file in files.items() if "yanked" not in file} == {"demo-1.0-variants.json"}


def test_a_build_for_another_python_that_goes_is_yanked_by_itself(tmp_path: Path) -> None:
    channel, out = SampleChannel(tmp_path / "channel"), tmp_path / "out"
    old = channel.python("demo", "1.0", build="py311_0", index={"depends": ["python >=3.11,<3.12.0a0"]})
    channel.python("demo", "1.0", build="py312_0", index={"depends": ["python >=3.12,<3.13.0a0"]})
    run(channel.root, out)
    before = listed(out, "demo")
    assert len(before) == 2
    channel.remove(old)
    run(channel.root, out)
    after = listed(out, "demo")
    assert after.keys() == before.keys()
    (gone,) = [name for name, file in after.items() if "yanked" in file]
    assert "py311" in gone
    check_pages(out)
    # Nobody can make it again.
    (out / "simple" / "demo" / after[gone]["url"]).unlink()
    run(channel.root, out)
    assert listed(out, "demo").keys() == after.keys() - {gone}
    check_pages(out)


def test_of_two_packages_of_one_project_the_newer_build_is_taken(tmp_path: Path) -> None:
    """Both say that they are `demo`; only the archive of a package tells that."""
    channel, out = SampleChannel(tmp_path / "channel"), tmp_path / "out"
    demo = {"site-packages/x.py": b"1\n"}
    old = channel.noarch("demo", "1.0", index={"build_number": 0}, files=demo)
    from tests.support.sample_packages import dist_info

    files = {"site-packages/y.py": b"2\n", **dist_info("demo", "1.0", site="site-packages")}
    new = channel.noarch("renamed", "1.0", index={"build_number": 3}, files=files)
    channel.hotfix(new)
    report = run(channel.root, out)
    outcomes = {item.key: item for item in report.items}
    expected = {
        Path(outcome.input).relative_to(channel.root).as_posix(): outcome
        for outcome in convert([channel.root], tmp_path / "w", layout=Layout.SHARED, channels=[channel.root]).outcomes
    }
    assert {key: (item.status, item.code) for key, item in outcomes.items()} == {
        key: (outcome.status, None if outcome.code is None else outcome.code.number)
        for key, outcome in expected.items()
    }
    assert old in outcomes


def test_variants_come_back_as_the_builds_that_they_were(channel: SampleChannel, tmp_path: Path) -> None:
    run(channel.root, tmp_path / "index")
    report = run(tmp_path / "index", tmp_path / "back")
    document = json.loads((tmp_path / "back" / "noarch" / "repodata.json").read_bytes())
    assert {name: record["depends"] for name, record in document["packages.conda"].items()} == {
        name: record["depends"] for name, record in channel.records["noarch"].items()
    }
    check_pages(tmp_path / "back")
    assert all(item.status is Status.CONVERTED for item in report.items)
    assert run(tmp_path / "index", tmp_path / "back").attempted == ()
