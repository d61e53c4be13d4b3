"""Object storage, with a real client and an S3 server on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest
from obstore.store import from_url

from bridge.errors import BridgeError, Code, InvalidInput, Unsupported
from bridge.sync.bucket import PATIENCE, BucketDestination, open_bucket
from bridge.sync.bucket_source import copied
from bridge.sync.detect import open_destination, open_source
from bridge.sync.engine import Serial
from bridge.sync.ledger import LEDGER
from bridge.sync.plan import Wishes
from bridge.sync.sync import sync
from tests.support.object_storage import BUCKET, SECRET, Storage, s3
from tests.support.sync_samples import SampleChannel, run, tree

FILE = PurePosixPath("files/ab/x.whl")


@pytest.fixture(scope="module")
def server() -> Iterator[Storage]:
    with s3() as storage:
        yield storage


@pytest.fixture
def bucket(server: Storage, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    with server.bucket() as address:
        yield address


def media(bucket: str, path: str) -> str:
    """As a browser is told."""
    return str(from_url(bucket).get(path).attributes.get("Content-Type"))


def test_objects_are_put_seen_replaced_and_taken_away(bucket: str, tmp_path: Path) -> None:
    (tmp_path / "x.whl").write_bytes(b"wheel")
    destination = BucketDestination(bucket)
    with destination.opened():
        assert destination.size(FILE) is None
        destination.place(FILE, tmp_path / "x.whl")
        assert destination.size(FILE) == 5
        page = PurePosixPath("simple/x/index.json")
        destination.write(page, b"{}")
        destination.write(page, b"{ }")
        assert bytes(from_url(bucket).get(str(page)).bytes()) == b"{ }"
        assert media(bucket, str(page)) == "application/vnd.pypi.simple.v1+json"
        destination.remove(FILE)
        destination.remove(FILE)
        assert destination.size(FILE) is None


def test_what_is_lost_is_found_by_name_and_size(bucket: str) -> None:
    destination = BucketDestination(bucket)
    assert not destination.exists()
    with destination.opened():
        destination.write(FILE, b"wheel")
        other = PurePosixPath("simple/index.html")
        assert destination.lost({FILE: 5, other: 1}) == {other}
        assert destination.lost({FILE: 4}) == {FILE}
    assert destination.exists()


def test_a_channel_is_synced_into_a_bucket_and_from_one(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There, again with nothing to do, and from there into what a local run makes."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    made = SampleChannel(tmp_path / "channel")
    made.python("alpha", "1.0", "beta >=1")
    made.python("beta", "1.0")
    local = tmp_path / "local"
    run(made.root, local)
    source, target = open_source(made.root), open_destination(bucket)
    assert sync(source, target, Wishes(), Serial(), patience=(0.0,)).summary["converted"] == 2
    second = sync(source, target, Wishes(), Serial(), patience=(0.0,))
    assert (second.attempted, second.changes.written) == ((), ())
    copy = copied(bucket, tmp_path / "copy")
    (copy / ".objects.json").unlink()
    assert tree(copy) == tree(local)
    # the same bucket has the channel too
    channel = bucket.replace("prefix", "channel")
    for path in made.root.rglob("*"):
        if path.is_file():
            from_url(channel).put(path.relative_to(made.root).as_posix(), path)
    again = open_source(channel)
    assert again.shown == channel
    sync(again, open_destination(tmp_path / "again"), Wishes(), Serial(), patience=(0.0,))
    named = "simple/index.html"  # which names the source
    assert bucket.replace("prefix", "channel") in (tmp_path / "again" / named).read_text()
    assert {**tree(tmp_path / "again"), named: ""} == {**tree(local), named: ""}


def test_the_ledger_is_there_again_in_the_next_run(bucket: str) -> None:
    for number in range(3):
        destination = BucketDestination(bucket)
        with destination.opened() as private:
            ledger = private / LEDGER
            assert (ledger.read_text() if ledger.exists() else "") == (str(number) if number else "")
            ledger.write_text(str(number + 1))
            destination.settled()


def test_two_publishers_exclude_each_other(bucket: str) -> None:
    first, second = BucketDestination(bucket), BucketDestination(bucket)
    with first.opened():
        with pytest.raises(Unsupported) as error, second.opened():
            pass
        assert error.value.code is Code.BUSY
    with second.opened():
        pass


def test_of_eight_publishers_at_once_one_gets_the_destination(bucket: str) -> None:
    start, inside, leave = threading.Barrier(8), [], threading.Event()
    refused: list[Code] = []

    def publish() -> None:
        destination = BucketDestination(bucket)
        start.wait()
        try:
            with destination.opened():
                inside.append(destination)
                leave.wait(20)
        except Unsupported as error:
            refused.append(error.code)
            if len(refused) == 7:
                leave.set()

    threads = [threading.Thread(target=publish) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(inside), refused) == (1, [Code.BUSY] * 7)


def test_a_lease_that_was_left_behind_is_taken_over_when_it_has_ended(bucket: str) -> None:
    now = [1_000_000.0]
    lease = ".conda-bridge/lease.json"
    document = {"token": "of a run that was killed", "until": now[0] + PATIENCE}
    from_url(bucket).put(lease, json.dumps(document).encode())
    with pytest.raises(Unsupported), BucketDestination(bucket, clock=lambda: now[0]).opened():
        pass
    now[0] += PATIENCE + 1
    with BucketDestination(bucket, clock=lambda: now[0]).opened():
        assert json.loads(bytes(from_url(bucket).get(lease).bytes()))["until"] == now[0] + PATIENCE


def test_whoever_lost_the_lease_cannot_write_the_ledger(bucket: str) -> None:
    slow, fast = BucketDestination(bucket, clock=lambda: 0.0), BucketDestination(bucket, clock=lambda: PATIENCE * 9)
    with slow.opened() as private:
        (private / LEDGER).write_text("slow")
        with fast.opened() as other:
            (other / LEDGER).write_text("fast")
            fast.settled()
        with pytest.raises(Unsupported) as error:
            slow.settled()
    assert error.value.code is Code.BUSY
    assert bytes(from_url(bucket).get(f".conda-bridge/{LEDGER}").bytes()) == b"fast"


def test_a_service_that_refuses_is_said_to_without_secrets(bucket: str, tmp_path: Path) -> None:
    gone = bucket.replace(BUCKET, "no-such-bucket")
    with pytest.raises(Unsupported) as error, BucketDestination(gone).opened():
        pass
    assert error.value.code is Code.OUTPUT_TAKEN
    assert SECRET not in str(error.value)
    with pytest.raises(InvalidInput):
        copied(gone, tmp_path / "copy")


@pytest.mark.parametrize(
    "address", ["s3://user:hunter2@b/x", "s3://", "s3:///x", "https://b/x", "s3://b/x?token=hunter2", "s3://[b/x"]
)
def test_addresses_that_are_none_are_refused_without_repeating_secrets(address: str) -> None:
    with pytest.raises(BridgeError) as error:
        open_bucket(address)
    assert error.value.code is Code.SOURCE
    assert "hunter2" not in str(error.value)


def test_only_what_changed_is_copied_and_what_is_gone_is_taken_away(bucket: str, tmp_path: Path) -> None:
    store, copy = from_url(bucket), tmp_path / "copy"
    for name, content in {"noarch/repodata.json": b"{}", "noarch/a.conda": b"a", "other/b": b"b"}.items():
        store.put(name, content)
    store.put(".conda-bridge/ledger.sqlite", b"private")
    assert copied(bucket, copy) == copy
    names = {path.relative_to(copy).as_posix() for path in copy.rglob("*") if path.is_file()}
    assert names == {".objects.json", "noarch/repodata.json", "noarch/a.conda", "other/b"}
    before = (copy / "noarch" / "a.conda").stat().st_ino
    store.put("noarch/repodata.json", b"{ }")
    store.delete("other/b")
    copied(bucket, copy)
    assert (copy / "noarch" / "a.conda").stat().st_ino == before, "it was not copied again"
    assert (copy / "noarch" / "repodata.json").read_bytes() == b"{ }"
    assert not (copy / "other").exists()


@pytest.mark.parametrize("name", ["../out", "a/../../out", "a//b", "C:/x", "a\\b", "a/.objects.json"])
def test_an_object_with_a_hostile_name_is_refused(server: Storage, bucket: str, tmp_path: Path, name: str) -> None:
    server.client().put_object(Bucket=BUCKET, Key=f"some/prefix/{name}", Body=b"x")
    with pytest.raises(InvalidInput):
        copied(bucket, tmp_path / "copy")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_directory_of_somebody_else_is_not_overwritten(bucket: str, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("")
    with pytest.raises(Unsupported):
        copied(bucket, tmp_path)
