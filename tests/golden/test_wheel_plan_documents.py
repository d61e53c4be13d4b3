"""The plans of generated wheels, compared with the documents in `wheels/`.

They are written again as those of `test_inspect_documents.py`.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from bridge.formats.wheel.reader import open_wheel
from bridge.model.conda_plan import CondaFile, CondaPlan, FromWheel, MadeInfo
from bridge.translate.to_conda.describe import plan_fields
from bridge.translate.to_conda.plan import plan_conda
from bridge.translate.to_conda.scripts import PREFIX
from tests.support.converted_wheels import extension, request_of, sample
from tests.support.hostile_samples import DATA, VARIANT_JSON, Sample

HERE = Path(__file__).parent / "wheels"
METADATA = b"""Requires-Python: >=3.9
Summary: A demo
License-Expression: MIT
License-File: LICENSE
Project-URL: Source, https://example.test/source
Requires-Dist: requests>=2,<3
Requires-Dist: tomli; python_version < '3.11'
Requires-Dist: colorama; sys_platform == 'win32'
Provides-Extra: fast
Requires-Dist: orjson~=3.1; extra == 'fast'
"""
PROGRAMS = "[console_scripts]\ndemo = demo.cli:main\n[gui_scripts]\nwindow = demo:show [fast]\n"
SCHEMES = {
    "demo/__init__.py": b"",
    f"{DATA}/purelib/pure.py": b"",
    f"{DATA}/scripts/run": b"#!python -E\nprint()\n",
    f"{DATA}/headers/demo.h": b"",
    f"{DATA}/data/etc/demo/x": b"",
}


def pure() -> Sample:
    return sample(metadata=METADATA, entry_points=PROGRAMS, payload=dict(SCHEMES), info={"licenses/LICENSE": b"free"})


def bound() -> Sample:
    payload = {"demo/_x.cpython-312-x86_64-linux-gnu.so": extension(), **SCHEMES}
    tag = "cp312-cp312-manylinux2014_x86_64.manylinux_2_17_x86_64"
    return sample(tag, build="2", metadata=METADATA, entry_points=PROGRAMS, payload=payload)


def free_threaded() -> Sample:
    payload = {"demo/_x.cpython-313t-x86_64-linux-gnu.so": extension(), **SCHEMES}
    return sample("cp313-cp313t-manylinux_2_28_x86_64", entry_points=PROGRAMS, payload=payload)


def stable_abi() -> Sample:
    payload = {"demo/_x.abi3.so": extension(), **SCHEMES}
    return sample("cp39-abi3-manylinux_2_17_x86_64", entry_points=PROGRAMS, payload=payload)


def windows() -> Sample:
    return sample("cp312-cp312-win_amd64", metadata=METADATA, entry_points=PROGRAMS, payload=dict(SCHEMES))


def variant() -> Sample:
    made = sample(info={"variant.json": VARIANT_JSON})
    made.filename = made.filename.replace(".whl", "-one.whl")
    return made


CASES = [(pure, False), (pure, True), (bound, False), (free_threaded, False), (stable_abi, False), (windows, False)]
CASES += [(variant, False), (variant, True)]


def document(path: Path, *, conditional: bool) -> dict[str, Any]:
    with open_wheel(path) as wheel:
        request = request_of(wheel, conditional=conditional)
        plans = plan_conda(request)
    return {**plan_fields(request, plans), "plans": [_plan(plan) for plan in plans]}


def _plan(plan: CondaPlan) -> dict[str, Any]:
    assert isinstance(plan.info, MadeInfo)
    # What is under `extra` has hashes of an archive, which differ between compressors.
    about = {key: value for key, value in plan.info.about.items() if key != "extra"}
    return {
        "index": dict(plan.info.index),
        "about": about,
        "link": plan.info.link,
        "info": sorted(plan.info.files),
        "preference": list(plan.preference),
        "files": {file.path: _file(file) for file in plan.files},
    }


def _file(file: CondaFile) -> dict[str, Any]:
    if isinstance(file.source, FromWheel):
        return {"member": file.source.member, "mode": f"{file.mode:o}"}
    text = file.source.data.decode().replace(PREFIX, "PREFIX")
    return {"text": text.splitlines(), "mode": f"{file.mode:o}", "placeholder": file.placeholder is not None}


def _name(make: Any, conditional: bool) -> str:
    return f"{make.__name__}{'-v3' if conditional else ''}.json"


@pytest.mark.parametrize(("make", "conditional"), CASES, ids=lambda value: getattr(value, "__name__", str(value)))
def test_plans_are_as_agreed(make: Any, conditional: bool, tmp_path: Path) -> None:
    found = document(make().write(tmp_path), conditional=conditional)
    text = json.dumps(found, indent=2, ensure_ascii=False) + "\n"
    path = HERE / _name(make, conditional)
    if os.environ.get("CONDA_BRIDGE_WRITE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_there_is_no_plan_without_a_case() -> None:
    assert {path.name for path in HERE.glob("*.json")} == {_name(make, conditional) for make, conditional in CASES}
