"""What the merged index lists of an index, and what it leaves out and says so."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, ClassVar

import pytest
from packaging.utils import NormalizedName

from bridge.errors import Code, InvalidInput
from bridge.formats.wheel.variant_json import write_variant_json
from bridge.model.variant import Property, StaticProvider, VariantMetadata
from bridge.priority.overlay import build_overlays
from bridge.priority.overlay_fetch import Answer
from bridge.priority.overlay_html import anchors
from bridge.priority.overlay_report import Left, OverlayReport, Tally
from bridge.priority.overlay_source import IndexProject, read_project
from bridge.priority.policy import Ecosystem, Policy, SourceName
from bridge.priority.policy_file import parse_policy
from tests.support.overlay_sources import Site, add_wheel, serving, write_index

NOW = datetime(2026, 11, 1, tzinfo=UTC)
INTERNAL = SourceName("internal")
SHA256 = "a" * 64


def indexes(address: str, more: str = "", internal: str = "", head: str = "") -> Policy:
    return parse_policy(
        f"""
schema = "bridge-policy/1"
order = ["internal", "public"]
{head}
[sources.internal]
pypi = "{address}/internal/simple"
trust = "first-party"
{internal}
[sources.public]
pypi = "{address}/public/simple"
trust = "public"
[[claims]]
packages = ["acme-*"]
from = ["internal"]
{more}
""",
        "bridge-policy.toml",
    )


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    add_wheel(tmp_path / "internal", "acme-core", "1.0")
    add_wheel(tmp_path / "internal", "shared", "1.0")
    add_wheel(tmp_path / "public", "acme-core", "99")
    add_wheel(tmp_path / "public", "shared", "2.0")
    write_index(tmp_path / "internal")
    write_index(tmp_path / "public")
    with serving(tmp_path) as served:
        yield served


def built(site: Site, policy: Policy | None = None, **options: Any) -> OverlayReport:
    return build_overlays(policy or indexes(site.address), site.root / "overlay", now=NOW, **options)


def page(site: Site, project: str) -> Any:
    return json.loads((site.root / "overlay/pypi/simple" / project / "index.json").read_bytes())


def filenames(site: Site, project: str) -> list[str]:
    return [file["filename"] for file in page(site, project)["files"]]


def test_a_project_has_the_files_of_its_owner_and_links_to_the_origin(site: Site) -> None:
    built(site)
    origin = json.loads((site.root / "internal/simple/acme-core/index.json").read_text())["files"][0]
    (file,) = page(site, "acme-core")["files"]
    assert file == {
        "filename": "acme_core-1.0-py3-none-any.whl",
        "url": f"{site.address}/internal/files/acme_core-1.0-py3-none-any.whl",
        "hashes": origin["hashes"],
        "size": origin["size"],
        "upload-time": "2026-01-01T00:00:00.000000Z",
        "core-metadata": origin["core-metadata"],
    }
    assert filenames(site, "shared") == ["shared-1.0-py3-none-any.whl"]


def test_the_best_of_all_merges_the_files_of_all_that_may(site: Site) -> None:
    built(site, indexes(site.address, head='default = "best-match"'))
    assert filenames(site, "shared") == ["shared-1.0-py3-none-any.whl", "shared-2.0-py3-none-any.whl"]
    assert filenames(site, "acme-core") == ["acme_core-1.0-py3-none-any.whl"]


def test_a_source_that_speaks_html_only_gives_the_same_files(site: Site) -> None:
    for path in (site.root / "internal").rglob("index.json"):
        path.unlink()
    built(site)
    (file,) = page(site, "acme-core")["files"]
    assert file["url"] == f"{site.address}/internal/files/acme_core-1.0-py3-none-any.whl"
    assert page(site, "acme-core")["meta"] == {"api-version": "1.0"}


def test_names_that_are_given_are_asked_for_where_the_list_of_projects_is_missing(site: Site) -> None:
    for path in site.root.glob("*/simple/index.*"):
        path.unlink()
    built(site, names=[NormalizedName("shared")])
    assert [path.name for path in sorted((site.root / "overlay/pypi/simple").iterdir()) if path.is_dir()] == ["shared"]


def test_what_a_page_says_of_its_files_is_passed_on_and_escaped(site: Site) -> None:
    more = {
        "requires-python": '>=3.8"><script>alert(1)</script>',
        "yanked": "<b>broken</b>",
        "provenance": "https://elsewhere.example/provenance.json",
    }
    write_index(site.root / "internal", **{"shared-1.0-py3-none-any.whl": more})
    built(site)
    (file,) = page(site, "shared")["files"]
    assert {key: file[key] for key in more} == more
    text = (site.root / "overlay/pypi/simple/shared/index.html").read_text()

    class Page(HTMLParser):
        found: ClassVar[list[tuple[str, dict[str, str | None]]]] = []

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.found.append((tag, dict(attrs)))

    Page().feed(text)
    assert not [tag for tag, _ in Page.found if tag in {"script", "b"}]
    (link,) = [attributes for tag, attributes in Page.found if tag == "a"]
    assert link["data-requires-python"] == more["requires-python"]
    assert link["data-yanked"] == more["yanked"]
    assert link["data-provenance"] == more["provenance"]
    assert link["data-core-metadata"] == f"sha256={file['core-metadata']['sha256']}"


def read(entry: dict[str, Any], address: str = "https://index.example/simple/demo/") -> tuple[IndexProject, Tally]:
    tally = Tally(INTERNAL, Ecosystem.PYPI, "demo")
    known = {"filename": "demo-1.0-py3-none-any.whl", "hashes": {"sha256": SHA256}, "size": 1}
    known["url"] = f"/files/{entry.get('filename', known['filename'])}"
    document = {"meta": {"api-version": "1.0"}, "name": "demo", "files": [{**known, **entry}]}
    answer = Answer(address, json.dumps(document).encode(), "application/vnd.pypi.simple.v1+json")
    return read_project(answer, NormalizedName("demo"), tally), tally


WHEEL = "demo-1.0-py3-none-any.whl"


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ({"hashes": {}}, Code.OVERLAY_HASH),
        ({"hashes": {"md5": "0" * 32}}, Code.OVERLAY_HASH),
        ({"hashes": {"sha256": "A" * 64}}, Code.OVERLAY_HASH),
        ({"url": f"http://index.example/{WHEEL}"}, Code.OVERLAY_ADDRESS),
        ({"url": f"http://elsewhere.example/{WHEEL}"}, Code.OVERLAY_ADDRESS),
        ({"url": f"file:///files/{WHEEL}"}, Code.OVERLAY_ADDRESS),
        ({"url": f"ftp://elsewhere.example/{WHEEL}"}, Code.OVERLAY_ADDRESS),
        ({"url": f"https://169.254.169.254/{WHEEL}"}, Code.OVERLAY_ADDRESS),
        ({"url": f"https://localhost/{WHEEL}"}, Code.OVERLAY_ADDRESS),
        ({"url": f"https://user:secret@index.example/{WHEEL}"}, Code.OVERLAY_ADDRESS),
        ({"url": "/files/other-1.0-py3-none-any.whl"}, Code.OVERLAY_ENTRY),
        ({"url": f"\\\\host\\{WHEEL}"}, Code.OVERLAY_ENTRY),
        ({"url": 1}, Code.OVERLAY_ENTRY),
        ({"filename": "other-1.0-py3-none-any.whl"}, Code.OVERLAY_ENTRY),
        ({"filename": "demo-1.0.whl"}, Code.OVERLAY_ENTRY),
        ({"filename": "../demo-1.0-py3-none-any.whl"}, Code.OVERLAY_ENTRY),
        ({"filename": None}, Code.OVERLAY_ENTRY),
    ],
)
def test_a_file_that_no_client_should_fetch_is_left_out(entry: dict[str, Any], code: Code) -> None:
    project, tally = read(entry)
    assert project.files == ()
    assert [finding.code for finding in tally.findings] == [code]
    assert "secret" not in str(tally.findings)


def test_a_file_on_another_public_host_is_bound_by_its_hash() -> None:
    project, _ = read({"url": f"https://files.example/{WHEEL}"})
    assert [file.url for file in project.files] == [f"https://files.example/{WHEEL}"]


def test_other_kinds_of_files_are_only_counted() -> None:
    project, tally = read({"filename": "demo-1.0-py2.7.egg"})
    assert project.files == ()
    assert tally.left == {Left.KIND: 1}
    assert tally.findings == []


def test_a_page_about_another_project_is_refused() -> None:
    document = {"meta": {"api-version": "1.0"}, "name": "acme-core", "files": []}
    answer = Answer("https://index.example/simple/demo/", json.dumps(document).encode())
    with pytest.raises(InvalidInput) as caught:
        read_project(answer, NormalizedName("demo"), Tally(INTERNAL, Ecosystem.PYPI, "demo"))
    assert caught.value.code is Code.IDENTITY


@pytest.mark.parametrize(
    "data", [b'{"meta": {"api-version": "2.0"}, "name": "demo"}', b'{"name": "demo"}', b"{", b"\xff{}"]
)
def test_a_page_in_another_form_is_refused(data: bytes) -> None:
    answer = Answer("https://index.example/simple/demo/", data, "application/json")
    with pytest.raises(InvalidInput):
        read_project(answer, NormalizedName("demo"), Tally(INTERNAL, Ecosystem.PYPI, "demo"))


def test_nothing_of_a_project_in_quarantine_is_offered(site: Site) -> None:
    path = site.root / "internal/simple/shared/index.json"
    document = json.loads(path.read_text())
    path.write_text(json.dumps({**document, "project-status": {"status": "quarantined"}}))
    report = built(site)
    assert filenames(site, "shared") == []
    assert Code.OVERLAY_DROPPED in {finding.code for finding in report.findings}


@pytest.mark.parametrize(
    "text", ["<a " * 200_000, "<!--" * 200_000, "<![x" * 200_000, "</" * 200_000, "<a" + "x" * 99999]
)
def test_a_page_that_takes_a_parser_forever_is_refused_at_once(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        anchors(text.encode(), "page")
    assert caught.value.code is Code.LIMIT


def test_the_first_of_two_attributes_counts_as_in_browsers() -> None:
    (anchor,), _ = anchors(b'<a href="one" href="two">x</a>', "page")
    assert anchor["href"] == "one"


def test_a_minimum_age_goes_by_the_time_of_upload(site: Site) -> None:
    add_wheel(site.root / "internal", "shared", "1.1")
    add_wheel(site.root / "internal", "shared", "1.2")
    young = {"upload-time": "2026-10-30T00:00:00Z"}
    write_index(
        site.root / "internal",
        **{"shared-1.1-py3-none-any.whl": young, "shared-1.2-py3-none-any.whl": {"upload-time": None}},
    )
    report = built(site, indexes(site.address, internal='min-age = "7d"'))
    assert filenames(site, "shared") == ["shared-1.0-py3-none-any.whl"]
    assert [f.subject for f in report.findings if f.code is Code.OVERLAY_AGE] == ["shared-1.2-py3-none-any.whl"]


def test_a_variants_file_that_is_not_what_the_page_lists_is_left_out(site: Site) -> None:
    (site.root / "internal/files/shared-1.0-variants.json").write_text("{}")
    write_index(site.root / "internal", **{"shared-1.0-variants.json": {"hashes": {}}})
    report = built(site)
    assert filenames(site, "shared") == ["shared-1.0-py3-none-any.whl"]
    assert "shared-1.0-variants.json" in {f.subject for f in report.findings if f.code is Code.OVERLAY_ENTRY}


@pytest.mark.parametrize(("intent", "left"), [("forbid", ["", "openblas"]), ("require", ["mkl"])])
@pytest.mark.parametrize("hashed", [True, False])
def test_variants_that_are_not_wanted_are_left_out_and_the_others_not_touched(
    site: Site, intent: str, left: list[str], hashed: bool
) -> None:
    labels = ("mkl", "openblas")
    metadata = VariantMetadata(
        namespaces=("blas_lapack",),
        providers={"blas_lapack": StaticProvider({"library": labels})},
        variants={label: frozenset({Property("blas_lapack", "library", label)}) for label in labels},
    )
    for label in labels:
        add_wheel(site.root / "internal", "shared", "1.0", label=label)
    content = write_variant_json(metadata)
    (site.root / "internal/files/shared-1.0-variants.json").write_bytes(content)
    write_index(site.root / "internal", **({} if hashed else {"shared-1.0-variants.json": {"hashes": {}}}))
    more = f"""
[[variants.rules]]
packages = ["shared"]
intent = "{intent}"
property = "blas_lapack :: library :: mkl"
"""
    built(site, indexes(site.address, more))
    names = [f"shared-1.0-py3-none-any{f'-{label}' if label else ''}.whl" for label in left]
    assert set(filenames(site, "shared")) == {*names, "shared-1.0-variants.json"}
    (file,) = [file for file in page(site, "shared")["files"] if file["filename"].endswith(".json")]
    assert file["hashes"] == {"sha256": hashlib.sha256(content).hexdigest()}


def test_the_variants_file_is_passed_on_by_a_link(site: Site) -> None:
    (site.root / "internal/files/shared-1.0-variants.json").write_text("{}")
    write_index(site.root / "internal")
    built(site)
    assert filenames(site, "shared") == ["shared-1.0-py3-none-any.whl", "shared-1.0-variants.json"]


def test_a_claim_that_holds_on_some_machines_is_taken_to_hold_on_all(site: Site) -> None:
    more = """
[[claims]]
packages = ["shared"]
from = ["public"]
when = "sys_platform == 'linux'"
"""
    report = built(site, indexes(site.address, more))
    assert filenames(site, "shared") == ["shared-2.0-py3-none-any.whl"]
    assert Code.OVERLAY_UNSAID in {finding.code for finding in report.findings}
