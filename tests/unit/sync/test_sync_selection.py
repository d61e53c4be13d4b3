"""What of a source is taken."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from bridge.errors import Code, InvalidInput, Unsupported
from bridge.sync.selection import Selection, newest, permitted
from bridge.sync.source import SourceFile, WheelFacts
from tests.support.sync_samples import SampleChannel, projects, run

DAY = 24 * 3600 * 1000
NOW = datetime(2025, 1, 31, tzinfo=UTC)


@pytest.fixture
def channel(tmp_path: Path) -> SampleChannel:
    made = SampleChannel(tmp_path / "channel")
    for version, day in (("1.0", 1), ("1.9", 10), ("1.10", 20)):
        time = int(datetime(2025, 1, day, tzinfo=UTC).timestamp() * 1000)
        made.python("lib", version, index={"timestamp": time})
    made.python("app", "1.0", "lib >=1,<1.10", "helper")
    made.noarch("helper", "1.0")
    made.noarch("unrelated", "1.0", "helper")
    return made


def kept(channel: SampleChannel, out: Path, **wishes: object) -> set[str]:
    report = run(channel.root, out, selection=Selection(**wishes))  # type: ignore[arg-type]
    return {item.key.partition("/")[2].removesuffix("-0.conda") for item in report.items}


def test_what_is_wanted_comes_with_what_the_solver_installs_with_it(channel: SampleChannel, tmp_path: Path) -> None:
    add_python(channel)
    found = kept(channel, tmp_path / "out", specs=("app",))
    assert found == {"app-1.0", "lib-1.9", "helper-1.0", "python-3.12.0", "python_abi-3.12-0_cp312.conda"}
    assert projects(tmp_path / "out") == ["app", "helper", "lib"]


def test_a_spec_that_cannot_be_read_or_met_stops_the_run(channel: SampleChannel, tmp_path: Path) -> None:
    with pytest.raises(Unsupported) as unmet:
        kept(channel, tmp_path / "out", specs=("lib >=2",))
    assert unmet.value.code is Code.NO_MATCH
    with pytest.raises(InvalidInput) as unread:
        kept(channel, tmp_path / "out", specs=("lib ==>>",))
    assert unread.value.code is Code.BAD_SPEC


def test_a_build_that_nothing_can_be_installed_with_is_converted_and_told(
    channel: SampleChannel, tmp_path: Path
) -> None:
    report = run(channel.root, tmp_path / "out", selection=Selection(specs=("helper",)))
    ((key, error),) = report.notes
    assert (key, error.code) == ("noarch/helper-1.0-0.conda", Code.UNSOLVABLE)
    assert projects(tmp_path / "out") == ["helper"]


def test_the_newest_are_those_of_conda_s_order(channel: SampleChannel, tmp_path: Path) -> None:
    assert {name for name in kept(channel, tmp_path / "out", newest=1) if "lib" in name} == {"lib-1.10"}


def test_only_some_platforms(channel: SampleChannel, tmp_path: Path) -> None:
    assert kept(channel, tmp_path / "out", subdirs=("osx-64",)) == {"helper-1.0", "unrelated-1.0"}


@pytest.mark.parametrize(("python", "there"), [((3, 12), True), ((3, 11), False)])
def test_only_what_a_python_can_use(
    channel: SampleChannel, tmp_path: Path, python: tuple[int, int], there: bool
) -> None:
    found = kept(channel, tmp_path / "out", python=python)
    assert ("app-1.0" in found, "helper-1.0" in found) == (there, True)


def test_only_the_young_or_the_old(channel: SampleChannel, tmp_path: Path) -> None:
    young = kept(channel, tmp_path / "young", since=timedelta(days=15), now=NOW)
    assert young == {"lib-1.10"}
    old = kept(channel, tmp_path / "old", older_than=timedelta(days=15), now=NOW)
    # What does not say its age may be old.
    assert old == {"lib-1.0", "lib-1.9", "app-1.0", "helper-1.0", "unrelated-1.0"}


def wheel(filename: str, requires_python: str | None = None) -> SourceFile:
    name, version = filename.split("-")[:2]
    facts = WheelFacts(canonicalize_name(name), Version(version), requires_python=requires_python)
    return SourceFile(f"{name}/{filename}", filename, f"https://example.org/{filename}", wheel=facts)


@pytest.mark.parametrize(
    ("filename", "requires", "expected"),
    [
        ("a-1-py3-none-any.whl", None, True),
        ("a-1-py2.py3-none-any.whl", ">=3.13", False),
        ("a-1-py2-none-any.whl", None, False),
        ("a-1-py39-none-any.whl", None, True),
        ("a-1-py313-none-any.whl", None, False),
        ("a-1-cp312-cp312-manylinux_2_17_x86_64.whl", None, True),
        ("a-1-cp311-cp311-manylinux_2_17_x86_64.whl", None, False),
        ("a-1-cp39-abi3-manylinux_2_17_x86_64.whl", None, True),
        ("a-1-cp313-abi3-manylinux_2_17_x86_64.whl", None, False),
        ("a-1-pp310-pypy310_pp73-manylinux_2_17_x86_64.whl", None, False),
    ],
)
def test_wheels_for_a_python_are_told_by_their_tags(filename: str, requires: str | None, expected: bool) -> None:
    assert bool(permitted([wheel(filename, requires)], Selection(python=(3, 12)))) is expected


def test_wheels_for_a_platform_are_told_by_their_tags() -> None:
    files = [
        wheel("a-1-py3-none-any.whl"),
        wheel("a-1-cp312-cp312-manylinux_2_17_x86_64.whl"),
        wheel("a-1-cp312-cp312-win_amd64.whl"),
    ]
    assert permitted(files, Selection(subdirs=("win-64",))) == (files[0], files[2])


def test_the_newest_wheels_are_those_of_pep_440() -> None:
    files = [wheel(f"a-{version}-py3-none-any.whl") for version in ("1.9", "1.10", "1.10.post1", "1.10rc1")]
    assert newest(files, 2) == (files[1], files[2])


def add_python(channel: SampleChannel) -> None:
    """Records without files, as of what nobody asks for."""
    base = {"build_number": 0, "depends": [], "subdir": "linux-64", "sha256": "0" * 64, "size": 1}
    for name, version, build in (("python", "3.12.0", "0"), ("python_abi", "3.12", "0_cp312")):
        record = {**base, "name": name, "version": version, "build": build}
        channel.records["linux-64"][f"{name}-{version}-{build}.conda"] = record
    channel.write()
