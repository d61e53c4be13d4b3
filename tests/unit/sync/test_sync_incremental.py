"""What a second run does after the source, the mapping data or the destination changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.errors import Code, InvalidInput, Unsupported
from bridge.model.plan import Status
from bridge.sync.directory import DirectoryDestination
from bridge.sync.plan import Reason
from bridge.sync.selection import Selection
from tests.support.sync_samples import SampleChannel, check_pages, listed, projects, run, tree


@pytest.fixture
def channel(tmp_path: Path) -> SampleChannel:
    made = SampleChannel(tmp_path / "channel")
    made.python("alpha", "1.0", "beta >=1", "gamma")
    made.python("beta", "1.0", "gamma >=2")
    made.noarch("gamma", "2.0")
    made.noarch("delta", "1.0")
    return made


def test_a_channel_becomes_an_index(channel: SampleChannel, tmp_path: Path) -> None:
    report = run(channel.root, tmp_path / "out")
    assert report.summary["converted"] == 4
    assert projects(tmp_path / "out") == ["alpha", "beta", "delta", "gamma"]
    assert check_pages(tmp_path / "out") == 4
    assert "Requires-Dist: beta>=1\n" in _metadata(tmp_path / "out", "alpha")


def test_a_second_run_opens_no_archive_and_writes_nothing(
    channel: SampleChannel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(channel.root, tmp_path / "out")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*") if path.is_file()}

    def never(*_: object, **__: object) -> None:
        raise AssertionError("an archive was opened")

    for module in ("bridge.sync.channel_source", "bridge.channel.workshop", "bridge.channel.locate"):
        monkeypatch.setattr(f"{module}.open_artifact", never)
    report = run(channel.root, tmp_path / "out")
    assert (len(report.attempted), report.summary["converted"]) == (0, 4)
    assert report.changes.written == report.changes.removed == ()
    after = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert {path for path in before if "ledger" not in path.name} == {p for p in after if "ledger" not in p.name}
    assert all(after[path] == time for path, time in before.items() if ".conda-bridge" not in path.parts)


def test_a_changed_mapping_converts_again_what_asks_for_the_name(channel: SampleChannel, tmp_path: Path) -> None:
    run(channel.root, tmp_path / "out")
    overlay = tmp_path / "names.yaml"
    overlay.write_text("python:\n  gamma: gamma-of-ours\n")
    report = run(channel.root, tmp_path / "out", overlays=(overlay,))
    assert {unit.name: unit.because for unit in report.attempted} == {
        "release alpha 1.0": ("name gamma",),
        "release beta 1.0": ("name gamma",),
        # its own releases are put together under the other name
        "release gamma-of-ours 2.0": (),
    }
    assert "Requires-Dist: gamma-of-ours\n" in _metadata(tmp_path / "out", "alpha")
    assert check_pages(tmp_path / "out") == 4
    assert run(channel.root, tmp_path / "out", overlays=(overlay,)).attempted == ()


def test_a_mapping_that_nothing_asks_for_converts_nothing(channel: SampleChannel, tmp_path: Path) -> None:
    run(channel.root, tmp_path / "out")
    overlay = tmp_path / "names.yaml"
    overlay.write_text("python:\n  elsewhere: other\nnative: [another]\n")
    assert run(channel.root, tmp_path / "out", overlays=(overlay,)).attempted == ()


def test_a_hotfix_converts_again_the_package_that_it_is_about(channel: SampleChannel, tmp_path: Path) -> None:
    run(channel.root, tmp_path / "out")
    channel.hotfix("noarch/delta-1.0-0.conda", depends=["python >=3.9", "gamma"])
    report = run(channel.root, tmp_path / "out")
    assert [(unit.name, unit.reason) for unit in report.attempted] == [("release delta 1.0", Reason.CHANGED)]
    assert "Requires-Dist: gamma\n" in _metadata(tmp_path / "out", "delta")


def test_a_file_that_changes_under_its_name_gets_another_address(channel: SampleChannel, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(channel.root, out)
    (before,) = listed(out, "delta").values()
    channel.noarch("delta", "1.0", files={"site-packages/more.py": b"more = 1\n"})
    run(channel.root, out)
    (after,) = listed(out, "delta").values()
    assert before["filename"] == after["filename"]
    assert before["url"] != after["url"]
    assert not (out / "simple" / "delta" / before["url"]).exists()
    assert check_pages(out) == 4


def test_what_the_source_has_no_longer_is_yanked_and_then_deleted(channel: SampleChannel, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(channel.root, out)
    whole = tree(out)
    record = channel.records["noarch"]["delta-1.0-0.conda"]
    data = (channel.root / "noarch/delta-1.0-0.conda").read_bytes()
    channel.remove("noarch/delta-1.0-0.conda")
    report = run(channel.root, out)
    assert report.retired == ("release delta 1.0",)
    (file,) = listed(out, "delta").values()
    assert file["yanked"] == "no longer in the source"
    assert check_pages(out) == 4
    assert run(channel.root, out).retired == ()

    (channel.root / "noarch/delta-1.0-0.conda").write_bytes(data)
    channel.records["noarch"]["delta-1.0-0.conda"] = record
    channel.write()
    run(channel.root, out)
    assert tree(out) == whole

    channel.remove("noarch/delta-1.0-0.conda")
    report = run(channel.root, out, delete=True)
    assert report.deleted == ("release delta 1.0",)
    assert projects(out) == ["alpha", "beta", "gamma"]
    assert {path for path in tree(out) if "delta" in path} == set()


def test_an_empty_source_is_not_believed(channel: SampleChannel, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(channel.root, out)
    before = tree(out)
    for subdir in channel.records:
        channel.records[subdir] = {}
    channel.write()
    with pytest.raises(InvalidInput) as caught:
        run(channel.root, out)
    assert caught.value.code is Code.SOURCE_EMPTY
    assert tree(out) == before
    assert len(run(channel.root, out, delete=True).deleted) == 4
    assert projects(out) == []


def test_a_platform_that_is_missing_all_at_once_is_not_believed(channel: SampleChannel, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(channel.root, out)
    before = tree(out)
    (channel.root / "linux-64" / "repodata.json").unlink()
    with pytest.raises(InvalidInput) as caught:
        run(channel.root, out)
    assert (caught.value.code, caught.value.field) == (Code.SOURCE_EMPTY, "linux-64")
    assert tree(out) == before


def test_a_platform_that_is_not_asked_for_is_left_alone(channel: SampleChannel, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(channel.root, out)
    before = tree(out)
    report = run(channel.root, out, selection=Selection(subdirs=("osx-64",)))
    assert report.retired == ()
    assert projects(out) == ["alpha", "beta", "delta", "gamma"]
    assert {path for path in before if "alpha" in path} <= tree(out).keys()


def test_what_is_not_wanted_any_longer_stays_until_it_is_to_be_deleted(channel: SampleChannel, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(channel.root, out)
    before = tree(out)
    selection = Selection(specs=("gamma",))
    assert run(channel.root, out, selection=selection).retired == ()
    assert tree(out) == before
    run(channel.root, out, selection=selection, delete=True)
    assert projects(out) == ["gamma"]


def test_a_file_that_somebody_deleted_is_made_again(channel: SampleChannel, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(channel.root, out)
    before = tree(out)
    (file,) = listed(out, "beta").values()
    (out / "simple" / "beta" / file["url"]).unlink()
    report = run(channel.root, out)
    assert [(unit.name, unit.reason) for unit in report.attempted] == [("release beta 1.0", Reason.MISSING)]
    assert tree(out) == before


def test_a_destination_is_of_one_source(channel: SampleChannel, tmp_path: Path) -> None:
    run(channel.root, tmp_path / "out")
    other = SampleChannel(tmp_path / "other")
    other.noarch("gamma", "3.0")
    with pytest.raises(Unsupported) as caught:
        run(other.root, tmp_path / "out")
    assert caught.value.code is Code.OTHER_SOURCE


def test_two_runs_on_one_destination_exclude_each_other(channel: SampleChannel, tmp_path: Path) -> None:
    with DirectoryDestination(tmp_path / "out").opened(), pytest.raises(Unsupported) as caught:
        run(channel.root, tmp_path / "out")
    assert caught.value.code is Code.BUSY
    assert run(channel.root, tmp_path / "out").summary["converted"] == 4


def test_what_failed_is_tried_again_when_it_changes_or_when_asked(channel: SampleChannel, tmp_path: Path) -> None:
    path = channel.root / "noarch/delta-1.0-0.conda"
    path.write_bytes(path.read_bytes()[:-7])
    channel.hotfix("noarch/delta-1.0-0.conda", sha256=None, size=None)
    report = run(channel.root, tmp_path / "out")
    assert report.summary == {**dict.fromkeys(report.summary, 0), "converted": 3, "invalid": 1}
    assert run(channel.root, tmp_path / "out").attempted == ()
    (unit,) = run(channel.root, tmp_path / "out", retry=True).attempted
    assert (unit.reason, unit.items[0].status) == (Reason.RETRIED, Status.INVALID)
    channel.noarch("delta", "1.0")
    assert run(channel.root, tmp_path / "out").summary["converted"] == 4


def _metadata(out: Path, project: str) -> str:
    (file,) = listed(out, project).values()
    return (out / "simple" / project / f"{file['url']}.metadata").read_text()
