"""The Simple index: what it lists, that its pages are safe, and that pip and uv take it."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urldefrag, urljoin

import pytest

from bridge.channel.simple import write_index
from bridge.errors import Code, InvalidInput, Unsupported

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .conftest import MakeWheel


class Page(HTMLParser):
    """The tags and texts of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def snapshot(directory: Path) -> dict[str, bytes]:
    return {str(p.relative_to(directory)): p.read_bytes() for p in sorted(directory.rglob("*")) if p.is_file()}


def project_json(directory: Path, name: str) -> Any:
    return json.loads((directory / "simple" / name / "index.json").read_bytes())


def test_every_wheel_is_listed_under_its_normalised_name(tmp_path: Path, make_wheel: MakeWheel) -> None:
    make_wheel("Foo_Bar", headers="Requires-Python: >=3.9,<4\nSummary: A foo.\n")
    make_wheel("Foo_Bar", "1.10", directory=tmp_path / "sub dir")
    make_wheel("Foo_Bar", "1.9")
    make_wheel("baz")
    report = write_index(tmp_path)
    assert report.rejected == ()
    assert [project.name for project in report.projects] == ["baz", "foo-bar"]
    root = Page(tmp_path / "simple" / "index.html")
    assert [a["href"] for a in root.named("a")] == ["baz/", "foo-bar/"]
    assert json.loads((tmp_path / "simple" / "index.json").read_bytes()) == {
        "meta": {"api-version": "1.1"},
        "projects": [{"name": "baz"}, {"name": "foo-bar"}],
    }
    document = project_json(tmp_path, "foo-bar")
    assert document["name"] == "foo-bar"
    assert document["versions"] == ["1.0", "1.9", "1.10"]
    wheel = tmp_path / "Foo_Bar-1.0-py3-none-any.whl"
    metadata = tmp_path / "Foo_Bar-1.0-py3-none-any.whl.metadata"
    assert document["files"][0] == {
        "filename": wheel.name,
        "url": f"../../{wheel.name}",
        "hashes": {"sha256": hashlib.sha256(wheel.read_bytes()).hexdigest()},
        "size": wheel.stat().st_size,
        "requires-python": "<4,>=3.9",
        "core-metadata": {"sha256": hashlib.sha256(metadata.read_bytes()).hexdigest()},
    }
    assert metadata.read_text().startswith("Metadata-Version: 2.1\nName: Foo_Bar\n")
    assert document["files"][2]["url"] == "../../sub%20dir/Foo_Bar-1.10-py3-none-any.whl"


def test_html_and_json_say_the_same_and_every_link_leads_to_the_file(tmp_path: Path, make_wheel: MakeWheel) -> None:
    make_wheel("foo", "1.0+local.1", headers="Requires-Python: >=3.9\n", directory=tmp_path / "a#b?c%20d")
    make_wheel("foo", "2!1.0")
    write_index(tmp_path, yanked={"foo-2!1.0-py3-none-any.whl": "too <new>"})
    page = tmp_path / "simple" / "foo" / "index.html"
    anchors, files = Page(page).named("a"), project_json(tmp_path, "foo")["files"]
    assert len(anchors) == len(files) == 2
    for anchor, file in zip(anchors, files, strict=True):
        link, fragment = urldefrag(str(anchor["href"]))
        assert link == file["url"]
        assert fragment == f"sha256={file['hashes']['sha256']}"
        target = Path(unquote(urljoin(page.as_uri(), link).removeprefix("file://")))
        assert hashlib.sha256(target.read_bytes()).hexdigest() == file["hashes"]["sha256"]
        assert anchor.get("data-requires-python") == file.get("requires-python")
        assert anchor.get("data-core-metadata") == f"sha256={file['core-metadata']['sha256']}"
        assert anchor.get("data-yanked") == file.get("yanked")
    assert Page(page).texts.count("foo-2!1.0-py3-none-any.whl") == 1
    assert files[1]["yanked"] == "too <new>"


def test_the_same_wheels_give_the_same_bytes(tmp_path: Path, make_wheel: MakeWheel) -> None:
    for name in ("b", "a", "c"):
        make_wheel(name, directory=tmp_path / "one")
        make_wheel(name, "2.0", directory=tmp_path / "one" / "x")
    write_index(tmp_path / "one")
    first = snapshot(tmp_path / "one")
    write_index(tmp_path / "one")
    assert snapshot(tmp_path / "one") == first
    shutil.copytree(tmp_path / "one", tmp_path / "two", copy_function=shutil.copyfile)
    shutil.rmtree(tmp_path / "two" / "simple")
    for path in (tmp_path / "two").glob("*.metadata"):
        path.unlink()
    write_index(tmp_path / "two")
    assert snapshot(tmp_path / "two") == first
    assert [p.name for p in (tmp_path / "one").iterdir() if p.name.startswith(".")] == []


def test_what_is_gone_leaves_the_index(tmp_path: Path, make_wheel: MakeWheel) -> None:
    make_wheel("a")
    gone = make_wheel("b")
    write_index(tmp_path)
    gone.unlink()
    assert [project.name for project in write_index(tmp_path).projects] == ["a"]
    assert sorted(p.name for p in (tmp_path / "simple").iterdir()) == ["a", "index.html", "index.json"]


def test_an_index_of_nothing_is_an_index(tmp_path: Path) -> None:
    assert write_index(tmp_path).projects == ()
    assert Page(tmp_path / "simple" / "index.html").named("a") == []


def test_wheels_that_cannot_be_trusted_are_reported_and_not_listed(tmp_path: Path, make_wheel: MakeWheel) -> None:
    make_wheel("good")
    (tmp_path / "damaged-1.0-py3-none-any.whl").write_bytes(b"not a zip")
    make_wheel("other", filename="renamed-1.0-py3-none-any.whl")
    make_wheel("other", "2.0", filename="other-3.0-py3-none-any.whl")
    make_wheel("odd", filename="odd.whl")
    make_wheel("liar", metadata=b"Metadata-Version: 2.1\nName: good\nVersion: 1.0\n")
    make_wheel("python", headers='Requires-Python: "><script>\n')
    make_wheel("headers", metadata=b"no headers at all")
    (tmp_path / "dangling-1.0-py3-none-any.whl").symlink_to("nowhere")
    (tmp_path / "folder-1.0-py3-none-any.whl").mkdir()
    report = write_index(tmp_path)
    assert [project.name for project in report.projects] == ["good"]
    assert {path: error.code for path, error in report.rejected} == {
        "damaged-1.0-py3-none-any.whl": Code.UNREADABLE,
        "renamed-1.0-py3-none-any.whl": Code.IDENTITY,
        "other-3.0-py3-none-any.whl": Code.IDENTITY,
        "odd.whl": Code.WHEEL_FILENAME,
        "liar-1.0-py3-none-any.whl": Code.IDENTITY,
        "python-1.0-py3-none-any.whl": Code.BAD_DIST_INFO,
        "headers-1.0-py3-none-any.whl": Code.BAD_DIST_INFO,
        "dangling-1.0-py3-none-any.whl": Code.UNREADABLE,
    }
    assert sorted(p.name for p in tmp_path.glob("*.metadata")) == ["good-1.0-py3-none-any.whl.metadata"]


def test_one_file_name_stands_for_one_content(tmp_path: Path, make_wheel: MakeWheel) -> None:
    for place in ("a", "b"):
        make_wheel("same", directory=tmp_path / place)
        make_wheel("differs", directory=tmp_path / place, content=place)
    report = write_index(tmp_path)
    assert [str(file.path) for file in report.files] == ["a/same-1.0-py3-none-any.whl"]
    assert [(path, error.code) for path, error in report.rejected] == [
        ("a/differs-1.0-py3-none-any.whl", Code.DUPLICATE),
        ("b/differs-1.0-py3-none-any.whl", Code.DUPLICATE),
        ("b/same-1.0-py3-none-any.whl", Code.DUPLICATE),
    ]


def test_hidden_directories_and_the_index_itself_are_not_searched(tmp_path: Path, make_wheel: MakeWheel) -> None:
    make_wheel("a")
    make_wheel("b", directory=tmp_path / ".cache")
    (tmp_path / "loop").symlink_to(tmp_path)
    assert [project.name for project in write_index(tmp_path).projects] == ["a"]


def test_variants_are_listed_with_the_release_that_they_describe(tmp_path: Path, make_wheel: MakeWheel) -> None:
    make_wheel("foo_bar")
    make_wheel("foo_bar", filename="foo_bar-1.0-py3-none-any-cu12_mkl.whl")
    for name in ("foo_bar-1.0", "foo_bar-2.0", "foo-bar-1.0", "foo_bar"):
        (tmp_path / f"{name}-variants.json").write_text("{}")
    report = write_index(tmp_path)
    assert [file.filename for file in report.files] == [
        "foo_bar-1.0-py3-none-any-cu12_mkl.whl",
        "foo_bar-1.0-py3-none-any.whl",
        "foo_bar-1.0-variants.json",
    ]
    listed = project_json(tmp_path, "foo-bar")["files"][2]
    assert listed["hashes"] == {"sha256": hashlib.sha256(b"{}").hexdigest()}
    assert "core-metadata" not in listed
    assert {path: error.code for path, error in report.rejected} == {
        "foo_bar-2.0-variants.json": Code.IDENTITY,
        "foo-bar-1.0-variants.json": Code.WHEEL_FILENAME,
        "foo_bar-variants.json": Code.WHEEL_FILENAME,
    }


def test_yanked_files_are_marked(tmp_path: Path, make_wheel: MakeWheel) -> None:
    first, second = make_wheel("a"), make_wheel("a", "2.0")
    make_wheel("a", "3.0")
    (tmp_path / "yanked.toml").write_text(f'"{first.name}" = "breaks \\"everything\\""\n"{second.name}" = ""\n')
    write_index(tmp_path)
    assert [f.get("yanked") for f in project_json(tmp_path, "a")["files"]] == [
        'breaks "everything"',
        True,
        None,
    ]
    anchors = Page(tmp_path / "simple" / "a" / "index.html").named("a")
    assert [a.get("data-yanked") for a in anchors] == ['breaks "everything"', "", None]


@pytest.mark.parametrize("text", ['"a.whl" = 1\n', "a\n", '"a.whl" = {}\n'])
def test_a_malformed_list_of_yanked_files_stops_the_index(tmp_path: Path, text: str) -> None:
    (tmp_path / "yanked.toml").write_text(text)
    with pytest.raises(InvalidInput) as caught:
        write_index(tmp_path)
    assert caught.value.code is Code.BAD_METADATA
    assert not (tmp_path / "simple").exists()


HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)> javascript:alert(3) &lt;"


def test_hostile_text_stays_text(tmp_path: Path, make_wheel: MakeWheel) -> None:
    wheel = make_wheel(
        "a",
        headers=f"Summary: {HOSTILE}\nHome-page: javascript:alert(1)\n",
        directory=tmp_path / "\"><script>'",
    )
    write_index(tmp_path, title=HOSTILE, yanked={wheel.name: HOSTILE})
    root, project = (Page(tmp_path / "simple" / name) for name in ("index.html", "a/index.html"))
    allowed = {
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "h1",
        "p",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
    }
    allowed |= {"td", "a", "br", "code", "ul", "li"}
    for page in (root, project):
        assert {tag for tag, _ in page.tags} <= allowed
        assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
        assert all(not str(a["href"]).startswith("javascript:") for a in page.named("a"))
    assert HOSTILE in "".join(root.texts)
    assert HOSTILE in project.texts
    [anchor] = project.named("a")
    assert anchor["data-yanked"] == HOSTILE
    assert anchor["href"] == (
        f"../../%22%3E%3Cscript%3E%27/{wheel.name}#sha256={hashlib.sha256(wheel.read_bytes()).hexdigest()}"
    )


def test_a_policy_forbids_everything_but_the_style_of_the_page(tmp_path: Path, make_wheel: MakeWheel) -> None:
    make_wheel("a")
    write_index(tmp_path)
    for name in ("index.html", "a/index.html"):
        page = Page(tmp_path / "simple" / name)
        [policy] = [m["content"] for m in page.named("meta") if m.get("http-equiv") == "Content-Security-Policy"]
        style = next(text for text in page.texts if "color-scheme" in text)
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
        assert {"name": "pypi:repository-version", "content": "1.1"} in page.named("meta")


@pytest.mark.parametrize("kind", ["file", "link", "foreign"])
def test_nothing_that_is_not_an_index_is_replaced(tmp_path: Path, make_wheel: MakeWheel, kind: str) -> None:
    make_wheel("a")
    target = tmp_path / "simple"
    if kind == "file":
        target.write_text("mine")
    elif kind == "link":
        (tmp_path / "elsewhere").mkdir()
        target.symlink_to("elsewhere")
    else:
        (target / "deep").mkdir(parents=True)
        (target / "deep" / "mine.txt").write_text("mine")
    before = snapshot(tmp_path)
    with pytest.raises(Unsupported) as caught:
        write_index(tmp_path)
    assert caught.value.code is Code.OUTPUT_TAKEN
    assert snapshot(tmp_path) == before


def test_a_failure_leaves_the_old_index(tmp_path: Path, make_wheel: MakeWheel, monkeypatch: pytest.MonkeyPatch) -> None:
    make_wheel("a")
    write_index(tmp_path)
    before = snapshot(tmp_path)

    def broken(*_: object) -> bytes:
        raise RuntimeError

    monkeypatch.setattr("bridge.channel.simple.project_json", broken)
    with pytest.raises(RuntimeError):
        write_index(tmp_path)
    assert snapshot(tmp_path) == before


def test_a_metadata_file_is_not_written_through_a_link(tmp_path: Path, make_wheel: MakeWheel) -> None:
    wheel = make_wheel("a")
    victim = tmp_path / "victim"
    victim.write_text("mine")
    link = wheel.with_name(f"{wheel.name}.metadata")
    link.symlink_to(victim)
    write_index(tmp_path)
    assert victim.read_text() == "mine"
    assert not link.is_symlink()


def test_a_directory_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        write_index(tmp_path / "absent")
    assert caught.value.code is Code.SOURCE


# --- the clients


@pytest.fixture
def index_urls(tmp_path: Path, make_wheel: MakeWheel) -> Iterator[dict[str, str]]:
    """An index over three wheels, on disk and behind the standard library's server."""
    make_wheel("top", headers="Requires-Dist: Under_Neath >=2\n", directory=tmp_path / "tree")
    make_wheel("under_neath", "2.0", directory=tmp_path / "tree" / "sub")
    make_wheel("under_neath", "3.0", headers="Requires-Python: >=99\n", directory=tmp_path / "tree")
    make_wheel("under_neath", "4.0", directory=tmp_path / "tree")
    write_index(tmp_path / "tree", yanked={"under_neath-4.0-py3-none-any.whl": "no"})
    tree = (tmp_path / "tree").rename(tmp_path / "moved")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tree)))
    thread = threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield {
        "http": f"http://127.0.0.1:{http.server_port}/simple/",
        "file": f"{tree.as_uri()}/simple/",
    }
    http.shutdown()
    http.server_close()
    thread.join()


def clean_environment() -> dict[str, str]:
    """Without anything that would send a client elsewhere."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith(("PIP_", "UV_")) and "PROXY" not in name.upper()
    }


@pytest.mark.e2e
@pytest.mark.parametrize("scheme", ["http", "file"])
def test_pip_resolves_from_it_alone(tmp_path: Path, index_urls: dict[str, str], scheme: str) -> None:
    pip = [sys.executable, "-m", "pip", "--isolated", "--no-input", "--disable-pip-version-check"]
    if subprocess.run([*pip, "--version"], check=False, capture_output=True).returncode:
        pytest.skip("this interpreter has no pip")
    out = tmp_path / "out"
    command = [
        *pip,
        "download",
        "--no-cache-dir",
        "--index-url",
        index_urls[scheme],
        "--dest",
        str(out),
        "top",
    ]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=clean_environment())
    assert done.returncode == 0, done.stderr
    assert sorted(p.name for p in out.iterdir()) == [
        "top-1.0-py3-none-any.whl",
        "under_neath-2.0-py3-none-any.whl",
    ]


@pytest.mark.e2e
@pytest.mark.parametrize("scheme", ["http", "file"])
def test_uv_resolves_from_it_alone(tmp_path: Path, index_urls: dict[str, str], scheme: str) -> None:
    uv = Path(sys.executable).with_name("uv")
    found = str(uv) if uv.exists() else shutil.which("uv")
    if found is None:
        pytest.skip("uv is not installed")
    command = [found, "--no-config", "pip", "install", "--no-cache", "--python", sys.executable]
    command += ["--index-url", index_urls[scheme], "--target", str(tmp_path / "site"), "top"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=clean_environment())
    assert done.returncode == 0, done.stderr
    installed = {p.name for p in (tmp_path / "site").glob("*.dist-info")}
    assert installed == {"top-1.0.dist-info", "under_neath-2.0.dist-info"}


def test_what_is_in_the_way_is_told(tmp_path: Path, make_wheel: MakeWheel) -> None:
    make_wheel("foo")
    make_wheel("bar")
    (tmp_path / "foo-1.0-py3-none-any.whl.metadata").mkdir()
    report = write_index(tmp_path)
    assert [(path, error.code) for path, error in report.rejected] == [("foo-1.0-py3-none-any.whl", Code.OUTPUT_TAKEN)]
    assert [project.name for project in report.projects] == ["bar"]


def test_a_yanked_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    yanked = tmp_path / "yanked.toml"
    yanked.write_text("a = " + "[" * 5000)
    with pytest.raises(InvalidInput, match="CB111"):
        write_index(tmp_path)
    yanked.unlink()
    yanked.mkdir()
    with pytest.raises(InvalidInput, match="CB119"):
        write_index(tmp_path)
