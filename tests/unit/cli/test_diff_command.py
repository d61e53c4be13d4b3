"""`conda-bridge diff`: documents, streams and exit codes (design, section 5)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bridge.cli import run
from tests.support.conda_archives import File, Link, make_conda
from tests.support.hostile_samples import Sample
from tests.support.sample_packages import noarch_package


def call(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = run(["diff", *map(str, arguments)])
    streams = capsys.readouterr()
    return code, streams.out, streams.err


def pair(tmp_path: Path, **changes: Any) -> tuple[Path, Path]:
    paths = []
    for name, more in (("a", {}), ("b", changes)):
        (tmp_path / name).mkdir()
        paths.append(make_conda(tmp_path / name, **{"files": {"x": b"1"}, **more}))
    return paths[0], paths[1]


def test_equal_artifacts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, other = pair(tmp_path)
    assert call(capsys, one, other) == (0, "equal\n", "")
    code, out, err = call(capsys, one, other, "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == {"schema": "conda-bridge/diff/1", "equal": True, "differences": []}


def test_the_document_is_the_documented_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, other = pair(tmp_path, files={"x": b"1", "y": Link("x")}, index={"timestamp": 5})
    code, out, err = call(capsys, one, other, "--json")
    assert (code, err) == (1, "")
    document = json.loads(out)
    assert list(document) == ["schema", "equal", "differences"]
    assert document["equal"] is False
    assert document["differences"] == [
        {"where": "payload: y", "left": None, "right": "link to x", "matters": True},
        {"where": "index.json: timestamp", "left": None, "right": "5000", "matters": False},
    ]
    assert list(document["differences"][0]) == ["where", "left", "right", "matters"]


def test_what_does_not_matter_leaves_the_exit_code_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, other = pair(tmp_path, index={"timestamp": 5})
    code, out, _ = call(capsys, one, other)
    assert code == 0
    assert out == "does not matter: 1\n  index.json\n    timestamp\n      < -\n      > 5000\nequal\n"


def test_what_matters_comes_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, other = pair(tmp_path, files={"x": File(b"1", mode=0o755)}, index={"timestamp": 5, "license": "MIT"})
    code, out, _ = call(capsys, one, other)
    assert code == 1
    lines = out.splitlines()
    assert lines[0] == "matters: 2"
    assert [line.strip() for line in lines if line.startswith("  ") and not line.startswith("   ")] == [
        "index.json",
        "payload",
        "index.json",
    ]
    assert lines[-1] == "different"


def test_long_lists_are_cut_unless_all_is_wanted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, other = pair(tmp_path, files={"x": b"1", **{f"f{number:03}": b"" for number in range(50)}})
    assert "and 30 more" in call(capsys, one, other)[1]
    assert "f049" in call(capsys, one, other, "--verbose")[1]


def test_artifacts_cannot_steer_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    about = json.dumps({"home": "\x1b[2J\nequal"}).encode()
    one, other = pair(tmp_path, info={"info/about.json": about})
    _, out, _ = call(capsys, one, other)
    assert "\x1b" not in out
    assert "\nequal" not in out
    assert "\\x1b[2J\\nequal" in out


def test_a_conda_package_against_a_wheel(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(capsys, noarch_package(tmp_path), Sample().write(tmp_path))
    assert (code, err) == (1, "")
    assert "payload" in out


@pytest.mark.parametrize("arguments", [(), ("only-one",), ("a", "b", "c"), ("a", "b", "--unknown")])
def test_usage_errors(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(capsys, *arguments)
    assert (code, out) == (2, "")
    assert "Usage" in err


@pytest.mark.parametrize("name", ["missing-1-0.conda", "missing-1-py3-none-any.whl", "bad.txt"])
def test_what_cannot_be_read_has_a_code(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(capsys, Sample().write(tmp_path), tmp_path / name, "--json")
    assert (code, out) == (1, "")
    assert err.startswith("error: CB")
    assert name in err
