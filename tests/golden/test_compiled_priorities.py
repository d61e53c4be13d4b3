"""The policy for conda clients, compared with the files beside this one, in `priority/`.

After a change that is meant to show, write them again with
`CONDA_BRIDGE_WRITE_GOLDEN=1 python -m pytest tests/golden` and review the difference like code.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from packaging.utils import NormalizedName

from bridge.model.conda import CondaName
from bridge.priority.compile import compile_policy
from bridge.priority.context import CompileContext
from bridge.priority.report import Client
from tests.support.channel_policies import OVERLAYS, policy

HERE = Path(__file__).parent / "priority"
CLIENTS = (Client.CONDA, Client.MAMBA, Client.PIXI, Client.RATTLER)
CONTEXT = CompileContext(
    projects=(NormalizedName("acme-core"), NormalizedName("torch")),
    packages=(CondaName("acme-core"),),
    subdirs=("linux-64", "win-64"),
)


@pytest.mark.parametrize("form", ["native", "overlays"])
def test_files_and_report_are_as_recorded(tmp_path: Path, form: str) -> None:
    overlays = OVERLAYS if form == "overlays" else None
    result = compile_policy(policy(), tmp_path, clients=CLIENTS, context=CONTEXT, overlays=overlays)
    found = {"report.txt": result.text(all_rules=True)}
    found |= {file.path.as_posix(): (tmp_path / file.path).read_text() for file in result.files}
    for path, text in found.items():
        # Not under the names that programs look for.
        place = HERE / f"{form}-{path.removeprefix('.').replace('/', '-')}"
        if os.environ.get("CONDA_BRIDGE_WRITE_GOLDEN"):
            place.write_text(text)
        assert place.read_text() == text, place.name
    assert len(list(HERE.glob(f"{form}-*"))) == len(found)
