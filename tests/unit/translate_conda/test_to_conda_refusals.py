"""What conda would execute, obey or misplace is refused before anything is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.channel.execute_conda import write_condas
from bridge.errors import Code, InvalidInput, Unrepresentable
from bridge.formats.wheel.reader import open_wheel
from bridge.mapping.pypi_names import PypiNames
from bridge.mapping.tables import load_tables
from bridge.model.conda import ArchiveFormat
from bridge.translate.to_conda.plan import plan_conda
from tests.support.converted_wheels import INIT, converted, paths_of, plan_of, plans_of, request_of, sample
from tests.support.hostile_samples import DATA, DIST_INFO, Sample

LINUX = "cp312-cp312-manylinux_2_17_x86_64"
WINDOWS = "cp312-cp312-win_amd64"


@pytest.mark.parametrize(
    "member",
    [
        "data/bin/.demo-post-link.sh",
        "data/bin/.other-pre-unlink.sh",
        "data/Scripts/.demo-pre-link.bat",
        "scripts/.demo-post-link.sh",
        "data/etc/conda/activate.d/x.sh",
        "data/etc/conda/deactivate.d/x.bat",
        "data/ETC/Conda/env_vars.d/x.json",
        "data/Menu/demo.json",
        "data/.condarc",
        "data/condarc.d/x.yml",
        "data/.mambarc",
    ],
)
@pytest.mark.parametrize("tag", ["py3-none-any", LINUX])
def test_what_conda_would_execute_or_obey(tmp_path: Path, member: str, tag: str) -> None:
    with pytest.raises(Unrepresentable) as caught:
        plan_of(tmp_path, sample(tag, payload={INIT: b"", f"{DATA}/{member}": b""}))
    assert caught.value.code is Code.CONDA_EXECUTES
    assert caught.value.field == f"{DATA}/{member}"


@pytest.mark.parametrize(
    "member", ["data/conda-meta/pinned", "data/Info/index.json", "data/info", "data/site-packages/x.py"]
)
def test_places_that_belong_to_conda(tmp_path: Path, member: str) -> None:
    with pytest.raises(Unrepresentable) as caught:
        plan_of(tmp_path, sample(payload={INIT: b"", f"{DATA}/{member}": b""}))
    assert caught.value.code is Code.COLLISION


def test_such_names_are_harmless_elsewhere(tmp_path: Path) -> None:
    payload = {INIT: b"", "info/x": b"", "demo/Menu/a.json": b"", f"{DATA}/data/share/site-packages/x": b""}
    assert "site-packages/info/x" in paths_of(plan_of(tmp_path, sample(payload=payload)))


@pytest.mark.parametrize(
    "made",
    [
        sample(payload={INIT: b"", f"{DATA}/scripts/Python3": b""}),
        sample(payload={INIT: b"", f"{DATA}/data/bin/python": b""}),
        sample(entry_points="[console_scripts]\npython = demo:f\n"),
    ],
    ids=["script", "data", "entry point"],
)
def test_what_would_replace_the_interpreter(tmp_path: Path, made: Sample) -> None:
    with pytest.raises(Unrepresentable) as caught:
        plan_of(tmp_path, made)
    assert caught.value.code is Code.REPLACES_PYTHON


@pytest.mark.parametrize("name", ["demo/aux.py", "demo/trailing.", "demo/a?b"])
def test_names_that_windows_lacks(tmp_path: Path, name: str) -> None:
    for tag in ("py3-none-any", WINDOWS):
        with pytest.raises(Unrepresentable) as caught:
            plan_of(tmp_path, sample(tag, payload={name: b""}))
        assert caught.value.code is Code.WINDOWS_NAME
    plan = plan_of(tmp_path, sample(LINUX, payload={name: b""}))
    assert f"lib/python3.12/site-packages/{name}" in paths_of(plan)
    assert plan.losses == ()


def test_findings_become_losses(tmp_path: Path) -> None:
    made = sample(
        payload={INIT: b"", "x.pth": b"import os\n", "sitecustomize.py": b"", "pip/__init__.py": b""},
        entry_points="[console_scripts]\ngood = demo:f\nbad = demo:f);import os\n",
    )
    plan = plan_of(tmp_path, made)
    assert {(loss.code, loss.subject) for loss in plan.losses} == {
        (Code.EXECUTABLE_METADATA, "x.pth"),
        (Code.EXECUTABLE_METADATA, "sitecustomize.py"),
        (Code.INSTALLERS_FILE, "pip/__init__.py"),
        (Code.ENTRY_POINT_LEFT_OUT, f"{DIST_INFO}/entry_points.txt"),
    }


def test_a_large_script_for_python_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unrepresentable) as caught:
        plan_of(tmp_path, sample(payload={f"{DATA}/scripts/app": b"#!python\n" + bytes(1 << 20)}))
    assert caught.value.code is Code.LARGE_SCRIPT


def test_a_project_whose_conda_name_is_another_package(tmp_path: Path) -> None:
    made = Sample(
        filename="openssl-1.0-py3-none-any.whl",
        dist_info="openssl-1.0.dist-info",
        metadata=b"Metadata-Version: 2.4\nName: openssl\nVersion: 1.0\n",
    )
    with open_wheel(made.write(tmp_path)) as wheel:
        request = request_of(wheel)
        assert PypiNames(load_tables()).own("openssl").conda is None
        with pytest.raises(Unrepresentable) as caught:
            plan_conda(request)
    assert caught.value.code is Code.NAME_REFUSED


def test_nothing_is_left_when_one_of_the_packages_cannot_be_written(tmp_path: Path) -> None:
    made = sample(metadata=b"Requires-Python: >=3.10\nRequires-Dist: tomli; python_version < '3.11'\n")
    path = made.write(tmp_path)
    plans = plans_of(path)
    made.payload = {INIT: b"y = 2\n"}
    with open_wheel(made.write(tmp_path)) as wheel, pytest.raises(InvalidInput):
        write_condas(plans, wheel, tmp_path / "channel")
    assert [each for each in (tmp_path / "channel").rglob("*") if each.is_file()] == []


def test_the_same_wheel_gives_the_same_bytes(tmp_path: Path) -> None:
    made = sample(LINUX, entry_points="[console_scripts]\na = demo:b\n")
    for format_ in (ArchiveFormat.CONDA, ArchiveFormat.TAR_BZ2):
        (first,) = converted(tmp_path, made, format=format_)
        data = Path(first.path).read_bytes()
        (second,) = converted(tmp_path, made, format=format_)
        assert Path(second.path).read_bytes() == data
        assert first.sha256 == second.sha256
