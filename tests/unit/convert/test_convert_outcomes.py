"""One outcome for each input, whatever happens to the others, and the same bytes whatever the circumstances."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest

import bridge
from bridge.channel import execute, workshop
from bridge.channel.convert import convert
from bridge.channel.inspect import inspect
from bridge.errors import Code, InvalidInput, Unsupported
from bridge.model.plan import Layout, Status
from tests.support.conda_archives import Link, Package, make_conda
from tests.support.sample_packages import (
    SITE,
    channel_of,
    converted,
    dist_info,
    library,
    noarch_package,
    outcome_of,
    python_package,
)


def digests(directory: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(directory.iterdir())}


def samples(directory: Path) -> list[Path]:
    directory.mkdir(exist_ok=True)
    files = {"lib/libx.so.1.2": library("libx.so.1", "libc.so.6"), "lib/libx.so.1": Link("libx.so.1.2")}
    return [
        python_package(directory),
        noarch_package(directory, "other"),
        make_conda(directory, name="libx", files=files, format=".tar.bz2"),
        make_conda(directory, name="_some_mutex"),
    ]


@pytest.mark.parametrize("layout", list(Layout))
def test_the_bytes_depend_on_the_input_alone(tmp_path: Path, layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    packages = samples(tmp_path / "in")
    one = convert(packages, tmp_path / "one", layout=layout, jobs=1)
    two = convert(packages[::-1], tmp_path / "far" / "away", layout=layout, jobs=2)
    monkeypatch.chdir(tmp_path / "in")
    three = convert([path.name for path in packages], tmp_path / "three", layout=layout, jobs=1)
    (alone,) = convert(packages[:1], tmp_path / "four", layout=layout, jobs=2).outcomes
    assert one.summary == two.summary == three.summary
    assert digests(tmp_path / "one") == digests(tmp_path / "far" / "away") == digests(tmp_path / "three")
    assert digests(tmp_path / "four")[alone.outputs[0].filename] == one.outcomes[0].outputs[0].sha256
    assert [o.input for o in two.outcomes] == [str(path) for path in packages[::-1]]


def test_an_internal_error_stops_no_other_input_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = workshop.write_wheel

    def failing(plan: Any, *args: Any, **options: Any) -> Any:
        real(plan, *args, **options)
        if plan.name == "demo":
            raise RuntimeError("a fault of the bridge")
        return real(plan, *args, **options)

    monkeypatch.setattr(workshop, "write_wheel", failing)
    report = convert(samples(tmp_path / "in"), tmp_path / "out", layout=Layout.PREFIX)
    first = report.outcomes[0]
    assert (first.status, first.code) == (Status.INTERNAL_ERROR, None)
    assert (first.message or "").startswith("RuntimeError: a fault of the bridge (test_convert_outcomes.py:")
    assert [outcome.status for outcome in report.outcomes[1:]] == [
        Status.CONVERTED,
        Status.CONVERTED,
        Status.UNSUPPORTED,
    ]
    assert len(list((tmp_path / "out").iterdir())) == 2


def test_a_fault_while_the_inputs_are_looked_over_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(_metadata: Any) -> None:
        raise RuntimeError("a fault of the bridge")

    monkeypatch.setattr("bridge.channel.evidence.own_distribution", failing)
    report = convert(samples(tmp_path / "in"), tmp_path / "out", layout=Layout.PREFIX)
    assert report.summary["converted"] == 3


def test_a_file_that_disappears_is_the_outcome_of_that_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packages = samples(tmp_path / "in")
    told: list[str] = []

    def remove_next(outcome: Any) -> None:
        told.append(outcome.input)
        packages[1].unlink(missing_ok=True)

    report = convert(packages, tmp_path / "out", layout=Layout.PREFIX, on_outcome=remove_next)
    assert told == [str(path) for path in packages]
    assert (report.outcomes[1].status, report.outcomes[1].code) == (Status.INVALID, Code.SOURCE)
    assert report.summary["converted"] == 2


def test_a_file_that_changes_between_planning_and_writing_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = make_conda(tmp_path, name="libx", files={"lib/libx.so.1": library("libx.so.1", "libc.so.6")})
    real = execute._copy_payload

    def changed(writer: Any, source: Any, wanted: Any, *rest: Any, **options: Any) -> None:
        real(writer, source, {**wanted, "lib/missing": []}, *rest, **options)

    monkeypatch.setattr(execute, "_copy_payload", changed)
    outcome = outcome_of(package, tmp_path / "out", Layout.SHARED)
    assert outcome.status is Status.INVALID
    assert outcome.code is Code.HASH
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    "name", ["missing.conda", "missing.tar.bz2", "file.txt", "some-spec >=1", "broken.conda", "x.whl"]
)
def test_what_is_no_package_has_an_outcome_too(tmp_path: Path, name: str) -> None:
    (tmp_path / "file.txt").write_text("x")
    (tmp_path / "broken-1-0.conda").write_bytes(b"PK broken")
    given = str(tmp_path / name.replace("broken", "broken-1-0")) if "." in name else name
    report = convert([given, python_package(tmp_path)], tmp_path / "out", layout=Layout.PREFIX)
    assert [outcome.status is Status.CONVERTED for outcome in report.outcomes] == [False, True]
    assert report.outcomes[0].code is not None
    assert report.summary["internal_error"] == 0


def test_a_directory_stands_for_its_packages_in_order_of_names(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    samples(tmp_path / "in" / "sub")
    (tmp_path / "in" / "notes.txt").write_text("no package")
    report = convert([tmp_path / "in"], tmp_path / "out", layout=Layout.PREFIX)
    assert [Path(outcome.input).name for outcome in report.outcomes] == [
        "_some_mutex-1.0-0.conda",
        "demo-1.0-0.conda",
        "libx-1.0-0.tar.bz2",
        "other-1.0-0.conda",
    ]
    (empty,) = convert([tmp_path / "in" / "none"], tmp_path / "out").outcomes
    (tmp_path / "void").mkdir()
    (void,) = convert([tmp_path / "void"], tmp_path / "out").outcomes
    assert void.code is Code.NOT_AN_ARTIFACT
    assert empty.status is Status.INVALID


def test_an_unpacked_package_is_converted_like_its_archive(tmp_path: Path) -> None:
    package = Package(files={"share/x": b"data"})
    root = tmp_path / "unpacked"
    for path, data in {**package.info_files(), "share/x": b"data"}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    one = converted(root, tmp_path / "one")
    two = converted(package.write(tmp_path), tmp_path / "two")
    assert (one.filename, one.payload) == (two.filename, two.payload)


def test_the_default_layout_is_vendored_for_files_and_shared_for_directories(tmp_path: Path) -> None:
    packages = samples(tmp_path / "in")
    assert inspect(packages[0])["layout"] == "vendored"
    convert([tmp_path / "in"], tmp_path / "out")
    wheel = converted(packages[2], tmp_path / "shared", Layout.SHARED)
    assert digests(tmp_path / "out")[wheel.filename] == digests(tmp_path / "shared")[wheel.filename]


def build(directory: Path, build: str, number: int, timestamp: int | None, **more: Any) -> Path:
    index = {"build_number": number, "timestamp": timestamp}
    return noarch_package(directory, build=build, index=index, files={"site-packages/b.py": build.encode()}, **more)


@pytest.mark.parametrize(
    ("builds", "winner"),
    [
        ([("a", 0, 9), ("b", 1, 1), ("c", 0, 5)], 1),
        ([("a", 1, 9), ("b", 1, 1)], 0),
        ([("a", 1, None), ("b", 1, None)], 0),
    ],
)
@pytest.mark.parametrize("order", [1, -1])
def test_of_builds_that_make_one_wheel_the_newest_wins(
    tmp_path: Path, builds: list[tuple[str, int, int | None]], winner: int, order: int
) -> None:
    packages = [build(tmp_path, *each) for each in builds][::order]
    best = packages[::order][winner]
    report = convert(packages, tmp_path / "out", layout=Layout.PREFIX)
    for outcome in report.outcomes:
        if outcome.input == str(best):
            assert outcome.status is Status.CONVERTED
        else:
            assert (outcome.status, outcome.code) == (Status.UNREPRESENTABLE, Code.SHADOWED)
            assert f"{best.name} states the same and is taken in its place" in (outcome.message or "")
    wheel = converted(best, tmp_path / "alone")
    assert (
        digests(tmp_path / "out")
        == digests(tmp_path / "alone")
        == {wheel.filename: digests(tmp_path / "out")[wheel.filename]}
    )


def test_a_package_of_another_name_for_the_same_project_is_told_apart(tmp_path: Path) -> None:
    files = {"site-packages/x.py": b"", **dist_info(site="site-packages")}
    index = {"noarch": "python", "depends": ["python"]}
    packages = [
        make_conda(tmp_path, name=name, subdir="noarch", files=files, index={**index, "build_number": number})
        for number, name in enumerate(["demo", "demo-base"])
    ]
    report = convert(packages, tmp_path / "out", layout=Layout.PREFIX)
    assert "another package of the same project" in (report.outcomes[0].message or "")


def test_the_modern_archive_of_a_build_wins_over_the_old_one(tmp_path: Path) -> None:
    packages = [build(tmp_path, "a", 0, 1, format=suffix) for suffix in (".tar.bz2", ".conda")]
    report = convert(packages, tmp_path / "out", layout=Layout.PREFIX)
    assert [outcome.status for outcome in report.outcomes] == [Status.UNREPRESENTABLE, Status.CONVERTED]


def test_the_same_file_twice_is_converted_twice_to_one_wheel(tmp_path: Path) -> None:
    package = python_package(tmp_path)
    report = convert([package, package], tmp_path / "out", layout=Layout.PREFIX)
    assert report.summary["converted"] == 2
    assert report.outcomes[0].outputs == report.outcomes[1].outputs
    assert Path(report.outcomes[1].outputs[0].path).is_file()


@pytest.mark.parametrize(
    ("files", "where"),
    [
        ({"bin/tool": b"#!/x/python\n", "python-scripts/tool": b"#!/x/python\n"}, "demo-1.0.data/scripts/tool"),
        ({"site-packages/A.py": b"", "Lib/site-packages/a.py": b""}, "a.py"),
    ],
)
def test_two_files_in_one_place_are_refused(tmp_path: Path, files: dict[str, bytes], where: str) -> None:
    outcome = outcome_of(noarch_package(tmp_path, files=files), tmp_path / "out", Layout.SHARED)
    assert (outcome.status, outcome.code) == (Status.UNREPRESENTABLE, Code.COLLISION)
    assert where in (outcome.message or "")
    assert list((tmp_path / "out").iterdir()) == []


def test_the_same_package_converted_again_replaces_its_wheel(tmp_path: Path) -> None:
    package = python_package(tmp_path)
    wheel = converted(package, tmp_path / "out")
    (tmp_path / "out" / wheel.filename).touch()
    again = converted(package, tmp_path / "out")
    assert again.members == wheel.members
    assert [path.name for path in (tmp_path / "out").iterdir()] == [wheel.filename]


@pytest.mark.parametrize("what", ["another build", "another layout", "no wheel of ours"])
def test_another_wheel_of_the_name_is_left_alone(tmp_path: Path, what: str) -> None:
    package = python_package(tmp_path)
    name = converted(package, tmp_path / "out").filename
    there = tmp_path / "out" / name
    layout = Layout.PREFIX
    if what == "another build":
        (tmp_path / "new").mkdir()
        package = python_package(tmp_path / "new", build="1", index={"build_number": 1})
    elif what == "another layout":
        layout = Layout.VENDORED
    else:
        there.write_bytes(b"somebody else's")
    before = there.read_bytes()
    outcome = outcome_of(package, tmp_path / "out", layout)
    assert (outcome.status, outcome.code) == (Status.UNSUPPORTED, Code.OUTPUT_TAKEN)
    assert there.read_bytes() == before
    assert [path.name for path in (tmp_path / "out").iterdir()] == [name]


def test_a_name_that_is_taken_by_a_directory_is_that_input_s_outcome(tmp_path: Path) -> None:
    package = python_package(tmp_path)
    name = converted(package, tmp_path / "first").filename
    (tmp_path / "out" / name / "x").mkdir(parents=True)
    outcome = outcome_of(package, tmp_path / "out")
    assert (outcome.status, outcome.code) == (Status.UNSUPPORTED, Code.OUTPUT_TAKEN)
    assert [path.name for path in (tmp_path / "out").iterdir()] == [name]


def test_an_output_directory_that_cannot_be_written_is_told_before_anything_happens(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(Unsupported, match="CB322"):
        convert([python_package(tmp_path)], tmp_path / "file" / "out")


def test_wheels_have_the_modes_of_ordinary_files(tmp_path: Path) -> None:
    previous = os.umask(0o022)
    try:
        wheel = converted(python_package(tmp_path), tmp_path / "out")
    finally:
        os.umask(previous)
    assert (tmp_path / "out" / wheel.filename).stat().st_mode & 0o777 == 0o644


def test_a_channel_s_record_wins_and_the_difference_is_recorded(tmp_path: Path) -> None:
    package = python_package(tmp_path, depends=("idna >=2",))
    channel = channel_of(tmp_path / "channel", package)
    path = channel / "linux-64" / package.name
    repodata = channel / "linux-64" / "repodata.json"
    document = json.loads(repodata.read_text())
    document["packages.conda"][package.name]["depends"].append("six")
    repodata.write_text(json.dumps(document))
    wheel = converted(path, tmp_path / "out", channels=[channel])
    assert "Requires-Dist: six" in wheel.headers
    assert wheel.loss("CB218") == [("depends", "none -> six")]
    assert wheel.provenance["record"]["depends"][-1] == "six"
    assert json.loads(wheel.own("conda/info/index.json"))["depends"] == [
        "python >=3.12,<3.13.0a0",
        "python_abi 3.12.* *_cp312",
        "idna >=2",
    ]


def test_a_file_that_is_not_the_one_of_the_channel_is_refused(tmp_path: Path) -> None:
    package = python_package(tmp_path)
    channel = channel_of(tmp_path / "channel", package)
    other = python_package(tmp_path, files={f"{SITE}/more.py": b""})
    outcome = outcome_of(other, tmp_path / "out", channels=[channel])
    assert outcome.code is Code.HASH


def test_a_spec_is_resolved_in_the_channel(tmp_path: Path) -> None:
    python = make_conda(tmp_path, name="python", version="3.12.0", build="0_cpython", files={"bin/python3.12": b""})
    channel = channel_of(tmp_path / "channel", python, build(tmp_path, "a", 0, 1), build(tmp_path, "b", 1, 1))
    (outcome,) = convert(["demo 1.*"], tmp_path / "out", layout=Layout.PREFIX, channels=[channel]).outcomes
    assert outcome.status is Status.CONVERTED, outcome.message
    assert outcome.outputs[0].source.filename == "demo-1.0-b.conda"
    (missing,) = convert(["nothing-here"], tmp_path / "out", channels=[channel]).outcomes
    assert missing.code is not None


def test_names_of_the_run_s_own_inputs_are_the_best_evidence(tmp_path: Path) -> None:
    files = {"site-packages/x.py": b"", **dist_info("RealName", "1.0", site="site-packages")}
    index = {"noarch": "python", "depends": ["python"]}
    odd = make_conda(tmp_path, name="oddly-named", subdir="noarch", files=files, index=index)
    user = python_package(tmp_path, depends=("oddly-named >=1",))
    report = convert([user, odd], tmp_path / "out", layout=Layout.PREFIX)
    assert report.summary["converted"] == 2
    document = inspect(user, layout=Layout.PREFIX)
    assert document["requires_dist"] == ["conda-native-oddly-named>=1"]
    with zipfile.ZipFile(report.outcomes[0].outputs[0].path) as archive:
        text = archive.read("demo-1.0.dist-info/METADATA").decode()
    assert "Requires-Dist: realname>=1" in text


def test_wrong_settings_raise_before_any_input_is_read(tmp_path: Path) -> None:
    for options in ({"reserved_prefix": "Conda_"}, {"subdir": "No Where"}, {"channels": [tmp_path / "none"]}):
        with pytest.raises(InvalidInput):
            convert([python_package(tmp_path)], tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_the_package_exports_what_the_commands_call() -> None:
    assert bridge.convert is convert
    assert bridge.inspect is inspect
    with pytest.raises(AttributeError):
        _ = bridge.nothing


@pytest.mark.parametrize(
    "text",
    [
        "HTTP://user:CANARY@127.0.0.1:9/t/CANARY/x-1-0.conda",
        "s3://user:CANARY@host/x-1-0.conda",
        "ftp://user:CANARY@host/t/CANARY/x",
        'demo[url="https://user:CANARY@host/t/CANARY/x"]',
        "c::demo[channel='https://user:CANARY@host/c']",
    ],
)
def test_secrets_of_addresses_are_in_no_outcome(tmp_path: Path, text: str) -> None:
    report = convert([text], tmp_path / "out", channels=[channel_of(tmp_path / "channel")])
    assert [outcome.status for outcome in report.outcomes] == [Status.INVALID]
    assert "CANARY" not in json.dumps(report.to_json())
