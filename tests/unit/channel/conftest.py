"""Channels and wheels made by hand, as small as they can be."""

from __future__ import annotations

import base64
import hashlib
import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

CORPUS = Path(__file__).parents[4] / "shared" / "corpus" / "conda"


def record(name: str, version: str = "1.0", *depends: str, build: str = "0", **more: Any) -> dict[str, Any]:
    """One record of repodata, sound unless `more` says otherwise."""
    return {
        "name": name,
        "version": version,
        "build": build,
        "build_number": 0,
        "depends": list(depends),
        "subdir": "linux-64",
        "sha256": hashlib.sha256(f"{name}{version}{build}".encode()).hexdigest(),
        "size": 1,
        **more,
    }


def document(*records: Mapping[str, Any], subdir: str = "linux-64", **more: Any) -> dict[str, Any]:
    """repodata.json with the records under `packages.conda`."""
    keyed = {f"{r['name']}-{r['version']}-{r['build']}.conda": dict(r) for r in records}
    return {
        "info": {"subdir": subdir},
        "packages": {},
        "packages.conda": keyed,
        "repodata_version": 1,
        **more,
    }


def write_channel(directory: Path, documents: Mapping[str, Mapping[str, Any] | bytes]) -> Path:
    """A channel directory: subdir -> document, or the bytes of repodata.json."""
    for subdir, content in documents.items():
        (directory / subdir).mkdir(parents=True)
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        (directory / subdir / "repodata.json").write_bytes(data)
    return directory


MakeWheel = Callable[..., Path]


@pytest.fixture
def make_wheel(tmp_path: Path) -> MakeWheel:
    """Write a tiny wheel into `tmp_path`."""

    def make(
        name: str,
        version: str = "1.0",
        *,
        directory: Path = tmp_path,
        filename: str | None = None,
        headers: str = "",
        content: str = "",
        metadata: bytes | None = None,
    ) -> Path:
        info = f"{name}-{version}.dist-info"
        text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{headers}"
        wheel = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        members = {
            f"{name}.py": content.encode(),
            f"{info}/METADATA": text.encode() if metadata is None else metadata,
            f"{info}/WHEEL": wheel.encode(),
        }
        lines = []
        for member, data in members.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            lines.append(f"{member},sha256={digest},{len(data)}\n")
        members[f"{info}/RECORD"] = "".join([*lines, f"{info}/RECORD,,\n"]).encode()
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / (filename or f"{name}-{version}-py3-none-any.whl")
        with zipfile.ZipFile(path, "w") as archive:
            for member, data in members.items():
                archive.writestr(zipfile.ZipInfo(member), data)
        return path

    return make


@pytest.fixture(scope="session")
def miniforge() -> Path:
    """The corpus set that is a channel of real conda-forge packages."""
    path = CORPUS / "miniforge-linux-64-py312"
    if not path.is_dir():
        pytest.skip("the corpus is not beside this checkout")
    return path
