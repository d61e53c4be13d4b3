"""Which project a package is: its own metadata first, then tables, then a reserved name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bridge.model.plan import Layout, Status
from tests.support.conda_archives import Link, make_conda
from tests.support.sample_packages import (
    PYTHON,
    SITE,
    converted,
    dist_info,
    library,
    metadata,
    noarch_package,
    outcome_of,
    python_package,
)

if TYPE_CHECKING:
    from pathlib import Path


def test_the_package_s_own_dist_info_names_the_wheel(tmp_path: Path) -> None:
    files = dist_info("Ruamel.YAML", "1.0")
    package = make_conda(tmp_path, name="ruamel", files=files, index={"depends": PYTHON})
    wheel = converted(package, tmp_path / "out")
    assert wheel.filename.startswith("ruamel_yaml-1.0-")
    assert "Name: Ruamel.YAML" in wheel.headers
    assert "CB219" not in wheel.codes


def test_the_version_of_metadata_wins_and_the_difference_is_recorded(tmp_path: Path) -> None:
    files = {f"{SITE}/demo.py": b"", **dist_info("demo", "1.0.post1")}
    package = make_conda(tmp_path, version="1.0", files=files, index={"depends": PYTHON})
    wheel = converted(package, tmp_path / "out")
    assert wheel.filename.startswith("demo-1.0.post1-")
    assert wheel.loss("CB219") == [("version", "conda says 1.0, METADATA says 1.0.post1; METADATA was followed")]


def test_nested_metadata_of_vendored_projects_is_payload(tmp_path: Path) -> None:
    nested = f"{SITE}/demo/_vendor/wheel-0.43.dist-info"
    package = python_package(
        tmp_path, files={f"{nested}/METADATA": metadata("wheel", "0.43"), f"{nested}/RECORD": b"x"}
    )
    wheel = converted(package, tmp_path / "out")
    assert wheel.filename.startswith("demo-1.0-")
    assert wheel["demo/_vendor/wheel-0.43.dist-info/RECORD"] == b"x"


@pytest.mark.parametrize("second", ["other-1.0.dist-info/METADATA", "other-1.0-py3.12.egg-info/PKG-INFO"])
def test_several_projects_are_refused(tmp_path: Path, second: str) -> None:
    package = python_package(tmp_path, files={f"{SITE}/{second}": metadata("other", "1.0")})
    outcome = outcome_of(package, tmp_path / "out")
    assert (outcome.status, outcome.code and outcome.code.number) == (Status.UNREPRESENTABLE, "CB313")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_third_project_is_not_overlooked_beside_an_old_and_a_new_form_of_one(tmp_path: Path) -> None:
    more = {
        f"{SITE}/demo-1.0-py3.12.egg-info/PKG-INFO": metadata("demo", "1.0"),
        f"{SITE}/other-9.dist-info/METADATA": metadata("other", "9"),
    }
    outcome = outcome_of(python_package(tmp_path, files=more), tmp_path / "out")
    assert outcome.code is not None
    assert outcome.code.number == "CB313"


def test_an_older_form_of_the_same_metadata_gives_way(tmp_path: Path) -> None:
    egg = f"{SITE}/demo-1.0-py3.12.egg-info"
    package = python_package(
        tmp_path, files={f"{egg}/PKG-INFO": metadata("demo", "1.0"), f"{egg}/top_level.txt": b"demo"}
    )
    wheel = converted(package, tmp_path / "out")
    assert not any("egg-info" in name for name in wheel.payload)
    assert wheel.own(f"conda/files/{egg}/top_level.txt") == b"demo"


def test_an_egg_info_directory_becomes_a_dist_info(tmp_path: Path) -> None:
    egg = f"{SITE}/Demo-1.0-py3.12.egg-info"
    files = {
        f"{SITE}/demo.py": b"",
        f"{egg}/PKG-INFO": metadata("Demo", "1.0", "Summary: s", body="Long.\n"),
        f"{egg}/SOURCES.txt": b"setup.py",
        f"{egg}/top_level.txt": b"demo\n",
        f"{egg}/requires.txt": b"idna\n\n[fast]\nspeedups>=2\n\n[fast:python_version < '3']\nold\n",
        f"{egg}/entry_points.txt": b"[console_scripts]\ndemo = demo:main\n",
    }
    wheel = converted(make_conda(tmp_path, files=files, index={"depends": PYTHON}), tmp_path / "out")
    assert wheel.own("top_level.txt") == b"demo\n"
    assert wheel.own("entry_points.txt") == b"[console_scripts]\ndemo = demo:main\n"
    assert f"{wheel.dist_info}/SOURCES.txt" not in wheel
    assert f"{wheel.dist_info}/PKG-INFO" not in wheel
    assert {"Summary: s", "Provides-Extra: fast", 'Requires-Dist: speedups>=2; extra == "fast"'} <= set(wheel.headers)
    assert 'Requires-Dist: old; python_version < "3" and extra == "fast"' in wheel.headers
    assert wheel.own("METADATA").endswith(b"\n\nLong.\n")
    # What setup.py required and conda does not is not weakened in silence.
    assert wheel.loss("CB230") == [("idna", "METADATA requires idna; conda's package does not")]


def test_an_egg_info_file_becomes_metadata(tmp_path: Path) -> None:
    files = {f"{SITE}/demo.py": b"", f"{SITE}/demo-1.0-py3.12.egg-info": metadata("demo", "1.0")}
    wheel = converted(make_conda(tmp_path, files=files, index={"depends": PYTHON}), tmp_path / "out")
    assert "Name: demo" in wheel.headers
    assert wheel.payload == ["demo.py"]


def test_a_native_package_gets_a_reserved_name(tmp_path: Path) -> None:
    package = make_conda(
        tmp_path, name="zstd", version="1.5.6", files={"lib/libzstd.so.1": library("libzstd.so.1", "libc.so.6")}
    )
    wheel = converted(package, tmp_path / "out")
    assert wheel.filename.startswith("conda_native_zstd-1.5.6-py3-none-")
    other = converted(package, tmp_path / "two", reserved_prefix="acme-native-")
    assert other.filename.startswith("acme_native_zstd-1.5.6-")


def test_a_python_package_without_metadata_is_named_after_its_conda_name_and_that_is_recorded(tmp_path: Path) -> None:
    package = make_conda(tmp_path, name="odd-tool", files={f"{SITE}/odd.py": b""}, index={"depends": PYTHON})
    wheel = converted(package, tmp_path / "out")
    assert wheel.filename.startswith("odd_tool-1.0-")
    assert [subject for subject, _ in wheel.loss("CB231")] == ["odd-tool"]


def test_a_user_s_overlay_names_a_package_without_metadata(tmp_path: Path) -> None:
    overlay = tmp_path / "names.yaml"
    overlay.write_text("python:\n  odd-tool: OddTool\n")
    package = make_conda(tmp_path, name="odd-tool", files={f"{SITE}/odd.py": b""}, index={"depends": PYTHON})
    wheel = converted(package, tmp_path / "out", overlays=[overlay])
    assert wheel.filename.startswith("oddtool-1.0-")
    assert "CB231" not in wheel.codes


@pytest.mark.parametrize(
    ("name", "files", "number"),
    [
        ("_openmp_mutex", {}, "CB302"),
        ("python_abi", {}, "CB302"),
        ("blas", {}, "CB302"),
        ("python", {"bin/python3.12": b"x"}, "CB303"),
        ("python", {}, "CB303"),
        ("pypy3.9", {"bin/pypy3.9": b"x"}, "CB303"),
    ],
)
def test_what_only_steers_the_solver_and_interpreters_are_refused(
    tmp_path: Path, name: str, files: dict[str, bytes], number: str
) -> None:
    outcome = outcome_of(make_conda(tmp_path, name=name, files=files), tmp_path / "out")
    assert outcome.status is Status.UNSUPPORTED
    assert outcome.code is not None
    assert outcome.code.number == number


def test_unreadable_metadata_is_invalid_input(tmp_path: Path) -> None:
    files = {f"{SITE}/demo-1.0.dist-info/METADATA": b"no headers at all"}
    outcome = outcome_of(make_conda(tmp_path, files=files, index={"depends": PYTHON}), tmp_path / "out")
    assert (outcome.status, outcome.code and outcome.code.number) == (Status.INVALID, "CB121")


def test_noarch_python_is_for_every_platform(tmp_path: Path) -> None:
    wheel = converted(noarch_package(tmp_path), tmp_path / "out", Layout.VENDORED)
    assert wheel.filename == "demo-1.0-py3-none-any.whl"
    assert "Requires-Python: >=3.8" in wheel.headers
    assert b"Root-Is-Purelib: true" in wheel.own("WHEEL")


@pytest.mark.parametrize("layout", list(Layout))
@pytest.mark.parametrize(
    "path",
    [
        "demo-1.0.data/scripts/python",
        "demo-1.0.data/data/bin/python",
        "other.Data/evil/x",
        "other-1.0.dist-info/entry_points.txt",
        "DEMO-1.0.dist-INFO/direct_url.json",
        "other-1.0.dist-info",
    ],
)
def test_directories_that_installers_take_for_their_own_are_refused(tmp_path: Path, layout: Layout, path: str) -> None:
    (tmp_path / "a").mkdir()
    own = {f"{SITE}/demo.egg-info/PKG-INFO": metadata("demo", "1.0")}
    for directory, project in ((tmp_path, {}), (tmp_path / "a", own)):
        files = {f"{SITE}/demo.py": b"", f"{SITE}/{path}": b"[console_scripts]\n../x = a:b\n", **project}
        package = make_conda(directory, files=files, index={"depends": PYTHON})
        outcome = outcome_of(package, tmp_path / "out", layout)
        assert (outcome.status, outcome.code and outcome.code.number) == (Status.INVALID, "CB121")


def test_a_copy_for_a_link_cannot_get_there_either(tmp_path: Path) -> None:
    files = {f"{SITE}/d/scripts/python": b"", f"{SITE}/demo-1.0.data": Link("d")}
    outcome = outcome_of(python_package(tmp_path, files=files), tmp_path / "out")
    assert (outcome.status, outcome.code and outcome.code.number) == (Status.INVALID, "CB121")


@pytest.mark.parametrize("header", ["Name: " + "a" * 3000, "Version: 1" + ".1" * 3000])
def test_a_name_that_no_file_can_have_is_refused(tmp_path: Path, header: str) -> None:
    headers = {"Name": "demo", "Version": "1.0"} | dict([header.split(": ")])
    lines = ["Metadata-Version: 2.1", *(": ".join(item) for item in headers.items())]
    files = {f"{SITE}/demo-1.0.dist-info/METADATA": "\n".join(lines).encode()}
    outcome = outcome_of(make_conda(tmp_path, files=files, index={"depends": PYTHON}), tmp_path / "out")
    assert (outcome.status, outcome.code and outcome.code.number) == (Status.INVALID, "CB109")
