"""A real libmambapy sees the same machine as py-rattler."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bridge.channel.convert import convert
from bridge.model.host import VirtualPackage
from bridge.select import detect as module
from bridge.select.detect import detect


def test_the_second_opinion_of_a_real_libmambapy_agrees(
    miniforge: Path,
    new_venv: Callable[[str], Path],
    run: Callable[..., str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in [name for name in os.environ if name.startswith("CONDA_OVERRIDE_")]:
        monkeypatch.delenv(name)
    convert([miniforge / "linux-64" / "libmambapy-1.5.12-py312hbaee817_0.conda"], tmp_path, channels=[miniforge])
    (wheel,) = tmp_path.glob("libmambapy-*.whl")
    python = new_venv("mamba")
    run(python, "-m", "pip", "install", "--no-deps", "--no-index", wheel)
    rows = json.loads(run(python, "-c", module._ASK_LIBMAMBA))
    packages = [VirtualPackage(*row) for row in rows]
    assert {"__unix", "__linux", "__glibc", "__archspec"} <= {package.name for package in packages}
    assert detect(second_opinion=lambda: packages, nvidia_smi=None).differences == ()
    seen = json.loads(run(python, "-c", module._ASK_LIBMAMBA, CONDA_OVERRIDE_CUDA="12.8", CONDA_OVERRIDE_GLIBC="2.28"))
    assert ["__cuda", "12.8", "0"] in seen
    assert ["__glibc", "2.28", "0"] in seen
