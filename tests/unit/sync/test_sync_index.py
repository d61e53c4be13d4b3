"""An index kept as a channel: pages of both forms, on disk and over HTTP."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from bridge.errors import Code, InvalidInput, Unsupported
from bridge.model.plan import Status
from bridge.sync.detect import open_source
from bridge.sync.index_source import IndexSource
from bridge.sync.ledger import Ledger
from bridge.sync.selection import Selection
from bridge.sync.source import SourceKind
from tests.support.loopback_index import served
from tests.support.overlay_sources import serving
from tests.support.sync_samples import SampleChannel, add_wheel, check_pages, run, tree, write_pages


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """`simple/` with three projects."""
    root = tmp_path / "site"
    add_wheel(root, "alpha", "1.0", "beta>=1", "gamma; python_version < '3'")
    add_wheel(root, "beta", "1.5")
    add_wheel(root, "beta", "0.5")
    add_wheel(root, "gamma", "2.0")
    return root


def packages(out: Path) -> dict[str, dict[str, object]]:
    document = json.loads((out / "noarch" / "repodata.json").read_bytes())
    return {f"{r['name']} {r['version']}": r for r in document["packages.conda"].values()}


def test_an_index_becomes_a_channel(index: Path, tmp_path: Path) -> None:
    report = run(index, tmp_path / "out")
    assert report.summary["converted"] == 4
    found = packages(tmp_path / "out")
    assert found.keys() == {"alpha 1.0", "beta 0.5", "beta 1.5", "gamma 2.0"}
    assert "beta >=1" in " ".join(found["alpha 1.0"]["depends"])  # type: ignore[arg-type]
    assert check_pages(tmp_path / "out") == 4
    assert run(index, tmp_path / "out").attempted == ()


def test_over_http_it_is_the_same_and_asks_for_no_file_twice(index: Path, tmp_path: Path) -> None:
    run(index, tmp_path / "local")
    with serving(index) as site:
        run(f"{site.address}/simple", tmp_path / "out")
        assert tree(tmp_path / "out") == tree(tmp_path / "local")
        site.asked.clear()
        report = run(f"{site.address}/simple", tmp_path / "out")
    assert report.attempted == ()
    assert not [path for path, _ in site.asked if path.endswith((".whl", ".metadata"))]


def test_the_kind_of_a_source_is_seen(index: Path, tmp_path: Path) -> None:
    assert open_source(index).kind is SourceKind.INDEX
    assert open_source(index / "simple").kind is SourceKind.INDEX
    run(index, tmp_path / "out")
    assert open_source(tmp_path / "out").kind is SourceKind.CHANNEL
    assert open_source(index / "simple" / "alpha", kind=SourceKind.DIRECTORY).kind is SourceKind.DIRECTORY
    with served(tmp_path / "out") as address:
        assert open_source(address).kind is SourceKind.CHANNEL
    with served(index) as address:
        assert open_source(f"{address}/simple").kind is SourceKind.INDEX
        with pytest.raises(InvalidInput) as caught:
            open_source(f"{address}/nothing")
    assert caught.value.code is Code.SOURCE


def test_a_wheel_that_goes_is_left_out_of_the_channel_and_its_package_stays(index: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(index, out)
    (wheel,) = (index / "simple" / "gamma").glob("*.whl")
    wheel.unlink()
    write_pages(index)
    report = run(index, out)
    assert report.retired == ("file gamma/gamma-2.0-py3-none-any.whl",)
    assert "gamma 2.0" not in packages(out)
    assert [path for path in tree(out) if "gamma" in path]
    run(index, out, delete=True)
    assert not [path for path in tree(out) if "gamma" in path]


def test_what_a_wheel_needs_is_found_by_the_solver(index: Path, tmp_path: Path) -> None:
    run(index, tmp_path / "out", selection=Selection(specs=("alpha",)))
    # Not the older beta, and not gamma, which no Python 3 needs.
    assert packages(tmp_path / "out").keys() == {"alpha 1.0", "beta 1.5"}


def test_a_requirement_that_nothing_meets_is_told(index: Path, tmp_path: Path) -> None:
    with pytest.raises(Unsupported) as caught:
        run(index, tmp_path / "out", selection=Selection(specs=("alpha>=2",)))
    assert caught.value.code is Code.NO_MATCH
    with pytest.raises(InvalidInput) as wrong:
        run(index, tmp_path / "out", selection=Selection(specs=("alpha @ https://example.org/a.whl",)))
    assert wrong.value.code is Code.BAD_SPEC


def test_a_page_cannot_lead_out_of_a_local_index(index: Path, tmp_path: Path) -> None:
    secret = add_wheel(tmp_path / "elsewhere", "gamma", "3.0")
    page = index / "simple" / "gamma" / "index.html"
    outside = "../../../elsewhere/simple/gamma"
    page.write_text(page.read_text().replace("</body>", f'<a href="{outside}/{secret.name}#sha256={"0" * 64}">'
                                             f"{secret.name}</a></body>"))  # fmt: skip
    report = run(index, tmp_path / "out")
    ((subject, error),) = report.notes
    assert (subject, error.code) == (secret.name, Code.SOURCE)
    assert "gamma 3.0" not in packages(tmp_path / "out")


def test_a_wheel_that_is_not_what_its_page_says_is_refused(index: Path, tmp_path: Path) -> None:
    other = add_wheel(tmp_path / "other", "gamma", "2.0", text="evil")
    (index / "simple" / "gamma" / other.name).write_bytes(other.read_bytes())
    report = run(index, tmp_path / "out")
    (item,) = [item for item in report.items if item.status is not Status.CONVERTED]
    assert (item.key, item.code) == ("gamma/gamma-2.0-py3-none-any.whl", "CB118")
    assert "gamma 2.0" not in packages(tmp_path / "out")


def test_a_project_whose_page_fails_is_not_taken_for_removed(index: Path, tmp_path: Path) -> None:
    with serving(index) as site:
        run(f"{site.address}/simple", tmp_path / "out")
        before = tree(tmp_path / "out")
        (index / "simple" / "gamma" / "index.html").write_bytes(b"")
        site.redirects["/simple/gamma/"] = "https://example.org/"
        with pytest.raises(InvalidInput) as caught:
            run(f"{site.address}/simple", tmp_path / "out")
    assert caught.value.code is Code.SOURCE
    assert tree(tmp_path / "out") == before


def test_metadata_beside_a_wheel_that_lies_is_believed_no_longer_than_until_the_wheel_is_read(
    index: Path, tmp_path: Path
) -> None:
    (wheel,) = (index / "simple" / "alpha").glob("*.whl")
    beside = wheel.with_name(f"{wheel.name}.metadata")
    beside.write_text("Metadata-Version: 2.1\nName: alpha\nVersion: 1.0\nRequires-Dist: something-else\n")
    with serving(index) as site:
        run(f"{site.address}/simple", tmp_path / "out")
        assert run(f"{site.address}/simple", tmp_path / "out").attempted == ()
    assert "something-else" not in json.dumps(packages(tmp_path / "out"))


def test_credentials_are_neither_shown_nor_stored(index: Path, tmp_path: Path) -> None:
    with serving(index) as site:
        address = site.address.replace("http://", "http://somebody:secret-word@")
        source = IndexSource(f"{address}/simple")
        with closing(Ledger(None)) as ledger:
            assert "secret-word" not in f"{source.shown} {list(source.files(ledger))!r}"
        report = run(f"{address}/simple", tmp_path / "out")
    assert report.summary["converted"] == 4
    assert "secret-word" not in json.dumps(report.to_json())
    for path in (tmp_path / "out").rglob("*"):
        assert not path.is_file() or b"secret-word" not in path.read_bytes()


def test_what_a_channel_had_mended_is_said_again_by_the_one_that_comes_of_its_index(tmp_path: Path) -> None:
    channel = SampleChannel(tmp_path / "channel")
    channel.noarch("demo", "1.0", "helper")
    channel.noarch("other", "1.0", "helper")
    channel.noarch("helper", "1.0")
    mended = ["python >=3.8", "helper >=1,<2"]
    channel.hotfix("noarch/demo-1.0-0.conda", depends=mended)
    run(channel.root, tmp_path / "index")
    report = run(tmp_path / "index", tmp_path / "out")
    found = packages(tmp_path / "out")
    assert found["demo 1.0"]["depends"] == mended
    assert found["other 1.0"]["depends"] == ["python >=3.8", "helper"]
    # The package itself is the one that its builder made.
    (item,) = [item for item in report.items if item.losses]
    assert (item.key.partition("/")[0], [loss.code for loss in item.losses]) == ("demo", ["CB255"])
