"""`inspect` on generated packages, compared with the documents beside this file.

After a change that is meant to show, write them again with
`CONDA_BRIDGE_WRITE_GOLDEN=1 python -m pytest tests/golden` and review the difference like code.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from bridge.channel.inspect import inspect
from bridge.model.plan import Layout
from tests.support.conda_archives import Content, File, Link, make_conda
from tests.support.elf_files import X86_64, dylib, macho, version_min
from tests.support.sample_packages import (
    PLACEHOLDER,
    PYTHON,
    SITE,
    dist_info,
    extension,
    library,
    noarch_package,
)

HERE = Path(__file__).parent


def noarch(directory: Path) -> Path:
    return noarch_package(
        directory,
        entry_points=("demo = demo.cli:main",),
        headers=(
            "Summary: A demo",
            "Requires-Dist: tomli; python_version < '3.11'",
            "Provides-Extra: fast",
            "Requires-Dist: orjson>=3; extra == 'fast'",
        ),
        index={
            "depends": ["python >=3.8", "ruamel.yaml >=0.17,<0.19", "six 1.2|1.4", "__unix"],
            "constrains": ["other >=2"],
        },
    )


def extension_module(directory: Path) -> Path:
    files: dict[str, Content] = {
        **dist_info("Demo"),
        f"{SITE}/demo/_ext.so": extension("libx.so.1", "libssl.so.3", rpath="$ORIGIN/../../.."),
        "bin/tool": File(f"#!{PLACEHOLDER}/bin/python\n".encode(), mode=0o755, placeholder=PLACEHOLDER),
        "etc/conda/activate.d/demo.sh": b"export X=1\n",
    }
    depends = [*PYTHON, "__glibc >=2.17,<3.0.a0", "libgcc >=13", "libx 1.5 h1_0", "openssl >=3.4,<4.0a0"]
    return make_conda(directory, files=files, index={"depends": depends, "track_features": "slow"})


def native(directory: Path) -> Path:
    data = library("libx.so.1", "libc.so.6", placeholder=True, rpath="$ORIGIN/.")
    files: dict[str, Content] = {
        "lib/libx.so.1.5": File(data, placeholder=PLACEHOLDER, file_mode="binary"),
        "lib/libx.so.1": Link("libx.so.1.5"),
        "lib/libx.so": Link("libx.so.1"),
        "lib/pkgconfig/x.pc": File(f"prefix={PLACEHOLDER}\n".encode(), placeholder=PLACEHOLDER),
    }
    index = {"depends": ["__glibc >=2.17,<3.0.a0", "libgcc >=13", "libzlib >=1.3.1,<2.0a0"]}
    return make_conda(directory, name="libx", version="1.5", files=files, index=index)


def macos(directory: Path) -> Path:
    data = macho(
        X86_64, version_min(10, 13), dylib(0xD, "@rpath/libx.1.dylib"), dylib(0xC, "/usr/lib/libSystem.B.dylib")
    )
    return make_conda(
        directory,
        name="libx",
        version="1.5",
        subdir="osx-64",
        files={"lib/libx.1.dylib": data},
        index={"depends": ["__osx >=10.13"]},
    )


def marker(directory: Path) -> Path:
    return make_conda(directory, name="_openmp_mutex", version="4.5", build="2_gnu")


CASES = [
    (noarch, Layout.VENDORED),
    (extension_module, Layout.PREFIX),
    (extension_module, Layout.SHARED),
    (extension_module, Layout.VENDORED),
    (native, Layout.PREFIX),
    (native, Layout.SHARED),
    (macos, Layout.PREFIX),
    (macos, Layout.SHARED),
    (marker, Layout.PREFIX),
]


@pytest.mark.parametrize(("make", "layout"), CASES, ids=lambda value: getattr(value, "__name__", None) or value.value)
def test_documents_are_as_agreed(make: Any, layout: Layout, tmp_path: Path) -> None:
    package = make(tmp_path)
    document = inspect(package, layout=layout)
    document["input"] = package.name
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    path = HERE / f"{make.__name__}-{layout.value}.json"
    if os.environ.get("CONDA_BRIDGE_WRITE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_there_is_no_document_without_a_case() -> None:
    expected = {f"{make.__name__}-{layout.value}.json" for make, layout in CASES}
    assert {path.name for path in HERE.glob("*.json")} == expected
