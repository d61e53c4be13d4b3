"""What a channel's overlay lets through, and what it leaves out and says so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zstandard

from bridge.errors import Code, InvalidInput
from bridge.priority.overlay import build_overlays
from bridge.priority.overlay_report import Left, OverlayReport
from bridge.priority.policy import Ecosystem, SourceName
from tests.support.overlay_sources import Site, add_conda, add_wheel, policy, serving, set_records, write_index

NOW = datetime(2026, 11, 1, tzinfo=UTC)
PUBLIC = SourceName("public")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """acme-core 1.0 and shared 1.0 in `internal`; acme-core 99, shared 2.0 and other 1.0 in `public`."""
    for source, name, version in (
        ("internal", "acme-core", "1.0"),
        ("internal", "shared", "1.0"),
        ("public", "acme-core", "99"),
        ("public", "shared", "2.0"),
        ("public", "other", "1.0"),
    ):
        add_conda(tmp_path / source, name, version)
    for source in ("internal", "public"):
        add_wheel(tmp_path / source, "tool", "1.0")
        write_index(tmp_path / source)
    with serving(tmp_path) as served:
        yield served


def built(site: Site, **options: Any) -> OverlayReport:
    words = {key: options.pop(key) for key in ("more", "head", "internal") if key in options}
    return build_overlays(policy(site.address, **words), site.root / "overlay", now=NOW, **options)


def document(site: Site, source: str) -> Any:
    return json.loads((site.root / "overlay" / "conda" / source / "noarch" / "repodata.json").read_bytes())


def listed(site: Site, source: str) -> list[str]:
    return sorted(document(site, source)["packages.conda"])


def codes(report: OverlayReport) -> set[str]:
    return {finding.code.number for finding in report.findings}


def test_a_source_offers_what_it_owns_and_its_files_lie_at_the_origin(site: Site) -> None:
    report = built(site)
    assert listed(site, "internal") == ["acme-core-1.0-0.conda", "shared-1.0-0.conda"]
    assert listed(site, "public") == ["other-1.0-0.conda"]
    found = document(site, "public")
    assert found["info"] == {"base_url": f"{site.address}/public/conda/noarch/", "subdir": "noarch"}
    assert found["repodata_version"] == 2
    assert report.left[PUBLIC, Ecosystem.CONDA] == {Left.POLICY: 2}
    assert report.clean


def test_the_compressed_document_and_the_shards_say_the_same(site: Site) -> None:
    built(site)
    below = site.root / "overlay" / "conda" / "public" / "noarch"
    plain = (below / "repodata.json").read_bytes()
    assert zstandard.ZstdDecompressor().decompress((below / "repodata.json.zst").read_bytes()) == plain
    packed = (below / "repodata_shards.msgpack.zst").read_bytes()
    index = msgspec.msgpack.decode(zstandard.ZstdDecompressor().decompress(packed))
    assert sorted(index["shards"]) == ["other"]
    assert index["info"]["base_url"] == f"{site.address}/public/conda/noarch/"


def test_every_source_that_may_offers_a_name_where_versions_matter(site: Site) -> None:
    built(site, head='default = "first-match"')
    assert listed(site, "public") == ["other-1.0-0.conda", "shared-2.0-0.conda"]


def test_records_of_the_third_revision_are_filtered_too(site: Site) -> None:
    record = {**document_of(site, "public")["acme-core-99-0.conda"]}
    other = {**record, "name": "later", "version": "1.0"}
    set_records(site.root / "public", {}, v3={"conda": {"acme-core-99-0": record, "later-1.0-0": other}})
    built(site)
    found = document(site, "public")
    assert list(found["v3"]["conda"]) == ["later-1.0-0"]
    assert found["info"]["repodata_revisions"] == {"v3": {"n_packages": 1}}


def document_of(site: Site, source: str) -> Any:
    return json.loads((site.root / source / "conda/noarch/repodata.json").read_text())["packages.conda"]


def test_relations_and_detectors_go_no_further(site: Site) -> None:
    info = {"subdir": "noarch", "channel_relations": {"base": "../evil"}, "virtual_package_detectors": {"x": 1}}
    set_records(site.root / "public", {}, info=info)
    report = built(site)
    assert set(document(site, "public")["info"]) == {"base_url", "subdir"}
    assert [f.detail for f in report.findings if f.code is Code.OVERLAY_DROPPED] == [
        "info.channel_relations is not passed on",
        "info.virtual_package_detectors is not passed on",
    ]


@pytest.mark.parametrize("base", ["https://elsewhere.example/x", "file:///etc", "//elsewhere.example/", "ftp://h/"])
def test_a_channel_that_leads_to_another_host_is_refused(site: Site, base: str) -> None:
    set_records(site.root / "public", {}, info={"subdir": "noarch", "base_url": base})
    with pytest.raises(InvalidInput) as caught:
        built(site)
    assert caught.value.code is Code.OVERLAY_ADDRESS
    assert not list((site.root / "overlay").iterdir())


@pytest.mark.parametrize(
    ("key", "change", "code"),
    [
        ("../../x-1.0-0.conda", {}, "CB465"),
        ("other-1.0-0.conda", {"name": "acme-core"}, "CB465"),
        ("other-1.0-0.conda", {"version": "2.0"}, "CB465"),
        ("other-1.0-0.conda", {"depends": "x"}, "CB465"),
        ("other-1.0-0.conda", {"depends": [1]}, "CB465"),
        ("other-1.0-0.conda", {"subdir": "linux-64"}, "CB465"),
        ("other-1.0-0.conda", {"sha256": None, "md5": "0" * 32}, "CB462"),
        ("other-1.0-0.conda", {"sha256": "X" * 64}, "CB462"),
    ],
)
def test_a_record_that_breaks_a_rule_is_left_out(site: Site, key: str, change: dict[str, Any], code: str) -> None:
    known = document_of(site, "public")["other-1.0-0.conda"]
    set_records(site.root / "public", {"other-1.0-0.conda": None, key: {**known, **change}})
    report = built(site)
    assert listed(site, "public") == []
    assert code in codes(report)


def test_two_records_of_one_file_are_both_left_out(site: Site) -> None:
    known = document_of(site, "public")["other-1.0-0.conda"]
    set_records(site.root / "public", {}, v3={"conda": {"other-1.0-0": {**known, "sha256": "0" * 64}}})
    report = built(site)
    assert listed(site, "public") == []
    assert "CB465" in codes(report)


def test_a_record_does_not_say_where_its_file_lies(site: Site) -> None:
    known = document_of(site, "public")["other-1.0-0.conda"]
    changed = {**known, "url": "https://elsewhere.example/other-1.0-0.conda", "fn": "x", "channel": "y"}
    set_records(site.root / "public", {"other-1.0-0.conda": changed})
    built(site)
    assert document(site, "public")["packages.conda"]["other-1.0-0.conda"] == known


def test_a_wheel_in_a_channel_stays_on_its_host(site: Site) -> None:
    known = document_of(site, "public")["other-1.0-0.conda"]
    wheels = {
        f"{name}-1.0": {**known, "name": name, "fn": f"{name}-1.0-py3-none-any.whl", "url": url}
        for name, url in (("near", "../near-1.0-py3-none-any.whl"), ("far", "https://elsewhere.example/far.whl"))
    }
    set_records(site.root / "public", {}, v3={"whl": wheels})
    report = built(site)
    assert document(site, "public")["v3"]["whl"] == {
        "near-1.0": {**wheels["near-1.0"], "url": f"{site.address}/public/conda/near-1.0-py3-none-any.whl"}
    }
    assert "CB461" in codes(report)


def test_a_minimum_age_goes_by_the_stamp_of_the_server(site: Site) -> None:
    now = int(NOW.timestamp())
    known = document_of(site, "internal")["shared-1.0-0.conda"]
    records = {
        "shared-1.0-0.conda": {**known, "indexed_timestamp": (now - 86400) * 1000},
        "shared-1.0-1.conda": {**known, "build": "1", "timestamp": now - 8 * 86400},
        "shared-1.0-2.conda": {key: value for key, value in {**known, "build": "2"}.items() if key != "timestamp"},
    }
    set_records(site.root / "internal", records)
    report = built(site, internal='min-age = "7d"')
    assert "shared-1.0-1.conda" in listed(site, "internal")
    assert {"shared-1.0-0.conda", "shared-1.0-2.conda"}.isdisjoint(listed(site, "internal"))
    assert "CB466" in codes(report)


def test_a_preference_marks_the_other_builds_of_the_same_version_only(site: Site) -> None:
    for version, build in (("1.0", "mkl"), ("1.0", "openblas"), ("2.0", "openblas")):
        add_conda(site.root / "public", "num", version, build=build)
    before = document_of(site, "public")
    built(site, more=rules("prefer"))
    found = document(site, "public")["packages.conda"]
    assert {key for key, record in found.items() if "track_features" in record} == {"num-1.0-openblas.conda"}
    assert found["num-1.0-openblas.conda"] == {**before["num-1.0-openblas.conda"], "track_features": "bridge-avoided"}


@pytest.mark.parametrize(("intent", "left"), [("forbid", ["openblas"]), ("require", ["mkl"])])
def test_what_is_forbidden_or_not_what_is_required_is_left_out(site: Site, intent: str, left: list[str]) -> None:
    for build in ("mkl", "openblas"):
        add_conda(site.root / "public", "num", "1.0", build=build)
    report = built(site, more=rules(intent))
    assert [key for key in listed(site, "public") if key.startswith("num")] == [
        f"num-1.0-{build}.conda" for build in left
    ]
    assert report.left[PUBLIC, Ecosystem.CONDA][Left.VARIANT] == 1


def rules(intent: str) -> str:
    return f"""
[[variants.rules]]
packages = ["num"]
intent = "{intent}"
property = "blas_lapack :: library :: mkl"
"""


def test_a_mirror_answers_for_a_channel_that_is_down(site: Site) -> None:
    (site.root / "copy").symlink_to(site.root / "public")
    site.down.add("public")
    mirror = f"""
[sources.copy]
conda = "{site.address}/copy/conda"
pypi = "{site.address}/copy/simple"
trust = "public"
role = "mirror-of:public"
"""
    built(site, more=mirror)
    assert listed(site, "public") == ["other-1.0-0.conda"]
    assert document(site, "public")["info"]["base_url"] == f"{site.address}/copy/conda/noarch/"


def test_run_exports_of_what_is_offered_are_passed_on(site: Site) -> None:
    entries = {f"{name}.conda": {"run_exports": {"weak": [name]}} for name in ("other-1.0-0", "acme-core-99-0")}
    path = site.root / "public/conda/noarch/run_exports.json"
    path.write_text(json.dumps({"info": {}, "packages.conda": {**entries, "bad": 1}}))
    built(site)
    found = json.loads((site.root / "overlay/conda/public/noarch/run_exports.json").read_bytes())
    assert found["packages.conda"] == {"other-1.0-0.conda": {"run_exports": {"weak": ["other-1.0-0"]}}}
