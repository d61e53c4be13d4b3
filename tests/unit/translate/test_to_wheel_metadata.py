"""What stands in the wheel's own `.dist-info`."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
from typing import TYPE_CHECKING

import pytest
from packaging.metadata import Metadata

from bridge.model.plan import Layout, Status
from tests.support.conda_archives import File, make_conda
from tests.support.sample_packages import (
    PYTHON,
    SITE,
    converted,
    library,
    metadata,
    noarch_package,
    outcome_of,
    python_package,
)

if TYPE_CHECKING:
    from pathlib import Path


def test_the_project_s_own_description_classifiers_and_extras_are_kept(tmp_path: Path) -> None:
    headers = (
        "Summary: A demo",
        "Author: Zoë",
        "Classifier: Programming Language :: Python",
        "Requires-Dist: requests",
        "Requires-Dist: pytest>=7; extra == 'test'",
        "Provides-Extra: test",
    )
    package = python_package(
        tmp_path,
        headers=headers,
        depends=("requests >=2",),
        files={f"{SITE}/demo-1.0.dist-info/top_level.txt": b"demo\n"},
    )
    wheel = converted(package, tmp_path / "out")
    parsed = Metadata.from_email(wheel.own("METADATA"))
    assert parsed.metadata_version == "2.4"
    assert parsed.author == "Zoë"
    assert parsed.classifiers == ["Programming Language :: Python"]
    assert parsed.provides_extra == ["test"]
    assert [str(item) for item in parsed.requires_dist or []] == ["requests>=2", 'pytest>=7; extra == "test"']
    assert wheel.own("top_level.txt") == b"demo\n"


def test_licence_expression_and_files_follow_pep_639(tmp_path: Path) -> None:
    own = f"{SITE}/demo-1.0.dist-info"
    package = python_package(
        tmp_path,
        headers=("License-Expression: mit", "License-File: COPYING", "License-File: sub/NOTICE"),
        files={f"{own}/COPYING": b"old place", f"{own}/sub/NOTICE": b"notice"},
        info={"info/licenses/COPYING": b"conda's copy", "info/licenses/other/LICENSE": b"other"},
    )
    wheel = converted(package, tmp_path / "out")
    parsed = Metadata.from_email(wheel.own("METADATA"))
    assert parsed.license_expression == "MIT"
    assert parsed.license_files == ["COPYING", "conda/COPYING", "other/LICENSE", "sub/NOTICE"]
    for name in parsed.license_files:
        assert f"{wheel.dist_info}/licenses/{name}" in wheel
    assert wheel.own("licenses/COPYING") == b"old place"
    assert wheel.own("licenses/conda/COPYING") == b"conda's copy"


def test_metadata_of_a_native_package_is_built_from_about_json(tmp_path: Path) -> None:
    about = {
        "summary": "fast\ncodec",
        "home": "https://x.org",
        "license": "BSD-3-Clause AND MIT",
        "description": "Long.",
    }
    package = make_conda(
        tmp_path,
        name="zstd",
        files={"lib/libzstd.so.1": library("libzstd.so.1", "libc.so.6")},
        info={"info/about.json": json.dumps(about).encode(), "info/licenses/LICENSE": b"text"},
    )
    parsed = Metadata.from_email(converted(package, tmp_path / "out").own("METADATA"))
    assert parsed.name == "conda-native-zstd"
    assert parsed.summary == "fast codec"
    assert parsed.license_expression == "BSD-3-Clause AND MIT"
    assert parsed.license_files == ["LICENSE"]
    assert parsed.project_urls == {"Homepage": "https://x.org"}


def test_entry_points_of_link_json_and_of_entry_points_txt_are_merged(tmp_path: Path) -> None:
    package = noarch_package(
        tmp_path,
        entry_points=("demo = demo:main", "extra = demo.cli:extra"),
        files={
            "site-packages/demo-1.0.dist-info/entry_points.txt": b"[console_scripts]\ndemo = demo : main\n"
            b"other=demo:other\n[gui_scripts]\nwin = demo:win\n[demo.plugins]\np = demo.p\n"
        },
    )
    wheel = converted(package, tmp_path / "out")
    assert wheel.own("entry_points.txt").decode() == (
        "[console_scripts]\ndemo = demo:main\nextra = demo.cli:extra\nother = demo:other\n\n"
        "[demo.plugins]\np = demo.p\n\n[gui_scripts]\nwin = demo:win\n"
    )
    assert "CB233" not in wheel.codes


def test_link_json_wins_where_the_two_differ_and_that_is_recorded(tmp_path: Path) -> None:
    package = noarch_package(
        tmp_path,
        entry_points=("demo = demo.new:main",),
        files={"site-packages/demo-1.0.dist-info/entry_points.txt": b"[console_scripts]\ndemo = demo.old:main\n"},
    )
    wheel = converted(package, tmp_path / "out")
    assert wheel.own("entry_points.txt") == b"[console_scripts]\ndemo = demo.new:main\n"
    assert [subject for subject, _ in wheel.loss("CB233")] == ["demo"]


@pytest.mark.parametrize("layout", [Layout.PREFIX, Layout.SHARED])
def test_what_an_installer_wrote_is_not_carried_but_set_aside_for_the_way_back(tmp_path: Path, layout: Layout) -> None:
    wheel = converted(python_package(tmp_path), tmp_path / "out", layout)
    own = f"{SITE}/demo-1.0.dist-info"
    for name in ("INSTALLER", "REQUESTED", "direct_url.json"):
        assert f"{wheel.dist_info}/{name}" not in wheel
        assert f"{wheel.dist_info}/conda/files/{own}/{name}" in wheel
    assert wheel.own(f"conda/files/{own}/INSTALLER") == b"conda"
    assert "CB221" not in wheel.codes


def test_without_a_way_back_regenerated_files_are_a_loss(tmp_path: Path) -> None:
    wheel = converted(python_package(tmp_path), tmp_path / "out", Layout.VENDORED)
    assert not any("/conda/files/" in name for name in wheel.members)
    ((subject, detail),) = wheel.loss("CB221")
    assert subject == "metadata"
    assert "INSTALLER" in detail
    assert "direct_url.json" in detail


def test_record_lists_every_member_once_with_its_hash(tmp_path: Path) -> None:
    wheel = converted(python_package(tmp_path), tmp_path / "out")
    rows = list(csv.reader(wheel.own("RECORD").decode().splitlines()))
    assert sorted(row[0] for row in rows) == sorted(wheel.members)
    for name, digest, size in rows:
        if not name.endswith("/RECORD"):
            raw = base64.urlsafe_b64encode(hashlib.sha256(wheel[name]).digest()).rstrip(b"=").decode()
            assert (digest, size) == (f"sha256={raw}", str(len(wheel[name])))


def test_provenance_names_the_artifact_and_keeps_its_description(tmp_path: Path) -> None:
    package = python_package(tmp_path, info={"info/recipe/meta.yaml": b"recipe", "info/licenses/LICENSE": b"text"})
    wheel = converted(package, tmp_path / "out")
    source = wheel.provenance["source"]
    assert source["filename"] == package.name
    assert (source["name"], source["version"], source["build"], source["subdir"]) == ("demo", "1.0", "0", "linux-64")
    assert wheel.own("conda/info/recipe/meta.yaml") == b"recipe"
    assert json.loads(wheel.own("conda/info/index.json"))["name"] == "demo"
    assert wheel.provenance["losses"] == [loss.to_json() for loss in wheel.losses]
    assert str(tmp_path) not in json.dumps(wheel.provenance)


def test_a_package_that_brings_what_the_bridge_writes_is_refused(tmp_path: Path) -> None:
    own = f"{SITE}/demo-1.0.dist-info"
    package = python_package(tmp_path, files={f"{own}/conda/provenance.json": b"{}"})
    outcome = outcome_of(package, tmp_path / "out")
    assert outcome.code is not None
    assert outcome.code.number == "CB121"


def test_the_bill_of_materials_names_the_conda_package(tmp_path: Path) -> None:
    bill = json.loads(converted(python_package(tmp_path), tmp_path / "out").own("sboms/conda-bridge.cdx.json"))
    assert bill["metadata"]["component"]["purl"] == "pkg:conda/demo@1.0?build=0&subdir=linux-64&type=conda"
    assert "timestamp" not in json.dumps(bill)


def test_extras_of_repodata_v3_become_extras(tmp_path: Path) -> None:
    index = {"schema_version": 3, "extra_depends": {"plot": ["matplotlib-base >=3"]}}
    wheel = converted(python_package(tmp_path, index=index), tmp_path / "out")
    assert "Provides-Extra: plot" in wheel.headers
    assert 'Requires-Dist: matplotlib>=3; extra == "plot"' in wheel.headers


def test_requirement_losses_have_the_spec_as_subject(tmp_path: Path) -> None:
    depends = ("idna >=2 *_0", "six 1.2|1.4", "who-knows-this >=1", "libgcc >=13")
    wheel = converted(python_package(tmp_path, depends=depends), tmp_path / "out")
    subjects = {loss.code.number: loss.subject for loss in wheel.losses if loss.subject in depends}
    assert subjects == {"CB201": depends[0], "CB204": depends[1], "CB215": depends[2], "CB217": depends[3]}


def test_conditional_requirements_of_metadata_that_conda_lacks_are_recorded(tmp_path: Path) -> None:
    package = noarch_package(
        tmp_path, headers=("Requires-Dist: colorama; sys_platform == 'win32'", "Requires-Dist: Demo; extra == 'x'")
    )
    wheel = converted(package, tmp_path / "out")
    assert [subject for subject, _ in wheel.loss("CB230")] == ["colorama"]


def test_modes_become_the_executable_bit(tmp_path: Path) -> None:
    files = {f"{SITE}/run.sh": File(b"#!/bin/sh\n", mode=0o775), f"{SITE}/secret": File(b"", mode=0o600)}
    wheel = converted(python_package(tmp_path, files=files), tmp_path / "out")
    assert wheel.modes["run.sh"] == 0o755
    assert wheel.modes["secret"] == 0o644
    assert wheel.loss("CB228") == [("mode", f"1 files have other permissions: {SITE}/secret 600")]


def test_licences_of_clashing_names_are_all_kept(tmp_path: Path) -> None:
    files = {f"{SITE}/demo-1.0.dist-info/licenses/{name}": b"own" for name in ("x", "LICENSE")}
    info = {"info/licenses/x": b"1", "info/licenses/conda/x": b"2", "info/licenses/License": b"3"}
    wheel = converted(python_package(tmp_path, files=files, info=info), tmp_path / "out")
    found = {name.partition("/licenses/")[2]: data for name, data in wheel.members.items() if "/licenses/" in name}
    assert found == {"x": b"own", "LICENSE": b"own", "conda/x": b"2", "conda/conda/x": b"1", "conda/License": b"3"}


def test_a_variant_s_metadata_is_set_aside_because_the_wheel_is_another(tmp_path: Path) -> None:
    path = f"{SITE}/demo-1.0.dist-info/variant.json"
    wheel = converted(python_package(tmp_path, files={path: b"{}"}), tmp_path / "out")
    assert f"{wheel.dist_info}/variant.json" not in wheel
    assert wheel.own(f"conda/files/{path}") == b"{}"


@pytest.mark.parametrize("where", ["dist-info", "egg-info"])
def test_a_marker_of_endless_depth_is_invalid_input(tmp_path: Path, where: str) -> None:
    marker = "(" * 3000 + 'python_version > "3"' + ")" * 3000
    if where == "dist-info":
        package = python_package(tmp_path, headers=(f"Requires-Dist: x; {marker}",))
    else:
        egg = f"{SITE}/demo.egg-info"
        files = {f"{egg}/PKG-INFO": metadata("demo", "1.0"), f"{egg}/requires.txt": f"[:{marker}]\nx\n".encode()}
        package = make_conda(tmp_path, files=files, index={"depends": PYTHON})
    outcome = outcome_of(package, tmp_path / "out")
    assert (outcome.status, outcome.code and outcome.code.number) == (Status.INVALID, "CB121")
