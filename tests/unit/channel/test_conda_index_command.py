"""`conda-bridge index` on a channel: its document, its words and its exit status."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from bridge.cli import main
from tests.support.conda_archives import make_conda

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import MakeWheel


def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: object
) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["conda-bridge", "index", *map(str, arguments)])
    with pytest.raises(SystemExit) as caught:
        main()
    streams = capsys.readouterr()
    return int(caught.value.code or 0), streams.out, streams.err


@pytest.fixture
def channel(tmp_path: Path, make_wheel: MakeWheel) -> Path:
    (tmp_path / "linux-64").mkdir()
    make_conda(tmp_path / "linux-64", index={"flags": ["x"]})
    make_wheel("six")
    make_wheel("odd", headers="Requires-Dist: nobody-knows-this-project\n")
    return tmp_path


def test_the_document_says_what_the_channel_holds(
    channel: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(monkeypatch, capsys, channel, "--json")
    assert (code, err) == (0, "")
    document = json.loads(out)
    assert document["schema"] == "conda-bridge/index/1"
    assert document["projects"] == 2
    assert document["rejected"] == []
    assert document["channel"] == {
        "subdirs": {
            "linux-64": {"packages": 1, "v3": 1, "wheels": 0},
            "noarch": {"packages": 0, "v3": 0, "wheels": 1},
        },
        "losses": [
            {
                "code": "CB250",
                "subject": "odd-1.0-py3-none-any.whl",
                "detail": "no conda package is known for nobody-knows-this-project",
            }
        ],
    }


def test_a_bad_package_is_an_exit_status_of_one_and_the_rest_is_indexed(
    channel: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (channel / "linux-64" / "bad-1.0-0.conda").write_bytes(b"x")
    code, out, err = run(monkeypatch, capsys, channel)
    assert code == 1
    assert "not listed: linux-64/bad-1.0-0.conda: CB101 bad-1.0-0.conda: " in err
    assert "note: CB250 odd-1.0-py3-none-any.whl: no conda package is known" in err
    assert out.splitlines() == [
        f"{channel / 'simple'}: 2 files of 2 projects",
        f"{channel / 'linux-64'}: 1 packages",
        f"{channel / 'noarch'}: 0 packages, 1 wheels",
    ]
    code, out, _ = run(monkeypatch, capsys, channel, "--json")
    assert code == 1
    (rejected,) = json.loads(out)["rejected"]
    assert (rejected["path"], rejected["code"]) == ("linux-64/bad-1.0-0.conda", "CB101")


def test_names_can_be_settled_on_the_command_line(
    channel: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = run(monkeypatch, capsys, channel, "--json", "--same-names", "--jobs", "1")
    assert json.loads(out)["channel"]["losses"] == []
    overlay = channel / "names.yaml"
    overlay.write_text("python:\n  somebody-does: nobody-knows-this-project\n")
    _, out, _ = run(monkeypatch, capsys, channel, "--json", "--overlay", overlay)
    assert json.loads(out)["channel"]["losses"] == []
    records = json.loads((channel / "noarch" / "repodata.json").read_bytes())["v3"]["whl"]
    assert records["odd-1.0-py3_none_any_0"]["depends"] == ['python[version=">=3"]', "somebody-does"]


def test_a_directory_of_wheels_alone_is_no_channel(
    tmp_path: Path, make_wheel: MakeWheel, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_wheel("six")
    code, out, _ = run(monkeypatch, capsys, tmp_path, "--json")
    assert code == 0
    assert "channel" not in json.loads(out)
    assert not (tmp_path / "noarch").exists()
