"""Runs that are killed, sources that fail, disks that are full: what is published stays whole and true."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

import pytest

from bridge.channel import workshop
from bridge.errors import Code, Unsupported
from bridge.model.plan import Status
from bridge.sync.directory import DirectoryDestination
from bridge.sync.engine import Engine, Processes, Serial
from bridge.sync.ledger import Ledger
from bridge.sync.plan import Reason
from bridge.sync.task import Done, Task
from bridge.sync.work import Bench
from tests.support.sync_samples import SampleChannel, check_pages, listed, projects, run, tree

ROOT = Path(__file__).parents[3]
#: runs `sync`, and kills itself at the n-th call of a method.
KILLED = """
import os, signal, sys
from pathlib import Path
from bridge.sync import directory, ledger
from tests.support.sync_samples import run
kind, method, count = sys.argv[3], sys.argv[4], int(sys.argv[5])
owner = {"ledger": ledger.Ledger, "directory": directory.DirectoryDestination}[kind]
original = getattr(owner, method)
calls = 0
def counted(self, *args):
    global calls
    calls += 1
    if calls == count:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(self, *args)
setattr(owner, method, counted)
run(sys.argv[1], Path(sys.argv[2]))
"""


def many(root: Path) -> SampleChannel:
    channel = SampleChannel(root)
    for number in range(6):
        channel.noarch(f"package{number}", "1.0", *([f"package{number - 1}"] if number else []))
    return channel


@pytest.mark.parametrize(
    ("owner", "method", "count"),
    [
        ("ledger", "record", 3),  # while converting
        ("directory", "place", 5),  # while files are put in their places
        ("directory", "write", 4),  # while pages are written
        ("ledger", "settle", 1),  # when all is in its place, and nobody has written that down
    ],
)
def test_a_run_that_was_killed_is_finished_by_the_next(tmp_path: Path, owner: str, method: str, count: int) -> None:
    channel = many(tmp_path / "channel")
    run(channel.root, tmp_path / "undisturbed")
    out = tmp_path / "out"
    killed = [sys.executable, "-c", KILLED, str(channel.root), str(out), owner, method, str(count)]
    done = subprocess.run(killed, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    assert done.returncode == -signal.SIGKILL
    check_pages(out)
    report = run(channel.root, out)
    assert report.summary["converted"] == 6
    assert tree(out) == tree(tmp_path / "undisturbed")


@pytest.mark.parametrize(("method", "count"), [("write", 2), ("remove", 1), ("place", 1)])
def test_a_change_that_was_killed_is_finished_by_the_next(tmp_path: Path, method: str, count: int) -> None:
    channel, out = many(tmp_path / "channel"), tmp_path / "out"
    run(channel.root, out)
    channel.noarch("package1", "1.0", files={"site-packages/more.py": b"more = 1\n"})
    channel.remove("noarch/package5-1.0-0.conda")
    killed = [sys.executable, "-c", KILLED, str(channel.root), str(out), "directory", method, str(count)]
    done = subprocess.run(killed, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    assert done.returncode == -signal.SIGKILL
    assert check_pages(out) == 6
    run(channel.root, out)
    (file,) = listed(out, "package5").values()
    assert file["yanked"]
    check_pages(out)
    again = tmp_path / "again"
    run(channel.root, again)
    for project in projects(again):
        assert listed(again, project) == listed(out, project)


def test_what_was_done_before_the_kill_is_not_done_again(tmp_path: Path) -> None:
    channel, out = many(tmp_path / "channel"), tmp_path / "out"
    killed = [sys.executable, "-c", KILLED, str(channel.root), str(out), "directory", "place", "1"]
    subprocess.run(killed, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    assert tree(out) == {}
    report = run(channel.root, out)
    assert report.attempted == ()
    assert check_pages(out) == 6


class Faults:
    """A channel on loopback whose files come out wrong: path -> what is wrong with each answer in turn."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.wrong: dict[str, list[str]] = {}
        self.asked: Counter[str] = Counter()
        self.address = ""

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        path = unquote(urlsplit(handler.path).path).strip("/")
        self.asked[path] += 1
        file = self.root / path
        faults = self.wrong.get(path, [])
        fault = faults.pop(0) if len(faults) > 1 else "".join(faults)
        if fault.isdigit() or not file.is_file():
            handler.send_error(int(fault or 404))
            return
        data = file.read_bytes()
        length = len(data)
        if fault == "other":
            data = data[:-1] + bytes([data[-1] ^ 1])
        elif fault == "truncated":
            data = data[: length // 2]
        handler.send_response(200)
        handler.send_header("Content-Length", str(length))
        handler.end_headers()
        with contextlib.suppress(ConnectionError):
            if fault == "slow":
                for start in range(0, length, 1 + length // 20):
                    handler.wfile.write(data[start : start + 1 + length // 20])
                    time.sleep(0.002)
            else:
                handler.wfile.write(data)


@contextlib.contextmanager
def failing(root: Path) -> Iterator[Faults]:
    faults = Faults(root)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            faults.answer(self)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        faults.address = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield faults
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("fault", ["404", "500", "truncated", "other"])
def test_a_file_that_cannot_be_had_is_reported_and_never_published(tmp_path: Path, fault: str) -> None:
    channel, out = many(tmp_path / "channel"), tmp_path / "out"
    key = "noarch/package2-1.0-0.conda"
    with failing(channel.root) as site:
        site.wrong[key] = [fault]
        report = run(site.address, out)
        (item,) = [item for item in report.items if item.status is not Status.CONVERTED]
        assert (item.key, item.status) == (key, Status.INVALID)
        assert item.code == ("CB118" if fault == "other" else "CB119")
        assert projects(out) == ["package0", "package1", "package3", "package4", "package5"]
        assert check_pages(out) == 5
        # It may be well again the next time, and only it is asked for.
        del site.wrong[key]
        site.asked.clear()
        report = run(site.address, out)
        assert [(unit.name, unit.reason) for unit in report.attempted] == [("release package2 1.0", Reason.RETRIED)]
        assert {path for path in site.asked if path.endswith(".conda")} == {key}
    run(channel.root, tmp_path / "undisturbed")
    assert listed(out, "package2").keys() == listed(tmp_path / "undisturbed", "package2").keys()


@pytest.mark.parametrize("faults", [["500", ""], ["truncated", ""], ["other", ""], ["slow"]])
def test_a_source_that_recovers_is_asked_again(tmp_path: Path, faults: list[str]) -> None:
    channel = many(tmp_path / "channel")
    with failing(channel.root) as site:
        site.wrong["noarch/package2-1.0-0.conda"] = faults
        report = run(site.address, tmp_path / "out")
    assert report.summary["converted"] == 6
    assert check_pages(tmp_path / "out") == 6


def test_a_file_that_was_replaced_after_it_was_listed_is_not_published(tmp_path: Path) -> None:
    channel, out = many(tmp_path / "channel"), tmp_path / "out"
    with failing(channel.root) as site:
        run(site.address, out)
        before = tree(out)
        # The package is another one already, and its record is not.
        record = dict(channel.records["noarch"]["package2-1.0-0.conda"])
        channel.noarch("package2", "1.0", files={"site-packages/more.py": b"more = 1\n"})
        channel.hotfix("noarch/package2-1.0-0.conda", **{**record, "license": "MIT"})
        report = run(site.address, out)
        (item,) = [item for item in report.items if item.status is not Status.CONVERTED]
        assert (item.key, item.code) == ("noarch/package2-1.0-0.conda", "CB118")
        # What was made of the old one stays.
        assert tree(out) == before


@pytest.mark.parametrize("what", ["convert", "place", "write", "ledger"])
def test_a_full_disk_leaves_the_index_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    channel, out = many(tmp_path / "channel"), tmp_path / "out"
    run(channel.root, out)
    before = tree(out)
    for number in range(6):
        channel.noarch(f"package{number}", "2.0")
    with monkeypatch.context() as patch:
        _fill(patch, what)
        with pytest.raises(Unsupported) as caught:
            run(channel.root, out)
    assert caught.value.code is Code.NO_SPACE
    if what == "write":
        # Some pages were written already, each of them whole.
        assert 6 < check_pages(out) < 12
    else:
        assert before.items() <= tree(out).items()
        assert check_pages(out) == 6
    assert run(channel.root, out).summary["converted"] == 12
    assert check_pages(out) == 12


def _fill(patch: pytest.MonkeyPatch, what: str) -> None:
    match what:
        case "convert":
            patch.setattr("bridge.channel.workshop.write_wheel", _full_after(3, workshop.write_wheel))
        case "place":
            patch.setattr(DirectoryDestination, "_made", _full_after(3, DirectoryDestination._made))
        case "write":
            patch.setattr("bridge.sync.directory.os.fdopen", _full_after(2, os.fdopen))
        case "ledger":
            patch.setattr(Ledger, "__init__", _small(Ledger.__init__))


def _full_after(count: int, original: Callable[..., object]) -> Callable[..., object]:
    """Something that finds no space from a certain call on."""
    calls = 0

    def limited(*args: object, **options: object) -> object:
        nonlocal calls
        calls += 1
        if calls > count:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return original(*args, **options)

    return limited


def _small(original: Callable[..., None]) -> Callable[..., None]:
    """A ledger that cannot grow."""

    def limited(self: Ledger, directory: Path | None) -> None:
        original(self, directory)
        (pages,) = self._database.execute("PRAGMA page_count").fetchone()
        self._database.execute(f"PRAGMA max_page_count = {pages}")

    return limited


@pytest.mark.parametrize("engine", [Serial(), Processes(2)], ids=["serial", "processes"])
def test_the_tree_does_not_depend_on_the_engine(tmp_path: Path, engine: Engine) -> None:
    channel = many(tmp_path / "channel")
    run(channel.root, tmp_path / "out", engine=engine)
    run(channel.root, tmp_path / "other")
    assert tree(tmp_path / "out") == tree(tmp_path / "other")


class Deadly(Bench):
    """Kills its process at certain tasks, always or the first time."""

    def perform(self, task: Task) -> Done:
        marker = task.directory.parent.parent / f"died-{task.unit}"
        if "package2" in task.unit or ("package4" in task.unit and not marker.exists()):
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().perform(task)


def test_a_worker_that_dies_loses_nothing_but_what_kills_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    channel, out = many(tmp_path / "channel"), tmp_path / "out"
    monkeypatch.setattr("bridge.sync.engine._open", _open_deadly)
    report = run(channel.root, out, engine=Processes(2))
    (item,) = [item for item in report.items if item.status is not Status.CONVERTED]
    assert (item.key, item.status) == ("noarch/package2-1.0-0.conda", Status.INTERNAL_ERROR)
    assert check_pages(out) == 5
    monkeypatch.undo()
    assert run(channel.root, out).summary["converted"] == 6


def _open_deadly(work: object, environment: object) -> None:
    from bridge.sync import engine

    engine._bench = Deadly(work)  # type: ignore[arg-type]


def test_a_page_never_lists_what_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looked at after every step of a run that adds, replaces and retires."""
    channel, out = many(tmp_path / "channel"), tmp_path / "out"
    run(channel.root, out)
    channel.noarch("package0", "2.0")
    channel.noarch("package1", "1.0", files={"site-packages/more.py": b"more = 1\n"})
    channel.remove("noarch/package5-1.0-0.conda")
    steps = 0
    for method in ("place", "write", "remove"):
        original = getattr(DirectoryDestination, method)

        def watched(
            self: DirectoryDestination, path: PurePosixPath, *args: object, _original: object = original
        ) -> None:
            nonlocal steps
            _original(self, path, *args)  # type: ignore[operator]
            check_pages(out)
            steps += 1

        monkeypatch.setattr(DirectoryDestination, method, watched)
    run(channel.root, out)
    run(channel.root, out, delete=True)
    assert steps > 10
