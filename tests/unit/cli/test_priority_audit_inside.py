"""`priority audit --inside`: what sources say of files is held against the files."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from bridge.cli import cli
from tests.support.overlay_sources import add_conda, serving, set_records


def test_a_record_that_adds_a_requirement_is_found_in_the_file(tmp_path: Path) -> None:
    root = tmp_path / "public"
    add_conda(root, "shared", "1.0")
    path = root / "conda" / "noarch" / "repodata.json"
    record = json.loads(path.read_text())["packages.conda"]["shared-1.0-0.conda"]
    set_records(root, {"shared-1.0-0.conda": {**record, "depends": ["evil"]}})
    project = tmp_path / "project"
    project.mkdir()
    with serving(tmp_path) as site:
        (project / "environment.yml").write_text(f"channels: ['{site.address}/public/conda']\ndependencies: [shared]\n")
        found = {}
        for option in ([], ["--inside"]):
            done = CliRunner().invoke(cli, ["priority", "audit", str(project), "--json", *option])
            found[tuple(option)] = [one for one in json.loads(done.stdout)["findings"] if one["rule"] == "DC18"]
    assert found[()] == []
    (finding,) = found["--inside",]
    assert (finding["severity"], finding["evidence"]["name"]) == ("warning", "shared")
    assert "evil" in finding["message"]
