"""What a lazy index answers, before and after a file was asked for."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from bridge.errors import Code, InvalidInput
from bridge.sync.lazy.conversion import Converter
from bridge.sync.lazy.index import JSON, Answer, LazyIndex
from bridge.sync.lazy.planning import plan_index
from bridge.sync.work import Bench
from tests.support.elf_files import Elf
from tests.support.sample_packages import SITE
from tests.support.sync_samples import SampleChannel


def page(index: LazyIndex, project: str) -> Mapping[str, Mapping[str, Any]]:
    """What the page of a project lists."""
    document = json.loads(content(index.answer("GET", f"/simple/{project}/", JSON)))
    return {file["filename"]: file for file in document["files"]}


def content(answer: Answer) -> bytes:
    """The body of an answer that is one."""
    assert answer.status is HTTPStatus.OK, answer
    return answer.body if isinstance(answer.body, bytes) else answer.body.read_bytes()


def followed(index: LazyIndex, address: str) -> bytes:
    """What a client gets that asks for an address of a page."""
    answer = index.answer("GET", f"/{address.removeprefix('../../')}")
    assert answer.status is HTTPStatus.FOUND, answer
    return content(index.answer("GET", f"/{answer.headers['Location'].removeprefix('../../')}"))


def test_nothing_is_converted_before_it_is_asked_for(index: LazyIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("something was converted")

    monkeypatch.setattr(Bench, "perform", never)
    for project in ("alpha", "beta", "gamma", "delta"):
        for file in page(index, project).values():
            assert (file["hashes"], file.get("core-metadata")) == ({}, None)


def test_a_file_that_was_asked_for_is_listed_with_its_hash(index: LazyIndex) -> None:
    ((name, file),) = page(index, "gamma").items()
    data = followed(index, file["url"])
    ((again, made),) = page(index, "gamma").items()
    assert again == name
    assert made["hashes"] == {"sha256": hashlib.sha256(data).hexdigest()}
    assert (made["size"], made["requires-python"]) == (len(data), file["requires-python"])
    metadata = content(index.answer("GET", f"/{made['url'].removeprefix('../../')}.metadata"))
    assert made["core-metadata"] == {"sha256": hashlib.sha256(metadata).hexdigest()}
    (other,) = page(index, "beta").values()
    assert other["hashes"] == {}


def test_a_wheel_that_fits_more_machines_than_planned_is_given_for_the_planned_one(index: LazyIndex) -> None:
    ((name, file),) = page(index, "alpha").items()
    assert name == "alpha-1.0-cp312-cp312-manylinux_2_17_x86_64.whl"
    data = followed(index, file["url"])
    ((made, listed),) = page(index, "alpha").items()
    assert made == "alpha-1.0-cp312-cp312-manylinux_2_5_x86_64.whl"
    assert listed["hashes"] == {"sha256": hashlib.sha256(data).hexdigest()}
    assert followed(index, file["url"]) == data


def test_a_wheel_that_fits_fewer_machines_than_planned_is_only_listed(channel: SampleChannel, tmp_path: Path) -> None:
    needy = Elf(needed=["libc.so.6"], versions={"libc.so.6": ["GLIBC_2.28"]}).make()
    channel.python("needy", "1.0", files={f"{SITE}/native.cpython-312-x86_64-linux-gnu.so": needy})
    directory = plan_index(channel.root, tmp_path / "planned").directory
    with LazyIndex(directory, tmp_path / "cache") as index:
        (file,) = page(index, "needy").values()
        answer = index.answer("GET", f"/{file['url'].removeprefix('../../')}")
        assert answer.status is HTTPStatus.NOT_FOUND
        ((name, made),) = page(index, "needy").items()
        assert name == "needy-1.0-cp312-cp312-manylinux_2_28_x86_64.whl"
        data = content(index.answer("GET", f"/{made['url'].removeprefix('../../')}"))
        assert made["hashes"] == {"sha256": hashlib.sha256(data).hexdigest()}


def test_what_was_converted_is_found_again_by_the_next_process(
    index: LazyIndex, planned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (file,) = page(index, "gamma").values()
    data = followed(index, file["url"])

    def never(*_: object) -> None:
        raise AssertionError("something was converted")

    monkeypatch.setattr(Bench, "perform", never)
    with LazyIndex(planned, tmp_path / "cache") as another:
        assert followed(another, file["url"]) == data
        assert page(another, "gamma") == page(index, "gamma")


def test_requests_at_once_convert_a_file_once(index: LazyIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    perform, count = Bench.perform, []

    def counted(bench: Bench, task: Any) -> Any:
        count.append(task.unit)
        return perform(bench, task)

    monkeypatch.setattr(Bench, "perform", counted)
    (file,) = page(index, "delta").values()
    bodies: list[bytes] = []
    threads = [threading.Thread(target=lambda: bodies.append(followed(index, file["url"]))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(bodies), len(set(bodies)), len(count)) == (6, 1, 1)


def test_whoever_waits_too_long_may_ask_again(planned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    going_on, started = threading.Event(), threading.Event()
    perform = Bench.perform

    def slow(bench: Bench, task: Any) -> Any:
        started.set()
        assert going_on.wait(30)
        return perform(bench, task)

    monkeypatch.setattr(Bench, "perform", slow)
    with LazyIndex(planned, tmp_path / "cache", patience=0.01) as index:
        (alpha,), (beta,) = page(index, "alpha").values(), page(index, "beta").values()
        thread = threading.Thread(target=lambda: followed(index, alpha["url"]))
        thread.start()
        assert started.wait(30)
        try:
            for url in (alpha["url"], beta["url"]):
                answer = index.answer("GET", f"/{url.removeprefix('../../')}")
                assert answer.status is HTTPStatus.SERVICE_UNAVAILABLE
                assert answer.headers["Retry-After"]
        finally:
            going_on.set()
            thread.join()


def test_only_so_many_wait(index: LazyIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index._converter, "_seats", threading.BoundedSemaphore(1))
    with index._converter._seat():
        (file,) = page(index, "alpha").values()
        answer = index.answer("GET", f"/{file['url'].removeprefix('../../')}")
    assert answer.status is HTTPStatus.SERVICE_UNAVAILABLE


def test_a_package_that_becomes_no_wheel_leaves_the_page(channel: SampleChannel, tmp_path: Path) -> None:
    channel.noarch("epsilon", "1.0")
    directory = plan_index(channel.root, tmp_path / "planned").directory
    key = "noarch/epsilon-1.0-0.conda"
    (channel.root / key).write_bytes(b"not an archive")
    channel.hotfix(key, sha256=hashlib.sha256(b"not an archive").hexdigest(), size=14)
    directory = plan_index(channel.root, directory).directory
    with LazyIndex(directory, tmp_path / "cache") as index:
        (file,) = page(index, "epsilon").values()
        answer = index.answer("GET", f"/{file['url'].removeprefix('../../')}")
        assert answer.status is HTTPStatus.NOT_FOUND
        assert b"CB10" in bytes(answer.body)  # type: ignore[arg-type]
        assert page(index, "epsilon") == {}


def test_a_package_that_cannot_be_had_now_stays_planned(index: LazyIndex, channel: SampleChannel) -> None:
    ((name, file),) = page(index, "delta").items()
    package = channel.root / "noarch/delta-1.0-0.conda"
    data = package.read_bytes()
    package.write_bytes(b"in between")
    answer = index.answer("GET", f"/{file['url'].removeprefix('../../')}")
    assert answer.status is HTTPStatus.SERVICE_UNAVAILABLE
    assert list(page(index, "delta")) == [name]
    package.write_bytes(data)
    assert followed(index, file["url"])


@pytest.mark.parametrize(
    "path",
    [
        "/files/alpha/../../planned.json",
        "/files/../planned.json",
        "/files/alpha/..",
        "/files/alpha/beta-1.0-cp312-cp312-manylinux_2_17_x86_64.whl",
        "/files/nobody/alpha-1.0-cp312-cp312-manylinux_2_17_x86_64.whl",
        "/files/alpha/alpha-9.0-cp312-cp312-manylinux_2_17_x86_64.whl",
        "/wheels/../units",
        "/wheels/..%2f/units",
        f"/wheels/{'0' * 64}/alpha.whl",
        f"/wheels/{'0' * 64}/..",
        "/simple/../planned.json/",
        "/simple/nobody/",
        "/simple/alpha\0/",
        "/simple/alpha//",
        "//simple/",
        "/planned.json",
        "",
    ],
)
def test_what_no_page_lists_is_not_there(index: LazyIndex, path: str) -> None:
    assert index.answer("GET", path).status is HTTPStatus.NOT_FOUND


@pytest.mark.parametrize("name", ["..", "alpha.whl", "", "../../units"])
def test_a_wheel_has_one_name(index: LazyIndex, name: str) -> None:
    (file,) = page(index, "gamma").values()
    followed(index, file["url"])
    (made,) = page(index, "gamma").values()
    assert index.answer("GET", f"/wheels/{made['hashes']['sha256']}/{name}").status is HTTPStatus.NOT_FOUND


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "get"])
def test_only_reading_is_answered(index: LazyIndex, method: str) -> None:
    assert index.answer(method, "/simple/").status is HTTPStatus.METHOD_NOT_ALLOWED


@pytest.mark.parametrize("spelled", ["Alpha", "ALPHA"])
def test_other_spellings_lead_to_the_normal_one(index: LazyIndex, spelled: str) -> None:
    answer = index.answer("GET", f"/simple/{spelled}/")
    assert (answer.status, answer.headers["Location"]) == (HTTPStatus.MOVED_PERMANENTLY, "../alpha/")


def test_pages_for_people_say_what_is_planned(index: LazyIndex) -> None:
    assert b">alpha</a>" in content(index.answer("GET", "/simple/", "text/html"))
    html = content(index.answer("GET", "/simple/gamma/", "text/html")).decode()
    assert 'data-requires-python="&gt;=3.8"' in html
    assert "(planned)" in html
    (file,) = page(index, "gamma").values()
    followed(index, file["url"])
    html = content(index.answer("GET", "/simple/gamma/", "text/html")).decode()
    assert "#sha256=" in html
    assert "(planned)" not in html


def test_an_unchanged_page_is_not_sent_again(index: LazyIndex) -> None:
    statuses: list[tuple[str, dict[str, str]]] = []

    def ask(**headers: str) -> bytes:
        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/simple/alpha/", "HTTP_ACCEPT": JSON, **headers}
        return b"".join(index(environ, lambda status, found: statuses.append((status, dict(found)))))

    assert ask()
    tag = statuses[0][1]["ETag"]
    assert ask(HTTP_IF_NONE_MATCH=tag) == b""
    assert [status for status, _ in statuses] == ["200 OK", "304 Not Modified"]


def test_another_channel_or_mapping_than_planned_is_refused(planned: Path, tmp_path: Path) -> None:
    other = SampleChannel(tmp_path / "other")
    overlay = tmp_path / "names.yaml"
    overlay.write_text("python:\n  gamma: gamma-of-ours\n")
    for more in ({"channel": other.root}, {"overlays": (overlay,)}):
        with pytest.raises(InvalidInput) as caught:
            LazyIndex(planned, tmp_path / "cache", **more)  # type: ignore[arg-type]
        assert caught.value.code is Code.OTHER_SOURCE


def test_without_a_plan_there_is_nothing_to_serve(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        LazyIndex(tmp_path, tmp_path / "cache")
    assert caught.value.code is Code.SOURCE


def test_a_converter_is_closed_with_its_index(planned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[Converter] = []
    monkeypatch.setattr(Converter, "__exit__", lambda converter, *_: closed.append(converter))
    with LazyIndex(planned, tmp_path / "cache") as index:
        assert closed == []
    assert closed == [index._converter]
