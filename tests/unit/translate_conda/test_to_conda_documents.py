"""index.json, about.json, licences and build strings of packages that are made of wheels."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from rattler import MatchSpec

from bridge.errors import Code, Unrepresentable
from bridge.formats.wheel.reader import open_wheel
from bridge.mapping.licenses import conda_license
from bridge.model.conda_plan import MadeInfo
from bridge.translate.to_conda.build_string import build_string
from bridge.translate.to_conda.describe import plan_fields
from bridge.translate.to_conda.index import arch_and_platform
from bridge.translate.to_conda.plan import plan_conda
from tests.support.converted_wheels import about_of, index_of, plan_of, plans_of, request_of, sample
from tests.support.hostile_samples import VARIANT_JSON, Sample

LINUX = "cp312-cp312-manylinux_2_17_x86_64"
URLS = b"""Home-page: https://example.test/home
Project-URL: Source Code, https://example.test/source
Project-URL: Repository, https://example.test/repository
Project-URL: Docs, https://example.test/docs
Project-URL: documentation, javascript:alert(1)
"""


def test_index_json_of_a_noarch_package(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, sample(metadata=b"Requires-Python: >=3.9\nRequires-Dist: requests>=2\nLicense: MIT\n"))
    assert index_of(plan) == {
        "name": "demo",
        "version": "1.0",
        "build": "py3_none_any_0",
        "build_number": 0,
        "depends": ["python >=3.9", "requests >=2"],
        "constrains": [],
        "subdir": "noarch",
        "noarch": "python",
        "arch": None,
        "platform": None,
        "license": "MIT",
    }


def test_index_json_of_a_package_for_one_platform(tmp_path: Path) -> None:
    index = index_of(plan_of(tmp_path, sample(LINUX, build="3")))
    assert {key: index[key] for key in ("build", "build_number", "arch", "platform", "subdir")} == {
        "build": "cp312_cp312_3",
        "build_number": 3,
        "arch": "x86_64",
        "platform": "linux",
        "subdir": "linux-64",
    }
    assert "python_abi 3.12.* *_cp312" in index["depends"]
    assert index["depends"] == sorted(index["depends"])
    assert "schema_version" not in index
    assert "timestamp" not in index


@pytest.mark.parametrize(
    ("subdir", "expected"),
    [
        ("win-32", ("x86", "win")),
        ("osx-arm64", ("arm64", "osx")),
        ("linux-ppc64le", ("ppc64le", "linux")),
        ("noarch", (None, None)),
    ],
)
def test_arch_and_platform_as_builders_write_them(subdir: Any, expected: tuple[str | None, str | None]) -> None:
    assert arch_and_platform(subdir) == expected


def test_the_third_revision_is_stated_only_where_it_is_used(tmp_path: Path) -> None:
    plain = plan_of(tmp_path, sample(metadata=b"Requires-Dist: requests>=2\n"), conditional=True)
    assert index_of(plain)["depends"] == ["python >=3", "requests >=2"]
    assert "schema_version" not in index_of(plain)
    metadata = (
        b"Requires-Dist: requests>=2; python_version < '3.12'\nProvides-Extra: web\n"
        b"Requires-Dist: flask>1; extra == 'web'\n"
    )
    index = index_of(plan_of(tmp_path, sample(metadata=metadata), conditional=True))
    assert (index["schema_version"], index["repodata_revision"]) == (3, 3)
    assert index["extra_depends"] == {"web": ['flask[version=">1"]']}
    assert 'python[version=">=3"]' in index["depends"]
    for spec in (*index["depends"], *index["extra_depends"]["web"]):
        assert re.fullmatch(r"[a-z0-9._-]+(\[.+\])?", spec), spec
        MatchSpec(spec, extras=True, conditionals=True)


def test_splits_have_names_of_their_own(tmp_path: Path) -> None:
    made = sample(metadata=b"Requires-Python: >=3.10\nRequires-Dist: tomli; python_version < '3.11'\n")
    plans = plans_of(made.write(tmp_path))
    names = [(plan.subdir, plan.filename) for plan in plans]
    assert len(set(names)) == len(names) == 2
    assert [("tomli" in plan.depends) for plan in plans].count(True) == 1
    assert plans[0].files == plans[1].files


def test_a_variant_says_so_in_its_name(tmp_path: Path) -> None:
    made = sample(info={"variant.json": VARIANT_JSON})
    made.filename = "demo-1.0-py3-none-any-one.whl"
    plan = plan_of(tmp_path, made)
    assert "one" in plan.identity.build
    assert plan.variant is not None
    assert (plan.variant.label, plan.variant.properties) == ("one", ("x :: f :: a",))
    assert about_of(plan)["extra"]["conda-wheel-bridge"]["variant"]["label"] == "one"


def test_a_local_version_is_in_the_build_string(tmp_path: Path) -> None:
    made = Sample(
        filename="demo-1.0+cu126.x-py3-none-any.whl",
        dist_info="demo-1.0+cu126.x.dist-info",
        metadata=b"Metadata-Version: 2.4\nName: demo\nVersion: 1.0+cu126.x\n",
    )
    plan = plan_of(tmp_path, made)
    assert plan.filename == "demo-1.0-py3_none_any_cu126.x_0.conda"


def test_a_build_tag_counts_and_its_rest_tells_builds_apart(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, sample(build="2abc"))
    assert (plan.identity.build, index_of(plan)["build_number"]) == ("py3_none_any_abc_2", 2)


def test_long_build_strings_are_cut_and_stay_distinct() -> None:
    one, other = (build_string(["py3_none_any", "x" * 80, last], 12) for last in ("a", "b"))
    assert one != other
    assert all(re.fullmatch(r"py3_none_any_x+_[0-9a-f]{8}_12", text) and len(text) == 64 for text in (one, other))
    assert build_string(["py3_none_any", None, "", "a-b c"], 0) == "py3_none_any_a_b_c_0"


def test_a_version_that_conda_cannot_hold_is_refused(tmp_path: Path) -> None:
    version = f"1.{'1' * 70}"
    made = Sample(
        filename=f"demo-{version}-py3-none-any.whl",
        dist_info=f"demo-{version}.dist-info",
        metadata=f"Metadata-Version: 2.4\nName: demo\nVersion: {version}\n".encode(),
    )
    with pytest.raises(Unrepresentable) as caught:
        plan_of(tmp_path, made)
    assert caught.value.code is Code.CONDA_IDENTIFIER


def test_about_json(tmp_path: Path) -> None:
    about = about_of(plan_of(tmp_path, sample(metadata=b"Summary: does it\nLicense-Expression: mit\n" + URLS)))
    assert {key: value for key, value in about.items() if key != "extra"} == {
        "summary": "does it",
        "license": "MIT",
        "home": "https://example.test/home",
        "dev_url": "https://example.test/source",
        "doc_url": "https://example.test/docs",
    }
    source = about["extra"]["conda-wheel-bridge"]["source"]
    assert source["filename"] == "demo-1.0-py3-none-any.whl"
    json.dumps(about)


def test_addresses_that_are_none_are_left_out(tmp_path: Path) -> None:
    metadata = b"Home-page: javascript:alert(1)\nProject-URL: Source, https://example.test/<b>\n"
    about = about_of(plan_of(tmp_path, sample(metadata=metadata)))
    assert not {"home", "dev_url"} & about.keys()


def test_the_source_stands_in_for_a_missing_home_page(tmp_path: Path) -> None:
    about = about_of(plan_of(tmp_path, sample(metadata=b"Project-URL: GitHub, https://example.test/code\n")))
    assert about["home"] == about["dev_url"] == "https://example.test/code"


def test_licence_files_are_under_info(tmp_path: Path) -> None:
    info = {
        "licenses/LICENSE": b"new",
        "licenses/vendor/NOTICE": b"nested",
        "COPYING.LESSER": b"old",
        "terms.txt": b"named",
        "sboms/x.json": b"{}",
    }
    plan = plan_of(tmp_path, sample(metadata=b"License-File: LICENSE\nLicense-File: terms.txt\n", info=info))
    assert isinstance(plan.info, MadeInfo)
    assert plan.info.files == {
        "info/licenses/LICENSE": b"new",
        "info/licenses/vendor/NOTICE": b"nested",
        "info/licenses/COPYING.LESSER": b"old",
        "info/licenses/terms.txt": b"named",
    }
    assert about_of(plan)["license_file"] == ["COPYING.LESSER", "LICENSE", "terms.txt", "vendor/NOTICE"]


def test_licence_files_of_one_name_are_all_kept(tmp_path: Path) -> None:
    info = {
        "LICENSE": b"new",
        "licenses/LICENSE": b"new",
        "license_files/LICENSE": b"other",
        "licence": b"third",
        "licenses/Licence": b"fourth",
    }
    plan = plan_of(tmp_path, sample(info=info))
    assert isinstance(plan.info, MadeInfo)
    assert plan.info.files == {
        "info/licenses/LICENSE": b"new",
        "info/licenses/Licence": b"fourth",
        "info/licenses/dist-info/license_files/LICENSE": b"other",
        "info/licenses/dist-info/licence": b"third",
    }


@pytest.mark.parametrize(
    ("expression", "classifiers", "text", "expected"),
    [
        ("MIT OR Apache-2.0", ("License :: OSI Approved :: BSD License",), "x", "MIT OR Apache-2.0"),
        (None, ("License :: OSI Approved :: MIT License",), None, "MIT"),
        (None, ("License :: OSI Approved", "License :: OSI Approved :: MIT License"), "MIT License", "MIT"),
        (None, (), "apache-2.0", "Apache-2.0"),
        (None, ("License :: OSI Approved :: BSD License",), "Copyright\nall rights\n", "BSD License"),
        (None, ("License :: OSI Approved :: BSD License",), "BSD", "BSD"),
        (None, ("License :: OSI Approved :: MIT License", "License :: OSI Approved :: BSD License"), None, None),
        (None, (), "Permission is hereby granted, free of charge, ...\n\nTHE SOFTWARE", None),
        (None, (), "x" * 500, None),
        (None, (), "UNKNOWN", None),
        (None, (), "bad\x1b[31m", None),
        (None, (), None, None),
    ],
)
def test_the_licence_is_one_line(
    expression: str | None, classifiers: tuple[str, ...], text: str | None, expected: str | None
) -> None:
    assert conda_license(expression, classifiers, text) == expected


def test_a_licence_text_is_no_licence_name(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, sample(metadata=b"License: Permission is granted\n        to everybody\n"))
    assert "license" not in index_of(plan)
    assert [loss.code for loss in plan.losses] == [Code.LICENSE_TEXT]


def test_inspect_says_what_would_be_made(tmp_path: Path) -> None:
    made = sample(LINUX, metadata=b"Requires-Dist: requests\n", entry_points="[console_scripts]\na = demo:b\n")
    with open_wheel(made.write(tmp_path)) as wheel:
        request = request_of(wheel)
        fields = plan_fields(request, plan_conda(request))
    assert json.loads(json.dumps(fields)) == fields
    assert (fields["kind"], fields["name"], fields["version"], fields["requires_dist"]) == (
        "wheel",
        "demo",
        "1.0",
        ["requests"],
    )
    assert fields["entry_points"] == {"console_scripts": {"a": "demo:b"}}
    (package,) = fields["packages"]
    assert package["filename"] == "demo-1.0-cp312_cp312_0.conda"
    assert package["depends"] == fields["depends"]
