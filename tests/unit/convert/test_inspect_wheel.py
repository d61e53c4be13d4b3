"""`inspect` on wheels: ours and foreign ones, variants included."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

from bridge.channel.convert import convert
from bridge.channel.inspect import inspect
from bridge.model.plan import Layout
from tests.support.sample_packages import noarch_package


def variant_wheels(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    builds = [
        noarch_package(tmp_path / "in", build="cpu_0", index={"depends": ["python >=3.9"]}),
        noarch_package(
            tmp_path / "in", build="cuda_1", index={"depends": ["python >=3.9", "__cuda >=12"], "build_number": 1}
        ),
    ]
    convert(builds, tmp_path / "out", layout=Layout.PREFIX)
    return tmp_path / "out"


def test_a_variant_shows_its_properties(tmp_path: Path) -> None:
    (wheel,) = [path for path in variant_wheels(tmp_path).iterdir() if "-cu" in path.name]
    document = inspect(wheel)
    assert (document["kind"], document["name"], document["version"]) == ("wheel", "demo", "1.0")
    assert document["properties"] == ["nvidia :: cuda_version_lower_bound :: 12.0"]
    assert document["outcome"] == {"status": "converted", "code": None, "message": None}
    assert document["tags"] == ["py3-none-any"]
    assert document["requires_python"] == ">=3.9"


def test_a_wheel_that_clients_refuse_is_invalid_with_the_reason(tmp_path: Path) -> None:
    (wheel,) = [path for path in variant_wheels(tmp_path).iterdir() if "-cu" in path.name]
    broken = tmp_path / wheel.name
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(broken, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name.endswith("variant.json"):
                document = json.loads(data)
                document["extra"] = 1
                data = json.dumps(document).encode()
            new.writestr(name, data)
    outcome = inspect(broken)["outcome"]
    assert (outcome["status"], outcome["code"][:3]) == ("invalid", "CB1")


def test_what_is_no_wheel_is_invalid(tmp_path: Path) -> None:
    path = tmp_path / "demo-1.0-py3-none-any.whl"
    path.write_bytes(b"no archive")
    document = inspect(path)
    assert document["outcome"]["code"] == "CB101"
    assert document["tags"] == []
