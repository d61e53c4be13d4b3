"""Native files in wheels of their own, found by RPATHs wherever site-packages is, `--target` included."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bridge.channel.convert import Report
from bridge.model.plan import Layout
from tests.e2e.conftest import Run, pip_install, served, uv_install

Converted = Callable[[Layout], tuple[Path, Report]]

LOADED = """
import libmambapy, cffi, zstandard
ffi = cffi.FFI(); ffi.cdef("int abs(int);"); assert ffi.dlopen(None).abs(-3) == 3
assert zstandard.decompress(zstandard.compress(b"x" * 1000)) == b"x" * 1000
for line in sorted({line.split()[-1] for line in open("/proc/self/maps") if ".so" in line}):
    print(line)
"""

#: libraries of the system that manylinux promises, and Python's own.
SYSTEM = (
    "libc.",
    "libm.",
    "libdl.",
    "librt.",
    "libpthread.",
    "libresolv.",
    "ld-linux",
    "libgcc_s",
    "libstdc++",
    "libutil.",
)


@pytest.mark.parametrize("installer", ["pip", "uv"])
@pytest.mark.parametrize("where", ["environment", "target"])
def test_modules_find_only_their_own_libraries(
    installer: str,
    where: str,
    converted: Converted,
    new_venv: Callable[[str], Path],
    python312: Path,
    run: Run,
    uv: str,
    tmp_path: Path,
) -> None:
    directory, _ = converted(Layout.SHARED)
    python = new_venv("environment")
    target = tmp_path / "target"
    arguments = ["--target", str(target)] if where == "target" else []
    projects = ["libmambapy", "cffi", "zstandard"]
    with served(directory) as index:
        if installer == "pip":
            run(*pip_install(python, index, *arguments, *projects))
        else:
            run(*uv_install(uv, python, index, *arguments, *projects))
    if where == "target":
        root, said = target, run(python312, "-c", LOADED, PYTHONPATH=str(target))
    else:
        root = next((python.parents[1] / "lib").glob("python3.12/site-packages"))
        said = run(python, "-c", LOADED)
    loaded = [Path(line) for line in said.splitlines()]
    base = python312.resolve().parents[1]
    own = [path for path in loaded if path.is_relative_to(root)]
    assert {"libmamba.so.2", "libffi.so.8", "libzstd.so.1", "libcrypto.so.3"} <= {path.name for path in own}
    for path in set(loaded) - set(own):
        assert path.is_relative_to(base) or path.name.startswith(SYSTEM), path
