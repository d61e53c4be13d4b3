"""Pure wheels in a conda channel, unconverted: what their records say, and which are not offered."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import pytest

from bridge.channel.conda_index import ChannelReport, write_conda_index
from bridge.channel.simple import write_index
from bridge.errors import Code
from bridge.mapping.tables import load_tables
from tests.support.conda_archives import make_conda

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import MakeWheel


@pytest.fixture
def channel(tmp_path: Path) -> Path:
    """A channel with one package."""
    (tmp_path / "linux-64").mkdir()
    make_conda(tmp_path / "linux-64", name="package")
    return tmp_path


def index(directory: Path, **options: Any) -> ChannelReport:
    report = write_conda_index(directory, write_index(directory).files, load_tables(), **options)
    assert report is not None
    return report


def offered(directory: Path) -> dict[str, Any]:
    document = json.loads((directory / "noarch" / "repodata.json").read_bytes())
    return dict(document.get("v3", {}).get("whl", {}))


def why(report: ChannelReport) -> dict[str, str]:
    assert all(loss.code is Code.NOT_OFFERED for loss in report.losses)
    return {loss.subject: loss.detail for loss in report.losses}


def test_a_pure_wheel_is_offered_in_noarch_as_it_is(channel: Path, make_wheel: MakeWheel) -> None:
    headers = (
        "Requires-Python: >=3.9\n"
        "License-Expression: MIT\n"
        "Provides-Extra: Fast\n"
        "Requires-Dist: requests>=2,<3\n"
        'Requires-Dist: colorama; sys_platform == "win32"\n'
        'Requires-Dist: tomli>=1; python_version < "3.11"\n'
        'Requires-Dist: numpy; extra == "fast"\n'
    )
    wheel = make_wheel("six", "1.16.0", headers=headers)
    report = index(channel)
    assert report.rejected == ()
    assert report.losses == ()
    assert [(one.subdir, one.packages, one.wheels) for one in report.subdirs] == [("linux-64", 1, 0), ("noarch", 0, 1)]
    data = wheel.read_bytes()
    assert offered(channel) == {
        "six-1.16.0-py3_none_any_0": {
            "name": "six",
            "version": "1.16.0",
            "build": "py3_none_any_0",
            "build_number": 0,
            "subdir": "noarch",
            "noarch": "python",
            "depends": [
                'python[version=">=3.9"]',
                'colorama[when="__win"]',
                'requests[version=">=2,<3dev0"]',
                'tomli[version=">=1",when="python<3.11dev0"]',
            ],
            "extra_depends": {"fast": ["numpy"]},
            "license": "MIT",
            "schema_version": 3,
            "fn": wheel.name,
            "md5": hashlib.md5(data).hexdigest(),
            "sha256": hashlib.sha256(data).hexdigest(),
            "size": len(data),
            "url": f"../{wheel.name}",
        }
    }
    document = json.loads((channel / "noarch" / "repodata.json").read_bytes())
    assert document["info"]["repodata_revisions"] == {"v3": {"n_packages": 1}}
    assert document["packages.conda"] == {}


def test_tags_build_tags_and_local_versions_are_in_the_build_string(channel: Path, make_wheel: MakeWheel) -> None:
    make_wheel("six", "1.0+cu126.x", filename="six-1.0+cu126.x-2post-py38-none-any.whl")
    make_wheel("idna", "3!1.0", filename="idna-3!1.0-py2.py3-none-any.whl")
    assert why(index(channel)) == {}
    records = offered(channel)
    assert sorted(records) == ["idna-3!1.0-py2.py3_none_any_0", "six-1.0-py38_none_any_cu126.x_post_2"]
    six = records["six-1.0-py38_none_any_cu126.x_post_2"]
    assert (six["version"], six["build_number"], six["depends"]) == ("1.0", 2, ['python[version=">=3.8"]'])
    assert six["url"] == "../six-1.0%2Bcu126.x-2post-py38-none-any.whl"
    assert six["fn"] == "six-1.0+cu126.x-2post-py38-none-any.whl"


def test_a_wheel_has_the_name_of_its_project_in_conda(channel: Path, make_wheel: MakeWheel) -> None:
    for project in ("brotli", "openssl", "my.private_tool"):
        make_wheel(project)
    report = index(channel)
    assert [record["name"] for record in offered(channel).values()] == ["brotli-python", "my-private-tool"]
    assert list(why(report)) == ["openssl-1.0-py3-none-any.whl"]


def test_wheels_of_the_directory_are_what_others_of_them_mean(channel: Path, make_wheel: MakeWheel) -> None:
    make_wheel("my_private_tool", headers="Requires-Dist: my-private-lib>=1\n")
    make_wheel("my_private_lib")
    assert why(index(channel)) == {}
    (tool,) = (record for record in offered(channel).values() if record["name"] == "my-private-tool")
    assert tool["depends"][1:] == ['my-private-lib[version=">=1"]']


def test_a_release_that_is_there_as_a_package_is_not_offered_again(channel: Path, make_wheel: MakeWheel) -> None:
    make_conda(channel / "linux-64", name="six", version="1.16.0", build="py3_none_any_linux_0")
    make_wheel("six", "1.16")
    make_wheel("six", "1.17.0")
    report = index(channel)
    assert list(offered(channel)) == ["six-1.17.0-py3_none_any_0"]
    assert why(report) == {}


def test_what_a_record_cannot_say_exactly_is_not_offered_and_told(channel: Path, make_wheel: MakeWheel) -> None:
    reasons = {
        "unmapped": "Requires-Dist: nobody-knows-this-project\n",
        "local": "Requires-Dist: numpy==1.0+local\n",
        "address": "Requires-Dist: numpy @ https://example.org/numpy.zip\n",
        "machine": 'Requires-Dist: numpy; platform_machine == "x86_64"\n',
    }
    for name, headers in reasons.items():
        make_wheel(name, headers=headers)
    make_wheel("six")
    make_wheel("idna", filename="idna-1.0-cp310.cp312-none-any.whl")
    make_wheel("urllib3")
    make_wheel("long" * 20)
    (channel / "yanked.toml").write_text('"urllib3-1.0-py3-none-any.whl" = "broken"\n')
    report = index(channel)
    assert report.rejected == ()
    assert [record["fn"] for record in offered(channel).values()] == ["six-1.0-py3-none-any.whl"]
    told = why(report)
    assert sorted(told) == sorted(
        [
            *(f"{name}-1.0-py3-none-any.whl" for name in (*reasons, "urllib3", "long" * 20)),
            "idna-1.0-cp310.cp312-none-any.whl",
        ]
    )
    assert told["unmapped-1.0-py3-none-any.whl"] == "no conda package is known for nobody-knows-this-project"
    assert told["urllib3-1.0-py3-none-any.whl"] == "it is yanked"


def test_a_variant_is_not_offered(channel: Path, make_wheel: MakeWheel) -> None:
    make_wheel("six")
    (plain,) = write_index(channel).files
    labelled = "six-1.0-py3-none-any-x86_64_v3.whl"
    (channel / plain.filename).rename(channel / labelled)
    report = write_conda_index(channel, [replace(plain, path=PurePosixPath(labelled))], load_tables())
    assert report is not None
    assert why(report) == {labelled: "it is variant x86_64_v3"}


def test_a_version_that_solvers_cannot_read_is_not_offered(channel: Path, make_wheel: MakeWheel) -> None:
    wheel = make_wheel("six", f"1.{'9' * 40}")
    report = index(channel)
    assert report.rejected == ()
    assert offered(channel) == {}
    assert why(report)[wheel.name].startswith("py-rattler cannot read its record: malformed version")


def test_a_project_that_nobody_knows_may_be_said_to_have_the_same_name(channel: Path, make_wheel: MakeWheel) -> None:
    make_wheel("six", headers="Requires-Dist: nobody-knows-this-project\n")
    assert list(why(index(channel))) == ["six-1.0-py3-none-any.whl"]
    assert why(index(channel, same_names=True)) == {}
    (record,) = offered(channel).values()
    assert record["depends"][1:] == ["nobody-knows-this-project"]


def test_two_wheels_that_would_be_one_package_are_not_both_offered(channel: Path, make_wheel: MakeWheel) -> None:
    make_wheel("foo.bar")
    make_wheel("foo_bar")
    report = index(channel)
    assert [record["fn"] for record in offered(channel).values()] == ["foo.bar-1.0-py3-none-any.whl"]
    assert "foo.bar-1.0-py3-none-any.whl has the same name" in why(report)["foo_bar-1.0-py3-none-any.whl"]


def test_only_pure_wheels_right_in_the_directory_of_a_channel_are_offered(
    tmp_path: Path, make_wheel: MakeWheel
) -> None:
    make_wheel("six")
    make_wheel("idna", directory=tmp_path / "more")
    make_wheel("numpy", filename="numpy-1.0-cp312-cp312-manylinux_2_17_x86_64.whl")
    report = write_index(tmp_path)
    assert write_conda_index(tmp_path, report.files, load_tables()) is None
    assert not (tmp_path / "noarch").exists()
    (tmp_path / "noarch").mkdir()
    make_conda(tmp_path / "noarch", subdir="noarch", index={"noarch": "generic"})
    assert why(index(tmp_path)) == {}
    assert [record["name"] for record in offered(tmp_path).values()] == ["six"]


def test_a_wheel_that_changed_after_it_was_listed_is_not_offered(channel: Path, make_wheel: MakeWheel) -> None:
    make_wheel("six")
    listed = write_index(channel).files
    make_wheel("six", content="changed")
    report = write_conda_index(channel, listed, load_tables())
    assert report is not None
    assert why(report) == {"six-1.0-py3-none-any.whl": "the file changed while it was indexed"}
    assert offered(channel) == {}


def test_a_second_run_gives_the_same_bytes(channel: Path, make_wheel: MakeWheel) -> None:
    make_wheel("six")
    make_wheel("idna", headers="Requires-Dist: six\n")
    index(channel)
    files = [path for path in sorted(channel.rglob("*")) if path.is_file()]
    before = [(path, path.read_bytes(), path.stat().st_mtime_ns) for path in files if "simple" not in path.parts]
    index(channel)
    assert [(path, path.read_bytes(), path.stat().st_mtime_ns) for path, _, _ in before] == before
